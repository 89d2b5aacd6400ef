"""How far a piece of work is, as its folder shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from arch2vec.common import schemas as stored_studies
from arch2vec.common.documents import checked
from arch2vec.common.request import ASKED
from arch2vec.common.storage import read_json
from arch2vec.errors import InputError

State = Literal["finished", "running", "idle", "unknown"]

_QUIET_S, _QUIET_AT_FIRST_S = 120.0, 3600.0  # without a change for so long, and for several steps, nothing is running


@dataclass(frozen=True)
class Best:
    """The best architecture so far.

    Attributes:
        architecture: in the space's notation.
        validation: what the search maximises or minimises.
        test: percent, not seen by the search; None where there is none.
        cost_s: what its evaluation cost, seconds.
        unit: of its values, empty where they have none.
        minimise: whether less of the validation value is better.
    """

    architecture: str
    validation: float
    test: float | None
    cost_s: float
    unit: str = "%"
    minimise: bool = False


@dataclass(frozen=True)
class Pace:
    """What a folder says of its own speed.

    Attributes:
        done: steps that are done.
        of: steps asked for, None where the folder does not say.
        step_s: seconds a step took, None where that is not known.
        updated_at: when the folder changed last, seconds since 1970.
    """

    done: int
    of: int | None
    step_s: float | None
    updated_at: float


@dataclass(frozen=True)
class Status:
    """How far a piece of work is.

    Attributes:
        folder: where it is; of a study in a storage, its name.
        kind: ``search``, ``comparison``, ``multi-objective study``, ``training``,
            ``prediction`` or, for a folder of several, ``folder``.
        what: one line on what it is of.
        unit: what ``done`` counts.
        done: how many of them are done.
        of: how many were asked for, None where that is not known.
        state: ``finished``; ``running``, as far as its files tell; ``idle`` when they have not
            changed for long; ``unknown`` where it is not known how many were asked for.
        step_s: seconds that one took.
        remaining_s: until the end at that speed; None unless running.
        updated_at: when the folder changed last, seconds since 1970.
        best: the best architecture so far.
        figures: further numbers, by name.
        parts: of a folder of several.
    """

    folder: Path | str
    kind: str
    what: str
    unit: str
    done: int
    of: int | None
    state: State
    step_s: float | None
    remaining_s: float | None
    updated_at: float
    best: Best | None = None
    figures: Mapping[str, float] | None = None
    parts: tuple[Status, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        document = asdict(self) | {"folder": str(self.folder), "figures": dict(self.figures or {})}
        return document | {"parts": [part.to_dict() for part in self.parts]}


def status_of(
    folder: Path | str,
    kind: str,
    what: str,
    unit: str,
    pace: Pace,
    best: Best | None = None,
    figures: Mapping[str, float] | None = None,
    parts: tuple[Status, ...] = (),
) -> Status:
    """A status, with the state and the estimated end that follow from the pace."""
    state, remaining = _state(pace, time.time())
    done = pace.done if pace.of is None else min(pace.done, pace.of)
    return Status(
        folder, kind, what, unit, done, pace.of, state, pace.step_s, remaining, pace.updated_at, best, figures, parts
    )


def with_owner(status: Status, owned: bool | None) -> Status:
    """What a folder's lock says overrules what its files let one guess.

    Args:
        status: as the files tell.
        owned: whether a process is at work on the folder, None where that cannot be known.
    """
    if owned is None or status.state == "finished" or owned == (status.state == "running"):
        return status
    if owned:
        return replace(status, state="running")
    return replace(status, state="unknown" if status.of is None else "idle", remaining_s=None)


def _state(pace: Pace, now: float) -> tuple[State, float | None]:
    if pace.of is not None and pace.done >= pace.of:
        return "finished", None
    quiet = max(0.0, now - pace.updated_at)
    if quiet > (_QUIET_AT_FIRST_S if pace.step_s is None else max(_QUIET_S, 5 * pace.step_s)):
        return ("unknown" if pace.of is None else "idle"), None
    if pace.of is None or pace.step_s is None:
        return "running", None
    return "running", max(0.0, (pace.of - pace.done) * pace.step_s - quiet)


@dataclass(frozen=True)
class Asked:
    """What a folder was last asked for; see :mod:`arch2vec.common.request`.

    Attributes:
        started_at: when, seconds since 1970.
        done_at_start: steps that were there already.
        limits: the rest, by name.
    """

    started_at: float
    done_at_start: int
    limits: Mapping[str, Any]

    def pace(self, done: int, of: int | None, updated_at: float) -> Pace:
        """The pace since then."""
        made, spent = done - self.done_at_start, updated_at - self.started_at
        step = spent / made if made > 0 and spent > 0 else None
        return Pace(done, of, step, max(updated_at, self.started_at))


def asked_of(folder: Path) -> Asked | None:
    """What a folder was asked for, None where that was not kept or cannot be read."""
    try:
        document = dict(checked(read_json(folder / ASKED), stored_studies.ASKED, folder / ASKED))
    except InputError:
        return None
    return Asked(float(document.pop("started_at")), document.pop("done_at_start"), document)


def changed_at(*paths: Path) -> float:
    """When the last of some files changed, seconds since 1970; of those that are there."""
    times = [0.0]
    for path in paths:
        try:
            times.append(path.stat().st_mtime)
        except OSError:  # it has gone meanwhile
            continue
    return max(times)
