"""Bayesian linear regression with its two hyper-parameters by marginal likelihood, batched over runs.

Model (Bishop, Pattern Recognition and Machine Learning, section 3.3): weights
w ~ N(0, I / alpha), targets y = Phi w + N(0, 1 / beta). The posterior of w is
Gaussian with precision A = alpha I + beta Phi^T Phi and mean beta A^-1 Phi^T y,
and the targets' marginal likelihood is that of N(0, Phi Phi^T / alpha + I / beta).

The hyper-parameters are found exactly rather than by a fixed-point iteration.
One eigendecomposition, of Phi Phi^T or Phi^T Phi, whichever is smaller, turns
the marginal likelihood into sums over eigenvalues. At a given ratio
lambda = alpha / beta the best noise variance has a closed form,
y^T (Phi Phi^T / lambda + I)^-1 y / n, which leaves a function of lambda alone.
It may have several maxima, so it is scanned over the whole range before the
highest is refined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_LAMBDA_RANGE = (1e-10, 1e4)  # of lambda, relative to the largest eigenvalue of Phi Phi^T
_NO_NOISE = 1e-30  # the least noise variance, reached by targets that are all zero
_SCAN, _ZOOM, _ROUNDS = 113, 17, 6  # scanned every eighth of a decade; each round narrows that eightfold


@dataclass(frozen=True, eq=False)
class BayesianLinear:
    """The posteriors over the weights of R independent regressions.

    Attributes:
        mean: (R, m) float64, the weights' posterior means.
        factor: (R, m, m) float64, F with F F^T the weights' posterior covariance.
        alpha: (R,) precision of the prior.
        beta: (R,) precision of the noise.
        log_evidence: (R,) log marginal likelihood of the targets at alpha and beta.
    """

    mean: Tensor
    factor: Tensor
    alpha: Tensor
    beta: Tensor
    log_evidence: Tensor

    @classmethod
    def fit(cls, basis: Tensor, targets: Tensor) -> BayesianLinear:
        """The posteriors at the hyper-parameters that maximise the marginal likelihood.

        lambda is sought between 1e-10 and 1e4 times the largest eigenvalue of
        Phi Phi^T: from next to no noise to next to nothing but noise.

        Args:
            basis: (R, n, m) float64, Phi.
            targets: (R, n) float64.
        """
        spectrum = _Spectrum.of(basis, targets)
        lowest, highest = (math.log(bound) for bound in _LAMBDA_RANGE)
        grid = torch.linspace(lowest, highest, _SCAN, dtype=torch.float64) + spectrum.log_scale[:, None]
        first, last = grid[:, :1], grid[:, -1:]
        step = (highest - lowest) / (_SCAN - 1)
        centre = _best(spectrum, grid)
        offsets = torch.linspace(-1, 1, _ZOOM, dtype=torch.float64)
        for _ in range(_ROUNDS):
            centre = _best(spectrum, (centre + step * offsets).clamp(first, last))
            step *= 2 / (_ZOOM - 1)
        log_evidence, noise = spectrum.profile(centre)
        beta = 1 / noise[:, 0]
        return cls.at(basis, targets, centre[:, 0].exp() * beta, beta, log_evidence[:, 0])

    @classmethod
    def at(
        cls, basis: Tensor, targets: Tensor, alpha: Tensor, beta: Tensor, log_evidence: Tensor | None = None
    ) -> BayesianLinear:
        """The posteriors at given hyper-parameters, each (R,)."""
        m = basis.shape[2]
        identity = torch.eye(m, dtype=torch.float64)
        ratio = (alpha / beta)[:, None, None]
        # A / beta: the noise can be next to zero, the ratio is bounded
        cholesky = torch.linalg.cholesky(basis.transpose(1, 2) @ basis + ratio * identity)
        moment = basis.transpose(1, 2) @ targets.unsqueeze(2)
        mean = torch.cholesky_solve(moment, cholesky).squeeze(2)
        inverse = torch.linalg.solve_triangular(cholesky, identity.expand_as(cholesky), upper=False)
        factor = inverse.transpose(1, 2) / beta.sqrt()[:, None, None]
        if log_evidence is None:
            log_evidence = _Spectrum.of(basis, targets).log_evidence(alpha, beta)
        return cls(mean, factor, alpha, beta, log_evidence)

    def run(self, run: int) -> BayesianLinear:
        """One of the regressions, as R = 1."""
        part = slice(run, run + 1)
        return BayesianLinear(
            self.mean[part], self.factor[part], self.alpha[part], self.beta[part], self.log_evidence[part]
        )

    def predict(self, basis: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the noise-free function at new points.

        Args:
            basis: (R, N, m), float64 or float32; the sums are done in its type.
                The variance is a sum of squares, so that nothing cancels in either.

        Returns:
            Mean (R, N) and variance (R, N).
        """
        mean = torch.bmm(basis, self.mean.to(basis.dtype).unsqueeze(2)).squeeze(2)
        return mean, torch.bmm(basis, self.factor.to(basis.dtype)).square_().sum(2)

    def condition(self, basis: Tensor) -> BayesianLinear:
        """The posteriors after observing, at each of q points, just what they predict there.

        The means stay and the covariance shrinks as it would for any values: with
        a = F^T phi, F becomes F (I - g a a^T), where g is such that the square
        of the bracket is I - a a^T / (1 / beta + a^T a). The hyper-parameters stay.

        Args:
            basis: (R, q, m) float64.
        """
        factor = self.factor
        for point in basis.unbind(1):
            a = torch.bmm(factor.transpose(1, 2), point.unsqueeze(2))
            squared = a.square().sum(1, keepdim=True)
            noise = (1 / self.beta)[:, None, None]
            # 1 - sqrt(1 - t) written without its cancellation, t = |a|^2 / (noise + |a|^2)
            share = squared / (noise + squared)
            g = share / (1 + (noise / (noise + squared)).sqrt()) / squared.clamp_min(torch.finfo(a.dtype).tiny)
            factor = factor - g * torch.bmm(factor, a) * a.transpose(1, 2)
        return BayesianLinear(self.mean, factor, self.alpha, self.beta, self.log_evidence)


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """What the marginal likelihood needs to know of Phi and y.

    Attributes:
        eigenvalues: (R, k) of Phi Phi^T, k = min(n, m); the other n - k are zero.
        weights: (R, k) squared coordinates of y along their eigenvectors.
        rest: (R,) the squared length of y that is left over.
        n: how many targets there are.
    """

    eigenvalues: Tensor
    weights: Tensor
    rest: Tensor
    n: int

    @classmethod
    def of(cls, basis: Tensor, targets: Tensor) -> _Spectrum:
        _, n, m = basis.shape
        if n <= m:
            values, vectors = torch.linalg.eigh(basis @ basis.transpose(1, 2))
            values = values.clamp_min(0)
            weights = torch.bmm(vectors.transpose(1, 2), targets.unsqueeze(2)).squeeze(2).square()
        else:
            values, vectors = torch.linalg.eigh(basis.transpose(1, 2) @ basis)
            values = values.clamp_min(0)
            moment = basis.transpose(1, 2) @ targets.unsqueeze(2)
            projected = torch.bmm(vectors.transpose(1, 2), moment).squeeze(2).square()
            # Directions that the basis does not span carry nothing of y but rounding.
            spanned = values > n * torch.finfo(values.dtype).eps * values[:, -1:]
            weights = torch.where(spanned, projected / values.clamp_min(torch.finfo(values.dtype).tiny), 0.0)
        rest = (targets.square().sum(1) - weights.sum(1)).clamp_min(0) if n > m else targets.new_zeros(len(targets))
        return cls(values, weights, rest, n)

    @property
    def log_scale(self) -> Tensor:
        """(R,) log of the largest eigenvalue."""
        return self.eigenvalues[:, -1].log()

    def log_evidence(self, alpha: Tensor, beta: Tensor) -> Tensor:
        """(R,) log marginal likelihood at hyper-parameters (R,)."""
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


def _best(spectrum: _Spectrum, log_ratio: Tensor) -> Tensor:
    """(R, 1) the most likely of the ratios (R, L)."""
    likelihood, _ = spectrum.profile(log_ratio)
    return log_ratio.gather(1, likelihood.argmax(1, keepdim=True))
