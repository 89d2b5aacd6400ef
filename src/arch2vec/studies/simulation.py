"""A block of runs of one method, all seeds together, one evaluation of each at a time.

The method proposes for all runs at once, so that models of many runs are
fitted together; what the proposals are worth is looked up at once where the
objective is a table. Each run makes the proposals it would make alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.budget import Budget
from arch2vec.searching.growing import for_study
from arch2vec.searching.pool import OnDevice, Sampled
from arch2vec.searching.spec import AnyMethod, resolve_method
from arch2vec.studies.runs import FIRST_BEYOND, SearchRuns
from arch2vec.studies.values import ObjectiveValues, Outcomes, Values

_COLUMNS = {
    "rows": (np.int32, -1),
    "fidelity": (np.int32, 0),
    "validation": (np.float64, np.nan),
    "test": (np.float64, np.nan),
    "reported": (np.float64, np.nan),
    "cost_s": (np.float64, 0),
    "method_s": (np.float32, 0),
}
"""Type and filler of the columns of :class:`SearchRuns`."""


def simulate(
    method: AnyMethod,
    embedding: Embedding,
    values: Values,
    seeds: Sequence[int],
    budget: Budget,
    *,
    batch: int = 1,
    fidelities: Sequence[int] = (),
    pool: Sampled | OnDevice | None = None,
    names: tuple[str, str] = ("", ""),
    progress: Callable[[int], None] | None = None,
) -> SearchRuns:
    """Runs of one method with the given seeds, to their end.

    Args:
        method: the search method.
        embedding: the architectures and their vectors.
        values: what they are worth.
        seeds: one a run.
        budget: where runs end. A run ends before that when nothing is left to propose.
        batch: how many architectures a run proposes at a time.
        fidelities: that the objective offers.
        pool: which architectures models look at in a round, None for the method's own choice.
        names: of the method and of the objective, as the result carries them.
        progress: called with how many evaluations were just made.

    Raises:
        InputError: an architecture is unknown to the objective.
    """
    anywhere, spec = isinstance(values, ObjectiveValues), resolve_method(method)
    searches = [
        for_study(spec, embedding, seed=seed, fidelities=fidelities, pool=pool, anywhere=anywhere) for seed in seeds
    ]
    _ = embedding.architectures  # written out once, at nobody's expense
    numbers = np.array(seeds, dtype=np.uint64)
    record = _Record(len(searches), budget.least or 128, len(embedding))
    going = np.arange(len(searches))
    while True:
        going = going[~budget.reached(record.lengths[going], record.spent_s[going])]
        sizes = _sizes([searches[number] for number in going], record.lengths[going], batch)
        going = going[sizes > 0]
        if not len(going):
            return record.runs(names, seeds)
        start = time.perf_counter()
        proposals = _ask([searches[number] for number in going], sizes[sizes > 0])
        ask_s = (time.perf_counter() - start) / sum(map(len, proposals))
        waiting = dict(zip(going.tolist(), proposals, strict=True))
        active = going
        for place in range(batch):
            ended = budget.reached(record.lengths[active], record.spent_s[active])
            active = np.array([n for n in active[~ended].tolist() if place < len(waiting[n])], dtype=np.int64)
            if not len(active):
                break
            candidates = [waiting[number][place] for number in active.tolist()]
            outcomes = values.of(candidates, numbers[active])
            start = time.perf_counter()
            for number, candidate, value in zip(active.tolist(), candidates, outcomes.validation.tolist(), strict=True):
                searches[number].tell([candidate], [value])
            tell_s = (time.perf_counter() - start) / len(active)
            record.add(active, candidates, outcomes, ask_s + tell_s)
            if progress is not None:
                progress(len(active))


def _sizes(searches: Sequence[SearchMethod], lengths: NDArray[np.int64], batch: int) -> NDArray[np.int64]:
    """(n,) how many architectures each search is asked for: ``batch``, or what it has left."""
    sizes = np.full(len(searches), batch, dtype=np.int64)
    for place, (search, length) in enumerate(zip(searches, lengths.tolist(), strict=True)):
        if length + batch > search.functions:  # nothing runs out before
            sizes[place] = min(batch, search.remaining)
    return sizes


def _ask(searches: Sequence[SearchMethod], sizes: NDArray[np.int64]) -> list[list[Candidate]]:
    alike: dict[tuple[type[SearchMethod], int], list[int]] = defaultdict(list)
    for place, size in enumerate(sizes.tolist()):
        alike[type(searches[place]), size].append(place)
    proposals: list[list[Candidate]] = [[] for _ in searches]
    for (_, size), places in alike.items():
        for place, candidates in zip(places, _together([searches[p] for p in places], size), strict=True):
            proposals[place] = candidates
    return proposals


def _together(searches: Sequence[SearchMethod], size: int) -> list[list[Candidate]]:
    """What several searches by one method propose."""
    return type(searches[0]).ask_together(searches, size)


class _Record:
    """Columns that grow as evaluations are added.

    Attributes:
        lengths: (R,) evaluations so far.
        spent_s: (R,) what they cost.
    """

    def __init__(self, runs: int, capacity: int, known: int) -> None:
        self._known = known  # rows of the embedding; architectures that searches have added come after them
        self._beyond: dict[str, int] = {}
        self._further: dict[tuple[int, int], str] = {}
        self.lengths = np.zeros(runs, dtype=np.int64)
        self.spent_s = np.zeros(runs)
        self._columns = {name: np.full((runs, capacity), filler, kind) for name, (kind, filler) in _COLUMNS.items()}

    def add(
        self, runs: NDArray[np.int64], candidates: Sequence[Candidate], outcomes: Outcomes, method_s: float
    ) -> None:
        """One evaluation of each of ``runs``."""
        places = self.lengths[runs]
        if int(places.max()) >= self._columns["rows"].shape[1]:
            for name, (kind, filler) in _COLUMNS.items():
                old = self._columns[name]
                self._columns[name] = np.concatenate([old, np.full(old.shape, filler, kind)], axis=1)
        columns = self._columns
        columns["rows"][runs, places] = [self._row(candidate) for candidate in candidates]
        columns["fidelity"][runs, places] = [candidate.fidelity or 0 for candidate in candidates]
        columns["validation"][runs, places] = outcomes.validation
        columns["test"][runs, places] = outcomes.test
        columns["reported"][runs, places] = outcomes.reported
        columns["cost_s"][runs, places] = outcomes.cost_s
        columns["method_s"][runs, places] = method_s
        if outcomes.further is not None and any(outcomes.further):
            self._further.update(zip(zip(runs.tolist(), places.tolist(), strict=True), outcomes.further, strict=True))
        self.lengths[runs] += 1
        self.spent_s[runs] += outcomes.cost_s

    def _row(self, candidate: Candidate) -> int:
        if candidate.index < self._known:
            return candidate.index
        return FIRST_BEYOND - self._beyond.setdefault(candidate.architecture, len(self._beyond))

    def runs(self, names: tuple[str, str], seeds: Sequence[int]) -> SearchRuns:
        """What was recorded."""
        longest = int(self.lengths.max(initial=0))
        columns: dict[str, Any] = {name: column[:, :longest].copy() for name, column in self._columns.items()}
        method, objective = names
        columns["beyond"] = tuple(self._beyond)
        if self._further:
            columns["further"] = np.full(self._columns["rows"][:, :longest].shape, "", dtype=object)
            for place, text in self._further.items():
                columns["further"][place] = text
        return SearchRuns(method, objective, np.array(seeds, dtype=np.int64), self.lengths, **columns)
