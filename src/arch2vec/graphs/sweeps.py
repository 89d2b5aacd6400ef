"""Sums over all paths of a graph from its inputs to its outputs, by one sweep in topological order each.

A graph has exponentially many paths, but a quantity that is a sum, a largest or a
smallest number over them follows vertex by vertex from those of the predecessors:
the semirings (+, x), (max, +) and (min, +). A *walk* is a random path: backwards
from an output, each step to one of what the vertex reads, as likely as it is read
often; or forwards from an input, to one of the readers. The share of walks that pass
a vertex says how much of the signal, or of the gradient, goes through it.

All functions take :class:`~arch2vec.graphs.function.FunctionGraphs` of V vertices and N
graphs, and weights (V, G, N) that say what counts at a vertex: vertices first, so that a sweep reads contiguous memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs.function import FunctionGraphs

Floats = NDArray[np.float32]

NONE = np.float32(-1)
"""The largest and the smallest number on a path where there is no path."""

Weights = NDArray[np.bool_] | Floats

_FAR = np.int16(16_000)  # longer than any path, and twice it is still a short number


def count_paths(graphs: FunctionGraphs, avoiding: NDArray[np.bool_] | None = None) -> Floats:
    """(V, N) how many paths lead from an input to each vertex, none through a vertex (V, N) to be avoided."""
    paths = np.zeros(graphs.ops.shape, dtype=np.float32)
    for vertex, found in enumerate(paths):
        _add_up(graphs, vertex, paths, found)
        np.copyto(found, 1, where=graphs.starts[vertex])
        if avoiding is not None:
            np.copyto(found, 0, where=avoiding[vertex])
    return paths


def totals(graphs: FunctionGraphs, weights: Weights, paths: Floats) -> Floats:
    """(G, N) the weights on all paths to the outputs together, a vertex counted once for every path through it.

    Args:
        graphs: the N graphs to sweep over.
        weights: (V, G, N).
        paths: the numbers of paths that :func:`count_paths` gives.
    """
    total = np.zeros(weights.shape, dtype=np.float32)
    for vertex, found in enumerate(total):
        _add_up(graphs, vertex, total, found)
        found += weights[vertex] * paths[vertex]
    return at_outputs(graphs, total)


def _add_up(graphs: FunctionGraphs, vertex: int, values: Floats, out: Floats) -> None:
    """Add to ``out`` (..., N) the values (V, ..., N) of what a vertex reads, each as often as it is read.

    One source at a time and in place: what is at hand stays in the cache.
    """
    product = np.empty_like(out)
    for source in range(vertex):
        edges = graphs.edges[source, vertex]
        if edges.any():
            out += np.multiply(edges, values[source], out=product)


def extremes(graphs: FunctionGraphs, weights: Weights) -> tuple[Floats, Floats]:
    """(G, N) the smallest and the largest weight of a whole path, :data:`NONE` where there is no path.

    Args:
        graphs: the N graphs to sweep over.
        weights: (V, G, N) 0 or 1.
    """
    count, groups, number = weights.shape
    # The smallest of the weights and of what they are below zero: one sweep for both, in short whole numbers.
    own = np.empty((count, 2, groups, number), dtype=np.int16)
    own[:, 0] = weights
    np.negative(own[:, 0], out=own[:, 1])
    least = np.full_like(own, _FAR)
    reached = np.empty((2, groups, number), dtype=np.int16)
    for vertex, found in enumerate(least):
        for source in range(vertex):
            edges = graphs.edges[source, vertex]
            if edges.any():
                # What is not read is as far away as what is not reached.
                far = np.where(edges > 0, -_FAR, _FAR)
                np.minimum(found, np.maximum(least[source], far, out=reached), out=found)
        np.copyto(found, 0, where=graphs.starts[vertex])
        found += own[vertex]
    least[np.broadcast_to(~graphs.ends[:, None, None], least.shape)] = _FAR
    lowest, highest = least.min(axis=0)
    there = lowest < _FAR // 2
    return np.where(there, lowest, NONE), np.where(there, -highest, NONE)


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


def walk_moments(graphs: FunctionGraphs, weights: Weights) -> tuple[Floats, Floats]:
    """(G, N) mean and standard deviation of the weights (V, G, N) that a backward walk collects (zero without one)."""
    mean = np.zeros(weights.shape, dtype=np.float32)
    square = np.zeros(weights.shape, dtype=np.float32)
    product = np.empty(weights.shape[1:], dtype=np.float32)
    for vertex in range(len(weights)):
        own, read = weights[vertex].astype(np.float32), graphs.edges[:vertex, vertex]
        share = read / np.maximum(read.sum(axis=0), np.float32(1e-9))
        for source in range(vertex):
            if share[source].any():
                mean[vertex] += np.multiply(share[source], mean[source], out=product)
                square[vertex] += np.multiply(share[source], square[source], out=product)
        square[vertex] += 2 * mean[vertex] * own
        square[vertex] += own**2
        mean[vertex] += own
    ends = np.maximum(graphs.ends.sum(axis=0), 1)
    average = at_outputs(graphs, mean) / ends
    variance = at_outputs(graphs, square) / ends - average**2
    return average, np.sqrt(np.maximum(variance, 0))


def at_outputs(graphs: FunctionGraphs, values: Floats) -> Floats:
    """(..., N) the sum over the outputs of values (V, ..., N)."""
    total = np.zeros(values.shape[1:], dtype=np.float32)
    for ends, found in zip(graphs.ends, values, strict=True):
        if ends.any():
            np.add(total, found, out=total, where=ends)
    return total
