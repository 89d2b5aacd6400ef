"""The surrogate against dense Gaussian algebra, automatic differentiation and its own laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from arch2vec.errors import InputError
from arch2vec.surrogates.basis_network import BasisNetwork, BasisTraining
from arch2vec.surrogates.bayesian_linear import BayesianLinear
from arch2vec.surrogates.dngo import DNGO

SHAPES = [(5, 9), (9, 9), (40, 9)]  # fewer targets than basis functions, as many, more


def problem(n: int, m: int, runs: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(runs, n, m, generator=generator, dtype=torch.float64)
    weights = torch.randn(runs, m, 1, generator=generator, dtype=torch.float64)
    noise = torch.randn(runs, n, generator=generator, dtype=torch.float64)
    return basis, (basis @ weights).squeeze(2) + 0.5 * noise


def dense_log_evidence(basis: Tensor, targets: Tensor, alpha: float, beta: float) -> float:
    """Log density of one run's targets under N(0, Phi Phi^T / alpha + I / beta)."""
    phi = basis.numpy()
    covariance = phi @ phi.T / alpha + np.eye(len(phi)) / beta
    return float(multivariate_normal(np.zeros(len(phi)), covariance).logpdf(targets.numpy()))


def constant(value: float, runs: int = 3) -> Tensor:
    return torch.full((runs,), value, dtype=torch.float64)


