"""Costs of NAS-Bench-101 cells: the features against slow definitions, the regression against scikit-learn's."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_predict

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.objectives import cost_regression
from arch2vec.objectives.cell_features import FEATURES, cell_features, channel_fractions
from arch2vec.objectives.cost_regression import complete_costs
from arch2vec.spaces import NASBench101
from one_line import error_of

SPACE = NASBench101()
RESNET_LIKE = "0110;0010;0001;0000|input,conv3x3-bn-relu,conv3x3-bn-relu,output"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SPACE.sample(1, np.random.default_rng(0))  # the list of all cells is read from the usual cache
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "cache"))


def feature(cells: GraphBatch, name: str) -> NDArray[np.float64]:
    return cell_features(cells)[:, FEATURES.index(name)]


# Features, by definitions that take one cell at a time


def vertices_of(cells: GraphBatch, row: int) -> tuple[list[str], list[set[int]]]:
    """Operation names and successors of one cell's vertices."""
    ops, edges = cells.ops[row], cells.adjacency[row]
    names = [SPACE.operations[code] for code in ops if code != PADDING]
    return names, [set(np.flatnonzero(edges[v]).tolist()) for v in range(len(names))]


def slow_channels(successors: list[set[int]]) -> list[Fraction]:
    last = len(successors) - 1
    sharing = [v for v in range(1, last) if last in successors[v]]

    def channels(v: int) -> Fraction:
        if v in (0, last):
            return Fraction(0)
        return Fraction(1, len(sharing)) if v in sharing else max(channels(w) for w in successors[v])

    return [channels(v) for v in range(len(successors))]


def slow_features(cells: GraphBatch, row: int) -> dict[str, float]:
    names, successors = vertices_of(cells, row)
    last, channels = len(names) - 1, slow_channels(successors)
    edges = [(v, w) for v in range(len(names)) for w in successors[v]]
    result: dict[str, Fraction | int] = {}
    for operation in ("conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"):
        mine = [channels[v] for v in range(len(names)) if names[v] == operation]
        result[f"number_{operation}"] = len(mine)
        result[f"channels_{operation}"] = sum(mine, Fraction(0))
        result[f"squared_channels_{operation}"] = sum((c * c for c in mine), Fraction(0))
    projected = [channels[w] for v, w in edges if v == 0 and w != last]
    result["projections"], result["projected_channels"] = len(projected), sum(projected, Fraction(0))
    result["shortcut"], result["edges"] = int((0, last) in edges), len(edges)
    result["summed_channels"] = sum((channels[w] for v, w in edges if v > 0 and w != last), Fraction(0))
    result["concatenated"] = sum(w == last and v > 0 for v, w in edges)

    def longest(w: int) -> int:
        return max((longest(v) + 1 for v, other in edges if other == w), default=0)

    levels = [longest(v) for v in range(len(names))]
    result["depth"], result["width"] = levels[last], max(levels.count(level) for level in levels)
    # Multiply-adds for an output of C channels: a k x k convolution from a to b channels is k^2 a b a pixel.
    # Projections come from a cell's input of C channels.
    result["macs"] = (
        9 * result["squared_channels_conv3x3-bn-relu"]
        + result["squared_channels_conv1x1-bn-relu"]
        + result["projected_channels"]
        + result["shortcut"]
    )
    return {name: float(value) for name, value in result.items()}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_features_equal_their_definitions(seed: int) -> None:
    cells = SPACE.sample(20, np.random.default_rng(seed))
    found, channels = cell_features(cells), channel_fractions(cells)
    for row in range(len(cells)):
        assert dict(zip(FEATURES, found[row], strict=True)) == pytest.approx(slow_features(cells, row))
        expected = slow_channels(vertices_of(cells, row)[1])
        assert channels[row, : len(expected)] == pytest.approx([float(fraction) for fraction in expected])
        assert not channels[row, len(expected) :].any()


def test_a_cell_counted_by_hand() -> None:
    cell = SPACE.parse([RESNET_LIKE])
    # Both convolutions have all channels, each reads the input through a projection, and one adds to it.
    assert channel_fractions(cell)[0].tolist() == [0, 1, 1, 0, 0, 0, 0]
    assert feature(cell, "macs")[0] == 9 + 9 + 1 + 1
    assert feature(cell, "summed_channels")[0] == 1
    assert feature(cell, "depth")[0] == 3 and feature(cell, "width")[0] == 1


