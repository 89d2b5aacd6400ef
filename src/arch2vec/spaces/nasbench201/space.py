"""The NAS-Bench-201 search space (Dong and Yang, ICLR 2020).

A cell has four nodes and an operation on each of the six edges between them.
As a graph with operations on vertices (paper, section 4.1) the six operations
become vertices of one fixed DAG between an input and an output vertex: an
operation reads from the operations that end where it starts. Every
architecture is therefore the same graph with other labels.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.common.arguments import Count, as_annotated
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.base import SearchSpace
from arch2vec.spaces.nasbench201.reading import imported
from arch2vec.spaces.network_cost import NetworkCost
from arch2vec.spaces.reading import Reading, published_index, read_texts
from arch2vec.spaces.roles import Roles, roles_by_name

OPERATIONS = ("input", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none", "output")
SKIP, NONE = OPERATIONS.index("skip_connect"), OPERATIONS.index("none")

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""The cell's (source, target) nodes, in the order of its notation; edge e is vertex e + 1."""

_NUM_VERTICES = len(EDGES) + 2
_EXAMPLE = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
_NOTATION = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")


def _fixed_adjacency() -> NDArray[np.bool_]:
    adjacency = np.zeros((_NUM_VERTICES, _NUM_VERTICES), dtype=np.bool_)
    for vertex, (source, target) in enumerate(EDGES, start=1):
        if source == 0:
            adjacency[0, vertex] = True
        if target == 3:
            adjacency[vertex, _NUM_VERTICES - 1] = True
        for reader, (start, _) in enumerate(EDGES, start=1):
            adjacency[vertex, reader] = start == target
    return adjacency


ADJACENCY = _fixed_adjacency()
"""(8, 8) bool, the adjacency matrix that all 15,625 architectures share."""


