"""Searches of spaces too large to list, in which neighbours are embedded when a method asks for them.

An embedding of such a space is a sample: hardly any neighbour of an architecture is in it, and a method that goes
from one to the next by single edits would find nothing to go to. Where the embedding knows how further
architectures are embedded (:attr:`arch2vec.Embedding.extend`) and the objective can evaluate any, each search has
an embedding of its own that grows. Methods know nothing of that: :class:`~arch2vec.searching.moves.Moves` raises
:class:`Missing` where a neighbour is not embedded; :class:`GrowingSearch` embeds what is missing, makes the method anew
on the larger embedding, brings it to the state it was in and repeats the call.

What has grown follows from the rows around which neighbours were asked for and from the mutants that were drawn, in
order. The state holds these, so that a search that is resumed has the same rows under the same numbers. Of an
architecture with more than :data:`AROUND` neighbours, that many of them are known, chosen by chance but
always the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.pools.pool import Pool
from arch2vec.representations.arrays import checked_array
from arch2vec.searching.base import Candidate, Proposal, SearchMethod
from arch2vec.searching.moves import NONE, Moves, Rows, use_moves
from arch2vec.searching.pool import OnDevice, Sampled
from arch2vec.searching.spec import AnyMethod, resolve_method

AROUND = 100
"""How many neighbours of one architecture are embedded at most."""

Event = tuple[str, list[Any]]
"""``around`` and rows whose neighbours were embedded, or ``given`` and texts of architectures that were."""


class Missing(Exception):  # noqa: N818  # no error: it asks for something
    """A method needs architectures that are not embedded."""

    def __init__(self, event: Event) -> None:
        super().__init__(event)
        self.event = event


class GrowingRows(Rows):
    """Finds the rows of a growing embedding."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth

    @override
    def find(self, graphs: GraphBatch) -> NDArray[np.int64]:
        return self._growth.rows_of(graphs)


