"""The Gaussian process that weighs groups, against dense algebra, finite differences and SciPy's optimiser."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import check_grad, minimize
from scipy.stats import multivariate_normal

import arch2vec
from arch2vec.embedding import Embedding
from arch2vec.searching import get_method
from arch2vec.searching.group_bo import GroupedBayesianOptimization
from arch2vec.searching.vectors import grouped_vectors
from arch2vec.spaces import NASBench201
from arch2vec.surrogates.by_groups import process_for
from arch2vec.surrogates.grouped_process import GroupedPrior, GroupedProcess, LearnedGroups, _Posterior
from arch2vec.surrogates.quasi_newton import minimise
from one_line import error_of

GROUPS = (2, 3, 1)
TERMS = ((0,), (1,), (2,), (0, 1))
SHARES = tuple(0.5**place for place in range(1, len(TERMS) + 1))


def problem(runs: int = 3, n: int = 25, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The first group says it all but for noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(runs, n, sum(GROUPS)))
    return x, np.sin(2 * x[:, :, 0]) + x[:, :, 1] + 0.1 * rng.standard_normal((runs, n))


def matern(distance: np.ndarray) -> np.ndarray:
    u = math.sqrt(5) * distance
    return (1 + u + u**2 / 3) * np.exp(-u)


def dense(learned: LearnedGroups, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The covariance, written out."""
    starts = np.cumsum([0, *GROUPS])
    total = np.zeros((len(a), len(b)))
    for term, weight, length in zip(TERMS, learned.weights, learned.lengths, strict=True):
        columns = np.concatenate([np.arange(starts[group], starts[group + 1]) for group in term])
        away = np.linalg.norm(a[:, None, columns] - b[None, :, columns], axis=2)
        total += weight * matern(away / length)
    return total


def test_covariance_and_posterior_mean_are_the_textbooks() -> None:
    x, y = problem(runs=1)
    (learned,) = GroupedProcess(GROUPS, TERMS).fit(x, y)
    assert math.isclose(sum(learned.weights), 1)
    others = problem(seed=1)[0][0]
    for size in (1, 25):  # one point takes another way
        found = learned.covariance(torch.from_numpy(others[:size]), torch.from_numpy(x[0])).numpy()
        np.testing.assert_allclose(found, dense(learned, others[:size], x[0]), atol=1e-6)
    K = dense(learned, x[0], x[0]) + (learned.ratio + 1e-6) * np.eye(25)
    expected = y.mean() + dense(learned, others, x[0]) @ np.linalg.solve(K, y[0] - y.mean())
    np.testing.assert_allclose(learned.posterior_mean(others, x[0], y[0]), expected, atol=2e-4)


def test_the_posterior_density_and_its_gradient() -> None:
    x, y = problem()
    process = GroupedProcess(GROUPS, TERMS)
    squares, units = process._squares(torch.from_numpy(x))
    posterior = _Posterior(squares, torch.from_numpy(y), GroupedPrior.wide(len(TERMS), SHARES))
    rng = np.random.default_rng(2)
    for run in range(3):
        at = posterior.start()[run].numpy() + 0.5 * rng.standard_normal(2 * len(TERMS) + 1)
        weights, lengths, noise = (part[0].numpy() for part in posterior.split(torch.from_numpy(at)[None]))
        as_learned = LearnedGroups(GROUPS, TERMS, tuple(weights), tuple(lengths * units[run].numpy()), 0.0)
        K = dense(as_learned, x[run], x[run]) + (noise + 1e-6 * weights.sum()) * np.eye(25)
        away = (at - posterior._mean.numpy()) / posterior._std.numpy()
        expected = -multivariate_normal(cov=K).logpdf(y[run]) + 0.5 * away @ away
        number = torch.tensor([run])

        def value(theta: np.ndarray, number: torch.Tensor = number) -> float:
            return float(posterior(number, torch.from_numpy(theta)[None])[0])

        def slope(theta: np.ndarray, number: torch.Tensor = number) -> np.ndarray:
            return posterior(number, torch.from_numpy(theta)[None])[1][0].numpy()

        assert math.isclose(value(at), expected, rel_tol=1e-9)
        assert check_grad(value, slope, at) < 1e-4 * np.linalg.norm(slope(at))


