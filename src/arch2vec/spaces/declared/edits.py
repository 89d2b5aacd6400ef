"""Single edits of cells of a free topology, for local search and evolution.

* **operation**: another operation at an inner vertex;
* **edge**: an edge is added, in either direction as long as the graph stays
  acyclic, or removed;
* **vertex**: a new vertex gets one edge in and one out, either besides what is there
  or in the place of an edge; or a vertex with one edge in and one out is removed, or
  replaced by an edge;
* **end**: an edge gets another source or another target. Only where cells have several inputs or outputs or a
  least number of vertices: the edits above need not lead everywhere there.

The result must be a cell, so that an edge whose removal would leave a vertex
off every path stays. Each edit can be undone by one; no edit depends on how
vertices are numbered; and every cell can be reached from every other: in a cell of three vertices
or more, an edge can be removed or a vertex be replaced by an edge, until only input and output
are left. The result always differs from the cell: an operation edit changes how
often each operation occurs, the others the number of edges or of vertices; an end that moves may lead to the same
cell, which is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.declared.labels import distinct
from arch2vec.spaces.declared.limits import TopologyLimits, is_cell
from arch2vec.spaces.declared.orders import ordered

OPERATION, EDGE, INSERT, REMOVE, SOURCE, TARGET = range(6)
"""The kinds of edits."""

_COMPARED = 12  # vertices up to which symmetric graphs that fingerprints take for the same are told apart


class DeclaredEdits(NamedTuple):
    """M edits.

    Attributes:
        kind: (M,) :data:`OPERATION`, :data:`EDGE`, :data:`INSERT`, :data:`REMOVE`, :data:`SOURCE` or :data:`TARGET`.
        source: (M,) the vertex that is relabelled or removed, or the source of the edge
            or of the path through the new vertex.
        target: (M,) the target of the edge or path.
        operation: (M,) the new operation of the relabelled or new vertex; the new source or target of an edge.
        direct: (M,) whether the edge from the source to the target of a new vertex, or from what
            a removed one has read to what has read it, is exchanged for the vertex.
    """

    kind: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    operation: NDArray[np.int64]
    direct: NDArray[np.bool_]

    def at(self, rows: NDArray[np.integer]) -> DeclaredEdits:
        """Some of the edits."""
        return DeclaredEdits(*(part[rows] for part in self))


def apply(cells: GraphBatch, edits: DeclaredEdits, limits: TopologyLimits) -> tuple[GraphBatch, NDArray[np.bool_]]:
    """Make one edit in each of M cells.

    Returns:
        The results and (M,) whether each edit is possible; the result of one that
        is not has no meaning.
    """
    count, position = cells.mask.sum(axis=1), np.arange(cells.num_vertices)
    kind, source, target, operation = edits.kind, edits.source, edits.target, edits.operation
    ops, adjacency = cells.ops.copy(), cells.adjacency.copy()
    inner = (source >= limits.inputs) & (source < count - limits.outputs)
    possible = (source < count) & (target < count)

    rows = np.flatnonzero((kind == OPERATION) & possible)
    possible[rows] &= inner[rows] & (ops[rows, source[rows]] != operation[rows])
    ops[rows, source[rows]] = operation[rows]

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
    ops[rows, count[rows]] = operation[rows]

    rows = np.flatnonzero((kind == REMOVE) & possible)
    before, after = adjacency[rows, :, source[rows]], adjacency[rows, source[rows]]
    first, second = before.argmax(axis=1), after.argmax(axis=1)
    single = (before.sum(axis=1) == 1) & (after.sum(axis=1) == 1)
    possible[rows] &= inner[rows] & single & ~(edits.direct[rows] & adjacency[rows, first, second])
    adjacency[rows, first, second] |= edits.direct[rows]
    adjacency[rows] &= (position != source[rows, None])[:, :, None] & (position != source[rows, None])[:, None]
    ops[rows, source[rows]] = PADDING

    for end, (new_source, new_target) in ((SOURCE, (operation, target)), (TARGET, (source, operation))):
        rows = np.flatnonzero((kind == end) & possible)
        possible[rows] &= adjacency[rows, source[rows], target[rows]] & (operation[rows] < count[rows])
        rows = rows[possible[rows]]
        possible[rows] &= ~adjacency[rows, new_source[rows], new_target[rows]]
        possible[rows] &= new_source[rows] != new_target[rows]
        adjacency[rows, source[rows], target[rows]] = False
        adjacency[rows, new_source[rows], new_target[rows]] = True

    possible &= _acyclic(cells, edits)
    ops[~possible], adjacency[~possible] = cells.ops[~possible], cells.adjacency[~possible]
    results = GraphBatch(ops, adjacency)
    moved = np.flatnonzero(possible & _to_be_ordered(results, kind, limits))
    renumbered = ordered(results[moved], limits)
    ops[moved], adjacency[moved] = renumbered.ops, renumbered.adjacency
    possible &= is_cell(results, limits)
    ends = np.flatnonzero(possible & (kind >= SOURCE))
    possible[ends] = fingerprint(results[ends]) != fingerprint(cells[ends])
    return results, possible


def _to_be_ordered(results: GraphBatch, kind: NDArray[np.int64], limits: TopologyLimits) -> NDArray[np.bool_]:
    """(M,) whether vertices have to be numbered anew: an edge goes down, one has gone or come, one is not allowed."""
    needed = np.tril(results.adjacency).any(axis=(1, 2)) | (kind == INSERT) | (kind == REMOVE)
    return needed if limits.choices is None else needed | ~is_cell(results, limits)


def every_edit(limits: TopologyLimits) -> list[DeclaredEdits]:
    """All edits of cells, by kind; most are possible in some cells only."""
    vertices, operations, both = np.arange(limits.vertices), np.array(limits.codes), np.array([False, True])
    zero, no = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.bool_)
    grids = [
        (np.array([OPERATION]), vertices, zero, operations, no),
        (np.array([EDGE]), vertices, vertices, zero, no),
        (np.array([INSERT]), vertices, vertices, operations, both),
        (np.array([REMOVE]), vertices, zero, zero, both),
    ]
    if limits.counts[0] > 2:
        grids += [(np.array([end]), vertices, vertices, vertices, no) for end in (SOURCE, TARGET)]
    return [DeclaredEdits(*(axis.ravel() for axis in np.meshgrid(*grid, indexing="ij"))) for grid in grids]


def random_edit(cells: GraphBatch, limits: TopologyLimits, rng: np.random.Generator) -> GraphBatch:
    """A random edit of each cell.

    Kind by kind with equal chances (inserting and removing a vertex being two), then
    uniformly among the edits of the kind, anew until one is possible.
    """
    kinds = every_edit(limits)
    sizes = np.array([len(edits.kind) for edits in kinds])
    edits = DeclaredEdits(*(np.concatenate(parts) for parts in zip(*kinds, strict=True)))
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


def all_edits(cell: GraphBatch, limits: TopologyLimits) -> GraphBatch:
    """The results of all possible edits of a batch of one cell, one of each isomorphism class.

    In the order of the kinds, then of source, target and operation. Beyond twelve vertices those that
    fingerprints take for the same count once.
    """
    parts = []
    for edits in every_edit(limits):
        likely = edits.at(np.flatnonzero(_worth_trying(cell, edits, limits)))
        edited, possible = apply(cell[np.zeros(len(likely.kind), dtype=np.int64)], likely, limits)
        parts.append(edited[possible])
    found = GraphBatch.concatenate(parts)
    if limits.vertices <= _COMPARED:
        return distinct(found)
    _, first = np.unique(fingerprint(found), return_index=True)
    return found[np.sort(first)]


def _worth_trying(cell: GraphBatch, edits: DeclaredEdits, limits: TopologyLimits) -> NDArray[np.bool_]:
    """(M,) false for edits that are impossible in a cell at first sight: a large space has too many of them."""
    count = int(cell.mask.sum())
    there = cell.adjacency[0, edits.source, edits.target]
    right = (edits.source < count) & (edits.target < count)
    right &= ~np.isin(edits.kind, (SOURCE, TARGET)) | (there & (edits.operation < count))
    right &= (edits.kind != INSERT) | ((count < limits.vertices) & (there | ~edits.direct))
    return right


def _acyclic(cells: GraphBatch, edits: DeclaredEdits) -> NDArray[np.bool_]:
    """(M,) whether an edit leaves a cell without a cycle: the edge or path that it adds must not lead back."""
    source, target = edits.source, edits.target
    first = np.where(edits.kind == SOURCE, edits.operation, source)
    second = np.where(edits.kind == TARGET, edits.operation, target)
    adds = np.isin(edits.kind, (EDGE, INSERT, SOURCE, TARGET)) & (source < cells.num_vertices)
    first, second = np.where(adds, first, 0), np.where(adds, second, 0)
    # Only whether the second reaches the first matters: a sweep downwards over the vertices, for all edits together.
    reached = np.zeros(cells.ops.shape, dtype=np.bool_)
    reached[np.arange(len(reached)), second] = True
    for vertex in range(cells.num_vertices - 1):
        reached[:, vertex + 1 :] |= reached[:, vertex, None] & cells.adjacency[:, vertex, vertex + 1 :]
    return ~adds | ~reached[np.arange(len(reached)), first]
