r"""Gaussian processes of many searches, about one pool.

With K + lambda I = L L^T over a search's n observed points and k(x) the covariances of a point with
them, the mean is k(x)^T alpha, alpha = L^-T L^-1 y, and the variance 1 - |L^-1 k(x)|^2 (Rasmussen and
Williams, 2006, algorithm 2.1). Matrices of the observed points are small and formed in double precision,
products with the pool large and in single precision.

Covariances are functions of scaled squared distances s |a - b|^2. Of a pool's points and all searches'
observed points these are one matrix product,

.. math:: [a, |a|^2, 1] \cdot [-2 s b, s, s |b|^2],

whatever the scales s, one a search, are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from arch2vec.common.threads import thread_count
from arch2vec.surrogates.base import Array
from arch2vec.surrogates.kernels import Kernel, correlation
from arch2vec.surrogates.pooled import PooledForecast

_FLOOR = 1e-7  # the least variance relative to the prior: below is rounding of single precision


@dataclass(frozen=True)
class Term:
    """One summand of R covariances.

    Attributes:
        columns: of a point that it looks at.
        weights: R shares of the prior variances.
        lengths: R length scales.
    """

    columns: slice | list[int]
    weights: Sequence[float]
    lengths: Sequence[float]


class PooledProcess(PooledForecast):
    """What R processes of prior variance 1, times a scale that their targets give, expect.

    Args:
        terms: of their covariances.
        kernel: the shape of each.
        ratios: R variances of the noise.
        observed: (R, n, d).
        targets: (R, n) the values that each search has been told.
        device: where to compute.
    """

    def __init__(
        self,
        terms: Sequence[Term],
        kernel: Kernel,
        ratios: Sequence[float],
        observed: Array,
        targets: NDArray[np.float64],
        device: torch.device,
    ) -> None:
        self._device, self._kernel = device, kernel
        self._terms = [_Scaled.of(term, kernel, device) for term in terms]
        self._ratios = torch.tensor(ratios, dtype=torch.float64, device=device)
        self.observed_points = self._double(observed)
        with thread_count(1):
            y = self._double(targets)
            self._centre = y.mean(1, keepdim=True)
            inverse = self.inverse_factor()
            white = torch.bmm(inverse, (y - self._centre).unsqueeze(2))
            self._scale = (white.square().sum((1, 2)) / y.shape[1]).sqrt()
            self.alpha = torch.bmm(inverse.transpose(1, 2), white)
            self.prepare(inverse)

    def _double(self, values: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64)).to(self._device)

    def inverse_factor(self) -> Tensor:
        """(R, n, n) L^-1."""
        covariance = self._covariance(self.observed_points, self.observed_points)
        covariance.diagonal(dim1=1, dim2=2).add_(self._ratios[:, None])
        factor = torch.linalg.cholesky(covariance)
        identity = torch.eye(factor.shape[1], dtype=factor.dtype, device=self._device)
        return torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)

    def _covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """(R, p, q) of points (R, p, d) and (R, q, d) of each search, in double precision, without cancellation."""
        total = a.new_zeros(len(a), a.shape[1], b.shape[1])
        for term in self._terms:
            one, other = a[:, :, term.columns], b[:, :, term.columns]
            distances = torch.cdist(one.contiguous(), other.contiguous(), compute_mode="donot_use_mm_for_euclid_dist")
            scaled = distances / term.lengths[:, None, None]
            total += correlation(scaled, self._kernel).mul_(term.weights[:, None, None])
        return total

    def prepare(self, inverse: Tensor) -> None:
        """Bring what products with a pool need to single precision."""
        self._inverse = inverse.transpose(1, 2).float().contiguous()  # (R, n, n) L^-T
        self._single_alpha = self.alpha.float()
        self._others = [term.other_side(self.observed_points) for term in self._terms]
        self.entries = self.observed_points.shape[0] * self.observed_points.shape[1] * (len(self._terms) + 2)

    @override
    def of(self, points: Tensor) -> tuple[Tensor, Tensor]:
        runs, n, _ = self.observed_points.shape
        with thread_count(1):
            squares = [term.squares(points, other) for term, other in zip(self._terms, self._others, strict=True)]
            weights = [term.single_weights.repeat_interleave(n) for term in self._terms]
            covariances = _mixture(self._kernel, self._device.type)(squares, weights)
            across = covariances.view(len(points), runs, n).transpose(0, 1)
            mean = torch.bmm(across, self._single_alpha)[:, :, 0].double() + self._centre
            variance = 1 - torch.bmm(across, self._inverse).square_().sum(2)
            std = variance.clamp_min_(_FLOOR).sqrt_() * self._scale.float()[:, None]
        return mean.float(), std

    @override
    def believe(self, points: Array) -> tuple[PooledProcess, NDArray[np.float64]]:
        new = self._double(points)
        with thread_count(1):
            known = self.alpha.shape[1]
            means = torch.bmm(self._covariance(new, self.observed_points), self.alpha)[:, :, 0] + self._centre
            found = copy(self)
            found.observed_points = torch.cat([self.observed_points, new], 1)
            added = self.alpha.new_zeros(len(new), found.observed_points.shape[1] - known, 1)
            found.alpha = torch.cat([self.alpha, added], 1)  # what comes true says nothing new of the means
            found.prepare(found.inverse_factor())
        return found, means.cpu().numpy()


@dataclass(frozen=True, eq=False)
class _Scaled:
    """A term on a device: of R searches the weights, the lengths and the factors of squared distances."""

    columns: slice | Tensor
    weights: Tensor
    lengths: Tensor
    factors: Tensor
    single_weights: Tensor

    @classmethod
    def of(cls, term: Term, kernel: Kernel, device: torch.device) -> _Scaled:
        weights, lengths = (
            torch.tensor(values, dtype=torch.float64, device=device) for values in (term.weights, term.lengths)
        )
        columns = term.columns if isinstance(term.columns, slice) else torch.tensor(term.columns, device=device)
        factors = (5.0 if kernel == "matern52" else 0.5) / lengths.square()
        return cls(columns, weights, lengths, factors, weights.float())

    def other_side(self, observed: Tensor) -> Tensor:
        """(D + 2, R n) float32, what a pool's side is multiplied by."""
        b = observed[:, :, self.columns]
        scale = self.factors[:, None, None]
        norms = b.square().sum(2, keepdim=True)
        side = torch.cat([-2 * scale * b, scale.expand(*b.shape[:2], 1), scale * norms], 2)
        return side.flatten(0, 1).T.float().contiguous()

    def squares(self, points: Tensor, other: Tensor) -> Tensor:
        """(N, R n) scaled squared distances; rounding may make them negative."""
        a = points[:, self.columns]
        side = torch.cat([a, a.square().sum(1, keepdim=True), a.new_ones(len(a), 1)], 1)
        return side @ other


def _matern52(squares: list[Tensor], weights: list[Tensor]) -> Tensor:
    total = torch.zeros_like(squares[0])
    for square, weight in zip(squares, weights, strict=True):
        u = square.clamp_min(0).sqrt()
        total = total + weight * (1 + u + square.clamp_min(0) / 3) * torch.exp(-u)
    return total


def _rbf(squares: list[Tensor], weights: list[Tensor]) -> Tensor:
    total = torch.zeros_like(squares[0])
    for square, weight in zip(squares, weights, strict=True):
        total = total + weight * torch.exp(-square.clamp_min(0))
    return total


@cache
def _mixture(kernel: Kernel, kind: str) -> Callable[[list[Tensor], list[Tensor]], Tensor]:
    """Sums of weighted correlations (N, R n), one pass over memory where PyTorch can compile it for a GPU."""
    function = _matern52 if kernel == "matern52" else _rbf
    if kind == "cuda" and _can_compile():
        compiled: Callable[[list[Tensor], list[Tensor]], Tensor] = torch.compile(function, dynamic=True)
        return compiled
    return function


def _can_compile() -> bool:
    from torch.utils._triton import has_triton

    return bool(has_triton())
