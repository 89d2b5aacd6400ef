"""What one run's surrogate believes of the rows it was asked about so far, and when it is to learn anew.

What is looked at in one round is mostly looked at in the next. A row's place in
the belief is therefore worked out once and kept up as observations come in.

How that was done decides the last digits, and they decide between nearly equal architectures. A search that
goes on from its stored state must propose the very same ones, so that its belief is built up again in the very
same steps: observations are taken in one at a time, and which rows were first looked at after how many of
them is part of the state (:attr:`PoolBelief.looks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec.searching.pool import Rows

if TYPE_CHECKING:
    from arch2vec.surrogates.base import Array, Belief, Forecast, Learned


Look = tuple[int, str | None]
"""After how many observations some rows were first looked at, and these as text; None is everything."""


class PoolBelief:
    """The belief of one run, about more and more rows of an embedding.

    Args:
        learned: what the surrogate has learned.
        vectors: (N, d) of all rows, as the surrogate sees them.
        everything: rows that are often looked at together, which states need not list.
        looks: of a stored state, to begin from.
    """

    def __init__(
        self,
        learned: Learned,
        vectors: NDArray[np.float32],
        everything: Rows | None = None,
        looks: Sequence[Look] = (),
    ) -> None:
        self._learned, self.vectors = learned, vectors
        self._everything = everything
        self._earlier = list(looks)
        self.looks: list[Look] = list(looks)
        self._belief: Belief | None = None
        self._observed = 0
        # Their columns counted from 1: zeros take no memory before they are written to.
        self._column = np.zeros(getattr(vectors, "room", len(vectors)), dtype=np.int32)
        self._columns = 0
        self.latest: tuple[NDArray[np.float64], Forecast] | None = None  # targets, and what they made believe

    def forecast(self, rows: Rows, observed: Sequence[int], targets: NDArray[np.float64]) -> RowsForecast:
        """What is believed of rows (M,), given targets (n,) at the observed rows; those of before come first.

        The very same array of targets as before is taken for the same values: only new rows are
        then worked out. Valid until other observations or targets are given.
        """
        belief = self._up_to_date(rows, observed)
        if self.latest is None or self.latest[0] is not targets:
            self.latest = targets, belief.forecast(targets)
        elif len(self.latest[1].mean) < self._columns:
            self.latest[1].extend()
        return RowsForecast(self, self.latest[1], rows)

    def _up_to_date(self, rows: Rows, observed: Sequence[int]) -> Belief:
        earlier, self._earlier = self._earlier, []
        for count, seen in earlier:
            self._look(self._rows_of(seen), observed[:count])
        new = rows[self._column[rows] == 0]
        if self._belief is None or len(new):
            whole = self._everything is not None and np.array_equal(new, self._everything)
            self.looks.append((len(observed), None if whole else " ".join(map(str, new.tolist()))))
        return self._look(new, observed)

    def _rows_of(self, seen: str | None) -> Rows:
        if seen is None:
            assert self._everything is not None
            return self._everything
        return np.array(seen.split(), dtype=np.int64)

    def _look(self, new: Rows, observed: Sequence[int]) -> Belief:
        """Take in what is observed, and rows that were not looked at before."""
        if self._belief is None:
            self._belief = self._learned.belief(self.vectors[new], self.vectors[list(observed)])
        else:
            for row in observed[self._observed :]:
                self._belief.observe(self.vectors[[row]])
                self.latest = None
            if len(new):
                self._belief.extend(self.vectors[new])
        self._observed = len(observed)
        self._column[new] = np.arange(self._columns, self._columns + len(new)) + 1
        self._columns += len(new)
        return self._belief

    def columns_of(self, rows: Rows) -> NDArray[np.int32]:
        """Where the belief has rows that were looked at."""
        return self._column[rows] - 1


def read_looks(entries: object, rows: int, everything: bool, observed: int) -> list[Look]:
    """Looks from plain JSON.

    Args:
        entries: what a state holds.
        rows: how many an embedding has.
        everything: whether rows need not be listed.
        observed: how many observations there are.

    Raises:
        ValueError, TypeError: they are damaged.
    """
    looks: list[Look] = []
    known: set[int] = set()
    last = 0
    for count, seen in entries:  # type: ignore[attr-defined]
        listed = [] if seen is None else [int(row) for row in seen.split()]
        if not last <= count <= observed or (seen is None and (not everything or looks)):
            raise ValueError(f"a look after {count} observations")
        if any(not 0 <= row < rows for row in listed) or not known.isdisjoint(listed) or len(set(listed)) < len(listed):
            raise ValueError("rows that were looked at twice, or are none")
        known.update(listed)
        looks.append((int(count), seen))
        last = count
    return looks


class RowsForecast:
    """Means and standard deviations of the noise-free function at some rows, in the targets' unit.

    Attributes:
        mean: (M,) float32.
    """

    def __init__(self, belief: PoolBelief, forecast: Forecast, rows: Rows) -> None:
        self._pool, self._forecast, self._columns = belief, forecast, belief.columns_of(rows)
        self.mean = forecast.mean[self._columns]

    @property
    def std(self) -> NDArray[np.float32]:
        """(M,)."""
        return self._forecast.std[self._columns]

    def believe(self, rows: Sequence[int]) -> Array:
        """Condition on the forecast's own means at q more rows; returns these (q,)."""
        self._pool.latest = None
        return self._forecast.believe(self._pool.vectors[list(rows)])


def learning_size(told: int, initial: int, growth: float) -> int:
    """How many of the values told, the first ones, a surrogate is to have learned from.

    Args:
        told: how many there are.
        initial: from how many it learns at first.
        growth: how many times as many there are when it learns again; 1 for every one.
    """
    if growth == 1 or told <= initial:
        return told
    size = initial
    while (following := max(size + 1, round(size * growth))) <= told:
        size = following
    return size
