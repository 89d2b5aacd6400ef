r"""A Gaussian process that finds out what each group of numbers is worth, for many runs at once.

Vectors come in named groups (:mod:`arch2vec.representations`). The covariance is a sum
of terms, each a Matern 5/2 of some groups' Euclidean distance with a weight and a length
scale of its own:

.. math:: k(x, x') = \sum_t w_t \, m(|x_t - x'_t| / l_t), \qquad
          m(r) = (1 + u + u^2 / 3) e^{-u}, \; u = \sqrt 5 r,

plus noise of variance v. By default there is a term for every group, and one of the
groups that say what a cell computes taken together, so that they can act on each other. A
sum over groups is a sum of functions of each (Duvenaud, Nickisch and Rasmussen,
NeurIPS 2011): where one group says it all, the others' weights go to zero and cost
nothing.

The logarithms of w, l and v have wide normal priors and are those of greatest posterior
density, found by BFGS from the priors' means with the exact gradient (Rasmussen and
Williams, 2006, equation 5.9):

    d log p(y) / dt = 1/2 tr((a a^T - K^-1) dK/dt),   a = K^-1 y.

Lengths are in units of the root mean square distance of the observed points in a term's
columns. A group may hold tokens instead of numbers: its distance is that of an optimal
assignment (:mod:`arch2vec.surrogates.assignment`).
Beyond :data:`arch2vec.surrogates.gp_belief.FEW` observations the parameters are those of the first few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from arch2vec.common.devices import CPU
from arch2vec.common.threads import thread_count
from arch2vec.errors import InputError
from arch2vec.surrogates.assignment import token_squares
from arch2vec.surrogates.base import Array, Learned, Scale, Seed, checked
from arch2vec.surrogates.gp_belief import FEW, GPBelief, posterior_mean
from arch2vec.surrogates.kernels import correlation
from arch2vec.surrogates.pooled import PooledSurrogate
from arch2vec.surrogates.pooled_process import PooledProcess, Term
from arch2vec.surrogates.quasi_newton import minimise

_NOISE_MEAN, _NOISE_STD = math.log(0.1), 1.5  # of the prior of log v
_WEIGHT_STD, _LENGTH_STD = 1.5, 1.0  # of the priors of log w (median: its share) and log l (median 1)
_JITTER = 1e-6  # added to the diagonal: equal vectors with equal labels have a singular covariance


@dataclass(frozen=True)
class GroupedPrior:
    """Normal distributions of the parameters of T terms: T log weights, T log lengths and the log noise.

    Weights and the noise are shares of the standardised labels' variance; lengths are in units of the root mean
    square distance of the observed points, so that a prior says the same of other data.

    Attributes:
        means: 2 T + 1 of them.
        deviations: as many.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]

    @classmethod
    def wide(cls, terms: int, shares: Sequence[float] | None = None) -> GroupedPrior:
        """What is taken for granted where nothing is known.

        Args:
            terms: T, how many terms the covariance has.
            shares: of the prior variance that each is expected to have, the medians of the weights; None for
                equal ones. They decide with few observations.
        """
        return cls(
            (*map(math.log, shares or [1 / terms] * terms), *[0.0] * terms, _NOISE_MEAN),
            (*[_WEIGHT_STD] * terms, *[_LENGTH_STD] * terms, _NOISE_STD),
        )

    def around(self, parameters: Sequence[float], narrower: float) -> GroupedPrior:
        """The same around other means, with deviations ``narrower`` times as large."""
        return GroupedPrior(tuple(parameters), tuple(narrower * deviation for deviation in self.deviations))


