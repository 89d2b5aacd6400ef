"""The belief about rows of an embedding, kept up, against one formed afresh about just these rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.searching.beliefs import PoolBelief, learning_size
from arch2vec.surrogates.base import Learned, Surrogate
from arch2vec.surrogates.basis_network import BasisTraining
from arch2vec.surrogates.dngo import DNGO
from arch2vec.surrogates.gaussian_process import GaussianProcess

ROWS = 60
VECTORS = np.random.default_rng(0).uniform(-2, 2, size=(ROWS, 3)).astype(np.float32)
TARGETS = 90 + np.sin(VECTORS[:, 0]).astype(np.float64) + VECTORS[:, 1]
LEARNED: dict[type[Surrogate], Learned] = {
    type(surrogate): surrogate.learn(VECTORS[None, :10], TARGETS[None, :10], [0])[0]
    for surrogate in (DNGO(BasisTraining(width=16, epochs=30)), GaussianProcess())
}

some_rows = st.lists(st.integers(0, ROWS - 1), min_size=1, unique=True)
rounds = st.lists(st.tuples(st.integers(0, 4), st.lists(some_rows, min_size=1, max_size=3)), min_size=1, max_size=6)


@pytest.mark.parametrize("surrogate", list(LEARNED))
@given(rounds)
@settings(max_examples=25, deadline=None)
def test_rows_are_forecast_as_by_a_belief_about_them_alone(
    surrogate: type[Surrogate], asked: list[tuple[int, list[list[int]]]]
) -> None:
    """Some more evaluations in every round, and then several sets of rows, known or not."""
    belief, told = PoolBelief(LEARNED[surrogate], VECTORS), 10
    for more, several in asked:
        told += more
        observed, targets = list(range(told)), TARGETS[:told]
        for rows in several:
            ours = belief.forecast(np.array(rows), observed, targets)
            alone = LEARNED[surrogate].belief(VECTORS[rows], VECTORS[:told]).forecast(targets)
            np.testing.assert_allclose(ours.mean, alone.mean, rtol=1e-5)
            np.testing.assert_allclose(ours.std, alone.std, rtol=5e-3, atol=2e-3)
        np.testing.assert_allclose(ours.believe(rows[:2]), alone.believe(VECTORS[rows[:2]]), rtol=1e-5)
        np.testing.assert_allclose(ours.std, alone.std, rtol=5e-3, atol=2e-3)


def test_what_was_believed_is_gone_with_the_next_forecast() -> None:
    belief, rows, observed, targets = PoolBelief(LEARNED[DNGO], VECTORS), np.arange(20), list(range(10)), TARGETS[:10]
    before = belief.forecast(rows, observed, targets)
    std = before.std.copy()
    before.believe([15])
    assert (before.std < std).any()
    np.testing.assert_array_equal(belief.forecast(rows, observed, targets).std, std)


def test_learns_again_when_there_are_so_many_times_as_many() -> None:
    assert [learning_size(told, 8, 1.5) for told in (3, 8, 11, 12, 17, 18, 26, 27)] == [3, 8, 8, 12, 12, 18, 18, 27]
    assert [learning_size(told, 8, 1.0) for told in range(20)] == list(range(20))


@given(st.integers(1, 500), st.integers(2, 20), st.floats(1, 3))
def test_what_is_learned_from_is_there_and_less_than_a_step_behind(told: int, initial: int, growth: float) -> None:
    size = learning_size(told, initial, growth)
    assert min(told, initial) <= size <= told
    assert told < max(size + 1, round(size * growth)) or told <= initial
