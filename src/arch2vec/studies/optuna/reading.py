"""Studies in a storage, for those who look: read without their embedding, objective or method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from arch2vec.errors import InputError
from arch2vec.searching.patience import shown
from arch2vec.studies.optuna.drivers import PREFIX, Drivers
from arch2vec.studies.optuna.storage import ask, open_storage
from arch2vec.studies.optuna.trials import STUDY, Entry, entry_of, in_order

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Stored:
    """A study of ours in a storage.

    Attributes:
        name: of the study.
        config: what it is.
        budget: evaluations last asked for, None for no limit.
        entries: its trials, but for void ones.
        started_at: when the first began, seconds since 1970; 0 where none has.
        alive: whether a driver is at work on it, None where that cannot be known.
        about: what else is kept with it: the unit of its values, whether less is better, limits.
    """

    name: str
    config: dict[str, Any]
    budget: int | None
    entries: tuple[Entry, ...]
    started_at: float
    alive: bool | None
    about: Mapping[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """The trials that have ended, in that order, as :mod:`arch2vec.studies.inspection.readers` has them."""
        from arch2vec.studies.inspection.readers import trials_frame

        return trials_frame(
            self.config,
            [
                {
                    "number": number,
                    "architecture": entry.candidate.architecture,
                    "fidelity": entry.candidate.fidelity,
                    "validation": None if entry.trial.failed else entry.trial.validation,
                    "test": entry.trial.test,
                    "cost_s": entry.trial.cost_s,
                    "extra": entry.trial.extra,
                    "pruned": entry.trial.pruned,
                }
                for number, entry in enumerate(in_order(self.entries), start=1)
                if entry.trial is not None
            ],
            self.about,
        )


def stored_studies(url: str) -> list[Stored]:
    """All studies of ours in a storage.

    Raises:
        InputError: it does not answer, or holds none.
    """
    storage = open_storage(url, make=False)
    found: list[Stored] = []
    for study in ask(url, storage.get_all_studies, 0.0):
        about = study.user_attrs.get(STUDY)
        if not isinstance(about, dict) or not isinstance(about.get("config"), dict):
            continue
        where = f"study {study.study_name!r} in {shown(url)}"
        if not {"method", "objective", "seed", "space"} <= set(about["config"]):
            raise InputError(f"{where} is damaged: it does not say what it is of")
        trials = ask(url, partial(storage.get_all_trials, study._study_id, deepcopy=False), 0.0)
        entries = [entry for trial in trials if (entry := entry_of(trial, where)) is not None and not entry.void]
        starts = [trial.datetime_start.timestamp() for trial in trials if trial.datetime_start is not None]
        found.append(
            Stored(
                study.study_name,
                about["config"],
                about.get("budget") if isinstance(about.get("budget"), int) else None,
                tuple(entries),
                min(starts, default=0.0),
                _alive(study.user_attrs),
                about,
            )
        )
    if not found:
        raise InputError(f"{shown(url)} holds no study of arch2vec; 'arch2vec search --storage' makes one")
    return found


def _alive(known: dict[str, Any]) -> bool | None:
    """Whether a driver lives; of another machine's one look cannot tell."""
    names = [key.removeprefix(PREFIX) for key in known if key.startswith(PREFIX)]
    if any(Drivers.here(known.get(PREFIX + name)) for name in names):
        return True
    return None if any(Drivers.elsewhere(known.get(PREFIX + name)) for name in names) else False