class NASBench201(SearchSpace):
    """15,625 cells of six edges with one of five operations each; 4,930 different functions."""

    name = "nasbench201"
    operations = OPERATIONS
    num_vertices = _NUM_VERTICES
    size = 5 ** len(EDGES)

    def from_edge_operations(self, operations: NDArray[np.integer]) -> GraphBatch:
        """Architectures from (N, 6) vocabulary indices of their edges' operations, each 1 to 5."""
        n = len(operations)
        ops = np.zeros((n, self.num_vertices), dtype=np.uint8)
        ops[:, 1:-1] = operations
        ops[:, -1] = OPERATIONS.index("output")
        return GraphBatch(ops, np.broadcast_to(ADJACENCY, (n, *ADJACENCY.shape)).copy())

    @override
    def enumerate(self) -> GraphBatch:
        """All 15,625, in the benchmark's published index order."""
        return self.from_edge_operations(_published_order())

    @override
    @as_annotated
    def sample(self, n: Count, rng: np.random.Generator) -> GraphBatch:
        self.check_sample_size(n)
        return self.from_edge_operations(_published_order()[rng.choice(self.size, size=n, replace=False)])

    @override
    def read(self, architectures: Sequence[str]) -> Reading:
        """Read cells in the benchmark's text, or as other programs write them.

        See :mod:`arch2vec.spaces.nasbench201.reading` for the notations; a number is the
        benchmark's index.
        """
        return read_texts(self._parse_own, self._imported, architectures)

    def _imported(self, text: str) -> tuple[str, str | None] | None:
        written = f"six operation numbers are written ({', '.join(text)})" if len(text) == len(EDGES) else None
        index = published_index(text, self.size, "the benchmark's published order", written)
        if index is not None:
            cell = self.from_edge_operations(_published_order()[index : index + 1])
            return self.format(cell)[0], "an index in the benchmark's published order"
        return imported(text)

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        """Read cells in any notation that :meth:`read` knows."""
        return self.read(architectures).graphs

    def _parse_own(self, architectures: Sequence[str]) -> GraphBatch:
        rows = []
        for text in architectures:
            match = _NOTATION.fullmatch(text.strip())
            if match is None:
                raise InputError(f"not a {self.name} architecture: {text[:200]!r}; one looks like {_EXAMPLE}")
            for operation in match.groups():
                if operation not in OPERATIONS[1:-1]:
                    raise InputError(
                        f"unknown operation {operation!r} in {text[:200]!r}; known: {', '.join(OPERATIONS[1:-1])}"
                    )
            rows.append([OPERATIONS.index(operation) for operation in match.groups()])
        return self.from_edge_operations(np.array(rows, dtype=np.uint8).reshape(-1, len(EDGES)))

    @override
    def format(self, graphs: GraphBatch) -> list[str]:
        self.check(graphs)
        texts = []
        for row in graphs.ops[:, 1:-1].tolist():
            nodes: dict[int, str] = {}
            for code, (source, target) in zip(row, EDGES, strict=True):
                nodes[target] = nodes.get(target, "|") + f"{OPERATIONS[code]}~{source}|"
            texts.append("+".join(nodes[target] for target in sorted(nodes)))
        return texts

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        inner = graphs.ops[:, 1:-1]
        return (
            (graphs.ops[:, 0] == 0)
            & (graphs.ops[:, -1] == OPERATIONS.index("output"))
            & ((inner >= 1) & (inner <= 5)).all(axis=1)
            & (graphs.adjacency == ADJACENCY).all(axis=(1, 2))
        )

    @override
    def is_valid_as_released(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        """The released check: it looks at no edge, and not at the first operation vertex."""
        inner = graphs.ops[:, 2:-1]
        return (
            (graphs.ops[:, 0] == 0)
            & (graphs.ops[:, -1] == OPERATIONS.index("output"))
            & ((inner >= 1) & (inner <= 5)).all(axis=1)
        )

    @override
    def mutate(self, graphs: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """Another operation on one edge, both chosen uniformly."""
        n = len(graphs)
        ops = graphs.ops.copy()
        rows, vertex = np.arange(n), rng.integers(1, 7, size=n)
        shift = rng.integers(1, 5, size=n)
        ops[rows, vertex] = (ops[rows, vertex] - 1 + shift) % 5 + 1
        return GraphBatch(ops, graphs.adjacency.copy())

    @override
    def neighbors(self, graph: GraphBatch) -> GraphBatch:
        """The 24 architectures with another operation on one edge."""
        base = graph.ops[0, 1:-1]
        rows = np.tile(base, (4 * len(EDGES), 1))
        for edge in range(len(EDGES)):
            others = [code for code in range(1, 6) if code != base[edge]]
            rows[4 * edge : 4 * edge + 4, edge] = others
        return self.from_edge_operations(rows)

    @cached_property
    @override
    def roles(self) -> Roles:
        return roles_by_name(OPERATIONS, [0], [len(OPERATIONS) - 1], [OPERATIONS[SKIP]], [OPERATIONS[NONE]])

    @override
    def network_cost(self, graphs: GraphBatch) -> NetworkCost:
        from arch2vec.spaces.nasbench201.cost import count_cost  # which knows this space

        return count_cost(graphs)

    @override
    def _most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        return self.from_edge_operations(op_logits[:, 1:-1, 1:6].argmax(axis=2) + 1)

    @override
    def function_classes(self, graphs: GraphBatch) -> NDArray[np.uint64]:
        """Labels of the 4,930 functions: see :func:`canonical_form`.

        The benchmark's own ``unique_str`` tells 6,466 apart (:func:`published_form`):
        every class of it lies within one of these.
        """
        self.check(graphs)
        position = (graphs.ops[:, 1:-1].astype(np.int64) - 1) @ _PLACES
        return _class_of_position()[position]


_PLACES = 5 ** np.arange(len(EDGES))[::-1]  # an architecture's edge operations read as a number in base 5


@cache
def _published_order() -> NDArray[np.uint8]:
    """(15625, 6) edge operations by published index.

    The benchmark's authors listed the product of their operations (none, skip,
    1x1, 3x3, pool) and shuffled it with Python's generator seeded with 88.
    """
    listed = list(itertools.product((5, 4, 1, 2, 3), repeat=len(EDGES)))
    random.Random(88).shuffle(listed)
    return np.array(listed, dtype=np.uint8)


def canonical_form(edge_operations: Sequence[int]) -> str:
    """The function a cell computes, as text that is equal for cells that compute the same.

    Each node is the sum of its inputs. A skip passes its source's sum on, a
    zeroed edge or one that reads a zero adds nothing (the benchmark's own
    convention), any other operation adds one term; sums are multisets. Two
    cells compute the same function if their output nodes' sums are equal.

    Args:
        edge_operations: six vocabulary indices, 1 to 5, in the order of :data:`EDGES`.
    """
    sums: list[list[str]] = [["x"], [], [], []]
    for code, (source, target) in zip(edge_operations, EDGES, strict=True):
        if code == SKIP:
            sums[target] = sums[target] + sums[source]
        elif code != NONE and sums[source]:
            sums[target] = [*sums[target], f"{code}({'+'.join(sorted(sums[source]))})"]
    return "+".join(sorted(sums[3]))


def published_form(edge_operations: Sequence[int]) -> str:
    """The benchmark's own canonical text, its ``unique_str``: 6,466 different ones.

    It is finer than :func:`canonical_form`: a sum passed on by a skip stays one
    term instead of being merged into the sum that it joins, so the order of
    terms can differ, and zeros are written out (``#``), so their number counts.

    Args:
        edge_operations: six vocabulary indices, 1 to 5, in the order of :data:`EDGES`.
    """
    terms: list[list[str]] = [["0"], [], [], []]
    for code, (source, target) in zip(edge_operations, EDGES, strict=True):
        read = "+".join(sorted(terms[source]))
        if code == NONE or read == "#":
            terms[target].append("#")
        elif code == SKIP:
            terms[target].append(read)
        else:
            terms[target].append(f"({read})@{OPERATIONS[code]}")
    return "+".join(sorted(terms[3]))


@cache
def _class_of_position() -> NDArray[np.uint64]:
    """(15625,) the class of every architecture, at its place in the plain product order."""
    classes: dict[str, int] = {}
    labels = [
        classes.setdefault(canonical_form(row), len(classes))
        for row in itertools.product(range(1, 6), repeat=len(EDGES))
    ]
    return np.array(labels, dtype=np.uint64)
