"""The exact k nearest neighbours of every vector among the others.

Distances come from one matrix product in single precision, which finds a few candidates more
than are wanted; these are measured again in double precision. Ties go to the first row, so
that the answer does not depend on how the product was computed.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numpy.typing import NDArray

from arch2vec.errors import InputError

_ENTRIES = 1 << 22  # distances held at a time, 16 MB
_ROUNDING = 16 * float(np.finfo(np.float32).eps)  # of a squared distance from a product, relative to squared lengths


def nearest_neighbours(
    vectors: Float32[NDArray[np.float32], "N d"], k: int, first: int | None = None
) -> tuple[Int64[NDArray[np.int64], "n k"], Float64[NDArray[np.float64], "n k"]]:
    """For each of N vectors the ``k`` others that are closest to it.

    Args:
        vectors: (N, d), finite.
        k: how many, at most N - 1.
        first: only of so many vectors, the first ones; None for all N.

    Returns:
        Rows (n, k) and Euclidean distances (n, k) of the n vectors asked for, nearest first; ties by row.

    Raises:
        InputError: k is not between 1 and N - 1.
    """
    n = len(vectors)
    if not 1 <= k < n:
        raise InputError(f"each of {n:,} vectors has between 1 and {n - 1:,} neighbours, got k = {k}")
    exact = vectors.astype(np.float64)
    single = (exact - exact.mean(axis=0)).astype(np.float32)  # short vectors round less
    squares = np.einsum("nd,nd->n", single, single)
    slack = _ROUNDING * (1 + single.shape[1] ** 0.5) * float(squares.max())
    asked = n if first is None else min(first, n)
    rows, distances = np.empty((asked, k), dtype=np.int64), np.empty((asked, k))
    together = max(1, _ENTRIES // n)
    for start in range(0, asked, together):
        part = slice(start, min(start + together, asked))
        approximate = single[part] @ single.T
        approximate *= -2
        approximate += squares
        approximate += squares[part, None]
        own = np.arange(part.stop - start)
        approximate[own, start + own] = np.inf
        limit = np.partition(approximate, k - 1, axis=1)[:, k - 1]
        row, other = np.nonzero(approximate <= limit[:, None] + 2 * slack)
        found = np.sqrt(np.square(exact[start + row] - exact[other]).sum(axis=1))
        order = np.lexsort((other, found, row))
        begin = np.searchsorted(row, own)  # np.nonzero gives the rows in order
        chosen = order[begin[:, None] + np.arange(k)]
        rows[part], distances[part] = other[chosen], found[chosen]
    return rows, distances
