"""Bayesian linear regressions of many searches, each on basis functions of its own, about one pool.

With Phi (n, m) a search's basis functions at what it has observed and L L^T = Phi^T Phi + lambda I, the
weights' mean is w = L^-T L^-1 Phi^T y and the variance at a point is s |L^-1 phi|^2, s the noise's
variance of highest marginal likelihood (:mod:`arch2vec.surrogates.linear_belief`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from arch2vec.common.threads import thread_count
from arch2vec.surrogates.base import Array
from arch2vec.surrogates.pooled import PooledForecast

Bases = Callable[[Tensor], Tensor]
"""From points (N, d), the same for all searches, or (R, N, d) to basis functions (R, N, m), float32."""


class PooledLinear(PooledForecast):
    """What R regressions expect.

    Args:
        bases: their basis functions.
        ratios: R of lambda.
        observed: (R, n, d).
        targets: (R, n) the values that each search has been told.
        device: where to compute.
    """

    def __init__(
        self,
        bases: Bases,
        ratios: Sequence[float],
        observed: Array,
        targets: NDArray[np.float64],
        device: torch.device,
    ) -> None:
        self._bases, self._device = bases, device
        with thread_count(1):
            y = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float64)).to(device)
            self._centre = y.mean(1, keepdim=True)
            centred = (y - self._centre).unsqueeze(2)
            phi = self._phi(observed)
            ratio = torch.tensor(ratios, dtype=torch.float64, device=device)[:, None, None]
            identity = torch.eye(phi.shape[2], dtype=torch.float64, device=device)
            self._precision = phi.transpose(1, 2) @ phi + ratio * identity
            cholesky = torch.linalg.cholesky(self._precision)
            self._weights = torch.cholesky_solve(phi.transpose(1, 2) @ centred, cholesky)
            error = centred - phi @ self._weights
            total = error.square().sum((1, 2)) + ratio[:, 0, 0] * self._weights.square().sum((1, 2))
            self._scale = (total / y.shape[1]).sqrt()
            self._prepare(cholesky)

    def _phi(self, points: Array) -> Tensor:
        """(R, n, m) double precision."""
        return self._bases(torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32)).to(self._device)).double()

    def _prepare(self, cholesky: Tensor) -> None:
        identity = torch.eye(cholesky.shape[1], dtype=cholesky.dtype, device=self._device)
        inverse = torch.linalg.solve_triangular(cholesky, identity.expand_as(cholesky), upper=False)
        self._root = inverse.transpose(1, 2).float().contiguous()  # (R, m, m) L^-T
        self.entries = 4 * len(cholesky) * cholesky.shape[1]

    @override
    def of(self, points: Tensor) -> tuple[Tensor, Tensor]:
        with thread_count(1):
            phi = self._bases(points)
            mean = torch.bmm(phi, self._weights.float())[:, :, 0].double() + self._centre
            variance = torch.bmm(phi, self._root).square_().sum(2)
        return mean.float(), variance.sqrt_() * self._scale.float()[:, None]

    @override
    def believe(self, points: Array) -> tuple[PooledLinear, NDArray[np.float64]]:
        with thread_count(1):
            phi = self._phi(points)
            means = torch.bmm(phi, self._weights)[:, :, 0] + self._centre
            found = copy(self)
            found._precision = self._precision + phi.transpose(1, 2) @ phi
            found._prepare(torch.linalg.cholesky(found._precision))
        return found, means.cpu().numpy()
