"""Drawing cells of a free topology uniformly, without a list of them.

A cell can be numbered in several ways, so that drawing numbered cells uniformly
favours some. The numbered cells of n vertices are counted by adding one vertex
after another: all that matters for the rest is how many vertices nobody has read yet
and how many edges there are. Going through this table draws one uniformly. A
cell with e topological orders and a symmetries has e / a numberings; keeping a
numbered cell with probability a / e makes all cells equally likely.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import mix
from arch2vec.spaces.automorphisms import group_order
from arch2vec.spaces.declared.limits import INPUT, Limits

_CHUNK = 4096  # graphs whose orders are counted at a time
_TRIALS = 4096  # cells drawn to estimate a mean


class NumberedCells:
    """The cells of a free topology with all their numberings."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[tuple[int, int, int, int], int] = {}
        counts = [self._ways(n, 1, 1, 0) * limits.operations ** (n - 2) for n in range(2, limits.vertices + 1)]
        self.number = sum(counts)
        """How many there are, of all vertex counts together."""
        self._shares = np.array([count / self.number for count in counts])

    def estimated_classes(self) -> int:
        """About how many cells there are up to isomorphism.

        The number of numbered cells times the mean of a / e over 4,096 drawn ones.
        """
        cells = self.draw_numbered(_TRIALS, np.random.default_rng(0))
        return max(1, round(self.number * float((num_symmetries(cells) / num_orders(cells)).mean())))

    def draw(self, attempts: int, rng: np.random.Generator) -> GraphBatch:
        """What is kept of ``attempts`` numbered cells: independent cells, every isomorphism class equally likely."""
        parts = []
        for start in range(0, attempts, _CHUNK):
            cells = self.draw_numbered(min(_CHUNK, attempts - start), rng)
            threshold = rng.random(len(cells)) * num_orders(cells)
            # Symmetries are counted only where they can make the difference.
            likely = np.flatnonzero(threshold < most_symmetries(cells))
            cells = cells[likely]
            parts.append(cells[threshold[likely] < num_symmetries(cells)])
        return GraphBatch.concatenate(parts)

    def _ways(self, n: int, j: int, unread: int, edges: int) -> int:
        """How many ways lead on from j vertices of n, of which ``unread`` nobody has read, with ``edges`` edges."""
        state = (n, j, unread, edges)
        if state not in self._known:
            self._known[state] = sum(ways for _, ways in self._steps(*state))
        return self._known[state]

    def _steps(self, n: int, j: int, unread: int, edges: int) -> list[tuple[tuple[int, int], int]]:
        """For the number of unread and of other vertices that vertex j can read: in how many ways the cell goes on."""
        last = j == n - 1
        steps = []
        for new in range(unread if last else 0, unread + 1):
            most = min(j - unread, self._limits.in_degree - new, self._limits.edges - edges - new)
            for old in range(0 if new else 1, most + 1):
                rest = 1 if last else self._ways(n, j + 1, unread - new + 1, edges + new + old)
                ways = math.comb(unread, new) * math.comb(j - unread, old) * rest
                if ways:
                    steps.append(((new, old), ways))
        return steps

    def draw_numbered(self, size: int, rng: np.random.Generator) -> GraphBatch:
        """``size`` numbered cells, uniformly."""
        counts = rng.choice(len(self._shares), size=size, p=self._shares / self._shares.sum()) + 2
        v = self._limits.vertices
        ops = np.full((size, v), PADDING, dtype=np.uint8)
        adjacency = np.zeros((size, v, v), dtype=np.bool_)
        for n in np.unique(counts).tolist():
            rows = np.flatnonzero(counts == n)
            adjacency[rows, :n, :n] = self._matrices(n, len(rows), rng)
            ops[rows, 0], ops[rows, n - 1] = INPUT, self._limits.output
            ops[rows, 1 : n - 1] = rng.integers(1, self._limits.output, size=(len(rows), n - 2))
        return GraphBatch(ops, adjacency)

    def _matrices(self, n: int, size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """(size, n, n) adjacency matrices, uniformly."""
        matrices = np.zeros((size, n, n), dtype=np.bool_)
        for j in range(1, n):
            unread = ~matrices[:, :j].any(axis=2)
            states = np.stack([unread.sum(axis=1), matrices.sum(axis=(1, 2))], axis=1)
            reads = np.zeros((size, 2), dtype=np.int64)
            kinds, kind = np.unique(states, axis=0, return_inverse=True)
            for index, (num_unread, num_edges) in enumerate(kinds.tolist()):
                rows = np.flatnonzero(kind.ravel() == index)
                steps = self._steps(n, j, num_unread, num_edges)
                total = sum(ways for _, ways in steps)
                chances = np.array([ways / total for _, ways in steps])
                chosen = rng.choice(len(steps), size=len(rows), p=chances / chances.sum())
                reads[rows] = np.array([step for step, _ in steps])[chosen]
            for group, wanted in ((unread, reads[:, 0]), (~unread, reads[:, 1])):
                # A random subset: those of the wanted number of smallest random keys.
                keys = np.where(group, rng.random((size, j)), 2.0)
                rank = keys.argsort(axis=1).argsort(axis=1)
                matrices[:, :j, j] |= group & (rank < wanted[:, None])
        return matrices


def num_orders(cells: GraphBatch) -> NDArray[np.int64]:
    """(N,) how many topological orders each cell has.

    An order of a set of vertices ends with one whose predecessors are all in the
    set: orders are counted for every set of inner vertices, smaller ones first.
    """
    result = np.empty(len(cells), dtype=np.int64)
    counts = cells.mask.sum(axis=1)
    for n in np.unique(counts).tolist():
        rows = np.flatnonzero(counts == n)
        inner = cells.adjacency[rows, 1 : n - 1, 1 : n - 1]
        before = (inner * (1 << np.arange(n - 2))[:, None]).sum(axis=1).T  # (n - 2, rows) sets as bits
        ways = np.zeros((1 << (n - 2), len(rows)), dtype=np.int64)
        ways[0] = 1
        for members in range(1, 1 << (n - 2)):
            for vertex in range(n - 2):
                if members >> vertex & 1:
                    rest = members ^ (1 << vertex)
                    ways[members] += np.where(before[vertex] & ~rest, 0, ways[rest])
        result[rows] = ways[-1]
    return result


def most_symmetries(cells: GraphBatch) -> NDArray[np.int64]:
    """(N,) at least as many as each cell has symmetries: the permutations of vertices that look alike."""
    edges = cells.adjacency.astype(np.uint64)
    looks = mix(cells.ops.astype(np.uint64))
    for _ in range(3):  # as in a fingerprint; more rounds hardly find more differences
        looks = mix(looks + mix((edges * looks[:, :, None]).sum(axis=1)))
        looks = mix(looks + mix((edges * looks[:, None]).sum(axis=2)))
    alike = np.tril(looks[:, :, None] == looks[:, None])
    return np.where(cells.mask, alike.sum(axis=2), 1).prod(axis=1)


def num_symmetries(cells: GraphBatch) -> NDArray[np.int64]:
    """(N,) how many symmetries each cell has."""
    result = np.ones(len(cells), dtype=np.int64)
    counts = cells.mask.sum(axis=1)
    for row in np.flatnonzero(most_symmetries(cells) > 1):
        n = int(counts[row])
        result[row] = group_order(cells.adjacency[row, :n, :n], cells.ops[row, :n].tolist())
    return result
