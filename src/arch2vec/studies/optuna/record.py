"""A search in one of Optuna's storages: several drivers, on one machine or many, that may die at any moment.

A method's state is made from the recorded trials alone. Before each proposal its random choices are made to follow from
the search's seed and from how many trials there are, so that a search which was killed goes on as if it had not been.

A candidate is claimed by making a running trial and looking at all trials again: of two claims of one architecture, and
of those beyond the budget, the ones with the higher numbers are withdrawn. Numbers are given by the storage, one
after the other, so every driver comes to the same view.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from typing_extensions import override

from arch2vec.common.cache import cache_folder
from arch2vec.errors import InputError
from arch2vec.objectives.reporting import Judge
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.failures import say
from arch2vec.searching.goal import Goal
from arch2vec.searching.patience import shown
from arch2vec.searching.store import StudyConfig, misplaced
from arch2vec.searching.trials import Trial
from arch2vec.studies.jobs import BOOKS
from arch2vec.studies.optuna.drivers import Drivers
from arch2vec.studies.optuna.parameters import Parameters
from arch2vec.studies.optuna.storage import ask, open_storage
from arch2vec.studies.optuna.trials import (
    AFTER,
    DRIVER,
    PLACE,
    STUDY,
    SUM,
    VOID,
    Entry,
    end_of,
    entry_of,
    in_order,
    outcome_attributes,
    proposal_attributes,
    trial_sum,
)
from arch2vec.studies.records import Claim, Record, books_of

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial

KIND = "arch2vec study 1"
T = TypeVar("T")

NAMES = "study:metric_names"
"""Optuna's own name for what its plots and dashboard call a study's several values."""

CONSTRAINTS = "constraints"
"""Optuna's own name for what says how far a trial is beyond its limits."""
_FAR = 1e300  # beyond a limit, of a number that is not known

_LOOK_S = 1.0  # between looks at what other drivers do
_ANOTHER_S = 10.0  # for another driver to say what the study is that it has just made


def name_of(config: StudyConfig) -> str:
    """What a study is called unless the user says otherwise: the same for every driver of the same search."""
    space = config.space
    if len(space) > 40:  # a declaration
        space = f"declared-{hashlib.sha256(space.encode()).hexdigest()[:8]}"
    return f"{config.objective} {config.method} on {space} seed {config.seed}"


