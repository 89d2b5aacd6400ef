"""What a user writes to declare a search space, checked.

A :class:`SpaceDeclaration` has the same fields as its YAML file
(:mod:`arch2vec.spaces.declared.text`). Two choices are independent but for
one combination:

* operations are carried by the cell's **vertices** or by its **edges**;
* the topology is **fixed** (``edges``) or **free** within limits (``max_edges``);
  operations on edges need a fixed one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from arch2vec.common.documents import shown
from arch2vec.errors import InputError

INPUT, OUTPUT = "input", "output"
"""Reserved: the operations of a graph's first and last vertex."""

MAX_OPERATIONS = 62  # with input and output, codes below those that `labelled` gives to vertices without an operation
MAX_POSITIONS = 30  # lists of graphs with more vertices take long to make
MAX_FREE_VERTICES = 12  # numberings are counted by a table with an entry for every set of inner vertices

_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_OPERATION = re.compile(r"[^\s|~,;+]+")


@dataclass(frozen=True)
class SpaceDeclaration:
    """A search space of cells, declared.

    >>> import arch2vec
    >>> declared = arch2vec.SpaceDeclaration(
    ...     "mine", ["relu", "tanh", "skip"], carries="vertices", vertices=5, max_edges=6, skip=["skip"]
    ... )
    >>> declared.operations
    ('relu', 'tanh', 'skip')

    Vertex (or node) 0 is the cell's input, the last is its output, and edges go
    from lower to higher numbers. Sequences of any kind are accepted and kept as
    tuples; edges are kept sorted by target, then source.

    Attributes:
        name: of the space: letters, digits, ``_``, ``.`` and ``-``.
        operations: the names of the operations to choose from.
        carries: what carries an operation: ``vertices`` (all but the first and the
            last, as in NAS-Bench-101) or ``edges`` (as in NAS-Bench-201).
        vertices: with operations on vertices, how many vertices a cell has; with a
            free topology, the largest number.
        nodes: with operations on edges, how many nodes a cell has.
        edges: a fixed topology: (source, target) pairs.
        max_edges: a free topology: the largest number of edges.
        max_in_degree: with a free topology, the largest number of edges into a vertex.
        allowed: with a fixed topology, the operations allowed at some positions, the
            others allowing all: keys are vertex numbers (``2``) or edges (``0-2``).
        skip: operations that pass on what they read unchanged.
        zero: operations whose result is zero.
        weights: operations with trainable weights, which the structure of an architecture is counted by; where
            it is left out, those whose names sound like it
            (:func:`arch2vec.spaces.roles.guess_weighted`).

    Raises:
        InputError: a field is missing, of the wrong type, or makes no sense; the line
            names it and says what is right.
    """

    name: str
    operations: tuple[str, ...]
    carries: Literal["vertices", "edges"]
    vertices: int | None = None
    nodes: int | None = None
    edges: tuple[tuple[int, int], ...] | None = None
    max_edges: int | None = None
    max_in_degree: int | None = None
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    skip: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()
    weights: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        self._check_name()
        self._check_operations()
        self._check_size()
        if self.edges is not None:
            self._check_edges(self.edges)
            self._check_allowed()

    @property
    def count(self) -> int:
        """How many vertices (or nodes) a cell has, input and output included; the largest number if free."""
        return cast(int, self.vertices if self.carries == "vertices" else self.nodes)

    @property
    def positions(self) -> tuple[str, ...]:
        """With a fixed topology, the names of what carries an operation: ``2`` (a vertex) or ``0-2`` (an edge)."""
        if self.carries == "vertices":
            return tuple(str(vertex) for vertex in range(1, self.count - 1))
        return tuple(f"{source}-{target}" for source, target in self.edges or ())

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """With a fixed topology, the operations that each position allows, in the order of ``operations``."""
        return tuple(self.allowed.get(position, self.operations) for position in self.positions)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_name(self) -> None:
        from arch2vec.spaces import SPACES  # which needs this module first

        _require(
            isinstance(self.name, str) and _NAME.fullmatch(self.name),
            "name",
            f"got {shown(self.name)}; a letter, then letters, digits, '_', '.' or '-'",
        )
        _require(self.name not in SPACES, "name", f"{self.name!r} is a built-in search space; choose another name")

    def _check_operations(self) -> None:
        self._set("operations", _names(self.operations, "operations"))
        _require(len(self.operations) > 0, "operations", "none given; at least one is needed")
        for name in self.operations:
            _require(
                name not in (INPUT, OUTPUT),
                "operations",
                f"{name!r} is reserved for the cell's {name}, which is always there; leave it out",
            )
            _require(
                _OPERATION.fullmatch(name),
                "operations",
                f"got {shown(name)}; a name has no spaces and none of | ~ , ; +",
            )
        for key in ("skip", "zero"):
            self._set(key, _names(getattr(self, key), key))
            _require_known(getattr(self, key), self.operations, key)
        if self.weights is not None:
            self._set("weights", _names(self.weights, "weights"))
            _require_known(self.weights, self.operations, "weights")
            for name in self.weights:
                _require(
                    name not in (*self.skip, *self.zero), "weights", f"{name!r} is declared to do nothing to its input"
                )
        for name in self.skip:
            _require(name not in self.zero, "zero", f"{name!r} is in 'skip' too; an operation is one or the other")

    def _check_size(self) -> None:
        _require(
            self.carries in ("vertices", "edges"),
            "carries",
            f"got {shown(self.carries)}; 'vertices' or 'edges' can carry the operations",
        )
        counted, other = ("vertices", "nodes") if self.carries == "vertices" else ("nodes", "vertices")
        _require(
            getattr(self, other) is None,
            other,
            f"with operations on {self.carries} the cell's size is given as {counted!r}",
        )
        if self.carries == "edges" and (self.max_edges is not None or self.max_in_degree is not None):
            field_name = "max_edges" if self.max_edges is not None else "max_in_degree"
            raise _wrong(
                field_name,
                "operations on edges need a fixed topology; list every edge that may be there in 'edges' "
                "and declare an operation such as 'none' as 'zero' for those that are not",
            )
        _require(
            (self.edges is None) != (self.max_edges is None),
            "edges",
            "give either 'edges' (a fixed topology) or 'max_edges' (a free one)"
            if self.carries == "vertices"
            else "missing; a list of [source, target] pairs is needed",
        )
        if self.carries == "edges":
            _whole(self.nodes, "nodes", 2, MAX_POSITIONS + 1)
        elif self.edges is not None:
            _whole(self.vertices, "vertices", 3, MAX_POSITIONS + 2)
        else:
            _whole(self.vertices, "vertices", 3, MAX_FREE_VERTICES, " in a free topology")
        if self.max_edges is not None:
            _whole(self.max_edges, "max_edges", 2, self.count * (self.count - 1) // 2)
            _require(not self.allowed, "allowed", "only positions of a fixed topology can be restricted")
            if self.max_in_degree is not None:
                _whole(self.max_in_degree, "max_in_degree", 1, self.count - 1)
        else:
            _require(self.max_in_degree is None, "max_in_degree", "only a free topology ('max_edges') has this limit")

    def _check_edges(self, given: Iterable[Iterable[int]]) -> None:
        self._set("edges", _pairs(given, self.count))
        edges = self.edges or ()
        limit = MAX_POSITIONS if self.carries == "edges" else len(edges)
        _require(len(edges) <= limit, "edges", f"{len(edges)} given; at most {limit} can carry operations")
        for vertex in range(self.count):
            where = f"{'vertex' if self.carries == 'vertices' else 'node'} {vertex}"
            path = f"every one must be on a path from the input (0) to the output ({self.count - 1})"
            # Edges go upwards, so that having a predecessor and a successor is being on such a path.
            _require(
                vertex == 0 or any(target == vertex for _, target in edges), "edges", f"none enters {where}; {path}"
            )
            _require(
                vertex == self.count - 1 or any(source == vertex for source, _ in edges),
                "edges",
                f"none leaves {where}; {path}",
            )

    def _check_allowed(self) -> None:
        _require(
            isinstance(self.allowed, Mapping),
            "allowed",
            f"got {shown(self.allowed)}; a mapping from positions to lists",
        )
        allowed = {}
        for key, listed in self.allowed.items():
            position = str(key)[:40]
            where = f"allowed, {position}"
            _require(
                position in self.positions,
                "allowed",
                f"there is no position {shown(position)}; they are {', '.join(self.positions)}",
            )
            names = _names(listed, where)
            _require(len(names) > 0, where, "no operation is left; at least one is needed")
            _require_known(names, self.operations, where)
            if len(names) < len(self.operations):
                allowed[position] = tuple(sorted(names, key=self.operations.index))
        self._set("allowed", allowed)
        _require(
            any(len(choice) > 1 for choice in self.choices),
            "operations",
            "no position has a choice, so that there is one architecture only; a search needs two",
        )


def _wrong(field_name: str, problem: str) -> InputError:
    return InputError(f"field {field_name!r}: {problem}")


def _require(condition: object, field_name: str, problem: str) -> None:
    if not condition:
        raise _wrong(field_name, problem)


def _require_known(names: Sequence[str], known: Sequence[str], field_name: str) -> None:
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name[:40], known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise _wrong(field_name, f"{shown(name)} is not among 'operations'; {hint}")


def _whole(value: object, field_name: str, least: int, most: int, where: str = "") -> None:
    right = f"a whole number from {least} to {most}{where} is needed"
    _require(value is not None, field_name, f"missing; {right}")
    _require(isinstance(value, int) and not isinstance(value, bool), field_name, f"got {shown(value)}; {right}")
    _require(least <= cast(int, value) <= most, field_name, f"got {shown(value)}; {right}")


def _names(value: object, field_name: str) -> tuple[str, ...]:
    """A list of different names as a tuple."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _wrong(field_name, f"got {shown(value)}; a list of names such as [conv3x3, skip] is needed")
    _require(len(value) <= MAX_OPERATIONS, field_name, f"{len(value)} given; at most {MAX_OPERATIONS} are possible")
    seen: list[str] = []
    for name in value:
        if not isinstance(name, str):
            raise _wrong(field_name, f"{shown(name)} is {_called(name)}, not text; write it in quotes")
        _require(name not in seen, field_name, f"{shown(name)} is there twice; every name once")
        seen.append(name)
    return tuple(seen)


def _pairs(value: object, count: int) -> tuple[tuple[int, int], ...]:
    """Different edges between ``count`` vertices, each going upwards, sorted by target, then source."""
    right = "a list of [source, target] pairs such as [[0, 1], [1, 2]] is needed"
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _wrong("edges", f"got {shown(value)}; {right}")
    most = count * (count - 1) // 2
    _require(len(value) <= most, "edges", f"{len(value)} given; at most {most} are possible between {count} vertices")
    pairs: list[tuple[int, int]] = []
    for pair in value:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise _wrong("edges", f"got {shown(pair)} as an edge; {right}")
        for end in pair:
            _require(
                isinstance(end, int) and not isinstance(end, bool),
                "edges",
                f"got {shown(end)} in {shown(pair)}; {right}",
            )
            _require(
                0 <= end < count, "edges", f"{shown(list(pair))} is out of range; numbers go from 0 to {count - 1}"
            )
        source, target = pair
        _require(
            source < target,
            "edges",
            f"{list(pair)} closes a cycle or goes backwards; number so that every edge goes from lower to higher",
        )
        _require((source, target) not in pairs, "edges", f"{list(pair)} is there twice; every edge once")
        pairs.append((source, target))
    return tuple(sorted(pairs, key=lambda pair: (pair[1], pair[0])))


def _called(value: object) -> str:
    """What YAML has made of a value, in words."""
    kinds = {bool: "a truth value", int: "a number", float: "a number", type(None): "nothing", list: "a list"}
    return kinds.get(type(value), f"a {type(value).__name__}")
