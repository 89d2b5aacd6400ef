"""The exact edit distance between labelled DAGs.

The distance between two graphs is the smallest number of edits that turn one
into the other, where an edit inserts, deletes or relabels one vertex, or
inserts or deletes one directed edge. A vertex is deleted only once it has no
edges, so taking one out costs one edit more than it has edges; turning an edge
round costs two. Input and output vertices are vertices like any other, told
apart by their labels alone; padded vertices are not there; graphs in between
need not be architectures, nor acyclic.

Exchanging a deletion and an insertion for a relabelling never costs more, so
with the smaller graph padded to the n vertices of the larger (unlike any label,
without edges) the distance is a minimum over permutations p,

    sum_i [a(i) != b(p(i))] + sum_ij |A(i, j) - B(p(i), p(j))|.

It is found by branch and bound over the images of the vertices one after the
other, for thousands of pairs of graphs at once (:mod:`arch2vec.graphs.partial_matchings`). A
first pass that keeps only the most promising partial permutations finds
near-optimal distances, with which the second, exhaustive one prunes. Random
pairs of a thousand cells take a second or two at 7 or 8 vertices and about five
at 11; time grows by a factor of two or three a vertex.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.partial_matchings import Problem, States, extended, root

_BEAM = 32  # partial permutations a pair that the first pass keeps
_CHUNK = 100_000  # extensions looked at together: 40 MB
_PAIRS = 2_000  # pairs searched together


def edit_distance(first: GraphBatch, second: GraphBatch, *, limit: int | None = None) -> Int64[NDArray[np.int64], " N"]:
    """The edit distance of each of N pairs of graphs, as this module defines it.

    Args:
        first: N graphs, each compared with one of the others.
        second: N graphs with the same operation vocabulary; their V may differ.
        limit: distances above it are not of interest and reported as ``limit + 1``,
            which is faster.

    Returns:
        (N,) whole numbers.

    Raises:
        InputError: the batches are of different length, or the limit is negative.
    """
    if len(first) != len(second):
        raise InputError(f"edit distances need as many first graphs as second, got {len(first)} and {len(second)}")
    if limit is not None and limit < 0:
        raise InputError(f"a limit of edit distances is at least 0, got {limit}")
    counts = np.stack([first.mask.sum(axis=1), second.mask.sum(axis=1)])
    sizes = counts.max(axis=0, initial=0)
    distances = np.zeros(len(first), dtype=np.int64)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        for start in range(0, len(rows), _PAIRS):
            part = rows[start : start + _PAIRS]
            swap = counts[0, part] > counts[1, part]  # the padded one first: its padding is then placed last
            a, b = _trimmed(first[part], int(size)), _trimmed(second[part], int(size))
            distances[part] = _search(_exchanged(a, b, swap), _exchanged(b, a, swap), limit)
    return distances


def _trimmed(graphs: GraphBatch, size: int) -> GraphBatch:
    """The graphs with their vertices first and ``size`` vertices in all, padding included."""
    order = np.argsort(~graphs.mask, axis=1, kind="stable")
    ops, adjacency = _renumbered(graphs, order)
    missing = max(0, size - graphs.num_vertices)
    ops = np.pad(ops, ((0, 0), (0, missing)), constant_values=PADDING)[:, :size]
    adjacency = np.pad(adjacency, ((0, 0), (0, missing), (0, missing)))[:, :size, :size]
    return GraphBatch(ops, adjacency)


def _renumbered(graphs: GraphBatch, order: NDArray[np.integer]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    rows = np.arange(len(graphs))[:, None]
    return graphs.ops[rows, order], graphs.adjacency[rows[:, :, None], order[:, :, None], order[:, None, :]]


def _exchanged(a: GraphBatch, b: GraphBatch, swap: NDArray[np.bool_]) -> GraphBatch:
    ops = np.where(swap[:, None], b.ops, a.ops)
    return GraphBatch(ops, np.where(swap[:, None, None], b.adjacency, a.adjacency))


def _search(first: GraphBatch, second: GraphBatch, limit: int | None) -> NDArray[np.int64]:
    """Distances of N pairs of graphs of n vertices each, padding included."""
    as_numbered = np.not_equal(first.ops, second.ops).sum(axis=1)
    as_numbered += np.not_equal(first.adjacency, second.adjacency).sum(axis=(1, 2))
    best = as_numbered if limit is None else np.minimum(as_numbered, limit + 1)
    # Vertices with many edges first: placing them decides most.
    degrees = first.adjacency.sum(axis=1) + first.adjacency.sum(axis=2) + first.mask
    first = GraphBatch(*_renumbered(first, np.argsort(-degrees, axis=1, kind="stable")))
    problem = Problem.of(first, second)
    cut = _promising(problem, best)
    _exhaust(problem, root(problem, np.flatnonzero(cut)), best)
    return best


def _promising(problem: Problem, best: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Improve ``best`` by the most promising partial permutations; returns (N,) where others were left out."""
    n = problem.labels.shape[1]
    cut = np.zeros(len(best), dtype=np.bool_)
    states = root(problem, np.arange(len(best)))
    for step in range(n):
        share = max(1, _CHUNK // (n - step))
        children = [
            extended(problem, states[start : start + share], step, best) for start in range(0, len(states.pair), share)
        ]
        if not children:
            break
        arrays = zip(*(part.arrays() for part in children), strict=True)
        states = States(*(np.concatenate(parts) for parts in arrays))
        order = np.lexsort([states.bound, states.pair])
        pairs = states.pair[order]
        rank = np.arange(len(order)) - np.searchsorted(pairs, pairs)
        cut[pairs[rank >= _BEAM]] = True
        states = states[order[rank < _BEAM]]
    np.minimum.at(best, states.pair, states.bound // 2)
    return cut


def _exhaust(problem: Problem, states: States, best: NDArray[np.int64]) -> None:
    """Improve ``best`` by everything that ``states`` can be completed to; depth first, which bounds the memory."""
    n = problem.labels.shape[1]
    waiting = [(0, states)]
    while waiting:
        step, states = waiting.pop()
        if step == n:
            np.minimum.at(best, states.pair, states.bound // 2)
            continue
        share = max(1, _CHUNK // (n - step))
        if len(states.pair) > share:
            waiting.append((step, states[share:]))
        children = extended(problem, states[:share], step, best)
        if len(children.pair):
            waiting.append((step + 1, children))
