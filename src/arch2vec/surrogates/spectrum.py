"""The marginal likelihood of a Gaussian model as a function of its noise, from one eigendecomposition.

Model: targets y ~ N(0, s (K / lambda + I)), with K = Phi Phi^T or any other
positive semi-definite matrix; s is the variance of the noise, s / lambda
multiplies K. In the eigenvectors of K the likelihood is a sum over eigenvalues,
and at a given ratio lambda the best noise variance has a closed form,
s = y^T (K / lambda + I)^-1 y / n, which leaves a function of lambda alone. It may
have several maxima, so it is scanned over its whole range before the highest is
refined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_NO_NOISE = 1e-30  # the least noise variance, reached by targets that are all zero
_PER_DECADE = 8  # points of the scan
_ZOOM, _ROUNDS = 17, 6  # each round narrows the scan's step eightfold


@dataclass(frozen=True)
class Normal:
    """A normal distribution of one number."""

    mean: float
    std: float

    def log_density(self, values: Tensor) -> Tensor:
        """Of values of any shape, without the constant."""
        return -0.5 * ((values - self.mean) / self.std).square()


@dataclass(frozen=True, eq=False)
class Peak:
    """Where the likelihoods of R runs are highest, each (R,).

    Attributes:
        ratio: lambda.
        noise: s.
        log_evidence: the log marginal likelihood there.
    """

    ratio: Tensor
    noise: Tensor
    log_evidence: Tensor


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What the marginal likelihoods of R runs need to know of K and y.

    Attributes:
        eigenvalues: (R, k) of K, ascending; the other n - k are zero.
        weights: (R, k) squared coordinates of y along their eigenvectors.
        rest: (R,) the squared length of y that is left over.
        n: how many targets there are.
    """

    eigenvalues: Tensor
    weights: Tensor
    rest: Tensor
    n: int

    @classmethod
    def of_covariance(cls, covariance: Tensor, targets: Tensor) -> Spectrum:
        """Of K (R, n, n) and targets (R, n), both float64."""
        values, vectors = torch.linalg.eigh(covariance)
        weights = torch.bmm(vectors.transpose(1, 2), targets.unsqueeze(2)).squeeze(2).square()
        return cls(values.clamp_min(0), weights, targets.new_zeros(len(targets)), targets.shape[1])

    @classmethod
    def of_basis(cls, basis: Tensor, targets: Tensor) -> Spectrum:
        """Of K = Phi Phi^T with Phi (R, n, m), and targets (R, n), both float64."""
        _, n, m = basis.shape
        if n <= m:
            return cls.of_covariance(basis @ basis.transpose(1, 2), targets)
        values, vectors = torch.linalg.eigh(basis.transpose(1, 2) @ basis)
        values = values.clamp_min(0)
        moment = basis.transpose(1, 2) @ targets.unsqueeze(2)
        projected = torch.bmm(vectors.transpose(1, 2), moment).squeeze(2).square()
        # Directions that the basis does not span carry nothing of y but rounding.
        spanned = values > n * torch.finfo(values.dtype).eps * values[:, -1:]
        weights = torch.where(spanned, projected / values.clamp_min(torch.finfo(values.dtype).tiny), 0.0)
        rest = (targets.square().sum(1) - weights.sum(1)).clamp_min(0)
        return cls(values, weights, rest, n)

    def log_evidence(self, alpha: Tensor, beta: Tensor) -> Tensor:
        """(R,) log marginal likelihood of N(0, K / alpha + I / beta), alpha and beta (R,)."""
        variances = self.eigenvalues / alpha[:, None] + 1 / beta[:, None]
        k = self.eigenvalues.shape[1]
        quadratic = (self.weights / variances).sum(1) + self.rest * beta
        log_determinant = variances.log().sum(1) - (self.n - k) * beta.log()
        return -0.5 * (quadratic + log_determinant + self.n * math.log(2 * math.pi))

    def profile(self, log_ratio: Tensor) -> tuple[Tensor, Tensor]:
        """The log marginal likelihood at ratios lambda, each with its best noise.

        Args:
            log_ratio: (R, L) log lambda.

        Returns:
            Log marginal likelihood (R, L) and the noise variance (R, L).
        """
        variances = self.eigenvalues.unsqueeze(1) / log_ratio.exp().unsqueeze(2) + 1
        quadratic = (self.weights.unsqueeze(1) / variances).sum(2) + self.rest.unsqueeze(1)
        noise = (quadratic / self.n).clamp_min(_NO_NOISE)
        log_evidence = -0.5 * (variances.log().sum(2) + self.n * (noise.log() + 1 + math.log(2 * math.pi)))
        return log_evidence, noise

    def peak(self, bounds: tuple[float, float], prior: Normal | None = None) -> Peak:
        """The most likely ratio lambda, or with a prior of log lambda the most probable one.

        Args:
            bounds: of lambda, relative to the largest eigenvalue.
            prior: it counts in the choice, not in the evidence returned.
        """
        lowest, highest = (math.log(bound) for bound in bounds)
        count = 1 + round(_PER_DECADE * (highest - lowest) / math.log(10))
        place = self.eigenvalues.device
        scan = torch.linspace(lowest, highest, count, dtype=torch.float64, device=place)
        grid = scan + self.eigenvalues[:, -1:].log()
        first, last = grid[:, :1], grid[:, -1:]
        step = (highest - lowest) / (count - 1)
        centre = self._best(grid, prior)
        offsets = torch.linspace(-1, 1, _ZOOM, dtype=torch.float64, device=place)
        for _ in range(_ROUNDS):
            centre = self._best((centre + step * offsets).clamp(first, last), prior)
            step *= 2 / (_ZOOM - 1)
        log_evidence, noise = self.profile(centre)
        return Peak(centre[:, 0].exp(), noise[:, 0], log_evidence[:, 0])

    def _best(self, log_ratio: Tensor, prior: Normal | None) -> Tensor:
        """(R, 1) the best of the ratios (R, L)."""
        likelihood, _ = self.profile(log_ratio)
        if prior is not None:
            likelihood = likelihood + prior.log_density(log_ratio)
        return log_ratio.gather(1, likelihood.argmax(1, keepdim=True))
