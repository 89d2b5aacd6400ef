"""A Gaussian process's belief about a pool of points, kept up as observations come in.

With K + lambda I = L L^T over the n observed points and k_X(x) the covariances of
a point with them, V = L^-1 k_X(pool) gives mean V^T L^-1 y and variance
k(x, x) - column sums of V^2. One more observation is one more row of L and of V
(Rasmussen and Williams, 2006, algorithm 2.1; the rows are those of the
textbook's incremental Cholesky factorisation): no row that is there changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from arch2vec.common.threads import thread_count
from arch2vec.surrogates.base import Array, Belief, Forecast

Covariance = Callable[[Tensor, Tensor], Tensor]
"""From points (a, d) and (b, d) to (a, b) covariances, in either precision."""

_ROOM = 32  # rows that the factors grow by
_SPARE = 1.5  # times as many columns as are needed when there have to be more
_FLOOR = 1e-7  # the least variance relative to the prior: below is rounding of single precision


class GPBelief(Belief):
    """What a process of prior variance 1 believes of N points; the scale is found at each forecast.

    Args:
        covariance: (a, d) and (b, d) to (a, b), in either precision.
        ratio: the noise's variance lambda.
        points: (N, d) the points that the belief is about.
        observed: (n, d) the points at which the function was observed.
    """

    def __init__(self, covariance: Covariance, ratio: float, points: Array, observed: Array):
        self._covariance = covariance
        self._ratio = ratio
        self.observed_points = _double(observed)
        n = len(self.observed_points)
        self.factor = torch.zeros(n + _ROOM, n + _ROOM, dtype=torch.float64)  # L
        with thread_count(1):
            matrix = covariance(self.observed_points, self.observed_points)
            matrix.diagonal().add_(ratio)
            self.factor[:n, :n] = torch.linalg.cholesky(matrix)
        self._points = torch.empty(len(points), self.observed_points.shape[1])  # and rows to spare
        self.rows = torch.empty(len(self.factor), len(points))  # V, and columns to spare
        self.variance = torch.empty(0)
        self.extend(points)

    @override
    def observe(self, observed: Array) -> None:
        with thread_count(1):
            for point in _double(observed).unsqueeze(1):
                self.variance = self.variance - self.append_point(self.observed_points, point)
                self.observed_points = torch.cat([self.observed_points, point])

    @override
    def extend(self, points: Array) -> None:
        n, known = len(self.observed_points), len(self.variance)
        new = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32))
        total = known + len(new)
        with thread_count(1):
            across = self._covariance(self.observed_points.float(), new)
            solved = torch.linalg.solve_triangular(self.factor[:n, :n].float(), across, upper=False)
            if total > self.rows.shape[1]:
                rows = torch.empty(len(self.factor), int(_SPARE * total))
                rows[:n, :known] = self.rows[:n, :known]
                spread_out = torch.empty(rows.shape[1], new.shape[1])
                spread_out[:known] = self._points[:known]
                self.rows, self._points = rows, spread_out
            self.rows[:n, known:total] = solved
            self._points[known:total] = new
            self.variance = torch.cat([self.variance, 1 - solved.square_().sum(0)])

    @override
    def forecast(self, targets: NDArray[np.float64]) -> GPForecast:
        return GPForecast(self, targets)

    def append_point(self, x: Tensor, point: Tensor) -> Tensor:
        """Write the rows of one more point (1, d) after those of ``x``; returns what it takes off the variances."""
        n = len(x)
        if n == len(self.factor):
            factor = torch.zeros(n + _ROOM, n + _ROOM, dtype=torch.float64)
            factor[:n, :n] = self.factor
            self.factor = factor
            self.rows = torch.cat([self.rows, self.rows.new_empty(_ROOM, self.rows.shape[1])])
        across = self._covariance(x, point)
        row = torch.linalg.solve_triangular(self.factor[:n, :n], across, upper=False)[:, 0]
        # 1 + lambda - |row|^2 is the variance of an observation there, at least lambda.
        pivot = math.sqrt(max(1 + self._ratio - float(row @ row), self._ratio))
        self.factor[n, :n], self.factor[n, n] = row, pivot
        new = self._covariance(point.float(), self._points[: len(self.variance)])[0]
        written = self.rows[n, : len(new)]
        torch.addmv(new, self.rows[:n, : len(new)].T, row.float(), beta=1 / pivot, alpha=-1 / pivot, out=written)
        return written.square()


class GPForecast(Forecast):
    """What a belief is once the observed points have values."""

    def __init__(self, belief: GPBelief, targets: NDArray[np.float64]) -> None:
        self._belief = belief
        self.observed_points = belief.observed_points
        self.variance = belief.variance
        n = len(self.observed_points)
        self._centre = float(targets.mean())
        centred = torch.from_numpy(targets - self._centre).unsqueeze(1)
        with thread_count(1):
            self._white = torch.linalg.solve_triangular(belief.factor[:n, :n], centred, upper=False)[:, 0]
            self._scale = math.sqrt(float(self._white @ self._white) / n)
        self.mean = self._means(0)

    def _means(self, start: int) -> NDArray[np.float32]:
        """Of the belief's points from ``start`` on."""
        columns = self._belief.rows[: len(self._white), start : len(self._belief.variance)]
        with thread_count(1):
            return torch.mv(columns.T, self._white.float()).numpy() + np.float32(self._centre)

    @override
    def extend(self) -> None:
        self.mean = np.concatenate([self.mean, self._means(len(self.mean))])
        self.variance = self._belief.variance

    @property
    @override
    def std(self) -> NDArray[np.float32]:
        return self.variance.clamp_min(_FLOOR).sqrt().mul_(self._scale).numpy()

    @override
    def believe(self, points: Array) -> NDArray[np.float64]:
        n = len(self._white)
        means = []
        with thread_count(1):
            for point in _double(points).unsqueeze(1):
                self.variance = self.variance - self._belief.append_point(self.observed_points, point)
                means.append(float(self._belief.factor[len(self.observed_points), :n] @ self._white) + self._centre)
                self.observed_points = torch.cat([self.observed_points, point])
        return np.array(means)


def _double(points: Array) -> Tensor:
    return torch.from_numpy(np.array(points, dtype=np.float64))


FEW = 512
"""Observations that a process's parameters are found from, at most: beyond that they hardly change, and time does."""

_ENTRIES = 1 << 18  # covariances worked out at a time: they stay in the cache


def posterior_mean(
    covariance: Covariance, ratio: float, points: Array, observed: Array, targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What a process of constant mean expects at many points, without their variances.

    Args:
        covariance: of prior variance 1, as for :class:`GPBelief`.
        ratio: the noise's variance lambda.
        points: (N, d), looked at a few thousand at a time in single precision.
        observed: (n, d) the points at which the function was observed.
        targets: (n,) what was observed there.

    Returns:
        (N,) expected targets.
    """
    x = torch.from_numpy(np.ascontiguousarray(observed, dtype=np.float64))
    centre = float(targets.mean())
    matrix = covariance(x, x)
    matrix.diagonal().add_(ratio)
    centred = torch.from_numpy(targets - centre).unsqueeze(1)
    alpha = torch.cholesky_solve(centred, torch.linalg.cholesky(matrix)).float()
    means = np.empty(len(points))
    known, together = x.float(), max(16, _ENTRIES // len(x))
    for start in range(0, len(points), together):
        part = torch.from_numpy(np.ascontiguousarray(points[start : start + together], dtype=np.float32))
        means[start : start + len(part)] = (covariance(part, known) @ alpha)[:, 0].numpy()
    return means + centre
