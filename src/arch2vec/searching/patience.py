"""Waiting for what may pass: a database that does not answer, a full disk. Trainings go on meanwhile, none is lost."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable
from typing import TypeVar

from arch2vec.errors import InputError
from arch2vec.searching.failures import one_line, say

PATIENCE_S = 600.0
"""For so long a search waits."""

T = TypeVar("T")

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NEVER = ("malformed", "not a database", "no such table", "no such column", "readonly database", "syntax error")
"""What databases say that will say the same again."""


def patiently(where: str, action: Callable[[], T], patience_s: float | None = None) -> T:
    """Do something with a storage or file, again and again while it does not answer or its disk is full.

    Args:
        where: its URL or path.
        action: what is to be done; it may be done several times.
        patience_s: for how long, None for :data:`PATIENCE_S`.

    Raises:
        InputError: it has not answered for so long.
    """
    patience_s = PATIENCE_S if patience_s is None else patience_s
    start, wait_s = time.monotonic(), 0.5
    while True:
        try:
            return action()
        except Exception as error:
            if not may_pass(error):
                raise
            if time.monotonic() - start >= patience_s:
                raise InputError(
                    f"the storage {shown(where)} has not answered for {patience_s:.0f} s: {reason_of(error)}; what was "
                    "finished is kept: repeat the command when it is there again"
                ) from error
            if wait_s == 0.5 * 2:
                say(f"the storage {shown(where)} does not answer ({reason_of(error)}); it is tried again")
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, 10.0)


def shown(url: str) -> str:
    """A URL as it may be shown, without its password."""
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", url)


def may_pass(error: BaseException) -> bool:
    """Whether an error is of the way to a storage, or of a full disk, and no mistake of ours."""
    if isinstance(error, InputError):
        return isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL
    if isinstance(error, OSError):
        return True
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    told = reason_of(error)
    return isinstance(error, StorageInternalError | SQLAlchemyError) and not any(word in told for word in _NEVER)


def reason_of(error: BaseException) -> str:
    """What is wrong, in one line: the first line of what the database's own driver or the system says."""
    while error.__cause__ is not None and type(error).__module__.startswith(("optuna", "sqlalchemy", "arch2vec")):
        error = error.__cause__
    told = getattr(error, "strerror", None) or str(error)
    first = next((line for line in told.splitlines() if line.strip()), "")
    return one_line(RuntimeError(first)).removeprefix("RuntimeError: ") if first else type(error).__name__
