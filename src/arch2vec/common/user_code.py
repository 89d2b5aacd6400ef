"""Objects from the user's own Python code, named by one line of text: ``MODULE_OR_FILE:NAME``.

Naming code runs it. A module is looked for in the current folder too, and a file may import
its neighbours.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from arch2vec.common.guard import guarded
from arch2vec.errors import InputError


def load_object(target: str, kind: str, name_in_example: str) -> tuple[Any, str]:
    """The object that ``target`` names, and ``target`` with a file's path made absolute.

    Args:
        target: ``MODULE:NAME`` or ``FILE.py:NAME``.
        kind: what it should be, for messages: ``search space``.
        name_in_example: a name of such a thing, for messages.

    Raises:
        InputError: there is no such file, module or name, or importing it fails.
    """
    where, _, name = target.rpartition(":")
    if not where or not name:
        raise InputError(f"python:{target} names no {kind}; write python:MODULE_OR_FILE.py:{name_in_example}")
    if where.endswith(".py") or "/" in where:
        # No shell expands a tilde in the middle of a word.
        path = Path.home() / where[2:] if where.startswith("~/") else Path(where)
        module, absolute = load_file(path), f"{path.resolve()}:{name}"
    else:
        module, absolute = load_module(where), target
    if not hasattr(module, name):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        close = difflib.get_close_matches(name, public, n=3) or sorted(public)[:12]
        hint = f"; it has {', '.join(close)}" if close else ""
        raise InputError(f"{where} has no {kind} {name!r}{hint}")
    return getattr(module, name), absolute


def load_module(name: str) -> ModuleType:
    """Import an installed module, or one in the current folder.

    Raises:
        InputError: there is none, or importing it fails.
    """
    # A console script does not look for modules in the current folder, 'python -m' does.
    _look_in(Path.cwd())
    try:
        with guarded(importing=name):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise InputError(
                f"there is no Python module {name!r} (no {error.name!r} in {Path.cwd()} or installed)"
            ) from error
        raise _broken(name, error) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _broken(name, error) from error


def load_file(path: Path) -> ModuleType:
    """Run a Python file as a module of its own.

    Raises:
        InputError: there is none, or running it fails.
    """
    if not path.is_file():
        raise InputError(
            f"there is no Python file {path}; write your own, which examples/mine.py of the repository shows"
        )
    path = path.resolve()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    name = f"_arch2vec_user_{path.stem}"
    known = _FILES.get(name)
    if known is not None and known[0] != path:  # another folder's file of that name
        name += f"_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        known = _FILES.get(name)
    if known == (path, source) and name in sys.modules:
        return sys.modules[name]  # objects of one file are of one module
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise InputError(f"{path} is not a Python file; its name must end in .py")
    _look_in(path.parent)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickle look a module up by its name
    try:
        with guarded(importing=name):
            # Not by its loader: Python takes a file for unchanged that has its size, and was changed within the second.
            exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        del sys.modules[name]
        raise _broken(str(path), error) from error
    _FILES[name] = path, source
    return module


_FILES: dict[str, tuple[Path, bytes]] = {}  # by their modules' names, with what they held


def loaded_files() -> dict[str, Path]:
    """The users' files that this process has loaded, in order, by the names of their modules."""
    return {name: path for name, (path, _) in _FILES.items()}


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _broken(name: str, error: BaseException) -> InputError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return InputError(f"cannot import {name}: {reason}")
