"""Every NAS-Bench-101 cell, from the definition.

Edges (i, j), i < j, are numbered column by column: (0, 1), (0, 2), (1, 2),
(0, 3), ... A cell of n vertices is a set of them, as a number whose bit k is
edge k, and an operation for each inner vertex. Isomorphic cells are one cell;
it is represented by the first in the order of vertex counts, then of edge
numbers, then of operations (3x3, 1x1, pool). These are the published matrices.

Two steps keep the lists short. Sets of edges are first told apart with all
inner vertices alike, which leaves 2,494 of 6,472; every labelled cell is
isomorphic to a labelling of one of these. Only their labellings, 450,808, are
then compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.cache import cached_arrays
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.nasbench101.cells import INNER, INPUT, MAX_EDGES, MAX_VERTICES, OPERATIONS, OUTPUT
from arch2vec.spaces.nasbench101.hashes import module_digests, order_of

NUM_CELLS = 423_624
"""How many cells there are, as published."""

_VERSION = 1  # of the stored list; raise it with any change of its content or order
_LABELLING_ORDER = tuple(OPERATIONS.index(name) for name in ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"))


def published_cells() -> GraphBatch:
    """All cells sorted by their published module hash, as the published tables are; kept on disk between runs."""

    def build() -> dict[str, np.ndarray]:
        cells = enumerate_cells()
        return cells[order_of(module_digests(cells))].arrays()

    def accept(arrays: Mapping[str, np.ndarray]) -> bool:
        return {name: array.shape for name, array in arrays.items()} == {
            "ops": (NUM_CELLS, MAX_VERTICES),
            "adjacency_bits": (NUM_CELLS, (MAX_VERTICES**2 + 7) // 8),
        }

    return GraphBatch.from_arrays(cached_arrays("nasbench101-cells", _VERSION, build, accept))


def enumerate_cells(max_vertices: int = MAX_VERTICES) -> GraphBatch:
    """All cells of 2 to ``max_vertices`` vertices, one of each isomorphism class, in the order described above."""
    return GraphBatch.concatenate([_cells_of(n) for n in range(2, max_vertices + 1)])


def _cells_of(n: int) -> GraphBatch:
    """All cells of n vertices, padded to seven."""
    adjacency = _adjacency(_edge_sets(n), n)
    alike = np.full((1, n - 2), OPERATIONS.index(INNER[0]), dtype=np.uint8)
    adjacency = _distinct(_labelled(adjacency, alike)).adjacency
    labellings = np.array(list(itertools.product(_LABELLING_ORDER, repeat=n - 2)), dtype=np.uint8)
    return _distinct(_labelled(adjacency, labellings))


def _edges(n: int) -> list[tuple[int, int]]:
    return [(i, j) for j in range(n) for i in range(j)]


def _edge_sets(n: int) -> NDArray[np.int64]:
    """The sets of at most nine edges in which every one of n vertices is on a path from the first to the last.

    As edges go upwards, that is so exactly if every vertex but the last has a
    successor and every vertex but the first a predecessor.
    """
    edges = _edges(n)
    sets = np.arange(1 << len(edges), dtype=np.int64)
    for vertex in range(n):
        leaving = sum(1 << k for k, (i, _) in enumerate(edges) if i == vertex)
        entering = sum(1 << k for k, (_, j) in enumerate(edges) if j == vertex)
        for needed in filter(None, (leaving, entering)):
            sets = sets[(sets & needed) != 0]
    size = sum((sets >> k) & 1 for k in range(len(edges)))
    return sets[size <= MAX_EDGES]


def _adjacency(sets: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """(len(sets), 7, 7) adjacency matrices of edge sets over n vertices."""
    adjacency = np.zeros((len(sets), MAX_VERTICES, MAX_VERTICES), dtype=np.bool_)
    for k, (i, j) in enumerate(_edges(n)):
        adjacency[:, i, j] = (sets >> k) & 1
    return adjacency


def _labelled(adjacency: NDArray[np.bool_], inner: NDArray[np.uint8]) -> GraphBatch:
    """Every matrix (M, 7, 7) with every labelling (L, n - 2) of its inner vertices: M L graphs, labellings fastest."""
    labels, n = len(inner), inner.shape[1] + 2
    ops = np.full((labels, MAX_VERTICES), PADDING, dtype=np.uint8)
    ops[:, 0], ops[:, 1 : n - 1], ops[:, n - 1] = INPUT, inner, OUTPUT
    return GraphBatch(np.tile(ops, (len(adjacency), 1)), np.repeat(adjacency, labels, axis=0))


def _distinct(graphs: GraphBatch) -> GraphBatch:
    """The first graph of every isomorphism class, in the order given."""
    _, first = np.unique(fingerprint(graphs), return_index=True)
    return graphs[np.sort(first)]
