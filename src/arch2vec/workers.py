"""Worker processes that end when the process they work for does."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

from arch2vec.errors import InputError


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of fresh processes. When this process is killed, none of them goes on behind the next one's back.

    Raises:
        InputError: less than one worker.
    """
    if workers < 1:
        raise InputError(f"at least 1 worker is needed, got {workers}")
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()
