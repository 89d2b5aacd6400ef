"""Exact Gaussian-process regression, its hyper-parameters by marginal likelihood, for many runs at once.

Model (Rasmussen and Williams, 2006, section 2.2): targets y = f(x) + noise,
f a Gaussian process of constant mean and covariance v k(r / l), with r the
Euclidean distance of two points, l the length scale and k one of

    Matern 5/2   (1 + u + u^2 / 3) exp(-u),  u = sqrt(5) r / l
    RBF          exp(-(r / l)^2 / 2).

The noise has variance v lambda. At given l and lambda the best v has a closed
form, and at given l one eigendecomposition gives the likelihood of every lambda
(:mod:`arch2vec.surrogates.spectrum`). That leaves l, which is scanned and then
refined: no gradient, no start, no local optimum. Two wide log-normal priors, on
l and on lambda, keep them sensible where there are few targets. Beyond
:data:`arch2vec.surrogates.gp_belief.FEW` observations they are those of the first few.
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
from arch2vec.errors import unknown
from arch2vec.surrogates.base import Array, Learned, Scale, Seed, checked
from arch2vec.surrogates.gp_belief import FEW, GPBelief, posterior_mean
from arch2vec.surrogates.kernels import Kernel, correlation
from arch2vec.surrogates.pooled import PooledSurrogate
from arch2vec.surrogates.pooled_process import PooledProcess, Term
from arch2vec.surrogates.spectrum import Normal, Spectrum

_LENGTHS = (0.1, 10.0)  # of l, relative to the root mean square distance of the observed points
_SCAN, _ROUNDS = 9, 3  # each round halves the scan's step
_RATIOS = (1e-6, 1e2)  # of lambda, relative to the largest eigenvalue of the kernel matrix
_LENGTH_PRIOR = Normal(math.log(0.7), 1.0)  # of log l, relative as above
_RATIO_PRIOR = Normal(math.log(0.01), 3.0)  # of log lambda


@dataclass(frozen=True)
class GaussianProcess(PooledSurrogate):
    """The surrogate's settings.

    Attributes:
        kernel: the covariance's shape.
        priors: whether the hyper-parameters have priors, or only the likelihood counts.
    """

    kernel: Kernel = "matern52"
    priors: bool = True

    def __post_init__(self) -> None:
        if self.kernel not in ("matern52", "rbf"):
            raise unknown("kernel", self.kernel, ("matern52", "rbf"))

    @override
    def learn_on(
        self, device: torch.device, features: Array, targets: Array, seeds: Sequence[Seed]
    ) -> Sequence[LearnedGP]:
        return self.fit(features, targets, seeds, device)

    @override
    def pooled(
        self, learned: Sequence[Learned], observed: Array, targets: NDArray[np.float64], device: torch.device
    ) -> PooledProcess:
        own = [one for one in learned if isinstance(one, LearnedGP)]
        terms = [Term(slice(None), [1.0] * len(own), [one.length for one in own])]
        return PooledProcess(terms, self.kernel, [one.ratio for one in own], observed, targets, device)

    def fit(
        self, features: Array, targets: Array, seeds: Sequence[Seed] | None = None, device: torch.device = CPU
    ) -> list[LearnedGP]:
        """As :meth:`learn_on`; nothing is random, so that seeds do not matter."""
        features, targets = checked(features, targets, seeds if seeds is not None else range(len(targets)))
        with thread_count(1):
            targets = targets[:, :FEW]
            y = torch.from_numpy(Scale.of(targets).standardise(targets)).to(device)
            distances = _distances(torch.from_numpy(features[:, :FEW]).to(device))
            n = distances.shape[1]
            unit = (distances.square().sum((1, 2)) / max(1, n * (n - 1))).sqrt()
            unit = torch.where(unit > 0, unit, 1.0)
            lengths, ratios, evidence = self._search(distances / unit[:, None, None], y)
            fitted = zip((lengths * unit).tolist(), ratios.tolist(), evidence.tolist(), strict=True)
        return [LearnedGP(self.kernel, length, ratio, value) for length, ratio, value in fitted]

    def _search(self, distances: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The best length scales (R,), ratios (R,) and log evidences (R,)."""
        lowest, highest = (math.log(bound) for bound in _LENGTHS)
        step = (highest - lowest) / (_SCAN - 1)
        scan = torch.linspace(lowest, highest, _SCAN, dtype=torch.float64, device=targets.device)
        logs = scan.expand(len(targets), _SCAN)
        best = self._best(distances, targets, logs)
        for _ in range(_ROUNDS):
            step /= 2
            sides = torch.stack([best[:, 0] - step, best[:, 0] + step], 1).clamp(lowest, highest)
            tried = self._best(distances, targets, sides)
            best = torch.where((tried[:, 3] > best[:, 3])[:, None], tried, best)
        return best[:, 0].exp(), best[:, 1], best[:, 2]

    def _best(self, distances: Tensor, targets: Tensor, logs: Tensor) -> Tensor:
        """Of log length scales (R, G) the best: (R, 4) log length, ratio, log evidence and that with its priors."""
        runs, count = logs.shape
        n = targets.shape[1]
        scaled = distances.unsqueeze(1) / logs.exp()[:, :, None, None]
        spectrum = Spectrum.of_covariance(
            correlation(scaled.reshape(runs * count, n, n), self.kernel), targets.repeat_interleave(count, 0)
        )
        peak = spectrum.peak(_RATIOS, _RATIO_PRIOR if self.priors else None)
        posterior = peak.log_evidence.view(runs, count)
        if self.priors:
            posterior = posterior + _LENGTH_PRIOR.log_density(logs)
            posterior = posterior + _RATIO_PRIOR.log_density(peak.ratio.log()).view(runs, count)
        table = torch.stack([logs.reshape(-1), peak.ratio, peak.log_evidence, posterior.reshape(-1)], 1)
        return table.view(runs, count, 4)[torch.arange(runs, device=logs.device), posterior.argmax(1)]


@dataclass(frozen=True)
class LearnedGP(Learned):
    """One run's hyper-parameters.

    Attributes:
        kernel: the covariance's shape.
        length: l, in the features' unit.
        ratio: lambda, the noise's variance relative to the function's.
        log_evidence: the log marginal likelihood of the standardised targets.
    """

    kernel: Kernel
    length: float
    ratio: float
    log_evidence: float

    @override
    def belief(self, points: Array, observed: Array) -> GPBelief:
        return GPBelief(self.covariance, self.ratio, points, observed)

    def covariance(self, a: Tensor, b: Tensor) -> Tensor:
        """(p, q) prior covariances of points (p, d) and (q, d), where the prior variance is 1."""
        return correlation(torch.cdist(a, b).div_(self.length), self.kernel)

    def posterior_mean(self, points: Array, observed: Array, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,) what is expected at points (N, d), given targets (n,) at observed points (n, d)."""
        return posterior_mean(self.covariance, self.ratio, points, observed, targets)


def _distances(points: Tensor) -> Tensor:
    """(R, n, n) Euclidean distances of points (R, n, d), without the cancellation of a product's difference."""
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
