"""What a NAS-Bench-101 cell is (Ying et al., ICML 2019, section 2.2).

A cell is a DAG of at most seven vertices and nine edges. The first vertex is
the cell's input, the last its output, and the inner ones carry one of three
operations. Vertices that lie on no path from the input to the output do not
affect the computation: the benchmark prunes them before it counts, hashes or
looks up a cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch

OPERATIONS = ("input", "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "output")
INPUT, OUTPUT = OPERATIONS.index("input"), OPERATIONS.index("output")
INNER = OPERATIONS[1:-1]
"""The operations an inner vertex can carry; their codes are 1 to 3."""

MAX_VERTICES = 7
MAX_EDGES = 9


def is_well_formed(graphs: GraphBatch) -> NDArray[np.bool_]:
    """(N,) whether padding comes last and has no edges, and all edges go from lower to higher vertices."""
    v, mask = graphs.num_vertices, graphs.mask
    allowed = np.triu(np.ones((v, v), dtype=np.bool_), k=1) & mask[:, :, None] & mask[:, None, :]
    padding_last = (mask[:, :-1] >= mask[:, 1:]).all(axis=1)
    return np.logical_and(padding_last, (graphs.adjacency <= allowed).all(axis=(1, 2)))


def is_cell(graphs: GraphBatch) -> NDArray[np.bool_]:
    """(N,) whether each graph is a pruned cell.

    That is: its vertices come first and padding last, all edges go from lower
    to higher vertices, there are at most nine, every vertex is on a path from
    the input to the output, and operations are where they belong.
    """
    n, v = graphs.ops.shape
    if v != MAX_VERTICES:
        return np.zeros(n, dtype=np.bool_)
    count, mask = graphs.mask.sum(axis=1), graphs.mask
    position = np.arange(v)
    last = position == count[:, None] - 1
    inner = (position > 0) & (position < count[:, None] - 1)
    labelled = np.where(inner, _is_inner(graphs.ops), np.where(last, graphs.ops == OUTPUT, ~mask))
    labelled[:, 0] = graphs.ops[:, 0] == INPUT
    # In a DAG whose edges go upwards, a vertex is on a path from the first to the last
    # exactly if every vertex but the last has a successor and every one but the first a predecessor.
    reads = graphs.adjacency.any(axis=1) == (mask & (position > 0))
    is_read = graphs.adjacency.any(axis=2) == (mask & ~last)
    return (
        is_well_formed(graphs)
        & (count >= 2)
        & labelled.all(axis=1)
        & reads.all(axis=1)
        & is_read.all(axis=1)
        & (graphs.adjacency.sum(axis=(1, 2)) <= MAX_EDGES)
    )


def prune(graphs: GraphBatch) -> tuple[GraphBatch, NDArray[np.bool_]]:
    """Remove the vertices that are on no path from a graph's first to its last vertex.

    The vertices that stay keep their order and move to the front.

    Args:
        graphs: N graphs whose edges go upwards, whatever their operations.

    Returns:
        The pruned graphs, and (N,) whether the first and last vertex were
        connected; a graph in which they were not comes back without vertices.
    """
    n, v = graphs.ops.shape
    rows, mask = np.arange(n), graphs.mask
    from_first = np.zeros((n, v), dtype=np.bool_)
    to_last = np.zeros((n, v), dtype=np.bool_)
    from_first[:, 0] = mask[:, 0]
    to_last[rows, np.maximum(mask.sum(axis=1), 1) - 1] = mask[:, 0]
    for vertex in range(1, v):
        from_first[:, vertex] |= (from_first[:, :vertex] & graphs.adjacency[:, :vertex, vertex]).any(axis=1)
    for vertex in range(v - 2, -1, -1):
        to_last[:, vertex] |= (to_last[:, vertex + 1 :] & graphs.adjacency[:, vertex, vertex + 1 :]).any(axis=1)
    kept = from_first & to_last
    return _compacted(graphs, kept), kept.any(axis=1) & (mask.sum(axis=1) >= 2)


def in_topological_order(graphs: GraphBatch) -> GraphBatch:
    """Renumber the vertices of acyclic graphs so that all edges go upwards.

    A vertex's place is given by its longest distance from a source, then by
    its old number.
    """
    v = graphs.num_vertices
    depth = np.where(graphs.mask, 0, v).astype(np.int64)
    for _ in range(v - 1):
        reached = np.where(graphs.adjacency, depth[:, :, None] + 1, 0).max(axis=1)
        np.maximum(depth, reached, out=depth)
    return _reordered(graphs, np.argsort(depth, axis=1, kind="stable"))


def _is_inner(ops: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (ops > INPUT) & (ops < OUTPUT)


def _compacted(graphs: GraphBatch, kept: NDArray[np.bool_]) -> GraphBatch:
    """The sub-graphs on the ``kept`` (N, V) vertices, moved to the front."""
    ops = np.where(kept, graphs.ops, np.uint8(PADDING))
    adjacency = graphs.adjacency & kept[:, :, None] & kept[:, None, :]
    return _reordered(GraphBatch(ops, adjacency), np.argsort(~kept, axis=1, kind="stable"))


def _reordered(graphs: GraphBatch, order: NDArray[np.intp]) -> GraphBatch:
    """Graphs whose vertex k is the old vertex ``order[n, k]``."""
    rows = np.arange(len(graphs))[:, None]
    adjacency = graphs.adjacency[rows[:, :, None], order[:, :, None], order[:, None, :]]
    return GraphBatch(graphs.ops[rows, order], adjacency)
