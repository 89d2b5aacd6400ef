"""What a declaration's fields are checked with: a mistake is one line that names the field and what is right."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import cast

from arch2vec.common.documents import shown
from arch2vec.errors import InputError

MAX_OPERATIONS = 62  # with input and output, codes below those that `labelled` gives to vertices without an operation
PYTHON_WAY = "a Python class can say it: a subclass of DeclaredSpace or SearchSpace, named python:FILE.py:CLASS"

_OPERATION = re.compile(r"[^\s|~,;+]+")

Number = int | float


def wrong(field_name: str, problem: str) -> InputError:
    """The complaint about a field."""
    return InputError(f"field {field_name!r}: {problem}")


def require(condition: object, field_name: str, problem: str) -> None:
    """Complain about a field unless ``condition`` holds."""
    if not condition:
        raise wrong(field_name, problem)


def require_known(names: Sequence[str], known: Sequence[str], field_name: str) -> None:
    """Complain unless all names are among the operations."""
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name[:40], known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise wrong(field_name, f"{shown(name)} is not among 'operations'; {hint}")


def whole(value: object, field_name: str, least: int, most: int, where: str = "") -> None:
    """Complain unless a value is a whole number from ``least`` to ``most``."""
    right = f"a whole number from {least} to {most}{where} is needed"
    require(value is not None, field_name, f"missing; {right}")
    require(isinstance(value, int) and not isinstance(value, bool), field_name, f"got {shown(value)}; {right}")
    require(least <= cast(int, value) <= most, field_name, f"got {shown(value)}; {right}")


def names_of(value: object, field_name: str, *, numbers: bool = False) -> tuple[str, ...]:
    """A list of different names as a tuple.

    Args:
        value: the list that the declaration holds.
        field_name: whose it is.
        numbers: whether a number stands for the operation of its name.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise wrong(field_name, f"got {shown(value)}; a list of names such as [conv3x3, skip] is needed")
    require(len(value) <= MAX_OPERATIONS, field_name, f"{len(value)} given; at most {MAX_OPERATIONS} are possible")
    seen: list[str] = []
    for name in value:
        text = number_text(name) if numbers and is_number(name) else name
        if not isinstance(text, str):
            hint = "; numbers that are ordered are given as 'values'" if is_number(name) else ""
            raise wrong(field_name, f"{shown(name)} is {_called(name)}, not text; write it in quotes{hint}")
        require(text not in seen, field_name, f"{shown(name)} is there twice; every name once")
        seen.append(text)
    return tuple(seen)


def require_operation(name: str, field_name: str, reserved: Sequence[str]) -> None:
    """Complain unless a name can be that of an operation."""
    require(
        name not in reserved,
        field_name,
        f"{name!r} is reserved for the cell's {name}, which is always there; leave it out",
    )
    require(
        _OPERATION.fullmatch(name),
        field_name,
        f"got {shown(name)}; a name has no spaces and none of | ~ , ; +",
    )


def is_number(value: object) -> bool:
    """Whether a value is a finite number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number_text(value: Number) -> str:
    """How a number is written as an operation: ``8``, ``0.5``, ``1e-05``; 8.0 as 8."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def numbers_of(value: object, field_name: str) -> tuple[Number, ...]:
    """A list of different numbers as a tuple, in rising order."""
    right = "a list of numbers such as [8, 16, 32] is needed"
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise wrong(field_name, f"got {shown(value)}; {right}")
    require(len(value) <= MAX_OPERATIONS, field_name, f"{len(value)} given; at most {MAX_OPERATIONS} are possible")
    for entry in value:
        require(is_number(entry), field_name, f"got {shown(entry)}; {right}")
        require(abs(entry) < 1e15, field_name, f"got {shown(entry)}; numbers below 1e15 are needed")
        require(list(value).count(entry) == 1, field_name, f"{shown(entry)} is there twice; every number once")
    return tuple(sorted(int(entry) if float(entry).is_integer() else float(entry) for entry in value))


def pairs_of(value: object, count: int) -> tuple[tuple[int, int], ...]:
    """Different edges between ``count`` vertices, each going upwards, sorted by target, then source."""
    right = "a list of [source, target] pairs such as [[0, 1], [1, 2]] is needed"
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise wrong("edges", f"got {shown(value)}; {right}")
    most = count * (count - 1) // 2
    require(len(value) <= most, "edges", f"{len(value)} given; at most {most} are possible between {count} vertices")
    pairs: list[tuple[int, int]] = []
    for pair in value:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise wrong("edges", f"got {shown(pair)} as an edge; {right}")
        for end in pair:
            require(
                isinstance(end, int) and not isinstance(end, bool),
                "edges",
                f"got {shown(end)} in {shown(pair)}; {right}",
            )
            require(0 <= end < count, "edges", f"{shown(list(pair))} is out of range; numbers go from 0 to {count - 1}")
        source, target = pair
        require(
            source < target,
            "edges",
            f"{list(pair)} closes a cycle or goes backwards; number so that every edge goes from lower to higher",
        )
        require((source, target) not in pairs, "edges", f"{list(pair)} is there twice; every edge once")
        pairs.append((source, target))
    return tuple(sorted(pairs, key=lambda pair: (pair[1], pair[0])))


def mapping_of(value: object, field_name: str, right: str) -> Mapping[object, object]:
    """Complain unless a value is a mapping."""
    if not isinstance(value, Mapping):
        raise wrong(field_name, f"got {shown(value)}; {right}")
    return value


def _called(value: object) -> str:
    """What YAML has made of a value, in words."""
    kinds = {bool: "a truth value", int: "a number", float: "a number", type(None): "nothing", list: "a list"}
    return kinds.get(type(value), f"a {type(value).__name__}")
