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

Scaling = Literal["embedding", "centred", "unit"]
Taken = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""Which of some rows may not be chosen."""

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
        deviation = vectors.std(axis=0, dtype=np.float64)
        spread = np.where((scaling != "unit") & (deviation > 1e-6 * deviation.max()), deviation, 1.0)
        mean = vectors.mean(axis=0, dtype=np.float64)
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
