"""What candidates are worth, many at a time: from a table's columns, or one evaluation after the other."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.objectives.drawn import DrawnView
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.objectives.view import TableView
from arch2vec.searching.base import Candidate
from arch2vec.searching.evaluation import evaluate, trial_of
from arch2vec.searching.failures import Failures
from arch2vec.searching.goal import Goal
from arch2vec.searching.trials import Trial
from arch2vec.studies.journal import Journal
from arch2vec.studies.processes import EvaluatedApart

Seeds = NDArray[np.uint64]

REPORTED = "reported_validation"
"""The entry of an outcome's ``extra`` that tables show for validation, where it is not the signal."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Evaluations of n candidates, (n,) float64 each; percent and seconds.

    Attributes:
        validation: the signal that methods are told, of which more is better; NaN for a failure.
        test: NaN where there is none.
        reported: the validation accuracy to report.
        cost_s: of each evaluation.
        further: what else an evaluation told, as a JSON object of numbers, empty where it told nothing; None for
            tables, which have it in their columns.
    """

    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    reported: NDArray[np.float64]
    cost_s: NDArray[np.float64]
    further: Sequence[str] | None = None


class Values(Protocol):
    """Evaluates candidates; can be sent to another process."""

    def of(self, candidates: Sequence[Candidate], seeds: Seeds) -> Outcomes:
        """The candidates' outcomes, in their order.

        Args:
            candidates: n of them.
            seeds: (n,) of the searches that propose them.

        Raises:
            InputError: a candidate is unknown, or was given an outcome that cannot be.
        """


@dataclass(frozen=True, eq=False)
class TableValues:
    """Outcomes read from columns aligned with an embedding's rows.

    Attributes:
        name: of the objective, for complaints.
        views: the columns by fidelity; None is the objective's default.
        goal: what is better.
    """

    name: str
    views: dict[int | None, TableView | DrawnView]
    goal: Goal = field(default_factory=Goal)

    def of(self, candidates: Sequence[Candidate], seeds: Seeds) -> Outcomes:
        """As :class:`Values` says."""
        levels = [candidate.fidelity for candidate in candidates]
        rows = np.array([candidate.index for candidate in candidates], dtype=np.int64)
        if len(kinds := set(levels)) == 1:
            found = _columns(self._view(levels[0]), rows, seeds)
        else:
            found = np.empty((4, len(rows)))
            for level in kinds:
                chosen = np.array([other == level for other in levels])
                found[:, chosen] = _columns(self._view(level), rows[chosen], seeds[chosen])
        if np.isnan(found[3]).any():
            unknown = candidates[int(np.isnan(found[3]).argmax())].architecture
            raise InputError(f"{unknown!r} is not among the architectures of objective {self.name}")
        if self.goal.minimise:
            found[0] = -found[0]
        return Outcomes(*found)

    def _view(self, fidelity: int | None) -> TableView | DrawnView:
        if fidelity not in self.views:
            known = ", ".join(str(level) for level in self.views if level is not None) or "one only"
            raise InputError(f"objective {self.name} does not offer a fidelity of {fidelity} epochs; it has {known}")
        return self.views[fidelity]


def _columns(view: TableView | DrawnView, rows: NDArray[np.int64], seeds: Seeds) -> NDArray[np.float64]:
    if isinstance(view, DrawnView):
        (validation, cost_s), view = view.of(rows, seeds), view.expected
    else:
        validation, cost_s = view.validation[rows], view.cost_s[rows]
    reported = view.extra[REPORTED][rows] if REPORTED in view.extra else validation
    return np.stack([validation, view.test[rows], reported, cost_s])


@dataclass(frozen=True, eq=False)
class ObjectiveValues:
    """Outcomes from an objective's own evaluations, one after the other.

    Attributes:
        objective: what evaluates.
        failures: where failed evaluations are noted.
        journal: evaluations that were made before, and where further ones are written down.
        apart: makes them in a process of their own; None for in this one.
    """

    objective: Objective
    failures: Failures = field(default_factory=Failures)
    journal: Journal | None = None
    apart: EvaluatedApart | None = None

    def of(self, candidates: Sequence[Candidate], seeds: Seeds) -> Outcomes:
        """As :class:`Values` says."""
        met = {seed: self.objective.for_search(seed) for seed in set(seeds.tolist())}
        trials = [self._trial(met[seed], each, seed) for each, seed in zip(candidates, seeds.tolist(), strict=True)]
        goal = Goal(self.objective.minimise)
        return Outcomes(
            validation=np.array([goal.told(trial, []) for trial in trials], dtype=np.float64),
            test=np.array([math.nan if trial.test is None else trial.test for trial in trials], dtype=np.float64),
            reported=np.array([trial.extra.get(REPORTED, trial.validation) for trial in trials], dtype=np.float64),
            cost_s=np.array([trial.cost_s for trial in trials], dtype=np.float64),
            further=[_written({**trial.extra}) for trial in trials],
        )

    def _trial(self, objective: Objective, candidate: Candidate, seed: int) -> Trial:
        made = None if self.journal is None else self.journal.take(seed, candidate)
        if made is not None:
            return made
        if self.apart is None:
            trial = evaluate(objective, candidate, [], self.failures)
        else:
            trial = trial_of(objective, candidate, self.apart.attempt(objective, candidate, seed), [], self.failures)
        if self.journal is not None:
            self.journal.add(seed, trial)
        self.failures.check()
        return trial


def _written(extra: dict[str, float]) -> str:
    """What else an evaluation told, without what has a column of its own."""
    extra.pop(REPORTED, None)
    return json.dumps(extra) if extra else ""


def values_of(objective: Objective, embedding: Embedding) -> Values:
    """The fastest way to an objective's outcomes for architectures of an embedding.

    Raises:
        InputError: the objective is for another space.
    """
    if not isinstance(objective, LookupObjective):
        return ObjectiveValues(objective)
    levels: list[int | None] = [None, *objective.fidelities]
    view = objective.drawn if objective.redrawn else objective.view
    return TableValues(objective.name, {level: view(embedding, level) for level in levels}, Goal(objective.minimise))
