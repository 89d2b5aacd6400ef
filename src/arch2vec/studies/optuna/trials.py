"""How a trial of ours stands in Optuna's storage, and back.

A trial is made, as running, in one step with all that says what it is: two drivers that propose the same at once both
see both, and the lower number wins. What is withdrawn, because another had it first or its driver died, is a failed
trial with a reason; it does not count.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arch2vec.common.documents import Check, checked, mapping, number, optional, record, text, whole
from arch2vec.errors import InputError
from arch2vec.searching.base import Candidate
from arch2vec.searching.goal import Goal
from arch2vec.searching.trials import Trial

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, TrialState

STUDY, VOID, AFTER, DRIVER = "arch2vec", "arch2vec:void", "arch2vec:after", "arch2vec:driver"
PLACE = "arch2vec:place"
"""How many outcomes the driver of a trial knew when it ended, its own among them."""
SUM = "arch2vec:sum"
"""The checksum of what a trial that ended is of and has come to: databases have none for their rows."""
EXTRA = "extra "
"""Before the names of an objective's further numbers."""

_ABOUT: Check = record(
    {"architecture": text(), "row": whole(0)},
    {
        "fidelity": optional(whole(1)),
        "test": optional(number(finite=False)),
        "cost_s": number(0),
        "error": optional(text()),
        "validation": number(),
        "extra": mapping(number(finite=False)),
    },
)
_OURS: Check = record({DRIVER: text()}, {AFTER: whole(0), PLACE: whole(0), SUM: text(), VOID: text()})
_NAMES = ("architecture", "row", "fidelity", "test", "cost_s", "error", "validation")


@dataclass(frozen=True)
class Entry:
    """A trial of ours in a storage.

    Attributes:
        id: in the storage.
        number: in the study.
        candidate: what it is of.
        driver: who evaluates it.
        after: how many outcomes its driver knew when it proposed it.
        void: whether it does not count.
        running: whether it has not ended.
        ended_at: when it ended, seconds since 1970 by its driver's clock; 0 while it runs.
        place: how many outcomes its driver knew with its own; None while it runs, or where an older version ended it.
        trial: what came of it, as if it were a study's first; None while it runs.
    """

    id: int
    number: int
    candidate: Candidate
    driver: str
    after: int
    void: bool
    running: bool
    ended_at: float
    place: int | None
    trial: Trial | None

    @property
    def key(self) -> tuple[int, int | None]:
        """What no two trials may be of, but for void ones."""
        return self.candidate.index, self.candidate.fidelity


def entry_of(found: FrozenTrial, where: str) -> Entry | None:
    """A trial as ours; None where somebody else has put it there.

    Raises:
        InputError: it is damaged.
    """
    from optuna.trial import TrialState

    ours = {name: value for name, value in found.system_attrs.items() if name in (DRIVER, AFTER, PLACE, SUM, VOID)}
    if not ours:
        return None
    where = f"trial {found.number} of {where}"
    checked(ours, _OURS, where)
    extra = {key[len(EXTRA) :]: value for key, value in found.user_attrs.items() if key.startswith(EXTRA)}
    about: dict[str, Any] = {name: found.user_attrs[name] for name in _NAMES if name in found.user_attrs}
    checked({**about, "extra": extra}, _ABOUT, where)
    candidate = Candidate(about["row"], about["architecture"], about.get("fidelity"))
    running = not found.state.is_finished()
    trial = None
    if not running:
        values = found.values if found.state in (TrialState.COMPLETE, TrialState.PRUNED) else None
        if ours.get(SUM) not in (None, trial_sum(found.user_attrs, ours.get(PLACE), found.state.name, values)):
            raise InputError(
                f"{where} is damaged: it is not that of its checksum; restore the storage, or name another"
            )
        cost = float(about.get("cost_s", 0.0))
        trial = Trial(
            number=1,
            index=candidate.index,
            architecture=candidate.architecture,
            validation=float(about.get("validation", math.nan)) if not values else float(values[0]),
            test=about.get("test"),
            cost_s=cost,
            cumulative_cost_s=cost,
            method_s=0.0,
            extra={name: float(value) for name, value in extra.items()},
            fidelity=candidate.fidelity,
            error=about.get("error"),
            reports=tuple(sorted(found.intermediate_values.items())),
            pruned=found.state == TrialState.PRUNED,
        )
    return Entry(
        id=found._trial_id,
        number=found.number,
        candidate=candidate,
        driver=ours[DRIVER],
        after=ours.get(AFTER, 0),
        void=VOID in ours and found.state != TrialState.COMPLETE,
        running=running,
        ended_at=found.datetime_complete.timestamp() if found.datetime_complete is not None else 0.0,
        place=None if running else ours.get(PLACE),
        trial=trial,
    )


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Those that count and have ended, in the order of their ends, whatever clocks say: every driver has the same.

    A driver's outcomes are in the order in which it has made them, and after those that it knew of. Clocks only
    decide between drivers that did not know of one another's.
    """
    ended = [entry for entry in entries if not entry.running and not entry.void]
    known = all(entry.place is not None for entry in ended)
    return sorted(ended, key=lambda each: (each.place if known else 0, each.ended_at, each.number))


def trial_sum(attributes: Mapping[str, Any], place: int | None, state: str, values: Sequence[float] | None) -> str:
    """The checksum of a trial's attributes that are ours, of when and how it ended and with which values."""
    told = {name: value for name, value in attributes.items() if name in _NAMES or name.startswith(EXTRA)}
    content = [sorted(told.items()), place, state, None if values is None else [repr(float(value)) for value in values]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def outcome_attributes(trial: Trial) -> dict[str, Any]:
    """What is noted of an outcome beside its value."""
    return {
        "cost_s": trial.cost_s,
        **({} if trial.test is None else {"test": trial.test}),
        **({} if trial.error is None else {"error": trial.error}),
        **{f"{EXTRA}{name}": value for name, value in trial.extra.items()},
    }


def end_of(trial: Trial, goal: Goal) -> tuple[TrialState, list[float] | None]:
    """How a trial ends in the storage, and its values there."""
    from optuna.trial import TrialState

    if trial.failed:
        return TrialState.PRUNED if trial.pruned else TrialState.FAIL, None
    if trial.pruned:
        return TrialState.PRUNED, None if goal.criteria else [trial.validation]
    if not goal.criteria:
        return TrialState.COMPLETE, [trial.validation]
    values = goal.values(trial)
    if all(map(math.isfinite, values)):
        return TrialState.COMPLETE, values
    return TrialState.FAIL, None  # Optuna takes all criteria or none


def proposal_attributes(candidate: Candidate) -> Mapping[str, Any]:
    """What is noted of a proposal."""
    about: dict[str, Any] = {"architecture": candidate.architecture, "row": candidate.index}
    return about if candidate.fidelity is None else {**about, "fidelity": candidate.fidelity}
