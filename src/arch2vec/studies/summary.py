"""The rows of a study's tables: a method on an objective at a budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.searching.budget import Budget
from arch2vec.studies.at_budget import Chosen, chosen, covered
from arch2vec.studies.runs import SearchRuns
from arch2vec.studies.significance import Comparison, compare
from arch2vec.studies.statistics import describe, optimum_share

Row = dict[str, Any]


def summary_row(runs: SearchRuns, budget: Budget, signal: NDArray[np.float64] | None = None) -> Row:
    """What a method has reached at a budget.

    Args:
        runs: of one method on one objective.
        budget: the budget at which runs are looked at.
        signal: (N,) the objective's signal of every architecture by row, where it is a
            table, for the share of runs that reach the best.

    Returns:
        ``method``, ``objective``, ``budget``, ``runs``; of validation and test accuracy (percent, of
        the architecture best by validation) ``_mean``, ``_std``, ``_median``, ``_q1``, ``_q3``,
        ``_low`` and ``_high`` (95 % bootstrap interval of the mean); ``signal_mean``,
        ``optimum_share`` (NaN without a table); means a run of ``evaluations``, ``cost_s`` and
        ``seconds_per_run`` (the method's own time); ``complete``, whether all runs go that far.
    """
    found = chosen(runs, budget)
    row: Row = {"method": runs.method, "objective": runs.objective, "budget": str(budget), "runs": len(runs)}
    for name in ("validation", "test"):
        numbers = describe(getattr(found, name))
        for part in ("mean", "std", "median", "q1", "q3", "low", "high"):
            row[f"{name}_{part}"] = getattr(numbers, part)
    row["signal_mean"] = describe(found.signal).mean
    row["optimum_share"] = np.nan if signal is None else optimum_share(signals_of(found, signal), _best(signal))
    row["evaluations"] = float(found.evaluations.mean())
    row["cost_s"] = float(found.cost_s.mean())
    row["seconds_per_run"] = float(found.method_s.mean())
    row["complete"] = covered(budget, runs)
    return row


def signals_of(found: Chosen, signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R,) the objective's signal of the chosen architectures, whatever fidelity they were chosen at."""
    return np.where(found.rows < 0, np.nan, signal[np.maximum(found.rows, 0)])


def _best(signal: NDArray[np.float64]) -> float:
    return float(np.nanmax(signal))


def summary_rows(
    many: Iterable[SearchRuns], budgets: Sequence[Budget], signal: NDArray[np.float64] | None = None
) -> list[Row]:
    """A row a method and budget, budgets outermost."""
    listed = list(many)
    return [summary_row(runs, budget, signal) for budget in budgets for runs in listed]


def comparisons(many: Iterable[SearchRuns], budget: Budget, column: str = "test") -> list[Comparison]:
    """Every method against every other on equal seeds, by what they chose at a budget.

    Args:
        many: the runs of each method on one objective.
        budget: the budget at which runs are looked at.
        column: which number of :class:`Chosen` is compared.
    """
    values: Mapping[str, Mapping[int, float]] = {
        runs.method: dict(zip(found.seeds.tolist(), getattr(found, column).tolist(), strict=True))
        for runs in many
        for found in [chosen(runs, budget)]
    }
    return compare(values)
