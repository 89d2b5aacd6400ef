"""Single edits of architectures as steps between rows of an embedding.

Methods that search without a model go from an architecture to others one edit
away. A space knows its edits as graphs; here they become row numbers, by
isomorphism-invariant fingerprints. What an edit leads to that is not in the
embedding is skipped: in an embedding of a sample, an architecture may have few
neighbours, or none.

All searches of one embedding share one :class:`Moves` (:func:`moves_of`): the
neighbours of an architecture are worked out when the first of them asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.pools.pool import Pool

NONE = -1
"""The row of an architecture that is not in the embedding."""


class Rows:
    """Finds the rows of graphs, whatever the numbering of their vertices.

    Graphs numbered as they are in the embedding are found by a hash of their entries,
    which takes a hundredth of the time of a fingerprint; only the others are fingerprinted.
    """

    def __init__(self, graphs: GraphBatch) -> None:
        v = graphs.num_vertices
        self._factors = np.random.default_rng(0).integers(1 << 63, size=v + v * v, dtype=np.uint64) * 2 + 1
        self._as_written = _Sorted(self._hash(graphs))
        self._by_fingerprint = _Sorted(fingerprint(graphs))

    def find(self, graphs: GraphBatch) -> NDArray[np.int64]:
        """(n,) the row of each graph, :data:`NONE` where there is none."""
        rows = self._as_written.find(self._hash(graphs))
        others = np.flatnonzero(rows == NONE)
        if len(others):
            rows[others] = self._by_fingerprint.find(fingerprint(graphs[others]))
        return rows

    def _hash(self, graphs: GraphBatch) -> NDArray[np.uint64]:
        # Entries times random odd factors, summed modulo 2^64.
        v = graphs.num_vertices
        return graphs.ops @ self._factors[:v] + graphs.adjacency.reshape(len(graphs), -1) @ self._factors[v:]


class PoolRows(Rows):
    """Finds the rows of a pool, by what architectures compute."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @override
    def find(self, graphs: GraphBatch) -> NDArray[np.int64]:
        return self._pool.rows_of(graphs)


class _Sorted:
    """Finds the places of 64-bit keys."""

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n,) the place of each key, the first of several; :data:`NONE` where it is not there."""
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[places] == keys, self._order[places], NONE)


class Moves:
    """The edits of the architectures of one embedding.

    Holds parts of the embedding and not the embedding itself, so that it goes when that does.
    """

    def __init__(self, embedding: Embedding) -> None:
        self._space, self._graphs = embedding.space, embedding.graphs
        self._pool = Pool(embedding.files, embedding.space) if isinstance(embedding, Pool) else None
        self._neighbours: dict[int, NDArray[np.int64]] = {}

    @cached_property
    def rows(self) -> Rows:
        """Finds the rows of graphs in the embedding."""
        return Rows(self._graphs) if self._pool is None else PoolRows(self._pool)

    def neighbours(self, row: int) -> NDArray[np.int64]:
        """The rows one edit away, each once and without ``row`` itself, in the space's order. Not to be written to."""
        if row not in self._neighbours:
            self.explore([row])
        return self._neighbours[row]

    def explore(self, rows: Iterable[int]) -> None:
        """Find the neighbours of many rows at once, which is faster than one by one."""
        new = [row for row in dict.fromkeys(rows) if row not in self._neighbours]
        if not new:
            return
        graphs, origin = self._space.neighbors_of_each(self._graphs[new])
        found = self.rows.find(graphs)
        stops = np.searchsorted(origin, np.arange(len(new) + 1))
        for number, row in enumerate(new):
            own = found[stops[number] : stops[number + 1]]
            _, first = np.unique(own, return_index=True)
            distinct = own[np.sort(first)]
            self._neighbours[row] = distinct[(distinct != NONE) & (distinct != row)]

    def mutants(self, row: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """(n,) the rows that ``n`` independent mutations of one architecture lead to, :data:`NONE` for outside."""
        return self.rows.find(self._space.mutate(self._graphs[np.full(n, row)], rng))


_MOVES: WeakKeyDictionary[Embedding, Moves] = WeakKeyDictionary()


def use_moves(embedding: Embedding, moves: Moves) -> None:
    """From now on, these are the moves of an embedding."""
    _MOVES[embedding] = moves


def moves_of(embedding: Embedding) -> Moves:
    """The moves of an embedding, the same object for every caller."""
    if embedding not in _MOVES:
        _MOVES[embedding] = Moves(embedding)
    return _MOVES[embedding]
