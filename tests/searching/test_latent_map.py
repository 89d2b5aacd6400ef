"""The policy's view of the latent space: against the slow, obvious nearest neighbour."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from arch2vec.searching import latent_map
from arch2vec.searching.latent_map import LatentMap

Rows = NDArray[np.int64]


def vectors_of(n: int, d: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)


def nothing(rows: Rows) -> NDArray[np.bool_]:
    return np.zeros(len(rows), dtype=np.bool_)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 12),
    seed=st.integers(0, 10**6),
    far=st.sampled_from([0.0, 1.0, 100.0]),
    banned=st.sets(st.integers(0, 11)),
    skip=st.booleans(),
    equal=st.booleans(),
)
def test_nearest_is_that_of_sorted_distances(
    n: int, seed: int, far: float, banned: set[int], skip: bool, equal: bool
) -> None:
    vectors = vectors_of(n, 4, seed)
    if equal:
        vectors[n // 2 :] = vectors[0]
    rows = np.arange(n) * 3 + 1
    points = far * vectors_of(3, 4, seed + 1)
    found = LatentMap(vectors, rows, "unit").nearest(
        torch.from_numpy(points), [lambda some: np.isin(some, rows[[b for b in banned if b < n]])] * 3, skip=skip
    )
    for point, row in zip(points, found, strict=True):
        distances = [sum((float(a) - float(b)) ** 2 for a, b in zip(point, vector, strict=True)) for vector in vectors]
        order = sorted(range(n), key=lambda place: (distances[place], place))
        allowed = [place for place in order if place not in banned]
        if skip and order[0] in allowed and len(allowed) > 1:
            allowed.remove(order[0])
        assert row == (int(rows[allowed[0]]) if allowed else None)


def test_pools_beyond_one_product_are_searched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    latent = LatentMap(vectors_of(50, 4, 0), np.arange(50), "unit")
    points = torch.from_numpy(vectors_of(7, 4, 1))
    whole = latent.nearest(points, [nothing] * 7)
    monkeypatch.setattr(latent_map, "_ENTRIES", 150)
    assert latent.nearest(points, [nothing] * 7) == whole


def test_scalings() -> None:
    vectors = vectors_of(200, 3, 0) * np.array([1, 10, 0], dtype=np.float32) + np.array([5, -3, 2], dtype=np.float32)
    rows = np.arange(200)
    scaled = LatentMap(vectors, rows, "embedding").states(vectors)
    np.testing.assert_allclose(scaled.std(0, correction=0)[:2], 1, rtol=1e-5)
    np.testing.assert_allclose(scaled[:, 0].mean(), 5 / vectors[:, 0].std(), rtol=0.05)
    np.testing.assert_array_equal(scaled[:, 2], vectors[:, 2])  # does not vary
    centred = LatentMap(vectors, rows, "centred").states(vectors)
    np.testing.assert_allclose(centred.mean(0), 0, atol=1e-5)
    np.testing.assert_array_equal(LatentMap(vectors, rows, "unit").states(vectors), vectors)


@pytest.mark.parametrize("scaling", ["embedding", "centred", "unit"])
def test_points_are_the_inverse_of_states(scaling: latent_map.Scaling) -> None:
    vectors = vectors_of(20, 3, 0) * np.float32(7) + np.float32(2)
    latent = LatentMap(vectors, np.arange(20), scaling)
    torch.testing.assert_close(latent.points(latent.states(vectors)), torch.from_numpy(vectors))
    assert latent.nearest(latent.points(latent.states(vectors)), [nothing] * 20) == list(range(20))
