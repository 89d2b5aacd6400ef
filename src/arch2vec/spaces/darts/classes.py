"""Which DARTS cells are the same: canonical codes, and how many different ones there are.

A genotype numbers the nodes, and the numbering has no meaning, so several
genotypes describe one cell. Two equivalences matter:

* **function**: the nodes can be renumbered, each with its two operations, so that
  the genotypes agree. (That permutes the output's channels, which the weights
  that read them absorb.)
* **graph**: the 11-vertex graphs are isomorphic. This is coarser. The graph shows
  which two operations form a node only if the node is read; operations of nodes
  that only the output reads can be paired in any way. With sep~0, skip~1 in one
  such node and pool~0, dil~1 in another, the graph is also that of sep~0, dil~1
  and pool~0, skip~1, though the sums differ. An encoder that pools over the
  vertices of the graph cannot tell these apart.

Both are handled alike. A cell's *structure* is what its slots read, its nodes'
sources ascending. A *relabelling* carries the slots of a structure to those of
another. Relabellings do not depend on the operations, so they are few (for DARTS
180 structures with some thousands) and are listed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Structure = tuple[int, ...]
"""The source that each slot reads: 0 and 1 the cell's inputs, i + 2 its node i."""

Slots = tuple[int, ...]
"""Of each slot of a relabelled cell, the slot it takes its operation from."""

_CHUNK = 65536  # cells coded at a time, to bound the (cells, relabellings) matrix


@dataclass(frozen=True)
class Relabelling:
    """A way to write a cell as another genotype.

    Attributes:
        target: the structure of the result, as an index into the structures.
        slots: of each slot of the result, the slot it takes its operation from.
    """

    target: int
    slots: Slots

    def cycles(self) -> int:
        """How many cycles ``slots`` has as a permutation."""
        seen: set[int] = set()
        count = 0
        for slot in range(len(self.slots)):
            count += slot not in seen
            while slot not in seen:
                seen.add(slot)
                slot = self.slots[slot]
        return count


