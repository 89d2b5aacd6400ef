"""Gaussian-process regression against scikit-learn's, finite differences and closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal, norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from arch2vec.surrogates.gp_regression import (
    GaussianProcess,
    Hyperparameters,
    log_marginal_likelihood,
    log_posterior,
    squared_distances,
)
from one_line import error_of


def data(n: int, seed: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, 90 + 3 * (np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2] + noise * rng.normal(size=n))


def gradient_by_differences(
    function: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[float, np.ndarray]],
    squared: np.ndarray,
    targets: np.ndarray,
    theta: np.ndarray,
) -> np.ndarray:
    steps = 1e-5 * np.eye(3)
    return np.array(
        [(function(squared, targets, theta + h)[0] - function(squared, targets, theta - h)[0]) / 2e-5 for h in steps]
    )


def sklearn_process(parameters: Hyperparameters) -> GaussianProcessRegressor:
    kernel = ConstantKernel(parameters.signal) * RBF(parameters.length) + WhiteKernel(parameters.noise)
    return GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True)


def test_posterior_is_that_of_scikit_learn() -> None:
    X, y = data(60, 0)
    parameters = Hyperparameters(signal=1.7, length=1.3, noise=0.2)
    ours, theirs = GaussianProcess(X[:40], y[:40], parameters), sklearn_process(parameters).fit(X[:40], y[:40])
    mean, deviation = theirs.predict(X[40:], return_std=True)
    np.testing.assert_allclose(ours.predict(X[40:]), mean, rtol=1e-8)
    np.testing.assert_allclose(ours.variance(X[40:]), deviation**2, rtol=1e-6)


@pytest.mark.parametrize(("n", "seed"), [(5, 0), (20, 1), (60, 2), (260, 3)])
def test_no_hyperparameters_have_a_greater_posterior_density(n: int, seed: int) -> None:
    X, y = data(n, seed)
    targets, squared = (y - y.mean()) / y.std(), cdist(X, X, "sqeuclidean")
    unit = np.median(squared[squared > 0])

    def density(theta: np.ndarray) -> float:
        prior = norm([0, 0, np.log(0.1)], [1, 1, 1.5]).logpdf(theta).sum()
        K = np.exp(theta[0]) * np.exp(-squared / unit / (2 * np.exp(2 * theta[1]))) + np.exp(theta[2]) * np.eye(n)
        return float(multivariate_normal(cov=K).logpdf(targets) + prior)

    found = GaussianProcess(X, y).hyperparameters
    ours = np.log([found.signal, found.length / np.sqrt(unit), found.noise])
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 3)] * 3), axis=-1).reshape(-1, 3)
    near, far = [max(density(theta) for theta in ours + width * grid) for width in (0.1, 2)]
    assert density(ours) >= max(near, far) - 0.01


def test_gradient_of_the_posterior_density() -> None:
    X, y = data(12, 0)
    squared, targets = cdist(X, X, "sqeuclidean") / 4, (y - y.mean()) / y.std()
    theta = np.array([0.3, -0.2, -1.0])
    numeric = gradient_by_differences(log_posterior, squared, targets, theta)
    np.testing.assert_allclose(log_posterior(squared, targets, theta)[1], numeric, rtol=1e-4)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), theta=st.tuples(*[st.floats(-2, 1)] * 3))
def test_likelihood_and_gradient(seed: int, theta: tuple[float, float, float]) -> None:
    X, y = data(12, seed)
    y = (y - y.mean()) / y.std()
    squared = cdist(X, X, "sqeuclidean")
    signal, length, noise = np.exp(theta)
    K = signal * np.exp(-squared / (2 * length**2)) + noise * np.eye(12)
    value, gradient = log_marginal_likelihood(squared, y, np.array(theta))
    assert value == pytest.approx(multivariate_normal(cov=K).logpdf(y), rel=1e-7)
    numeric = gradient_by_differences(log_marginal_likelihood, squared, y, np.array(theta))
    np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-3)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), shift=st.floats(-1e3, 1e3))
def test_distances(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(5, 3)) + shift, rng.normal(size=(7, 3)) + shift
    np.testing.assert_allclose(squared_distances(a, b), cdist(a, b, "sqeuclidean"), atol=1e-8)


def test_one_label_and_equal_labels_predict_themselves() -> None:
    X, _ = data(9, 5)
    np.testing.assert_allclose(GaussianProcess(X[:1], [91.5]).predict(X), 91.5)
    np.testing.assert_allclose(GaussianProcess(X[:4], [91.5] * 4).predict(X), 91.5)
    # All vectors equal: nothing but the mean can be known.
    same = np.ones((4, 2))
    np.testing.assert_allclose(GaussianProcess(same, [1.0, 2, 3, 4]).predict(same[:2]), 2.5, atol=1e-6)


def test_units_of_the_labels_do_not_matter() -> None:
    X, y = data(50, 7)
    np.testing.assert_allclose(
        GaussianProcess(X, y / 100).predict(X) * 100, GaussianProcess(X, y).predict(X), rtol=1e-6
    )


def test_input_that_is_refused() -> None:
    X, y = data(5, 0)
    assert "need values (n,)" in error_of(lambda: GaussianProcess(X, y[:4]))
    assert "not finite" in error_of(lambda: GaussianProcess(X, [*y[:4], np.nan]))
