"""What a search with several objectives weighs against each other: named criteria, each with its direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arch2vec.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Criterion:
    """One of the numbers that an architecture is judged by.

    Attributes:
        column: its name, that of a table's column.
        maximise: whether more is better.
        accuracy: whether it is an accuracy in percent. Models then know two things of it:
            architectures that compute the same function are equally accurate (parameters
            and latency depend on the form too), and differences in it are relative to the error.
    """

    column: str
    maximise: bool = False
    accuracy: bool = False

    def __str__(self) -> str:
        return f"{self.column} ({'max' if self.maximise else 'min'})"


def check_criteria(criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
    """The criteria, if a search can weigh them against each other.

    Raises:
        InputError: there are fewer than two, or two have the same name.
    """
    names = [criterion.column for criterion in criteria]
    if len(names) < 2:
        raise InputError(f"a multi-objective search needs at least 2 criteria, got {len(names)}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"criterion {twice!r} is named twice")
    return tuple(criteria)


def gains(values: ArrayLike, criteria: Sequence[Criterion]) -> Array:
    """Values of the criteria as numbers of which more is better: those to be minimised change their sign.

    Args:
        values: (n, m), in the criteria's units.
        criteria: m of them.

    Returns:
        (n, m). Applied twice, this gives the values back.

    Raises:
        InputError: there is not a column for each criterion.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != len(criteria):
        raise InputError(f"{len(criteria)} criteria need values (n, {len(criteria)}), got {array.shape}")
    return np.where([criterion.maximise for criterion in criteria], array, -array)
