"""Partial permutations of vertices in the search for an edit distance, thousands at once.

See :mod:`arch2vec.graphs.edit_distance`, which walks through them. Here they are
extended by one vertex, with a lower bound on what every extension can lead to.
The bound for the m vertices not yet placed is that of an assignment problem
whose costs hold two vertices' labels, their edges with placed vertices, and the
differences of their degrees among the others; row and column reduction, the
first step of the Hungarian method, bounds it from below.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import GraphBatch

_DIFFERENCE = np.array([0, 1, 1, 2], dtype=np.int16)  # edits between two ties, by the bits in which they differ


@dataclass(frozen=True, eq=False)
class Problem:
    """N pairs of graphs of n vertices, of the first of which vertex k is placed at step k.

    Attributes:
        labels: (N, n, n), 1 where vertex u of the first and v of the second differ in label.
        ties1, ties2: (N, n, n), 1 for an edge u to v, 2 for an edge v to u, of the first
            and the second.
        outgoing1, incoming1: (N, n + 1, n), entry k: degrees in the first graph among
            its vertices k and later.
        twin1, twin2: (N, n), the vertex before each that has the same label and
            neighbours, -1 if none: exchanging two such changes nothing.
    """

    labels: NDArray[np.int16]
    ties1: NDArray[np.int16]
    ties2: NDArray[np.int16]
    outgoing1: NDArray[np.int16]
    incoming1: NDArray[np.int16]
    twin1: NDArray[np.int64]
    twin2: NDArray[np.int64]

    @classmethod
    def of(cls, first: GraphBatch, second: GraphBatch) -> Problem:
        """The problem of N pairs of graphs of one vertex count, padding included."""
        n = first.num_vertices
        later = np.arange(n) >= np.arange(n + 1)[:, None]
        edges = first.adjacency.astype(np.float32)
        return cls(
            np.not_equal(first.ops[:, :, None], second.ops[:, None, :]).astype(np.int16),
            _ties(first),
            _ties(second),
            np.einsum("nij,kj->nki", edges, later).astype(np.int16),
            np.einsum("nij,ki->nkj", edges, later).astype(np.int16),
            _twins(first),
            _twins(second),
        )


def _ties(graphs: GraphBatch) -> NDArray[np.int16]:
    edges = graphs.adjacency.astype(np.int16)
    return edges + 2 * edges.transpose(0, 2, 1)


def _twins(graphs: GraphBatch) -> NDArray[np.int64]:
    same = np.equal(graphs.ops[:, :, None], graphs.ops[:, None, :])
    for matrix in (graphs.adjacency, graphs.adjacency.transpose(0, 2, 1)):
        same &= (matrix[:, :, None, :] == matrix[:, None, :, :]).all(axis=3)
    return np.where(np.tril(same, -1), np.arange(graphs.num_vertices), -1).max(axis=2, initial=-1)


@dataclass(frozen=True, eq=False)
class States:
    """S partial permutations that place the first k vertices; m = n - k are left.

    Attributes:
        pair: (S,) which pair they belong to.
        cost: (S,) edits decided by the vertices placed.
        images: (S, k) where those are placed.
        left: (S, m) the second graph's vertices not yet taken, in rising order.
        costs: (S, m, m) edits decided by placing the u-th vertex left of the first graph
            on the v-th of the second: of its label, and of its edges with placed vertices.
        outgoing, incoming: (S, m) degrees among the second graph's vertices left.
        bound: (S,) twice a cost that no completion falls below; the cost itself if m = 0.
        slack: (S, m) what placing the next vertex on each of those left adds to ``bound``
            at least.
    """

    pair: NDArray[np.int64]
    cost: NDArray[np.int64]
    images: NDArray[np.int16]
    left: NDArray[np.int16]
    costs: NDArray[np.int16]
    outgoing: NDArray[np.int16]
    incoming: NDArray[np.int16]
    bound: NDArray[np.int64]
    slack: NDArray[np.int16]

    def __getitem__(self, rows: NDArray[np.generic] | slice) -> States:
        return States(*(array[rows] for array in self.arrays()))

    def arrays(self) -> tuple[Any, ...]:
        """The attributes in their order."""
        return tuple(getattr(self, field.name) for field in fields(self))


def root(problem: Problem, pairs: NDArray[np.int64]) -> States:
    """One state a pair, with nothing placed."""
    n = problem.labels.shape[1]
    edges = problem.ties2[pairs] & 1
    zeros = np.zeros(len(pairs), dtype=np.int64)
    return States(
        pair=pairs,
        cost=zeros,
        images=np.zeros((len(pairs), 0), dtype=np.int16),
        left=np.tile(np.arange(n, dtype=np.int16), (len(pairs), 1)),
        costs=problem.labels[pairs],
        outgoing=edges.sum(axis=2, dtype=np.int16),
        incoming=edges.sum(axis=1, dtype=np.int16),
        bound=zeros,
        slack=np.zeros((len(pairs), n), dtype=np.int16),
    )


def extended(problem: Problem, states: States, step: int, best: NDArray[np.int64]) -> States:
    """All ways to place vertex ``step`` that can still lead to less than ``best``."""
    row, column = np.nonzero(_worthwhile(problem, states, step, best))
    pair, image = states.pair[row], states.left[row, column]
    m = states.left.shape[1]
    kept = np.array([[v for v in range(m) if v != c] for c in range(m)], dtype=np.int64).reshape(m, m - 1)[column]
    at = row[:, None]
    left = states.left[at, kept]
    ties1 = problem.ties1[pair, step, step + 1 :]
    ties2 = problem.ties2[pair[:, None], image[:, None], left]
    costs = states.costs[:, 1:].transpose(0, 2, 1)[at, kept].transpose(0, 2, 1)
    costs = costs + _DIFFERENCE[ties1[:, :, None] ^ ties2[:, None, :]]
    outgoing = states.outgoing[at, kept] - (ties2 >> 1)
    incoming = states.incoming[at, kept] - (ties2 & 1)
    cost = states.cost[row] + states.costs[row, 0, column]

    # An edge among the vertices left shows in two degrees, so each difference of degrees counts half.
    doubled = 2 * costs
    doubled += np.abs(problem.outgoing1[pair, step + 1, step + 1 :, None] - outgoing[:, None, :])
    doubled += np.abs(problem.incoming1[pair, step + 1, step + 1 :, None] - incoming[:, None, :])
    bound = 2 * cost
    if m > 1:
        for axis in (2, 1):
            smallest = doubled.min(axis=axis, keepdims=True)
            doubled -= smallest
            bound += smallest.sum(axis=(1, 2), dtype=np.int64)
    images = np.concatenate([states.images[row], image[:, None]], axis=1)
    slack = doubled[:, 0] if m > 1 else np.zeros((len(row), 0), dtype=np.int16)
    children = States(pair, cost, images, left, costs, outgoing, incoming, bound, slack)
    return children[bound < 2 * best[pair] - 1]


def _worthwhile(problem: Problem, states: States, step: int, best: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(S, m) where vertex ``step`` has to be placed in each state.

    Of placements that differ only by exchanging twins, the first in lexicographic
    order is enough: it takes twins of either graph in rising order.
    """
    worthwhile = states.bound[:, None] + states.slack < 2 * best[states.pair, None] - 1
    before = problem.twin2[states.pair[:, None], states.left]
    for image in states.images.T:
        before = np.where(before == image[:, None], -1, before)
    worthwhile &= before < 0
    twin = problem.twin1[states.pair, step]
    if states.images.shape[1]:
        lowest = np.where(twin >= 0, states.images[np.arange(len(twin)), twin], -1)
        worthwhile &= states.left > lowest[:, None]
    return worthwhile
