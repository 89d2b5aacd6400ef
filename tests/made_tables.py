"""Small benchmark tables in the form of the converted archives, with made-up numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks import BenchmarkTable, Metric, TableSchema
from arch2vec.benchmarks.results import Results, write_results
from arch2vec.spaces import NASBench201

SEEDS = (777, 888, 999)
SPACE = NASBench201()


def _made_cells() -> list[str]:
    """60 cells that differ on three edges only, so that most neighbours of one are there too."""
    free = np.array(list(itertools.product(range(1, 5), repeat=3)), dtype=np.uint8)
    edges = np.concatenate([np.full_like(free, 2), free], axis=1)
    chosen = np.random.default_rng(0).permutation(len(edges))[:60]
    return SPACE.format(SPACE.from_edge_operations(edges[chosen]))


CELLS = _made_cells()

Columns = Mapping[str, tuple[Metric, NDArray[np.float64]]]


def made_columns() -> dict[str, tuple[Metric, NDArray[np.float64]]]:
    """Numbers of :data:`CELLS` on cifar10: three runs of 12 and 200 epochs, some of them missing."""
    rng = np.random.default_rng(1)
    n = len(CELLS)
    worth = rng.normal(0, 5, n)
    columns: dict[str, tuple[Metric, NDArray[np.float64]]] = {}

    def put(metric: Metric, values: NDArray[np.float64]) -> None:
        columns[metric.column] = metric, values

    for dataset, split in (("cifar10-valid", "validation"), ("cifar10", "test")):
        for epochs, height in ((12, 60.0), (200, 80.0)):
            name = f"{split}_{epochs}"
            runs = [height + worth + rng.normal(0, 1, n) for _ in SEEDS]
            # Architecture 0 has its last run only, architecture 1 its first two.
            runs[0][0] = runs[1][0] = runs[2][1] = np.nan
            for seed, values in zip(SEEDS, runs, strict=True):
                put(Metric(f"{name}_seed{seed}", "accuracy", dataset, split, epochs, seed=seed), values)  # type: ignore[arg-type]
            put(Metric(name, "accuracy", dataset, split, epochs, seed="mean"), np.nanmean(runs, axis=0))  # type: ignore[arg-type]
    for epochs in (12, 200):
        seconds = epochs * rng.uniform(5, 15, n)
        put(
            Metric(f"cost_{epochs}", "cost_s", "cifar10-valid", epochs=epochs, seed="mean", description="training"),
            seconds,
        )
    return columns


def write_table(path: Path, columns: Columns, rows: NDArray[np.int64] | None = None) -> BenchmarkTable:
    """A table of some of :data:`CELLS` (all by default, in their order) with these columns."""
    kept = np.arange(len(CELLS)) if rows is None else rows
    metrics = tuple(metric for metric, _ in columns.values())
    schema = TableSchema("nasbench201", "nasbench201", ("architecture",), metrics, partial=True)
    numbers = {name: values[kept] for name, (_, values) in columns.items()}
    write_results(Results.of(schema, [CELLS[row] for row in kept.tolist()], numbers), path)
    return BenchmarkTable(schema, path)
