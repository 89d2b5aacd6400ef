"""Search spaces that are a list: the shortest way to one's own where no declaration describes it.

A subclass says which architectures there are and how they are written; everything else (sampling, reading,
editing) follows from the list, which is held in memory.
"""

from __future__ import annotations

import difflib
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.common.arguments import Count, as_annotated
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.base import SearchSpace
from arch2vec.spaces.reading import texts_of


class ListedSpace(SearchSpace):
    """A space of which every architecture is listed. A subclass has ``name``, ``operations`` and :meth:`listed`.

    >>> import arch2vec, numpy as np
    >>> class Single(arch2vec.ListedSpace):
    ...     name, operations = "single", ("input", "conv", "pool", "output")
    ...
    ...     def listed(self):
    ...         graphs = arch2vec.GraphBatch.of([[0, 1, 3], [0, 2, 3]], [np.eye(3, k=1)] * 2)
    ...         return ["conv", "pool"], graphs
    >>> Single().format(Single().neighbors(Single().parse(["conv"])))
    ['pool']

    Neighbours are the architectures that differ in one operation or one edge (where there is none, in as few as
    possible); a subclass may know better.

    Raises:
        InputError: the list is empty, holds an architecture or a text twice, or an operation that there is not.
    """

    def __init__(self) -> None:
        texts, self._graphs = self.listed()
        self._texts = list(texts)
        self.num_vertices, self.size = self._graphs.num_vertices, len(self._graphs)
        if not len(self._graphs) or len(self._texts) != len(self._graphs):
            raise InputError(f"{self.name} lists {len(self._texts)} texts and {len(self._graphs)} graphs")
        self._row_of = {text: row for row, text in enumerate(self._texts)}
        self._row_of_graph = {entry.tobytes(): row for row, entry in enumerate(_entries(self._graphs))}
        codes = self._graphs.ops[self._graphs.mask]
        if min(len(self._row_of), len(self._row_of_graph)) < len(self._graphs):
            raise InputError(f"{self.name} lists an architecture twice, or two with the same text")
        if codes.size and codes.max() >= len(self.operations):
            raise InputError(f"{self.name} lists operation {codes.max()}; it has {len(self.operations)}, from 0")

    @abstractmethod
    def listed(self) -> tuple[Sequence[str], GraphBatch]:
        """Every architecture, as texts and as graphs, in the same order."""

    @override
    def enumerate(self) -> GraphBatch:
        return self._graphs[np.arange(len(self._graphs))]

    @override
    @as_annotated
    def sample(self, n: Count, rng: np.random.Generator) -> GraphBatch:
        self.check_sample_size(n)
        return self._graphs[rng.choice(len(self._graphs), size=n, replace=False)]

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        rows = []
        for text in texts_of(architectures):
            row = self._row_of.get(text.strip())
            if row is None:
                close = difflib.get_close_matches(text, self._texts[:1000], n=1, cutoff=0.0)
                raise InputError(f"{text!r} is no architecture of {self.name}; {close[0]!r} is one")
            rows.append(row)
        return self._graphs[np.array(rows, dtype=np.int64)]

    @override
    def format(self, graphs: GraphBatch) -> list[str]:
        rows = self._rows(graphs)
        if (rows < 0).any():
            self.check(graphs)
        return [self._texts[row] for row in rows.tolist()]

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        return self._rows(graphs) >= 0

    @override
    def mutate(self, graphs: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        self.check(graphs)
        near = [self.neighbors(graphs[[row]]) for row in range(len(graphs))]
        if not near:
            return graphs
        return GraphBatch.concatenate([some[[int(rng.integers(len(some)))]] for some in near])

    @override
    def neighbors(self, graph: GraphBatch) -> GraphBatch:
        self.check(graph)
        differing = (_entries(self._graphs) != _entries(graph)).sum(axis=1)
        others = differing[differing > 0]
        return self._graphs[np.flatnonzero(differing == others.min())] if len(others) else self._graphs[[]]

    def _rows(self, graphs: GraphBatch) -> NDArray[np.int64]:
        """(N,) where graphs are in the list, -1 for those that are not."""
        found = [self._row_of_graph.get(entry.tobytes(), -1) for entry in _entries(graphs)]
        return np.array(found, dtype=np.int64)


def _entries(graphs: GraphBatch) -> NDArray[np.uint8]:
    """(N, V + V x V) everything that tells one graph from another."""
    v = graphs.num_vertices
    return np.concatenate([graphs.ops, graphs.adjacency.reshape(len(graphs), v * v).astype(np.uint8)], axis=1)
