"""Whether one method is better than another, and than a published row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from arch2vec.errors import InputError
from arch2vec.studies.statistics import bootstrap_interval


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same seeds, run by run.

    Attributes:
        first: a method.
        second: another.
        pairs: how many seeds both have a value for.
        difference: mean of first minus second.
        low: lower end of its bootstrap 95 % confidence interval, over pairs.
        high: upper end.
        p_wilcoxon: two-sided, signed ranks (Pratt's treatment of zeros).
        p_t: two-sided, paired t-test.
        p_holm: the signed-rank p-value, corrected for all comparisons made together (Holm, 1979).
    """

    first: str
    second: str
    pairs: int
    difference: float
    low: float
    high: float
    p_wilcoxon: float
    p_t: float
    p_holm: float


def compare(values: Mapping[str, Mapping[int, float]], *, seed: int = 0) -> list[Comparison]:
    """Every method against every other.

    Args:
        values: a number by seed by method; NaN takes no part.
        seed: of the bootstrap.

    Raises:
        InputError: two methods have no seed in common.
    """
    found = []
    for first, second in combinations(values, 2):
        mine, other = values[first], values[second]
        pairs = np.array([mine[s] - other[s] for s in sorted(mine.keys() & other.keys())], dtype=np.float64)
        pairs = pairs[~np.isnan(pairs)]
        if not len(pairs):
            raise InputError(f"methods {first!r} and {second!r} have no seed in common")
        low, high = bootstrap_interval(pairs[:, None], seed=seed)
        ends = float(pairs.mean()), float(low[0]), float(high[0])
        found.append((first, second, len(pairs), ends, _wilcoxon(pairs), _paired_t(pairs)))
    corrected = holm([p for *_, p, _ in found])
    return [
        Comparison(first, second, pairs, *ends, p_wilcoxon, p_t, p_holm)
        for (first, second, pairs, ends, p_wilcoxon, p_t), p_holm in zip(found, corrected, strict=True)
    ]


def _wilcoxon(differences: NDArray[np.float64]) -> float:
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences, zero_method="pratt", correction=False, method="approx").pvalue)


def _paired_t(differences: NDArray[np.float64]) -> float:
    if len(differences) < 2:
        return float("nan")
    if np.ptp(differences) == 0:  # no variance to measure the mean by
        return 0.0 if differences[0] else 1.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for having been found together, by Holm's step-down procedure."""
    count = len(p_values)
    corrected, largest = [0.0] * count, 0.0
    for place, number in enumerate(sorted(range(count), key=lambda number: p_values[number])):
        largest = max(largest, min(1.0, (count - place) * p_values[number]))
        corrected[number] = largest
    return corrected


@dataclass(frozen=True)
class Lead:
    """A method of ours against a published mean.

    Attributes:
        difference: ours minus the published.
        p: one-sided, that ours is not better; small means ahead.
        assumed_std: whether no deviation was published, and ours stands in for it.
    """

    difference: float
    p: float
    assumed_std: bool


def lead(values: NDArray[np.float64], mean: float, std: float | None, runs: int = 500) -> Lead:
    """Welch's test of ours against a published mean and standard deviation.

    Args:
        values: (R,) ours, NaN takes no part.
        mean: the published mean to compare with.
        std: published, None where it was not: then ours is taken for it.
        runs: that were published.

    Raises:
        InputError: fewer than two runs on a side.
    """
    known = values[~np.isnan(values)]
    if len(known) < 2 or runs < 2:
        raise InputError(f"a test needs at least 2 runs on each side, got {len(known)} and {runs}")
    own = float(known.std(ddof=1))
    other = own if std is None else std
    difference = float(known.mean()) - mean
    if own == 0 and other == 0:
        p = 0.0 if difference > 0 else 1.0
    else:
        found = stats.ttest_ind_from_stats(
            float(known.mean()), own, len(known), mean, other, runs, equal_var=False, alternative="greater"
        )
        p = float(found.pvalue)
    return Lead(difference, p, std is None)
