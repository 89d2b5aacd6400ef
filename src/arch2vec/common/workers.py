"""Worker processes that end when the process they work for does, or when it is interrupted."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import Pipe, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from threading import Thread
from types import ModuleType, TracebackType

from arch2vec.errors import InputError, WorkerError


class WorkerPool(ProcessPoolExecutor):
    """Fresh processes. When this process is killed, none of them goes on behind the next one's back.

    Leaving its context with an error, such as an interruption, ends them at once.

    Raises:
        InputError: less than one worker.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise InputError(f"at least 1 worker is needed, got {workers}")
        watched, self._lifeline = Pipe(duplex=False)
        super().__init__(workers, _Context(), initializer=end_with_parent, initargs=(watched,))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if kind is not None:
            self._lifeline.close()
        self.shutdown(wait=True, cancel_futures=kind is not None)
        self._lifeline.close()
        if isinstance(error, BrokenProcessPool):
            raise WorkerError(
                "a worker process has ended before its work: killed, perhaps for want of memory, or by the code that "
                "it ran; what was finished is kept"
            ) from error
        return None


def worker_pool(workers: int) -> WorkerPool:
    """A pool of processes, for a ``with`` statement.

    Raises:
        InputError: less than one worker.
        WorkerError: on leaving the context, when a process has ended before its work.
    """
    return WorkerPool(workers)


class WorkerProcess(SpawnProcess):
    """A process that does not run the main program again, and that an interruption while it starts does not reach.

    What tasks need of the main program travels with them, see :mod:`arch2vec.common.parcels`.
    """

    def start(self) -> None:
        """Start it."""
        with _without_main(), _uninterrupted():
            super().start()


class _Context(SpawnContext):
    Process = WorkerProcess


@contextmanager
def _without_main() -> Iterator[None]:
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let processes begin with interruptions blocked; they inherit that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent(lifeline: Connection) -> None:
    """Let this process end when the one that started it does, or closes the other end of the lifeline.

    Where it leads a group of processes, the others end with it.
    """
    # An interruption from the keyboard reaches every process; the parent says what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel, lifeline])
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)

    Thread(target=watch, daemon=True).start()
