"""Architectures from the latent space: under rules, from other priors, with noise, different, new, between two."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from test_most_likely import Own, free_space

from arch2vec.cli import main
from arch2vec.encoder import Encoder
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.models.generation import JointPrior, check_prior, collected, perturbed, without_repeats
from arch2vec.pretraining.generation_quality import distance, rule_generation
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.pretraining.quality import generation, reconstruction
from arch2vec.spaces import get_space
from one_line import error_of

FAST = PretrainConfig(ModelConfig(hidden=32), epochs=3, batch_size=32, learning_rate=3e-3)
SHARP = ModelConfig("arch2vec-no-kl", hidden=32, dropout=0)  # learns to reconstruct sooner
KEYS = {
    "reconstruction",
    "validity",
    "strict_validity",
    "uniqueness",
    "strict_uniqueness",
    "novelty",
    "rules",
    "seconds",
}


@pytest.fixture(scope="module")
def encoders() -> dict[str, Encoder]:
    """A quickly trained encoder of each kind of space."""
    free = free_space(5, 7)
    return {
        "free": pretrain(free, replace(FAST, epochs=6), seed=0),
        "nasbench201": pretrain("nasbench201", replace(FAST, model=SHARP, sample=3000, epochs=9), seed=0),
        "darts": pretrain("darts", replace(FAST, sample=1000, epochs=2), seed=0),
        "own": pretrain(Own(enumerable=True), replace(FAST, epochs=1), seed=0),
    }


@pytest.fixture(scope="module")
def free(encoders: dict[str, Encoder]) -> Encoder:
    return encoders["free"]


def same(first: GraphBatch, second: GraphBatch) -> bool:
    return bool((first.ops == second.ops).all() and (first.adjacency == second.adjacency).all())


@pytest.mark.parametrize("name", ["free", "nasbench201", "darts", "own"])
@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_draws_are_architectures_and_repeat(encoders: dict[str, Encoder], name: str, temperature: float) -> None:
    encoder = encoders[name]
    drawn = encoder.generate(300, np.random.default_rng(1), temperature=temperature)
    assert len(drawn) == 300
    assert encoder.space.is_valid(drawn).all()
    assert same(drawn, encoder.generate(300, np.random.default_rng(1), temperature=temperature))
    assert not same(drawn, encoder.generate(300, np.random.default_rng(2), temperature=temperature))


def test_free_decoding_stays_what_it_was(free: Encoder) -> None:
    points = free.sample_prior(500, np.random.default_rng(0))
    ops, adjacency = free.model.decode(torch.from_numpy(points))
    assert same(free.decode(points), GraphBatch(ops.numpy(), adjacency.numpy()))
    assert same(free.generate(500, np.random.default_rng(0), rules=False), free.decode(points))
    assert not free.space.is_valid(free.decode(points)).all()


def test_rules_keep_what_is_valid_with_all_vertices(encoders: dict[str, Encoder]) -> None:
    """Where free decoding gives an architecture of a space with a fixed number of vertices, rules change nothing."""
    found = 0
    for name in ("nasbench201", "own"):
        encoder = encoders[name]
        points = encoder.sample_prior(1000, np.random.default_rng(0))
        free = encoder.decode(points)
        valid = encoder.space.is_valid(free)
        assert same(free[valid], encoder.decode(points, rules=True)[valid])
        found += int(valid.sum())
    assert found > 10


def test_reconstruction_under_rules(encoders: dict[str, Encoder]) -> None:
    """Knowing the space helps."""
    for name, encoder in encoders.items():
        graphs = encoder.space.sample(50, np.random.default_rng(3))
        freely, ruled = reconstruction(encoder, graphs), reconstruction(encoder, graphs, rules=True)
        assert ruled.graphs >= freely.graphs, name
    everything = encoders["nasbench201"].space.enumerate()
    ruled = reconstruction(encoders["nasbench201"], everything, rules=True)
    assert ruled.graphs > 0.5
    assert ruled.edges == 1


def test_distinct_and_new_ones(free: Encoder) -> None:
    known = fingerprint(free.space.enumerate()[::2])
    rng = np.random.default_rng(0)
    drawn = free.generate(120, rng, temperature=1, distinct=True, known=known)
    prints = fingerprint(drawn)
    assert len(np.unique(prints)) == 120
    assert not np.isin(prints, known).any()
    assert free.space.is_valid(drawn).all()
    with_repeats = free.generate(400, np.random.default_rng(0), known=known)
    assert not np.isin(fingerprint(with_repeats), known).any()
    assert len(np.unique(fingerprint(with_repeats))) < 400


def test_more_different_ones_than_there_are() -> None:
    one = free_space(3, 2).enumerate()
    line = error_of(lambda: collected(lambda n: one[np.zeros(n, dtype=np.intp)], 2, True, None))
    assert "only 1 different" in line and "2 are asked for" in line


def test_noise_draws_from_what_the_decoder_believes() -> None:
    rng = np.random.default_rng(0)
    op_logits = np.tile(np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32)), (20_000, 2, 1))
    edge_logits = np.full((20_000, 2, 2), np.log(0.8 / 0.2), dtype=np.float32)
    noisy_ops, noisy_edges = perturbed(op_logits, edge_logits, 1.0, rng)
    shares = np.bincount(noisy_ops.argmax(axis=2).ravel(), minlength=3) / 40_000
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.015)
    assert (noisy_edges > 0).mean() == pytest.approx(0.8, abs=0.01)
    cold, _ = perturbed(op_logits, edge_logits, 0.1, rng)
    assert (cold.argmax(axis=2) == 0).mean() > 0.95


def test_the_joint_prior_has_the_embeddings_moments(free: Encoder) -> None:
    graphs = free.space.enumerate()
    points = JointPrior(free, graphs).sample(60_000, np.random.default_rng(0))
    # Vertices that only cells of five have tell draws of these, up to their own spread.
    whole = free.encode(graphs[np.flatnonzero(graphs.mask.sum(axis=1) == 5)]).reshape(-1, 5 * 16).astype(np.float64)
    only = JointPrior(free, graphs[np.flatnonzero(graphs.mask.sum(axis=1) == 5)]).sample(
        60_000, np.random.default_rng(1)
    )
    flat = only.reshape(-1, 5 * 16).astype(np.float64)
    spread = whole.std(axis=0)
    assert np.abs(flat.mean(axis=0) - whole.mean(axis=0)) == pytest.approx(0, abs=0.03 * float(spread.max()))
    difference = (np.cov(flat.T) - np.cov(whole.T)) / np.outer(spread + 1e-3, spread + 1e-3)
    assert np.abs(difference).max() < 0.06
    assert points.shape == (60_000, 5, 16)
    assert np.isfinite(points).all()


def test_the_joint_prior_of_few_and_padded_ones(free: Encoder) -> None:
    """One cell of a number of vertices has no spread; vertices that are not there come from the own prior."""
    lone = free.space.parse(["01;00|input,output"])
    points = JointPrior(free, lone).sample(20, np.random.default_rng(0))
    assert np.abs(points[:, :2] - free.encode(lone)[:, :2]).max() < 1e-5
    assert points[:, 2:].std(axis=0).min() > 0
    drawn = free.generate(1, np.random.default_rng(0), prior=JointPrior(free, free.space.enumerate()))
    assert free.space.is_valid(drawn).all()


def test_distances_by_hand() -> None:
    one = GraphBatch.of([[0, 1, 2], [0, 2, PADDING]], [np.eye(3, k=1), np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]])])
    other = GraphBatch.of([[0, 1, 2], [0, 1, 2]], [np.eye(3, k=1), np.triu(np.ones((3, 3)), 1)])
    found = distance(one, other, 3)
    assert found.vertices == pytest.approx(0.5)
    assert found.edges == pytest.approx(0.5)  # one and two edges; two and three
    assert found.operations == pytest.approx((abs(2 / 5 - 1 / 3) + abs(1 / 5 - 1 / 3) + abs(2 / 5 - 1 / 3)) / 2)
    assert distance(one, one, 3).operations == 0


def test_quality_of_draws_is_counted_right(encoders: dict[str, Encoder]) -> None:
    encoder = encoders["nasbench201"]
    cells = encoder.space.enumerate()
    known = fingerprint(cells[:5000])
    found = rule_generation(encoder, cells[:100], cells, known, draws=500, seed=4)
    drawn = encoder.generate(500, np.random.default_rng(4))
    texts = encoder.space.format(drawn)
    assert found.validity == 1
    assert found.uniqueness == len(set(texts)) / 500
    learned = set(encoder.space.format(cells[:5000]))
    assert found.novelty == np.mean([text not in learned for text in texts])
    assert (found.distance.vertices, found.distance.edges) == (0, 0)
    assert generation(encoder, known, draws=500, seed=4).strict_validity < 1


@pytest.mark.parametrize("name", ["free", "nasbench201", "darts", "own"])
def test_interpolation(encoders: dict[str, Encoder], name: str) -> None:
    encoder = encoders[name]
    ends = encoder.space.sample(12, np.random.default_rng(5))
    prints = fingerprint(ends)
    lengths = []
    for a, b in zip(range(0, 12, 2), range(1, 12, 2), strict=True):
        way = encoder.interpolate(ends[a], ends[b], 20)
        assert encoder.space.is_valid(way).all()
        assert same(way[0], ends[a]) and same(way[-1:], ends[b])
        own = fingerprint(way)
        assert (own[0], own[-1]) == (prints[a], prints[b])
        assert (own[1:] != own[:-1]).all()
        assert 2 <= len(way) <= 21
        lengths.append(len(way))
    assert max(lengths) > 2
    assert len(encoder.interpolate(ends[0], ends[1], 1)) == 2
    assert same(encoder.interpolate(ends[0], ends[0]), ends[0])


def test_interpolation_between_cells_of_different_sizes(free: Encoder) -> None:
    small = free.space.parse(["010;001;000|input,a,output"])
    large = free.space.parse(["01100;00110;00011;00001;00000|input,a,b,a,output"])
    way = free.interpolate(small, large, 30)
    counts = way.mask.sum(axis=1)
    assert (counts[0], counts[-1]) == (3, 5)
    assert free.space.is_valid(way).all()


def test_repeats_at_the_end_keep_the_last() -> None:
    cells = free_space(4, 4, operations=1).parse(
        ["01;00|input,output", "0110;0001;0001;0000|input,a,a,output", "0110;0001;0001;0000|input,a,a,output"]
    )
    assert len(without_repeats(cells)) == 2
    assert len(without_repeats(cells[[0, 0, 0]])) == 1
    assert without_repeats(cells[[0, 1, 0]]).mask.sum(axis=1).tolist() == [2, 4, 2]


def test_bad_input(encoders: dict[str, Encoder]) -> None:
    encoder = encoders["nasbench201"]
    cells, rng = encoder.space.enumerate(), np.random.default_rng(0)
    points = encoder.encode(cells[:2])
    for temperature in (-1.0, np.nan, np.inf):
        assert "temperature" in error_of(partial(encoder.decode, points, rules=True, temperature=temperature, rng=rng))
    assert "generator" in error_of(lambda: encoder.decode(points, rules=True, temperature=1))
    assert "under rules" in error_of(lambda: encoder.decode(points, temperature=1, rng=rng))
    points[1, 3, 2] = np.nan
    assert "finite" in error_of(lambda: encoder.decode(points, rules=True))
    assert "at least 1" in error_of(lambda: encoder.generate(0, rng))
    assert "at least 1 step" in error_of(lambda: encoder.interpolate(cells[0], cells[1], 0))
    assert "one of 2" in error_of(lambda: encoder.interpolate(cells[:2], cells[0]))
    broken = GraphBatch(cells.ops[:1], cells.adjacency[:1] & False)
    assert "no architecture" in error_of(lambda: encoder.interpolate(cells[0], broken))
    assert "joint" in error_of(lambda: check_prior("jiont"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    arguments = ["pretrain", "nasbench201", "--sample", "3000", "--epochs", "2", "--out", str(folder)]
    assert main(arguments) == 0
    return folder


def test_the_command(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = get_space("nasbench201")
    capsys.readouterr()
    assert main(["generate", str(run), "-n", "30", "--seed", "7"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 30
    assert len(space.parse(lines)) == 30
    out = tmp_path / "deep" / "cells.txt"
    command = ["generate", str(run), "-n", "30", "--seed", "7", "--json", "--out", str(out)]
    assert main(command) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"architectures", "distinct", "seconds", "file"}
    assert answer["architectures"] == lines == out.read_text().splitlines()
    assert answer["distinct"] == len(set(lines))
    assert main([*command[:-3], "--distinct", "--new", "--temperature", "1", "--prior", "joint", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["distinct"] == len(set(answer["architectures"])) == 30
    assert answer["file"] is None
    assert main(["generate", str(run), "--between", lines[0], lines[1], "--steps", "15", "--json"]) == 0
    way = json.loads(capsys.readouterr().out)["architectures"]
    assert (way[0], way[-1]) == (lines[0], lines[1])
    assert len(space.parse(way)) == len(way)


def test_evaluate_reports_rules_beside_what_it_did(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["evaluate", str(run), "--draws", "500", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == KEYS
    rules = answer["rules"]
    assert set(rules) == {"validity", "uniqueness", "novelty", "distance", "reconstruction"}
    assert rules["validity"] == 1 > answer["strict_validity"]
    assert rules["reconstruction"]["graphs"] >= answer["reconstruction"]["graphs"]
    assert main(["evaluate", str(run), "--draws", "500", "--prior", "joint", "--temperature", "1", "--json"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["strict_validity"] == answer["strict_validity"]
    assert other["rules"]["uniqueness"] != rules["uniqueness"]
    assert main(["evaluate", str(run), "--draws", "50"]) == 0
    assert "under rules: validity" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("-n", "0"), "at least 1"),
        (("--temperature", "-1"), "temperature"),
        (("--temperature", "nan"), "temperature"),
        (("--prior", "other"), "independent, joint"),
        (("--steps", "3"), "--between"),
        (("--between", "x", "y"), "not a nasbench201 architecture"),
        (("--between", "x", "y", "-n", "3"), "-n is for draws"),
        (("--between", "x", "y", "--distinct"), "--distinct is for draws"),
        (("--between", "x", "y", "--prior", "joint"), "--prior is for draws"),
        (("-n", "15626", "--distinct"), "15,625 architectures"),
        (("--between", "x"), "expected 2 arguments"),
    ],
)
def test_complaints(run: Path, arguments: tuple[str, ...], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["generate", str(run), *arguments])
    except SystemExit as stop:
        code = int(str(stop.code))
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert part in captured.err