@dataclass(frozen=True)
class CellClasses:
    """The classes of cells with ``nodes`` nodes and ``operations`` operations (in DARTS 4 and 7).

    Attributes:
        nodes: the intermediate nodes of a cell; it has twice as many slots.
        operations: how many operations a slot can carry.
        same: the equivalence, see the module's text.
    """

    nodes: int
    operations: int
    same: Literal["graph", "function"]

    @cached_property
    def structures(self) -> list[Structure]:
        """All structures, in lexicographic order; 180 for four nodes."""
        pairs = [list(combinations(range(node + 2), 2)) for node in range(self.nodes)]
        return [tuple(source for pair in choice for source in pair) for choice in product(*pairs)]

    @cached_property
    def relabellings(self) -> list[list[Relabelling]]:
        """For each structure, every relabelling of it."""
        index = {structure: position for position, structure in enumerate(self.structures)}
        return [
            [Relabelling(index[target], slots) for target, slots in _relabel(structure, self.same == "function")]
            for structure in self.structures
        ]

    @property
    def genotypes(self) -> int:
        """How many genotypes there are, every numbering of the nodes counted."""
        return len(self.structures) * self.operations ** (2 * self.nodes)

    def count(self) -> int:
        """How many classes there are.

        Burnside's lemma for a groupoid: a genotype's class is as large as the
        relabellings of its structure s are many, divided by those that leave the
        genotype alone. Summing the inverse sizes over all genotypes gives
        sum over s of 1/|R(s)| * sum over r in R(s) with target s of k^cycles(r).
        """
        # Structures that can be carried to each other have equally many relabellings,
        # so that the sums of one divisor are whole multiples of it.
        fixed: dict[int, int] = {}
        for position, found in enumerate(self.relabellings):
            own = sum(self.operations ** r.cycles() for r in found if r.target == position)
            fixed[len(found)] = fixed.get(len(found), 0) + own
        return sum(total // size for size, total in fixed.items())

    def code(self, operations: NDArray[np.integer], sources: NDArray[np.integer]) -> NDArray[np.int64]:
        """Codes that are equal for two cells exactly if they are the same.

        Args:
            operations: (N, 2 nodes), each 0 to ``self.operations`` - 1.
            sources: (N, 2 nodes), each node's two ascending.

        Returns:
            (N,) integers in [0, :attr:`genotypes`): the least position of any
            genotype of the class when genotypes are ordered by structure, then by
            operations.
        """
        return self.code_and_size(operations, sources)[0]

    def code_and_size(
        self, operations: NDArray[np.integer], sources: NDArray[np.integer]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """:meth:`code`, and (N,) how many genotypes each cell's class holds."""
        codes = np.empty(len(operations), dtype=np.int64)
        sizes = np.empty(len(operations), dtype=np.int64)
        structure = self.structure_of(sources)
        order = np.argsort(structure, kind="stable")
        ends = np.searchsorted(structure[order], np.arange(len(self.structures)), side="right")
        for position, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            offset, weights, total = self._weights[position]
            for low in range(start, end, _CHUNK):
                rows = order[low : min(low + _CHUNK, end)]
                # Every value is below 2^53, so that floating point is exact (and its product much faster).
                candidates = operations[rows].astype(np.float64) @ weights
                least = candidates.min(axis=1)
                codes[rows] = offset + least.astype(np.int64)
                sizes[rows] = total // (candidates == least[:, None]).sum(axis=1)
        return codes, sizes

    def structure_of(self, sources: NDArray[np.integer]) -> NDArray[np.int64]:
        """(N,) indices into :attr:`structures` of (N, 2 nodes) sources, each node's two ascending."""
        return self._position_of_pairs[sources[:, ::2], sources[:, 1::2], np.arange(self.nodes)].sum(axis=1)

    @cached_property
    def _position_of_pairs(self) -> NDArray[np.int64]:
        """(sources, sources, nodes) what a node with these two sources adds to a structure's index."""
        table = np.zeros((self.nodes + 1, self.nodes + 1, self.nodes), dtype=np.int64)
        step = 1
        for node in reversed(range(self.nodes)):
            for place, (first, second) in enumerate(combinations(range(node + 2), 2)):
                table[first, second, node] = place * step
            step *= (node + 2) * (node + 1) // 2
        return table

    @cached_property
    def _weights(self) -> list[tuple[int, NDArray[np.float64], int]]:
        """For each structure: first position of its class's least structure, weights, number of relabellings.

        The weights (2 nodes, relabellings to that least structure) turn a row of
        operations into the position of each relabelled genotype within the structure.
        """
        slots = 2 * self.nodes
        place_values = float(self.operations) ** np.arange(slots)[::-1]
        tables = []
        for found in self.relabellings:
            least = min(r.target for r in found)
            chosen = [r.slots for r in found if r.target == least]
            weights = np.zeros((slots, len(chosen)))
            for column, taken in enumerate(chosen):
                weights[list(taken), column] = place_values
            tables.append((least * self.operations**slots, weights, len(found)))
        return tables


def _relabel(structure: Structure, keep_nodes: bool) -> list[tuple[Structure, Slots]]:
    """Every relabelling of ``structure``, as (resulting structure, slots).

    Nodes of the result are filled one after the other, each with two slots whose
    sources are there already. A node that is read, or any if ``keep_nodes``, moves
    as a whole; other slots are paired anew.
    """
    nodes = len(structure) // 2
    whole = [node for node in range(nodes) if keep_nodes or node + 2 in structure]
    loose = [slot for slot in range(2 * nodes) if slot // 2 not in whole]
    found: list[tuple[Structure, Slots]] = []

    def fill(place: dict[int, int], pairs: list[tuple[int, int]], sources: Structure, slots: Slots) -> None:
        """Extend a partial result; ``place`` is where sources are now, ``pairs`` what can still become a node."""
        if len(slots) == 2 * nodes:
            found.append((sources, slots))
        for a, b in pairs:
            # The two are different: a node keeps its different sources, and loose pairs are chosen so.
            first, second = place.get(structure[a]), place.get(structure[b])
            if first is None or second is None:
                continue
            left = [pair for pair in pairs if a not in pair and b not in pair]
            # Only a node that moves as a whole can be read, so no other needs a place.
            moved = {a // 2 + 2: len(slots) // 2 + 2} if a // 2 in whole else {}
            if first < second:
                fill(place | moved, left, (*sources, first, second), (*slots, a, b))
            else:
                fill(place | moved, left, (*sources, second, first), (*slots, b, a))

    nodes_kept = [(2 * node, 2 * node + 1) for node in whole]
    nodes_made = [(a, b) for a, b in combinations(loose, 2) if structure[a] != structure[b]]
    fill({0: 0, 1: 1}, nodes_kept + nodes_made, (), ())
    return found
