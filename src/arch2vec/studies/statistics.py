"""Numbers over the runs of one method: location, spread, and how sure the mean is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError

_BYTES = 64_000_000  # of resampled means that are held at once


@dataclass(frozen=True)
class Summary:
    """Numbers of n runs; runs without a value (NaN) are left out, and NaN is what no runs have.

    Attributes:
        runs: n.
        mean: of the values.
        std: with n - 1; NaN for one run.
        median: of the values.
        q1: lower quartile (linear interpolation).
        q3: upper quartile.
        low: lower end of the bootstrap confidence interval of the mean.
        high: upper end.
    """

    runs: int
    mean: float
    std: float
    median: float
    q1: float
    q3: float
    low: float
    high: float


def describe(values: NDArray[np.float64], *, seed: int = 0, level: float = 0.95, draws: int = 2000) -> Summary:
    """Location and spread of one number a run.

    Args:
        values: (R,), NaN where a run has none.
        seed: of the bootstrap.
        level: of the confidence interval.
        draws: of the bootstrap.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Summary(0, *(np.nan,) * 7)
    q1, median, q3 = np.quantile(known, [0.25, 0.5, 0.75])
    std = float(known.std(ddof=1)) if len(known) > 1 else np.nan
    low, high = bootstrap_interval(known[:, None], seed=seed, level=level, draws=draws)
    numbers = (float(known.mean()), std, float(median), float(q1), float(q3), float(low[0]), float(high[0]))
    return Summary(len(known), *numbers)


def bootstrap_interval(
    values: NDArray[np.float64], *, seed: int = 0, level: float = 0.95, draws: int = 2000
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile bootstrap intervals of the means of columns (Efron, 1979).

    The runs are drawn anew with replacement, ``draws`` times, the same draws for
    every column; how often each run is drawn is multinomial, so that all means
    are one matrix product.

    Args:
        values: (R, T) finite numbers, a row a run.
        seed: of the draws.
        level: how often the interval is to hold the mean.
        draws: how many bootstrap samples are drawn.

    Returns:
        (T,) lower and (T,) upper ends.

    Raises:
        InputError: there are no runs, or the level is not between 0 and 1.
    """
    runs = len(values)
    if not runs:
        raise InputError("a confidence interval needs at least one run")
    if not 0 < level < 1:
        raise InputError(f"the level of a confidence interval must be between 0 and 1, got {level}")
    counts = np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), size=draws) / runs
    ends = (1 - level) / 2, (1 + level) / 2
    low, high = np.empty(values.shape[1]), np.empty(values.shape[1])
    # Rounding of the mean itself must not put it outside of an interval of no width.
    centre = values.mean(axis=0)
    width = max(1, _BYTES // (8 * draws))
    for first in range(0, values.shape[1], width):
        part = slice(first, first + width)
        means = counts @ (values[:, part] - centre[part])
        low[part], high[part] = np.quantile(means, ends, axis=0)
    return low + centre, high + centre


def optimum_share(signals: NDArray[np.float64], optimum: float) -> float:
    """The share of runs whose choice has the best signal there is, but for rounding.

    Args:
        signals: (R,) of the chosen architectures, NaN for none, percent.
        optimum: the best of all, percent.
    """
    return float(np.mean(np.nan_to_num(signals, nan=-np.inf) >= optimum - 1e-9))
