"""Single edits of cells of a free topology, for local search and evolution.

* **operation**: another operation at an inner vertex;
* **edge**: an edge is added, in either direction as long as the graph stays
  acyclic, or removed;
* **vertex**: a new vertex gets one edge in and one out, either besides what is there
  or in the place of an edge; or a vertex with one edge in and one out is removed, or
  replaced by an edge.

The result must be a cell, so that an edge whose removal would leave a vertex
off every path stays. Each edit can be undone by one; no edit depends on how
vertices are numbered; and every cell can be reached from every other: in a cell of three vertices
or more, an edge can be removed or a vertex be replaced by an edge, until only input and output
are left. The result always differs from the cell: an operation edit changes how
often each operation occurs, the others the number of edges or of vertices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.declared.labels import distinct
from arch2vec.spaces.declared.limits import Limits, is_cell
from arch2vec.spaces.nasbench101.cells import in_topological_order

OPERATION, EDGE, INSERT, REMOVE = range(4)
"""The kinds of edits."""


class Edits(NamedTuple):
    """M edits.

    Attributes:
        kind: (M,) :data:`OPERATION`, :data:`EDGE`, :data:`INSERT` or :data:`REMOVE`.
        source: (M,) the vertex that is relabelled or removed, or the source of the edge
            or of the path through the new vertex.
        target: (M,) the target of the edge or path.
        operation: (M,) the new operation of the relabelled or new vertex.
        direct: (M,) whether the edge from the source to the target of a new vertex, or from what
            a removed one has read to what has read it, is exchanged for the vertex.
    """

    kind: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    operation: NDArray[np.int64]
    direct: NDArray[np.bool_]

    def at(self, rows: NDArray[np.integer]) -> Edits:
        """Some of the edits."""
        return Edits(*(part[rows] for part in self))


def apply(cells: GraphBatch, edits: Edits, limits: Limits) -> tuple[GraphBatch, NDArray[np.bool_]]:
    """Make one edit in each of M cells.

    Returns:
        The results and (M,) whether each edit is possible; the result of one that
        is not has no meaning.
    """
    count, position = cells.mask.sum(axis=1), np.arange(cells.num_vertices)
    kind, source, target = edits.kind, edits.source, edits.target
    ops, adjacency = cells.ops.copy(), cells.adjacency.copy()
    inner = (source > 0) & (source < count - 1)
    possible = (source < count) & (target < count)

    rows = np.flatnonzero((kind == OPERATION) & possible)
    possible[rows] &= inner[rows] & (ops[rows, source[rows]] != edits.operation[rows])
    ops[rows, source[rows]] = edits.operation[rows]

    rows = np.flatnonzero((kind == EDGE) & possible)
    possible[rows] &= source[rows] != target[rows]
    adjacency[rows, source[rows], target[rows]] ^= True

    rows = np.flatnonzero((kind == INSERT) & possible)
    possible[rows] &= (source[rows] != target[rows]) & (count[rows] < limits.vertices)
    possible[rows] &= ~edits.direct[rows] | adjacency[rows, source[rows], target[rows]]
    rows = rows[possible[rows]]
    adjacency[rows, source[rows], target[rows]] &= ~edits.direct[rows]
    adjacency[rows, source[rows], count[rows]] = True
    adjacency[rows, count[rows], target[rows]] = True
    ops[rows, count[rows]] = edits.operation[rows]

    rows = np.flatnonzero((kind == REMOVE) & possible)
    before, after = adjacency[rows, :, source[rows]], adjacency[rows, source[rows]]
    first, second = before.argmax(axis=1), after.argmax(axis=1)
    single = (before.sum(axis=1) == 1) & (after.sum(axis=1) == 1)
    possible[rows] &= inner[rows] & single & ~(edits.direct[rows] & adjacency[rows, first, second])
    adjacency[rows, first, second] |= edits.direct[rows]
    adjacency[rows] &= (position != source[rows, None])[:, :, None] & (position != source[rows, None])[:, None]
    ops[rows, source[rows]] = PADDING

    possible &= _acyclic(adjacency)
    ops[~possible], adjacency[~possible] = cells.ops[~possible], cells.adjacency[~possible]
    results = GraphBatch(ops, adjacency)
    upwards = ~np.tril(adjacency).any(axis=(1, 2)) & (kind != INSERT) & (kind != REMOVE)
    moved = np.flatnonzero(~upwards)
    ordered = in_topological_order(results[moved])
    ops[moved], adjacency[moved] = ordered.ops, ordered.adjacency
    return results, possible & is_cell(results, limits)


def every_edit(limits: Limits) -> list[Edits]:
    """All edits of cells, by kind; most are possible in some cells only."""
    vertices, operations, both = np.arange(limits.vertices), np.arange(1, limits.output), np.array([False, True])
    zero, no = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.bool_)
    grids = (
        (np.array([OPERATION]), vertices, zero, operations, no),
        (np.array([EDGE]), vertices, vertices, zero, no),
        (np.array([INSERT]), vertices, vertices, operations, both),
        (np.array([REMOVE]), vertices, zero, zero, both),
    )
    return [Edits(*(axis.ravel() for axis in np.meshgrid(*grid, indexing="ij"))) for grid in grids]


def random_edit(cells: GraphBatch, limits: Limits, rng: np.random.Generator) -> GraphBatch:
    """A random edit of each cell.

    Kind by kind with equal chances (inserting and removing a vertex being two), then
    uniformly among the edits of the kind, anew until one is possible.
    """
    kinds = every_edit(limits)
    sizes = np.array([len(edits.kind) for edits in kinds])
    edits = Edits(*(np.concatenate(parts) for parts in zip(*kinds, strict=True)))
    first = np.cumsum(sizes) - sizes
    ops, adjacency = cells.ops.copy(), cells.adjacency.copy()
    pending = np.arange(len(cells))
    while len(pending):
        kind = rng.integers(len(kinds), size=len(pending))
        drawn = edits.at(first[kind] + rng.integers(0, sizes[kind]))
        edited, possible = apply(cells[pending], drawn, limits)
        done = pending[possible]
        ops[done], adjacency[done] = edited.ops[possible], edited.adjacency[possible]
        pending = pending[~possible]
    return GraphBatch(ops, adjacency)


def all_edits(cell: GraphBatch, limits: Limits) -> GraphBatch:
    """The results of all possible edits of a batch of one cell, one of each isomorphism class.

    In the order of the kinds, then of source, target and operation.
    """
    parts = []
    for edits in every_edit(limits):
        edited, possible = apply(cell[np.zeros(len(edits.kind), dtype=np.int64)], edits, limits)
        parts.append(edited[possible])
    return distinct(GraphBatch.concatenate(parts))


def _acyclic(adjacency: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) whether graphs have no cycle, their vertices numbered in any way."""
    paths = adjacency.copy()
    for middle in range(adjacency.shape[1]):
        paths |= paths[:, :, middle, None] & paths[:, None, middle, :]
    on_cycle: NDArray[np.bool_] = paths.diagonal(axis1=1, axis2=2)
    return np.logical_not(on_cycle.any(axis=1))
