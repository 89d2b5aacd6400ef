"""Objectives whose training runs each search draws for itself."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.benchmarks import BenchmarkTable
from arch2vec.embedding import Embedding
from arch2vec.objectives.benchmark import BenchmarkObjective, TableReading
from arch2vec.objectives.named import digits_201
from arch2vec.objectives.spec import resolve_objective
from arch2vec.searching.bohb import BOHB
from arch2vec.searching.pareto.problem import problem_of
from arch2vec.searching.random_search import RandomSearch
from arch2vec.searching.study import search
from arch2vec.studies import Budget, run_study
from arch2vec.studies.simulation import simulate
from arch2vec.studies.values import ObjectiveValues, values_of
from made_tables import CELLS, SPACE, made_columns, write_table
from one_line import error_of

READING = TableReading("cifar10-valid", 12, 200, test_dataset="cifar10")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkTable:
    return write_table(tmp_path_factory.mktemp("tables") / "made.parquet", made_columns())


@pytest.fixture(scope="module")
def objective(table: BenchmarkTable) -> BenchmarkObjective:
    return BenchmarkObjective(table, READING, seed="random", noise_seed="search")


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    graphs = SPACE.parse(CELLS)
    return Embedding(SPACE, graphs, graphs.one_hot(SPACE.num_operations)[:, 1:-1].reshape(len(CELLS), -1))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 2**32 - 1)), min_size=1), st.sampled_from([None, 12, 200]))
def test_a_search_meets_the_runs_of_its_seed(
    table: BenchmarkTable,
    objective: BenchmarkObjective,
    embedding: Embedding,
    asked: list[tuple[int, int]],
    fidelity: int | None,
) -> None:
    rows, seeds = (np.array(column) for column in zip(*asked, strict=True))
    validation, cost_s = objective.drawn(embedding, fidelity).of(rows, seeds.astype(np.uint64))
    for place, (row, seed) in enumerate(asked):
        alone = BenchmarkObjective(table, READING, seed="random", noise_seed=seed).evaluate(CELLS[row], fidelity)
        assert (validation[place], cost_s[place]) == (alone.validation, alone.cost_s)
        assert objective.for_search(seed).evaluate(CELLS[row], fidelity) == alone


def test_other_architectures_are_unknown(objective: BenchmarkObjective) -> None:
    others = [cell for cell in SPACE.format(SPACE.enumerate()[:40]) if cell not in CELLS]
    cells = [CELLS[7], *others, CELLS[2]]
    mixed = Embedding(SPACE, SPACE.parse(cells), np.zeros((len(cells), 2), dtype=np.float32))
    rows, seeds = np.arange(len(cells)), np.full(len(cells), 5, dtype=np.uint64)
    validation, cost_s = objective.drawn(mixed).of(rows, seeds)
    assert np.isnan(validation[1:-1]).all() and np.isnan(cost_s[1:-1]).all()
    met = objective.for_search(5)
    assert validation[[0, -1]].tolist() == [met.evaluate(CELLS[row]).validation for row in (7, 2)]


def test_runs_in_a_study_are_the_searches_they_would_be_alone(
    objective: BenchmarkObjective, embedding: Embedding
) -> None:
    runs = run_study(embedding, objective, ["gp-bo"], 3, Budget(14), seed0=4).runs("gp-bo", objective.name)
    for place, seed in enumerate((4, 5, 6)):
        trials = search(embedding, objective, "gp-bo", 14, seed=seed).trials
        assert runs.rows[place].tolist() == [trial.index for trial in trials]
        assert runs.validation[place].tolist() == [trial.validation for trial in trials]
        assert runs.test[place].tolist() == [trial.test for trial in trials]
        assert runs.cumulative_cost_s[place, -1] == trials[-1].cumulative_cost_s


@pytest.mark.parametrize("kind", [RandomSearch, BOHB])
def test_looked_up_together_as_one_by_one(
    objective: BenchmarkObjective, embedding: Embedding, kind: type[RandomSearch] | type[BOHB]
) -> None:
    fast_values = pickle.loads(pickle.dumps(values_of(objective, embedding)))  # as another process has them
    fast, slow = (
        simulate(kind, embedding, values, range(3, 8), Budget(30), fidelities=(12, 200))
        for values in (fast_values, ObjectiveValues(objective))
    )
    for name in ("rows", "fidelity", "validation", "test", "reported", "cost_s"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))
    if kind is RandomSearch:  # no two searches meet the same noise
        met = [dict(zip(rows, values, strict=True)) for rows, values in zip(fast.rows, fast.validation, strict=True)]
        shared = set(met[0]) & set(met[1])
        assert len(shared) > 5 and any(met[0][row] != met[1][row] for row in shared)


def test_outside_of_a_search_values_are_means(table: BenchmarkTable, objective: BenchmarkObjective) -> None:
    mean = BenchmarkObjective(table, READING)
    np.testing.assert_array_equal(objective.columns().validation, mean.columns().validation)
    assert objective.optimum == mean.optimum
    assert "one of the runs 777, 888, 999, drawn anew by each search" in objective.description
    assert "drawn with noise seed 3" in objective.for_search(3).description
    assert mean.for_search(3) is mean and not mean.redrawn


def test_by_name(tmp_path: Path) -> None:
    found = resolve_objective("digits-201?seed=random&noise_seed=search")
    assert isinstance(found, BenchmarkObjective) and found.redrawn
    fixed = digits_201(seed="random", noise_seed=11)
    cell = found.architectures[0]
    assert found.for_search(11).evaluate(cell) == fixed.evaluate(cell)


def test_bad_input_is_one_line(table: BenchmarkTable, objective: BenchmarkObjective, embedding: Embedding) -> None:
    assert error_of(lambda: objective.evaluate(CELLS[0])) == (
        "objective nasbench201: runs are drawn by search; ask for_search(seed) to evaluate"
    )
    assert error_of(lambda: BenchmarkObjective(table, READING, noise_seed="search")) == (
        "objective nasbench201: noise_seed needs seed=random, got seed=mean"
    )
    mean = BenchmarkObjective(table, READING)
    assert error_of(lambda: mean.drawn(embedding)) == "the searches of objective nasbench201 draw no runs of their own"
    assert "so that there is no one front" in error_of(lambda: problem_of(objective, embedding, ["parameters"]))
    assert error_of(lambda: resolve_objective("digits-201?seed=random&noise_seed=all")) == (
        "objective digits-201: option 'noise_seed' must be search or a whole number, got 'all'"
    )
