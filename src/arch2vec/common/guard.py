"""One guard around every call of a user's code: what it does to its process ends with it.

A training may change the working folder, PyTorch's default type or device, turn gradients or
warnings off, replace ``sys.stdout`` or a signal's handler. A search that goes on after
it in the same process must not notice. Each call therefore begins with the settings that the search has,
and what was changed is put back. Where importing the user's file changed a setting (a default type at its top),
calls of what it defines begin with that: they were written for it. Those of another file are not.

Generators of random numbers are left alone, for a user's function may well go on drawing
from them. No search of ours draws from a global one.

All settings belong to the process. While calls overlap in several threads, the first one's settings
are kept and are put back when the last one has ended.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

from arch2vec.common.process_settings import (
    OF_A_CALL,
    OF_AN_IMPORT,
    put_settings,
    read_settings,
    settings_of_imports,
)


@contextmanager
def guarded(code: object = None, *, importing: str | None = None) -> Iterator[None]:
    """Run a user's code within the block, and put the process's settings back at its end.

    Args:
        code: the function or object that is called.
        importing: the name of the module that the block imports; what it changes is there when its code is called.
    """
    process = os.getpid()
    outermost = _enter(_at_import.get(_module_of(code), {}))
    try:
        yield
    finally:
        if os.getpid() != process:
            _end_of_a_copy()
        _leave(importing if outermost else None)


def _module_of(code: object) -> str:
    while isinstance(code, partial):
        code = code.func
    return str(getattr(code, "__module__", ""))


def _end_of_a_copy() -> NoReturn:
    """End this process, which a user's code has made by ``fork`` and left: the search is its parent's to go on with."""
    error = sys.exc_info()[1]
    if error is not None and not isinstance(error, SystemExit):
        traceback.print_exc()
    _flush()
    code = error.code if isinstance(error, SystemExit) else int(error is not None)
    os._exit(code if isinstance(code, int) else int(code is not None))


_LOCK = threading.Lock()
_inside = 0
_ours: dict[str, Any] = {}
_descriptors: list[_Descriptor] = []
_at_import: dict[str, dict[str, Any]] = {}  # what each module's import has set, by its name


def _enter(settings: Mapping[str, Any]) -> bool:
    global _inside
    with _LOCK:
        _inside += 1
        if _inside > 1:
            return False
        _ours.clear()
        _ours.update(read_settings())
        put_settings(settings)
        _flush()  # a copy of this process would write it again
        _descriptors[:] = [_Descriptor(number) for number in (0, 1, 2)]
        # A stream that is closed is gone for good; these only lend it.
        sys.stdout, sys.stderr = _Lent(sys.stdout), _Lent(sys.stderr)
        return True


def _leave(imported: str | None) -> None:
    global _inside
    with _LOCK:
        _inside -= 1
        if _inside:
            return
        before, now = {**settings_of_imports(), **_ours}, read_settings()
        # What cannot be read here, as handlers of signals in another thread, stays.
        changed = {name: now[name] for name, value in before.items() if name in now and not _same(now[name], value)}
        if imported is not None:
            changed = {name: value for name, value in changed.items() if name not in OF_AN_IMPORT}
            _at_import[imported] = {name: now[name] for name in changed if name not in OF_A_CALL}
        _flush()
        put_settings({name: before[name] for name in changed})
        for descriptor in _descriptors:
            descriptor.put_back()


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


class _Descriptor:
    """One of the three files that every process has open, whatever a user's code closes or opens in its place."""

    def __init__(self, number: int) -> None:
        self._number, self._file, self._copy = number, _file_of(number), -1
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._copy = os.dup(number)

    def put_back(self) -> None:
        """The file under its number, and no copy of it."""
        if self._copy < 0 or _file_of(self._copy) != self._file:
            return  # the copy was closed too
        with contextlib.suppress(OSError):
            if _file_of(self._number) != self._file:
                os.dup2(self._copy, self._number)
            os.close(self._copy)


def _file_of(number: int) -> tuple[int, int, int] | None:
    """Which file a descriptor is of; None for one that is closed."""
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_rdev


class _Lent:
    """A standard stream that whoever gets it may use but not close."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream)

    def close(self) -> None:
        """Nothing: the stream is not theirs."""

    def detach(self) -> Any:
        """The same stream: its owner goes on writing to it."""
        return self._stream
