"""A table whose training runs each search draws for itself, as columns for simulations of many searches at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.objectives.runs import draws, place_of
from arch2vec.objectives.view import TableView


@dataclass(frozen=True, eq=False)
class DrawnView:
    """What evaluations of N architectures give in each of R training runs, and which of them a search meets.

    Attributes:
        fingerprints: (N,) of the architectures; with a search's seed they say which run it meets.
        there: (R, N) the runs that each architecture has.
        validation: (R, N) float64, the signal in each, percent.
        cost_s: (R, N) float64, seconds.
        expected: means over the runs, and what does not depend on the run.
    """

    fingerprints: NDArray[np.uint64]
    there: NDArray[np.bool_]
    validation: NDArray[np.float64]
    cost_s: NDArray[np.float64]
    expected: TableView

    def of(self, rows: NDArray[np.int64], seeds: NDArray[np.uint64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The signals (n,) and costs (n,) that searches meet; an architecture without single runs gives their mean.

        Args:
            rows: (n,) of the architectures.
            seeds: (n,) of the searches.
        """
        places = place_of(self.there[:, rows], draws(self.fingerprints[rows], seeds))
        validation, cost_s = self.expected.validation[rows], self.expected.cost_s[rows]
        alone = places >= 0
        validation[alone] = self.validation[places[alone], rows[alone]]
        cost_s[alone] = self.cost_s[places[alone], rows[alone]]
        return validation, cost_s

    def take(self, rows: NDArray[np.int64]) -> DrawnView:
        """The view of other rows: (M,) indices, -1 for an architecture that the table does not hold."""
        absent = rows < 0
        return DrawnView(
            self.fingerprints[rows],
            self.there[:, rows] & ~absent,
            self.validation[:, rows],
            self.cost_s[:, rows],
            self.expected.take(rows),
        )
