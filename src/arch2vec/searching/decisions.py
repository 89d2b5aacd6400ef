"""Architectures as independent discrete decisions, for methods that model each decision by itself.

The decisions are found by looking at an embedding's architectures, padded so that
a smaller cell's output is the last vertex all the same:

* an **operation** decision for a vertex that does not have the same operation
  everywhere, a choice among the operations it has;
* an **edge** decision for a pair of vertices that is joined in some
  architectures and not in others: absent (0) or present (1).

NAS-Bench-201 has six operation decisions of five choices. NAS-Bench-101 has
21 edges and five operations of three choices, as in its published baselines
(Ying et al., ICML 2019); decisions then make a graph of seven vertices, and
those on no path from the input to the output are removed. Many decisions lead
to no architecture of the embedding, and several to the same one.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.searching.moves import NONE, moves_of
from arch2vec.spaces.nasbench101.cells import prune

UNMADE = -1
"""The choice of a decision that an architecture says nothing about: the operation of an absent vertex."""


class Decisions:
    """The decisions that tell the architectures of an embedding apart.

    Attributes:
        sizes: (D,) how many choices each decision has; operations come first, then edges.
        choices: (N, D) int8, those of each architecture as it is numbered in the embedding.
        has_unmade: (D,) whether any of them leaves a decision unmade.
        vertices: that operation decisions are about, in order.
        codes: the operations that each of them chooses from.
        edges: that edge decisions are about, in order.
    """

    def __init__(self, embedding: Embedding) -> None:
        graphs = _output_last(embedding.graphs)
        self._rows = moves_of(embedding).rows
        self._prunes = not graphs.mask.all()
        self._adjacency = graphs.adjacency.all(axis=0)
        self._ops = np.full(graphs.num_vertices, PADDING, dtype=np.uint8)
        self._operations: list[tuple[int, NDArray[np.uint8]]] = []  # vertex and codes to choose from
        for vertex in range(graphs.num_vertices):
            codes = np.unique(graphs.ops[:, vertex])
            codes = codes[codes != PADDING]
            if len(codes):
                self._ops[vertex] = codes[0]
            if len(codes) > 1:
                self._operations.append((vertex, codes))
        self._edges = np.argwhere(graphs.adjacency.any(axis=0) & ~self._adjacency)
        self.vertices = [vertex for vertex, _ in self._operations]
        self.codes = [codes.tolist() for _, codes in self._operations]
        self.edges: list[tuple[int, int]] = [(int(source), int(target)) for source, target in self._edges]
        self.sizes = np.array([*(len(codes) for _, codes in self._operations), *[2] * len(self._edges)], dtype=np.int64)
        self.choices = self._encode(graphs)
        self.has_unmade = (self.choices == UNMADE).any(axis=0)

    def _encode(self, graphs: GraphBatch) -> NDArray[np.int8]:
        choices = np.empty((len(graphs), len(self.sizes)), dtype=np.int8)
        for number, (vertex, codes) in enumerate(self._operations):
            ops = graphs.ops[:, vertex]
            choices[:, number] = np.where(ops == PADDING, UNMADE, np.searchsorted(codes, ops))
        sources, targets = self._edges.T
        choices[:, len(self._operations) :] = graphs.adjacency[:, sources, targets]
        return choices

    def rows(self, choices: NDArray[np.integer]) -> NDArray[np.int64]:
        """(n,) the rows of the architectures that decisions (n, D) make, :data:`NONE` where the embedding has none.

        Every decision must be made, from 0 up to its size.
        """
        n = len(choices)
        ops = np.tile(self._ops, (n, 1))
        for number, (vertex, codes) in enumerate(self._operations):
            ops[:, vertex] = codes[choices[:, number]]
        adjacency = np.tile(self._adjacency, (n, 1, 1))
        sources, targets = self._edges.T
        adjacency[:, sources, targets] = choices[:, len(self._operations) :] != 0
        graphs = GraphBatch(ops, adjacency)
        if not self._prunes:
            return self._rows.find(graphs)
        pruned, connected = prune(graphs)
        rows = np.full(n, NONE, dtype=np.int64)
        rows[connected] = self._rows.find(pruned[connected])
        return rows


def _output_last(graphs: GraphBatch) -> GraphBatch:
    """The same with every graph's last vertex in the last place, padding before it."""
    ops, adjacency = graphs.ops.copy(), graphs.adjacency.copy()
    last = graphs.mask.sum(axis=1) - 1
    short = np.flatnonzero(last < graphs.num_vertices - 1)
    ends = last[short]
    ops[short, -1], ops[short, ends] = ops[short, ends], PADDING
    adjacency[short, :, -1] = adjacency[short, :, ends]
    adjacency[short, :, ends] = False
    return GraphBatch(ops, adjacency)


_DECISIONS: WeakKeyDictionary[Embedding, Decisions] = WeakKeyDictionary()


def decisions_of(embedding: Embedding) -> Decisions:
    """The decisions of an embedding, the same object for every caller."""
    if embedding not in _DECISIONS:
        _DECISIONS[embedding] = Decisions(embedding)
    return _DECISIONS[embedding]
