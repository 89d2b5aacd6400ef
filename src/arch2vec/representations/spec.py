"""Representations named by one line of text, or given as functions: what every command takes for ``--representation``.

``structure`` (or some of its groups: ``structure?groups=paths,costs``), ``adjacency``, ``path``, ``path-short``; a
function of the user's own, ``python:FILE:FUNCTION``, whose further parameters are settings
(``python:mine.py:degrees?power=2``); and several of these joined by ``+``, whose groups then stand side by side.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote

import numpy as np
from typing_extensions import override

from arch2vec.common.code_identity import mark_of
from arch2vec.common.options import read_options
from arch2vec.common.settings import arguments_of, read_settings, settings_of, settings_text
from arch2vec.common.user_code import load_object
from arch2vec.errors import InputError, unknown
from arch2vec.graphs import GraphBatch
from arch2vec.representations.base import GraphFunction, Representation, UserFunction
from arch2vec.representations.discrete import ENCODINGS
from arch2vec.representations.features import Features
from arch2vec.representations.structure import GROUPS, structure
from arch2vec.spaces.base import SearchSpace

PREFIX = "python:"
"""What the text of a representation of the user's own starts with."""

STRUCTURE = "structure"

AnyRepresentation = str | Representation | Callable[..., object]
"""What is taken for a representation."""


class Structure(Representation):
    """What architectures compute, in numbers; see :mod:`arch2vec.representations.structure`.

    Args:
        groups: some of its groups, None for all that a space has.
    """

    same_for_functions: ClassVar[bool] = False  # costs and positions are of the form

    def __init__(self, groups: Sequence[str] | None = None) -> None:
        self.groups = None if groups is None else tuple(groups)
        self.name = STRUCTURE if self.groups is None else f"{STRUCTURE}?groups={','.join(self.groups)}"

    @override
    def features(self, graphs: GraphBatch, space: SearchSpace) -> Features:
        return structure(graphs, space, self.groups)


class Joined(Representation):
    """Several representations side by side.

    Raises:
        InputError: two of them have a group of the same name, once they are made.
    """

    def __init__(self, parts: Sequence[Representation]) -> None:
        self.parts = tuple(parts)
        self.name = "+".join(part.name for part in parts)
        codes = [part.code for part in parts if part.code is not None]
        self.code = "+".join(codes) or None

    @override
    def features(self, graphs: GraphBatch, space: SearchSpace) -> Features:
        return joined([part.features(graphs, space) for part in self.parts])


def joined(parts: Sequence[Features]) -> Features:
    """The groups of several features side by side.

    Raises:
        InputError: two have a group of the same name.
    """
    groups = tuple(group for part in parts for group in part.groups)
    names = [name for name, _ in groups]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two representations have a group {twice!r}; a mapping from names to arrays can name others")
    values = np.concatenate([part.values for part in parts], axis=1)
    return Features(values, tuple(name for part in parts for name in part.names), groups)


def resolve_representation(representation: AnyRepresentation, name: str | None = None) -> Representation:
    """The representation that a text names, or that a function is.

    >>> import arch2vec
    >>> arch2vec.resolve_representation("adjacency+structure?groups=paths").name
    'adjacency+structure?groups=paths'

    Args:
        representation: see the module's documentation. ``python:`` runs the code it names.
        name: for a function, to go by in tables.

    Raises:
        InputError: there is none of that name, or it is no function.
    """
    if isinstance(representation, Representation):
        return representation
    if isinstance(representation, str):
        parts = [_from_text(text.strip()) for text in representation.split("+")]  # one in a path is written %2B
        return parts[0] if len(parts) == 1 else Joined(parts)
    return UserFunction(representation, name)


def _from_text(text: str) -> Representation:
    head, _, query = text.partition("?")
    if head.startswith(PREFIX):
        return _python(head, query)
    if head == STRUCTURE:
        options = read_options(f"representation {STRUCTURE}", query, {"groups": _groups}, noun="setting")
        return Structure(**options)
    if head in ENCODINGS:
        read_options(f"representation {head}", query, {}, noun="setting")
        return GraphFunction(head, ENCODINGS[head])
    known = (STRUCTURE, *ENCODINGS)
    raise InputError(f"{unknown('representation', head, known)}; one of your own is python:MODULE_OR_FILE.py:FUNCTION")


def _python(head: str, query: str) -> Representation:
    found, _ = load_object(unquote(head.removeprefix(PREFIX)), "representation", "FUNCTION")
    target: Any = found
    if isinstance(found, Representation):
        read_options(f"representation {head}", query, {}, noun="setting")
        return _coded(found)
    known = settings_of(target, ("self", "graphs", "architectures", "space")) if callable(target) else {}
    if not isinstance(target, type):  # the first parameter is for the architectures, whatever it is called
        known = {name: setting for name, setting in known.items() if setting.default is not inspect.Parameter.empty}
    chosen = read_settings(f"representation {head}", query, known)
    arguments = arguments_of(chosen, known)
    if isinstance(target, type):
        return _coded(_made(target, head, arguments))
    own = getattr(target, "__name__", type(target).__name__)
    return UserFunction(target, f"{own}?{settings_text(chosen)}" if chosen else own, arguments)


def _made(kind: type, head: str, arguments: dict[str, Any]) -> Representation:
    if not issubclass(kind, Representation):
        raise InputError(f"{head} is the class {kind.__name__}, no function and no subclass of arch2vec.Representation")
    try:
        return kind(**arguments)
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"representation {head} cannot be made: {reason}") from error


def _coded(found: Representation) -> Representation:
    """A user's representation with the mark of its code."""
    if not isinstance(getattr(found, "name", None), str) or not found.name:
        raise InputError(f"representation {type(found).__name__} has no name; give it one, name = '...' in its body")
    if found.code is None:
        found.code = mark_of(found) or type(found).__qualname__
    return found


def _groups(value: str) -> tuple[str, ...]:
    names = tuple(value.split(","))
    if not set(names) <= set(GROUPS):
        raise ValueError(f"some of {', '.join(GROUPS)} with commas between")
    return names
