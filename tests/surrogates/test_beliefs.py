"""Beliefs kept up observation by observation, against the posteriors computed afresh and against other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.errors import InputError
from arch2vec.surrogates.base import Surrogate
from arch2vec.surrogates.basis_network import BasisTraining
from arch2vec.surrogates.bayesian_linear import BayesianLinear
from arch2vec.surrogates.dngo import DNGO
from arch2vec.surrogates.gaussian_process import GaussianProcess
from arch2vec.surrogates.grouped_process import GroupedProcess
from arch2vec.surrogates.kernels import Kernel

SMALL = BasisTraining(width=16, epochs=30)
SURROGATES = [DNGO(SMALL), GaussianProcess(), GaussianProcess("rbf"), GroupedProcess((1, 2), ((0,), (1,), (0, 1)))]


def problem(n: int, runs: int = 1, seed: int = 0, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, size=(runs, n, 3))
    return x, 90 + 3 * np.sin(x[:, :, 0]) + x[:, :, 1] + noise * rng.standard_normal((runs, n))


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("steps", [1, 7, 40])
def test_observing_one_by_one_is_as_all_at_once(surrogate: Surrogate, steps: int) -> None:
    x, y = problem(20 + steps)
    points, _ = problem(50, seed=1)
    (learned,) = surrogate.learn(x[:, :20], y[:, :20], [0])
    grown = learned.belief(points[0], x[0, :20])
    for step in range(steps):
        grown.observe(x[0, 20 + step : 21 + step])
    whole = learned.belief(points[0], x[0])
    ours, expected = grown.forecast(y[0]), whole.forecast(y[0])
    np.testing.assert_allclose(ours.mean, expected.mean, rtol=1e-5)
    np.testing.assert_allclose(ours.std, expected.std, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_believing_is_as_observing_what_was_forecast(surrogate: Surrogate) -> None:
    x, y = problem(20)
    points, _ = problem(50, seed=1)
    (learned,) = surrogate.learn(x, y, [0])
    belief = learned.belief(points[0], x[0])
    forecast = belief.forecast(y[0])
    before_mean, before_std = forecast.mean.copy(), forecast.std
    means = np.concatenate([forecast.believe(points[0, :2]), forecast.believe(points[0, 2:3])])
    np.testing.assert_allclose(means, before_mean[:3], rtol=1e-5)
    np.testing.assert_array_equal(forecast.mean, before_mean)
    # The same, by a refit: the spread of an exact refit differs by the scale, which is found anew there.
    refitted = learned.belief(points[0], np.concatenate([x[0], points[0, :3]])).forecast(np.concatenate([y[0], means]))
    np.testing.assert_allclose(refitted.mean - refitted.mean.mean(), before_mean - before_mean.mean(), atol=0.1)
    ratio = forecast.std / refitted.std
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=5e-3)
    # And the belief does not remember what was only believed.
    again = belief.forecast(y[0])
    np.testing.assert_array_equal(again.std, before_std)
    belief.observe(x[0, :1])
    assert len(belief.forecast(np.append(y[0], y[0, 0])).mean) == 50


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("later", [0, 5, 40])
def test_extended_it_is_the_belief_formed_about_all_points(surrogate: Surrogate, later: int) -> None:
    x, y = problem(20 + later)
    (points, others), _ = problem(50, runs=2, seed=1)
    (learned,) = surrogate.learn(x[:, :20], y[:, :20], [0])
    belief = learned.belief(points[:1], x[0, :20])
    for step in range(later):
        belief.observe(x[0, 20 + step : 21 + step])
        if step == 2:
            belief.extend(points[1:])
    if later < 3:
        belief.extend(points[1:])
    belief.extend(others)
    ours = belief.forecast(y[0])
    expected = learned.belief(np.concatenate([points, others]), x[0]).forecast(y[0])
    np.testing.assert_allclose(ours.mean, expected.mean, rtol=1e-5)
    np.testing.assert_allclose(ours.std, expected.std, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(ours.believe(others[:2]), expected.believe(others[:2]), rtol=1e-5)
    np.testing.assert_allclose(ours.std, expected.std, rtol=2e-3, atol=1e-3)
    # What was only believed leaves no trace in points that come later.
    belief.extend(points[:3])
    after = belief.forecast(y[0]).std
    np.testing.assert_allclose(after[-3:], after[:3], rtol=2e-3, atol=1e-3)


def test_a_network_belief_is_the_posterior_of_its_regression() -> None:
    x, y = problem(30, runs=2)
    points, _ = problem(200, seed=1)
    surrogate = DNGO(SMALL)
    posterior = surrogate.fit(x, y, [0, 1])
    mean, std = posterior.predict(points[0])
    for run, learned in enumerate(surrogate.learn(x, y, [0, 1])):
        forecast = learned.belief(points[0], x[run]).forecast(y[run])
        np.testing.assert_allclose(forecast.mean, mean[run], rtol=1e-5)
        np.testing.assert_allclose(forecast.std, std[run], rtol=1e-3, atol=1e-4)


def test_a_network_belief_conditions_as_the_posterior_does() -> None:
    x, y = problem(30)
    points, _ = problem(40, seed=1)
    surrogate = DNGO(SMALL)
    forecast = surrogate.learn(x, y, [0])[0].belief(points[0], x[0]).forecast(y[0])
    forecast.believe(points[0, :4])
    _, expected = surrogate.fit(x, y, [0]).condition(points[:, :4]).predict(points[0])
    np.testing.assert_allclose(forecast.std, expected[0], rtol=1e-3, atol=1e-4)


def test_the_scale_is_the_most_likely_one() -> None:
    """With lambda kept, no other noise variance has a higher marginal likelihood, by the dense formula."""
    import torch

    x, y = problem(30)
    posterior = DNGO(SMALL).fit(x, y, [0])
    standard = torch.from_numpy((y - y.mean()) / y.std())
    scaled = torch.from_numpy(((x[0] - posterior.inputs.centre[0]) / posterior.inputs.spread[0]).astype(np.float32))
    basis = posterior.network.basis(0, scaled).double()[None]
    best = BayesianLinear.at(basis, standard, posterior.linear.alpha, posterior.linear.beta).log_evidence
    for factor in (0.99, 1.01):
        moved = BayesianLinear.at(basis, standard, posterior.linear.alpha * factor, posterior.linear.beta * factor)
        assert float(moved.log_evidence) < float(best)


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
def test_posterior_and_evidence_equal_scikit_learn(kernel: Kernel) -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

    x, y = problem(40)
    points, _ = problem(60, seed=1)
    (learned,) = GaussianProcess(kernel).fit(x, y)
    standard = (y[0] - y.mean()) / y.std()
    forecast = learned.belief(points[0], x[0]).forecast(standard)
    shape = Matern(learned.length, nu=2.5) if kernel == "matern52" else RBF(learned.length)
    unscaled = shape + WhiteKernel(learned.ratio)
    inner = GaussianProcessRegressor(unscaled, alpha=0, optimizer=None).fit(x[0], standard)
    variance = float(standard @ inner.alpha_ / len(standard))
    full = ConstantKernel(variance) * shape + WhiteKernel(variance * learned.ratio)
    reference = GaussianProcessRegressor(full, alpha=0, optimizer=None).fit(x[0], standard)
    noise_free = GaussianProcessRegressor(
        ConstantKernel(variance) * shape, alpha=variance * learned.ratio, optimizer=None
    ).fit(x[0], standard)
    mean, std = noise_free.predict(points[0], return_std=True)
    np.testing.assert_allclose(forecast.mean, mean, atol=2e-5)
    np.testing.assert_allclose(forecast.std, std, rtol=1e-3)
    assert learned.log_evidence == pytest.approx(reference.log_marginal_likelihood_value_, rel=1e-6)


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
@pytest.mark.parametrize("noise", [0.1, 1.0])
@pytest.mark.filterwarnings("ignore:The optimal value found")  # its noise may end at its bound
def test_hyper_parameters_are_at_least_as_likely_as_scikit_learn_finds(kernel: Kernel, noise: float) -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

    x, y = problem(40, noise=noise)
    (learned,) = GaussianProcess(kernel, priors=False).fit(x, y)
    shape = Matern(1.0, nu=2.5) if kernel == "matern52" else RBF(1.0)
    model = GaussianProcessRegressor(
        ConstantKernel(1.0, (1e-4, 1e5)) * shape + WhiteKernel(0.1, (1e-8, 10)),
        alpha=0,
        n_restarts_optimizer=2,
        random_state=0,
    ).fit(x[0], (y[0] - y.mean()) / y.std())
    assert learned.log_evidence > model.log_marginal_likelihood_value_ - 0.1


def test_posterior_equals_gpytorch() -> None:
    gpytorch = pytest.importorskip("gpytorch")
    import torch

    x, y = problem(30)
    points, _ = problem(40, seed=1)
    (learned,) = GaussianProcess().fit(x, y)
    forecast = learned.belief(points[0], x[0]).forecast(y[0])

    class Model(gpytorch.models.ExactGP):  # type: ignore[misc, name-defined]
        def __init__(self, inputs: object, outputs: object, likelihood: object) -> None:
            super().__init__(inputs, outputs, likelihood)
            self.mean_module = gpytorch.means.ConstantMean()
            self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.MaternKernel(nu=2.5))

        def forward(self, inputs: object) -> object:
            return gpytorch.distributions.MultivariateNormal(self.mean_module(inputs), self.covar_module(inputs))

    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    model = Model(torch.from_numpy(x[0]), torch.from_numpy(y[0] - y.mean()), likelihood).double()
    scale = forecast._scale**2
    model.initialize(
        **{
            "likelihood.noise": scale * learned.ratio,
            "covar_module.outputscale": scale,
            "covar_module.base_kernel.lengthscale": learned.length,
            "mean_module.constant": 0.0,
        }
    )
    model.eval()
    with torch.no_grad():
        expected = model(torch.from_numpy(points[0]))
    np.testing.assert_allclose(forecast.mean - y.mean(), expected.mean.numpy(), atol=2e-3)
    np.testing.assert_allclose(forecast.std, expected.stddev.numpy(), rtol=5e-3)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_a_run_does_not_depend_on_its_company(surrogate: Surrogate) -> None:
    x, y = problem(25, runs=3)
    points, _ = problem(30, seed=1)
    together = surrogate.learn(x, y, [5, 6, 7])
    for run in range(3):
        (alone,) = surrogate.learn(x[run : run + 1], y[run : run + 1], [5 + run])
        a, b = (learned.belief(points[0], x[run]).forecast(y[run]) for learned in (alone, together[run]))
        np.testing.assert_allclose(a.mean, b.mean, rtol=1e-4)
        np.testing.assert_allclose(a.std, b.std, rtol=1e-2, atol=1e-3)


@given(shift=st.floats(-1e3, 1e3), factor=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_units_of_targets_do_not_matter(shift: float, factor: float) -> None:
    x, y = problem(15)
    points, _ = problem(10, seed=1)

    def standard(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (learned,) = GaussianProcess().fit(x, targets)
        forecast = learned.belief(points[0], x[0]).forecast(targets[0])
        return (forecast.mean - targets.mean()) / targets.std(), forecast.std / targets.std()

    tolerance = 1e-3 + 1e-6 * (abs(shift) + 90) / factor
    for ours, expected in zip(standard(shift + factor * y), standard(y), strict=True):
        np.testing.assert_allclose(ours, expected, atol=tolerance)


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("n", [1, 2, 20])
def test_constant_targets_and_features_are_no_trouble(surrogate: Surrogate, n: int) -> None:
    x, y = np.full((1, n, 3), 0.1), np.full((1, n), 94.37)
    forecast = surrogate.learn(x, y, [0])[0].belief(np.ones((4, 3)), x[0]).forecast(y[0])
    np.testing.assert_allclose(forecast.mean, 94.37, rtol=1e-6)
    assert np.isfinite(forecast.std).all()


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_observing_the_same_point_again_and_again_is_no_trouble(surrogate: Surrogate) -> None:
    x, y = problem(20, noise=0.0)
    (learned,) = surrogate.learn(x, y, [0])
    belief = learned.belief(x[0, :5], x[0])
    for _ in range(40):
        belief.observe(x[0, :1])
    forecast = belief.forecast(np.concatenate([y[0], np.full(40, y[0, 0])]))
    assert np.isfinite(forecast.mean).all()
    assert np.isfinite(forecast.std).all()
    assert forecast.mean[0] == pytest.approx(y[0, 0], abs=0.5)


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(InputError, match="unknown kernel 'linear'; known: matern52, rbf"):
        GaussianProcess("linear")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="finite"):
        GaussianProcess().fit(np.zeros((1, 2, 2)), np.array([[0.0, np.nan]]))
