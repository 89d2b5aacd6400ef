"""What the numbers in a table's columns are, and what becomes of several rows of one architecture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError

SeedChoice = int | Literal["mean", "random"]

_TO_MINIMISE = re.compile(
    r"loss|error|perplexity|latency|regret|entropy|energy|(?<![a-z])"
    r"(?:errs?|ppl|nll|n?rmse|mse|mae|s?mape|[cw]er|fid|bp[cb]|brier|ece|rank|seconds|secs|millis|ms|time|runtime|params|parameters|"
    r"macs|flops|madds|memory)(?![a-z])"
)
_COUNTS = re.compile(
    r"(?:(?:num|n|best|last|arch|model|row)[^a-z])?(?:id|idx|index|nr|no|number|row|run|trial|seed|epochs?|iterations?|steps?)"
)
_NUMBERED = 10  # rows from which on 0, 1, 2, ... is no accident
_MOST = 0.5  # of a column's numbers, that make it one of fractions


@dataclass(frozen=True)
class Unit:
    """How a column's numbers are read.

    Attributes:
        factor: that they are multiplied by.
        told: what was done, for descriptions.
    """

    factor: float
    told: str


def unit_of(
    where: object, name: str, values: NDArray[np.float64], scale: float | None, unit: str | None, minimise: bool | None
) -> Unit:
    """How the numbers of a column of accuracies, or of what ``unit`` says, are read.

    Args:
        where: the table, for messages.
        name: of the column.
        values: (n,) in the file's order, NaN where missing.
        scale: a factor, None to find out.
        unit: what they are, None for percent.
        minimise: whether less is better, None where the user doesn't say.

    Raises:
        InputError: they cannot be what they are said to be, or it can be told in two ways.
    """
    known = values[~np.isnan(values)]
    if minimise is None and (match := _TO_MINIMISE.search(name.lower())):
        raise InputError(
            f"{where}: column {name!r} sounds like {match.group()}, of which less is better: say minimise=true, or "
            "minimise=false to search for large values of it"
        )
    if scale is not None:
        return Unit(scale, f"{unit or 'percent'} as given" if scale == 1 else f"times {scale:g}")
    if unit is not None or minimise:
        return Unit(1.0, unit or "as given")
    if minimise is None and _COUNTS.fullmatch(name.lower()):
        raise InputError(
            f"{where}: column {name!r} sounds like a number that something was given, not like an accuracy; if it is "
            "the value, say scale=1"
        )
    if len(known) >= _NUMBERED and len(known) == len(values):
        for start in (0, 1):
            if np.array_equal(known, np.arange(start, start + len(known))):
                raise InputError(
                    f"{where}: column {name!r} numbers the rows, {start}, {start + 1}, {start + 2}, ...; "
                    "if these are values, say scale=1"
                )
    within = (known >= 0) & (known <= 1)
    if within.all():
        return Unit(100.0, "fractions, read as percent")
    if within.mean() > _MOST and len(known) > 1:
        row = int(np.flatnonzero(~np.isnan(values))[~within][0])
        raise InputError(
            f"{where}: column {name!r} lies between 0 and 1 in {int(within.sum()):,} of {len(known):,} rows but is "
            f"{values[row]:g} at row {row}: say scale=100 or scale=1, "
            f"or absent={values[row]:g} if that stands for no value"
        )
    beyond = np.flatnonzero((values < 0) | (values > 100))
    if len(beyond):
        row = int(beyond[0])
        raise InputError(
            f"{where}: column {name!r} is no accuracy in percent, it is {values[row]:g} at row {row}: say what it is, "
            "as in unit=points (and minimise=true where less is better), or a scale"
        )
    return Unit(1.0, "percent")


def runs_of(groups: NDArray[np.int64], count: int, columns: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Columns (n,) as (R, N): the rows of each of N architectures one below the other, NaN where it has fewer.

    Args:
        groups: (n,) which architecture each row is of.
        count: N, how many architectures there are.
        columns: that are to be arranged.
    """
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=count)
    place = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    arranged = []
    for column in columns:
        table = np.full((int(sizes.max(initial=1)), count), np.nan)
        table[place, groups[order]] = column[order]
        arranged.append(table)
    return arranged


def mean_over_runs(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) means over the rows of (R, N) that are there, NaN where none is."""
    there = ~np.isnan(runs)
    count = there.sum(axis=0)
    return np.where(count > 0, np.where(there, runs, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
