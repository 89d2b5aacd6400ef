"""What a multi-objective search is: it asks as every search does, and is told all criteria of an evaluation.

The core of :mod:`arch2vec.searching.base` (ask, batches, what is under way,
resuming from a state) is the same. Two things differ. What is told is a vector,
by :meth:`ParetoSearch.tell_criteria`. And every architecture counts for itself:
architectures that compute the same function are equally accurate, but of
different cost, so that each of them may be on the front.

Methods see numbers of which more is better (:func:`~arch2vec.searching.pareto.criteria.gains`).
Some criteria need no evaluation: parameters and multiply-adds follow from the
architecture. They can be handed over as *known*, for all architectures at once;
methods that model criteria then model the others only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.pareto.criteria import Array, Criterion, check_criteria, gains


class ParetoSearch(SearchMethod):
    """Proposes architectures so as to find a good front.

    Args:
        embedding: the architectures to choose from, and their vectors.
        criteria: what they are judged by.
        seed: of all random choices.
        known: (N, m) criteria of the embedding's architectures that need no evaluation, in
            their units; a column that is not known is all NaN. None if there are none.

    Raises:
        InputError: the criteria cannot be used, or ``known`` has another shape or a gap in a column.
    """

    def __init__(
        self, embedding: Embedding, criteria: Sequence[Criterion], *, seed: int, known: ArrayLike | None = None
    ) -> None:
        super().__init__(embedding, seed=seed)
        self.criteria = check_criteria(criteria)
        n, m = len(embedding), len(self.criteria)
        self._function, self._num_functions = np.arange(n), n  # every architecture for itself
        self._covered = np.zeros(n, dtype=np.bool_)
        table = np.full((n, m), np.nan) if known is None else np.asarray(known, dtype=np.float64)
        if table.shape != (n, m):
            raise InputError(f"known criteria have the shape ({n}, {m}), a row an architecture, got {table.shape}")
        self._known = gains(table, self.criteria)
        for criterion, column in zip(self.criteria, table.T, strict=True):
            if 0 < np.count_nonzero(np.isfinite(column)) < n:
                raise InputError(f"criterion {criterion.column!r} is known of some architectures only; drop the others")
        self._criteria_told: list[tuple[float, ...]] = []

    @override
    def tell(self, candidates: Sequence[Candidate], values: Iterable[float]) -> None:
        raise InputError("a multi-objective search is told all criteria, by tell_criteria()")

    def tell_criteria(self, candidates: Sequence[Candidate], values: ArrayLike) -> None:
        """Take note of evaluations, whether this method proposed them or not.

        Args:
            candidates: n that were evaluated.
            values: (n, m) their criteria, in the criteria's units; a NaN is an evaluation that failed.

        Raises:
            InputError: a candidate is not of this embedding, a value is infinite, or the shape is another.
        """
        table = np.asarray(values, dtype=np.float64).reshape(len(candidates), -1) if len(candidates) else None
        if table is None:
            return
        told = gains(table, self.criteria)
        if np.isinf(told).any():
            raise InputError("a criterion's value is infinite; give finite ones, or NaN for a failed evaluation")
        told[np.flatnonzero(np.isnan(told).any(axis=1))] = np.nan
        super().tell(candidates, np.where(np.isnan(told[:, 0]), np.nan, table[:, 0]).tolist())
        self._criteria_told += [tuple(row) for row in told.tolist()]

    @property
    def told_rows(self) -> list[int]:
        """The rows that were told, failures included, in their order."""
        return [row for row, _ in self._told]

    def observations(self) -> tuple[list[int], Array]:
        """Rows (n,) and gains (n, m) of the evaluations that did not fail, in the order told."""
        table = np.array(self._criteria_told, dtype=np.float64).reshape(-1, len(self.criteria))
        kept = np.flatnonzero(~np.isnan(table).any(axis=1))
        return [self._told[place][0] for place in kept.tolist()], table[kept]

    @override
    def _own_state(self) -> dict[str, Any]:
        told = [[None if np.isnan(value) else value for value in row] for row in self._criteria_told]
        return {"criteria": [str(criterion) for criterion in self.criteria], "gains": told}

    @override
    def _read_own_state(self, state: Mapping[str, Any]) -> Any:
        if state["criteria"] != [str(criterion) for criterion in self.criteria]:
            raise InputError(
                f"this is the state of a search with the criteria {', '.join(map(str, state['criteria']))}"
            )
        told = [tuple(np.nan if value is None else float(value) for value in row) for row in state["gains"]]
        if len(told) != len(state["told"]) or any(len(row) != len(self.criteria) for row in told):
            raise ValueError("not as many criteria as evaluations")
        return told

    @override
    def _take_own_state(self, own: Any) -> None:
        self._criteria_told = own
