"""Nearest neighbours against every pair measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.representations import nearest
from arch2vec.representations.nearest import nearest_neighbours
from one_line import error_of


def slowly(vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    rows, distances = [], []
    for i, one in enumerate(vectors.astype(np.float64)):
        every = [
            (float(np.sqrt(((one - other) ** 2).sum())), j)
            for j, other in enumerate(vectors.astype(np.float64))
            if j != i
        ]
        every.sort()
        rows.append([j for _, j in every[:k]])
        distances.append([distance for distance, _ in every[:k]])
    return np.array(rows), np.array(distances)


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 5), st.booleans())
def test_as_measured_pair_by_pair(seed: int, n: int, d: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    # Whole numbers have many ties and vectors that are there twice.
    vectors = (rng.integers(0, 3, (n, d)) if whole else rng.normal(5, 1, (n, d))).astype(np.float32)
    k = int(rng.integers(1, n))
    rows, distances = nearest_neighbours(vectors, k)
    right, far = slowly(vectors, k)
    np.testing.assert_allclose(distances, far, rtol=1e-9, atol=1e-9)
    assert (rows == right).all()


def test_parts_give_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).normal(100, 1, (300, 8)).astype(np.float32)
    whole = nearest_neighbours(vectors, 7)
    monkeypatch.setattr(nearest, "_ENTRIES", 1000)
    for mine, other in zip(nearest_neighbours(vectors, 7), whole, strict=True):
        assert (mine == other).all()


def test_how_many_there_can_be() -> None:
    vectors = np.zeros((3, 2), dtype=np.float32)
    assert (
        error_of(lambda: nearest_neighbours(vectors, 3))
        == "each of 3 vectors has between 1 and 2 neighbours, got k = 3"
    )
    assert nearest_neighbours(vectors, 2)[0].tolist() == [[1, 2], [0, 2], [0, 1]]


def test_of_the_first_only() -> None:
    vectors = np.random.default_rng(4).normal(size=(60, 3)).astype(np.float32)
    for mine, whole in zip(nearest_neighbours(vectors, 5, 7), nearest_neighbours(vectors, 5), strict=True):
        assert (mine == whole[:7]).all()
