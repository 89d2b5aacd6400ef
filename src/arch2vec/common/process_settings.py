"""The settings of a process that a user's code may change: how each is read, and how it is put back."""

from __future__ import annotations

import contextlib
import gc
import locale
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows has none
    resource = None

Setting = tuple[Callable[[], Any], Callable[[Any], object]]
"""How a setting is read, and how it is put back."""

OF_A_CALL = ("streams", "timer", "signals", "blocked signals", "tracing")
"""Settings that importing a file could not have made for the calls of its functions."""
OF_AN_IMPORT = ("environment", "search path", "arguments")
"""Settings that stay as importing a file has left them, for the whole program: as Python has it."""


def read_settings() -> dict[str, Any]:
    """What can be read of them in this thread."""
    found: dict[str, Any] = {}
    for name, (get, _) in _settings().items():
        with contextlib.suppress(Exception):  # a folder that is gone, a locale without a name
            found[name] = get()
    return found


def settings_of_imports() -> dict[str, Any]:
    """What a library that was imported meanwhile began with, but for what depends on the machine."""
    found: dict[str, Any] = {}
    if "matplotlib" in sys.modules:
        found["figures"] = _without_backend(sys.modules["matplotlib"].rcParamsOrig)  # with the user's own file of them
    if "torch" not in sys.modules:
        return found
    import torch

    return found | {
        "inference": False,
        "autocast": {"cpu": False, "cuda": False},
        "autocast depth": 0,
        "default type": torch.float32,
        "default device": torch.device("cpu"),
        "gradients": True,
        "determinism": 0,
        "precision": "highest",
        "anomalies": False,
        "denormals": False,
    }


def put_settings(values: Mapping[str, Any]) -> None:
    """Put back what can be put back."""
    settings = _settings()
    for name, value in values.items():
        if name in settings:
            with contextlib.suppress(Exception):
                settings[name][1](value)


def _settings() -> dict[str, Setting]:
    """Everything that is put back, by name."""
    settings = dict(_OF_PYTHON)
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        settings["signals"] = _handlers, _set_handlers
        settings["timer"] = _timer, _set_timer
        settings["blocked signals"] = _blocked, _set_blocked
    if "torch" in sys.modules:
        settings.update(_of_torch())
    if "matplotlib" in sys.modules:
        settings["figures"] = _figures, _set_figures
    return settings


def _streams() -> tuple[Any, ...]:
    return sys.stdin, sys.stdout, sys.stderr, sys.excepthook, sys.displayhook


def _set_streams(streams: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr, sys.excepthook, sys.displayhook = streams


def _set_environment(ours: Mapping[str, str]) -> None:
    """What was taken out or changed is as it was; what was added stays, for later calls may well read it."""
    os.environ.update(ours)


def _set_search_path(ours: tuple[str, ...]) -> None:
    """What was taken out is there again, behind what was added: modules may yet be imported from there."""
    sys.path.extend(folder for folder in ours if folder not in sys.path)


def _set_tracing(functions: tuple[Any, Any]) -> None:
    sys.settrace(functions[0])
    sys.setprofile(functions[1])


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _limits() -> dict[int, tuple[int, int]]:
    """The limits of what this process may use, (soft, hard) each; none where the system has no such thing."""
    if resource is None:
        return {}
    return {kind: resource.getrlimit(kind) for kind in _LIMITS}


def _set_limits(limits: Mapping[int, tuple[int, int]]) -> None:
    """As far as they go: a hard limit that was lowered stays."""
    assert resource is not None
    for kind, (soft, hard) in limits.items():
        now = resource.getrlimit(kind)
        if now == (soft, hard):
            continue
        most = hard if now[1] == resource.RLIM_INFINITY or 0 <= hard < now[1] else now[1]
        least = soft if most == resource.RLIM_INFINITY or 0 <= soft < most else most
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (least, most))


def _without_backend(parameters: dict[str, Any]) -> dict[str, Any]:
    # Not by its own methods, which choose a backend and warn of what is deprecated.
    found: dict[str, Any] = {}
    dict.update(found, dict.items(parameters))
    found.pop("backend", None)
    return found


def _figures() -> dict[str, Any]:
    return _without_backend(sys.modules["matplotlib"].rcParams)


def _set_figures(parameters: Mapping[str, Any]) -> None:
    dict.update(sys.modules["matplotlib"].rcParams, parameters)


def _set_warnings(filters: tuple[Any, ...]) -> None:
    warnings.resetwarnings()  # tells the interpreter that they change
    warnings.filters[:] = list(filters)  # type: ignore[index]


_LIMITS = [] if resource is None else [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]

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


def _blocked() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def _set_blocked(signals: set[int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, signals)


def _timer() -> bool:
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0


def _set_timer(running: bool) -> None:
    if not running:  # an alarm that was forgotten would find no handler, and end the process
        signal.setitimer(signal.ITIMER_REAL, 0)


_OF_PYTHON: dict[str, Setting] = {
    "timer": (lambda: False, lambda _: None),
    "streams": (_streams, _set_streams),
    "folder": (os.getcwd, os.chdir),
    "environment": (lambda: dict(os.environ), _set_environment),
    "search path": (lambda: tuple(sys.path), _set_search_path),
    "arguments": (lambda: tuple(sys.argv), lambda words: sys.argv.__setitem__(slice(None), words)),
    "tracing": (lambda: (sys.gettrace(), sys.getprofile()), _set_tracing),
    "umask": (_umask, os.umask),
    "limits": (_limits, _set_limits),
    "warnings": (lambda: tuple(warnings.filters), _set_warnings),
    "locale": (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    "recursion": (sys.getrecursionlimit, sys.setrecursionlimit),
    "collector": (gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()),
    "errors of NumPy": (np.geterr, lambda kinds: np.seterr(**kinds)),
    "printing of NumPy": (np.get_printoptions, lambda options: np.set_printoptions(**options)),
}


if hasattr(os, "sched_getaffinity"):
    _OF_PYTHON["cores"] = lambda: os.sched_getaffinity(0), lambda cores: os.sched_setaffinity(0, cores)


def _of_torch() -> dict[str, Setting]:
    import torch

    def set_device(device: torch.device) -> None:
        # None takes the default away, where a device of any name would stay in every call's way.
        torch.set_default_device(None if device.type == "cpu" else device)

    def set_deterministic(mode: int) -> None:
        torch.set_deterministic_debug_mode(mode)

    def set_autocast(kinds: Mapping[str, bool]) -> None:
        for kind, enabled in kinds.items():
            torch.set_autocast_enabled(kind, enabled)

    def autocast_depth() -> int:
        depth = torch.autocast_increment_nesting() - 1
        torch.autocast_decrement_nesting()
        return depth

    def set_autocast_depth(wanted: int) -> None:
        # Rounded weights are kept until the outermost one is left: where one never is, training would change nothing.
        for _ in range(autocast_depth() - wanted):
            torch.autocast_decrement_nesting()
        if wanted == 0:
            torch.clear_autocast_cache()

    def set_inference(mode: bool) -> None:
        torch.inference_mode(mode).__enter__()  # nothing else sets it

    return {
        "inference": (torch.is_inference_mode_enabled, set_inference),
        "autocast": (lambda: {kind: torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")}, set_autocast),
        "autocast depth": (autocast_depth, set_autocast_depth),
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
