"""Predictors at their limits; what they are made of has its own tests."""

from __future__ import annotations

import numpy as np
import pytest

from arch2vec.surrogates.gaussian_process import GaussianProcess
from arch2vec.surrogates.predictors import PREDICTORS, gaussian_process


def data(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, 90 + 3 * (np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=n))


@pytest.mark.parametrize("kernel", ["matern52", "rbf"])
def test_the_mean_alone_is_that_of_the_belief(kernel: str) -> None:
    X, y = data(60, 0)
    shown, others = X[:40].astype(np.float32), X[40:].astype(np.float32)
    (learned,) = GaussianProcess(kernel).fit(shown[None], y[None, :40])  # type: ignore[arg-type]
    expected = learned.belief(others, shown).forecast(y[:40] - y[:40].mean()).mean + y[:40].mean()
    np.testing.assert_allclose(learned.posterior_mean(others, shown, y[:40]), expected, rtol=1e-5)


@pytest.mark.parametrize("name", PREDICTORS)
def test_one_label_and_equal_labels_predict_themselves(name: str) -> None:
    X, _ = data(9, 5)
    groups = (("one", 4),)
    np.testing.assert_allclose(PREDICTORS[name](X[:1], np.array([91.5]), X, 0, groups), 91.5)
    np.testing.assert_allclose(PREDICTORS[name](X[:4], np.full(4, 91.5), X, 0, groups), 91.5)
    # All vectors equal: nothing but the mean can be known.
    same = np.ones((4, 4))
    np.testing.assert_allclose(PREDICTORS[name](same, np.arange(1.0, 5), same[:2], 0, groups), 2.5, atol=0.3)


def test_units_of_the_labels_do_not_matter() -> None:
    X, y = data(50, 7)
    fractions = gaussian_process(X, y / 100, X, 0, ())
    np.testing.assert_allclose(fractions * 100, gaussian_process(X, y, X, 0, ()), rtol=1e-5)
