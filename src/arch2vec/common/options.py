"""Options in a line of text: ``NAME?option=value&option=value``.

Objectives, search methods and representations are all named like this. ``%`` and two hexadecimal digits
stand for a byte, as in URLs: ``%26`` is an ``&`` within a value.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote

from arch2vec.errors import InputError

Reader = Callable[[str], Any]
"""Makes a value of a text; raises a ValueError that says what is needed: ``a whole number``."""


def read_options(owner: str, query: str, known: Mapping[str, Reader], noun: str = "option") -> dict[str, Any]:
    """The options of ``query`` by name, each read by its reader in ``known``.

    Args:
        owner: whose they are, for messages: ``objective digits``.
        query: what stands after the question mark.
        known: the readers by name.
        noun: what messages call an option.

    Raises:
        InputError: an option is unknown, there twice, without a value or of a wrong one.
    """
    options: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        raw_name, equals, raw_value = pair.partition("=")
        name, value = unquote(raw_name), unquote(raw_value)
        if name not in known:
            raise InputError(f"{owner} has no {noun} {name!r}; {offered(name, known)}")
        if name in options:
            raise InputError(f"{owner} has {noun} {name!r} twice")
        if not equals or not value:
            raise InputError(f"{owner}: {noun} {name!r} needs a value, as in {name}=VALUE")
        try:
            options[name] = known[name](value)
        except ValueError as error:
            raise InputError(f"{owner}: {noun} {name!r} must be {error}, got {value!r}") from error
    return options


def offered(name: str, known: Mapping[str, object]) -> str:
    """What there is instead of ``name``, for messages."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}it has {', '.join(known) or 'none'}"


def as_text(value: object) -> str:
    """A value as it is written in a line of text, always in the same way."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, list | tuple):
        return ",".join(map(as_text, value))
    return quote(str(value), safe=" /:,;=+()[]'<>~!@*$\"{}|")


def whole(value: str) -> int:
    """A whole number."""
    try:
        return int(value)
    except ValueError:
        raise ValueError("a whole number") from None


def decimal(value: str) -> float:
    """A number, also an infinite one."""
    try:
        return float(value)
    except ValueError:
        raise ValueError("a number") from None


def finite(value: str) -> float:
    """A number that is finite."""
    number = decimal(value)
    if not math.isfinite(number):
        raise ValueError("a finite number")
    return number


def yes_or_no(value: str) -> bool:
    """``true`` or ``false``."""
    if value not in ("true", "false"):
        raise ValueError("true or false")
    return value == "true"
