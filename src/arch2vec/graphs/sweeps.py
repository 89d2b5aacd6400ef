"""Sums over all paths of a graph from its inputs to its outputs, by one sweep in topological order each.

A graph has exponentially many paths, but a quantity that is a sum, a largest or a
smallest number over them follows vertex by vertex from those of the predecessors:
the semirings (+, x), (max, +) and (min, +). A *walk* is a random path: backwards
from an output, each step to one of what the vertex reads, as likely as it is read
often; or forwards from an input, to one of the readers. The share of walks that pass
a vertex says how much of the signal, or of the gradient, goes through it.

All functions take :class:`~arch2vec.graphs.function.FunctionGraphs` of V vertices and N
graphs, and weights (G, V, N) that say what counts at a vertex.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs.function import FunctionGraphs

Floats = NDArray[np.float32]

NONE = np.float32(-1)
"""The largest and the smallest number on a path where there is no path."""

_FAR = np.float32(1e9)


def count_paths(graphs: FunctionGraphs, avoiding: NDArray[np.bool_] | None = None) -> Floats:
    """(V, N) how many paths lead from an input to each vertex, none through a vertex (V, N) to be avoided."""
    paths = np.zeros(graphs.ops.shape, dtype=np.float32)
    for vertex in range(len(paths)):
        found = (graphs.edges[:vertex, vertex] * paths[:vertex]).sum(axis=0)
        found = np.where(graphs.starts[vertex], 1, found)
        paths[vertex] = found if avoiding is None else np.where(avoiding[vertex], 0, found)
    return paths


def totals(graphs: FunctionGraphs, weights: Floats, paths: Floats) -> Floats:
    """(G, N) the weights on all paths to the outputs together, a vertex counted once for every path through it.

    Args:
        graphs: the N graphs to sweep over.
        weights: (G, V, N).
        paths: the numbers of paths that :func:`count_paths` gives.
    """
    total = np.zeros(weights.shape, dtype=np.float32)
    for vertex in range(weights.shape[1]):
        read = (graphs.edges[:vertex, vertex] * total[:, :vertex]).sum(axis=1)
        total[:, vertex] = read + weights[:, vertex] * paths[vertex]
    return at_outputs(graphs, total)


def extremes(graphs: FunctionGraphs, weights: Floats) -> tuple[Floats, Floats]:
    """(G, N) the smallest and the largest weight of a whole path, :data:`NONE` where there is no path."""
    least = np.full(weights.shape, _FAR, dtype=np.float32)
    most = np.full(weights.shape, -_FAR, dtype=np.float32)
    for vertex in range(weights.shape[1]):
        own, start = weights[:, vertex], graphs.starts[vertex]
        reads = graphs.edges[:vertex, vertex] > 0
        if vertex:
            least[:, vertex] = np.where(reads, least[:, :vertex], _FAR).min(axis=1) + own
            most[:, vertex] = np.where(reads, most[:, :vertex], -_FAR).max(axis=1) + own
        least[:, vertex] = np.where(start, own, least[:, vertex])
        most[:, vertex] = np.where(start, own, most[:, vertex])
    lowest = np.where(graphs.ends, least, _FAR).min(axis=1)
    highest = np.where(graphs.ends, most, -_FAR).max(axis=1)
    there = highest > -_FAR / 2
    return np.where(there, lowest, NONE), np.where(there, highest, NONE)


def walks(graphs: FunctionGraphs, forwards: bool) -> tuple[Floats, Floats]:
    """The shares of random walks that pass each vertex and each edge.

    Args:
        graphs: the N graphs to sweep over.
        forwards: from the inputs to the outputs, all inputs equally likely, or backwards.

    Returns:
        (V, N) and (V, V, N), the latter indexed like ``graphs.edges``.
    """
    count = len(graphs.ops)
    first = graphs.starts if forwards else graphs.ends
    passed = first / np.maximum(first.sum(axis=0), 1).astype(np.float32)
    passed = passed.astype(np.float32)
    steps = np.zeros_like(graphs.edges)
    order = range(count) if forwards else range(count - 1, -1, -1)
    for vertex in order:
        onwards = graphs.edges[vertex] if forwards else graphs.edges[:, vertex]
        share = onwards * (passed[vertex] / np.maximum(onwards.sum(axis=0), np.float32(1e-9)))
        passed += share
        if forwards:
            steps[vertex] = share
        else:
            steps[:, vertex] = share
    return passed, steps


def walk_moments(graphs: FunctionGraphs, weights: Floats) -> tuple[Floats, Floats]:
    """(G, N) mean and standard deviation of the weights that a backward walk collects (zero without a walk)."""
    mean = np.zeros(weights.shape, dtype=np.float32)
    square = np.zeros(weights.shape, dtype=np.float32)
    for vertex in range(weights.shape[1]):
        own, read = weights[:, vertex], graphs.edges[:vertex, vertex]
        share = read / np.maximum(read.sum(axis=0), np.float32(1e-9))
        before, before_square = (share * mean[:, :vertex]).sum(axis=1), (share * square[:, :vertex]).sum(axis=1)
        mean[:, vertex] = before + own
        square[:, vertex] = before_square + 2 * before * own + own**2
    ends = np.maximum(graphs.ends.sum(axis=0), 1)
    average = at_outputs(graphs, mean) / ends
    variance = at_outputs(graphs, square) / ends - average**2
    return average, np.sqrt(np.maximum(variance, 0))


def at_outputs(graphs: FunctionGraphs, values: Floats) -> Floats:
    """(..., N) the sum over the outputs of values (..., V, N)."""
    return np.where(graphs.ends, values, 0).sum(axis=-2)