class InStorage(Record):
    """A study in a storage.

    Args:
        url: of the storage.
        name: of the study.
        config: what it is.
        accept_changes: whether to go on with a study of which the marks differ.
        about: further facts that are kept with it, for those who look at it.
        goal: what is better.
        pruner: which trainings are given up on the way, None for none.
        books: the folder of workers' books, by default one of this machine's.

    Raises:
        InputError: there is no such storage, or it does not answer.
    """

    def __init__(
        self,
        url: str,
        name: str,
        config: StudyConfig,
        accept_changes: bool = False,
        about: Mapping[str, Any] | None = None,
        goal: Goal | None = None,
        pruner: str | None = None,
        books: Path | None = None,
    ) -> None:
        self._url, self._name, self._config, self._accept = url, name, config, accept_changes
        self._about = dict(about or {})
        self._goal, self._pruner = goal or Goal(), pruner
        self._all_books = books or cache_folder().absolute() / BOOKS
        self._storage: BaseStorage = open_storage(url)
        self._where = f"study {name!r} in {shown(url)}"
        self._seen: set[int] = set()  # ended trials that the method has been told of
        self._ours: dict[tuple[int, int | None], int] = {}  # what is being evaluated here, and its trial
        self._entries: list[Entry] = []
        self._looked_at = 0.0
        self._drivers: Drivers | None = None

    @override
    def load(self, searcher: SearchMethod) -> list[Trial]:
        if getattr(searcher, "repeats", False):
            raise InputError(
                f"method {searcher.name!r} pays for architectures again and again, which a storage with several "
                "drivers cannot tell from a mistake; keep it in a folder (--out)"
            )
        self._searcher = searcher
        self._parameters = Parameters(searcher.embedding)
        self._distributions = self._parameters.distributions()
        self._study = self._found()
        entries = [entry for entry in self._look() if not entry.void]
        for entry in entries:
            known = searcher.embedding.architectures
            row, architecture = entry.candidate.index, entry.candidate.architecture
            if row >= len(known) or known[row] != architecture:
                raise InputError(misplaced(self._where, architecture, entry.number))
        ended = in_order(entries)
        told: list[Trial] = []

        def tell(upto: int) -> None:
            for entry in ended[len(told) : upto]:
                assert entry.trial is not None
                self._goal.tell(searcher, entry.trial, told)
                self._seen.add(entry.id)
                told.append(entry.trial)

        # As it happened: what was proposed when, given which outcomes.
        for entry in sorted(entries, key=lambda each: each.number):
            tell(entry.after)
            searcher.expect([entry.candidate])
        tell(len(ended))
        from arch2vec.searching.evaluation import numbered

        trials: list[Trial] = []
        for trial in told:
            trials.append(numbered(trial, trials))
        self._drivers = Drivers(
            lambda key, value: self._storage.set_study_user_attr(self._study, key, value),
            lambda: self._storage.get_study_user_attrs(self._study),
        )
        return trials

    @override
    def news(self, now: bool = False) -> list[Trial]:
        if not now and time.monotonic() - self._looked_at < _LOOK_S:
            return []
        return self._news()

    def _news(self) -> list[Trial]:
        """What others have done since; the method expects what they are at, and no longer what they have given up."""
        found: list[Trial] = []
        pending = {(candidate.index, candidate.fidelity) for candidate in self._searcher.pending}
        entries = self._look()
        alive = {entry.key for entry in entries if not entry.void}
        self._searcher.withdraw(
            [
                entry.candidate
                for entry in entries
                if entry.void and entry.driver != self._me and entry.key in pending and entry.key not in alive
            ]
        )
        for entry in entries:
            if entry.void or entry.id in self._seen or entry.id in self._ours.values():
                continue
            self._searcher.expect([entry.candidate])
            if entry.trial is not None:
                self._seen.add(entry.id)
                found.append(entry.trial)
        return found

    @override
    def abandoned(self) -> list[Candidate]:
        running = [each for each in self._entries if each.running and not each.void and each.driver != self._me]
        if not running:
            return []
        known = self._do(lambda: self._storage.get_study_user_attrs(self._study))
        assert self._drivers is not None
        left = [
            entry.candidate
            for entry in running
            if self._drivers.dead(entry.driver, known) and self._void(entry.id, "its driver is gone")
        ]
        if left:
            self._look()
            say(f"{len(left)} evaluations of a driver that is gone are begun again")
        return left

    @override
    def prepare(self) -> None:
        assert self._drivers is not None
        counted = sum(not entry.void for entry in self._look())
        known = self._do(lambda: self._storage.get_study_user_attrs(self._study))
        # Drivers that work at once propose different things.
        own = [] if self._drivers.alone(known) else [zlib.crc32(self._drivers.name.encode())]
        self._searcher.reseed(self._config.seed, counted, *own)

    @override
    def others(self) -> int:
        return sum(each.running and not each.void and each.driver != self._me for each in self._entries)

    @override
    def claim(self, candidate: Candidate, budget: int | None) -> Claim:
        key = candidate.index, candidate.fidelity
        if budget is not None and sum(not entry.void for entry in self._look()) >= budget:
            return "full"
        self._searcher.expect([candidate])
        mine = self._do(lambda: self._storage.create_new_trial(self._study, self._template(candidate)))
        entries = self._look()
        number = next(entry.number for entry in entries if entry.id == mine)
        earlier = [entry for entry in entries if not entry.void and entry.number < number]
        same = next((entry for entry in earlier if self._alike(entry.key, key)), None)
        if same is not None:
            self._void(mine, f"trial {same.number} is of the same function")
            if same.driver == self._me and same.id not in self._ours.values() and same.running:
                self._ours[key] = same.id  # made by an attempt of ours that the storage did not confirm
                return "ours"
            if same.key != key:  # nobody will tell of this very one
                self._searcher.withdraw([candidate])
            return "taken"
        if budget is not None and len(earlier) >= budget:
            self._void(mine, "it is beyond the budget")
            return "full"
        self._ours[key] = mine
        return "ours"

    @override
    def settle(self, trials: Sequence[Trial]) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        trial = trials[-1]
        mine = self._ours.pop((trial.index, trial.fidelity))
        self._seen.add(mine)
        place = len(self._seen)
        try:
            several = {"validation": trial.validation} if self._goal.criteria and not trial.failed else {}
            told = {**outcome_attributes(trial), **several}
            state, values = end_of(trial, self._goal)
            about = proposal_attributes(Candidate(trial.index, trial.architecture, trial.fidelity))
            ours = {PLACE: place, SUM: trial_sum({**about, **told}, place, state.name, values)}
            if self._goal.most:
                ours[CONSTRAINTS] = self._excess(trial)
            for name, value in told.items():
                self._do(lambda name=name, value=value: self._storage.set_trial_user_attr(mine, name, value))  # type: ignore[misc]
            for name, value in ours.items():
                self._do(lambda name=name, value=value: self._storage.set_trial_system_attr(mine, name, value))  # type: ignore[misc]
            if self._pruner is None:
                for epoch, value in trial.reports:
                    self._do(lambda at=epoch, value=value: self._storage.set_trial_intermediate_value(mine, at, value))  # type: ignore[misc]
            self._do(lambda: self._storage.set_trial_state_values(mine, state, values))
        except UpdateFinishedTrialError:
            # The storage has it already, where an attempt was not confirmed; or this driver was taken for dead.
            pass

    @override
    def judge(self, candidate: Candidate) -> tuple[Judge | None, bool]:
        if self._pruner is None:
            return None, True
        from arch2vec.studies.pruning import TrialJudge

        mine = self._ours[candidate.index, candidate.fidelity]
        return TrialJudge(self._url, self._name, mine, self._pruner), True

    def _excess(self, trial: Trial) -> list[float]:
        """How far a trial is beyond each limit, as Optuna's samplers and plots have it: above 0 is not feasible."""
        found = [self._goal.number(trial, name) - limit for name, limit in sorted(self._goal.most.items())]
        return [_FAR if math.isnan(excess) else excess for excess in found]

    @override
    def close(self) -> None:
        if self._drivers is not None:
            drivers, self._drivers = self._drivers, None
            try:
                drivers.end()
            except Exception as error:  # its lock, or its beats, end with the process
                del error
            at_work = any(entry.running and not entry.void and entry.id not in self._seen for entry in self._entries)
            if self.books is not None and not at_work:
                shutil.rmtree(self.books.parent, ignore_errors=True)  # all that is in the books is in the study

    @property
    def _me(self) -> str:
        return "" if self._drivers is None else self._drivers.name

    def _do(self, action: Callable[[], T]) -> T:
        return ask(self._url, action)

    def _look(self) -> list[Entry]:
        """All trials of ours as they are now."""
        found = self._do(lambda: self._storage.get_all_trials(self._study, deepcopy=False))
        self._looked_at = time.monotonic()
        entries = (entry_of(trial, self._where) for trial in found)
        self._entries = [entry for entry in entries if entry is not None]
        return self._entries

    def _alike(self, one: tuple[int, int | None], other: tuple[int, int | None]) -> bool:
        return one[1] == other[1] and self._searcher.counts_as_one(one[0], other[0])

    def _template(self, candidate: Candidate) -> FrozenTrial:
        import optuna

        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=self._parameters.of(candidate.index),
            distributions=self._distributions,
            user_attrs=dict(proposal_attributes(candidate)),
            system_attrs={DRIVER: self._me, AFTER: len(self._seen)},
        )

    def _void(self, trial: int, why: str) -> bool:
        """Withdraw a trial; whether it was ours to withdraw."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        try:
            self._do(lambda: self._storage.set_trial_system_attr(trial, VOID, why))
            self._do(lambda: self._storage.set_trial_state_values(trial, TrialState.FAIL))
        except UpdateFinishedTrialError:
            return False
        return True

    def _found(self) -> int:
        """The study, made where there is none.

        Raises:
            InputError: it is another program's, or of another configuration.
        """
        from optuna.exceptions import DuplicatedStudyError

        config: dict[str, Any] = {**self._config.fixed, **self._config.marks}
        fresh = {"kind": KIND, "identity": uuid4().hex, "config": config, **self._about}
        try:
            study = self._do(lambda: self._storage.create_new_study(self._directions(), self._name))
            if names := [criterion.column for criterion in self._goal.criteria]:
                self._do(lambda: self._storage.set_study_system_attr(study, NAMES, names))
            self._do(lambda: self._storage.set_study_user_attr(study, STUDY, fresh))
            self._open_books(fresh)
            return study
        except DuplicatedStudyError:
            study = self._do(lambda: self._storage.get_study_id_from_name(self._name))
        until = time.monotonic() + _ANOTHER_S
        while (there := self._do(lambda: self._storage.get_study_user_attrs(study)).get(STUDY)) is None:
            if time.monotonic() > until or self._do(lambda: self._storage.get_n_trials(study)):
                if self._do(lambda: self._storage.get_n_trials(study)):
                    raise InputError(f"{self._where} is another program's; name another study (--study)")
                there = fresh  # whoever made it died at once
                self._do(lambda: self._storage.set_study_user_attr(study, STUDY, fresh))
                break
            time.sleep(0.2)
        if not isinstance(there, dict) or there.get("kind") != KIND or not isinstance(there.get("config"), dict):
            raise InputError(f"{self._where} is not one of arch2vec's; name another study (--study)")
        try:
            count = sum(1 for entry in self._entries_of(study) if not entry.void and not entry.running)
            changed = self._config.compared(there["config"], self._where, count, self._accept)
        except KeyError as error:
            raise InputError(f"{self._where} is damaged: it does not say its {error}") from error
        told = {**fresh, **there, **self._about, "config": config}
        if changed:
            told["changes"] = [*there.get("changes", []), *changed]
        if told != there:
            self._do(lambda: self._storage.set_study_user_attr(study, STUDY, told))
        self._open_books(told)
        return study

    def _open_books(self, told: Mapping[str, Any]) -> None:
        # Not by its name and place: another study may have had both.
        self.books = books_of(self._all_books / str(told["identity"]), self._config.marks)

    def _directions(self) -> list[StudyDirection]:
        from optuna.study import StudyDirection

        least = [not criterion.maximise for criterion in self._goal.criteria] or [self._goal.minimise]
        return [StudyDirection.MINIMIZE if each else StudyDirection.MAXIMIZE for each in least]

    def _entries_of(self, study: int) -> list[Entry]:
        found = self._do(lambda: self._storage.get_all_trials(study, deepcopy=False))
        return [entry for trial in found if (entry := entry_of(trial, self._where)) is not None]