class GrowingMoves(Moves):
    """The moves of a growing embedding: every neighbour has a row, or :class:`Missing` says that it needs one.

    Args:
        embedding: as it is now.
        growth: what it has grown by.
    """

    def __init__(self, embedding: Embedding, growth: Growth) -> None:
        self._space, self._graphs = embedding.space, embedding.graphs
        self._growth = growth
        self.rows = GrowingRows(growth)

    @override
    def neighbours(self, row: int) -> NDArray[np.int64]:
        self.explore([row])
        return self._growth.around[row]

    @override
    def explore(self, rows: Iterable[int]) -> None:
        new = [row for row in dict.fromkeys(rows) if row not in self._growth.around]
        if new:
            self._need(("around", new))

    @override
    def mutants(self, row: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        mutants = self._space.mutate(self._graphs[np.full(n, row)], rng)
        found = self._growth.rows_of(mutants)
        absent = np.flatnonzero(found == NONE)
        if len(absent):
            self._need(("given", list(dict.fromkeys(self._space.format(mutants[absent])))))
            found = self._growth.rows_of(mutants)
        return found

    def _need(self, event: Event) -> None:
        """What becomes of architectures that have no row yet."""
        raise Missing(event)


class Growth:
    """An embedding and what it has grown by.

    Attributes:
        embedding: as it is now; its first rows are those that it began with.
        events: what was asked for, in order.
        around: rows, and the rows of their neighbours.
    """

    def __init__(self, start: Embedding) -> None:
        self._start = start
        self.events: list[Event] = []
        self.around: dict[int, NDArray[np.int64]] = {}
        self._begin()

    def _begin(self) -> None:
        graphs = self._start.graphs
        self._row_of = {value: row for row, value in reversed(list(enumerate(fingerprint(graphs).tolist())))}
        self.embedding = self._extended([], graphs[:0])

    def rows_of(self, graphs: GraphBatch) -> NDArray[np.int64]:
        """(n,) the row of each graph, :data:`NONE` where it has none."""
        return self._rows_of_keys(self._keys(graphs))

    def _keys(self, graphs: GraphBatch) -> NDArray[np.uint64]:
        """(n,) what tells architectures apart."""
        return fingerprint(graphs)

    def _rows_of_keys(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        return np.array([self._row_of.get(value, NONE) for value in keys.tolist()], dtype=np.int64)

    def add(self, event: Event) -> None:
        """Embed what was asked for.

        Raises:
            InputError: it cannot be, as the state that it comes from is damaged.
        """
        kind, entries = event
        space = self._start.space
        if kind not in ("around", "given") or not entries:
            raise InputError(f"it has grown by {[kind, *entries]}; around rows or by given architectures is possible")
        if kind == "given":
            given = space.parse([str(text) for text in entries])
            self._embed(given, self._keys(given))
        elif all(isinstance(row, int) and 0 <= row < len(self.embedding) for row in entries):
            self._explore([int(row) for row in entries])
        else:
            raise InputError(f"neighbours of rows beyond the embedding's {len(self.embedding):,} were asked for")
        self.events.append((kind, list(entries)))

    def _explore(self, rows: Sequence[int]) -> None:
        graphs = self.embedding.graphs[list(rows)]
        neighbours, origin = self._start.space.neighbors_of_each(graphs)
        chosen = []
        for number, value in enumerate(fingerprint(graphs).tolist()):
            own = np.flatnonzero(origin == number)
            if len(own) > AROUND:
                own = np.sort(np.random.default_rng(value).choice(own, size=AROUND, replace=False))
            chosen.append(own)
        kept = neighbours[np.concatenate(chosen)]
        keys = self._keys(kept)
        self._embed(kept, keys)
        found = self._rows_of_keys(keys)
        stops = np.cumsum([0, *map(len, chosen)])
        for number, row in enumerate(rows):
            own = found[stops[number] : stops[number + 1]]
            _, first = np.unique(own, return_index=True)
            distinct = own[np.sort(first)]
            self.around[row] = distinct[(distinct != row) & (distinct != NONE)]

    def _embed(self, graphs: GraphBatch, keys: NDArray[np.uint64]) -> None:
        values = keys.tolist()
        new = {value: place for place, value in reversed(list(enumerate(values))) if value not in self._row_of}
        places = sorted(new.values())
        if places:
            for number, place in enumerate(places):
                self._row_of[values[place]] = len(self.embedding) + number
            self.embedding = self._extended(places, graphs)

    def _extended(self, places: Sequence[int], graphs: GraphBatch) -> Embedding:
        """The embedding with some graphs more; what is known of its rows is not worked out again."""
        before = self.embedding if places else self._start
        if places:
            added = graphs[list(places)]
            vectors = np.concatenate([before.vectors, self._vectors(added)])
            graphs = GraphBatch.concatenate([before.graphs, added])
            after = replace(before, graphs=graphs, vectors=vectors)
            vars(after)["architectures"] = [*before.architectures, *before.space.format(added)]
            classes = [before.function_classes, before.space.function_classes(added)]
            vars(after)["function_classes"] = np.concatenate(classes)
        else:
            after = replace(before)
            vars(after)["architectures"] = before.architectures
            vars(after)["function_classes"] = before.function_classes
        vars(after)["drawn_from"] = len(self._start)
        use_moves(after, GrowingMoves(after, self))
        return after

    def _vectors(self, graphs: GraphBatch) -> NDArray[np.float32]:
        """The vectors of graphs that are not embedded yet.

        Raises:
            InputError: whoever gives them gives something else.
        """
        assert self._start.extend is not None
        vectors = checked_array(self._start.extend(graphs), len(graphs), "the embedding's extend() gave")
        if vectors.shape[1] != self._start.dimensions:
            wrong, right = vectors.shape[1], self._start.dimensions
            raise InputError(f"the embedding's extend() gave vectors of {wrong} numbers; its own have {right}")
        return vectors


class GrowingSearch(SearchMethod):
    """A search whose embedding grows; it does what the method does, and nothing besides.

    Args:
        make: makes the method for an embedding.
        embedding: to begin with; it stays as it is.
    """

    def __init__(self, make: Callable[[Embedding], SearchMethod], embedding: Embedding) -> None:
        self._make = make
        self._start = embedding
        self._growth = self._begun()
        self._method = make(self._growth.embedding)
        self.name = self._method.name  # type: ignore[misc]
        self.seed = self._method.seed
        self.repeats = self._method.repeats

    @property
    def embedding(self) -> Embedding:  # type: ignore[override]
        """As it is now."""
        return self._growth.embedding

    @property
    @override
    def computed_on(self) -> str | None:
        return self._method.computed_on

    @property
    @override
    def told(self) -> Sequence[tuple[int, float]]:
        return self._method.told

    @property
    @override
    def rng(self) -> np.random.Generator:
        return self._method.rng

    @property
    @override
    def functions(self) -> int:
        return self._method.functions

    @property
    @override
    def remaining(self) -> int:
        return self._method.remaining

    @property
    @override
    def pending(self) -> list[Candidate]:
        return self._method.pending

    @override
    def ask(self, n: int = 1) -> list[Candidate]:
        return self._repeated(lambda method: method.ask(n))

    @classmethod
    @override
    def ask_together(cls, methods: Sequence[Self], n: int = 1) -> list[list[Candidate]]:
        return [method.ask(n) for method in methods]

    @override
    def tell(self, candidates: Sequence[Candidate], values: Iterable[float]) -> None:
        numbers = [float(value) for value in values]
        self._repeated(lambda method: method.tell(candidates, numbers))

    @override
    def candidate(self, architecture: str) -> Candidate:
        """The candidate of any architecture of the space."""
        space = self._start.space
        text = space.format(space.parse([architecture]))[0]
        if (self._growth.rows_of(space.parse([text])) == NONE).any():
            self._grow(self._method.state_dict(), ("given", [text]))
        return self._method.candidate(text)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {**self._method.state_dict(), "grown": [[kind, *entries] for kind, entries in self._growth.events]}

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        growth = self._grown(state)
        inner = {name: entry for name, entry in state.items() if name != "grown"}
        self._growth, before = growth, (self._growth, self._method)
        try:
            self._restore(inner)
        except InputError:
            self._growth, self._method = before
            raise
        self.seed = self._method.seed

    @override
    def architectures_of(self, state: Mapping[str, Any]) -> Sequence[str]:
        return self._grown(state).embedding.architectures

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> Sequence[Sequence[Proposal]]:
        raise NotImplementedError("ask() is passed on")

    def _begun(self) -> Growth:
        """How the embedding is before it has grown."""
        return Growth(self._start)

    def _grown(self, state: Mapping[str, Any]) -> Growth:
        stored = state.get("grown", [])
        if not isinstance(stored, list) or not all(isinstance(event, list) and event for event in stored):
            raise InputError("it does not say in lists what it has grown by")
        events: list[Event] = [(str(kind), list(entries)) for kind, *entries in stored]
        known = self._growth.events[: len(events)]
        if known == events and len(self._growth.events) == len(events):
            return self._growth
        growth = self._begun()
        for event in events:
            growth.add(event)
        return growth

    def _repeated(self, call: Callable[[SearchMethod], Any]) -> Any:
        """A call, repeated with a larger embedding as long as something is missing in it."""
        while True:
            state = json.loads(json.dumps(self._method.state_dict()))
            try:
                return call(self._method)
            except Missing as missing:
                self._grow(state, missing.event)

    def _grow(self, state: Mapping[str, Any], event: Event) -> None:
        self._growth.add(event)
        self._restore(state)

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Make the method for the embedding as it is, in a state of before."""
        while True:
            self._method = self._make(self._growth.embedding)
            try:
                self._method.load_state_dict(state)
                return
            except Missing as missing:
                self._growth.add(missing.event)


def for_study(
    method: AnyMethod,
    embedding: Embedding,
    *,
    seed: int,
    fidelities: Sequence[int] = (),
    pool: Sampled | OnDevice | None = None,
    anywhere: bool,
) -> SearchMethod:
    """A search by a method, with an embedding that grows where it can.

    Models then look at a sample and at the surroundings of the best, unless ``pool`` says otherwise.

    Args:
        method: as searches take it.
        embedding: to choose from.
        seed: of all its random choices.
        fidelities: that the objective offers.
        pool: which architectures models look at.
        anywhere: whether the objective evaluates architectures that are not in the embedding.
    """
    spec, levels = resolve_method(method), tuple(fidelities)
    grows = anywhere and embedding.extend is not None and not embedding.space.enumerable
    if isinstance(pool, OnDevice) and not spec.computes_on_device:
        pool = None
    if spec.instance is not None or not (grows or isinstance(embedding, Pool)):
        return spec.make(embedding, seed=seed, fidelities=levels, pool=pool)
    around = Sampled() if grows and pool is None else pool
    if isinstance(embedding, Pool):
        from arch2vec.searching.pooled import PoolSearch

        return PoolSearch(lambda grown: spec.make(grown, seed=seed, fidelities=levels, pool=around), embedding, grows)
    return GrowingSearch(lambda grown: spec.make(grown, seed=seed, fidelities=levels, pool=around), embedding)
