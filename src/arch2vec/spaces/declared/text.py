"""Declarations of search spaces as text: YAML files for people, one line of JSON for files that arch2vec writes."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arch2vec.common.documents import parse_json, shown
from arch2vec.common.storage import read_text
from arch2vec.errors import InputError
from arch2vec.spaces.declared.checks import PYTHON_WAY
from arch2vec.spaces.declared.fields import SpaceDeclaration

PREFIX = "declared:"
"""What the self-contained reference of a declared space starts with; the rest is JSON."""

_FIELDS = tuple(field.name for field in dataclasses.fields(SpaceDeclaration))
_NEEDED = ("name", "operations", "carries")
_OPERATIONS = ("operations", "values", "attributes")  # one of these at least
_FILE = re.compile(r"python:([^:]+\.py|[^:]*/[^:]*):(\w+)")
_FLOAT, _EXPONENT = "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+\Z")
_YAML_BYTES, _YAML_NODES = 1 << 16, 20_000  # much more than the largest possible declaration


def read_yaml(path: Path) -> SpaceDeclaration:
    """Read a declaration from a YAML file whose keys are the fields of :class:`SpaceDeclaration`.

    Raises:
        InputError: the file is missing or no YAML, or a field is wrong; the line names
            the file, the field and what is right.
    """
    import yaml

    text = read_text(path, _YAML_BYTES)
    try:
        loader = yaml.SafeLoader(text)
        # A number such as 1e-3, which the parser's older version of YAML takes for text.
        loader.yaml_implicit_resolvers = {
            start: [(_FLOAT, _EXPONENT), *known] if start and start in "-+0123456789" else known
            for start, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }
        node = loader.get_single_node()
        _require_small(node)
        twice = _repeated_key(node)
        document = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise InputError(f"{path}{place}: not YAML ({reason})") from error
    except Exception as error:  # a date that is none, lists without an end, and whatever else the parser meets
        raise InputError(f"{path}: not YAML ({str(error)[:200]})") from error
    if twice is not None:
        raise InputError(f"{path}: field {twice!r} is there twice; every field once")
    if isinstance(document, dict) and isinstance(document.get("constraint"), str):
        document["constraint"] = _found_from(path.parent, document["constraint"])
    return from_document(document, str(path))


def _found_from(folder: Path, constraint: str) -> str:
    """A constraint whose file's place is absolute; it is given from the folder of the YAML file."""
    named = _FILE.fullmatch(constraint)
    return f"python:{(folder / Path(named[1]).expanduser()).resolve()}:{named[2]}" if named else constraint


def to_reference(declaration: SpaceDeclaration) -> str:
    """``declared:`` and the declaration as compact JSON, equal for equal declarations."""
    return PREFIX + json.dumps(declaration.given, separators=(",", ":"), sort_keys=True)


def from_reference(reference: str) -> SpaceDeclaration:
    """The inverse of :func:`to_reference`.

    Raises:
        InputError: what follows ``declared:`` is no JSON, or a field is wrong.
    """
    document = parse_json(reference.removeprefix(PREFIX), f"what follows {PREFIX!r}")
    return from_document(document, "declared space")


def from_document(document: object, where: str) -> SpaceDeclaration:
    """A declaration from a mapping of its fields; ``where`` starts the line that a mistake gets.

    Raises:
        InputError: a field is unknown, missing or wrong.
    """
    if not isinstance(document, Mapping):
        right = ", ".join(_NEEDED)
        raise InputError(f"{where}: a mapping with the fields {right} and others is needed, got {shown(document)}")
    for key in document:
        if key not in _FIELDS:
            close = difflib.get_close_matches(str(key)[:40], _FIELDS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the fields are {', '.join(_FIELDS)}; {PYTHON_WAY}"
            raise InputError(f"{where}: unknown field {shown(key)}; {hint}")
    for key in _NEEDED:
        if key not in document and not (key == "operations" and any(other in document for other in _OPERATIONS)):
            raise InputError(f"{where}: field {key!r} is missing")
    # A field left empty is one left out, but for those that must be there.
    given = {key: value for key, value in document.items() if value is not None or key in _NEEDED}
    try:
        return SpaceDeclaration(**given)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _repeated_key(document: Any) -> str | None:
    """A key that a YAML mapping or one of its values has twice; the loader would silently keep the last."""
    for node in [document, *(value for _, value in _pairs(document))]:
        keys = [str(key.value) for key, _ in _pairs(node)]
        repeated = [key for key in keys if keys.count(key) > 1]
        if repeated:
            return repeated[0]
    return None


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    return node.value if getattr(node, "id", None) == "mapping" else []


def _require_small(document: Any) -> None:
    """Refuse a YAML document that is large once its aliases are replaced by what they stand for, or without end."""
    sizes: dict[int, int] = {}
    waiting = [] if document is None else [document]
    begun: set[int] = set()
    while waiting:
        node = waiting[-1]
        value = node.value if isinstance(node.value, list) else []
        parts = [part for entry in value for part in (entry if isinstance(entry, tuple) else (entry,))]
        missing = [part for part in parts if id(part) not in sizes]
        if not missing:
            sizes[id(node)] = 1 + sum(sizes[id(part)] for part in parts)
            if sizes[id(node)] > _YAML_NODES:
                raise ValueError(f"more than {_YAML_NODES:,} entries")
            waiting.pop()
        elif id(node) in begun:
            raise ValueError("an alias stands for something that it is part of")
        else:
            begun.add(id(node))
            waiting += missing
