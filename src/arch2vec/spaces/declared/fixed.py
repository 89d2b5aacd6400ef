"""Cells of one fixed topology: every architecture is the same DAG with other operations.

Operations on edges become vertices, as in NAS-Bench-201 (arch2vec paper, section
4.1): the operation of an edge reads the input if the edge starts at the input
node, and all operations whose edges end where it starts; the output reads the
operations of the edges that end at the output node.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.declared.cells import MAX_LISTED, DeclaredCells
from arch2vec.spaces.declared.checks import is_number, number_text
from arch2vec.spaces.declared.fields import SpaceDeclaration
from arch2vec.spaces.declared.labels import distinct, labelled
from arch2vec.spaces.declared.roles import role_at
from arch2vec.spaces.declared.symmetry import Labellings
from arch2vec.spaces.reading import edge_names, name_list, split_names

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d{1,15}(?:\.\d{1,15})?(?:[eE][-+]?\d{1,2})?(?![\w.])")


class FixedCells(DeclaredCells):
    """The cells that a declaration with ``edges`` describes; its operations' codes come after those of the inputs."""

    def __init__(self, declaration: SpaceDeclaration) -> None:
        self.adjacency = adjacency_of(declaration)
        self.num_vertices = v = len(self.adjacency)
        self._name, self._positions = declaration.name, declaration.positions
        first, outputs = declaration.inputs, declaration.outputs
        self._inner = slice(first, v - outputs)
        codes = {(kind.name, kind.role): code for code, kind in enumerate(declaration.variants, start=first)}
        self._written = {code: name for (name, _), code in codes.items()}
        # By position, the code of each operation in the role that it has there.
        self._code_of = [
            {name: codes[name, role_at(name, position, declaration.skip, declaration.zero)] for name in choice}
            for position, choice in zip(self._positions, declaration.choices, strict=True)
        ]
        self._operations = declaration.names
        self._choices = [sorted(code_of.values()) for code_of in self._code_of]
        last = first + len(codes)
        self._ends = (list(range(first)), list(range(last, last + outputs)))
        self._labellings = Labellings(self.adjacency, self._choices, first)
        self._allowed = np.zeros((v, 256), dtype=np.bool_)
        ends = ([[code] for code in codes] for codes in self._ends)
        for vertex, choice in enumerate([*next(ends), *self._choices, *next(ends)]):
            self._allowed[vertex, choice] = True
        # All edits: at a vertex, to the operation so many places further in its list.
        places = [
            (vertex, k) for vertex, choice in enumerate(self._choices, start=first) for k in range(1, len(choice))
        ]
        self._edits = np.array(places, dtype=np.int64)
        groups: dict[int, list[int]] = {}  # edges by target node, for the notation
        for edge, (_, target) in enumerate(declaration.edges or ()):
            groups.setdefault(target, []).append(edge)
        self._sources = [source for source, _ in declaration.edges or ()]
        self._groups = list(groups.values()) if declaration.carries == "edges" else None
        self._example = self.format(self._with([[choice[0] for choice in self._choices]]))[0]

    def _with(self, operations: NDArray[np.uint8] | Sequence[Sequence[int]]) -> GraphBatch:
        """Cells with the codes of (N, P) positions."""
        codes = np.asarray(operations, dtype=np.uint8)
        ops = np.empty((len(codes), self.num_vertices), dtype=np.uint8)
        ops[:, : self._inner.start], ops[:, self._inner.stop :] = self._ends
        ops[:, self._inner] = codes
        return GraphBatch(ops, np.tile(self.adjacency, (len(codes), 1, 1)))

    @override
    def size(self) -> int | None:
        return self._labellings.number()

    @override
    def estimated_size(self) -> int:
        return self._labellings.estimate()

    @override
    def can_list(self) -> bool:
        if self._labellings.product() <= MAX_LISTED:
            return True
        if not self._labellings.counted:
            return self._labellings.least() <= MAX_LISTED and self._list is not None  # only trying tells
        number = self.size()
        return (self.estimated_size() if number is None else number) <= MAX_LISTED

    @override
    def all_cells(self) -> GraphBatch:
        assert self._list is not None, "asked for only where can_list says so"
        return self._list

    @cached_property
    def _list(self) -> GraphBatch | None:
        if self._labellings.symmetric:
            limit = None if self._labellings.counted else MAX_LISTED
            return labelled(self._with([[0] * len(self._choices)]), self._choices, limit, self._inner.start)
        grid = np.meshgrid(*(np.array(choice, dtype=np.uint8) for choice in self._choices), indexing="ij")
        return self._with(np.stack([axis.ravel() for axis in grid], axis=1))

    @override
    def draw(self, attempts: int, rng: np.random.Generator) -> GraphBatch:
        return self._with(self._labellings.draw(attempts, rng))

    @override
    def is_cell(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        if graphs.num_vertices != self.num_vertices:
            return np.zeros(len(graphs), dtype=np.bool_)
        allowed = self._allowed[np.arange(self.num_vertices), graphs.ops].all(axis=1)
        return allowed & (graphs.adjacency == self.adjacency).all(axis=(1, 2))

    @override
    def most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        codes = np.empty((len(op_logits), len(self._choices)), dtype=np.uint8)
        for position, choice in enumerate(self._choices):
            best = op_logits[:, self._inner.start + position, choice].argmax(axis=1)
            codes[:, position] = np.array(choice, dtype=np.uint8)[best]
        return self._with(codes)

    @override
    def random_edit(self, cells: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """Another operation at one position, uniformly over all such pairs."""
        return self._edited(cells, self._edits[rng.integers(len(self._edits), size=len(cells))])

    @override
    def all_edits(self, cell: GraphBatch) -> GraphBatch:
        start = cell[np.zeros(len(self._edits), dtype=np.int64)]
        edited = self._edited(start, self._edits)
        return distinct(edited) if self._labellings.symmetric else edited

    def _edited(self, cells: GraphBatch, edits: NDArray[np.int64]) -> GraphBatch:
        """Each cell with its (vertex, shift) edit made; it changes how often an operation occurs, hence the class."""
        ops = cells.ops.copy()
        for vertex, choice in enumerate(self._choices, start=self._inner.start):
            rows = np.flatnonzero(edits[:, 0] == vertex)
            place = np.searchsorted(choice, ops[rows, vertex])
            ops[rows, vertex] = np.array(choice, dtype=np.uint8)[(place + edits[rows, 1]) % len(choice)]
        return GraphBatch(ops, cells.adjacency.copy())

    @override
    def renumbered(self, cells: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        moved = self._with(self._labellings.moved(cells.ops[:, self._inner], rng))
        return GraphBatch(np.where(self.is_cell(moved)[:, None], moved.ops, cells.ops), cells.adjacency)

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        rows = np.empty((len(architectures), len(self._choices)), dtype=np.uint8)
        for index, text in enumerate(architectures):
            names = self._split(text)
            for position, name in enumerate(names):
                code = self._code_of[position].get(name)
                if code is None:
                    raise self._misplaced(text, name, position)
                rows[index, position] = code
        return self._with(rows)

    def _misplaced(self, text: str, name: str, position: int) -> InputError:
        if name not in self._operations:
            return InputError(f"unknown operation {name!r} in {text[:200]!r}; known: {', '.join(self._operations)}")
        known = ", ".join(self._code_of[position])
        where = f"{'edge' if self._groups else 'vertex'} {self._positions[position]}"
        return InputError(f"operation {name!r} is not allowed at {where} in {text[:200]!r}; allowed: {known}")

    def _split(self, text: str) -> list[str]:
        """The operations that an architecture's text names, by position."""
        if self._groups is None:
            names = text.strip().split("|")
            right = len(names) == len(self._choices)
        else:
            names = re.findall(r"[|]([^|~]*)~", text)
            right = len(names) == len(self._choices) and text.strip() == self._joined(names)
        if not right:
            counts = f" ({len(names)} operations, {len(self._choices)} are right)"
            found = counts if len(names) not in (1, len(self._choices)) else ""
            raise InputError(f"not a {self._name} architecture{found}: {text[:200]!r}; one looks like {self._example}")
        return names

    @override
    def text_of(self, value: object) -> str | None:
        """Of an operation's name, or its number, for each position: a list, one for each node, a mapping, a text."""
        if isinstance(value, str):
            value = self._names_in(value)
        if isinstance(value, dict):
            value = self._by_position(value)
        if isinstance(value, list):
            entries: list[Any] = self._by_node(value)
            value = [number_text(entry) if is_number(entry) else entry for entry in entries]
        listed = name_list(value)
        return self._joined(listed) if listed is not None and len(listed) == len(self._choices) else None

    def _names_in(self, text: str) -> list[str] | None:
        """The operations in a text with another separator, or with numbers written in another way, ``8.0`` for 8."""
        plain = _NUMBER.sub(lambda found: number_text(float(found[0])), text)
        names = split_names(plain, self._operations, len(self._choices))
        if names is not None or plain == text:
            return names
        try:
            return self._split(plain)
        except InputError:
            return None

    def _by_position(self, value: dict[str, object]) -> list[object] | None:
        """The entries of a mapping from positions, as a declaration names them, in their order."""
        if self._groups is not None and (edges := edge_names(value)) is not None:
            value = {f"{source}-{target}": name for (source, target), name in edges.items()}
        return [value[place] for place in self._positions] if set(value) == set(self._positions) else None

    def _by_node(self, value: list[object]) -> list[object]:
        """The entries of a list for each target node one after the other; they may be (operation, source)."""
        if self._groups is None or [len(node) for node in value if isinstance(node, list)] != [
            len(group) for group in self._groups
        ]:
            return value
        named: list[object] = [None] * len(self._choices)
        for group, node in zip(self._groups, value, strict=True):
            assert isinstance(node, list)
            for edge, entry in zip(group, node, strict=True):
                match entry:
                    case [operation, int(source)] if source in (sources := [self._sources[each] for each in group]):
                        named[group[sources.index(source)]] = operation
                    case _:
                        named[edge] = entry
        return named

    def _joined(self, names: Sequence[str]) -> str:
        if self._groups is None:
            return "|".join(names)
        return "+".join(
            "|" + "".join(f"{names[edge]}~{self._sources[edge]}|" for edge in group) for group in self._groups
        )

    @override
    def format(self, cells: GraphBatch) -> list[str]:
        return [self._joined([self._written[code] for code in row]) for row in cells.ops[:, self._inner].tolist()]


def adjacency_of(declaration: SpaceDeclaration) -> NDArray[np.bool_]:
    """(V, V), the DAG that all architectures of a fixed topology share.

    With operations on edges, these come after the inputs; they are sorted by target, so
    that the operations that one reads come before it.
    """
    edges = declaration.edges or ()
    if declaration.carries == "vertices":
        adjacency = np.zeros((declaration.count, declaration.count), dtype=np.bool_)
        adjacency[tuple(np.array(edges).T)] = True
        return adjacency
    first, stop = declaration.inputs, declaration.inputs + len(edges)
    adjacency = np.zeros((stop + declaration.outputs, stop + declaration.outputs), dtype=np.bool_)
    source, target = np.array(edges).T
    adjacency[:first, first:stop] = source == np.arange(first)[:, None]
    adjacency[first:stop, first:stop] = target[:, None] == source[None]
    adjacency[first:stop, stop:] = target[:, None] == declaration.count - declaration.outputs + np.arange(
        declaration.outputs
    )
    return adjacency
