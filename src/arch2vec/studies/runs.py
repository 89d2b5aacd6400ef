"""The runs of one method against one objective, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError

FIRST_BEYOND = -2
"""The row of the first architecture that is not in the embedding; further ones count down."""


@dataclass(frozen=True, eq=False, repr=False)
class SearchRuns:
    """R runs of at most T evaluations each, in the order in which they were made.

    Entries beyond a run's length are -1 (rows), 0 (fidelity, costs) or NaN.

    Attributes:
        method: its name.
        objective: its name.
        seeds: (R,) int64.
        lengths: (R,) int64, evaluations of each run.
        rows: (R, T) int32, rows of the embedding; -2 - k for an architecture that is in ``beyond``, at place k.
        fidelity: (R, T) int32, training epochs, 0 for the objective's default.
        validation: (R, T) float64, the signal the method was told, of which more is better: minus the value where
            less is; NaN for a failure.
        test: (R, T) float64, percent, never seen by the method.
        reported: (R, T) float64, the validation value that tables show, in the objective's unit.
        cost_s: (R, T) float64, seconds an evaluation cost.
        method_s: (R, T) float32, seconds the method itself took, not simulated ones.
        beyond: architectures that were evaluated and are not in the embedding, as text.
        further: (R, T) what else evaluations told, as JSON objects of numbers, empty for nothing; None where none did.
    """

    method: str
    objective: str
    seeds: NDArray[np.int64]
    lengths: NDArray[np.int64]
    rows: NDArray[np.int32]
    fidelity: NDArray[np.int32]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    reported: NDArray[np.float64]
    cost_s: NDArray[np.float64]
    method_s: NDArray[np.float32]
    beyond: tuple[str, ...] = ()
    further: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.seeds)

    def __repr__(self) -> str:
        return f"Runs({len(self)} of {self.method} on {self.objective}, up to {self.rows.shape[1]} evaluations each)"

    def select(self, seeds: Iterable[int]) -> SearchRuns:
        """The runs of some seeds."""
        kept = np.isin(self.seeds, list(seeds))
        columns = {name: value[kept] for name, value in vars(self).items() if name in _BY_RUN and value is not None}
        return SearchRuns(self.method, self.objective, **columns, beyond=self.beyond)

    def texts(self, rows: Iterable[int], architectures: Sequence[str]) -> list[str]:
        """The architectures of some rows, given those of the embedding."""
        return [architectures[row] if row >= 0 else self.beyond[FIRST_BEYOND - row] for row in rows]

    @cached_property
    def made(self) -> NDArray[np.bool_]:
        """(R, T) which entries are evaluations."""
        made: NDArray[np.bool_] = np.arange(self.rows.shape[1]) < self.lengths[:, None]
        return made

    @cached_property
    def cumulative_cost_s(self) -> NDArray[np.float64]:
        """(R, T) what an evaluation and all before it cost, seconds."""
        return np.cumsum(self.cost_s, axis=1)

    @cached_property
    def incumbents(self) -> NDArray[np.int64]:
        """(R, T) which evaluation (counted from 0) is the best up to each; -1 where none has succeeded.

        The best has the highest validation accuracy among those of the highest
        fidelity so far, the first of equal ones, as in :meth:`arch2vec.searching.goal.Goal.beats`.
        """
        worth = _ordered(self.fidelity, np.where(np.isnan(self.validation), -np.inf, self.validation))
        best = np.maximum.accumulate(worth, axis=1)
        earlier = np.concatenate([np.full((len(self), 1), -np.inf), best[:, :-1]], axis=1)
        better = (worth > earlier) & ~np.isnan(self.validation)
        return np.maximum.accumulate(np.where(better, np.arange(worth.shape[1]), -1), axis=1)


_BY_RUN = {entry.name for entry in fields(SearchRuns)} - {"method", "objective", "beyond"}


def _ordered(fidelity: NDArray[np.int32], worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, T) numbers in the order of fidelity, the default being the highest, and then worth.

    Equal evaluations have equal numbers, failures (worth -inf) the lowest.
    """
    if not fidelity.size or (fidelity == fidelity.flat[0]).all():
        return worth
    level = np.where(fidelity == 0, np.iinfo(np.int32).max, fidelity)
    level = np.where(np.isneginf(worth), -1, level).ravel()
    flat = worth.ravel()
    order = np.lexsort((flat, level))
    steps = (np.diff(level[order]) != 0) | (flat[order][1:] != flat[order][:-1])
    ranks = np.empty(flat.shape)
    ranks[order] = np.concatenate([[0], np.cumsum(steps)])
    return ranks.reshape(worth.shape)


def joined(parts: Sequence[SearchRuns]) -> SearchRuns:
    """The runs of several blocks of one method and objective, by ascending seed.

    Raises:
        InputError: there are none, or two are of the same seed.
    """
    if not parts:
        raise InputError("no runs to join")
    longest = max(part.rows.shape[1] for part in parts)
    seeds = np.concatenate([part.seeds for part in parts])
    if len(np.unique(seeds)) < len(seeds):
        raise InputError(f"a seed of method {parts[0].method!r} on {parts[0].objective!r} was run twice")
    order = np.argsort(seeds)

    beyond = {text: place for place, text in enumerate(dict.fromkeys(text for part in parts for text in part.beyond))}
    own: dict[str, list[NDArray[Any]]] = {
        "rows": [_renumbered(part, beyond) for part in parts],
        "further": [_told(part) for part in parts],
    }

    def column(name: str, filler: float | str) -> NDArray[np.generic]:
        arrays = own.get(name) or [getattr(part, name) for part in parts]
        padded = [
            np.pad(array, ((0, 0), (0, longest - array.shape[1])), constant_values=array.dtype.type(filler))
            for array in arrays
        ]
        return np.concatenate(padded)[order]

    fillers: dict[str, float | str] = dict.fromkeys(("validation", "test", "reported"), np.nan)
    fillers |= {"rows": -1, "fidelity": 0, "cost_s": 0, "method_s": 0}
    if any(part.further is not None for part in parts):
        fillers |= {"further": ""}
    return SearchRuns(
        method=parts[0].method,
        objective=parts[0].objective,
        seeds=seeds[order],
        lengths=np.concatenate([part.lengths for part in parts])[order],
        beyond=tuple(beyond),
        **{name: column(name, filler) for name, filler in fillers.items()},  # type: ignore[arg-type]
    )


def _told(part: SearchRuns) -> NDArray[np.object_]:
    """What else the evaluations of some runs told."""
    return np.full(part.rows.shape, "", dtype=object) if part.further is None else part.further


def _renumbered(part: SearchRuns, beyond: Mapping[str, int]) -> NDArray[np.int32]:
    """The rows of some runs, with those beyond the embedding as ``beyond`` numbers them."""
    if not part.beyond:
        return part.rows
    places = np.array([beyond[text] for text in part.beyond], dtype=np.int32)
    outside = part.rows <= FIRST_BEYOND
    rows = part.rows.copy()
    rows[outside] = FIRST_BEYOND - places[FIRST_BEYOND - part.rows[outside]]
    return rows
