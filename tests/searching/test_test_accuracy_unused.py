"""No search decision uses a test accuracy: permuting them changes what is reported, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arch2vec.embedding import Embedding
from arch2vec.objectives.benchmark import BenchmarkObjective, TableReading
from arch2vec.searching import METHODS
from arch2vec.searching.study import search
from made_tables import CELLS, SPACE, made_columns, write_table

READING = TableReading("cifar10-valid", 12, 200, test_dataset="cifar10")
BUDGETS = {"evolution": 40, "arch2vec-rl": 56, "arch2vec-rl-release": 56}
BUDGET = 24  # of the others; more than a method draws at random before it looks at what it was told


def embedding() -> Embedding:
    graphs = SPACE.parse(CELLS)
    return Embedding(SPACE, graphs, np.random.default_rng(0).normal(size=(len(CELLS), 4)).astype(np.float32))


@pytest.mark.parametrize("method", list(METHODS))
@settings(max_examples=1, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16))
def test_permuting_test_accuracies_changes_no_decision(method: str, seed: int, tmp_path: Path) -> None:
    columns = made_columns()
    order = np.random.default_rng(seed).permutation(len(CELLS))
    permuted = {
        name: (metric, values[order] if metric.split == "test" else values)
        for name, (metric, values) in columns.items()
    }
    plain, other = (
        BenchmarkObjective(write_table(tmp_path / f"{name}.parquet", table), READING)
        for name, table in (("plain", columns), ("permuted", permuted))
    )
    budget = BUDGETS.get(method, BUDGET)
    expected = search(embedding(), plain, method, budget=budget, seed=seed).trials
    trials = search(embedding(), other, method, budget=budget, seed=seed).trials
    assert [replace(trial, test=None) for trial in trials] == [replace(trial, test=None) for trial in expected]
    assert len(trials) == budget
    reported = columns["test_200"][1]
    assert [trial.test for trial in expected] == [reported[trial.index] for trial in expected]
    assert [trial.test for trial in trials] == [reported[order[trial.index]] for trial in trials]
    assert [trial.test for trial in trials] != [trial.test for trial in expected]


@pytest.mark.parametrize("method", [name for name in METHODS if name != "random"])
def test_permuting_the_signal_does_change_decisions(method: str, tmp_path: Path) -> None:
    """The test above could not pass for methods that look at nothing."""
    columns = made_columns()
    turned = {
        name: (metric, values[::-1] if metric.split == "validation" else values)
        for name, (metric, values) in columns.items()
    }
    plain, other = (
        BenchmarkObjective(write_table(tmp_path / f"{name}.parquet", table), READING)
        for name, table in (("plain", columns), ("turned", turned))
    )
    budget = BUDGETS.get(method, BUDGET)
    first, second = (search(embedding(), target, method, budget=budget, seed=0).trials for target in (plain, other))
    assert [trial.index for trial in first] != [trial.index for trial in second]