def test_the_optimiser_finds_what_scipy_finds() -> None:
    x, y = problem()
    posterior = _Posterior(
        GroupedProcess(GROUPS, TERMS)._squares(torch.from_numpy(x))[0],
        torch.from_numpy(y),
        GroupedPrior.wide(len(TERMS), SHARES),
    )
    found = minimise(posterior, posterior.start())
    values, gradients = posterior(torch.arange(3), found)
    assert float(gradients.norm(dim=1).max()) < 0.1
    for run in range(3):
        number = torch.tensor([run])

        def negative_log(theta: Any, number: torch.Tensor = number) -> tuple[float, Any]:
            value, gradient = posterior(number, torch.from_numpy(theta)[None])
            return float(value[0]), gradient[0].double().numpy()

        best = minimize(negative_log, posterior.start()[run].numpy(), jac=True)
        assert float(values[run]) <= best.fun + 1e-2


def test_runs_are_independent_and_order_does_not_matter() -> None:
    x, y = problem()
    process = GroupedProcess(GROUPS, TERMS)
    together = process.fit(x, y)
    for run in range(3):
        (alone,) = process.fit(x[run : run + 1], y[run : run + 1])
        np.testing.assert_allclose(alone.weights, together[run].weights, rtol=1e-4)
        np.testing.assert_allclose(alone.lengths, together[run].lengths, rtol=1e-4)


def test_a_group_that_says_nothing_weighs_little() -> None:
    x, y = problem(runs=1, n=120)
    (learned,) = GroupedProcess(GROUPS, ((0,), (1,), (2,))).fit(x, y)
    assert learned.weights[0] > 0.9
    others, truth = problem(runs=1, n=200, seed=5)
    assert np.corrcoef(learned.posterior_mean(others[0], x[0], y[0]), truth[0])[0, 1] > 0.98


def test_equal_points_and_equal_labels_are_no_problem() -> None:
    x, y = problem(runs=1)
    x[0, 5:] = x[0, 0]
    y[0, 5:] = y[0, 0]
    for labels in (y, np.zeros_like(y)):
        (learned,) = GroupedProcess(GROUPS, TERMS).fit(x, labels)
        assert np.isfinite(learned.posterior_mean(x[0], x[0], labels[0])).all()
        assert np.isfinite(learned.belief(x[0].astype(np.float32), x[0]).forecast(labels[0]).std).all()


def test_shares_decide_where_little_is_observed() -> None:
    x, y = problem(runs=1)
    few, many = {}, {}
    for first in (0.2, 0.8):
        shares = (first, *[(1 - first) / (len(TERMS) - 1)] * (len(TERMS) - 1))
        process = GroupedProcess(GROUPS, TERMS, prior=GroupedPrior.wide(len(TERMS), shares))
        few[first] = process.fit(x[:, :2], y[:, :2])[0].weights[0]
        many[first] = process.fit(x, y)[0].weights[0]
    assert few[0.8] - few[0.2] > 0.4 > 2 * abs(many[0.8] - many[0.2])


def test_settings_that_make_no_sense() -> None:
    assert "at least one column" in error_of(lambda: GroupedProcess((), ()))
    assert "groups 0 to 2" in error_of(lambda: GroupedProcess(GROUPS, ((3,),)))
    assert "need features" in error_of(lambda: GroupedProcess(GROUPS, TERMS).fit(np.zeros((1, 4, 2)), np.zeros((1, 4))))


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return arch2vec.structure_embedding(NASBench201())


def test_vectors_are_structure_and_what_the_embedding_has(embedding: Embedding) -> None:
    own = np.random.default_rng(0).normal(size=(len(embedding), 4)).astype(np.float32)
    learned = Embedding(embedding.space, embedding.graphs, own)
    assert dict(learned.groups) == {"learned": 4}
    both = grouped_vectors(learned)
    assert list(dict(both.groups)) == [*dict(embedding.groups), "learned"]
    assert both.vectors.shape[1] == sum(dict(both.groups).values())
    assert grouped_vectors(embedding).vectors.shape[1] == both.vectors.shape[1] - 4
    assert len(process_for(both.groups).terms) == len(both.groups) + 1
    # Architectures of one function are alike.
    _, first, function = np.unique(embedding.function_classes, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(both.vectors, both.vectors[first][function])


def test_it_finds_what_is_best_by_structure(embedding: Embedding) -> None:
    """The most 3x3 convolutions: 4 random architectures of 15,625 would never do."""
    wanted = (embedding.graphs.ops == NASBench201().operations.index("nor_conv_3x3")).sum(axis=1).astype(float)
    assert get_method("group-bo") is GroupedBayesianOptimization
    result = arch2vec.search(
        embedding, lambda architecture: float(wanted[embedding.index_of(architecture)]), budget=20, seed=0
    )
    assert result.best.validation == 6
