"""What a cell computes, as a graph: skips contracted, zeros and whatever depends on them alone removed.

A vertex that reads a skip reads what the skip reads. If it reads the same vertex in
several ways, directly and through skips, it reads it several times: edges have
multiplicities. What is not on a path from an input to an output that zeros leave
open contributes nothing and is not there. Where a space declares neither skips nor
zeros, the function graph is the graph itself, less vertices that lead nowhere.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs.batch import PADDING, GraphBatch


@dataclass(frozen=True, eq=False)
class FunctionGraphs:
    """N function graphs, vertices first, so that a sweep over vertices reads contiguous memory.

    Attributes:
        ops: (V, N) uint8, :data:`~arch2vec.graphs.PADDING` where no vertex contributes.
        edges: (V, V, N) float32, how many times the second vertex reads the first.
        starts: (V, N) bool, the inputs: vertices that read nothing.
        ends: (V, N) bool, the outputs: vertices that nothing reads.
    """

    ops: NDArray[np.uint8]
    edges: NDArray[np.float32]
    starts: NDArray[np.bool_]
    ends: NDArray[np.bool_]

    @property
    def alive(self) -> NDArray[np.bool_]:
        """(V, N), true where there is a vertex."""
        return np.not_equal(self.ops, PADDING)

    def towards(self, output: int) -> FunctionGraphs:
        """What the outputs with operation ``output`` depend on, alone."""
        ends = self.ends & (self.ops == output)
        return _restricted(self.ops, self.edges, self.starts, ends)


def function_graphs(graphs: GraphBatch, skip: Collection[int] = (), zero: Collection[int] = ()) -> FunctionGraphs:
    """The function graphs of N cells.

    Inputs and outputs are the vertices that have no predecessor, or no successor, in the cell as it is
    written; they are there whatever the cell computes.

    Args:
        graphs: the N cells as they are written.
        skip: codes of the operations that give on the sum of what they read.
        zero: codes of the operations that give nothing.
    """
    ops = np.ascontiguousarray(graphs.ops.T)
    wired = np.ascontiguousarray(graphs.adjacency.transpose(1, 2, 0))
    there = np.not_equal(ops, PADDING)
    starts, ends = there & ~wired.any(axis=0), there & ~wired.any(axis=1)
    edges = wired.astype(np.float32)
    if zero:
        open_ = ~having(ops, zero)
        edges *= open_[:, None] & open_[None, :]
    live = _restricted(ops, edges, starts, ends)
    return _contracted(live, having(live.ops, skip)) if skip else live


def having(ops: NDArray[np.uint8], codes: Collection[int]) -> NDArray[np.bool_]:
    """Which of the operations are among some codes, of the shape of ``ops``."""
    table = np.zeros(256, dtype=np.bool_)
    table[list(codes)] = True
    return table[ops]


def _restricted(
    ops: NDArray[np.uint8], edges: NDArray[np.float32], starts: NDArray[np.bool_], ends: NDArray[np.bool_]
) -> FunctionGraphs:
    """The vertices on a path from one of ``starts`` to one of ``ends``; ends stay without any."""
    count = len(ops)
    reached, needed = starts.copy(), ends.copy()
    for vertex in range(1, count):
        reached[vertex] |= ((edges[:vertex, vertex] > 0) & reached[:vertex]).any(axis=0)
    for vertex in range(count - 2, -1, -1):
        needed[vertex] |= ((edges[vertex, vertex + 1 :] > 0) & needed[vertex + 1 :]).any(axis=0)
    there = (reached & needed) | ends
    return FunctionGraphs(
        np.where(there, ops, PADDING).astype(np.uint8),
        edges * (there[:, None] & there[None, :]),
        starts & there,
        ends,
    )


def _contracted(graphs: FunctionGraphs, skips: NDArray[np.bool_]) -> FunctionGraphs:
    """The graphs without those vertices: what read them reads what they read."""
    edges = graphs.edges.copy()
    for vertex in np.flatnonzero(skips.any(axis=1)).tolist():
        rows = np.flatnonzero(skips[vertex])
        into, out = edges[:vertex, vertex, rows], edges[vertex, vertex + 1 :, rows].T
        if not out.any():  # an output that is a skip has no reader
            continue
        for source in range(vertex):
            edges[source, vertex + 1 :, rows] += (into[source] * out).T
        edges[:, vertex, rows] = 0
        edges[vertex, :, rows] = 0
    inner = skips & ~graphs.starts & ~graphs.ends
    return FunctionGraphs(np.where(inner, PADDING, graphs.ops).astype(np.uint8), edges, graphs.starts, graphs.ends)
