"""Single edits of NAS-Bench-101 cells, for local search and evolution.

The benchmark's authors mutate seven-vertex matrices, pruned or not, by flipping
entries and changing operations. Cells here are pruned, so that every cell is
one thing; a vertex that pruning has removed must then be able to come back:

* **operation**: another operation at an inner vertex;
* **edge**: an edge is added between two vertices, in either direction as long
  as the graph stays acyclic, or one is removed; vertices that this takes off
  every path go with it;
* **vertex**: a cell of fewer than seven vertices gets a new one, with one edge in
  and one out. This undoes the removal of either edge of such a vertex.

An edit is valid if the result is a cell (at most nine edges, input and output
connected). Which cells are one edit away does not depend on how vertices are
numbered, and every cell can be reached from every other. The result always
differs from the cell: an edge edit changes the number of edges, a vertex edit
the number of vertices, an operation edit how often each operation occurs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.nasbench101.cells import (
    INNER,
    INPUT,
    MAX_EDGES,
    MAX_VERTICES,
    OUTPUT,
    in_topological_order,
    prune,
)

OPERATION, EDGE, VERTEX = range(3)
"""The kinds of edits."""

_DRAWN = 32  # random edits tried at a time, at least


@dataclass(frozen=True)
class NASBench101Edits:
    """N edits, one a cell; see the module's text.

    Attributes:
        kind: (N,) :data:`OPERATION`, :data:`EDGE` or :data:`VERTEX`.
        source: (N,) the vertex that is relabelled, or the source of the edge or path.
        target: (N,) the target of the edge or path.
        operation: (N,) the new operation of the relabelled or added vertex.
    """

    kind: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    operation: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.generic]) -> NASBench101Edits:
        return NASBench101Edits(self.kind[rows], self.source[rows], self.target[rows], self.operation[rows])


def apply(cells: GraphBatch, edits: NASBench101Edits) -> tuple[GraphBatch, NDArray[np.bool_]]:
    """Make one edit in each of N cells.

    Returns:
        The results and (N,) whether each edit is valid; the result of one that
        is not has no meaning.
    """
    rows, count = np.arange(len(cells)), cells.mask.sum(axis=1)
    num_edges = cells.adjacency.sum(axis=(1, 2))
    source, target, operation = edits.source, edits.target, edits.operation.astype(np.uint8)
    ops, adjacency = cells.ops.copy(), cells.adjacency.copy()

    relabels = edits.kind == OPERATION
    exists = cells.adjacency[rows, source, target]
    forward = (source != target) & ~_paths(cells)[rows, target, source]
    adds_edge = (edits.kind == EDGE) & ~exists
    adds_vertex = edits.kind == VERTEX
    valid = np.select(
        [relabels, adds_edge, adds_vertex],
        [
            (cells.ops[rows, source] != operation) & (source > 0) & (source < count - 1),
            forward & (num_edges < MAX_EDGES),
            forward & (num_edges < MAX_EDGES - 1) & (count < MAX_VERTICES),
        ],
        default=True,
    )
    valid &= (source < count) & (relabels | (target < count))

    ops[rows[relabels], source[relabels]] = operation[relabels]
    flips = edits.kind == EDGE
    adjacency[rows[flips], source[flips], target[flips]] ^= True
    grows = np.flatnonzero(adds_vertex & valid)
    ops[grows, count[grows]] = operation[grows]
    adjacency[grows, source[grows], count[grows]] = True
    adjacency[grows, count[grows], target[grows]] = True

    unordered = valid & (adds_vertex | (adds_edge & (source > target)))
    ordered = in_topological_order(GraphBatch(ops[unordered], adjacency[unordered]))
    ops[unordered], adjacency[unordered] = ordered.ops, ordered.adjacency
    pruned, connected = prune(GraphBatch(ops, adjacency))
    return pruned, valid & connected


def random_edit(cells: GraphBatch, rng: np.random.Generator) -> GraphBatch:
    """A random valid edit of each cell.

    The kind is drawn uniformly from those that apply to the cell (operation and
    edge: cells with an inner vertex; vertex: cells of fewer than seven vertices
    and fewer than eight edges), then an edit of that kind uniformly from the valid ones.
    """
    count, num_edges = cells.mask.sum(axis=1), cells.adjacency.sum(axis=(1, 2))
    can_grow = (count < MAX_VERTICES) & (num_edges < MAX_EDGES - 1)
    kind = np.where(count == 2, VERTEX, rng.integers(0, 2 + can_grow))
    ops, adjacency = cells.ops.copy(), cells.adjacency.copy()
    pending = np.arange(len(cells))
    while len(pending):
        # Of several drawn for a cell the first valid one counts. Few cells cost little more than one.
        draws = max(1, _DRAWN // len(pending))
        drawn_for = np.repeat(pending, draws)
        limit = count[drawn_for]
        drawn = NASBench101Edits(
            kind[drawn_for],
            rng.integers(0, limit),
            rng.integers(0, limit),
            rng.integers(1, 1 + len(INNER), size=len(drawn_for)),
        )
        edited, valid = apply(cells[drawn_for], drawn)
        done, first = np.unique(np.flatnonzero(valid) // draws, return_index=True)
        chosen = np.flatnonzero(valid)[first]
        ops[pending[done]], adjacency[pending[done]] = edited.ops[chosen], edited.adjacency[chosen]
        pending = np.delete(pending, done)
    return GraphBatch(ops, adjacency)


def all_edits(cells: GraphBatch) -> tuple[GraphBatch, NDArray[np.intp]]:
    """The results of all valid edits of N cells, of each cell's one of each isomorphism class.

    Returns:
        The results, and which cell each comes from: cell by cell, in the order of the
        kinds, then of source, target and operation.
    """
    count = cells.mask.sum(axis=1)
    within = np.maximum(_EDITS.source, _EDITS.target) < count[:, None]  # (N, edits)
    origin, chosen = np.nonzero(within)
    edited, valid = apply(cells[origin], _EDITS[chosen])
    results, origin = edited[valid], origin[valid]
    keys = fingerprint(results)
    order = np.lexsort((keys, origin))  # stable: the first of each class is the first in the order of edits
    keys = keys[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (keys[1:] != keys[:-1]) | (origin[order[1:]] != origin[order[:-1]])
    kept = np.sort(order[first])
    return results[kept], origin[kept]


def _all_of_the_largest_cell() -> NASBench101Edits:
    vertices, operations = np.arange(MAX_VERTICES), np.arange(INPUT + 1, OUTPUT)
    grids = (
        np.meshgrid([OPERATION], vertices, [0], operations, indexing="ij"),
        np.meshgrid([EDGE], vertices, vertices, [0], indexing="ij"),
        np.meshgrid([VERTEX], vertices, vertices, operations, indexing="ij"),
    )
    return NASBench101Edits(*(np.concatenate([grid[part].ravel() for grid in grids]) for part in range(4)))


_EDITS = _all_of_the_largest_cell()


def _paths(cells: GraphBatch) -> NDArray[np.bool_]:
    """(N, V, V) whether a path leads from vertex i to vertex j."""
    paths = cells.adjacency.copy()
    for middle in range(cells.num_vertices):
        paths |= paths[:, :, middle, None] & paths[:, None, middle, :]
    return paths
