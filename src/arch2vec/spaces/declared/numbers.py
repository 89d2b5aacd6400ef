"""Operations that are numbers, or several properties at once.

``values`` are ordered numbers, each an operation of its own: the widths of a chain's layers. ``attributes`` are several
properties that an operation has together, a kernel size and an expansion: there is an operation for every
combination, written ``3/6``. What is known of the numbers goes into the representation: 8 is nearer to 16 than to 64.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.documents import shown
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.declared.checks import (
    MAX_OPERATIONS,
    Number,
    is_number,
    mapping_of,
    names_of,
    number_text,
    numbers_of,
    require,
)

Entries = Mapping[str, tuple[Number, ...] | tuple[str, ...]]
"""The values of every attribute."""

SEPARATOR = "/"
"""Between the attributes of an operation."""


def attributes_of(given: object) -> dict[str, tuple[Number, ...] | tuple[str, ...]]:
    """The ``attributes`` of a declaration, checked: numbers in rising order, names as they are."""
    right = "a mapping from names to lists, such as {kernel: [3, 5, 7], expansion: [3, 6]}, is needed"
    attributes: dict[str, tuple[Number, ...] | tuple[str, ...]] = {}
    for key, listed in mapping_of(given, "attributes", right).items():
        require(isinstance(key, str) and key, "attributes", f"got {shown(key)} as a name; {right}")
        where = f"attributes, {str(key)[:40]}"
        of_numbers = isinstance(listed, Sequence) and not isinstance(listed, str) and all(map(is_number, listed))
        entries = numbers_of(listed, where) if of_numbers else names_of(listed, where, numbers=True)
        require(len(entries) > 0, where, "none given; at least one is needed")
        for entry in entries:
            require(
                SEPARATOR not in _text(entry), where, f"got {shown(entry)}; {SEPARATOR!r} stands between attributes"
            )
        attributes[str(key)] = entries
    number = math.prod(len(entries) for entries in attributes.values())
    require(
        number <= MAX_OPERATIONS,
        "attributes",
        f"{number:,} combinations; at most {MAX_OPERATIONS} are possible. Give attributes positions of their own "
        "(a vertex or an edge each), or write a Python class, a subclass of SearchSpace",
    )
    return attributes


def combinations(attributes: Entries) -> tuple[str, ...]:
    """The operation for every combination, the last attribute changing first."""
    if not attributes:
        return ()
    return tuple(SEPARATOR.join(map(_text, entries)) for entries in itertools.product(*attributes.values()))


def _text(entry: Number | str) -> str:
    return entry if isinstance(entry, str) else number_text(entry)


class Scales:
    """What is known of the numbers that operations are or have.

    Args:
        names: of all operations in the order of their codes.
        values: the operations that are numbers.
        attributes: those that are combinations.
    """

    def __init__(self, names: Sequence[str], values: Sequence[Number], attributes: Entries) -> None:
        self.labels: list[str] = []
        tables: list[NDArray[np.float32]] = []
        code_of = {name: code for code, name in enumerate(names)}
        if values:
            self._add("value", {code_of[number_text(value)]: value for value in values}, len(names), tables)
        made = (
            [
                (code_of[name], entries)
                for name, entries in zip(combinations(attributes), itertools.product(*attributes.values()), strict=True)
            ]
            if attributes
            else []
        )
        for place, (label, listed) in enumerate(attributes.items()):
            if all(map(is_number, listed)):
                numbers = {code: entries[place] for code, entries in made}
                self._add(label, {c: n for c, n in numbers.items() if not isinstance(n, str)}, len(names), tables)
        self._tables = np.stack(tables) if tables else np.empty((0, len(names)), dtype=np.float32)

    def _add(self, label: str, of_code: Mapping[int, Number], size: int, tables: list[NDArray[np.float32]]) -> None:
        """A scale: logarithms where all numbers are positive, so that a factor is a distance."""
        positive = all(number > 0 for number in of_code.values())
        table = np.full(size, np.nan, dtype=np.float32)
        for code, number in of_code.items():
            table[code] = math.log2(number) if positive else number
        self.labels.append(f"log2 of {label}" if positive else label)
        tables.append(table)

    def columns(self, graphs: GraphBatch, *, fixed: bool) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """(N, C) numbers of architectures and their names.

        Of each scale the mean, the least and the greatest over the vertices that have one, and in a ``fixed``
        topology that at each vertex; zero where there is none.
        """
        parts: list[NDArray[np.float32]] = []
        names: list[str] = []
        codes = np.minimum(graphs.ops, self._tables.shape[1])  # padding has no number
        for label, table in zip(self.labels, self._tables, strict=True):
            at = np.append(table, np.float32(np.nan))[codes]
            there = ~np.isnan(at)
            some = there.any(axis=1)
            count = np.maximum(there.sum(axis=1), 1)
            parts.append(np.where(there, at, 0).sum(axis=1) / count)
            parts.append(np.where(some, np.where(there, at, np.inf).min(axis=1), 0))
            parts.append(np.where(some, np.where(there, at, -np.inf).max(axis=1), 0))
            names += [f"mean {label}", f"least {label}", f"greatest {label}"]
            if fixed:
                parts += list(np.where(there, at, 0).T)
                names += [f"{label} at {vertex}" for vertex in range(graphs.num_vertices)]
        if not parts:
            return np.empty((len(graphs), 0), dtype=np.float32), ()
        return np.stack(parts, axis=1).astype(np.float32), tuple(names)
