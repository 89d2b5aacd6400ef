"""What a user's objects hold, as text that is the same in every process where they hold the same."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import datetime
import decimal
import enum
import fractions
import hashlib
import sys
import types
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

_PLAIN = (int, float, complex, str, bytes, bool, type(None), range, slice, enum.Enum, PurePath)
_NUMBERS = (decimal.Decimal, fractions.Fraction, datetime.date, datetime.time, datetime.timedelta)
_DEEPEST = 8

_CHANGING = frozenset(
    {"append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "add", "discard", "update", "fill"}
    | {"setdefault", "popitem", "appendleft", "popleft", "put", "write", "difference_update", "intersection_update"}
)
"""Methods by which containers change."""
_BEGINNING = ("__init__", "__new__", "__post_init__", "__setstate__")


def text_of(value: object, depth: int = 0) -> str | None:
    """A value as text; None for what may change from one process to the next without being another.

    Such are networks, generators of random numbers, open files and all objects of unknown kinds. Within
    containers they leave no trace.
    """
    if depth > _DEEPEST:
        return None
    inner = depth + 1
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, _NUMBERS):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}{[text_of(each, inner) for each in value]}"
    if isinstance(value, set | frozenset):
        return f"set{sorted(str(text_of(each, inner)) for each in value)}"
    if isinstance(value, Mapping):
        pairs = [(text_of(key, inner), text_of(each, inner)) for key, each in value.items()]
        return f"mapping{sorted(map(str, pairs))}"
    if isinstance(value, types.SimpleNamespace | argparse.Namespace):
        return f"namespace{text_of(vars(value), inner)}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
        return f"{type(value).__qualname__}{text_of(fields, inner)}"
    return _of_numbers(value)


def _of_numbers(value: object) -> str | None:
    """Arrays, tensors that no training changes, and tables."""
    array: Any = value
    torch, pandas = sys.modules.get("torch"), sys.modules.get("pandas")
    if torch is not None and isinstance(array, torch.Tensor):
        if array.requires_grad:
            return None
        array = array.detach().cpu()
        array = (array.float() if array.dtype == torch.bfloat16 else array).numpy()
    if pandas is not None and isinstance(array, pandas.DataFrame | pandas.Series):
        marks = pandas.util.hash_pandas_object(array).to_numpy()
        names = list(array.columns) if isinstance(array, pandas.DataFrame) else [array.name]
        return f"table{names}{_of_numbers(marks)}"
    import numpy as np

    if isinstance(array, np.generic):
        return repr(array.item())
    if isinstance(array, np.ndarray):
        content = str(array.tolist()).encode() if array.dtype.hasobject else np.ascontiguousarray(array).tobytes()
        return f"array{array.dtype}{array.shape}{hashlib.blake2b(content, digest_size=8).hexdigest()}"
    return None


def names_that_change(tree: ast.AST) -> set[str]:
    """Names of variables and attributes that functions of a file give other values while they are called.

    Counters, caches and lists of calls say nothing of what is computed.
    """
    found: set[str] = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name not in _BEGINNING:
            for node in ast.walk(function):
                found.update(_changed_by(node))
    return found


def _changed_by(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Nonlocal | ast.Global):
        return set(node.names)
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return _chain(node)
    if isinstance(node, ast.AugAssign):
        return _chain(node.target)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
        return _chain(node.func.value)
    return set()


def _chain(node: ast.expr) -> set[str]:
    """The names that ``self.log["a"]`` is made of, but for ``self``."""
    found: set[str] = set()
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id != "self":
        found.add(node.id)
    return found
