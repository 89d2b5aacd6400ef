"""Encodings of architectures that nothing is learned for: what representations are compared with.

Both are those of White et al. (NeurIPS 2020, "A Study on Neural Architecture
Encodings") and, like every encoding here, take a batch of graphs and the space
they belong to and give (N, D) numbers. D and what a column means depend on the
space only, never on the batch, so rows of different batches can be compared.

* :func:`adjacency_one_hot` (Ying et al., ICML 2019): the adjacency matrix's entries
  and the vertices' operations one-hot. It changes with the numbering of vertices.
* :func:`path_encoding` (White et al., AAAI 2021, BANANAS): which sequences of
  operations lie on a path from an input to the output. It does not change with
  the numbering, but different architectures can have the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces import SearchSpace

MAX_PATHS = 10_000
"""The most columns of a path encoding."""
SHORT_PATH = 3
"""Operations on the longest path of the truncated path encoding; 40 columns on NAS-Bench-101, as in BANANAS."""

_REFERENCES = 10_000  # architectures looked at in a space that cannot be listed
_FEW = 64
_CHUNK = 32_768  # graphs encoded at a time


@dataclass(frozen=True)
class OneHotLayout:
    """What the columns of a space's encodings are.

    Attributes:
        edges: the entries (i, j) of the adjacency matrix that are not the same everywhere.
        labels: the (vertex, operation) pairs that some architectures have and others
            don't.
        starts: operations of the vertices that paths start from, those without
            predecessor (inputs).
        ends: operations of the vertices that paths end at, those without successor
            (outputs).
        alphabet: operations on paths.
        shortest: how many operations the shortest path of any architecture has.
        longest: and the longest.
    """

    edges: tuple[tuple[int, int], ...]
    labels: tuple[tuple[int, int], ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    alphabet: tuple[int, ...]
    shortest: int
    longest: int

    def num_paths(self, longest: int) -> int:
        """How many different paths of up to ``longest`` operations there can be."""
        lengths = range(self.shortest, longest + 1)
        return len(self.starts) * len(self.ends) * sum(len(self.alphabet) ** length for length in lengths)


def layout(space: SearchSpace) -> OneHotLayout:
    """The columns of a space's encodings, found by looking at all its architectures.

    In a space that cannot be listed 10,000 architectures stand for all: an
    operation, an edge or a path length that none of them has gets no column.
    """
    # Equal spaces of other instances have the same columns.
    key = (type(space), space.reference)
    if key not in _LAYOUTS:
        _LAYOUTS[key] = _find_layout(space)
    return _LAYOUTS[key]


_LAYOUTS: dict[tuple[type[SearchSpace], str], OneHotLayout] = {}


def _find_layout(space: SearchSpace) -> OneHotLayout:
    everything = space.enumerable
    graphs = _output_last(space.enumerate() if everything else space.sample(_REFERENCES, np.random.default_rng(0)))
    has_edge = graphs.adjacency.any(axis=0) & ~graphs.adjacency.all(axis=0)
    labels = []
    for vertex in range(graphs.num_vertices):
        counts = np.bincount(graphs.ops[:, vertex], minlength=PADDING + 1)[: space.num_operations]
        labels += [(vertex, int(code)) for code in np.flatnonzero((counts > 0) & (counts < len(graphs)))]
    is_start, is_end = _starts_and_ends(graphs)
    on_path = graphs.mask & ~is_start & ~is_end
    shortest, longest = _path_lengths(graphs)
    return OneHotLayout(
        edges=tuple((int(i), int(j)) for i, j in np.argwhere(has_edge)),
        labels=tuple(labels),
        starts=tuple(np.unique(graphs.ops[is_start]).tolist()),
        ends=tuple(np.unique(graphs.ops[is_end]).tolist()),
        alphabet=tuple(np.unique(graphs.ops[on_path]).tolist()),
        shortest=shortest,
        longest=longest,
    )


def has_fixed_topology(space: SearchSpace) -> bool:
    """Whether all architectures have the same edges, so that a vertex's number says where it stands."""
    # A few architectures tell most spaces; only where these agree is all of the space looked at.
    some = space.sample(min(space.size or _FEW, _FEW), np.random.default_rng(0))
    return bool((some.adjacency == some.adjacency[:1]).all()) and not layout(space).edges


