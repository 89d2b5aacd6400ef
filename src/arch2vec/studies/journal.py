"""Evaluations of a study's unfinished runs, a line each, so that no training is lost when it is stopped.

A block of runs is kept as a whole once it is finished. Until then every evaluation is written down as it is
made. The same block, run again, proposes the same architectures in the same order: it takes from the journal
what is there and evaluates the rest.
"""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from arch2vec.common.documents import checked, parse_json, sealed, unsealed
from arch2vec.common.schemas import JOURNAL_LINE
from arch2vec.common.storage import reading, writing
from arch2vec.errors import InputError
from arch2vec.searching.base import Candidate
from arch2vec.searching.store import reports_entry, reports_of
from arch2vec.searching.trials import Trial

SUFFIX = ".journal.jsonl"

_Key = tuple[int, str, int | None]  # the search's seed, the architecture, the fidelity


class Journal:
    """The journal of one block.

    Args:
        path: of the file that it writes.
        earlier: journals of earlier calls that may hold evaluations of these runs; it may be among them.

    Raises:
        InputError: one cannot be read, or has a line that is not as it was written.
    """

    def __init__(self, path: Path, earlier: Iterable[Path] = ()) -> None:
        self._path = path
        self._made: dict[_Key, deque[Trial]] = defaultdict(deque)
        for file in earlier:
            with reading(file, "a journal"):
                lines = file.read_bytes().splitlines()
            for number, line in enumerate(lines, start=1):
                if (entry := _read(line, f"line {number} of {file}")) is not None:
                    self._made[entry[0]].append(entry[1])
        self._begun = False

    def take(self, seed: int, candidate: Candidate) -> Trial | None:
        """The evaluation of a search's candidate, where it was made before."""
        waiting = self._made.get((seed, candidate.architecture, candidate.fidelity))
        return waiting.popleft() if waiting else None

    def add(self, seed: int, trial: Trial) -> None:
        """Write an evaluation down before anything else happens.

        Raises:
            InputError: it cannot be written.
        """
        entry = {
            "seed": seed,
            "row": trial.index,
            "architecture": trial.architecture,
            "fidelity": trial.fidelity,
            "validation": None if trial.failed else trial.validation,
            "test": trial.test,
            "cost_s": trial.cost_s,
            "extra": dict(trial.extra),
            "error": trial.error,
            **reports_entry(trial),
        }
        # A write that was killed may have left half a line.
        line = ("" if self._begun else "\n") + json.dumps(sealed(entry)) + "\n"
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        self._begun = True


def _read(line: bytes, where: str) -> tuple[_Key, Trial] | None:
    """What a line says, None where it is half a line or none.

    Raises:
        InputError: it is a whole line, and not as it was written.
    """
    try:
        document = parse_json(line, where)
    except InputError:  # a part of an object is no document
        return None
    entry: dict[str, Any] = checked(unsealed(document, where), JOURNAL_LINE, where)
    trial = Trial(
        number=1,
        index=entry["row"],
        architecture=entry["architecture"],
        validation=math.nan if entry["validation"] is None else float(entry["validation"]),
        test=None if entry["test"] is None else float(entry["test"]),
        cost_s=float(entry["cost_s"]),
        cumulative_cost_s=float(entry["cost_s"]),
        method_s=0.0,
        extra={name: float(value) for name, value in entry["extra"].items()},
        fidelity=entry["fidelity"],
        error=entry["error"],
        **reports_of(entry),
    )
    return (entry["seed"], trial.architecture, trial.fidelity), trial
