"""Bayesian linear regression with its two hyper-parameters by marginal likelihood, batched over runs.

Model (Bishop, Pattern Recognition and Machine Learning, section 3.3): weights
w ~ N(0, I / alpha), targets y = Phi w + N(0, 1 / beta). The posterior of w is
Gaussian with precision A = alpha I + beta Phi^T Phi and mean beta A^-1 Phi^T y,
and the targets' marginal likelihood is that of N(0, Phi Phi^T / alpha + I / beta).

The hyper-parameters are found exactly rather than by a fixed-point iteration
(:mod:`arch2vec.surrogates.spectrum`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from arch2vec.surrogates.spectrum import Spectrum

_LAMBDA_RANGE = (1e-10, 1e4)  # of lambda = alpha / beta, relative to the largest eigenvalue of Phi Phi^T


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
        peak = Spectrum.of_basis(basis, targets).peak(_LAMBDA_RANGE)
        beta = 1 / peak.noise
        return cls.at(basis, targets, peak.ratio * beta, beta, peak.log_evidence)

    @classmethod
    def at(
        cls, basis: Tensor, targets: Tensor, alpha: Tensor, beta: Tensor, log_evidence: Tensor | None = None
    ) -> BayesianLinear:
        """The posteriors at given hyper-parameters, each (R,)."""
        m = basis.shape[2]
        identity = torch.eye(m, dtype=torch.float64, device=basis.device)
        ratio = (alpha / beta)[:, None, None]
        # A / beta: the noise can be next to zero, the ratio is bounded
        cholesky = torch.linalg.cholesky(basis.transpose(1, 2) @ basis + ratio * identity)
        moment = basis.transpose(1, 2) @ targets.unsqueeze(2)
        mean = torch.cholesky_solve(moment, cholesky).squeeze(2)
        inverse = torch.linalg.solve_triangular(cholesky, identity.expand_as(cholesky), upper=False)
        factor = inverse.transpose(1, 2) / beta.sqrt()[:, None, None]
        if log_evidence is None:
            log_evidence = Spectrum.of_basis(basis, targets).log_evidence(alpha, beta)
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
