"""The cells of a declaration with ``max_edges``: any topology within limits, operations on vertices.

They are written as in NAS-Bench-101: the rows of the adjacency matrix joined by
``;``, then ``|``, then the vertices' operations joined by ``,``, for example
``010;001;000|input,conv3x3,output``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.declared import edits
from arch2vec.spaces.declared import limits as cells_within
from arch2vec.spaces.declared.cells import MAX_LISTED, DeclaredCells
from arch2vec.spaces.declared.drawing import NumberedCells
from arch2vec.spaces.declared.fields import INPUT, OUTPUT, SpaceDeclaration
from arch2vec.spaces.declared.orders import ordered
from arch2vec.spaces.likely_cells import most_likely_cells
from arch2vec.spaces.reading import MATRIX_NAMES, OPERATION_NAMES, entry_of, name_list, whole_numbers

_MAX_NUMBERED = 20 * MAX_LISTED  # with more numbered cells than this, making the list takes minutes


class FreeCells(DeclaredCells):
    """All cells within a declaration's limits; its operations' codes come after those of the inputs."""

    def __init__(self, declaration: SpaceDeclaration) -> None:
        self.num_vertices = declaration.count
        self.limits = cells_within.limits_of(declaration)
        self._name = declaration.name
        inputs, outputs = declaration.ends
        self._ends = list(inputs), list(outputs)
        self._vocabulary = (*inputs, *declaration.names, *outputs)

    @cached_property
    def _numbered(self) -> NumberedCells:
        return NumberedCells(self.limits)

    @cached_property
    def _example(self) -> str:
        if self.limits.counts[0] < 3 < self.num_vertices and self.limits.choices is None:
            return f"010;001;000|{INPUT},{self._vocabulary[1]},{OUTPUT}"
        return self.format(self._numbered.draw_numbered(1, np.random.default_rng(0)))[0]

    @override
    def size(self) -> int | None:
        return None

    @override
    def estimated_size(self) -> int:
        return self._estimate

    @override
    def can_list(self) -> bool:
        number = self._numbered.number
        if not cells_within.can_list(self.limits):
            return False
        return number <= MAX_LISTED or (number <= _MAX_NUMBERED and self._estimate <= MAX_LISTED)

    @override
    def all_cells(self) -> GraphBatch:
        return cells_within.all_cells(self.limits)

    @cached_property
    def _estimate(self) -> int:
        return self._numbered.estimated_classes()

    @override
    def draw(self, attempts: int, rng: np.random.Generator) -> GraphBatch:
        return self._numbered.draw(attempts, rng)

    @override
    def is_cell(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        return cells_within.is_cell(graphs, self.limits)

    @override
    def most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        return most_likely_cells(op_logits, edge_logits, self.limits)

    @override
    def random_edit(self, cells: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        return edits.random_edit(cells, self.limits, rng)

    @override
    def all_edits(self, cell: GraphBatch) -> GraphBatch:
        return edits.all_edits(cell, self.limits)

    @override
    def renumbered(self, cells: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        keys = np.where(cells.ops < self.limits.inputs, -1.0, rng.random(cells.ops.shape))
        mixed = np.where(cells.mask, keys, 2.0).argsort(axis=1, kind="stable")
        rows = np.arange(len(cells))[:, None]
        shuffled = cells.adjacency[rows[:, :, None], mixed[:, :, None], mixed[:, None, :]]
        return ordered(GraphBatch(cells.ops[rows, mixed], shuffled), self.limits)

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        # Matrices and lists of operations are few, whatever the number of cells: each is read once.
        matrix_of, names_of = _Once(self._read_matrix), _Once(self._read_operations)
        v = self.num_vertices
        ops = np.full((len(architectures), v), PADDING, dtype=np.uint8)
        adjacency = np.zeros((len(architectures), v, v), dtype=np.bool_)
        for index, text in enumerate(architectures):
            rows, bar, names = text.strip().partition("|")
            if not bar:
                raise self._malformed(text, "no '|' between matrix and operations")
            matrix, codes = matrix_of(rows, text), names_of(names, text)
            if len(matrix) != len(codes):
                raise self._malformed(text, f"{len(matrix)} rows and {len(codes)} operations")
            adjacency[index, : len(matrix), : len(matrix)], ops[index, : len(codes)] = matrix, codes
        read = GraphBatch(ops, adjacency)
        wrong = np.flatnonzero(~self.is_cell(read))
        if len(wrong):
            raise self._malformed(architectures[wrong[0]], self._reason(read[wrong[:1]]))
        return read

    @override
    def text_of(self, value: object) -> str | None:
        """Of a matrix and the operations' names, as two lists or by name; the ends' names may be missing."""
        if isinstance(value, dict):
            value = [entry_of(value, MATRIX_NAMES), entry_of(value, OPERATION_NAMES)]
        if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], list):
            return None
        rows = [whole_numbers(row) for row in value[0]]
        listed = name_list(value[1]) if value[1] != [] else []
        if listed is None or None in rows:
            return None
        inputs, outputs = self._ends
        if len(listed) + len(inputs) + len(outputs) == len(rows) and not set(listed) & {*inputs, *outputs}:
            listed = [*inputs, *listed, *outputs]
        return f"{';'.join(''.join(map(str, row or [])) for row in rows)}|{','.join(listed)}"

    def _read_matrix(self, rows: str, text: str) -> NDArray[np.bool_]:
        entries = rows.split(";")
        n = len(entries)
        counts = self.limits.counts
        if n not in counts:
            right = f"{counts[0]} to {self.num_vertices}" if len(counts) > 1 else str(counts[0])
            raise self._malformed(text, f"{n} vertices, a cell has {right}")
        if any(len(row) != n or set(row) - {"0", "1"} for row in entries):
            raise self._malformed(text, f"the matrix needs {n} rows of {n} digits 0 or 1")
        matrix = np.array([[digit == "1" for digit in row] for row in entries])
        if np.tril(matrix).any():
            raise self._malformed(text, "an edge on or below the diagonal")
        return matrix

    def _read_operations(self, names: str, text: str) -> NDArray[np.uint8]:
        listed = names.split(",")
        for name in listed:
            if name not in self._vocabulary:
                raise self._malformed(text, f"unknown operation {name!r}, known: {', '.join(self._vocabulary)}")
        inputs, outputs = self._ends
        inner = listed[len(inputs) : len(listed) - len(outputs)]
        if listed != [*inputs, *inner, *outputs] or set(inner) & {*inputs, *outputs}:
            start, end = ("one input", "one output") if len(inputs) == len(outputs) == 1 else (inputs, outputs)
            start, end = (part if isinstance(part, str) else ", ".join(part) for part in (start, end))
            raise self._malformed(text, f"operations run from {start} at the start to {end} at the end")
        return np.array([self._vocabulary.index(name) for name in listed], dtype=np.uint8)

    def _reason(self, graph: GraphBatch) -> str:
        """Why a well-written graph of ``graph`` (one) is no cell."""
        limits, matrix = self.limits, graph.adjacency[0]
        n, edges, into = int(graph.mask.sum()), int(matrix.sum()), matrix.sum(axis=0)
        first = n - limits.outputs
        if edges > limits.edges:
            return f"{edges} edges, at most {limits.edges} are allowed"
        for what, most, here in (
            ("vertex", limits.in_degree, into[:first]),
            ("output", limits.into_output, into[first:]),
        ):
            if here.max(initial=0) > most:
                return f"{int(here.max())} edges into one {what}, at most {most} are allowed"
        for vertex in range(limits.inputs, first):
            if not limits.allowed[vertex, graph.ops[0, vertex]]:
                known = ", ".join(self._vocabulary[code] for code in limits.choice(vertex))
                return f"{self._vocabulary[graph.ops[0, vertex]]!r} is not allowed at vertex {vertex}, allowed: {known}"
        if into[: limits.inputs].any() or matrix[first:].any():
            return "an edge into an input, or out of an output"
        return f"a vertex is on no path from {'input to output' if limits.inputs == 1 else 'an input to an output'}"

    def _malformed(self, text: str, reason: str) -> InputError:
        return InputError(f"not a {self._name} architecture ({reason}): {text[:200]!r}; one looks like {self._example}")

    @override
    def format(self, cells: GraphBatch) -> list[str]:
        matrices: dict[tuple[int, bytes], str] = {}
        texts = []
        for ops, adjacency, n in zip(cells.ops.tolist(), cells.adjacency, cells.mask.sum(axis=1).tolist(), strict=True):
            key = (n, adjacency.tobytes())
            if key not in matrices:
                rows = adjacency[:n, :n].astype(int).tolist()
                matrices[key] = ";".join("".join(map(str, row)) for row in rows)
            texts.append(f"{matrices[key]}|{','.join([self._vocabulary[code] for code in ops[:n]])}")
        return texts


class _Once:
    """Reads each different text once; ``whole`` is the line that it is part of, for messages."""

    def __init__(self, read: Callable[[str, str], NDArray[np.generic]]) -> None:
        self._read = read
        self._known: dict[str, NDArray[np.generic]] = {}

    def __call__(self, text: str, whole: str) -> NDArray[np.generic]:
        if text not in self._known:
            self._known[text] = self._read(text, whole)
        return self._known[text]
