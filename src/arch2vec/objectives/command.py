"""Any command line as an objective: a training in any language, a script of a cluster, a program of somebody else's.

    python train.py --arch {architecture} --epochs {fidelity}

``{architecture}`` and ``{fidelity}`` are replaced within its words; no shell sees them. A command that is a
shell's own (``sh -c '...'``) finds them in the variables ``ARCHITECTURE`` and ``FIDELITY``. The last line of its
output that is JSON, an object or a number, is the outcome; all is passed on. A line such as
``{"epoch": 3, "value": 61.2}`` is no outcome but says what the training has reached; where the search gives it up the
command is ended. A command that ends with another exit code than 0 has failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TextIO

from typing_extensions import override

from arch2vec.common.code_identity import mark_of_command
from arch2vec.errors import EvaluationError, InputError
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.objectives.reporting import report
from arch2vec.objectives.returned import Reader

_KEPT = 60  # lines of what a command has said last, for its failure
_LONGEST = 1 << 20  # bytes of a line that are read at a time; one that is longer is no outcome


class CommandSaidError(Exception):
    """What a command that failed has said last."""


class CommandObjective(Objective):
    """Runs a command with the architecture's text and makes an outcome of the last JSON that it prints.

    A number is the validation value, more is better unless ``minimise`` is said; an object has ``validation`` and,
    where known, ``test``, ``cost_s`` (seconds; else the run is timed) and further numbers.

    Args:
        command: a line of words, quoted as for a shell.
        name: of the objective; by default the command's program or script.
        unit: of the values, ``%`` for percentages; by default they are any numbers.
        fidelity: what ``{fidelity}`` is where a search asks for none; by default the highest of ``fidelities``.
        fidelities: that a method may choose from, ascending; none for no choice.
        minimise: whether less is better, as of an error or a loss.

    Raises:
        InputError: the command cannot be split into words, has no place for an architecture, needs a fidelity
            that is not said, or its program is not there.
    """

    apart = True
    reports = True

    def __init__(
        self,
        command: str,
        name: str | None = None,
        unit: str = "",
        fidelity: int | None = None,
        fidelities: Sequence[int] = (),
        minimise: bool = False,
    ) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InputError(f"objective cmd: {command!r} cannot be split into words: {error}") from error
        if not self._words:
            raise InputError("objective cmd needs a command line, as in 'cmd:python train.py --arch {architecture}'")
        text = " ".join(self._words)
        if "{architecture}" not in text and "ARCHITECTURE" not in text:
            raise InputError(
                f"objective cmd: {command!r} has no place for the architecture; write {{architecture}} where it belongs"
            )
        if list(fidelities) != sorted(set(fidelities)) or any(type(each) is not int or each < 1 for each in fidelities):
            raise InputError(
                f"objective cmd: fidelities are different whole numbers, ascending from 1, got {fidelities}"
            )
        self._takes_fidelity = "{fidelity}" in text or "FIDELITY" in text
        if not self._takes_fidelity and (fidelities or fidelity is not None):
            raise InputError(
                f"objective cmd: {command!r} has no place for a fidelity; write {{fidelity}} where it belongs"
            )
        self._fidelity = fidelity if fidelity is not None else (fidelities[-1] if fidelities else None)
        if self._takes_fidelity and self._fidelity is None:
            raise InputError(
                f"objective cmd: say what {{fidelity}} is, as in 'cmd?fidelity=50:{command}', or what there is to "
                f"choose from, as in 'cmd?fidelities=5,15,50:{command}'"
            )
        if shutil.which(self._words[0]) is None:
            raise InputError(f"objective cmd: there is no program {self._words[0]!r} to run")
        self.fidelities = tuple(fidelities)
        self.space = None
        self.name = name if name is not None else _name(self._words)
        self.unit, self.minimise = unit, minimise
        self.description = f"the command {command}"
        self._folder = Path.cwd()
        self._reader = Reader(self.name)
        self.code = mark_of_command(self._words, self._folder)

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if fidelity is not None and not self._takes_fidelity:
            raise InputError(f"objective {self.name} has one fidelity: its command has no place for {{fidelity}}")
        if mark_of_command(self._words, self._folder) != self.code:
            raise InputError(
                f"objective {self.name}: the files of its command are not those that the search has begun with, on "
                "this machine; put them back, or repeat the search and accept the change (--accept-changes)"
            )
        level = self._fidelity if fidelity is None else fidelity
        words = [
            word.replace("{fidelity}", "" if level is None else str(level)).replace("{architecture}", architecture)
            for word in self._words
        ]
        variables = {"ARCHITECTURE": architecture, **({} if level is None else {"FIDELITY": str(level)})}
        start = time.perf_counter()
        try:
            process = subprocess.Popen(
                words,
                cwd=self._folder,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except (OSError, ValueError) as error:
            raise EvaluationError(f"cannot run {words[0]!r}: {getattr(error, 'strerror', None) or error}") from error
        found, said = _listen(process)
        elapsed = time.perf_counter() - start
        if process.returncode != 0:
            raise EvaluationError(f"the command {_ended(process.returncode)}{_last(said)}") from CommandSaidError(
                "\n".join(["", *said])
            )
        if found is None:
            raise EvaluationError(
                'the command printed no line that is JSON, such as {"validation": 93.5}' + _last(said)
            ) from CommandSaidError("\n".join(["", *said]))
        return self._reader.outcome(found, elapsed)


def _listen(process: subprocess.Popen[bytes]) -> tuple[object | None, deque[str]]:
    """Pass on what a command says until it ends; its last JSON, and its last lines."""
    found: list[object] = []
    said: deque[str] = deque(maxlen=_KEPT)

    def read(stream: IO[bytes], to: TextIO, outcome: bool) -> None:
        goes_on = False
        for raw in iter(lambda: stream.readline(_LONGEST), b""):
            part, goes_on = goes_on or len(raw) == _LONGEST, not raw.endswith(b"\n")
            line = raw.decode(errors="replace").rstrip("\r\n")
            said.append(line)
            with contextlib.suppress(OSError, ValueError):
                print(line, file=to)
            if outcome and not part and (document := _outcome(line)) is not None:
                if isinstance(document, dict) and document.keys() == {"epoch", "value"}:
                    report(document["epoch"], document["value"])
                else:
                    found[:] = [document]

    assert process.stdout is not None and process.stderr is not None
    errors = threading.Thread(target=read, args=(process.stderr, sys.stderr, False), daemon=True)
    errors.start()
    try:
        read(process.stdout, sys.stdout, True)
        process.wait()
        errors.join(1.0)  # what it has left running may keep the stream open
    except BaseException:
        process.kill()
        process.wait()
        raise
    return (found[0] if found else None), said


def _outcome(line: str) -> object | None:
    """What a line says if it is a JSON object or number, else None."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | int | float) and not isinstance(document, bool) else None


def _name(words: Sequence[str]) -> str:
    """A command by its script, or else its program."""
    scripts = [word for word in words if word.endswith((".py", ".sh")) and "{" not in word]
    return Path(scripts[0] if scripts else words[0]).stem


def _ended(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _last(said: Sequence[str]) -> str:
    lines = [line for line in said if line.strip()]
    return f"; it said last: {lines[-1].strip()}" if lines else ""
