"""The Gaussian process that weighs groups, against the same model written in GPyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from arch2vec.surrogates.grouped_process import _JITTER, GroupedProcess, LearnedGroups, _Posterior

gpytorch = pytest.importorskip("gpytorch")

GROUPS = (2, 3, 1)
TERMS = ((0,), (1,), (2,), (0, 1))
Array = NDArray[np.float64]


def problem(n: int, runs: int = 1, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(runs, n, sum(GROUPS)))
    return x, np.sin(2 * x[..., 0]) + x[..., 1] * x[..., 3] + 0.2 * rng.standard_normal((runs, n))


class Model(gpytorch.models.ExactGP):  # type: ignore[misc, name-defined]
    """A scaled Matern 5/2 a term, each of the columns of its groups, and a mean that does not move."""

    def __init__(self, inputs: Tensor, outputs: Tensor) -> None:
        likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=gpytorch.constraints.GreaterThan(1e-9))
        super().__init__(inputs, outputs, likelihood)
        starts = np.cumsum([0, *GROUPS])
        self.terms = torch.nn.ModuleList(
            gpytorch.kernels.ScaleKernel(
                gpytorch.kernels.MaternKernel(
                    nu=2.5,
                    active_dims=tuple(column for group in term for column in range(starts[group], starts[group + 1])),
                )
            )
            for term in TERMS
        )

    def forward(self, inputs: Tensor) -> Any:
        covariance = sum(term(inputs).to_dense() for term in self.terms)
        return gpytorch.distributions.MultivariateNormal(inputs.new_zeros(len(inputs)), covariance)


def oracle(inputs: Array, outputs: Array, weights: Array, lengths: Array, noise: float) -> Model:
    model = Model(torch.from_numpy(inputs), torch.from_numpy(outputs)).double()
    for term, weight, length in zip(model.terms, weights, lengths, strict=True):
        term.initialize(outputscale=float(weight))
        term.base_kernel.initialize(lengthscale=float(length))
    model.likelihood.initialize(noise=noise)
    return model


def test_the_marginal_likelihood_and_its_gradient_equal_gpytorchs() -> None:
    x, y = problem(30, runs=3)
    squares, units = GroupedProcess(GROUPS, TERMS)._squares(torch.from_numpy(x))
    posterior = _Posterior(squares, torch.from_numpy(y))
    rng = np.random.default_rng(1)
    count = len(TERMS)
    for run in range(len(y)):
        at = posterior.start()[run].numpy() + 0.7 * rng.standard_normal(2 * count + 1)
        value, slope = posterior(torch.tensor([run]), torch.from_numpy(at)[None])
        away = (at - posterior._mean.numpy()) / posterior._std.numpy()
        weights, lengths, noise = np.exp(at[:count]), np.exp(at[count:-1]) * units[run].numpy(), math.exp(at[-1])

        model = oracle(x[run], y[run], weights, lengths, noise + _JITTER * weights.sum())
        model.train()
        likelihood = model.likelihood(model(torch.from_numpy(x[run])))
        evidence = likelihood.log_prob(torch.from_numpy(y[run]))
        assert float(value) == pytest.approx(-float(evidence.detach()) + 0.5 * away @ away, rel=1e-6)

        evidence.backward()

        def by_log(parameter: str, constraint: Any, module: Any) -> float:
            """The derivative by the logarithm of what GPyTorch keeps behind a constraint."""
            raw = getattr(module, parameter)
            leaf = raw.detach().clone().requires_grad_()
            natural = constraint.transform(leaf)
            natural.sum().backward()
            return float((raw.grad / leaf.grad * natural.detach()).sum())

        of_weights = [by_log("raw_outputscale", term.raw_outputscale_constraint, term) for term in model.terms]
        kernels: list[Any] = [term.base_kernel for term in model.terms]
        of_lengths = [by_log("raw_lengthscale", kernel.raw_lengthscale_constraint, kernel) for kernel in kernels]
        noises = model.likelihood.noise_covar
        by_variance = by_log("raw_noise", noises.raw_noise_constraint, noises) / (noise + _JITTER * weights.sum())
        # The jitter is a share of the weights, and so part of their derivatives.
        expected = np.concatenate([of_weights + _JITTER * weights * by_variance, of_lengths, [by_variance * noise]])
        np.testing.assert_allclose(-(slope[0].numpy() - away / posterior._std.numpy()), expected, rtol=1e-4, atol=1e-5)


def test_mean_and_deviation_equal_gpytorchs() -> None:
    x, y = problem(40)
    points = problem(60, seed=3)[0][0]
    (learned,) = GroupedProcess(GROUPS, TERMS).fit(x, y)
    assert isinstance(learned, LearnedGroups)
    forecast = learned.belief(points.astype(np.float32), x[0]).forecast(y[0])
    scale = forecast._scale**2
    model = oracle(
        x[0],
        y[0] - y.mean(),
        scale * np.array(learned.weights),
        np.array(learned.lengths),
        scale * (learned.ratio + _JITTER),
    ).eval()
    with torch.no_grad():
        expected = model(torch.from_numpy(points))
    np.testing.assert_allclose(forecast.mean - y.mean(), expected.mean.numpy(), atol=2e-4)
    np.testing.assert_allclose(forecast.std, expected.stddev.numpy(), rtol=2e-3)
    np.testing.assert_allclose(learned.posterior_mean(points, x[0], y[0]) - y.mean(), expected.mean.numpy(), atol=2e-4)
