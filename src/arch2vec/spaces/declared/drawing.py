"""Drawing cells of a free topology uniformly, without a list of them.

A cell can be numbered in several ways, so that drawing numbered cells uniformly
favours some. The numbered cells are counted by adding one vertex
after another: all that matters for the rest is how many vertices nobody has read yet
and how many edges there are. Going back through this table draws one uniformly. A
cell with e topological orders and a symmetries has e / a numberings; keeping a
numbered cell with probability a / e makes all cells equally likely.

Orders are counted for up to twelve vertices. Beyond, let q be the chance that a random order, each vertex chosen evenly
among those whose sources are placed, is the one by which the cell is numbered. Over a cell's numberings
a q sums up to 1, so that keeping a numbered cell with probability a q makes all cells equally likely, too, and the
mean of a q is that of a / e. Where hardly any would be kept, all are: a cell of more numberings is more likely there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import mix
from arch2vec.spaces.automorphisms import group_order
from arch2vec.spaces.declared.limits import TopologyLimits

_CHUNK = 4096  # graphs whose orders are counted at a time
_TRIALS, _LARGE_TRIALS = 4096, 512  # cells drawn to estimate a mean, for up to twelve vertices and beyond
_COUNTED = 12  # vertices up to which orders are counted and numbers of cells are exact
_LEAST_KEPT = 1e-3  # share of numbered cells below which none is left out

Table = NDArray[Any]


class NumberedCells:
    """The cells of a free topology with all their numberings."""

    def __init__(self, limits: TopologyLimits) -> None:
        self._limits = limits
        self._exact = limits.vertices <= _COUNTED
        # Whole numbers of any size where they are exact, else floating point: up to 1e234 for 40 vertices.
        self._type = object if self._exact else np.float64
        self._beginnings = self._counted_beginnings()
        self._ends = {j: self._counted_ends(j) for j in self._inner_counts}
        totals = []
        for j, ends in self._ends.items():
            labellings = math.prod(len(limits.choice(vertex)) for vertex in range(limits.inputs, j))
            totals.append((self._beginnings[j] * ends[limits.outputs]).sum() * labellings)
        self.number = sum(totals)
        """How many there are, of all vertex counts together."""
        self._shares = np.array([float(total / self.number) if self.number else 0.0 for total in totals])

    @property
    def _inner_counts(self) -> list[int]:
        """How many vertices cells have without outputs."""
        return [count - self._limits.outputs for count in self._limits.counts]

    def _empty(self, j: int) -> Table:
        """A table by the numbers of unread vertices, up to j, and of edges."""
        return np.zeros((j + 1, self._limits.edges + 1), dtype=self._type)

    def _steps(self, j: int, unread: int, most: int) -> list[tuple[int, int, int]]:
        """How many unread and how many other of j vertices one can read, and in how many ways."""
        return [
            (new, old, math.comb(unread, new) * math.comb(j - unread, old))
            for new in range(min(unread, most) + 1)
            for old in range(0 if new else 1, min(j - unread, most - new) + 1)
            if new + old <= self._limits.edges
        ]

    def _counted_beginnings(self) -> dict[int, Table]:
        """For j inputs and inner vertices: how many numbered beginnings have so many unread vertices and edges."""
        limits = self._limits
        start = self._empty(limits.inputs)
        start[limits.inputs, 0] = 1
        counted = {limits.inputs: start}
        for j in range(limits.inputs, limits.vertices - limits.outputs):
            before, after = counted[j], self._empty(j + 1)
            for unread in range(1, j + 1):
                if before[unread].any():
                    for new, old, ways in self._steps(j, unread, limits.in_degree):
                        edges = new + old
                        after[unread - new + 1, edges:] += before[unread, : limits.edges + 1 - edges] * ways
            counted[j + 1] = after
        return counted

    def _counted_ends(self, j: int) -> list[Table]:
        """For 0, 1, ... outputs left: in how many ways they can read what is unread of j vertices."""
        limits = self._limits
        done = self._empty(j)
        done[0] = 1
        counted = [done]
        for _ in range(limits.outputs):
            after, before = counted[-1], self._empty(j)
            possible = [bool(row.any()) for row in after]
            for unread in range(j + 1):
                for new, old, ways in self._steps(j, unread, limits.into_output):
                    if not possible[unread - new]:
                        continue
                    edges = new + old
                    before[unread, : limits.edges + 1 - edges] += after[unread - new, edges:] * ways
            counted.append(before)
        return counted

    @cached_property
    def _mean_kept(self) -> float:
        """The mean of a / e over numbered cells, from 4,096 of them, or 512 large ones."""
        cells = self.draw_numbered(_TRIALS if self._exact else _LARGE_TRIALS, np.random.default_rng(0))
        return float((num_symmetries(cells) * self._order_chances(cells)).mean())

    def estimated_classes(self) -> int:
        """About how many cells there are up to isomorphism.

        The number of numbered cells times the mean of a / e over some thousand drawn ones.
        """
        return max(1, round(float(self.number) * self._mean_kept))

    @cached_property
    def uniform(self) -> bool:
        """Whether :meth:`draw` makes all cells equally likely."""
        return self._exact or self._mean_kept >= _LEAST_KEPT

    def draw(self, attempts: int, rng: np.random.Generator) -> GraphBatch:
        """What is kept of ``attempts`` numbered cells: independent cells, every isomorphism class equally likely."""
        parts = []
        for start in range(0, attempts, _CHUNK):
            cells = self.draw_numbered(min(_CHUNK, attempts - start), rng)
            if self.uniform:
                threshold = rng.random(len(cells)) / self._order_chances(cells)
                # Symmetries are counted only where they can make the difference.
                likely = np.flatnonzero(threshold < most_symmetries(cells))
                cells = cells[likely]
                cells = cells[threshold[likely] < num_symmetries(cells)]
            parts.append(cells)
        return GraphBatch.concatenate(parts)

    def _order_chances(self, cells: GraphBatch) -> NDArray[np.float64]:
        """(N,) 1 / e, or beyond twelve vertices the q of each cell's own order."""
        return 1 / num_orders(cells, self._limits) if self._exact else own_order_chances(cells, self._limits)

    def draw_numbered(self, size: int, rng: np.random.Generator) -> GraphBatch:
        """``size`` numbered cells, uniformly."""
        limits = self._limits
        chosen = rng.choice(len(self._shares), size=size, p=self._shares / self._shares.sum())
        counts = np.array(limits.counts)[chosen]
        ops = np.full((size, limits.vertices), PADDING, dtype=np.uint8)
        adjacency = np.zeros((size, limits.vertices, limits.vertices), dtype=np.bool_)
        ops[:, : limits.inputs] = np.arange(limits.inputs)
        for n in np.unique(counts).tolist():
            rows, j = np.flatnonzero(counts == n), n - limits.outputs
            adjacency[rows, :n, :n] = self._matrices(n, len(rows), rng)
            ops[rows, j:n] = limits.output + np.arange(limits.outputs)
            for vertex in range(limits.inputs, j):
                choice = np.array(limits.choice(vertex), dtype=np.uint8)
                ops[rows, vertex] = choice[rng.integers(len(choice), size=len(rows))]
        return GraphBatch(ops, adjacency)

    def _matrices(self, n: int, size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """(size, n, n) adjacency matrices, uniformly."""
        j = n - self._limits.outputs
        reads = self._numbers_read(j, size, rng)
        matrices = np.zeros((size, n, n), dtype=np.bool_)
        for vertex in range(self._limits.inputs, n):
            before = min(vertex, j)
            unread = ~matrices[:, :before].any(axis=2)
            for group, wanted in ((unread, reads[:, vertex, 0]), (~unread, reads[:, vertex, 1])):
                # A random subset: those of the wanted number of smallest random keys.
                keys = np.where(group, rng.random((size, before)), 2.0)
                rank = keys.argsort(axis=1).argsort(axis=1)
                matrices[:, :before, vertex] |= group & (rank < wanted[:, None])
        return matrices

    def _numbers_read(self, j: int, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """(size, n, 2) how many unread and how many other vertices each vertex reads, as in a uniform draw."""
        limits = self._limits
        reads = np.zeros((size, j + limits.outputs, 2), dtype=np.int64)
        weights = self._beginnings[j] * self._ends[j][limits.outputs]
        flat = weights.ravel() / weights.sum()
        states = rng.choice(len(flat), size=size, p=flat.astype(np.float64) / flat.astype(np.float64).sum())
        middle = np.stack(np.divmod(states, limits.edges + 1), axis=1)
        state = middle.copy()
        for number in range(limits.outputs):
            rest = self._ends[j][limits.outputs - 1 - number]

            def onwards(unread: int, edges: int, rest: Table = rest) -> list[tuple[int, int, float]]:
                steps = self._steps(j, unread, limits.into_output)
                steps = [step for step in steps if edges + step[0] + step[1] <= limits.edges]
                return [(new, old, ways * rest[unread - new, edges + new + old]) for new, old, ways in steps]

            reads[:, j + number] = _chosen(state, onwards, rng)
            state[:, 0] -= reads[:, j + number, 0]
            state[:, 1] += reads[:, j + number].sum(axis=1)
        state = middle
        for vertex in range(j - 1, limits.inputs - 1, -1):
            table = self._beginnings[vertex]

            def backwards(
                unread: int, edges: int, table: Table = table, vertex: int = vertex
            ) -> list[tuple[int, int, float]]:
                """What the vertex has read, of as many as were unread before it."""
                steps = []
                for new in range(min(limits.in_degree, edges, vertex - unread + 1) + 1):
                    earlier = unread - 1 + new
                    for old in range(0 if new else 1, min(limits.in_degree - new, edges - new, vertex - earlier) + 1):
                        ways = math.comb(earlier, new) * math.comb(vertex - earlier, old)
                        steps.append((new, old, ways * table[earlier, edges - new - old]))
                return steps

            reads[:, vertex] = _chosen(state, backwards, rng)
            state[:, 0] += reads[:, vertex, 0] - 1
            state[:, 1] -= reads[:, vertex].sum(axis=1)
        return reads


def _chosen(
    state: NDArray[np.int64], steps_of: Callable[[int, int], list[tuple[int, int, float]]], rng: np.random.Generator
) -> NDArray[np.int64]:
    """(size, 2) a step for each state, with a chance in proportion to its weight."""
    chosen = np.zeros((len(state), 2), dtype=np.int64)
    kinds, kind = np.unique(state, axis=0, return_inverse=True)
    for index, (unread, edges) in enumerate(kinds.tolist()):
        rows = np.flatnonzero(kind.ravel() == index)
        steps = steps_of(unread, edges)
        total = sum(weight for _, _, weight in steps)
        chances = np.array([float(weight / total) for _, _, weight in steps])
        picked = rng.choice(len(steps), size=len(rows), p=chances / chances.sum())
        chosen[rows] = np.array([(new, old) for new, old, _ in steps])[picked]
    return chosen


def num_orders(cells: GraphBatch, limits: TopologyLimits | None = None) -> NDArray[np.int64]:
    """(N,) how many topological orders each cell has, inputs first and outputs last.

    An order of a set of vertices ends with one whose predecessors are all in the
    set: orders are counted for every set of inner vertices, smaller ones first.

    Args:
        cells: of up to about fourteen vertices.
        limits: of which every vertex has to allow what stands there, and that have so many inputs and outputs; None
            for one of each.
    """
    inputs, outputs = (1, 1) if limits is None else (limits.inputs, limits.outputs)
    allowed = None if limits is None or limits.choices is None else limits.allowed
    result = np.empty(len(cells), dtype=np.int64)
    counts = cells.mask.sum(axis=1)
    for n in np.unique(counts).tolist():
        rows, size = np.flatnonzero(counts == n), n - inputs - outputs
        inner = cells.adjacency[rows, inputs : n - outputs, inputs : n - outputs]
        codes = cells.ops[rows, inputs : n - outputs]
        before = (inner * (1 << np.arange(size))[:, None]).sum(axis=1).T  # (size, rows) sets as bits
        ways = np.zeros((1 << size, len(rows)), dtype=np.int64)
        ways[0] = 1
        for members in range(1, 1 << size):
            place = inputs + members.bit_count() - 1
            for vertex in range(size):
                if members >> vertex & 1:
                    rest = members ^ (1 << vertex)
                    possible = (before[vertex] & ~rest) == 0
                    if allowed is not None:
                        possible &= allowed[place, codes[:, vertex]]
                    ways[members] += np.where(possible, ways[rest], 0)
        result[rows] = ways[-1]
    return result


def own_order_chances(cells: GraphBatch, limits: TopologyLimits) -> NDArray[np.float64]:
    """(N,) the chance that a random topological order of a cell's inner vertices is that of their numbers."""
    chances = np.ones(len(cells))
    counts = cells.mask.sum(axis=1)
    allowed = limits.allowed
    for vertex in range(limits.inputs, limits.vertices - limits.outputs):
        rows = np.flatnonzero(vertex < counts - limits.outputs)
        later = cells.adjacency[rows, vertex:, vertex:]
        inner = np.arange(vertex, limits.vertices) < (counts[rows] - limits.outputs)[:, None]
        ready = inner & ~later.any(axis=1) & allowed[vertex, cells.ops[rows, vertex:]]
        chances[rows] /= ready.sum(axis=1)
    return chances


def most_symmetries(cells: GraphBatch) -> NDArray[np.float64]:
    """(N,) at least as many as each cell has symmetries: the permutations of vertices that look alike."""
    edges = cells.adjacency.astype(np.uint64)
    looks = mix(cells.ops.astype(np.uint64))
    for _ in range(3):  # as in a fingerprint; more rounds hardly find more differences
        looks = mix(looks + mix((edges * looks[:, :, None]).sum(axis=1)))
        looks = mix(looks + mix((edges * looks[:, None]).sum(axis=2)))
    alike = np.tril(looks[:, :, None] == looks[:, None])
    return np.where(cells.mask, alike.sum(axis=2), 1.0).prod(axis=1)


def num_symmetries(cells: GraphBatch) -> NDArray[np.int64]:
    """(N,) how many symmetries each cell has."""
    result = np.ones(len(cells), dtype=np.int64)
    counts = cells.mask.sum(axis=1)
    for row in np.flatnonzero(most_symmetries(cells) > 1):
        n = int(counts[row])
        result[row] = group_order(cells.adjacency[row, :n, :n], cells.ops[row, :n].tolist())
    return result