@pytest.mark.parametrize(("n", "m"), SHAPES)
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.03, 50.0), (20.0, 0.2)])
def test_log_evidence_equals_the_gaussian_density(n: int, m: int, alpha: float, beta: float) -> None:
    basis, targets = problem(n, m)
    fitted = BayesianLinear.at(basis, targets, constant(alpha), constant(beta))
    for run in range(3):
        expected = dense_log_evidence(basis[run], targets[run], alpha, beta)
        assert float(fitted.log_evidence[run]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_posterior_equals_the_gaussian_process_with_the_same_covariance(n: int, m: int) -> None:
    basis, targets = problem(n, m)
    points, _ = problem(7, m, seed=1)
    alpha, beta = 0.7, 3.0
    mean, variance = BayesianLinear.at(basis, targets, constant(alpha), constant(beta)).predict(points)
    for run in range(3):
        phi, new = basis[run].numpy(), points[run].numpy()
        observed = phi @ phi.T / alpha + np.eye(n) / beta
        across = new @ phi.T / alpha
        expected = new @ new.T / alpha - across @ np.linalg.solve(observed, across.T)
        np.testing.assert_allclose(mean[run], across @ np.linalg.solve(observed, targets[run].numpy()), rtol=1e-9)
        np.testing.assert_allclose(variance[run], np.diag(expected), rtol=1e-9)


@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_no_grid_point_has_a_higher_evidence(n: int, m: int) -> None:
    basis, targets = problem(n, m)
    fitted = BayesianLinear.fit(basis, targets)
    grid = np.logspace(-5, 5, 21)
    for run in range(3):
        found = dense_log_evidence(basis[run], targets[run], float(fitted.alpha[run]), float(fitted.beta[run]))
        assert found == pytest.approx(float(fitted.log_evidence[run]), rel=1e-7, abs=1e-6)
        single = fitted.run(run)
        for alpha in grid:
            values = BayesianLinear.at(
                basis[run : run + 1].expand(21, n, m),
                targets[run : run + 1].expand(21, n),
                torch.full((21,), alpha, dtype=torch.float64),
                torch.from_numpy(grid),
            ).log_evidence
            assert float(values.max()) <= float(single.log_evidence) + 1e-6


def test_evidence_is_stationary_at_the_optimum() -> None:
    basis, targets = problem(40, 9)
    fitted = BayesianLinear.fit(basis, targets)
    for factor in (0.999, 1.001):
        for alpha, beta in ((fitted.alpha * factor, fitted.beta), (fitted.alpha, fitted.beta * factor)):
            moved = BayesianLinear.at(basis, targets, alpha, beta).log_evidence
            assert (moved <= fitted.log_evidence + 1e-9).all()


def test_finds_the_noise_it_was_given() -> None:
    basis, targets = problem(400, 9)
    np.testing.assert_allclose(BayesianLinear.fit(basis, targets).beta.numpy() ** -0.5, 0.5, rtol=0.1)


def test_targets_of_nothing_but_zeros_are_no_trouble() -> None:
    basis, _ = problem(5, 9)
    mean, variance = BayesianLinear.fit(basis, torch.zeros(3, 5, dtype=torch.float64)).predict(basis)
    assert (mean == 0).all()
    assert torch.isfinite(variance).all()


@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_conditioning_on_beliefs_equals_a_refit_with_them(n: int, m: int) -> None:
    basis, targets = problem(n, m)
    points, _ = problem(3, m, seed=1)
    pool, _ = problem(11, m, seed=2)
    fitted = BayesianLinear.at(basis, targets, constant(0.7), constant(3.0))
    beliefs, _ = fitted.predict(points)
    refitted = BayesianLinear.at(
        torch.cat([basis, points], 1), torch.cat([targets, beliefs], 1), constant(0.7), constant(3.0)
    )
    for ours, expected in zip(fitted.condition(points).predict(pool), refitted.predict(pool), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_gradient_equals_automatic_differentiation(weight_decay: float) -> None:
    training = BasisTraining(width=8, layers=3, weight_decay=weight_decay)
    network = BasisNetwork(4, training, [1, 2])
    network.parameters.add_(torch.randn(network.parameters.shape, generator=torch.Generator().manual_seed(0)) * 0.1)
    features = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(3))
    targets = torch.randn(2, 6, generator=torch.Generator().manual_seed(4))
    gradient = torch.zeros_like(network.parameters)
    network.gradient(features, targets, gradient)

    flat = network.parameters.clone().requires_grad_()
    loss = torch.zeros(())
    for run in range(2):
        hidden, start = features[run], 0
        for inputs in (4, 8, 8, 8):
            outputs = 1 if start == 4 * 8 + 8 + 2 * (8 * 8 + 8) else 8
            weight = flat[run, start : start + inputs * outputs].view(inputs, outputs)
            start += inputs * outputs
            hidden = hidden @ weight + flat[run, start : start + outputs]
            start += outputs
            if outputs == 8:
                hidden = torch.tanh(hidden)
        loss = loss + (hidden.squeeze(1) - targets[run]).square().mean() + weight_decay / 2 * flat[run].square().sum()
    loss.backward()  # type: ignore[no-untyped-call]
    assert flat.grad is not None
    np.testing.assert_allclose(gradient, flat.grad, rtol=1e-4, atol=1e-6)


def wave(n: int, runs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.uniform(-2, 2, size=(runs, n, 3))
    return features, 90 + 3 * np.sin(features[:, :, 0]) + features[:, :, 1]


@pytest.mark.parametrize("batch_size", [None, 10])
def test_predicts_a_smooth_function_in_its_own_units(batch_size: int | None) -> None:
    features, targets = wave(100, 1)
    points, truth = wave(200, 1, seed=1)
    posterior = DNGO(BasisTraining(batch_size=batch_size)).fit(features, targets, [0])
    mean, std = posterior.predict(points[0])
    assert mean.shape == std.shape == (1, 200)
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.25 * truth.std()
    assert np.corrcoef(std[0], np.abs(mean - truth)[0])[0, 1] > 0.2  # it knows where it knows less
    assert ((posterior.predict(points[0], noise=True)[1]) >= std).all()


def test_noisy_and_latent_standard_deviations_differ_by_the_noise() -> None:
    features, targets = wave(60, 2)
    targets = targets + np.random.default_rng(0).normal(size=targets.shape)
    posterior = DNGO().fit(features, targets, [0, 1])
    _, latent = posterior.predict(features)
    _, noisy = posterior.predict(features, noise=True)
    expected = posterior.outputs.spread**2 / posterior.linear.beta.numpy()[:, None]
    np.testing.assert_allclose(noisy**2 - latent**2, np.broadcast_to(expected, noisy.shape), rtol=1e-6, atol=1e-9)


def test_predictions_are_those_of_the_regression_on_the_last_layer() -> None:
    features, targets = wave(20, 1)
    points, _ = wave(2000, 1, seed=1)  # more than one chunk
    posterior = DNGO().fit(features, targets, [0])
    mean, std = posterior.predict(points[0])
    x = (points[0] - features.mean(1)) / features.std(1)
    basis = posterior.network.basis(0, torch.from_numpy(x.astype(np.float32))).double()
    expected, variance = posterior.linear.predict(basis.unsqueeze(0))
    np.testing.assert_allclose(mean, expected * targets.std() + targets.mean(), rtol=1e-5)
    np.testing.assert_allclose(std, variance.sqrt() * targets.std(), rtol=1e-3, atol=1e-6)


def test_a_run_does_not_depend_on_its_company() -> None:
    features, targets = wave(30, 5)
    points, _ = wave(50, 1, seed=1)
    seeds = [(7, run) for run in range(5)]
    together = DNGO().fit(features, targets, seeds)
    some = DNGO().fit(features[3:1:-1], targets[3:1:-1], seeds[3:1:-1])
    for posterior, runs in ((some, [3, 2]), *((None, [run]) for run in range(5))):
        alone = posterior or DNGO().fit(features[runs], targets[runs], [seeds[run] for run in runs])
        for ours, expected in zip(alone.predict(points[0]), together.predict(points[0]), strict=True):
            np.testing.assert_allclose(ours, expected[runs], rtol=1e-3, atol=1e-3)


def test_a_shared_pool_is_the_same_as_one_a_run() -> None:
    features, targets = wave(20, 2)
    posterior = DNGO().fit(features, targets, [0, 1])
    pool = features[0]
    for shared, own in zip(posterior.predict(pool), posterior.predict(np.stack([pool, pool])), strict=True):
        np.testing.assert_array_equal(shared, own)


def test_repeats_bit_for_bit_and_leaves_global_randomness_alone() -> None:
    features, targets = wave(20, 1)
    before = torch.random.get_rng_state()
    first, second = (DNGO().fit(features, targets, [3]).predict(features) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())
    assert not np.array_equal(first[0], DNGO().fit(features, targets, [4]).predict(features)[0])


def test_units_of_features_and_targets_do_not_matter() -> None:
    features, targets = wave(20, 1)
    mean, std = DNGO().fit(features, targets, [0]).predict(features)
    scaled, scaled_std = DNGO().fit(features * 8 - 3, targets / 4 + 1, [0]).predict(features * 8 - 3)
    np.testing.assert_allclose(scaled, mean / 4 + 1, atol=1e-2)
    np.testing.assert_allclose(scaled_std, std / 4, atol=1e-2)


@pytest.mark.parametrize("n", [1, 2, 20])
def test_constant_targets_and_features_are_no_trouble(n: int) -> None:
    mean, std = DNGO().fit(np.full((1, n, 3), 0.1), np.full((1, n), 94.37), [0]).predict(np.ones((4, 3)))
    np.testing.assert_allclose(mean, 94.37)
    assert np.isfinite(std).all()


def test_conditioning_lowers_uncertainty_and_moves_no_mean() -> None:
    features, targets = wave(20, 2)
    points, _ = wave(30, 2, seed=1)
    posterior = DNGO().fit(features, targets, [0, 1])
    conditioned = posterior.condition(points[:, :2])
    before, after = posterior.predict(points), conditioned.predict(points)
    np.testing.assert_array_equal(before[0], after[0])
    assert (after[1] <= before[1] * (1 + 1e-5)).all()
    assert (after[1][:, :2] < 0.9 * before[1][:, :2]).all()


@pytest.mark.parametrize(
    ("features", "targets", "message"),
    [
        (np.zeros((1, 3)), np.zeros((1, 3)), "features"),
        (np.zeros((1, 3, 2)), np.zeros((1, 4)), "features"),
        (np.zeros((2, 3, 2)), np.zeros((2, 3)), "seeds"),
        (np.zeros((1, 0, 2)), np.zeros((1, 0)), "n >= 1"),
        (np.zeros((1, 2, 2)), np.array([[0.0, np.nan]]), "finite"),
    ],
)
def test_refuses_data_that_does_not_fit(features: np.ndarray, targets: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DNGO().fit(features, targets, [0])


def test_refuses_points_of_another_shape() -> None:
    features, targets = wave(5, 1)
    with pytest.raises(InputError, match=r"\(N, 3\)"):
        DNGO().fit(features, targets, [0]).predict(np.zeros((4, 2)))
