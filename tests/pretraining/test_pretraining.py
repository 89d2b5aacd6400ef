from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.models.adam import FlatAdam
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.pretrain import PretrainConfig, PretrainingProgress, config_of, pretrain, prior_of, split
from arch2vec.pretraining.quality import generation, reconstruction
from arch2vec.pretraining.settings import default_activation
from arch2vec.spaces import NASBench201

SPACE = NASBench201()
GRAPHS = SPACE.enumerate()[:600]
CONFIG = PretrainConfig(model=ModelConfig(hidden=32), epochs=3, seed=4)


def train(out: Path | None = None, config: PretrainConfig = CONFIG, **options: Any) -> Encoder:
    return pretrain(SPACE, config, graphs=GRAPHS, out=out, **options)


def weights(encoder: Encoder) -> torch.Tensor:
    return torch.cat([tensor.double().flatten() for tensor in encoder.model.state_dict().values()])


class InterruptedRunError(Exception):
    pass


@pytest.mark.parametrize(
    ("name", "protocol", "epoch"),
    [
        ("arch2vec", "cosine", 2),
        pytest.param("arch2vec", "paper", 1, marks=pytest.mark.slow),
        ("arch2vec", "paper", 2),
        ("arch2vec", "release", 2),
        pytest.param("arch2vec-no-kl", "paper", 2, marks=pytest.mark.slow),
        pytest.param("gae", "paper", 2, marks=pytest.mark.slow),
        ("vgae", "paper", 2),
    ],
)
def test_resumed_training_ends_bit_for_bit_the_same(tmp_path: Path, name: str, protocol: str, epoch: int) -> None:
    config = replace(CONFIG, model=ModelConfig(name, hidden=32))
    changes: dict[str, Any] = {"schedule": "cosine"} if protocol == "cosine" else {"protocol": protocol}
    config = replace(config, **changes)
    whole = train(tmp_path / "whole", config)

    def interrupt(at: PretrainingProgress) -> None:
        if at.epoch == epoch:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        train(tmp_path / "cut", config, progress=interrupt)
    resumed = train(tmp_path / "cut", config)
    assert torch.equal(weights(whole), weights(resumed))
    assert np.array_equal(whole.prior, resumed.prior)
    assert torch.equal(weights(whole), weights(train(None, config)))
    lines = [(tmp_path / run / "metrics.jsonl").read_text().splitlines() for run in ("whole", "cut")]
    records = [[json.loads(line) for line in run] for run in lines]
    assert [record["epoch"] for record in records[1]] == [1, 2, 3]
    for first, second in zip(*records, strict=True):
        assert first["loss"] == second["loss"]


def test_seeds_and_the_global_generator() -> None:
    before = torch.get_rng_state()
    first = train()
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(99)
    assert torch.equal(weights(first), weights(train()))
    assert not torch.equal(weights(first), weights(train(seed=5)))


def test_loss_falls_and_training_mode_follows_the_protocol() -> None:
    config = replace(CONFIG, epochs=2)
    running = {}
    for protocol in ("paper", "release"):
        short = train(None, replace(config, epochs=1, protocol=protocol))
        longer = train(None, replace(config, protocol=protocol))
        assert longer.training["last_epoch"]["loss"] < short.training["last_epoch"]["loss"]
        name = "encoder.layers.0.norm1.running_mean"
        running[protocol] = torch.equal(short.model.state_dict()[name], longer.model.state_dict()[name])
    # The release freezes batch-norm statistics after its first epoch.
    assert running == {"paper": False, "release": True}


