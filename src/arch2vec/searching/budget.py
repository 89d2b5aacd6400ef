"""How far a search goes: so many evaluations, so many seconds of them, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arch2vec.common.kinds import is_real, is_whole
from arch2vec.errors import InputError
from arch2vec.searching.trials import Trial


@dataclass(frozen=True)
class Budget:
    """When a search ends. An evaluation that starts before the end counts, whatever it costs.

    Runs that are to be reported at several budgets go as far as the largest of
    them, once, and are cut for each table.

    >>> print(Budget(150), "/", Budget(max_cost_s=12_000), "/", Budget(200, 1e6, both=True))
    150 evaluations / 12,000 s / 200 evaluations and 1,000,000 s

    Attributes:
        evaluations: how many, None for any number.
        max_cost_s: what they cost together, seconds, None for any.
        both: a search ends once it has reached both, instead of either.

    Raises:
        InputError: there is no limit, or one that cannot be.
    """

    evaluations: int | None = None
    max_cost_s: float | None = None
    both: bool = False

    def __post_init__(self) -> None:
        if self.evaluations is None and self.max_cost_s is None:
            raise InputError("a search needs a budget of evaluations, a maximum cost, or both")
        if self.evaluations is not None and not (is_whole(self.evaluations) and self.evaluations >= 1):
            raise InputError(f"the budget must be at least 1 evaluation, a whole number, got {self.evaluations!r}")
        if self.max_cost_s is not None and not (is_real(self.max_cost_s) and self.max_cost_s > 0):
            raise InputError(f"the maximum cost must be above 0 seconds, got {self.max_cost_s!r}")

    def reached(self, evaluations: ArrayLike, cost_s: ArrayLike) -> NDArray[np.bool_]:
        """Whether no further evaluation may start, of shape (...).

        Args:
            evaluations: (...), how many were made.
            cost_s: (...), what they cost, seconds.
        """
        limits = []
        if self.evaluations is not None:
            limits.append(np.asarray(evaluations) >= self.evaluations)
        if self.max_cost_s is not None:
            limits.append(np.asarray(cost_s) >= self.max_cost_s)
        ended: NDArray[np.bool_] = (np.logical_and if self.both else np.logical_or).reduce(limits)
        return ended

    def within(self, trials: Sequence[Trial]) -> list[Trial]:
        """The trials, without those that would not have started."""
        kept: list[Trial] = []
        for trial in trials:
            if self.reached(len(kept), kept[-1].cumulative_cost_s if kept else 0.0):
                break
            kept.append(trial)
        return kept

    @property
    def least(self) -> int | None:
        """The evaluations that a run is sure to make, None where its cost alone decides or may decide."""
        return self.evaluations if self.both or self.max_cost_s is None else None

    def __str__(self) -> str:
        parts = [] if self.evaluations is None else [f"{self.evaluations:,} evaluations"]
        if self.max_cost_s is not None:
            parts.append(f"{self.max_cost_s:,.0f} s")
        return (" and " if self.both else " or ").join(parts)
