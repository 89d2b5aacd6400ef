"""One guard around every call of a user's code: what it does to its process ends with it.

A training may change the working folder, PyTorch's default type or device, turn gradients or
warnings off, replace ``sys.stdout`` or a signal's handler. A search that goes on after
it in the same process must not notice. Each call therefore begins with the settings that the search has,
and what was changed is put back. Where importing the user's file changed a setting (a default type at its top),
calls begin with that: the user's functions were written for it.

Generators of random numbers are left alone, for a user's function may well go on drawing
from them. No search of ours draws from a global one.

All settings belong to the process. While calls overlap in several threads, the first one's settings
are kept and are put back when the last one has ended.
"""

from __future__ import annotations

import contextlib
import gc
import locale
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

Setting = tuple[Callable[[], Any], Callable[[Any], object]]
"""How a setting is read, and how it is put back."""


@contextmanager
def guarded(*, importing: bool = False) -> Iterator[None]:
    """Run a user's code within the block, and put the process's settings back at its end.

    Args:
        importing: whether the block imports the code, so that what it changes is there in later calls.
    """
    outermost = _enter()
    try:
        yield
    finally:
        _leave(importing and outermost)


_LOCK = threading.Lock()
_inside = 0
_ours: dict[str, Any] = {}
_at_import: dict[str, Any] = {}


def _enter() -> bool:
    global _inside
    with _LOCK:
        _inside += 1
        if _inside > 1:
            return False
        _ours.clear()
        _ours.update(_read(_settings()))
        _put(_at_import)
        # A stream that is closed is gone for good; these only lend it.
        sys.stdout, sys.stderr = _Lent(sys.stdout), _Lent(sys.stderr)
        return True


def _leave(keep: bool) -> None:
    global _inside
    with _LOCK:
        _inside -= 1
        if _inside:
            return
        now = _read(_settings())
        # What cannot be read here, as handlers of signals in another thread, stays.
        changed = {name: now[name] for name, value in _ours.items() if name in now and not _same(now[name], value)}
        if keep:
            _at_import.update({name: value for name, value in changed.items() if name not in _OF_A_CALL})
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        _put({name: _ours[name] for name in changed})


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


_OF_A_CALL = ("streams", "timer", "signals")  # no setting that an import could have made for calls


def _read(settings: Mapping[str, Setting]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (get, _) in settings.items():
        with contextlib.suppress(Exception):  # a folder that is gone, a locale without a name
            found[name] = get()
    return found


def _put(values: Mapping[str, Any]) -> None:
    settings = _settings()
    for name, value in values.items():
        if name in settings:
            with contextlib.suppress(Exception):
                settings[name][1](value)


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)


def _settings() -> dict[str, Setting]:
    """Everything that is put back, by name."""
    settings = dict(_OF_PYTHON)
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        settings["signals"] = _handlers, _set_handlers
        settings["timer"] = _timer, _set_timer
    if "torch" in sys.modules:
        settings.update(_of_torch())
    return settings


def _streams() -> tuple[Any, ...]:
    return sys.stdin, sys.stdout, sys.stderr, sys.excepthook, sys.displayhook


def _set_streams(streams: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr, sys.excepthook, sys.displayhook = streams


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _set_warnings(filters: tuple[Any, ...]) -> None:
    warnings.resetwarnings()  # tells the interpreter that they change
    warnings.filters[:] = list(filters)  # type: ignore[index]


_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in _SIGNALS}


def _set_handlers(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, handler)


def _timer() -> bool:
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0


def _set_timer(running: bool) -> None:
    if not running:  # an alarm that was forgotten would find no handler, and end the process
        signal.setitimer(signal.ITIMER_REAL, 0)


_OF_PYTHON: dict[str, Setting] = {
    "timer": (lambda: False, lambda _: None),
    "streams": (_streams, _set_streams),
    "folder": (os.getcwd, os.chdir),
    "umask": (_umask, os.umask),
    "warnings": (lambda: tuple(warnings.filters), _set_warnings),
    "locale": (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    "recursion": (sys.getrecursionlimit, sys.setrecursionlimit),
    "collector": (gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()),
    "errors of NumPy": (np.geterr, lambda kinds: np.seterr(**kinds)),
    "printing of NumPy": (np.get_printoptions, lambda options: np.set_printoptions(**options)),
}


def _of_torch() -> dict[str, Setting]:
    import torch

    def set_device(device: torch.device) -> None:
        # None takes the default away, where a device of any name would stay in every call's way.
        torch.set_default_device(None if device.type == "cpu" else device)

    def set_deterministic(mode: int) -> None:
        torch.set_deterministic_debug_mode(mode)

    return {
        "default type": (torch.get_default_dtype, torch.set_default_dtype),
        "default device": (torch.get_default_device, set_device),
        "gradients": (torch.is_grad_enabled, torch._C._set_grad_enabled),
        "threads": (torch.get_num_threads, torch.set_num_threads),
        "determinism": (torch.get_deterministic_debug_mode, set_deterministic),
        "precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        "anomalies": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        "denormals": (_flushes_denormals, torch.set_flush_denormal),
    }


def _flushes_denormals() -> bool:
    import torch

    return not bool((torch.full((1,), 1e-310, dtype=torch.float64, device="cpu") * 1.0).item())
