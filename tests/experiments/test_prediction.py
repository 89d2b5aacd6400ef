"""Prediction from few labels: scores, predictors, and the experiment end to end."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.cli import main
from arch2vec.encoder import Encoder
from arch2vec.experiments.prediction import KEY, Settings, run_prediction
from arch2vec.experiments.prediction_inputs import TARGETS, PretrainedSource, choose_targets, columns_of, sources_of
from arch2vec.experiments.prediction_table import PUBLISHED, tabulate, to_markdown, to_rows
from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.representations.discrete import adjacency_one_hot
from arch2vec.spaces import DARTS, DARTSPair, NASBench201, SearchSpace
from arch2vec.surrogates.predictors import PREDICTORS, gaussian_process, score
from one_line import error_of


def untrained(space: SearchSpace, seed: int = 0) -> Encoder:
    """An encoder with random weights: a representation all the same."""
    config = ModelConfig()
    model = GraphAutoencoder(config, space.num_operations, torch.Generator().manual_seed(seed))
    prior = np.zeros((2, space.num_vertices, config.latent), dtype=np.float32)
    return Encoder(space, model, config, "sum", prior, {})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    untrained(NASBench201()).save(tmp_path / "run" / "encoder.safetensors")
    return tmp_path / "run"


def experiment(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    assert main(["experiment", "prediction", *map(str, arguments), "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return rows


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["experiment", "prediction", *map(str, arguments)]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


numbers = st.lists(st.integers(-4, 4), min_size=12, max_size=12)


@settings(deadline=None)
@given(predicted=numbers, actual=numbers)
def test_scores_by_their_definitions(predicted: list[int], actual: list[int]) -> None:
    p, a = np.array(predicted, dtype=np.float64), np.array(actual, dtype=np.float64)
    found = score(p, a)
    assert found["rmse"] == pytest.approx(sum((x - y) ** 2 for x, y in zip(p, a, strict=True)) ** 0.5 / 12**0.5)
    if len(set(actual)) > 1 and len(set(predicted)) > 1:
        signs = [(np.sign(p[i] - p[j]), np.sign(a[i] - a[j])) for i, j in itertools.combinations(range(12), 2)]
        agreement = sum(x * y for x, y in signs)
        untied = np.prod([sum(sign[side] != 0 for sign in signs) for side in (0, 1)])
        assert found["tau"] == pytest.approx(agreement / untied**0.5)
        first, second = (pd.Series(values).rank().to_numpy() for values in (p, a))
        assert found["rho"] == pytest.approx(np.corrcoef(first, second)[0, 1])
        assert found["pearson"] == pytest.approx(np.corrcoef(p, a)[0, 1])


def test_scores_where_there_is_nothing_to_correlate() -> None:
    constant, varied = np.ones(5), np.arange(5.0)
    assert score(constant, varied)["tau"] == score(constant, varied)["pearson"] == 0
    assert np.isnan(score(varied, constant)["rho"])
    assert np.isnan(list(score(varied[:0], varied[:0]).values())).all()
    assert "must be as many" in error_of(lambda: score(varied, varied[:3]))


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictors_learn_and_repeat(name: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = 90 + 2 * np.sin(X[:, 0]) + X[:, 1]
    first = PREDICTORS[name](X[:200], y[:200], X[200:], 1, (("one", 3),))
    np.testing.assert_array_equal(first, PREDICTORS[name](X[:200], y[:200], X[200:], 1, (("one", 3),)))
    assert score(first, y[200:])["tau"] > 0.75


def test_experiment_is_plain_prediction(shared_data: Path, tmp_path: Path) -> None:
    """A row of the experiment, made again from the table with pandas."""
    encoder, chosen = untrained(NASBench201()), {"nasbench201-cifar100": TARGETS["nasbench201-cifar100"]}
    settings = Settings(labels=[20, 60], seeds=[3, 4], encodings=["adjacency"], test_points=400)
    frame = run_prediction(chosen, sources_of([("run", encoder)]), settings, tmp_path)
    assert len(frame) == 2 * 2 * 2
    table = pd.read_parquet(shared_data / "nasbench201.parquet", columns=["arch_str", "c100_test_200"])
    graphs, values = encoder.space.parse(table["arch_str"].tolist()), table["c100_test_200"].to_numpy()
    order = np.random.default_rng(4).permutation(len(table))
    labelled, tested = order[:60], order[-400:]
    for encoding, vectors in (
        ("arch2vec", encoder.vectors(graphs)),
        ("adjacency", adjacency_one_hot(graphs, encoder.space)),
    ):
        predicted = gaussian_process(vectors[labelled], values[labelled], vectors[tested], 0, ())
        expected = score(predicted, values[tested])
        row = frame[(frame.encoding == encoding) & (frame.seed == 4) & (frame.labels == 60)].iloc[0]
        assert row["test_points"] == 400
        for name in ("tau", "rmse"):
            assert row[name] == pytest.approx(expected[name], rel=1e-4)


def test_command(
    shared_data: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    out = tmp_path / "out"
    base = [run, "--out", out, "--test-points", 200, "--objectives", "nasbench201-cifar10"]
    rows = experiment(capsys, *base, "--labels", "8,24", "--seeds", 2, "--encodings", "adjacency,path-short")
    assert {(row["encoding"], row["predictor"], row["labels"], row["seeds"]) for row in rows} == {
        (encoding, "gp", labels, 2) for encoding in ("arch2vec", "adjacency", "path-short") for labels in (8, 24)
    }
    expected = {"objective", "tau_mean", "tau_std", "rho_mean", "pearson_mean", "rmse_mean", "published"}
    assert expected <= set(rows[0])
    written = pd.read_parquet(out / "table.parquet")
    assert written["tau_mean"].tolist() == [row["tau_mean"] for row in rows]
    assert "| arch2vec | gp | 24 | 2 |" in (out / "table.md").read_text()

    # More seeds, a learned encoding and another predictor add rows; those that are there are not made again.
    before = pd.read_parquet(out / "runs.parquet")
    more = experiment(
        capsys, *base, "--labels", 8, "--seeds", 3, "--encodings", "supervised", "--predictors", "gp,forest"
    )
    after = pd.read_parquet(out / "runs.parquet")
    kept = after.merge(before[list(KEY)], on=list(KEY))
    pd.testing.assert_frame_equal(kept[before.columns], before)
    assert len(after) == len(before) + 1 + 3 + 3 * 3
    assert {(row["encoding"], row["predictor"]) for row in more} == {
        *itertools.product(("arch2vec", "supervised"), ("gp", "forest")),
        ("supervised", "network"),
    }

    # All of it at once gives the same rows.
    again = experiment(
        capsys, run, "--out", tmp_path / "again", *base[3:], "--labels", "8,24", "--seeds", 2,
        "--encodings", "adjacency,path-short",
    )  # fmt: skip
    for first, second in zip(rows, again, strict=True):
        assert {k: v for k, v in first.items() if "seconds" not in k} == {
            k: v for k, v in second.items() if "seconds" not in k
        }


def test_input_that_is_refused(
    shared_data: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    base = [run, "--out", tmp_path / "out"]
    assert "unknown encoding 'paths'" in complaint(capsys, *base, "--encodings", "paths")
    assert "unknown predictor 'svm'" in complaint(capsys, *base, "--predictors", "svm")
    assert "unknown objective 'cifar10'" in complaint(capsys, *base, "--objectives", "cifar10")
    assert "numbers separated by commas" in complaint(capsys, *base, "--labels", "16,many")
    assert "too few for 15,624 labels" in complaint(capsys, *base, "--labels", "15624")
    assert "at least 2" in complaint(capsys, *base, "--labels", "1")
    assert "--seeds" in complaint(capsys, *base, "--seeds", "0")
    assert "same encoder" in complaint(capsys, run, *base)
    assert "no run in" in complaint(capsys, tmp_path / "nowhere", "--out", tmp_path / "out")
    small = ["--labels", "4", "--seeds", "1", "--encodings", "none", "--objectives", "nasbench201-cifar10"]
    experiment(capsys, *base, *small, "--test-points", 50)
    assert "test_points" in complaint(capsys, *base, *small, "--test-points", 60)


def test_one_darts_cell_encodes_a_pair(tmp_path: Path) -> None:
    encoder, pairs = untrained(DARTS()), DARTSPair()
    source = sources_of([("run", encoder)])[0]
    graphs = pairs.sample(5, np.random.default_rng(0))
    normal, reduce = pairs.split(graphs)
    vectors = source.vectors(graphs, pairs)
    np.testing.assert_array_equal(vectors, np.concatenate([encoder.vectors(normal), encoder.vectors(reduce)], axis=1))
    assert source.fits(pairs) and source.fits(DARTS()) and not source.fits(NASBench201())
    assert list(choose_targets(None, [source])) == ["nasbench301-surrogate"]
    own = sources_of([("run", untrained(pairs))])[0]
    assert own.fits(pairs) and own.vectors(graphs, pairs).shape == (5, 16)


def test_columns_of_all_benchmarks(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    found = columns_of(TARGETS.values())
    for name, space, rows, best in (
        ("nasbench101", "nasbench101", 423_624, 94.3176),
        ("nasbench201-cifar10", "nasbench201", 15_625, 94.3733),
        ("nasbench201-cifar100", "nasbench201", 15_625, 73.5133),
        ("nasbench201-imagenet16-120", "nasbench201", 15_625, 47.3111),
        ("nasbench301-surrogate", "darts_pair", 10_000, None),
    ):
        columns = found[TARGETS[name]]
        values = columns.values(TARGETS[name])
        assert (columns.space.name, len(columns), values.shape) == (space, rows, (rows,))
        assert columns.space.is_valid(columns.graphs(np.array([5, 0, 77]))).all()
        if best is not None:
            assert values.max() == pytest.approx(best, abs=1e-4)
    # The restricted objective has the same cells without those that failed, each with its own value.
    every, some = (found[TARGETS[name]] for name in ("nasbench101", "nasbench101-above80"))
    values, kept = (columns.values(TARGETS["nasbench101"]) for columns in (every, some))
    above = np.flatnonzero(values > 80)
    np.testing.assert_array_equal(kept, values[above])
    three = np.array([0, 200_000, len(some) - 1])
    np.testing.assert_array_equal(some.graphs(three).ops, every.graphs(above[three]).ops)
    assert 0.97 < len(some) / len(every) < 0.99


def test_table_has_published_figures_beside_ours() -> None:
    shared = {"objective": "nasbench101-above80", "source": "x", "predictor": "gp", "test_points": 9000, "seconds": 1.0}
    scores = {"rho": 0.6, "pearson": 0.7, "rmse": 1.9}
    frame = pd.DataFrame(
        [
            {**shared, **scores, "encoding": encoding, "labels": labels, "seed": seed, "tau": 0.5 + 0.1 * seed}
            for encoding, labels, seed in itertools.product(("arch2vec (a)", "arch2vec (b)", "path"), (64, 250), (0, 1))
        ]
    )
    table = tabulate(frame)
    assert table["tau_mean"].tolist() == pytest.approx([0.55] * 6)
    assert table["tau_std"].tolist() == pytest.approx([0.1 / 2**0.5] * 6)
    rows = {(row["encoding"], row["labels"]): row for row in to_rows(table)}
    figures = PUBLISHED["nasbench101-above80", "arch2vec", "gp", 250]
    assert rows["arch2vec (a)", 250]["published"] == {name: list(pair) for name, pair in figures.items()}
    assert rows["arch2vec (a)", 64]["published"] == rows["path", 250]["published"] == {}
    text = to_markdown(table)
    assert "| arch2vec (b) | gp | 250 | published, 10 |  |  | 0.670 ± 0.020 | 1.80 ± 0.10 |" in text
    assert text.count("published, 10") == 2


def test_names_of_sources() -> None:
    first, second = untrained(NASBench201(), 0), untrained(NASBench201(), 1)
    assert [source.name for source in sources_of([("a", first), ("b", second)])] == ["arch2vec (a)", "arch2vec (b)"]
    assert sources_of([("a", first)])[0].name == "arch2vec"
    assert isinstance(sources_of([("a", first), ("c", untrained(DARTS()))])[1], PretrainedSource)
