"""The numbers of smoothness against the same said slowly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.edit_distance import edit_distance
from arch2vec.representations import geometry
from arch2vec.representations.discrete import adjacency_one_hot
from arch2vec.representations.geometry import (
    EditPairs,
    edit_correlation,
    line,
    local_variance,
    moran,
    neighbours_closer,
)
from arch2vec.representations.nearest import nearest_neighbours
from arch2vec.spaces import get_space
from one_line import error_of

SPACE = get_space("nasbench201")
GRAPHS = SPACE.sample(60, np.random.default_rng(0))
MADE = st.integers(0, 10_000)


def one_hot(graphs: GraphBatch) -> NDArray[np.float32]:
    return adjacency_one_hot(graphs, SPACE)


def made(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(25, 3)).astype(np.float32)
    return vectors, rng.normal(size=25), nearest_neighbours(vectors, 4)[0]


@given(MADE)
def test_moran_with_a_matrix_of_weights(seed: int) -> None:
    _, values, neighbours = made(seed)
    n, weights = len(values), np.zeros((25, 25))
    for i in range(n):
        for j in neighbours[i]:
            weights[i, j] = 1 / 4
    numerator = sum(
        weights[i, j] * (values[i] - values.mean()) * (values[j] - values.mean()) for i in range(n) for j in range(n)
    )
    right = n / weights.sum() * numerator / sum((value - values.mean()) ** 2 for value in values)
    assert moran(neighbours, values) == pytest.approx(right)


@given(MADE)
def test_local_variance_one_by_one(seed: int) -> None:
    _, values, neighbours = made(seed)
    parts = [np.var([values[i], *(values[j] for j in neighbours[i])], ddof=1) for i in range(25)]
    assert local_variance(neighbours, values) == pytest.approx(np.mean(parts) / np.var(values, ddof=1))


def test_what_the_two_say_of_extremes() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2000, 1)).astype(np.float32)
    neighbours = nearest_neighbours(vectors, 10)[0]
    smooth, noise = vectors[:, 0].astype(np.float64), rng.normal(size=2000)
    assert local_variance(neighbours, smooth) < 0.01 and moran(neighbours, smooth) > 0.99
    assert local_variance(neighbours, noise) == pytest.approx(1, abs=0.05) and abs(moran(neighbours, noise)) < 0.05
    assert local_variance(neighbours, np.ones(2000)) == 0.0 == moran(neighbours, np.ones(2000))


def test_edit_pairs_and_their_correlation() -> None:
    random, near = EditPairs.drawn(SPACE, GRAPHS, 100, seed=1)
    assert len(random.edits) == 100 == len(near.edits) and near.edits.max() <= geometry.WALK_STEPS
    assert random.edits.tolist() == [int(edit_distance(random.first[i], random.second[i])[0]) for i in range(100)]
    lengths = [float(np.linalg.norm(one_hot(random.first[i])[0] - one_hot(random.second[i])[0])) for i in range(100)]
    np.testing.assert_allclose(random.lengths(one_hot), lengths, rtol=1e-6)
    assert edit_correlation(random, one_hot) == pytest.approx(float(spearmanr(lengths, random.edits).statistic))
    assert edit_correlation(near, one_hot) > 0.9
    assert edit_correlation(random, lambda graphs: np.ones((len(graphs), 2), dtype=np.float32)) == 0.0
    assert "at least 2 graphs" in error_of(lambda: EditPairs.drawn(SPACE, GRAPHS[:1], 5, 0))


def test_of_the_first_only_estimates_all() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3000, 2)).astype(np.float32)
    values = vectors[:, 0] + rng.normal(size=3000)
    some, every = nearest_neighbours(vectors, 10, 1500)[0], nearest_neighbours(vectors, 10)[0]
    assert local_variance(some, values) == pytest.approx(local_variance(every, values), rel=0.05)
    assert moran(some, values) == pytest.approx(moran(every, values), rel=0.05)
    assert moran(every[:3000], values) == moran(every, values)


def test_neighbours_closer_pair_by_pair() -> None:
    pool, some = one_hot(GRAPHS), GRAPHS[:5]
    wins = []
    for row in range(5):
        own, mine = one_hot(some[row])[0], []
        for edited in one_hot(SPACE.neighbors(some[row])):
            near = np.linalg.norm(edited.astype(np.float64) - own)
            far = [np.linalg.norm(other.astype(np.float64) - own) for other in pool]
            mine.append(np.mean([1.0 if near < one else 0.5 if near == one else 0.0 for one in far]))
        wins.append(np.mean(mine))
    assert neighbours_closer(SPACE, some, pool, one_hot) == pytest.approx(np.mean(wins))

    def constant(graphs: GraphBatch) -> NDArray[np.float32]:
        return np.zeros((len(graphs), 2), dtype=np.float32)

    assert neighbours_closer(SPACE, some, constant(GRAPHS), constant) == 0.5


@given(MADE)
def test_lines_point_by_point(seed: int) -> None:
    vectors, _, _ = made(seed)
    found = line(vectors, 3, 17, steps=6)
    rows = [3]
    for step in range(1, 6):
        point = vectors[3] + (vectors[17] - vectors[3]) * step / 6
        rows.append(min(range(25), key=lambda row: float(((vectors[row] - point) ** 2).sum())))
    rows.append(17)
    assert found == [row for place, row in enumerate(rows) if place == 0 or row != rows[place - 1]]
    assert found[0] == 3 and found[-1] == 17


@given(MADE)
def test_walks_step_by_step(seed: int) -> None:
    vectors, _, _ = made(seed)
    rows, left = [5], [row for row in range(25) if row != 5]
    for _ in range(8):
        rows.append(min(left, key=lambda row: float(((vectors[row] - vectors[rows[-1]]) ** 2).sum())))
        left.remove(rows[-1])
    assert geometry.walk(vectors, 5, steps=8) == rows
    assert sorted(geometry.walk(vectors, 0, steps=99)) == list(range(25))


def test_ranks_take_no_notice_of_how_bad_the_worst_is() -> None:
    values = np.array([3.0, -1e9, 3.0, 5.0])
    assert geometry.ranks(values).tolist() == [2.5, 1.0, 2.5, 4.0]
