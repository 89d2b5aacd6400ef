"""Which trainings are given up on the way: Optuna's pruners, fed with what trainings report.

A search kept in a storage reports to its study there, so that all drivers and machines judge by the same values, and a
storage that does not answer gives nothing up. Any other search has a study of Optuna's in memory, which is made again
from the recorded reports when the search goes on.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arch2vec.common.options import Reader, decimal, read_options, whole
from arch2vec.errors import InputError, unknown
from arch2vec.searching.base import Candidate
from arch2vec.searching.patience import may_pass
from arch2vec.searching.trials import Trial
from arch2vec.studies.optuna.storage import open_storage

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.storages import BaseStorage

_SETTINGS: Mapping[str, tuple[str, Mapping[str, tuple[str, Reader]]]] = {
    "median": (
        "MedianPruner",
        {
            "trials": ("n_startup_trials", whole),
            "warmup": ("n_warmup_steps", whole),
            "every": ("interval_steps", whole),
        },
    ),
    "percentile": (
        "PercentilePruner",
        {
            "percentile": ("percentile", decimal),
            "trials": ("n_startup_trials", whole),
            "warmup": ("n_warmup_steps", whole),
            "every": ("interval_steps", whole),
        },
    ),
    "successive-halving": (
        "SuccessiveHalvingPruner",
        {"least": ("min_resource", whole), "factor": ("reduction_factor", whole)},
    ),
    "hyperband": (
        "HyperbandPruner",
        {"least": ("min_resource", whole), "most": ("max_resource", whole), "factor": ("reduction_factor", whole)},
    ),
}
PRUNERS = tuple(_SETTINGS)


def make_pruner(text: str) -> BasePruner:
    """The pruner that a line of text names: ``median``, ``hyperband?least=1&most=81&factor=3``.

    Raises:
        InputError: there is none of that name, or a setting cannot be.
    """
    name, _, query = text.strip().partition("?")
    if name not in _SETTINGS:
        raise unknown("pruner", name, _SETTINGS)
    kind, settings = _SETTINGS[name]
    given = read_options(f"pruner {name}", query, {key: reader for key, (_, reader) in settings.items()}, "setting")
    if name == "percentile":
        given.setdefault("percentile", 25.0)
    import optuna

    try:
        made: BasePruner = getattr(optuna.pruners, kind)(**{settings[key][0]: value for key, value in given.items()})
    except ValueError as error:
        raise InputError(f"pruner {text}: {' '.join(str(error).split())}") from error
    return made


@dataclass(frozen=True)
class TrialJudge:
    """Judges one training by a trial in a storage, from any process on any machine.

    Attributes:
        url: of the storage.
        study: its name.
        trial: the trial's id there.
        pruner: as :func:`make_pruner` reads it.
    """

    url: str
    study: str
    trial: int
    pruner: str

    def __call__(self, epoch: int, value: float) -> bool:
        """Whether the training is to be given up, having reached a value."""
        try:
            return _judge(_storage(self.url), self.study, _pruner(self.pruner), self.trial, epoch, value)
        except Exception as error:
            if isinstance(error, InputError) or may_pass(error):  # the storage does not answer: trainings go on
                return False
            raise


@functools.lru_cache(maxsize=4)
def _storage(url: str) -> BaseStorage:
    return open_storage(url, make=False)


@functools.lru_cache(maxsize=4)
def _pruner(text: str) -> BasePruner:
    return make_pruner(text)


class Memory:
    """Judges trainings of a search that is kept in no storage.

    Args:
        pruner: as :func:`make_pruner` reads it.
        minimise: whether less is better.
        trials: that there are already.
    """

    def __init__(self, pruner: str, minimise: bool, trials: Sequence[Trial] = ()) -> None:
        import optuna
        from optuna.study import StudyDirection

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._pruner = make_pruner(pruner)
        self._storage: BaseStorage = optuna.storages.InMemoryStorage()
        direction = StudyDirection.MINIMIZE if minimise else StudyDirection.MAXIMIZE
        self._study = self._storage.create_new_study([direction], "search")
        self._ids: dict[tuple[int, int | None], int] = {}
        for trial in trials:
            judge = self.begin(Candidate(trial.index, trial.architecture, trial.fidelity))
            for epoch, value in trial.reports:
                judge(epoch, value)  # what pruners note of a trial is there again
            self.end(trial)

    def begin(self, candidate: Candidate) -> functools.partial[bool]:
        """Who judges a training that begins."""
        number = self._storage.create_new_trial(self._study)
        self._ids[candidate.index, candidate.fidelity] = number
        return functools.partial(_judge, self._storage, "search", self._pruner, number)

    def end(self, trial: Trial) -> None:
        """Take note of what became of a training."""
        from optuna.trial import TrialState

        number = self._ids.pop((trial.index, trial.fidelity), None)
        if number is None:
            number = self._storage.create_new_trial(self._study)
        state = TrialState.PRUNED if trial.pruned else TrialState.FAIL if trial.failed else TrialState.COMPLETE
        values = None if math.isnan(trial.validation) else [trial.validation]
        self._storage.set_trial_state_values(number, state, values)


def _judge(storage: BaseStorage, study: str, pruner: BasePruner, trial: int, epoch: int, value: float) -> bool:
    storage.set_trial_intermediate_value(trial, epoch, value)
    return bool(pruner.prune(_study(storage, study, pruner), storage.get_trial(trial)))


def _study(storage: BaseStorage, name: str, pruner: BasePruner) -> Any:
    import optuna

    return optuna.study.Study(name, storage, sampler=optuna.samplers.RandomSampler(0), pruner=pruner)
