"""What a search does about evaluations that fail: it notes them, tells of them and goes on, up to a limit.

A training can fail in every way that a program can. Whatever it raises makes a failed trial, but for
KeyboardInterrupt, by which people stop a search. What ends the process at once (``os._exit``, a fault in
compiled code, a kill for want of memory) cannot be caught from within it: in a process of its own
(:mod:`arch2vec.studies.processes`) that is a failed trial too; in the search's own process the evaluation in
progress is lost, and the same command makes it again. It then says which evaluation that was.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from arch2vec.common.storage import write_text
from arch2vec.errors import EvaluationError, InputError
from arch2vec.objectives.base import Objective

FOLDER = "failures"
MOST_IN_A_ROW = 20

_DURING = ".evaluating-"  # and the number of the process
_LONGEST = 300  # characters of an error that are shown and kept with the trial


def check_limit(limit: int | None) -> None:
    """Refuse a limit of failures that cannot be.

    Raises:
        InputError: it is below 1.
    """
    if limit is not None and limit < 1:
        raise InputError(f"a search gives up after at least 1 failure in a row, got {limit}; None is never")


@dataclass(frozen=True)
class Failure:
    """What went wrong in an evaluation, in words: it can be sent from one process to another.

    Attributes:
        told: in one line.
        trace: the traceback, empty where it would say nothing more.
    """

    told: str
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """An exception in words."""
        plain = isinstance(error, EvaluationError) and error.__cause__ is None
        text = "" if plain else "".join(traceback.format_exception(error))
        return cls(one_line(error), text.encode(errors="backslashreplace").decode())


@dataclass
class Failures:
    """The failures of a search, or of the searches of a block.

    Attributes:
        limit: how many in a row end the search, None for never.
        folder: of the study; tracebacks go to a folder in it, None for nowhere.
        in_a_row: how many there were since the last success.
    """

    limit: int | None = MOST_IN_A_ROW
    folder: Path | None = None
    in_a_row: int = field(default=0, compare=False)
    _last: str = field(default="", compare=False)
    _beyond: bool = field(default=False, compare=False)

    def note(self, objective: str, architecture: str, failure: Failure) -> None:
        """Tell of a failed evaluation in one line, and keep its traceback."""
        self.in_a_row += 1
        self._last = failure.told
        kept = self._kept(objective, architecture, failure)
        say(f"the evaluation of {architecture} failed: {failure.told}; {kept}")

    def succeeded(self, objective: Objective, value: float) -> None:
        """Begin to count anew; say so once where a value cannot be in the objective's unit."""
        self.in_a_row = 0
        if objective.unit == "%" and not (self._beyond or math.isnan(value) or 0 <= value <= 100):
            self._beyond = True
            say(
                f"objective {objective.name} gave a validation of {value:g}, which is no percentage, though its values "
                "are said to be in percent"
            )

    @contextmanager
    def during(self, architecture: str) -> Iterator[None]:
        """A file in the study's folder names the evaluation, and outlives it only if the process ends in it."""
        if self.folder is None:
            yield
            return
        path = self.folder / f"{_DURING}{os.getpid()}"
        with suppress(OSError):
            path.write_text(architecture, encoding="utf-8", errors="replace")
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()

    def check(self) -> None:
        """End the search when too many have failed.

        Raises:
            InputError: that is so.
        """
        if self.limit is not None and self.in_a_row >= self.limit:
            raise InputError(
                f"gave up after {self.in_a_row} failed evaluations in a row, the last with {self._last}; they are kept "
                "as failed trials. Mend the objective, or allow more (--max-failures)"
            )

    def _kept(self, objective: str, architecture: str, failure: Failure) -> str:
        """Where the traceback is, as the line says it."""
        if not failure.trace:
            return "it is a failed trial"
        if self.folder is None:
            return "it is a failed trial; with an output folder (--out) its traceback is kept"
        mark = hashlib.sha256(f"{objective}\n{architecture}".encode()).hexdigest()[:12]
        path = self.folder / FOLDER / f"{mark}.txt"
        try:
            write_text(path, f"objective: {objective}\narchitecture: {architecture}\n\n{failure.trace}")
        except InputError as full:
            return f"it is a failed trial, its traceback is lost ({full})"
        return f"it is a failed trial, its traceback is in {path}"


def tell_of_ends(folder: Path) -> None:
    """Say in which evaluations processes ended that worked on a study before."""
    for path in sorted(folder.glob(f"{_DURING}*")):
        with suppress(OSError):
            architecture = " ".join(path.read_text(encoding="utf-8", errors="replace")[:_LONGEST].split())
            path.unlink()
            say(
                f"an earlier process ended while {architecture} was evaluated, which is made again; if it is that "
                "evaluation that ends the process, --workers 1 makes it a failed trial"
            )


def say(text: str) -> None:
    """Tell the user what happened, in one line on stderr."""
    print(f"arch2vec: {text}", file=sys.stderr)


def one_line(error: BaseException) -> str:
    """An error's kind and message, in one line of moderate length."""
    try:
        message = " ".join(str(error).split())
    except Exception:  # a message of theirs
        message = ""
    if isinstance(error, EvaluationError):
        text = message
    else:
        text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
