"""Lists of graphs with each isomorphism class once, and the labellings of graphs.

Fingerprints tell most graphs apart that are not isomorphic, but not all: the
colour refinement behind them fails for some pairs of symmetric graphs, the smallest
of which have eight vertices and ten edges. Where half-made graphs are joined,
such a pair would take with it architectures that *can* be told apart. From
eight vertices on, :func:`distinct` therefore compares what fingerprints there
are when one vertex is marked, for every choice of that vertex.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint

MAX_CODES = 64
"""Codes of operations are below this, codes of vertices without one (see :func:`labelled`) below twice this."""

_MARK = 2 * MAX_CODES  # added to a vertex's code to tell it from all others; padding stays apart
_SAFE_VERTICES = 7  # fingerprints are exact up to here
_CHUNK = 200_000  # graphs made at a time


def distinct(graphs: GraphBatch) -> GraphBatch:
    """The first graph of every isomorphism class, in the order given."""
    _, first = np.unique(strong_fingerprint(graphs), return_index=True)
    return graphs[np.sort(first)]


def strong_fingerprint(graphs: GraphBatch) -> NDArray[np.uint64]:
    """(N,) fingerprints that hold for symmetric graphs too; see the module's text."""
    if graphs.num_vertices <= _SAFE_VERTICES:
        return fingerprint(graphs)
    n, v = graphs.ops.shape
    result = np.empty(n, dtype=np.uint64)
    step = max(1, _CHUNK // v**2)
    for start in range(0, n, step):
        part = graphs[start : start + step]
        # (rows, V, V): row by row, the codes with one vertex marked.
        marks = np.eye(v, dtype=np.bool_) & part.mask[:, None]
        marked = np.where(marks, part.ops[:, None] + np.uint8(_MARK), part.ops[:, None])
        copies = GraphBatch(marked.reshape(-1, v), np.repeat(part.adjacency, v, axis=0))
        result[start : start + step] = fingerprint(copies).reshape(-1, v).sum(axis=1, dtype=np.uint64)
    return result


def labelled(
    shapes: GraphBatch, choices: Sequence[Sequence[int]], limit: int | None = None, first: int = 1
) -> GraphBatch | None:
    """All labellings of graphs, one of each isomorphism class.

    Vertices get their operations one after another, and graphs that have become
    isomorphic are joined after each. Nothing is lost by that, as vertices
    without an operation yet carry codes that tell what they allow: a renumbering
    that makes two half-labelled graphs equal then makes what can become of them equal.
    It keeps the lists short: ten interchangeable vertices with five operations
    have 1,001 labellings out of 9,765,625.

    Args:
        shapes: N graphs of n vertices, possibly padded, no two of them isomorphic.
        choices: the operations that one vertex after another allows; those before and after are left.
        limit: how many graphs, half-labelled or labelled, may be on the list.
        first: the vertex of the first choice, the number of inputs.

    Returns:
        The labelled graphs, by shape, then by the operations in the order of
        ``choices``; None where the list would exceed the limit.
    """
    blanks = {choice: MAX_CODES + k for k, choice in enumerate(dict.fromkeys(map(tuple, choices)))}
    graphs = GraphBatch(shapes.ops.copy(), shapes.adjacency)
    for vertex, choice in enumerate(choices, start=first):
        graphs.ops[:, vertex] = blanks[tuple(choice)]
    for vertex, choice in enumerate(choices, start=first):
        step = max(1, _CHUNK // len(choice))
        starts = range(0, max(1, len(graphs)), step)
        parts = [distinct(_with_operation(graphs[at : at + step], vertex, choice)) for at in starts]
        graphs = parts[0] if len(parts) == 1 else distinct(GraphBatch.concatenate(parts))
        if limit is not None and len(graphs) > limit:
            return None
    return graphs


def _with_operation(graphs: GraphBatch, vertex: int, choice: Sequence[int]) -> GraphBatch:
    """Every graph with every operation of ``choice`` at a vertex, operations fastest."""
    ops = np.repeat(graphs.ops, len(choice), axis=0)
    ops[:, vertex] = np.tile(np.array(choice, dtype=np.uint8), len(graphs))
    return GraphBatch(ops, np.repeat(graphs.adjacency, len(choice), axis=0))
