"""Objectives over benchmark tables: look-ups, epochs, training runs, costs, and alignment with embeddings."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.benchmarks import BenchmarkTable, Metric
from arch2vec.embedding import Embedding
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.objectives import Outcome, TableView
from arch2vec.objectives.benchmark import BenchmarkObjective, TableReading
from arch2vec.objectives.costs import costs_of
from arch2vec.objectives.runs import TrainingRuns, draws
from arch2vec.spaces import NASBench101
from made_tables import CELLS, SEEDS, SPACE, made_columns, write_table
from one_line import error_of

READING = TableReading("cifar10-valid", 12, 200, test_dataset="cifar10")
COLUMNS = made_columns()
FINGERPRINTS = fingerprint(SPACE.parse(CELLS))
VALUES = {name: values for name, (_, values) in COLUMNS.items()}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkTable:
    return write_table(tmp_path_factory.mktemp("tables") / "made.parquet", COLUMNS)


def embedding_of(cells: list[str]) -> Embedding:
    return Embedding(SPACE, SPACE.parse(cells), np.zeros((len(cells), 2), dtype=np.float32))


# Look-ups


def test_evaluations_are_the_tables_means(table: BenchmarkTable) -> None:
    objective = BenchmarkObjective(table, READING)
    for row, cell in enumerate(CELLS):
        outcome = objective.evaluate(cell)
        assert outcome == Outcome(
            VALUES["validation_12"][row],
            VALUES["test_200"][row],
            VALUES["cost_12"][row],
            {"reported_validation": VALUES["validation_200"][row]},
        )
    assert objective.architectures == CELLS and len(objective) == 60
    assert objective.optimum == VALUES["validation_12"].max()
    assert objective.signal_split == "validation" and objective.note == ""
    assert objective.signal == "validation, %"
    assert objective.description == (
        "nasbench201, 60 nasbench201 architectures: "
        "signal validation accuracy on cifar10-valid after 12 epochs (validation_12: mean of the runs there are); "
        "test accuracy on cifar10 after 200 epochs (test_200: mean of the runs there are); "
        "cost training, 12 epochs on cifar10-valid"
    )


def test_epochs_are_chosen(table: BenchmarkTable) -> None:
    objective = BenchmarkObjective(table, READING)
    assert objective.fidelities == (12, 200)
    assert objective.evaluate(CELLS[3], 12) == objective.evaluate(CELLS[3])
    longer = objective.evaluate(CELLS[3], 200)
    assert longer.validation == VALUES["validation_200"][3] and longer.cost_s == VALUES["cost_200"][3]
    assert longer.test == VALUES["test_200"][3]
    assert error_of(lambda: objective.evaluate(CELLS[3], 36)) == ("objective nasbench201 offers 12, 200 epochs, not 36")
    assert error_of(lambda: objective.view(embedding_of(CELLS), 36)).endswith("offers 12, 200 epochs, not 36")


def test_an_architecture_written_otherwise_and_an_unknown_one(table: BenchmarkTable) -> None:
    objective = BenchmarkObjective(table, READING)
    assert objective.evaluate(f" {CELLS[4]}\n") == objective.evaluate(CELLS[4])
    other = next(cell for cell in SPACE.format(SPACE.enumerate()[:100]) if cell not in CELLS)
    assert error_of(lambda: objective.evaluate(other)) == (
        f"{other!r} is not among the 60 architectures of objective nasbench201"
    )
    assert error_of(lambda: objective.evaluate("x")).startswith("not a nasbench201 architecture: 'x'")


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fidelity=st.sampled_from([None, 12, 200]))
def test_a_view_is_aligned_with_the_embedding(table: BenchmarkTable, seed: int, fidelity: int | None) -> None:
    rng = np.random.default_rng(seed)
    objective = BenchmarkObjective(table, READING, seed="random", noise_seed=seed)
    known = [CELLS[row] for row in rng.choice(60, size=10, replace=False)]
    others = [cell for cell in SPACE.format(SPACE.sample(12, rng)) if cell not in CELLS]
    cells = [*known, *others]
    cells = [cells[row] for row in rng.permutation(len(cells))]
    embedding = embedding_of(cells)
    view = objective.view(embedding, fidelity)
    assert len(view) == len(cells)
    for row, cell in enumerate(cells):
        assert view.known[row] == (cell in known)
        extra = {name: column[row] for name, column in view.extra.items()}
        if cell in known:
            found = Outcome(view.validation[row], view.test[row], view.cost_s[row], extra)
            assert found == objective.evaluate(cell, fidelity)
        else:
            assert np.isnan([view.validation[row], view.test[row], view.cost_s[row], *extra.values()]).all()
    restricted = objective.restrict(embedding)
    assert restricted.architectures == [cell for cell in cells if cell in known]
    assert objective.view(restricted, fidelity).known.all()


def test_restricting_to_nothing_or_to_another_space(table: BenchmarkTable) -> None:
    objective = BenchmarkObjective(table, READING)
    whole = embedding_of(CELLS)
    assert objective.restrict(whole) is whole
    others = [cell for cell in SPACE.format(SPACE.enumerate()[:40]) if cell not in CELLS]
    assert error_of(lambda: objective.restrict(embedding_of(others))) == (
        f"none of the {len(others)} embedded architectures is in objective nasbench201"
    )
    space = NASBench101()
    chain = space.parse(["01;00|input,output"])
    elsewhere = Embedding(space, chain, np.zeros((1, 2), dtype=np.float32))
    for use in (objective.view, objective.restrict):
        line = error_of(lambda use=use: use(elsewhere))  # type: ignore[misc]
        assert line.startswith("objective 'nasbench201' is for the space 'nasbench201'")


def test_a_view_refuses_columns_of_other_lengths() -> None:
    three, two = np.zeros(3), np.zeros(2)
    for columns in ((three, two, three), (three, three, two)):
        assert "shape (2,)" in error_of(lambda columns=columns: TableView(*columns))  # type: ignore[misc]
    assert "column more of" in error_of(lambda: TableView(three, three, three, {"more": two}))


# Training runs


def slow_run(name: str, row: int, number: int) -> float:
    """The ``number``-th of the runs that an architecture has, counted around."""
    there = [VALUES[f"{name}_seed{seed}"][row] for seed in SEEDS]
    there = [value for value in there if not np.isnan(value)]
    return float(there[number % len(there)])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_run_is_chosen_by_number(table: BenchmarkTable, number: int) -> None:
    objective = BenchmarkObjective(table, READING, seed=number)
    for row, cell in enumerate(CELLS):
        assert objective.evaluate(cell).validation == slow_run("validation_12", row, number)
        assert objective.evaluate(cell, 200).validation == slow_run("validation_200", row, number)
        assert objective.evaluate(cell).test == VALUES["test_200"][row]  # reported over all runs
    assert f"number {number}, counted from 0, of the runs 777, 888, 999" in objective.description


def test_random_runs_are_repeatable_and_follow_from_seed_and_architecture(
    table: BenchmarkTable, tmp_path: Path
) -> None:
    objective = BenchmarkObjective(table, READING, seed="random", noise_seed=5)
    validation = objective.columns().validation
    numbers = draws(FINGERPRINTS, 5).tolist()
    assert validation.tolist() == [slow_run("validation_12", row, number) for row, number in enumerate(numbers)]
    assert [objective.evaluate(cell).validation for cell in CELLS] == validation.tolist()
    # Neither the table's order nor what else it holds changes which run is drawn.
    rows = np.random.default_rng(3).permutation(60)[:30]
    part = BenchmarkObjective(
        write_table(tmp_path / "part.parquet", COLUMNS, rows), READING, seed="random", noise_seed=5
    )
    assert part.columns().validation.tolist() == validation[rows].tolist()


def test_runs_are_drawn_evenly() -> None:
    fingerprints = np.random.default_rng(0).integers(0, 2**63, 3000).astype(np.uint64)
    for seed in (0, 1, 2**32 - 1):
        counts = np.bincount((draws(fingerprints, seed) % np.uint64(3)).astype(np.int64), minlength=3)
        assert np.abs(counts - 1000).max() < 110  # four standard deviations
    same = draws(fingerprints, 0) % np.uint64(3) == draws(fingerprints, 1) % np.uint64(3)
    assert abs(same.mean() - 1 / 3) < 0.035  # seeds are independent


def test_another_noise_seed_without_reading_again(table: BenchmarkTable) -> None:
    first = BenchmarkObjective(table, READING, seed="random")
    best = first.optimum
    other = first.with_noise_seed(9)
    fresh = BenchmarkObjective(table, READING, seed="random", noise_seed=9)
    assert other.columns().validation.tolist() == fresh.columns().validation.tolist()
    assert other.description == fresh.description != first.description
    optima = [first.with_noise_seed(seed).optimum for seed in range(10)]
    assert optima == [BenchmarkObjective(table, READING, seed="random", noise_seed=s).optimum for s in range(10)]
    assert len(set(optima)) > 1  # what the first one has found out is not taken over
    assert first.optimum == best and other._rows is first._rows
    mean = BenchmarkObjective(table, READING)
    assert error_of(lambda: mean.with_noise_seed(1)).startswith("objective nasbench201 draws no runs")
    for seed in (-1, 2**32):
        refused = error_of(lambda seed=seed: first.with_noise_seed(seed))  # type: ignore[misc]
        assert "a noise_seed is search or a number from 0 to 2^32 - 1" in refused


def test_the_mean_where_the_table_has_only_runs(tmp_path: Path) -> None:
    columns = {name: entry for name, entry in COLUMNS.items() if entry[0].seed != "mean" or entry[0].kind == "cost_s"}
    objective = BenchmarkObjective(write_table(tmp_path / "t.parquet", columns), READING)
    np.testing.assert_allclose(objective.columns().validation, VALUES["validation_12"], rtol=1e-14)
    assert "(mean of runs 777, 888, 999)" in objective.description


def test_costs_of_the_run_that_is_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = {name: entry for name, entry in COLUMNS.items() if entry[0].kind != "cost_s"}
    for seed in SEEDS[:2]:
        name = f"cost_seed{seed}"
        columns[name] = Metric(name, "cost_s", "cifar10-valid", epochs=200, seed=seed), rng.uniform(100, 200, 60)
    objective = BenchmarkObjective(write_table(tmp_path / "t.parquet", columns), READING, seed=1)
    costs = [columns[f"cost_seed{seed}"][1] for seed in SEEDS[:2]]
    view = objective.columns(200)
    # Architecture 0 has run 999 only, which has no time of its own: the mean of those there are.
    assert view.cost_s[0] == (costs[0][0] + costs[1][0]) / 2
    assert (view.cost_s[1:] == costs[1][1:]).all()
    # Twelve epochs have no column of their own: their share.
    np.testing.assert_allclose(objective.columns(12).cost_s, view.cost_s * 12 / 200)
    assert "200 epochs on cifar10-valid, times 12/200; fewer epochs cost their share of it" in objective.description


# Costs


def test_estimates_stand_where_nothing_was_measured(tmp_path: Path) -> None:
    measured, estimate = VALUES["cost_12"].copy(), VALUES["cost_12"] + 1
    measured[10:] = np.nan
    columns = {name: entry for name, entry in COLUMNS.items() if entry[0].kind != "cost_s"}
    kind = {"kind": "cost_s", "dataset": "cifar10-valid", "epochs": 12}
    columns["a"] = Metric("a", **kind, description="training"), measured  # type: ignore[arg-type]
    columns["b"] = Metric("b", **kind, estimated=True, description="training, error 2 %"), estimate  # type: ignore[arg-type]
    table = write_table(tmp_path / "t.parquet", columns)
    objective = BenchmarkObjective(table, READING)
    assert objective.columns().cost_s.tolist() == [*measured[:10], *estimate[10:]]
    assert objective.note == "costs of 50 of 60 architectures are estimated (error 2 %)"
    assert objective.description.endswith(objective.note)
    assert objective.fidelities == (12,)  # nothing says what 200 epochs cost


def test_missing_costs_are_completed_or_refused(tmp_path: Path) -> None:
    columns = dict(COLUMNS)
    metric, seconds = columns["cost_12"]
    holes = seconds.copy()
    holes[::3] = np.nan
    columns["cost_12"] = metric, holes
    table = write_table(tmp_path / "t.parquet", columns)
    line = error_of(lambda: BenchmarkObjective(table, READING))
    assert line == (
        f"objective nasbench201: {table.path} has no cost in seconds of 12 epochs on cifar10-valid "
        "for all of its 60 architectures with a signal"
    )
    objective = BenchmarkObjective(
        table, READING, complete=lambda graphs, known: (np.where(np.isnan(known), len(graphs), known), "a guess")
    )
    assert objective.columns().cost_s.tolist() == [60.0 if np.isnan(hole) else hole for hole in holes]
    assert objective.note == "costs of 20 of 60 architectures are estimated (a guess)"
    assert costs_of(table, "cifar100", 12) is None


# What a table does not have


def test_measurements_that_are_not_there(table: BenchmarkTable, tmp_path: Path) -> None:
    assert error_of(lambda: BenchmarkObjective(table, TableReading("cifar100", 12, 200))) == (
        "objective nasbench201: benchmark nasbench201 has no validation accuracy on cifar100 after 12 epochs; "
        "it has none"
    )
    assert error_of(lambda: BenchmarkObjective(table, TableReading("cifar10-valid", 36, 200))).endswith(
        "it has 12, 200"
    )
    assert error_of(lambda: BenchmarkObjective(table, READING, seed=3)) == (
        "objective nasbench201: seed must be mean, random or one of 0, 1, 2, got 3"
    )
    assert error_of(lambda: BenchmarkObjective(table, READING, noise_seed=3)) == (
        "objective nasbench201: noise_seed needs seed=random, got seed=mean"
    )
    means = {name: entry for name, entry in COLUMNS.items() if entry[0].seed == "mean"}
    only_means = write_table(tmp_path / "means.parquet", means)
    assert error_of(lambda: BenchmarkObjective(only_means, READING, seed="random")) == (
        "objective nasbench201: the table has no single runs of this signal, only seed=mean"
    )
    assert error_of(lambda: TrainingRuns(table, [])) == "benchmark nasbench201 has no such measurement"


def test_architectures_without_a_signal_are_left_out(tmp_path: Path) -> None:
    columns = {name: (metric, values.copy()) for name, (metric, values) in COLUMNS.items()}
    for name, (_, values) in columns.items():
        if name.startswith("validation_12"):
            values[:20] = np.nan
    objective = BenchmarkObjective(write_table(tmp_path / "t.parquet", columns), READING)
    assert objective.architectures == CELLS[20:]
    assert objective.evaluate(CELLS[25]).validation == VALUES["validation_12"][25]
    assert not objective.view(embedding_of(CELLS)).known[:20].any()
    for name, (_, values) in columns.items():
        if name.startswith("validation_12"):
            values[:] = np.nan
    path = tmp_path / "none.parquet"
    assert error_of(lambda: BenchmarkObjective(write_table(path, columns), READING)).endswith(
        "has no signal for any architecture"
    )


def test_a_table_with_an_architecture_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    twice = write_table(path, COLUMNS, np.array([3, 4, 5, 4]))
    assert error_of(lambda: BenchmarkObjective(twice, READING)) == (
        f"{path} holds architectures more than once: {CELLS[4]!r} at rows 1 and 3; rows too many: 1"
    )


def test_it_can_be_sent_to_another_process(table: BenchmarkTable) -> None:
    objective = BenchmarkObjective(table, READING, seed="random", noise_seed=2)
    sent = pickle.loads(pickle.dumps(objective))
    assert sent.evaluate(CELLS[7], 200) == objective.evaluate(CELLS[7], 200)