@dataclass(frozen=True)
class GroupedProcess(PooledSurrogate):
    """The surrogate's settings.

    Attributes:
        sizes: how many columns each group has, in the order of the columns.
        terms: of the covariance, each the numbers of the groups that it looks at.
        tokens: the numbers of the groups that hold tokens.
        prior: of the parameters, None for :meth:`GroupedPrior.wide`.

    Raises:
        InputError: a group has no column, or there is no term, or one looks at no group or at one that is not there.
    """

    sizes: tuple[int, ...]
    terms: tuple[tuple[int, ...], ...]
    tokens: frozenset[int] = frozenset()
    prior: GroupedPrior | None = None

    def __post_init__(self) -> None:
        known = range(len(self.sizes))
        if min(self.sizes, default=0) < 1 or not self.terms:
            raise InputError(f"a covariance needs terms and groups of at least one column each, got {self}")
        if any(not term or any(group not in known for group in term) for term in self.terms):
            raise InputError(f"a term looks at some of the groups 0 to {len(self.sizes) - 1}, got {self.terms}")
        if not self.tokens <= set(known):
            raise InputError(f"tokens are in some of the groups 0 to {len(self.sizes) - 1}, got {sorted(self.tokens)}")
        numbers = 2 * len(self.terms) + 1
        if self.prior is not None and not len(self.prior.means) == len(self.prior.deviations) == numbers:
            raise InputError(f"a prior of {len(self.terms)} terms has {numbers} means and deviations, got {self.prior}")

    @override
    def learn_on(
        self, device: torch.device, features: Array, targets: Array, seeds: Sequence[Seed]
    ) -> Sequence[LearnedGroups]:
        return self.fit(features, targets, seeds, device)

    @override
    def pooled(
        self, learned: Sequence[Learned], observed: Array, targets: NDArray[np.float64], device: torch.device
    ) -> PooledProcess:
        if self.tokens:
            raise InputError("groups of tokens are compared on the processor only: choose the device cpu")
        own = [one for one in learned if isinstance(one, LearnedGroups)]
        terms = [
            Term(self._columns(term), [one.weights[place] for one in own], [one.lengths[place] for one in own])
            for place, term in enumerate(self.terms)
        ]
        ratios = [one.ratio + _JITTER for one in own]
        return PooledProcess(terms, "matern52", ratios, observed, targets, device)

    def _columns(self, term: tuple[int, ...]) -> list[int]:
        starts = np.cumsum((0, *self.sizes))
        return [int(starts[group]) + column for group in term for column in range(self.sizes[group])]

    def fit(
        self, features: Array, targets: Array, seeds: Sequence[Seed] | None = None, device: torch.device = CPU
    ) -> list[LearnedGroups]:
        """As :meth:`learn_on`; nothing is random, so that seeds do not matter."""
        features, targets = checked(features, targets, seeds if seeds is not None else range(len(targets)))
        if features.shape[2] != sum(self.sizes):
            raise InputError(
                f"groups of {self.sizes} columns need features (R, n, {sum(self.sizes)}), got {features.shape}"
            )
        with thread_count(1):
            found, units = self._found(features, targets, device)
            weights, lengths, noise = _split(found, len(self.terms))
            total = weights.sum(1, keepdim=True)
            scales = lengths * units
        return [
            LearnedGroups(self.sizes, self.terms, tuple(weight), tuple(length), ratio, self.tokens)
            for weight, length, ratio in zip(
                (weights / total).tolist(), scales.tolist(), (noise / total[:, 0]).tolist(), strict=True
            )
        ]

    def posterior(self, features: Array, targets: Array, narrower: float = 0.5) -> GroupedPrior:
        """What the data of one run says of the parameters, as a prior for other data.

        Args:
            features: (n, d) the points at which the function was observed.
            targets: (n,) the values that were observed there.
            narrower: how much smaller the deviations are than those of this process's own prior.
        """
        x, y = checked(features[None], targets[None], [0])
        with thread_count(1):
            found, _ = self._found(x, y)
        return self._prior.around(found[0].tolist(), narrower)

    @property
    def _prior(self) -> GroupedPrior:
        return self.prior if self.prior is not None else GroupedPrior.wide(len(self.terms))

    def _found(
        self, features: NDArray[np.float64], targets: NDArray[np.float64], device: torch.device = CPU
    ) -> tuple[Tensor, Tensor]:
        """The most probable parameters (R, 2 T + 1), and the units of lengths (R, T)."""
        y = torch.from_numpy(Scale.of(targets[:, :FEW]).standardise(targets[:, :FEW])).to(device)
        squares, units = self._squares(torch.from_numpy(features[:, :FEW]).to(device))
        posterior = _Posterior(squares, y, self._prior)
        return minimise(posterior, posterior.start()), units

    def _squares(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """For each term (R, n, n) squared distances in units, and (R, T) the units."""
        groups = [
            torch.stack([token_squares(run, run) for run in part])
            if place in self.tokens
            else torch.cdist(part, part, compute_mode="donot_use_mm_for_euclid_dist").square_()
            for place, part in enumerate(torch.split(x, list(self.sizes), dim=2))
        ]
        squares, units = [], []
        n = x.shape[1]
        for term in self.terms:
            square = torch.stack([groups[group] for group in term]).sum(0)
            unit = square.sum((1, 2)) / max(1, n * (n - 1))
            unit = torch.where(unit > 0, unit, 1.0)
            squares.append(square / unit[:, None, None])
            units.append(unit.sqrt())
        return squares, torch.stack(units, 1)


class _Posterior:
    """The negative log posterior density of R runs' parameters, (A, 2 T + 1): log weights, log lengths, log noise."""

    def __init__(self, squares: list[Tensor], targets: Tensor, prior: GroupedPrior | None = None) -> None:
        self._squares, self._targets = squares, targets
        prior = prior if prior is not None else GroupedPrior.wide(len(squares))
        numbers = (prior.means, prior.deviations)
        self._mean, self._std = (torch.tensor(each, dtype=torch.float64, device=targets.device) for each in numbers)

    def start(self) -> Tensor:
        """(R, P) the prior's means."""
        return self._mean.repeat(len(self._targets), 1)

    def split(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights (A, T), lengths (A, T) and noise variances (A,)."""
        return _split(parameters, len(self._squares))

    def __call__(self, runs: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        weights, lengths, noise = self.split(parameters)
        y = self._targets[runs].unsqueeze(2)
        n = y.shape[1]
        kernels, slopes = [], []  # of each term, and their derivatives by log l
        for place, square in enumerate(self._squares):
            scaled = (square if len(runs) == len(square) else square[runs]) / lengths[:, place, None, None].square()
            u = (5 * scaled).sqrt()
            decay = torch.exp(-u)
            kernels.append((1 + u + u.square() / 3).mul_(decay))
            slopes.append((5 / 3 * scaled).mul_(1 + u).mul_(decay))
        covariance = sum(
            (weights[:, place, None, None] * kernel for place, kernel in enumerate(kernels[1:], start=1)),
            weights[:, 0, None, None] * kernels[0],
        )
        covariance.diagonal(dim1=1, dim2=2).add_(noise[:, None] + _JITTER * weights.sum(1, keepdim=True))
        factor, failed = torch.linalg.cholesky_ex(covariance)
        inverse = torch.cholesky_inverse(factor)
        alpha = inverse @ y
        outer = alpha @ alpha.transpose(1, 2) - inverse
        evidence = -0.5 * (y * alpha).sum((1, 2)) - factor.diagonal(dim1=1, dim2=2).log().sum(1)
        evidence = evidence - 0.5 * n * math.log(2 * math.pi)
        by_weight = torch.stack([(outer * kernel).sum((1, 2)) for kernel in kernels], 1)
        by_length = torch.stack([(outer * slope).sum((1, 2)) for slope in slopes], 1)
        trace = outer.diagonal(dim1=1, dim2=2).sum(1)
        shared = _JITTER * trace[:, None]
        gradient = 0.5 * torch.cat([weights * (by_weight + shared), weights * by_length, (noise * trace)[:, None]], 1)
        away = (parameters - self._mean) / self._std
        value = -(evidence - 0.5 * away.square().sum(1))
        value = torch.where((failed == 0) & value.isfinite(), value, torch.inf)
        return value, torch.nan_to_num(-(gradient - away / self._std))


def _split(parameters: Tensor, terms: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (A, T), lengths (A, T) and noise variances (A,) of their logarithms (A, 2 T + 1)."""
    numbers = parameters.exp()
    return numbers[:, :terms], numbers[:, terms : 2 * terms], numbers[:, -1]


@dataclass(frozen=True)
class LearnedGroups(Learned):
    """One run's parameters.

    Attributes:
        sizes: of the groups, in columns.
        terms: of the covariance, each the numbers of its groups.
        weights: their shares of the prior variance; they sum to 1.
        lengths: of each term, in the features' unit.
        ratio: the noise's variance relative to the function's.
        tokens: the numbers of the groups that hold tokens.
    """

    sizes: tuple[int, ...]
    terms: tuple[tuple[int, ...], ...]
    weights: tuple[float, ...]
    lengths: tuple[float, ...]
    ratio: float
    tokens: frozenset[int] = frozenset()

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """(p, q) prior covariances of points (p, d) and (q, d), where the prior variance is 1."""
        squares = self._group_squares(a, b)
        total = torch.zeros(len(a), len(b), dtype=a.dtype)
        for term, weight, length in zip(self.terms, self.weights, self.lengths, strict=True):
            square = squares[term[0]] if len(term) == 1 else torch.stack([squares[group] for group in term]).sum(0)
            total += correlation(square.sqrt() / length, "matern52").mul_(weight)
        return total

    def _group_squares(self, a: Tensor, b: Tensor) -> list[Tensor]:
        """For each group (p, q) squared distances."""
        parts = list(zip(torch.split(a, list(self.sizes), dim=1), torch.split(b, list(self.sizes), dim=1), strict=True))
        # One point takes one pass over the others for all groups.
        away = torch.split((b - a).square_(), list(self.sizes), dim=1) if len(a) == 1 else None
        squares = []
        for place, (one, other) in enumerate(parts):
            if place in self.tokens:
                squares.append(token_squares(one.contiguous(), other.contiguous()))
            elif away is not None:
                squares.append(away[place].sum(1).unsqueeze(0))
            else:
                squares.append(torch.cdist(one.contiguous(), other.contiguous()).square_())
        return squares

    @override
    def belief(self, points: Array, observed: Array) -> GPBelief:
        return GPBelief(self.covariance, self.ratio + _JITTER, points, observed)

    def posterior_mean(self, points: Array, observed: Array, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,) what is expected at points (N, d), given targets (n,) at observed points (n, d)."""
        return posterior_mean(self.covariance, self.ratio + _JITTER, points, observed, targets)
