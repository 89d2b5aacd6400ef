"""What runs had found at a budget: the architecture of best validation accuracy by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.searching.budget import Budget
from arch2vec.studies.runs import SearchRuns


def lengths_at(budget: Budget, runs: SearchRuns) -> NDArray[np.int64]:
    """(R,) how many evaluations of each run are within a budget."""
    before = runs.cumulative_cost_s - runs.cost_s
    started: NDArray[np.int64] = (runs.made & ~budget.reached(np.arange(before.shape[1]), before)).sum(axis=1)
    return started


def covered(budget: Budget, runs: SearchRuns) -> bool:
    """Whether no run ended before the budget."""
    spent = runs.cumulative_cost_s[:, -1] if runs.rows.shape[1] else 0.0
    return bool(budget.reached(runs.lengths, spent).all())


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


def chosen(runs: SearchRuns, budget: Budget) -> Chosen:
    """What each run would end with at a budget. A run that ended before it counts with what it has."""
    lengths = lengths_at(budget, runs)
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
