"""Arguments as people pass them in Python: made what is annotated, or refused in one line before anything happens."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.kinds import is_real, is_whole
from arch2vec.errors import InputError, nearest_to

Count = int
"""A whole number from 0 on."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def as_annotated(function: _Function) -> _Function:
    """A function whose arguments are what it annotates.

    Whole numbers, numbers, yes or no, texts, paths, and sequences and mappings of those are looked at, with NumPy's
    kinds of them; everything else is handed on as it is.

    Raises:
        InputError: by the function, where an argument is of another kind.
    """
    signature = inspect.signature(function)
    kinds = {}
    for name, parameter in signature.parameters.items():
        wanted = str(parameter.annotation)
        optional = wanted.endswith(" | None")
        reader = _READERS.get(wanted.removesuffix(" | None"))
        if reader is not None:
            kinds[name] = optional, reader

    @functools.wraps(function)
    def call(*positional: Any, **named: Any) -> Any:
        try:
            bound = signature.bind(*positional, **named)
        except TypeError as error:
            near = "".join(nearest_to(name, signature.parameters) for name in named if name not in signature.parameters)
            raise TypeError(f"{function.__name__}() {error}{near}") from None
        for name, value in bound.arguments.items():
            if name in kinds and not (value is None and kinds[name][0]):
                bound.arguments[name] = kinds[name][1](value, name)
        return function(*bound.args, **bound.kwargs)

    return cast(_Function, call)


def path_of(value: object, name: str = "a path") -> Path:
    """A path of a text or of any object that stands for one; ``~/`` is the user's own folder.

    Raises:
        InputError: it is none, or says nothing.
    """
    if not isinstance(value, str | bytes | os.PathLike):
        raise InputError(f"{name} is a path, got {_shown(value)}")
    text = os.fsdecode(value)
    for scheme in ("file://localhost/", "file:///", "file:/"):
        if text.startswith(scheme):
            text = f"/{unquote(text.removeprefix(scheme))}"
    if not text:
        raise InputError(f"{name} is a path, got an empty text; the current folder is '.'")
    return Path.home() / text[2:] if text.startswith("~/") else Path(text)


def rows_of(rows: object, count: int) -> NDArray[np.int64]:
    """Rows of something with ``count`` of them: by numbers, or by saying of each whether it is meant.

    Raises:
        InputError: they are neither.
    """
    index = np.arange(count)[rows] if isinstance(rows, slice) else np.asarray(rows)
    if index.dtype == bool and index.shape == (count,):
        return np.flatnonzero(index)
    if index.size == 0:
        index = index.reshape(-1).astype(np.int64)
    if index.ndim != 1 or index.dtype.kind not in "iu":
        raise InputError(f"rows are whole numbers, or True or False for each of {count:,}; got {_shown(rows)}")
    if len(index) and not (-count <= int(index.min()) and int(index.max()) < count):
        raise InputError(f"there are {count:,} rows, counted from 0; got {_shown(rows)}")
    return index.astype(np.int64)


def _whole(value: object, name: str) -> int:
    if not is_whole(value):
        raise InputError(f"{name} is a whole number, got {_shown(value)}")
    return int(cast(int, value))


def _count(value: object, name: str) -> int:
    number = _whole(value, name)
    if number < 0:
        raise InputError(f"{name} is a number from 0 on, got {number}")
    return number


def _number(value: object, name: str) -> float:
    if not is_real(value):
        raise InputError(f"{name} is a number, got {_shown(value)}")
    return cast(float, value)


def _truth(value: object, name: str) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} is True or False, got {_shown(value)}")
    return bool(value)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} is a text, got {_shown(value)}")
    return str(value)


def _texts(value: object, name: str) -> list[str]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InputError(f"{name} are texts, as in ['one', 'two'], got {_shown(value)}")
    return [_text(each, f"each of {name}") for each in value]


def _numbers(value: object, name: str) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise InputError(f"{name} are numbers by name, as in {{'macs': 3e8}}, got {_shown(value)}")
    return {_text(key, f"a name in {name}"): _number(each, f"{name}[{key!r}]") for key, each in value.items()}


def _generator(value: object, name: str) -> np.random.Generator:
    if not isinstance(value, np.random.Generator):
        raise InputError(f"{name} is a generator, as in numpy.random.default_rng(0), got {_shown(value)}")
    return value


def _callable(value: object, name: str) -> object:
    if not callable(value):
        raise InputError(f"{name} is a function, got {_shown(value)}")
    return value


def _shown(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


_READERS: Mapping[str, Callable[[Any, str], object]] = {
    "int": _whole,
    "Count": _count,
    "float": _number,
    "bool": _truth,
    "str": _text,
    "AnyPath": path_of,
    "Sequence[str]": _texts,
    "Iterable[str]": _texts,
    "Mapping[str, float]": _numbers,
    "np.random.Generator": _generator,
    "Callable[[Trial], None]": _callable,
    "Callable[[str, int], None]": _callable,
    "Progress": _callable,
}
