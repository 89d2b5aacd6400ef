"""The latent space as a policy sees it: scaled coordinates, and the architecture nearest to a point.

Distances are Euclidean in the vectors' own coordinates. A pool of N vectors is
compared with the points of many runs by one matrix product in single
precision, |v|^2 / 2 - p . v; rows within rounding of the smallest are compared
again in double precision, so that the answer does not depend on how the
product was computed. Ties go to the first row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from arch2vec.pools.pool import Pool

Scaling = Literal["embedding", "centred", "unit"]
Taken = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""Which of some rows may not be chosen."""

_FIRST = 32  # neighbours asked for of an index; as many times more where all are taken
_ENTRIES = 2**23  # products of points and vectors held at a time


class LatentMap:
    """N architectures and a change of coordinates, point = centre + spread * action.

    Args:
        vectors: (N, d) the points among which the nearest is looked for.
        rows: (N,) their rows in the embedding, ascending.
        scaling: spread is the vectors' standard deviation in every dimension, with the
            origin (``embedding``) or their mean (``centred``) as centre; ``unit`` leaves all as it is.
    """

    def __init__(self, vectors: NDArray[np.float32], rows: NDArray[np.int64], scaling: Scaling) -> None:
        self.rows = rows
        self._vectors = vectors
        self._transposed = torch.from_numpy(vectors).T
        self._half_squares = self._transposed.square().sum(0) / 2
        self._longest = float(self._half_squares.max().mul(2).sqrt())
        self._scale(vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64), scaling)

    def _scale(self, mean: NDArray[np.float64], deviation: NDArray[np.float64], scaling: Scaling) -> None:
        spread = np.where((scaling != "unit") & (deviation > 1e-6 * deviation.max()), deviation, 1.0)
        self.spread = torch.from_numpy(spread.astype(np.float32))
        self.centre = torch.from_numpy((mean if scaling == "centred" else 0 * mean).astype(np.float32))

    def states(self, vectors: NDArray[np.float32]) -> Tensor:
        """Vectors (..., d) in the policy's coordinates."""
        return (torch.from_numpy(vectors) - self.centre) / self.spread

    def points(self, actions: Tensor) -> Tensor:
        """Actions (..., d) in the vectors' coordinates."""
        return self.centre + self.spread * actions

    def nearest(self, points: Tensor, taken: Sequence[Taken], *, skip: bool = False) -> list[int | None]:
        """The row nearest to each of R points that is not taken, None where all are.

        Args:
            points: (R, d) float32.
            taken: R of them.
            skip: whether the nearest of all, taken or not, is left out while there is another.
        """
        found: list[int | None] = []
        together = max(1, _ENTRIES // len(self.rows))
        for start in range(0, len(points), together):
            part = points[start : start + together]
            scores = torch.addmm(self._half_squares, part, self._transposed, alpha=-1).numpy()
            for score, point, avoid in zip(scores, part.double().numpy(), taken[start:], strict=False):
                found.append(self._choose(score, point, avoid, skip))
        return found

    def _choose(self, score: NDArray[np.float32], point: NDArray[np.float64], taken: Taken, skip: bool) -> int | None:
        place = self._smallest(score, point)
        first = place
        if skip or taken(self.rows[place : place + 1])[0]:
            score[taken(self.rows)] = np.inf
            last_resort = place if np.isfinite(score[place]) else None
            if skip:
                score[place] = np.inf
            if np.isfinite(score.min()):
                first = self._smallest(score, point)
            elif last_resort is None:
                return None
        return int(self.rows[first])

    def _smallest(self, score: NDArray[np.float32], point: NDArray[np.float64]) -> int:
        """The place of the smallest distance: of those that single precision cannot tell apart, by double."""
        length = float(np.linalg.norm(point))
        rounding = 2 * len(point) * float(np.finfo(np.float32).eps) * self._longest * (length + self._longest)
        near = np.flatnonzero(score <= score.min() + rounding)
        if len(near) == 1:
            return int(near[0])
        distances = np.square(self._vectors[near] - point).sum(axis=1)
        return int(near[np.argmin(distances)])


class IndexedMap(LatentMap):
    """The latent map of a pool, whose nearest architectures an index finds (:mod:`arch2vec.pools.index`).

    Args:
        pool: the architectures; those that a search adds are not found.
        scaling: as for :class:`LatentMap`.
    """

    def __init__(self, pool: Pool, scaling: Scaling) -> None:
        from arch2vec.pools.index import index_of

        self._index, self._size = index_of(pool), pool.drawn_from
        mean, deviation, _ = pool.files.moments
        self._scale(mean, deviation, scaling)

    @override
    def nearest(self, points: Tensor, taken: Sequence[Taken], *, skip: bool = False) -> list[int | None]:
        return [self._free(point, avoid, skip) for point, avoid in zip(points.numpy(), taken, strict=False)]

    def _free(self, point: NDArray[np.float32], taken: Taken, skip: bool) -> int | None:
        wanted = _FIRST
        while True:
            rows, _ = self._index.nearest(point, min(wanted, self._size))
            free = rows[~taken(rows)]
            others = free[free != rows[0]] if skip else free
            if len(others):
                return int(others[0])
            if wanted >= self._size:
                return int(free[0]) if len(free) else None
            wanted *= _FIRST