def adjacency_one_hot(graphs: GraphBatch, space: SearchSpace) -> Float32[NDArray[np.float32], "N d"]:
    """(N, D) adjacency entries, then operations one-hot, each 0 or 1.

    A column that is the same for all architectures of the space is left out: the
    edges of a fixed topology, the operations of inputs and output. The output
    of a cell with fewer vertices than others stands in the last place all the
    same; an absent vertex is all zeros. D is 36 on NAS-Bench-101 (21 + 5 x 3), 30
    on NAS-Bench-201 (6 x 5) and 96 on DARTS (40 + 8 x 7).

    Raises:
        InputError: a graph is no architecture of the space.
    """
    space.check(graphs)
    columns = layout(space)
    graphs = _output_last(graphs)
    encoded = np.empty((len(graphs), len(columns.edges) + len(columns.labels)), dtype=np.float32)
    for column, (source, target) in enumerate(columns.edges):
        encoded[:, column] = graphs.adjacency[:, source, target]
    for column, (vertex, code) in enumerate(columns.labels, start=len(columns.edges)):
        encoded[:, column] = graphs.ops[:, vertex] == code
    return encoded


def path_encoding(
    graphs: GraphBatch, space: SearchSpace, longest: int | None = None
) -> Float32[NDArray[np.float32], "N d"]:
    """(N, D) one column a sequence of operations, 1 where it is on a path from an input to the output.

    Shorter sequences first, so that a truncated encoding is the beginning of a
    longer one, then by the operations' codes. Where a space has several inputs
    or outputs, each pair of them has its own columns: they come before the operations
    in that order, outputs first. D is 364 on NAS-Bench-101 (0 to 5 of 3 operations),
    155 on NAS-Bench-201 (1 to 3 of 5, ``none`` among them), 5,600 on DARTS (two inputs, 1
    to 4 of 7) and 1,596 on its pairs of cells (two inputs to two outputs, 1 to 3 of 7, as
    paths of 4 would be too many).

    Args:
        graphs: the N architectures to encode.
        space: they belong to.
        longest: leave out paths of more operations than that; by default none, or in
            spaces where more than :data:`MAX_PATHS` are possible, those that are too
            many.

    Raises:
        InputError: a graph is no architecture of the space, or ``longest`` leaves no column or
            too many.
    """
    space.check(graphs)
    columns = layout(space)
    if longest is None:
        longest = columns.longest
        while longest > columns.shortest and columns.num_paths(longest) > MAX_PATHS:
            longest -= 1
    longest = min(longest, columns.longest)
    width = columns.num_paths(longest)
    if not 0 < width <= MAX_PATHS:
        raise InputError(
            f"paths of up to {longest} operations would be {width:,} columns on {space.name}, not 1 to {MAX_PATHS:,}; "
            f"its paths have {columns.shortest} to {columns.longest}"
        )
    encoded = np.zeros((len(graphs), width), dtype=np.float32)
    for start in range(0, len(graphs), _CHUNK):
        part = slice(start, start + _CHUNK)
        _Paths(graphs[part], columns, longest, encoded[part]).mark()
    return encoded


def short_path_encoding(graphs: GraphBatch, space: SearchSpace) -> Float32[NDArray[np.float32], "N d"]:
    """The :func:`path_encoding` of paths of up to three operations: 40 columns on NAS-Bench-101."""
    return path_encoding(graphs, space, longest=SHORT_PATH)


Encoding = Callable[[GraphBatch, SearchSpace], NDArray[np.float32]]

ENCODINGS: Mapping[str, Encoding] = {
    "adjacency": adjacency_one_hot,
    "path": path_encoding,
    "path-short": short_path_encoding,
}
"""The encodings by name."""


