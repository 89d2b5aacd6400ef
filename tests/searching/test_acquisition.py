"""Expected improvement against its defining integral, and the laws it obeys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from arch2vec.errors import InputError
from arch2vec.searching.acquisition import expected_improvement, log_expected_improvement

finite = st.floats(-1e3, 1e3)
spreads = st.floats(1e-9, 1e3)


def by_integration(mean: float, std: float, best: float) -> float:
    """E max(y - best, 0) for y ~ N(mean, std^2), integrated numerically around where the mass lies."""
    low, high = max(best, mean - 12 * std), max(best, mean) + 12 * std
    value, _ = quad(lambda y: (y - best) * norm.pdf(y, mean, std), low, high, epsabs=0, epsrel=1e-11, limit=200)
    return value


@pytest.mark.parametrize(
    ("mean", "std", "best"),
    [(0, 1, 0), (93.2, 0.4, 94.0), (93.2, 0.4, 90.0), (-1.5, 2.0, 1.0), (5, 1e-3, 5.001), (5, 1e-3, 4.9), (0, 1, 6)],
)
def test_equals_the_defining_integral(mean: float, std: float, best: float) -> None:
    expected = by_integration(mean, std, best)
    assert float(expected_improvement(mean, std, best)) == pytest.approx(expected, rel=1e-9)
    assert float(log_expected_improvement(mean, std, best)) == pytest.approx(np.log(expected), abs=1e-9)


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 3.0, 10.0, 38.0, 49.99, 50.0, 50.01, 200.0, 1e4])
def test_log_is_exact_far_below_the_incumbent(distance: float) -> None:
    # h(-d) = integral of t phi(d + t) over t > 0 = phi(d) * integral of t exp(-t d - t^2 / 2)
    scale = 1 / max(distance, 1.0)
    remaining, _ = quad(
        lambda s: scale**2 * s * np.exp(-s * scale * distance - (s * scale) ** 2 / 2), 0, 60, epsabs=0, epsrel=1e-12
    )
    expected = norm.logpdf(distance) + np.log(remaining)
    assert float(log_expected_improvement(-distance, 1.0, 0.0)) == pytest.approx(expected, rel=1e-12, abs=1e-10)


def test_no_step_where_the_series_takes_over() -> None:
    below, above = log_expected_improvement(-np.array([50 * (1 - 1e-13), 50.0]), 1.0, 0.0)
    assert above == pytest.approx(below, abs=1e-9)


def test_without_uncertainty_it_is_the_gain() -> None:
    mean = np.array([1.0, 2.0, 3.5])
    np.testing.assert_array_equal(expected_improvement(mean, 0.0, 2.0), [0.0, 0.0, 1.5])
    np.testing.assert_array_equal(log_expected_improvement(mean, 0.0, 2.0), [-np.inf, -np.inf, np.log(1.5)])


def test_next_to_no_uncertainty_is_no_trouble() -> None:
    np.testing.assert_allclose(expected_improvement([1.0, 3.0], 1e-300, 2.0), [0.0, 1.0])
    assert not np.isnan(log_expected_improvement([1.0, 2.0, 3.0], 5e-324, 2.0)).any()


def test_broadcasts() -> None:
    mean, std = np.zeros((3, 5)), np.ones((3, 5))
    assert expected_improvement(mean, std, np.zeros((3, 1))).shape == (3, 5)


@pytest.mark.parametrize("std", [-1e-9, np.nan])
def test_refuses_what_is_no_standard_deviation(std: float) -> None:
    with pytest.raises(InputError, match="standard deviation"):
        expected_improvement([0.0, 1.0], [1.0, std], 0.0)


@given(finite, spreads, finite)
def test_never_negative_and_at_least_the_gain(mean: float, std: float, best: float) -> None:
    assert float(expected_improvement(mean, std, best)) >= max(mean - best, 0.0)


@given(finite, finite, spreads, finite)
def test_grows_with_the_mean(a: float, b: float, std: float, best: float) -> None:
    low, high = sorted([a, b])
    for function in (expected_improvement, log_expected_improvement):
        worse, better = float(function(low, std, best)), float(function(high, std, best))
        assert worse <= better + 1e-12 * abs(better)


@given(finite, spreads, spreads, finite)
def test_grows_with_the_standard_deviation(mean: float, a: float, b: float, best: float) -> None:
    low, high = sorted([a, b])
    for function in (expected_improvement, log_expected_improvement):
        worse, better = float(function(mean, low, best)), float(function(mean, high, best))
        assert worse <= better + 1e-12 * abs(better)


@given(finite, spreads, finite)
def test_the_two_forms_agree(mean: float, std: float, best: float) -> None:
    plain = float(expected_improvement(mean, std, best))
    log = float(log_expected_improvement(mean, std, best))
    assert np.exp(log) == pytest.approx(plain, rel=1e-9, abs=1e-300)
