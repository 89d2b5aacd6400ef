"""Hyperband (Li et al., JMLR 2018): which evaluations at which fidelities, by successive halving.

With fidelities f_0 < ... < f_S, a *bracket* s begins with many architectures at
a low fidelity, f_(S-s), and goes on with the best of them, one in eta, at the next,
up to f_S. Brackets s = S, S-1, ..., 0 follow each other, over and over. With the
fidelities a factor of eta apart, each costs about the same: bracket s
begins with n architectures and has n_i in its i-th *rung*,

    n = ceil((S + 1) / (s + 1) eta^s),   n_i = floor(n / eta^i),   i = 0 ... s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from arch2vec.errors import InputError

Fidelity = int | None
"""None where there is no choice."""


def choose_levels(fidelities: Sequence[int], eta: int) -> list[Fidelity]:
    """The fidelities of Hyperband's rungs, ascending, at least a factor ``eta`` apart.

    From the highest down, each is the highest that is offered at no more than a share of
    1/eta of the one before: all of 4, 12, 36 and 108, both of 12 and 200, and 2, 7,
    22, 66 and 200 where 1 to 200 are offered, with eta = 3. Without any there is one level, None.

    Raises:
        InputError: one is not positive.
    """
    if any(fidelity < 1 for fidelity in fidelities):
        raise InputError(f"fidelities must be positive, got {min(fidelities)}")
    levels: list[int] = []
    for fidelity in sorted(fidelities, reverse=True):
        if not levels or fidelity * eta <= levels[-1]:
            levels.append(fidelity)
    return list(reversed(levels)) or [None]


def rung_sizes(bracket: int, highest: int, eta: int) -> list[int]:
    """n_0 ... n_s of bracket s, ``highest`` being S; see the module's text."""
    n = -(-(highest + 1) * eta**bracket // (bracket + 1))
    return [n // eta**rung for rung in range(bracket + 1)]


class Bracket:
    """One run of successive halving.

    Attributes:
        number: s.
        rungs: rows proposed at each level so far, lowest first.
    """

    def __init__(self, number: int, levels: Sequence[Fidelity], eta: int, rungs: Sequence[Sequence[int]] = ()) -> None:
        self.number = number
        self._sizes = rung_sizes(number, len(levels) - 1, eta)
        self._levels = levels[len(levels) - 1 - number :]
        self.rungs = [list(rows) for rows in rungs] or [[]]
        if len(self.rungs) > len(self._sizes) or any(
            len(rows) > size for rows, size in zip(self.rungs, self._sizes, strict=False)
        ):
            raise ValueError(f"bracket {number} cannot hold {self.rungs}")

    @property
    def fidelity(self) -> Fidelity:
        """The level of the rung that is being filled."""
        return self._levels[len(self.rungs) - 1]

    @property
    def wants_new(self) -> int:
        """How many more new architectures its first rung takes."""
        return self._sizes[0] - len(self.rungs[0]) if len(self.rungs) == 1 else 0

    def promotions(self, values: Mapping[tuple[int, Fidelity], float], closed: bool) -> list[int] | None:
        """The rows to evaluate next because the rung before is done; None when the bracket is over.

        Of a rung's successful evaluations as many as the next one takes go on, best
        first, the earlier of equal ones first; fewer where too many failed.

        Args:
            values: of all evaluations told, NaN for failures.
            closed: whether the first rung gets no more architectures than it has.
        """
        while True:
            rows, rung = self.rungs[-1], len(self.rungs) - 1
            if rung == 0:
                if self.wants_new and not closed:
                    return []
            else:
                best = self._best_of(rung - 1, values)
                left = [row for row in best if row not in rows]
                if left:
                    return left
            if any((row, self.fidelity) not in values for row in rows):
                return []  # waiting for evaluations
            if rung + 1 == len(self._sizes) or not self._best_of(rung, values):
                return None
            self.rungs.append([])

    def _best_of(self, rung: int, values: Mapping[tuple[int, Fidelity], float]) -> list[int]:
        level = self._levels[rung]
        succeeded = [row for row in self.rungs[rung] if not np.isnan(values[row, level])]
        return sorted(succeeded, key=lambda row: -values[row, level])[: self._sizes[rung + 1]]

    def evaluations(self) -> list[tuple[int, Fidelity]]:
        """The rows proposed so far, each with its fidelity."""
        return [(row, level) for rows, level in zip(self.rungs, self._levels, strict=False) for row in rows]

    def to_json(self) -> dict[str, Any]:
        """What :class:`Bracket` is made from again."""
        return {"number": self.number, "rungs": self.rungs}