class _Paths:
    """Marks the paths of all graphs at once.

    Walks the tree of increasing vertex sequences; at each node it keeps the
    rows of the graphs that have this path, so that the work is the number of
    paths there are, not of those there could be.
    """

    def __init__(self, graphs: GraphBatch, columns: OneHotLayout, longest: int, out: NDArray[np.float32]) -> None:
        self._adjacency = np.ascontiguousarray(graphs.adjacency.transpose(1, 2, 0))  # (V, V, n)
        is_start, is_end = (flags.T for flags in _starts_and_ends(graphs))
        self._starts = np.where(is_start, _positions(columns.starts)[graphs.ops].T, -1)  # (V, n), -1 where it is none
        self._ends = np.where(is_end, _positions(columns.ends)[graphs.ops].T, -1)
        self._symbols = np.where(is_start | is_end, -1, _positions(columns.alphabet)[graphs.ops].T)
        self._columns, self._longest, self._out = columns, longest, out
        # Paths of each length come after the shorter ones; `stride` of them have the same end.
        self._first = {length: columns.num_paths(length - 1) for length in range(columns.shortest, longest + 1)}
        self._stride = {length: len(columns.starts) * len(columns.alphabet) ** length for length in self._first}

    def mark(self) -> None:
        for vertex, start in enumerate(self._starts):
            rows = np.flatnonzero(start >= 0)
            self._walk(vertex, 0, rows, start[rows])

    def _walk(self, vertex: int, length: int, rows: NDArray[np.intp], codes: NDArray[np.int64]) -> None:
        """Continue the paths of ``length`` operations that end at ``vertex`` so far, one of each of the ``rows``."""
        for following in range(vertex + 1, len(self._adjacency)):
            connected = self._adjacency[vertex, following, rows]
            if not connected.any():
                continue
            reached, so_far = rows[connected], codes[connected]
            end, symbol = self._ends[following, reached], self._symbols[following, reached]
            if length in self._first:
                column = self._first[length] + end * self._stride[length] + so_far
                self._out[reached[end >= 0], column[end >= 0]] = 1
            goes_on = symbol >= 0
            if length < self._longest and goes_on.any():
                longer = so_far * len(self._columns.alphabet) + symbol
                self._walk(following, length + 1, reached[goes_on], longer[goes_on])


def _starts_and_ends(graphs: GraphBatch) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N, V) each: the vertices without predecessor, and those without successor."""
    return graphs.mask & ~graphs.adjacency.any(axis=1), graphs.mask & ~graphs.adjacency.any(axis=2)


def _positions(codes: tuple[int, ...]) -> NDArray[np.int64]:
    """(256,) the place of each operation code among ``codes``, -1 for others."""
    table = np.full(PADDING + 1, -1, dtype=np.int64)
    table[list(codes)] = np.arange(len(codes))
    return table


def _output_last(graphs: GraphBatch) -> GraphBatch:
    """The same graphs with each one's last vertex moved to place V - 1, padding before it."""
    last = graphs.mask.sum(axis=1) - 1
    moved = np.flatnonzero((last >= 0) & (last < graphs.num_vertices - 1))
    if not len(moved):
        return graphs
    ops, adjacency, old = graphs.ops.copy(), graphs.adjacency.copy(), last[moved]
    ops[moved, -1] = ops[moved, old]
    ops[moved, old] = PADDING
    adjacency[moved, :, -1] = adjacency[moved, :, old]
    adjacency[moved, :, old] = False
    return GraphBatch(ops, adjacency)


def _path_lengths(graphs: GraphBatch) -> tuple[int, int]:
    """Operations between an input and an output on the shortest and the longest path of any graph."""
    v = graphs.num_vertices
    is_start, is_end = _starts_and_ends(graphs)
    shortest, longest = np.where(is_start, 0, v), np.where(is_start, 0, -v)
    for vertex in range(1, v):
        reads = graphs.adjacency[:, :vertex, vertex]
        near = np.where(reads, shortest[:, :vertex] + 1, v).min(axis=1)
        far = np.where(reads, longest[:, :vertex] + 1, -v).max(axis=1)
        shortest[:, vertex] = np.minimum(shortest[:, vertex], near)
        longest[:, vertex] = np.maximum(longest[:, vertex], far)
    return int(shortest[is_end].min()) - 1, int(longest[is_end].max()) - 1
