"""What a user writes to declare a search space, checked.

A :class:`SpaceDeclaration` has the same fields as its YAML file
(:mod:`arch2vec.spaces.declared.text`). Two choices are independent but for
one combination:

* operations are carried by the cell's **vertices** or by its **edges**;
* the topology is **fixed** (``edges``) or **free** within limits (``max_edges``);
  operations on edges need a fixed one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from arch2vec.common.documents import shown
from arch2vec.spaces.declared import roles
from arch2vec.spaces.declared.checks import (
    MAX_OPERATIONS,
    PYTHON_WAY,
    Number,
    mapping_of,
    names_of,
    number_text,
    numbers_of,
    pairs_of,
    require,
    require_known,
    require_operation,
    whole,
    wrong,
)
from arch2vec.spaces.declared.numbers import attributes_of, combinations

INPUT, OUTPUT = "input", "output"
"""Reserved: the operations of a graph's first and last vertex; with a number where there are several."""

MAX_POSITIONS = 40  # what carries an operation
MAX_ENDS = 8  # inputs, and outputs

_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_CODE = re.compile(r"python:[^\s:][^\n]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class SpaceDeclaration:
    """A search space of cells, declared.

    >>> import arch2vec
    >>> declared = arch2vec.SpaceDeclaration(
    ...     "mine", ["relu", "tanh", "skip"], carries="vertices", vertices=5, max_edges=6, skip=["skip"]
    ... )
    >>> declared.operations
    ('relu', 'tanh', 'skip')

    The first vertices (or nodes) are the cell's inputs, the last are its outputs, one each unless more are
    declared, and edges go from lower to higher numbers. Sequences of any kind are accepted and kept as
    tuples; edges are kept sorted by target, then source.

    Attributes:
        name: of the space: letters, digits, ``_``, ``.`` and ``-``.
        operations: the names of the operations to choose from.
        carries: what carries an operation: ``vertices`` (all but inputs and
            outputs, as in NAS-Bench-101) or ``edges`` (as in NAS-Bench-201).
        vertices: with operations on vertices, how many vertices a cell has; with a
            free topology, the largest number.
        nodes: with operations on edges, how many nodes a cell has.
        edges: a fixed topology: (source, target) pairs.
        max_edges: a free topology: the largest number of edges.
        max_in_degree: with a free topology, the largest number of edges into a vertex.
        allowed: the operations allowed at some positions, the
            others allowing all: keys are vertex numbers (``2``) or edges (``0-2``). In a free topology
            a cell belongs to the space if its vertices can be numbered so.
        skip: operations that pass on what they read unchanged; or, with a fixed topology, for each position those
            that do so there (``*`` for the positions that are not named).
        zero: operations whose result is zero, given in the same ways.
        weights: operations with trainable weights, which the structure of an architecture is counted by; where
            it is left out, those whose names sound like it
            (:func:`arch2vec.spaces.roles.guess_weighted`).
        values: operations that are numbers, and ordered: ``[8, 16, 32]``.
        attributes: properties that an operation has together, each with its values; there is an operation for every
            combination, written ``3/6``.
        inputs: how many inputs a cell has.
        outputs: how many outputs.
        min_vertices: with a free topology, the smallest number of vertices; that of ``vertices`` for an exact number.
        max_output_in_degree: with a free topology, the largest number of edges into an output, if it is
            another than ``max_in_degree``.
        constraint: ``python:FILE.py:FUNCTION``, a function that gets an architecture as text and says whether it
            belongs to the space.

    Raises:
        InputError: a field is missing, of the wrong type, or makes no sense; the line
            names it and says what is right.
    """

    name: str
    operations: tuple[str, ...] = ()
    carries: Literal["vertices", "edges"] = "vertices"
    vertices: int | None = None
    nodes: int | None = None
    edges: tuple[tuple[int, int], ...] | None = None
    max_edges: int | None = None
    max_in_degree: int | None = None
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    skip: roles.Where = field(default=(), hash=False)
    zero: roles.Where = field(default=(), hash=False)
    weights: tuple[str, ...] | None = None
    values: tuple[Number, ...] = ()
    attributes: Mapping[str, tuple[Number, ...] | tuple[str, ...]] = field(default_factory=dict, hash=False)
    inputs: int = 1
    outputs: int = 1
    min_vertices: int | None = None
    max_output_in_degree: int | None = None
    constraint: str | None = None

    def __post_init__(self) -> None:
        self._check_name()
        self._check_ends()
        self._check_operations()
        self._check_size()
        if self.edges is not None:
            self._check_edges(self.edges)
        self._check_allowed()
        self._check_roles()
        require(
            self.constraint is None or (isinstance(self.constraint, str) and _CODE.fullmatch(self.constraint)),
            "constraint",
            f"got {shown(self.constraint)}; python:FILE.py:FUNCTION is needed, a function that gets an architecture "
            "as text and returns whether it belongs to the space",
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Every operation: those of ``operations``, of ``values`` and of ``attributes``."""
        return (*self.operations, *map(number_text, self.values), *combinations(self.attributes))

    @property
    def count(self) -> int:
        """How many vertices (or nodes) a cell has, inputs and outputs included; the largest number if free."""
        return cast(int, self.vertices if self.carries == "vertices" else self.nodes)

    @property
    def ends(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the inputs and the outputs are called: ``input``, or ``input0``, ``input1`` and so on."""
        return _numbered(INPUT, self.inputs), _numbered(OUTPUT, self.outputs)

    @property
    def positions(self) -> tuple[str, ...]:
        """The names of what carries an operation: ``2`` (a vertex) or ``0-2`` (an edge)."""
        if self.carries == "vertices":
            return tuple(str(vertex) for vertex in range(self.inputs, self.count - self.outputs))
        return tuple(f"{source}-{target}" for source, target in self.edges or ())

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """The operations that each position allows, in the order of ``names``."""
        return tuple(self.allowed.get(position, self.names) for position in self.positions)

    @property
    def variants(self) -> tuple[roles.OperationInRole, ...]:
        """The operations by role, each with a code of its own (:mod:`arch2vec.spaces.declared.roles`)."""
        fixed = () if self.edges is None else tuple(zip(self.positions, self.choices, strict=True))
        return roles.variants(self.names, fixed, self.skip, self.zero)

    @property
    def given(self) -> dict[str, Any]:
        """The fields that are not as if they were left out."""
        kept = {}
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if value not in (None, (), {}) and value != each.default:
                kept[each.name] = dict(value) if isinstance(value, Mapping) else value
        return {"carries": self.carries, **kept}

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_name(self) -> None:
        from arch2vec.spaces import SPACES  # which needs this module first

        require(
            isinstance(self.name, str) and _NAME.fullmatch(self.name),
            "name",
            f"got {shown(self.name)}; a letter, then letters, digits, '_', '.' or '-'",
        )
        require(self.name not in SPACES, "name", f"{self.name!r} is a built-in search space; choose another name")

    def _check_ends(self) -> None:
        for key in ("inputs", "outputs"):
            whole(getattr(self, key), key, 1, MAX_ENDS)

    def _check_operations(self) -> None:
        self._set("operations", names_of(self.operations, "operations"))
        self._set("values", numbers_of(self.values, "values"))
        self._set("attributes", attributes_of(self.attributes))
        require(len(self.names) > 0, "operations", "none given; at least one is needed")
        reserved = [INPUT, OUTPUT, *self.ends[0], *self.ends[1]]
        for name in self.names:
            require_operation(name, "operations", reserved)
            require(self.names.count(name) == 1, "operations", f"{shown(name)} is there twice; every name once")
        most = MAX_OPERATIONS + 2 - self.inputs - self.outputs
        require(
            len(self.names) <= most, "operations", f"{len(self.names)} given; at most {most} are possible; {PYTHON_WAY}"
        )

    def _check_roles(self) -> None:
        positions = None if self.edges is None else self.positions
        for key in ("skip", "zero"):
            self._set(key, roles.roles_of(getattr(self, key), key, self.names, positions))
        for place in positions or ("",):
            for name in roles.at(self.skip, place):
                where = f" at {place}" if isinstance(self.skip, Mapping) or isinstance(self.zero, Mapping) else ""
                require(
                    name not in roles.at(self.zero, place),
                    "zero",
                    f"{name!r} is in 'skip' too{where}; an operation is one or the other",
                )
        labels = [variant.label for variant in self.variants]
        require(len(set(labels)) == len(labels), "operations", "a name looks like another with its role: x[skip]")
        most = MAX_OPERATIONS + 2 - self.inputs - self.outputs
        require(
            len(labels) <= most,
            "skip",
            f"{len(labels)} operations, one that is a skip or zero at some positions counted for each role; at most "
            f"{most} are possible",
        )
        if self.weights is not None:
            self._set("weights", names_of(self.weights, "weights", numbers=True))
            require_known(self.weights, self.names, "weights")
            for name in self.weights:
                active = any(variant.name == name and not variant.role for variant in self.variants)
                require(active, "weights", f"{name!r} is declared to do nothing to its input")

    def _check_size(self) -> None:
        require(
            self.carries in ("vertices", "edges"),
            "carries",
            f"got {shown(self.carries)}; 'vertices' or 'edges' can carry the operations",
        )
        counted, other = ("vertices", "nodes") if self.carries == "vertices" else ("nodes", "vertices")
        require(
            getattr(self, other) is None,
            other,
            f"with operations on {self.carries} the cell's size is given as {counted!r}",
        )
        limits = ("max_edges", "max_in_degree", "max_output_in_degree", "min_vertices")
        if self.carries == "edges":
            for key in limits:
                if getattr(self, key) is not None:
                    raise wrong(
                        key,
                        "operations on edges need a fixed topology; list every edge that may be there in 'edges' "
                        "and declare an operation such as 'none' as 'zero' for those that are not; or " + PYTHON_WAY,
                    )
        require(
            (self.edges is None) != (self.max_edges is None),
            "edges",
            "give either 'edges' (a fixed topology) or 'max_edges' (a free one)"
            if self.carries == "vertices"
            else "missing; a list of [source, target] pairs is needed",
        )
        ends = self.inputs + self.outputs
        if self.carries == "edges":
            whole(self.nodes, "nodes", ends, MAX_POSITIONS + ends - 1)
        elif self.edges is not None:
            whole(self.vertices, "vertices", ends + 1, MAX_POSITIONS + ends)
        else:
            whole(self.vertices, "vertices", ends + 1, MAX_POSITIONS, " in a free topology")
        if self.max_edges is not None:
            self._check_limits(self.max_edges)
        else:
            for key in limits:
                require(getattr(self, key) is None, key, "only a free topology ('max_edges') has this limit")

    def _check_limits(self, max_edges: int) -> None:
        from arch2vec.spaces.declared.limits import least_edges, limits_of

        pairs = self.count * (self.count - 1) - self.inputs * (self.inputs - 1) - self.outputs * (self.outputs - 1)
        whole(max_edges, "max_edges", 2, pairs // 2)
        for key in ("max_in_degree", "max_output_in_degree"):
            if getattr(self, key) is not None:
                whole(getattr(self, key), key, 1, self.count - 1)
        ends = self.inputs + self.outputs
        if self.min_vertices is not None:
            whole(self.min_vertices, "min_vertices", ends, self.count)
        least = least_edges(limits_of(self))
        require(
            least is not None,
            "max_output_in_degree" if self.max_output_in_degree is not None else "max_in_degree",
            "no cell fits: with so few edges into a vertex some lead nowhere; allow more",
        )
        require(
            max_edges >= cast(int, least),
            "max_edges",
            f"got {max_edges}; such cells have {least} edges at least",
        )

    def _check_edges(self, given: Iterable[Iterable[int]]) -> None:
        self._set("edges", pairs_of(given, self.count))
        edges = self.edges or ()
        limit = MAX_POSITIONS if self.carries == "edges" else len(edges)
        require(len(edges) <= limit, "edges", f"{len(edges)} given; at most {limit} can carry operations; {PYTHON_WAY}")
        inputs, outputs = self.inputs, self.outputs
        ends = "the input (0)" if inputs == 1 else f"an input (0 to {inputs - 1})"
        last = self.count - 1
        ends += f" to the output ({last})" if outputs == 1 else f" to an output ({self.count - outputs} to {last})"
        path = f"every one must be on a path from {ends}"
        for vertex in range(self.count):
            where = f"{'vertex' if self.carries == 'vertices' else 'node'} {vertex}"
            # Edges go upwards, so that having a predecessor and a successor is being on such a path.
            entered, left = any(target == vertex for _, target in edges), any(source == vertex for source, _ in edges)
            if vertex < inputs:
                require(not entered, "edges", f"one enters {where}, which is an input")
            else:
                require(entered, "edges", f"none enters {where}; {path}")
            if vertex >= self.count - outputs:
                require(not left, "edges", f"one leaves {where}, which is an output")
            else:
                require(left, "edges", f"none leaves {where}; {path}")

    def _check_allowed(self) -> None:
        allowed = {}
        right = "a mapping from positions to lists"
        for key, listed in mapping_of(self.allowed, "allowed", right).items():
            position = str(key)[:40]
            where = f"allowed, {position}"
            require(
                position in self.positions,
                "allowed",
                f"there is no position {shown(position)}; they are {', '.join(self.positions)}",
            )
            names = names_of(listed, where, numbers=True)
            require(len(names) > 0, where, "no operation is left; at least one is needed")
            require_known(names, self.names, where)
            if len(names) < len(self.names):
                allowed[position] = tuple(sorted(names, key=self.names.index))
        self._set("allowed", allowed)
        require(
            self.edges is None or any(len(choice) > 1 for choice in self.choices),
            "operations",
            "no position has a choice, so that there is one architecture only; a search needs two",
        )


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return (name,) if count == 1 else tuple(f"{name}{number}" for number in range(count))


__all__ = ["INPUT", "MAX_ENDS", "MAX_OPERATIONS", "MAX_POSITIONS", "OUTPUT", "SpaceDeclaration"]
