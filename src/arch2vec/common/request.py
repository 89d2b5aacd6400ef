"""What the last command asked a search's or study's folder for, and when it began.

Kept beside the results in ``asked.json`` for those who look at how far it is; no result depends
on it. Speeds follow from how much there was at its start.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

ASKED = "asked.json"

_COMMAND: ContextVar[str | None] = ContextVar("command", default=None)
_PASSWORD = re.compile(r"(://[^/\s:@]*):[^@\s/]*@")


@contextmanager
def given_as(words: Sequence[str]) -> Iterator[None]:
    """Within the block, what is asked for was asked by this command line, which is kept with it."""
    token = _COMMAND.set(_PASSWORD.sub(r"\1:***@", shlex.join(["arch2vec", *words])))
    try:
        yield
    finally:
        _COMMAND.reset(token)


def note_start(folder: Path, *, done: int = 0, **asked: int | float | str | Mapping[str, object] | None) -> None:
    """Write down what is asked for.

    Args:
        folder: of the results.
        done: evaluations there are already.
        asked: the limits, by name: ``budget``, ``max_cost_s``, ``runs`` by method; the
            reference of the ``space``.
    """
    command = _COMMAND.get()
    said = {} if command is None else {"command": command}
    from arch2vec.common.storage import write_json  # NumPy is not needed for help

    write_json(folder / ASKED, {"started_at": time.time(), "done_at_start": done, **asked, **said})
