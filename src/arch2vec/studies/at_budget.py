"""What runs had found at a budget: the architecture of best validation accuracy by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.studies.runs import SearchRuns


@dataclass(frozen=True)
class Cut:
    """A budget to report at: so many evaluations, or so many seconds of them.

    Attributes:
        kind: ``evaluations`` or ``seconds``.
        at: how many. Evaluations that start before the seconds are over count.
    """

    kind: str
    at: float

    def __post_init__(self) -> None:
        if self.kind not in ("evaluations", "seconds") or not self.at > 0:
            raise InputError(f"a budget is a positive number of evaluations or seconds, got {self.at} {self.kind}")

    def __str__(self) -> str:
        return f"{self.at:,.0f} {'s' if self.kind == 'seconds' else self.kind}"

    def lengths(self, runs: SearchRuns) -> NDArray[np.int64]:
        """(R,) how many evaluations of each run are within the budget."""
        if self.kind == "evaluations":
            return np.minimum(runs.lengths, int(self.at))
        before = runs.cumulative_cost_s - runs.cost_s
        started: NDArray[np.int64] = (runs.made & (before < self.at)).sum(axis=1)
        return started

    def covered_by(self, runs: SearchRuns) -> bool:
        """Whether no run ended before the budget."""
        if self.kind == "evaluations":
            return bool((runs.lengths >= self.at).all())
        return bool((runs.cumulative_cost_s[:, -1] >= self.at).all()) if runs.rows.shape[1] else False


@dataclass(frozen=True, eq=False)
class Chosen:
    """The best architecture by validation of each of R runs; NaN (row -1) where no evaluation succeeded.

    Attributes:
        seeds: (R,) int64.
        rows: (R,) int32, of the embedding.
        signal: (R,) float64, the validation accuracy the search saw, percent.
        validation: (R,) float64, the validation accuracy to report, percent.
        test: (R,) float64, percent.
        evaluations: (R,) int64, made within the budget.
        cost_s: (R,) float64, what they cost.
        method_s: (R,) float64, what the method itself took.
    """

    seeds: NDArray[np.int64]
    rows: NDArray[np.int32]
    signal: NDArray[np.float64]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    evaluations: NDArray[np.int64]
    cost_s: NDArray[np.float64]
    method_s: NDArray[np.float64]


def chosen(runs: SearchRuns, cut: Cut) -> Chosen:
    """What each run would end with at a budget. A run that ended before it counts with what it has."""
    lengths = cut.lengths(runs)
    run = np.arange(len(runs))
    last = np.maximum(lengths - 1, 0)
    best = np.where(lengths > 0, runs.incumbents[run, last], -1)
    found, at = best >= 0, np.maximum(best, 0)

    def number(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(found, values[run, at], np.nan)

    within = np.arange(runs.rows.shape[1]) < lengths[:, None]
    return Chosen(
        seeds=runs.seeds,
        rows=np.where(found, runs.rows[run, at], -1).astype(np.int32),
        signal=number(runs.validation),
        validation=number(runs.reported),
        test=number(runs.test),
        evaluations=lengths,
        cost_s=np.where(within, runs.cost_s, 0).sum(axis=1),
        method_s=np.where(within, runs.method_s, 0).sum(axis=1, dtype=np.float64),
    )
