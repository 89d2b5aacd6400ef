"""Regret against evaluations or simulated time, over runs; and its distribution at a budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError, unknown
from arch2vec.studies.runs import SearchRuns
from arch2vec.studies.statistics import bootstrap_interval

_COLUMNS = ("validation", "reported", "test")


@dataclass(frozen=True, eq=False)
class Curve:
    """A mean over runs with its confidence interval.

    Attributes:
        x: (n,) increasing: evaluations, or seconds.
        mean: (n,).
        low: (n,) lower end of the interval.
        high: (n,) upper end.
        runs: how many there are.
    """

    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    runs: int


def regret_curve(
    runs: SearchRuns,
    best: float,
    *,
    column: str = "test",
    x: str = "evaluations",
    end: float | None = None,
    points: int = 200,
    seed: int = 0,
) -> Curve:
    """How far the chosen architecture lies below the best there is, on average.

    The curve begins where every run has chosen one. A run that ends before others
    keeps what it has. Against time, an evaluation counts once it is finished.

    Args:
        runs: of one method.
        best: the table's best value of the column, percent.
        column: what the regret is in: ``validation`` (the signal), ``reported`` or ``test``.
        x: ``evaluations``, or ``seconds`` of them.
        end: of the axis; by default that of the longest run.
        points: at most, spread evenly.
        seed: of the bootstrap interval.

    Raises:
        InputError: an unknown column or axis, runs without a value, or none that begins before ``end``.
    """
    if column not in _COLUMNS:
        raise unknown("column of a regret", column, _COLUMNS)
    if x not in ("evaluations", "seconds"):
        raise unknown("horizontal axis", x, ("evaluations", "seconds"))
    values = getattr(runs, column)
    first = np.argmax(runs.incumbents >= 0, axis=1)
    if not len(runs) or (runs.incumbents[np.arange(len(runs)), first] < 0).any():
        raise InputError(f"a run of method {runs.method!r} has no evaluation that succeeded")
    at = np.broadcast_to(np.arange(1.0, values.shape[1] + 1), values.shape)
    if x == "seconds":
        at = runs.cumulative_cost_s
    final = at[np.arange(len(runs)), runs.lengths - 1]
    start = float(at[np.arange(len(runs)), first].max())
    stop = float(final.max()) if end is None else end
    if stop < start:
        raise InputError(f"a run of method {runs.method!r} has chosen nothing by {stop:g} {x}")
    grid = np.linspace(start, stop, points)
    if x == "evaluations":
        grid = np.unique(np.concatenate([np.floor(grid), [stop]]))
    places = np.stack(
        [
            np.searchsorted(row[:length], grid, side="right") - 1
            for row, length in zip(at, runs.lengths.tolist(), strict=True)
        ]
    )
    regret = best - np.take_along_axis(values, np.take_along_axis(runs.incumbents, places, axis=1), axis=1)
    low, high = bootstrap_interval(regret, seed=seed)
    return Curve(grid, regret.mean(axis=0), low, high, len(runs))


def distribution(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The empirical distribution function of values: where it steps, and its height from there on.

    Args:
        values: (R,), NaN counts as larger than everything: a run that found nothing.

    Returns:
        (n,) ascending values and (n,) the share of runs at or below each.
    """
    known, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return known, np.cumsum(counts) / max(1, len(values))
