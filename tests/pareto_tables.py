"""A small space with several criteria, for tests of multi-objective searches."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arch2vec.benchmarks import BenchmarkTable, Metric
from arch2vec.embedding import Embedding
from arch2vec.objectives.benchmark import BenchmarkObjective, TableReading
from arch2vec.searching.pareto import Criterion
from arch2vec.searching.pareto.problem import ParetoProblem
from made_tables import CELLS, SPACE, Columns, made_columns, write_table

CRITERIA = (Criterion("validation", maximise=True, accuracy=True), Criterion("latency"))
READING = TableReading("cifar10-valid", 12, 200, test_dataset="cifar10")


def embedding(dimensions: int = 4) -> Embedding:
    """:data:`made_tables.CELLS` at random points."""
    vectors = np.random.default_rng(0).normal(size=(len(CELLS), dimensions)).astype(np.float32)
    return Embedding(SPACE, SPACE.parse(CELLS), vectors)


def columns() -> dict[str, tuple[Metric, np.ndarray]]:
    """The columns of :func:`made_columns`, with a latency, an energy that one cell lacks, and parameters."""
    rng = np.random.default_rng(2)
    found = made_columns()
    worth = found["validation_200"][1]
    latency = 1 + 0.05 * (worth - worth.min()) + rng.uniform(0, 1, len(CELLS))
    energy = rng.uniform(1, 2, len(CELLS))
    energy[7] = np.nan
    parameters = 1000.0 * (1 + np.array([cell.count("conv") for cell in CELLS]))
    found["lat"] = Metric("lat", "latency_ms", "cifar10", device="phone"), latency
    found["lat100"] = Metric("lat100", "latency_ms", "cifar100", device="phone"), latency + 1
    found["nrg"] = Metric("nrg", "energy_mj", "cifar10", device="phone"), energy
    found["size"] = Metric("size", "parameters", "cifar10"), parameters
    return found


def objective(path: Path, made: Columns | None = None) -> BenchmarkObjective:
    """An objective over a table of these columns."""
    table: BenchmarkTable = write_table(path, columns() if made is None else made)
    return BenchmarkObjective(table, READING)


def problem(values: np.ndarray, known: tuple[str, ...] = (), test: np.ndarray | None = None) -> ParetoProblem:
    """A problem of (N, 2) values of :data:`CRITERIA`."""
    n = len(values)
    reported = np.full(n, np.nan) if test is None else test
    return ParetoProblem("made", CRITERIA, ("percent", "ms"), values, reported, np.ones(n), known, "made up")
