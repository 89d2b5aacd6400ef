"""A folder has one owner at a time: the process that writes what is kept there.

The owner holds a lock on a file in the folder, which the system takes back when the process ends, however it
ends; there is no stale lock. What the file says (who, where, since when) is for messages. Where a file
system knows no locks, a process of this machine that is named there and still lives is the owner.

Who owns a folder also clears away what a killed owner has left half-written.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib
import inspect
import json
import math
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from arch2vec.common import schemas as stored_studies
from arch2vec.common.documents import checked, parse_json
from arch2vec.common.storage import read_text, require_writable
from arch2vec.errors import InputError

_locks: Any = None
with contextlib.suppress(ImportError):  # there are none of this kind on some systems
    _locks = importlib.import_module("fcntl")

OWNER = ".owner.json"

P = ParamSpec("P")
T = TypeVar("T")

_LARGEST = 1 << 16  # bytes of what a lock's file says
_PATIENCE_S = 0.5  # a reader that looks whether a folder is owned holds its lock for an instant
# Files under the names that arch2vec.common.storage gives them at first, and what a study shares with its workers.
_HALF_WRITTEN = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp(\.\w+)?|\.embedding-[0-9a-f]{32}\.safetensors")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@dataclass
class _Held:
    handle: int
    thread: int
    times: int


_HELD: dict[tuple[int, int], _Held] = {}  # by the folder's device and number
_CHANGING = threading.Lock()


@contextmanager
def owning(folder: Path | None, *, wait: bool = False) -> Iterator[None]:
    """Be the owner of a folder within the block; it is created where missing.

    Whoever owns a folder may own it again within the same thread.

    Args:
        folder: None for nothing to own.
        wait: whether to wait for another owner to end, instead of complaining.

    Raises:
        InputError: another process, or another thread, owns it; or it cannot be written to.
    """
    if folder is None:
        yield
        return
    require_writable(folder)
    key = _key(folder)
    with _CHANGING:
        held = _HELD.get(key)
        if held is not None and held.thread == threading.get_ident():
            held.times += 1
        elif held is not None:
            if wait:
                held = None
            else:
                raise InputError(f"{folder} is in use by another thread of this process; name another output folder")
    if held is None:
        held = _Held(_take(folder, math.inf if wait else _PATIENCE_S), threading.get_ident(), 1)
        with _CHANGING:
            _HELD[key] = held
        _clear(folder)
    try:
        yield
    finally:
        held.times -= 1
        if not held.times:
            with _CHANGING:
                _HELD.pop(key, None)
            _give_back(folder, held.handle)


def is_owned(folder: Path) -> bool | None:
    """Whether a process is at work on a folder; None where that cannot be known."""
    path = folder / OWNER
    try:
        if _key(folder) in _HELD:
            return True
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        if _locks is None:
            return _lives(_said(path))
        _locks.flock(handle, _locks.LOCK_SH | _locks.LOCK_NB)
    except OSError as error:
        return _lives(_said(path)) if error.errno in _NO_LOCKS else True
    finally:
        os.close(handle)
    return False


def _key(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def owned(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function own the folder that its argument ``out`` names, for as long as it runs."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def owner(*arguments: P.args, **named: P.kwargs) -> T:
        out = signature.bind(*arguments, **named).arguments.get("out")
        with owning(None if out is None else Path(out)):
            return function(*arguments, **named)

    return owner


def _take(folder: Path, patience_s: float) -> int:
    """An open file that holds the folder's lock."""
    path = folder / OWNER
    until = time.monotonic() + patience_s
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error
        try:
            if _locked(handle, path) and _is(handle, path):
                os.truncate(handle, 0)
                os.write(handle, json.dumps(_self()).encode())
                return handle
        except OSError as error:
            os.close(handle)
            raise InputError(f"cannot write {path}: {error.strerror or error}") from error
        os.close(handle)
        if time.monotonic() > until:
            raise InputError(
                f"{folder} is in use by {_described(_said(path))}; wait for it, or name another output folder"
            )
        time.sleep(0.02)


def _locked(handle: int, path: Path) -> bool:
    if _locks is not None:
        try:
            _locks.flock(handle, _locks.LOCK_EX | _locks.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                return False
    return not _lives(_said(path))


def _is(handle: int, path: Path) -> bool:
    """Whether the open file is still the one of that name: an owner that ends removes it."""
    try:
        found, mine = path.stat(), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


def _give_back(folder: Path, handle: int) -> None:
    with contextlib.suppress(OSError):
        if _is(handle, folder / OWNER):
            (folder / OWNER).unlink()
    with contextlib.suppress(OSError):
        os.close(handle)


def _self() -> dict[str, Any]:
    return {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200] if sys.argv else "",
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _said(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = checked(parse_json(read_text(path, _LARGEST), path), stored_studies.OWNER, path)
    except InputError:
        return {}
    return found


def _described(owner: dict[str, Any]) -> str:
    if not owner:
        return "another process"
    where = "" if owner["host"] == socket.gethostname() else f" on {owner['host']}"
    return f"process {owner['process']}{where} since {owner['since']}"


def _lives(owner: dict[str, Any]) -> bool:
    """Whether the process that a file names is there, as far as this machine can tell."""
    if not owner or owner["process"] == os.getpid() or owner["host"] != socket.gethostname():
        return False
    try:
        os.kill(owner["process"], 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _clear(folder: Path) -> None:
    """Remove what killed owners have left half-written."""
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())):
        try:
            left = [path for path in place.iterdir() if _HALF_WRITTEN.fullmatch(path.name)]
        except OSError:
            continue
        for path in left:
            if place != folder and is_owned(place):
                break
            with contextlib.suppress(OSError):
                path.unlink()


def _forget_in_child() -> None:
    """A forked child is no owner, and keeps no lock when its parent is killed."""
    for held in _HELD.values():
        with contextlib.suppress(OSError):
            os.close(held.handle)
        held.handle = -1
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
