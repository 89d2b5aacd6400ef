"""JSON documents from files: parsed, checked against their checksum, and of the shape that is expected.

Whatever is read may be damaged or somebody else's. A *check* says what a value
must be: given the value and its place in the document, it raises
:class:`InputError` with one line if it is wrong: where, what is there, what is
needed. Checks are put together::

    TRIAL = record({"number": whole(1), "extra": mapping(number())}, {"fidelity": optional(whole(1))})
    checked(document, listing(TRIAL), path)

Entries that a record does not name are let through: a newer version may have
added them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from reprlib import Repr
from typing import Any

from arch2vec.errors import InputError

Check = Callable[[Any, str], None]
"""Raises :class:`InputError` unless the value, which is at that place, is right."""

CHECKSUM = "checksum"
"""The entry of a document that holds the SHA-256 of the others."""

_MOST = 2**63 - 1
_DEEP = 100  # lists and objects within each other, far more than any document of ours has
_SHOWN = Repr()
_SHOWN.maxlevel, _SHOWN.maxdict, _SHOWN.maxlist, _SHOWN.maxtuple, _SHOWN.maxset = 2, 3, 3, 3, 3
_SHOWN.maxstring = _SHOWN.maxlong = _SHOWN.maxother = 40


def shown(value: object) -> str:
    """A value in a few words, however large or deep it is."""
    return "null" if value is None else " ".join(_SHOWN.repr(value).split())


def parse_json(text: str | bytes, where: object) -> Any:
    """The document in a text.

    Raises:
        InputError: it is no JSON, or nested too deeply to be read.
    """
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise InputError(f"cannot read {where}: not a JSON document (nested too deeply)") from error
    except ValueError as error:
        raise InputError(f"cannot read {where}: not a JSON document ({str(error)[:200]})") from error
    level = [document]
    for _ in range(_DEEP):
        level = [item for value in level if isinstance(value, list | dict) for item in _items(value)]
        if not level:
            return document
    raise InputError(f"cannot read {where}: its lists and objects are nested more than {_DEEP} deep")


def _items(value: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return value if isinstance(value, list) else value.values()


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with the checksum of its content."""
    return {**document, CHECKSUM: _digest(document)}


def unsealed(document: Any, where: object) -> Any:
    """The inverse of :func:`sealed`; a document without a checksum, as older versions wrote them, is let through.

    Raises:
        InputError: the content is not that of the checksum.
    """
    if not isinstance(document, dict) or CHECKSUM not in document:
        return document
    content = {name: value for name, value in document.items() if name != CHECKSUM}
    if document[CHECKSUM] != _digest(content):
        raise InputError(
            f"{where} is damaged: its content is not that of its checksum; restore it, "
            "or remove it and repeat the command that wrote it"
        )
    return content


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, separators=(",", ":")).encode()).hexdigest()


def checked(document: Any, check: Check, where: object) -> Any:
    """The document, once it has passed the check.

    Raises:
        InputError: it has not; the line starts with ``where``, the file.
    """
    try:
        check(document, "")
    except InputError as error:
        raise InputError(f"{where} is damaged: {error}") from error
    return document


def anything(value: Any, place: str) -> None:
    """Lets everything through."""


def flag(value: Any, place: str) -> None:
    """True or false."""
    _require(isinstance(value, bool), value, place, "true or false")


def whole(least: int = -_MOST - 1, most: int = _MOST) -> Check:
    """A whole number within limits."""

    def check(value: Any, place: str) -> None:
        right = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        _require(right, value, place, f"a whole number{_limits(least, most)}")

    return check


def number(least: float = -math.inf, most: float = math.inf, *, finite: bool = True) -> Check:
    """A number within limits, finite unless said otherwise."""

    def check(value: Any, place: str) -> None:
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if real and isinstance(value, int):
            real = abs(value) <= 10**300  # beyond that it is no float
        right = real and (least <= value <= most and math.isfinite(value) if finite else not value < least)
        _require(right, value, place, f"a {'finite ' if finite else ''}number{_limits(least, most)}")

    return check


def text(*choices: str) -> Check:
    """A text, one of the choices if there are any."""

    def check(value: Any, place: str) -> None:
        right = " or ".join(map(repr, choices)) or "a text"
        _require(isinstance(value, str) and (not choices or value in choices), value, place, right)

    return check


def optional(check: Check) -> Check:
    """What the check lets through, or null."""
    return lambda value, place: None if value is None else check(value, place)


def either(*checks: Check) -> Check:
    """What one of the checks lets through; the last one has the say on what is wrong."""

    def check(value: Any, place: str) -> None:
        for one in checks[:-1]:
            try:
                return one(value, place)
            except InputError:
                continue
        return checks[-1](value, place)

    return check


def listing(entry: Check) -> Check:
    """A list of any length."""

    def check(value: Any, place: str) -> None:
        _require(isinstance(value, list), value, place, "a list")
        for index, item in enumerate(value):
            entry(item, f"{place}[{index}]")

    return check


def row(*entries: Check, more: Check | None = None) -> Check:
    """A list of as many entries, each of its own kind; with ``more`` there may be further ones."""

    def check(value: Any, place: str) -> None:
        fits = isinstance(value, list) and (len(value) == len(entries) or (more and len(value) > len(entries)))
        _require(fits, value, place, f"a list of {len(entries)}{' or more' if more else ''} entries")
        for index, item in enumerate(value):
            (entries[index] if index < len(entries) or more is None else more)(item, f"{place}[{index}]")

    return check


def mapping(entry: Check) -> Check:
    """An object with entries of one kind, of any names."""

    def check(value: Any, place: str) -> None:
        _require(isinstance(value, dict), value, place, "an object")
        for name, item in value.items():
            entry(item, _within(place, name))

    return check


def record(needed: Mapping[str, Check], possible: Mapping[str, Check] | None = None) -> Check:
    """An object with the needed entries, and perhaps the possible ones."""

    def check(value: Any, place: str) -> None:
        _require(isinstance(value, dict), value, place, "an object")
        for name in needed:
            if name not in value:
                raise InputError(f"{place or 'the document'} has no entry {name!r}")
        for name, entry in {**needed, **(possible or {})}.items():
            if name in value:
                entry(value[name], _within(place, name))

    return check


def _within(place: str, name: object) -> str:
    label = shown(name).strip("'\"")
    return f"{place}.{label}" if place else label


def _limits(least: float, most: float) -> str:
    bounded_below, bounded_above = abs(least) < _MOST, abs(most) < _MOST
    if bounded_below and bounded_above:
        return f" from {least} to {most}"
    if bounded_below:
        return f" of at least {least}"
    return f" of at most {most}" if bounded_above else ""


def _require(right: object, value: object, place: str, needed: str) -> None:
    if not right:
        raise InputError(f"{place or 'the document'} is {shown(value)}, not {needed}")
