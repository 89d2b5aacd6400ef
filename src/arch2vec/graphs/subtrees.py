"""What each vertex of a graph looks like from where it stands: the labels of Weisfeiler and Lehman.

At depth 0 a vertex's label is its operation; at depth h it is its own label of depth h - 1
with those of what it reads and of what reads it, each kept apart and counted as often as it is
read. Two vertices have one label at depth h if and only if their surroundings up to h edges
unfold into the same tree (but for collisions of hashes of 64 bits, shortened to 24 at the end).

Two graphs are as alike as the best assignment of the one's vertices to the other's: the number
of pairs of equal labels. Where labels only ever split as the depth grows, that is the size of
the intersection of their labels as multisets (Kriege, Giscard and Wilson, NeurIPS 2016), which
is what :mod:`arch2vec.surrogates.assignment` works out. For that a multiset is written as a
set of *tokens*: the j-th vertex of a label is the token (label, j).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs.function import FunctionGraphs

NOTHING = -1
"""Where there is no token."""

Hashes = NDArray[np.uint64]

_BITS = 24  # of a token: single precision holds them exactly
_ODD = tuple(np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))


def subtree_tokens(graphs: FunctionGraphs, depths: Sequence[int], *, directed: bool = True) -> NDArray[np.float32]:
    """(N, len(depths) V) the tokens of N graphs, V for each depth, each a whole number or :data:`NOTHING`.

    They depend on the graphs alone: those of different batches can be compared.

    Args:
        graphs: N graphs of V vertices.
        depths: from 0 on.
        directed: whether what a vertex reads and what reads it are told apart.
    """
    count, number = graphs.ops.shape
    alive = graphs.alive
    tokens = np.full((number, len(depths) * count), NOTHING, dtype=np.float32)
    with np.errstate(over="ignore"):  # hashes wrap around
        ends = graphs.starts.astype(np.uint64) + np.uint64(2) * graphs.ends
        labels = _mixed(graphs.ops.astype(np.uint64) * np.uint64(4) + ends)
        for depth in range(max(depths, default=-1) + 1):
            if depth:
                labels = _deeper(graphs, np.where(alive, labels, np.uint64(0)), directed)
            for place in (place for place, wanted in enumerate(depths) if wanted == depth):
                tokens[:, place * count : (place + 1) * count] = _as_set(labels, alive, depth)
    return tokens


def _mixed(values: Hashes) -> Hashes:
    """A permutation of 64-bit numbers in which every bit depends on every other (the finaliser of MurmurHash3)."""
    values = values + _ODD[0]
    for factor in (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)):
        values = (values ^ (values >> np.uint64(33))) * factor
    return values ^ (values >> np.uint64(33))


def _deeper(graphs: FunctionGraphs, labels: Hashes, directed: bool) -> Hashes:
    """(V, N) the labels one depth further; a multiset's hash is the sum of its members'."""
    read, readers = np.zeros_like(labels), np.zeros_like(labels)
    for source in range(len(labels)):
        for target in range(source + 1, len(labels)):
            edges = graphs.edges[source, target]
            if edges.any():
                times = edges.astype(np.uint64)
                read[target] += times * labels[source]
                readers[source] += times * labels[target]
    if directed:
        return _mixed(labels * _ODD[0] + _mixed(read * _ODD[1]) + readers * _ODD[2])
    return _mixed(labels * _ODD[0] + (read + readers) * _ODD[1])


def _as_set(labels: Hashes, alive: NDArray[np.bool_], depth: int) -> NDArray[np.int64]:
    """(N, V) the labels (V, N) of what is there as tokens that differ within a graph."""
    ordered = np.sort(np.where(alive, labels, ~np.uint64(0)), axis=0)
    there = np.arange(len(labels))[:, None] < alive.sum(axis=0)
    same = np.zeros_like(there)
    same[1:] = ordered[1:] == ordered[:-1]
    earlier = np.zeros(labels.shape, dtype=np.uint64)  # vertices of the label before this one
    for place in range(1, len(labels)):
        earlier[place] = np.where(same[place], earlier[place - 1] + np.uint64(1), np.uint64(0))
    hashes = _mixed(ordered + earlier * _ODD[1] + np.uint64(depth) * _ODD[2])
    tokens = np.where(there, (hashes >> np.uint64(64 - _BITS)).astype(np.int64), NOTHING)
    tokens = np.sort(tokens, axis=0)
    tokens[1:][tokens[1:] == tokens[:-1]] = NOTHING  # two that a short hash makes equal are one
    return np.ascontiguousarray(tokens.T)
