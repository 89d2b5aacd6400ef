"""Our search methods in a program of Optuna's.

    sampler = Arch2VecSampler("nasbench201", seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)

    def objective(trial):
        architecture = sampler.suggest(trial)
        learning_rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
        ...

    study.optimize(objective, n_trials=100)

The architecture is a categorical parameter for each vertex and edge (:mod:`arch2vec.studies.optuna.parameters`),
which are proposed together. All other parameters are sampled by another sampler. What the method knows follows from the
study's trials alone: several processes on one storage, a study that is loaded again and trials that were
enqueued or evaluated by another sampler are all the same to it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.exceptions import TrialPruned
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.base import LARGEST, Candidate, SearchMethod
from arch2vec.searching.spec import resolve_method
from arch2vec.studies.optuna.parameters import Parameters

if TYPE_CHECKING:
    from arch2vec.spaces import SearchSpace

ROW = "arch2vec:row"
"""The system attribute of a trial that says which architecture was proposed for it."""


class Arch2VecSampler(BaseSampler):
    """Proposes architectures by one of our search methods.

    Args:
        source: the architectures and their vectors; of a search space, or its name, the vectors say what
            architectures look like and compute, without any pre-training.
        method: the name of a search method.
        seed: of everything random; None for another one every time.
        independent_sampler: of all parameters that are none of the architecture's, by default a random one.
    """

    def __init__(
        self,
        source: Embedding | SearchSpace | str,
        method: str = "group-bo",
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
    ) -> None:
        if not isinstance(source, Embedding):
            from arch2vec.representations.ready import structure_embedding
            from arch2vec.spaces import get_space

            source = structure_embedding(get_space(source))
        self.embedding = source
        self.parameters = Parameters(source)
        self._spec = resolve_method(method)
        self._distributions = self.parameters.distributions()
        self._independent = independent_sampler or RandomSampler(seed=seed)
        self._seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
        self._lock = threading.RLock()
        self._study: tuple[str, int] | None = None
        self._begin()

    def suggest(self, trial: Trial) -> str:
        """The architecture of a trial, in the space's notation; works with any other sampler too.

        Raises:
            TrialPruned: the parameters, of another sampler or enqueued, make no architecture.
        """
        given: dict[str, Any] = {
            name: trial.suggest_categorical(name, choices)
            for name, choices in zip(self.parameters.names, self.parameters.choices, strict=True)
        }
        try:
            architecture = self.architecture(given)
        except InputError as error:
            raise TrialPruned(str(error)) from error
        trial.set_user_attr("architecture", architecture)
        return architecture

    def architecture(self, parameters: Mapping[str, Any]) -> str:
        """The architecture that a trial's parameters make, in the space's notation; others may be among them.

        Raises:
            InputError: they make none.
        """
        row = self.parameters.row(parameters)
        if row is None:
            raise InputError("these parameters make no architecture of the space")
        return self.embedding.architectures[row]

    def reseed_rng(self) -> None:
        """Go on with other random numbers, as Optuna asks its samplers to in parallel."""
        with self._lock:
            self._seed = int(np.random.SeedSequence().generate_state(1)[0])
        self._independent.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The architecture's parameters."""
        del study, trial
        return dict(self._distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parameters of the architecture that the method proposes."""
        self._raise_error_if_multi_objective(study)
        if not search_space or any(search_space.get(name) != known for name, known in self._distributions.items()):
            return {}
        with self._lock:
            row = self._propose(study, trial)
        study._storage.set_trial_system_attr(trial._trial_id, ROW, row)
        return dict(self.parameters.of(row))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A parameter that is none of the architecture's."""
        self._raise_error_if_multi_objective(study)
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """As Optuna says."""
        self._independent.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """As Optuna says."""
        self._independent.after_trial(study, trial, state, values)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.RLock()

    def _begin(self) -> None:
        self._method: SearchMethod = self._spec.make(self.embedding, seed=self._seed)
        self._told: set[int] = set()  # numbers of trials
        self._expected: dict[int, Candidate] = {}

    def _propose(self, study: Study, trial: FrozenTrial) -> int:
        if self._study != (study.study_name, study._study_id):
            self._study = study.study_name, study._study_id
            self._begin()
        self._take_in(study, trial.number)
        self._method.reseed(self._seed, trial.number)
        if self._method.remaining == 0:
            return int(np.random.default_rng([self._seed, trial.number]).integers(len(self.embedding)))
        (candidate,) = self._method.ask()
        self._expected[trial.number] = candidate
        return candidate.index

    def _take_in(self, study: Study, besides: int) -> None:
        """Bring the method to what the study's trials say."""
        sign = -1.0 if study.direction == StudyDirection.MINIMIZE else 1.0
        for each in study._storage.get_all_trials(study._study_id, deepcopy=False):
            if each.number in self._told or each.number == besides:
                continue
            candidate = self._candidate_of(each)
            known = self._expected.get(each.number)
            if not each.state.is_finished():
                if candidate is not None and known is None:
                    self._method.expect([candidate])
                    self._expected[each.number] = candidate
                continue
            self._told.add(each.number)
            if known is not None:
                del self._expected[each.number]
                if candidate != known:
                    self._method.withdraw([known])
            if candidate is not None:
                value = each.value if each.state == TrialState.COMPLETE and each.value is not None else float("nan")
                self._method.tell([candidate], [sign * value if abs(value) <= LARGEST else float("nan")])

    def _candidate_of(self, trial: FrozenTrial) -> Candidate | None:
        """The architecture that a trial is of; of one that has just begun, what was proposed."""
        row = self.parameters.row(trial.params)
        proposed = trial.system_attrs.get(ROW)
        if row is None and not trial.state.is_finished() and isinstance(proposed, int):
            row = proposed if 0 <= proposed < len(self.embedding) else None
        return None if row is None else Candidate(row, self.embedding.architectures[row])
