"""A Bayesian linear regression's belief about a pool of points, kept up as observations come in.

With Phi (n, m) the observed points' basis functions, the weights' posterior has
covariance s P^-1, P = Phi^T Phi + lambda I, s the noise's variance. Let F F^T =
P^-1 when the belief is formed. In the coordinates psi = F^T phi the prior of
everything that is still to be observed is s I, which is as well conditioned as
can be: the pool is brought there once, in single precision, and each further
observation changes an m x m matrix and takes one square off every variance.

The noise's variance is the one of highest marginal likelihood given lambda,
s = y^T (Phi Phi^T / lambda + I)^-1 y / n = (|y - Phi w|^2 + lambda |w|^2) / n
with w the posterior mean.
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

_SPARE = 1.5  # times as many rows as are needed when there have to be more


class LinearBelief(Belief):
    """What a regression believes of N points.

    Args:
        basis: (N, d) points to (N, m) float32.
        ratio: lambda, the noise's variance relative to that of a weight's prior.
        points: (N, d) the points that the belief is about.
        observed: (n, d) the points at which the function was observed.
    """

    def __init__(self, basis: Callable[[Array], Tensor], ratio: float, points: Array, observed: Array) -> None:
        self.basis = basis
        self.ratio = ratio
        with thread_count(1):
            self.phi = basis(observed).double()
            identity = torch.eye(self.phi.shape[1], dtype=torch.float64)
            cholesky = torch.linalg.cholesky(self.phi.T @ self.phi + ratio * identity)
            self.whiten = torch.linalg.solve_triangular(cholesky, identity, upper=False).T  # F
            self.psi = self.phi @ self.whiten
            self.covariance = identity  # of the weights over s, in these coordinates
            self._rows = basis(points) @ self.whiten.float()  # the points there, and rows to spare
            self.variance = self._rows.square().sum(1)

    @property
    def pool(self) -> Tensor:
        """(N, m) float32, the points' basis functions in the coordinates in which the prior is s I."""
        return self._rows[: len(self.variance)]

    @override
    def observe(self, observed: Array) -> None:
        with thread_count(1):
            phi = self.basis(observed).double()
            psi = phi @ self.whiten
            for point in psi.split(1):
                self.covariance, self.variance = self.conditioned(self.covariance, self.variance, point[0])
            self.phi = torch.cat([self.phi, phi])
            self.psi = torch.cat([self.psi, psi])

    @override
    def extend(self, points: Array) -> None:
        with thread_count(1):
            new = self.basis(points) @ self.whiten.float()
            known = len(self.variance)
            total = known + len(new)
            if total > len(self._rows):
                rows = torch.empty(int(_SPARE * total), new.shape[1])
                rows[:known] = self._rows[:known]
                self._rows = rows
            self._rows[known:total] = new
            self.variance = torch.cat([self.variance, (new @ self.covariance.float()).mul_(new).sum(1)])

    @override
    def forecast(self, targets: NDArray[np.float64]) -> LinearForecast:
        return LinearForecast(self, targets)

    def conditioned(self, covariance: Tensor, variance: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        """Both after one more noisy observation at a point (m,)."""
        gain = covariance @ point
        total = 1 + float(point @ gain)
        shrunk = covariance - torch.outer(gain, gain / total)
        return shrunk, variance - torch.mv(self.pool, (gain / math.sqrt(total)).float()).square_()


class LinearForecast(Forecast):
    """What a belief is once the observed points have values."""

    def __init__(self, belief: LinearBelief, targets: NDArray[np.float64]) -> None:
        self._belief = belief
        self.covariance, self.variance = belief.covariance, belief.variance
        self._centre = float(targets.mean())
        y = torch.from_numpy(targets - self._centre)
        with thread_count(1):
            self._weights = self.covariance @ (belief.psi.T @ y)
            weights = belief.whiten @ self._weights
            error = y - belief.phi @ weights
            self._scale = math.sqrt(float(error @ error + belief.ratio * (weights @ weights)) / len(y))
        self.mean = self._means(belief.pool)

    def _means(self, pool: Tensor) -> NDArray[np.float32]:
        with thread_count(1):
            return torch.mv(pool, self._weights.float()).numpy() + np.float32(self._centre)

    @override
    def extend(self) -> None:
        self.mean = np.concatenate([self.mean, self._means(self._belief.pool[len(self.mean) :])])
        self.variance = self._belief.variance

    @property
    @override
    def std(self) -> NDArray[np.float32]:
        return self.variance.clamp_min(0).sqrt().mul_(self._scale).numpy()

    @override
    def believe(self, points: Array) -> NDArray[np.float64]:
        with thread_count(1):
            psi = self._belief.basis(points).double() @ self._belief.whiten
            for point in psi.split(1):
                self.covariance, self.variance = self._belief.conditioned(self.covariance, self.variance, point[0])
            return (psi @ self._weights).numpy() + self._centre
