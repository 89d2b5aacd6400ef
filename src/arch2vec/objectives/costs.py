"""What an evaluation over a benchmark table would have cost, in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks.table import BenchmarkTable
from arch2vec.objectives.runs import TrainingRuns

Complete = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], str]]
"""From (n,) seconds, NaN where unknown, to all of them, and in words how far off the new ones are."""


@dataclass(frozen=True, eq=False)
class Costs:
    """Seconds of trainings.

    Attributes:
        measured: by training run, None where the table has estimates only.
        estimate: (n,) what stands where nothing was measured, NaN where nothing does.
        factor: that both are multiplied by.
        description: what the seconds are of.
        error: how far off estimates are, in words.
    """

    measured: TrainingRuns | None
    estimate: NDArray[np.float64]
    factor: float
    description: str
    error: str

    def of(self, places: NDArray[np.int64] | None, seeds: tuple[int, ...]) -> NDArray[np.float64]:
        """(n,) seconds of the runs ``seeds[places[i]]``, of the mean of runs where ``places`` is None."""
        seconds = self.estimate
        if self.measured is not None:
            values = self.measured.mean if places is None else self.measured.of(places, seeds)
            seconds = np.where(np.isnan(values), seconds, values)
        return seconds * self.factor

    @property
    def estimated(self) -> NDArray[np.bool_]:
        """(n,) whether an architecture's seconds are an estimate."""
        known = ~np.isnan(self.estimate)
        return known if self.measured is None else known & np.isnan(self.measured.mean)

    def completed(self, rows: NDArray[np.int64], complete: Complete) -> Costs:
        """The same with estimates for those of the rows that have neither a measurement nor an estimate."""
        known = self.estimate if self.measured is None else self.measured.mean
        known = np.where(np.isnan(known), self.estimate, known)
        if not np.isnan(known[rows]).any():
            return self
        estimate = known.copy()
        estimate[rows], error = complete(known[rows])
        return replace(self, estimate=estimate, error=error)


def costs_of(table: BenchmarkTable, dataset: str, epochs: int | None) -> Costs | None:
    """The seconds that ``epochs`` of training on ``dataset`` take.

    A table that has no such column, but one of more epochs, gives their share of it;
    one that has neither gives None.
    """
    found = table.find(kind="cost_s", dataset=dataset, schedule=None)
    offered = {metric.epochs for metric in found}
    source = epochs
    if epochs is not None and epochs not in offered:
        source = min((other for other in offered if other is not None and other > epochs), default=None)
    metrics = [metric for metric in found if metric.epochs == source]
    if not metrics:
        return None
    measured = [metric for metric in metrics if not metric.estimated]
    estimated = [metric for metric in metrics if metric.estimated]
    factor = 1.0 if epochs is None or source is None else epochs / source
    words = (measured or estimated)[0].description.partition(",")[0] or "training"
    if source is not None:
        words = f"{words}, {source} epochs on {dataset}"
    return Costs(
        TrainingRuns(table, measured) if measured else None,
        TrainingRuns(table, estimated).mean if estimated else np.full(len(table), np.nan),
        factor,
        words if factor == 1 else f"{words}, times {epochs}/{source}",
        ", ".join(metric.description.partition(", ")[2] or metric.description for metric in estimated),
    )
