"""Objectives named by one line of text, for the command line and for study files.

Three kinds: ``digits``, ``table:PATH`` and ``python:WHERE:FUNCTION``, each
followed by ``?`` and ``option=value`` pairs joined by ``&``::

    digits?epochs=5&seed=1
    table:results.parquet?validation=val_12&test=test_200&cost=seconds
    python:my_package.training:evaluate
    python:train.py:evaluate?space=nasbench201

``%`` and two hexadecimal digits stand for a byte, as in URLs: ``%26`` is an
``&`` and ``%3F`` a ``?`` within a name. Relative paths start from the current
folder.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective

_FORMS = "digits, table:PATH?validation=COLUMN, python:MODULE_OR_FILE:FUNCTION"


def resolve_objective(spec: str) -> Objective:
    """The objective that ``spec`` names; see the module's documentation for the notation.

    ``python:`` runs the code it names. Its module is looked for in the current
    folder too, and a file may import its neighbours.

    Raises:
        InputError: the kind or an option is unknown, a needed part is missing, or
            the objective itself refuses what it is given.
    """
    head, _, query = spec.strip().partition("?")
    kind, _, target = head.partition(":")
    if kind not in _KINDS:
        hint = ""
        if head.endswith((".parquet", ".csv")):
            hint = f"; did you mean table:{head}?validation=COLUMN"
        raise InputError(f"unknown objective {head!r}; known: {_FORMS}{hint}")
    return _KINDS[kind](unquote(target), query)


def _digits(target: str, query: str) -> Objective:
    if target:
        raise InputError(f"objective digits takes options only, as in digits?seed=1; got {target!r} after the colon")
    options = _options("digits", query, {"epochs": _whole, "seed": _whole})
    from arch2vec.objectives.digits import DigitsConfig, DigitsObjective

    if "seed" in options:
        options["seeds"] = (options.pop("seed"),)
    return DigitsObjective(DigitsConfig(**options))


def _table(target: str, query: str) -> Objective:
    if not target:
        raise InputError("objective table needs a file, as in table:results.parquet?validation=COLUMN")
    texts = dict.fromkeys(("validation", "test", "cost", "architecture", "space", "name"), str)
    options = _options("table", query, {**texts, "cost_scale": _decimal, "scale": _decimal, "partial": _yes_or_no})
    if "validation" not in options:
        raise InputError(
            f"objective table:{target} needs the column that a search maximises, as in table:{target}?validation=COLUMN"
        )
    from arch2vec.objectives.table import TableObjective

    return TableObjective(_path(target), **options)


def _python(target: str, query: str) -> Objective:
    where, _, name = target.rpartition(":")
    if not where or not name:
        raise InputError(f"objective python:{target} names no function; write python:MODULE_OR_FILE:FUNCTION")
    options = _options("python", query, {"name": str, "space": str})
    is_file = where.endswith(".py") or "/" in where
    module = _load_file(_path(where)) if is_file else _load_module(where)
    found = getattr(module, name, None)
    if found is None:
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        close = difflib.get_close_matches(name, public, n=3) or sorted(public)[:12]
        hint = f"; it has {', '.join(close)}" if close else ""
        raise InputError(f"{where} has no function {name!r}{hint}")
    if isinstance(found, Objective):
        return found
    if not callable(found):
        raise InputError(f"{name!r} in {where} is a {type(found).__name__}, not a function")
    from arch2vec.objectives.function import FunctionObjective

    return FunctionObjective(found, **{"name": name, **options})


_KINDS: Mapping[str, Callable[[str, str], Objective]] = {"digits": _digits, "table": _table, "python": _python}


def _options(kind: str, query: str, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """The options of ``query`` by name, each read by its reader in ``known``."""
    options: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        raw_name, equals, raw_value = pair.partition("=")
        name, value = unquote(raw_name), unquote(raw_value)
        if name not in known:
            raise InputError(f"objective {kind} has no option {name!r}; it has {', '.join(known)}")
        if name in options:
            raise InputError(f"objective {kind} has option {name!r} twice")
        if not equals or not value:
            raise InputError(f"objective {kind}: option {name!r} needs a value, as in {name}=VALUE")
        try:
            options[name] = known[name](value)
        except ValueError as error:
            raise InputError(f"objective {kind}: option {name!r} must be {error}, got {value!r}") from error
    return options


def _whole(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError("a whole number") from None


def _decimal(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError("a number") from None


def _yes_or_no(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("true or false")
    return value == "true"


def _path(text: str) -> Path:
    # No shell expands a tilde in the middle of a word.
    return Path.home() / text[2:] if text.startswith("~/") else Path(text)


def _load_module(name: str) -> ModuleType:
    # A console script does not look for modules in the current folder, 'python -m' does.
    _look_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise InputError(
                f"there is no Python module {name!r} (no {error.name!r} in {Path.cwd()} or installed)"
            ) from error
        raise _broken(name, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"there is no file {path} to take an objective from")
    path = path.resolve()
    name = f"_arch2vec_objective_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise InputError(f"{path} is not a Python file; its name must end in .py")
    _look_in(path.parent)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickle look a module up by its name
    try:
        specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _broken(str(path), error) from error
    return module


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _broken(name: str, error: BaseException) -> InputError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return InputError(f"cannot import {name}: {reason}")
