"""The mean progress of several searches, as numbers: what :mod:`arch2vec.reports.curves` draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arch2vec.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Axis = Literal["evaluations", "cost_s"]
Band = Literal["deviation", "ci95"]
Run = tuple[NDArray[np.float64], NDArray[np.float64] | None]
"""Values, and costs where they are needed."""

_MOST_POINTS = 1000  # of a curve: as many as a figure has pixels across
_CI95 = 1.959964  # the normal distribution's 97.5 % quantile


@dataclass(frozen=True, eq=False)
class BestSoFar:
    """The mean best so far of several runs, a step function.

    Attributes:
        x: (n,) increasing: evaluations, or seconds.
        mean: (n,) the mean from each x to the next.
        low: (n,) the lower edge of the band around it.
        high: (n,) the upper edge.
        runs: how many there are.
    """

    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    runs: int


def mean_progress(
    name: str, runs: pd.DataFrame | Sequence[ArrayLike], x: Axis, band: Band, minimise: bool = False
) -> BestSoFar:
    """The mean best so far of one method's runs.

    The band never reaches beyond the best and the worst run.

    Args:
        name: of the method, for errors.
        runs: as :func:`arch2vec.reports.curves.best_so_far` takes them.
        x: what is counted.
        band: how wide the band is.
        minimise: whether less is better.

    Raises:
        InputError: no runs, a missing column or cost, a run without a value, or
            an infinite one.
    """
    steps = [_steps(name, values, costs, minimise) for values, costs in _split(name, runs, x)]
    if not steps:
        raise InputError(f"the trajectories of {name!r} hold no run")
    start = max(float(at[0]) for at, _ in steps)
    grid = np.unique(np.concatenate([at for at, _ in steps]))
    grid = grid[grid >= start]
    if len(grid) > _MOST_POINTS:
        grid = np.linspace(start, grid[-1], _MOST_POINTS)
    table = np.stack([best[np.searchsorted(at, grid, side="right") - 1] for at, best in steps])
    mean = table.mean(axis=0)
    half = table.std(axis=0, ddof=1) if len(steps) > 1 else np.zeros(len(grid))
    if band == "ci95":
        half = half * _CI95 / np.sqrt(len(steps))
    low, high = np.maximum(mean - half, table.min(axis=0)), np.minimum(mean + half, table.max(axis=0))
    return BestSoFar(grid, mean, low, high, len(steps))


def _split(name: str, runs: pd.DataFrame | Sequence[ArrayLike], x: Axis) -> list[Run]:
    import pandas as pd

    if not isinstance(runs, pd.DataFrame):
        arrays = [np.asarray(run, dtype=np.float64) for run in runs]
        for array in arrays:
            if array.ndim != 1 and (array.ndim != 2 or array.shape[1] != 2):
                raise InputError(f"a run of {name!r} must be an array (n,) or (n, 2), got {array.shape}")
            if array.ndim == 1 and x == "cost_s":
                raise InputError(f"a run of {name!r} has no costs: an array (n, 2) of values and seconds is needed")
        return [(run, None) if run.ndim == 1 else (run[:, 0], run[:, 1] if x == "cost_s" else None) for run in arrays]
    for column in ("validation", "cost_s") if x == "cost_s" else ("validation",):
        if column not in runs.columns:
            has = ", ".join(str(other) for other in runs.columns)
            raise InputError(f"the trajectories of {name!r} have no column {column!r}; they have {has}")
    key = next((column for column in ("run", "seed") if column in runs.columns), None)
    parts = [runs] if key is None else [part for _, part in runs.groupby(key, sort=True)]
    values = [part["validation"].to_numpy(dtype=np.float64) for part in parts]
    costs = [part["cost_s"].to_numpy(dtype=np.float64) if x == "cost_s" else None for part in parts]
    return list(zip(values, costs, strict=True))


def _steps(
    name: str, values: NDArray[np.float64], costs: NDArray[np.float64] | None, minimise: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where one run's best so far is known, and what it is there."""
    if np.isinf(values).any():
        raise InputError(f"a run of {name!r} has an infinite value at evaluation {int(np.isinf(values).argmax()) + 1}")
    if np.isnan(values).all():
        raise InputError(f"a run of {name!r} has no value in {len(values)} evaluations")
    best = np.fmin.accumulate(values) if minimise else np.fmax.accumulate(values)
    at = np.arange(1.0, len(values) + 1)
    if costs is not None:
        if not (np.isfinite(costs) & (costs >= 0)).all():
            raise InputError(f"a run of {name!r} has a cost that is negative or not finite")
        at = np.cumsum(costs)
    known = ~np.isnan(best)
    return at[known], best[known]
