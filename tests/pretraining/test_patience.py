"""Pre-training that goes on until it is good, what is said when it is not, and runs that get more epochs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.cli import main
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining import patience, recipe
from arch2vec.pretraining.patience import PATIENCE, advice, goes_on
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.pretraining.recipe import continued, default_config, short_config
from arch2vec.spaces import get_space

CHAIN = """\
name: chain4
carries: vertices
operations: [relu, tanh, skip]
vertices: 6
edges: [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]
"""
SMALL = ModelConfig(hidden=16, layers=2, latent=4)


def record(graphs: float, operations: float = 0.5) -> dict[str, Any]:
    return {"reconstruction": {"graphs": graphs, "operations": operations, "edges": 1.0}}


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(1, 10), st.integers(0, 50))
def test_when_there_is_another_epoch(shares: list[float], epochs: int, further: int) -> None:
    history = [record(share) for share in shares]
    another = goes_on(history, epochs, further)
    if len(history) < epochs:
        assert another
    elif len(history) >= epochs + further or shares[-1] >= 0.9:
        assert not another
    else:
        assert another == (max(shares[-PATIENCE:]) > max(shares[:-PATIENCE], default=-1.0))


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    (tmp_path / "chain.yaml").write_text(CHAIN)
    return tmp_path / "chain.yaml"


def test_a_finished_run_gets_more_epochs_and_ends_like_one_go(chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    config = PretrainConfig(model=SMALL, epochs=2)
    first = pretrain(space, config, out=tmp_path / "run")
    assert first.training["last_epoch"]["epoch"] == 2
    longer = PretrainConfig(model=SMALL, epochs=5)
    again, whole = pretrain(space, longer, out=tmp_path / "run"), pretrain(space, longer)
    graphs = space.enumerate()
    np.testing.assert_array_equal(again.vectors(graphs), whole.vectors(graphs))
    assert json.loads((tmp_path / "run/config.json").read_text())["epochs"] == 5
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == 5
    np.testing.assert_array_equal(Encoder.load(tmp_path / "run").vectors(graphs), whole.vectors(graphs))
    for other in (PretrainConfig(model=SMALL, epochs=4), PretrainConfig(model=SMALL, epochs=6, seed=1)):
        with pytest.raises(InputError, match="choose another output folder"):
            pretrain(space, other, out=tmp_path / "run")


@pytest.mark.parametrize("name", ["encoder.safetensors", "checkpoint.safetensors"])
def test_files_of_another_run_are_not_mixed_in(name: str, chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    for seed in (0, 1):
        pretrain(space, PretrainConfig(model=SMALL, epochs=1, seed=seed), out=tmp_path / str(seed))
    shutil.copy(tmp_path / "1" / name, tmp_path / "0" / name)
    with pytest.raises(InputError, match=f"{name} is of another run, with seed 1, not 0"):
        pretrain(space, PretrainConfig(model=SMALL, epochs=2), out=tmp_path / "0")


def test_a_schedule_has_an_end(chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    pretrain(space, PretrainConfig(model=SMALL, epochs=2, schedule="cosine"), out=tmp_path / "run")
    with pytest.raises(InputError, match="has come down to 0 in its 2 epochs"):
        pretrain(space, PretrainConfig(model=SMALL, epochs=3, schedule="cosine"), out=tmp_path / "run")
    assert json.loads((tmp_path / "run/config.json").read_text())["epochs"] == 2
    with pytest.raises(InputError, match="no end for epochs to come after"):
        PretrainConfig(after=1)


def test_epochs_after_a_schedule(chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    config = PretrainConfig(model=SMALL, epochs=2, schedule="cosine", kl_warmup=0.5)
    later = PretrainConfig(model=SMALL, epochs=2, schedule="cosine", kl_warmup=0.5, after=3)
    assert pretrain(space, config, out=tmp_path / "run").training["last_epoch"]["epoch"] == 2
    longer = pretrain(space, later, out=tmp_path / "run")
    once = pretrain(space, later)
    assert longer.training["last_epoch"]["epoch"] == 5
    assert np.array_equal(longer.prior, once.prior)
    assert json.loads((tmp_path / "run/config.json").read_text())["after"] == 3
    with pytest.raises(InputError, match="holds a run with after 3, not 0"):
        pretrain(space, config, out=tmp_path / "run")


def test_a_space_of_ones_own_is_learned_by_the_short_recipe_and_goes_on(
    chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "_STEPS", 60)
    monkeypatch.setattr(patience, "GOOD", 0.0)
    command = ["pretrain", str(chain), "--out", str(tmp_path / "run")]
    assert main(command) == 0
    record = json.loads((tmp_path / "run/config.json").read_text())
    expected = {"schedule": "cosine", "kl_warmup": 0.5, "batch_size": 8, "epochs": 6, "further": 90, "after": 0}
    assert {name: record[name] for name in expected} == expected
    assert main([*command, "--epochs", "8"]) == 0
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == 8
    assert json.loads((tmp_path / "run/config.json").read_text())["after"] == 2
    assert main([*command, "--epochs", "8"]) == 0


@pytest.mark.slow
def test_the_short_recipe_learns_what_the_papers_setting_leaves(tmp_path: Path) -> None:
    """Twelve operations at eighteen places, nothing that the recipe was made for."""
    (tmp_path / "long.yaml").write_text(
        f"name: long\ncarries: vertices\noperations: [{', '.join('abcdefghijkl')}]\nvertices: 20\n"
        f"edges: {[[at, at + 1] for at in range(19)]}\n"
    )
    space = get_space(str(tmp_path / "long.yaml"))
    short = pretrain(space, default_config(space, sample=6_000)).training["last_epoch"]
    papers = pretrain(space, PretrainConfig(sample=6_000)).training["last_epoch"]
    assert short["reconstruction"]["graphs"] > 0.9 > 0.3 > papers["reconstruction"]["graphs"]


@pytest.mark.parametrize(
    ("said", "epochs", "batch_size"),
    [({}, 4, 64), ({"sample": 600_000}, 4, 64), ({"sample": 100}, 67, 8), ({"epochs": 7, "batch_size": 16}, 7, 16)],
)
def test_few_architectures_take_more_epochs(said: dict[str, Any], epochs: int, batch_size: int) -> None:
    config = short_config(get_space("nasbench201"), **said)
    assert (config.epochs, config.batch_size) == (epochs, batch_size)


def test_the_papers_spaces_are_learned_by_its_setting(chain: Path) -> None:
    assert default_config(get_space("nasbench101")) == PretrainConfig(further=90)
    own = get_space(str(chain))
    assert default_config(own, epochs=3) == PretrainConfig(epochs=3)
    assert default_config(own, protocol="paper") == PretrainConfig()
    assert default_config(own, learning_rate=0.1).schedule == "constant"
    assert default_config(own, seed=3).schedule == "cosine"
    assert short_config(own, schedule="constant").kl_warmup == 0


@pytest.mark.parametrize("wrong", [{"after": "x"}, {"learning_rate": []}, {"protocol": ["paper"]}, {"eps": None}])
def test_a_damaged_record_is_no_recipe(wrong: dict[str, Any]) -> None:
    record = {"schedule": "cosine", "epochs": 4, "learning_rate": 0.01, **wrong}
    assert continued(record, {"epochs": 9}) == {"epochs": 9}


def test_edges_have_a_bias_where_wiring_is_free_in_a_space_of_ones_own(chain: Path, tmp_path: Path) -> None:
    (tmp_path / "free.yaml").write_text(
        "name: free\ncarries: vertices\noperations: [a, b]\nvertices: 12\nmax_edges: 14\n"
    )
    free = get_space(str(tmp_path / "free.yaml"))
    config = default_config(free, sample=200)
    assert config.model.edge_bias and not default_config(get_space(str(chain))).model.edge_bias
    assert not short_config(get_space("nasbench101")).model.edge_bias
    few = short_config(free, epochs=1, sample=200, model=SMALL)
    trained = pretrain(free, few, out=tmp_path / "run")
    bias = trained.model.decoder.edge_bias
    assert bias is not None and bias.item() < 0
    loaded = Encoder.load(tmp_path / "run")
    some = free.sample(20, np.random.default_rng(0))
    points = trained.encode(some)
    assert np.array_equal(loaded.decode(points).adjacency, trained.decode(points).adjacency)


def test_further_epochs_end_when_it_is_good_and_resume_exactly(chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    config = PretrainConfig(model=SMALL, epochs=1, further=8)
    whole = pretrain(space, config, out=tmp_path / "whole")
    lines = (tmp_path / "whole/metrics.jsonl").read_text().splitlines()
    history = [json.loads(line) for line in lines]
    assert 3 < len(history) <= 9
    assert [goes_on(history[:done], 1, 8) for done in range(len(history) + 1)] == [True] * len(history) + [False]
    assert pretrain(space, config, out=tmp_path / "whole").training["last_epoch"] == whole.training["last_epoch"]
    # Stopped after three epochs, and gone on with.
    stopped = tmp_path / "stopped"

    class StoppedError(Exception):
        pass

    def stop(at: Any) -> None:
        if at.epoch == 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        pretrain(space, config, out=stopped, progress=stop)
    again = pretrain(space, config, out=stopped)
    np.testing.assert_array_equal(again.vectors(space.enumerate()), whole.vectors(space.enumerate()))


def test_the_papers_setting_is_as_it_was(chain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert PretrainConfig().further == 0
    assert main(["pretrain", str(chain), "--protocol", "paper", "--out", str(tmp_path / "paper")]) == 0
    assert "reconstruction is not good" in capsys.readouterr().err
    assert len((tmp_path / "paper/metrics.jsonl").read_text().splitlines()) == 10


def test_what_is_said_when_it_is_not_good(
    chain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(tmp_path / "run")
    assert main(["pretrain", str(chain), "--epochs", "2", "--out", run]) == 0
    line = next(line for line in capsys.readouterr().err.splitlines() if "not good" in line)
    assert "--epochs 12 goes on from here" in line
    # Where nobody says how long, it goes on with that run.
    monkeypatch.setattr(patience, "GOOD", 0.0)
    assert main(["pretrain", str(chain), "--out", run]) == 0
    assert "not good" not in capsys.readouterr().err
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == 10
    assert json.loads((tmp_path / "run/config.json").read_text())["further"] == patience.FURTHER
    monkeypatch.undo()
    assert advice(record(0.95), 10, sampled=False) is None
    assert "a larger --sample" in str(advice(record(0.2), None, sampled=True))


def test_edges_that_are_given_are_not_decoded(chain: Path, tmp_path: Path) -> None:
    space = get_space(str(chain))
    encoder = pretrain(space, PretrainConfig(model=SMALL, epochs=1))
    assert encoder.training["last_epoch"]["reconstruction"]["edges"] == 1
    decoded = encoder.decode(encoder.sample_prior(20, np.random.default_rng(0)))
    assert (decoded.adjacency == space.enumerate().adjacency[0]).all()
    assert get_space("nasbench201").given_edges is None