def test_features_do_not_depend_on_the_batch_or_on_how_a_cell_is_written() -> None:
    cells = SPACE.sample(300, np.random.default_rng(1))
    together = cell_features(cells)
    alone = np.concatenate([cell_features(cells[row]) for row in range(0, 300, 50)])
    assert (together[::50] == alone).all()
    straight = SPACE.parse(["0110;0001;0001;0000|input,conv1x1-bn-relu,maxpool3x3,output"])
    turned = SPACE.parse(["0110;0001;0001;0000|input,maxpool3x3,conv1x1-bn-relu,output"])
    assert (cell_features(straight) == cell_features(turned)).all()


# Regression


def made(n: int = 3000, share: float = 0.5) -> tuple[GraphBatch, NDArray[np.float64], NDArray[np.float64]]:
    """Cells, times that depend on their features, and the same with a share of them missing."""
    rng = np.random.default_rng(0)
    cells = SPACE.sample(n, rng)
    truth = 100 + 60 * feature(cells, "macs") + 40 * feature(cells, "channels_maxpool3x3")
    truth *= np.exp(rng.normal(0, 0.01, n))
    known = truth.copy()
    known[rng.permutation(n)[: int(n * share)]] = np.nan
    return cells, truth, known


def test_missing_times_are_predicted_and_measured_ones_kept() -> None:
    cells, truth, known = made()
    estimate = complete_costs(cells, known)
    measured = ~np.isnan(known)
    assert (estimate.seconds[measured] == truth[measured]).all()
    real = np.abs(estimate.seconds / truth - 1)[~measured].mean()
    guess = np.abs(np.nanmean(known) / truth - 1)[~measured].mean()
    assert real < guess / 10
    # The error it states is the one that it makes on cells it has never seen.
    assert estimate.error == pytest.approx(real, rel=0.3)


def test_the_error_is_scikit_learns_cross_validation() -> None:
    cells, _, known = made(300)
    estimate = complete_costs(cells, known)
    rows = ~np.isnan(known)
    trees = HistGradientBoostingRegressor(max_iter=100, learning_rate=0.2, early_stopping=False, random_state=0)
    folds = KFold(5, shuffle=True, random_state=0)
    predicted = np.exp(cross_val_predict(trees, cell_features(cells[rows]), np.log(known[rows]), cv=folds))
    assert estimate.error == pytest.approx(np.mean(np.abs(predicted - known[rows]) / known[rows]))


def test_repeatable_and_kept_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cells, _, known = made(300)
    first = complete_costs(cells, known)
    with monkeypatch.context() as nothing_fitted:
        nothing_fitted.setattr(cost_regression, "_fit", None)
        again = complete_costs(cells, known)
        assert (again.seconds == first.seconds).all() and again.error == first.error
        known_other = known.copy()
        known_other[np.flatnonzero(~np.isnan(known))[0]] *= 2
        with pytest.raises(TypeError):  # other times, other estimates: the kept ones are not used
            complete_costs(cells, known_other)
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "another"))
    assert (complete_costs(cells, known).seconds == first.seconds).all()


def test_nothing_to_estimate() -> None:
    cells, truth, _ = made(60)
    estimate = complete_costs(cells, truth)
    assert (estimate.seconds == truth).all() and estimate.error == 0


def test_times_that_cannot_be() -> None:
    cells, _, known = made(100)
    few = known.copy()
    few[np.flatnonzero(~np.isnan(few))[49:]] = np.nan
    assert error_of(lambda: complete_costs(cells, few)) == (
        "49 of 100 cells have a training time; at least 50 are needed to estimate the others"
    )
    for value in (0.0, -1.0, np.inf):
        known[7] = value
        assert error_of(lambda: complete_costs(cells, known)) == (
            f"the training time of cell 7 is {value} s; a positive finite one is needed"
        )


def test_the_published_times_are_predicted_within_three_percent(shared_data: Path) -> None:
    frame = pd.read_parquet(shared_data / "nasbench101.parquet", columns=["adjacency", "ops", "train_time_108_s"])
    frame = frame[frame["train_time_108_s"].notna()].iloc[::6]
    cells = SPACE.parse((frame["adjacency"] + "|" + frame["ops"]).tolist())
    truth = frame["train_time_108_s"].to_numpy(copy=True)
    known = truth.copy()
    known[::2] = np.nan
    estimate = complete_costs(cells, known)
    error = np.abs(estimate.seconds / truth - 1)[::2].mean()
    assert error < 0.03 and estimate.error == pytest.approx(error, rel=0.15)
