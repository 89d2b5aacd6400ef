"""When the runs of a study end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.searching.trials import SearchLimits


@dataclass(frozen=True)
class Horizon:
    """How far runs go. An evaluation that starts before the end counts, whatever it costs.

    Runs that are to be reported at several budgets go as far as the largest of
    them, once, and are cut for each table.

    Attributes:
        budget: evaluations, None for any number.
        max_cost_s: cumulative cost of evaluations, seconds, None for any.
        both: a run ends once it has reached both limits, instead of either.

    Raises:
        InputError: there is no limit, or one that cannot be.
    """

    budget: int | None
    max_cost_s: float | None = None
    both: bool = False

    def __post_init__(self) -> None:
        SearchLimits(self.budget, self.max_cost_s)

    def reached(self, evaluations: NDArray[np.int64], cost_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(R,) whether runs with so many evaluations, (R,), that cost so much, (R,), have ended."""
        limits = []
        if self.budget is not None:
            limits.append(evaluations >= self.budget)
        if self.max_cost_s is not None:
            limits.append(cost_s >= self.max_cost_s)
        ended: NDArray[np.bool_] = (np.logical_and if self.both else np.logical_or).reduce(limits)
        return ended

    @property
    def least(self) -> int | None:
        """The evaluations that a run is sure to make, None where its cost alone decides or may decide."""
        return self.budget if self.both or self.max_cost_s is None else None

    def __str__(self) -> str:
        parts = [] if self.budget is None else [f"{self.budget:,} evaluations"]
        if self.max_cost_s is not None:
            parts.append(f"{self.max_cost_s:,.0f} s")
        return (" and " if self.both else " or ").join(parts)
