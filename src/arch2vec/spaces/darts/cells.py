"""DARTS cells as arrays, and as the 11-vertex graphs that everything else works on.

A cell (Liu et al., ICLR 2019, section 2.1 and 3.1.1) has two inputs, the outputs
of the two cells before it, and four nodes. Each node is the sum of two
operations, which read two different of the cell's inputs and earlier nodes; the
cell's output is the concatenation of its four nodes. An input or node that can
be read is a source: 0 and 1 are c_{k-2} and c_{k-1}, 2 to 5 the nodes.

In the graph (arch2vec paper, section 4.1) the eight operations are vertices 2
to 9, node i's being 2 + 2i and 3 + 2i. Vertices 0 and 1 are the inputs, vertex
10 the output. An operation that reads node i is joined from both of node i's
operations, and all eight are joined to the output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import GraphBatch

VOCABULARY = (
    "c_{k-2}",
    "c_{k-1}",
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "output",
)
"""The operations of a vertex, in the order of arch2vec's public release."""

NONE, FIRST, LAST, OUTPUT = 2, 3, 9, 10
"""``none``, and the first and last operation that a finished cell may use.

The zero operation only takes part in DARTS' continuous relaxation: the finished
cell keeps the strongest operations "among all non-zero candidate operations"
(section 2.4). It stays in the vocabulary so that codes are the release's.
"""

NODES = 4
SLOTS = 2 * NODES
"""Operations of a cell; slot 2i + j is the j-th operation of node i, vertex 2 + slot."""
NUM_OPERATIONS = LAST - FIRST + 1
VERTICES = SLOTS + 3

NODE_OF_SLOT = np.arange(SLOTS) // 2
"""(8,) the node each slot belongs to; it can read the sources 0 to node + 1."""


def _source_vertices() -> NDArray[np.bool_]:
    table = np.zeros((NODES + 2, VERTICES), dtype=np.bool_)
    table[0, 0] = table[1, 1] = True
    for node in range(NODES):
        table[node + 2, [2 * node + 2, 2 * node + 3]] = True
    return table


_SOURCE_VERTICES = _source_vertices()  # (6, 11): the vertices that an operation reading a source is joined from
_SOURCE_MARKS = np.array([0, 1, *range(2, VERTICES - 1, 2)])  # a vertex of each source that tells it from the others


@dataclass(frozen=True, eq=False)
class DARTSCells:
    """N cells, not necessarily valid ones.

    Attributes:
        operations: (N, 8) uint8, the slots' operations as vocabulary indices.
        sources: (N, 8) uint8, the source that each slot reads, 0 to 5.
    """

    operations: NDArray[np.uint8]
    sources: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.operations)

    def __getitem__(self, rows: slice | NDArray[np.generic]) -> DARTSCells:
        return DARTSCells(self.operations[rows], self.sources[rows])

    def graphs(self) -> GraphBatch:
        """The cells as graphs of 11 vertices."""
        n = len(self)
        ops = np.empty((n, VERTICES), dtype=np.uint8)
        ops[:, :2] = (0, 1)
        ops[:, 2:-1] = self.operations
        ops[:, -1] = OUTPUT
        adjacency = np.zeros((n, VERTICES, VERTICES), dtype=np.bool_)
        adjacency[:, :, 2:-1] = _SOURCE_VERTICES[self.sources].transpose(0, 2, 1)
        adjacency[:, 2:-1, -1] = True
        return GraphBatch(ops, adjacency)

    @classmethod
    def of(cls, graphs: GraphBatch) -> DARTSCells:
        """Read graphs of 11 vertices; those that are no cells give meaningless ones."""
        marks = graphs.adjacency[:, _SOURCE_MARKS, 2:-1]
        return cls(graphs.ops[:, 2:-1], marks.argmax(axis=1).astype(np.uint8))

    def valid(self) -> NDArray[np.bool_]:
        """(N,) whether operations are allowed, sources earlier, and a node's two sources different."""
        return (
            ((self.operations >= FIRST) & (self.operations <= LAST)).all(axis=1)
            & (self.sources < NODE_OF_SLOT + 2).all(axis=1)
            & (self.sources[:, ::2] != self.sources[:, 1::2]).all(axis=1)
        )

    def reordered(self, order: NDArray[np.integer]) -> DARTSCells:
        """The cells with slot ``order[n, s]`` of cell n moved to slot s; ``order`` is (N, 8)."""
        return DARTSCells(
            np.take_along_axis(self.operations, order, axis=1),
            np.take_along_axis(self.sources, order, axis=1),
        )

    def by_source(self) -> DARTSCells:
        """The same cells, each node's two operations in the order of their sources."""
        swapped = np.repeat(self.sources[:, ::2] > self.sources[:, 1::2], 2, axis=1)
        return self.reordered(np.arange(SLOTS) ^ swapped)


def most_likely_cells(op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> DARTSCells:
    """The most likely cell for each of N beliefs (N, 11, K) and (N, 11, 11).

    Which source a slot reads decides all edges into its vertex; edges into other vertices
    are in every cell the same. So each node's two slots read the two different sources of the
    greatest sum of log-odds, and each slot carries its most probable operation.
    """
    operations = op_logits[:, 2:-1, FIRST : LAST + 1].argmax(axis=2) + FIRST
    odds = np.einsum("sv,nvt->nts", _SOURCE_VERTICES.astype(edge_logits.dtype), edge_logits[:, :, 2:-1])
    sources = np.empty((len(operations), SLOTS), dtype=np.uint8)
    for node in range(NODES):
        choices = node + 2
        both = odds[:, 2 * node, :choices, None] + odds[:, 2 * node + 1, None, :choices]
        both[:, np.arange(choices), np.arange(choices)] = -np.inf
        best = both.reshape(len(both), choices**2).argmax(axis=1)
        sources[:, 2 * node], sources[:, 2 * node + 1] = divmod(best, choices)
    return DARTSCells(operations.astype(np.uint8), sources)


def is_cell(graphs: GraphBatch) -> NDArray[np.bool_]:
    """(N,) whether each graph is a valid cell: its operations, and every entry of its adjacency."""
    if graphs.num_vertices != VERTICES:
        return np.zeros(len(graphs), dtype=np.bool_)
    cells = DARTSCells.of(graphs)
    # An edge too many or too few is one that the cell read from the graph would not have.
    rebuilt = cells.graphs()
    return (
        cells.valid()
        & (graphs.ops == rebuilt.ops).all(axis=1)
        & (graphs.adjacency == rebuilt.adjacency).all(axis=(1, 2))
    )


def is_cell_as_released(graphs: GraphBatch) -> NDArray[np.bool_]:
    """(N,) the validity check of arch2vec's public release.

    The inputs, the output and eight inner operations (``none`` among them) in
    their places, and at least one edge into each operation from an input or any
    operation of an earlier node. Sources need not be one input or both operations
    of one node, may be the same twice, and edges to the output are not looked at.
    """
    if graphs.num_vertices != VERTICES:
        return np.zeros(len(graphs), dtype=np.bool_)
    inner = graphs.ops[:, 2:-1]
    valid = (
        (graphs.ops[:, 0] == 0)
        & (graphs.ops[:, 1] == 1)
        & (graphs.ops[:, -1] == OUTPUT)
        & ((inner >= NONE) & (inner <= LAST)).all(axis=1)
    )
    for node in range(NODES):
        first = 2 + 2 * node
        valid &= np.all(graphs.adjacency[:, :first, first : first + 2].any(axis=1), axis=1)
    return valid