def test_the_cosine_schedule_goes_from_the_learning_rate_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[float] = []
    original = FlatAdam.step

    def step(self: FlatAdam, gradient: torch.Tensor, learning_rate: float) -> None:
        used.append(learning_rate)
        original(self, gradient, learning_rate)

    monkeypatch.setattr(FlatAdam, "step", step)
    train(None, replace(CONFIG, epochs=2, schedule="cosine", learning_rate=3e-3))
    steps = len(used)
    assert steps == 2 * -(-540 // 32)
    assert used[0] == 3e-3
    assert used[steps // 2] == pytest.approx(1.5e-3)
    assert np.allclose(used, 3e-3 * np.cos(np.pi / 2 * np.arange(steps) / steps) ** 2)


@pytest.mark.parametrize(
    ("protocol", "operations", "activation"),
    [("paper", 7, "sigmoid"), ("paper", 11, "softmax"), ("release", 11, "sigmoid")],
)
def test_the_activation_follows_the_protocol_and_the_vocabulary(
    protocol: str, operations: int, activation: str
) -> None:
    assert default_activation(protocol, operations) == activation


def test_a_run_records_the_activation_it_was_trained_with(tmp_path: Path) -> None:
    encoder = train(tmp_path, replace(CONFIG, epochs=1))
    assert config_of(encoder).activation == "sigmoid"
    again = train(tmp_path, replace(CONFIG, epochs=1, activation="sigmoid"))
    assert torch.equal(weights(encoder), weights(again))
    with pytest.raises(InputError, match="activation"):
        train(tmp_path, replace(CONFIG, epochs=1, activation="softmax"))


def test_split_is_a_partition() -> None:
    training, held_out = split(SPACE.enumerate(), CONFIG)
    rows = np.concatenate([training.ops, held_out.ops])
    assert len(held_out) == 1562
    assert len(np.unique(rows, axis=0)) == SPACE.size


def test_prior_is_the_mean_and_deviation_of_the_training_embedding() -> None:
    encoder = train()
    training, _ = split(GRAPHS, CONFIG)
    means = encoder.encode(training)
    assert np.allclose(encoder.prior[0], means.mean(0), atol=1e-5)
    assert np.allclose(encoder.prior[1], means.std(0, ddof=1), atol=1e-5)
    assert np.array_equal(prior_of(encoder, training), encoder.prior)
    draws = encoder.sample_prior(20_000, np.random.default_rng(0))
    assert np.allclose(draws.mean(0), encoder.prior[0], atol=0.05)
    assert np.allclose(draws.std(0), encoder.prior[1], rtol=0.05)


def test_vectors_pool_the_vertices() -> None:
    paper, release = train(), train(config=replace(CONFIG, protocol="release"))
    assert np.allclose(paper.vectors(GRAPHS), paper.encode(GRAPHS).sum(1), atol=1e-5)
    assert np.allclose(release.vectors(GRAPHS), release.encode(GRAPHS).mean(1), atol=1e-5)
    # One graph at a time gives what the batch gives.
    assert np.allclose(paper.vectors(GRAPHS[17])[0], paper.vectors(GRAPHS)[17], atol=1e-5)


def test_metrics_against_counting_by_hand() -> None:
    encoder = train()
    held_out = GRAPHS[:50]
    decoded = encoder.decode(encoder.encode(held_out))
    right = sum(
        bool((decoded.ops[n] == held_out.ops[n]).all() and (decoded.adjacency[n] == held_out.adjacency[n]).all())
        for n in range(50)
    )
    edges = sum(
        decoded.adjacency[n, i, j] == held_out.adjacency[n, i, j]
        for n in range(50)
        for i in range(8)
        for j in range(i + 1, 8)
    )
    found = reconstruction(encoder, held_out)
    assert found.graphs == right / 50
    assert found.operations == pytest.approx((decoded.ops == held_out.ops).mean())
    assert found.edges == pytest.approx(edges / (50 * 28))

    training, _ = split(GRAPHS, CONFIG)
    draws = encoder.decode(encoder.sample_prior(2000, np.random.default_rng(3)))
    known = {row.tobytes() for row in training.ops}
    valid = [n for n in range(2000) if SPACE.is_valid_as_released(draws[n])[0]]
    strict = [n for n in range(2000) if SPACE.is_valid(draws[n])[0]]
    found_generation = generation(encoder, fingerprint(training), draws=2000, seed=3)
    assert found_generation.validity == len(valid) / 2000
    assert found_generation.strict_validity == len(strict) / 2000
    distinct = {draws.ops[n].tobytes() + draws.adjacency[n].tobytes() for n in valid}
    # Cells of this space have no symmetries but for graphs that are no cells, so this is nearly exact.
    assert found_generation.uniqueness == pytest.approx(len(distinct) / max(1, len(valid)), abs=0.02)
    new = [n for n in strict if draws.ops[n].tobytes() not in known]
    assert found_generation.novelty == pytest.approx(len(new) / max(1, len(strict)))


def test_an_encoder_round_trips_through_its_file(tmp_path: Path) -> None:
    encoder = train()
    encoder.save(tmp_path / "encoder.safetensors")
    loaded = Encoder.load(tmp_path / "encoder.safetensors")
    assert np.array_equal(loaded.vectors(GRAPHS), encoder.vectors(GRAPHS))
    assert config_of(loaded) == replace(CONFIG, activation="sigmoid")
    embedding = loaded.embed(GRAPHS)
    for name in ("embedding.safetensors", "embedding.parquet"):
        embedding.save(tmp_path / name)
        again = Embedding.load(tmp_path / name)
        assert np.array_equal(again.vectors, embedding.vectors)
        assert again.architectures == embedding.architectures


def test_nearest_against_sorting_everything() -> None:
    embedding = train().embed(GRAPHS)
    point = np.full(16, 0.1, dtype=np.float32)
    rows, distances = embedding.nearest(point, 7)
    everything = np.linalg.norm(embedding.vectors - point, axis=1)
    assert rows.tolist() == np.argsort(everything, kind="stable")[:7].tolist()
    assert np.allclose(distances, np.sort(everything)[:7])
    assert embedding.nearest(embedding.vectors[31], 1)[0].tolist() == [31]
    for wrong in (0, 601):
        with pytest.raises(InputError, match="k must be"):
            embedding.nearest(point, wrong)


class Exploit:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploited"),))


def test_damaged_runs_get_one_line_and_run_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good = tmp_path / "good"
    train(good)
    for damage in ("truncated", "pickle", "other space", "other shape"):
        run = tmp_path / damage.replace(" ", "-")
        shutil.copytree(good, run)
        (run / "encoder.safetensors").unlink()
        checkpoint = run / "checkpoint.safetensors"
        content = checkpoint.read_bytes()
        if damage == "truncated":
            checkpoint.write_bytes(content[: len(content) // 2])
        elif damage == "pickle":
            checkpoint.write_bytes(pickle.dumps(Exploit()))
        elif damage == "other space":
            checkpoint.write_bytes(content.replace(b'"nasbench201"', b'"nasbench301"'))
        else:
            other = replace(CONFIG, model=ModelConfig(hidden=16))
            pretrain(SPACE, other, graphs=GRAPHS, out=tmp_path / "narrow")
            shutil.copy(tmp_path / "narrow" / "checkpoint.safetensors", checkpoint)
        with pytest.raises(InputError) as caught:
            train(run)
        assert "\n" not in str(caught.value)
        assert "checkpoint.safetensors" in str(caught.value)
    assert not Path("exploited").exists()
    (good / "encoder.safetensors").write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(InputError, match=r"encoder\.safetensors"):
        train(good)


def test_a_folder_belongs_to_one_run(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(InputError, match="a run with epochs 3, not 2"):
        train(tmp_path, replace(CONFIG, epochs=2))


def test_output_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to the output folder"):
        train(tmp_path / "file")


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "mine"},
        {"schedule": "linear"},
        {"epochs": 0},
        {"batch_size": 0},
        {"threads": 0},
        {"learning_rate": -1.0},
        {"held_out": 1.0},
        {"seed": -1},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        PretrainConfig(**wrong)


def test_graphs_of_another_space_are_refused() -> None:
    broken = GraphBatch(GRAPHS.ops.copy(), np.zeros_like(GRAPHS.adjacency))
    with pytest.raises(InputError, match="no architecture of nasbench201"):
        pretrain(SPACE, CONFIG, graphs=broken)
