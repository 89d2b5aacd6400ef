"""Where searches meet objectives: the checks before a study, and one evaluation of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from arch2vec.common.guard import guarded
from arch2vec.embedding import Embedding
from arch2vec.errors import EvaluationError, InputError
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.objectives.reporting import Judge, Pruned, Reports
from arch2vec.searching.base import LARGEST, Candidate, SearchMethod
from arch2vec.searching.budget import Budget
from arch2vec.searching.failures import Failure, Failures
from arch2vec.searching.trials import Trial

Returned = Outcome | float | Mapping[str, Any]
"""What a function may return for an architecture, see :class:`arch2vec.objectives.FunctionObjective`."""

AnyObjective = Objective | Callable[..., Returned] | str
"""An objective; any function from an architecture to an outcome, a mapping or a validation accuracy; or one of
the objectives that the command line knows, by the same text."""


def as_objective(objective: AnyObjective, embedding: Embedding, minimise: bool = False) -> Objective:
    """The objective, a plain function being wrapped and a text looked up, if it fits the embedding.

    Args:
        objective: as searches take it.
        embedding: that is searched.
        minimise: whether less is better. An objective that was made already says so itself.

    Raises:
        InputError: it is for another space, neither an objective nor callable, or one that is maximised
            is to be minimised.
    """
    if isinstance(objective, str):
        from arch2vec.objectives.spec import resolve_objective

        objective = resolve_objective(objective, embedding.space, minimise)
    if not isinstance(objective, Objective):
        if not callable(objective):
            raise InputError(f"an objective or a function of an architecture is needed, got {type(objective).__name__}")
        from arch2vec.objectives.function import FunctionObjective

        objective = FunctionObjective(objective, minimise=minimise)
    if minimise and not objective.minimise:
        raise InputError(f"objective {objective.name!r} is maximised; say minimise=True where it is made")
    if objective.space not in (None, embedding.space.name):
        raise InputError(
            f"objective {objective.name!r} is for the space {objective.space!r}, "
            f"the embedding's architectures are of {embedding.space.name!r}"
        )
    return objective


def check_budget(budget: Budget, method: SearchMethod) -> None:
    """Refuse a budget that the embedding cannot fill, before anything is evaluated.

    Raises:
        InputError: there are fewer architectures, or fewer different functions.
    """
    architectures, functions = len(method.embedding), method.functions
    if budget.evaluations is None or budget.evaluations <= functions:
        return
    if budget.evaluations > architectures:
        raise InputError(
            f"a budget of {budget.evaluations:,} evaluations is more than the embedding's "
            f"{architectures:,} architectures"
        )
    raise InputError(
        f"a budget of {budget.evaluations:,} evaluations is more than the {functions:,} different functions that the "
        f"embedding's {architectures:,} architectures compute, and each is evaluated once"
    )


@dataclass(frozen=True)
class Attempt:
    """What came of evaluating an architecture once; it can be sent from one process to another.

    Attributes:
        seconds: it took.
        outcome: what the objective said, None where it failed.
        failure: what went wrong, None where nothing did.
        refused: whether an objective of ours refused the architecture or the fidelity, which is
            no matter of one evaluation; ``failure`` then says why.
        lost: whether its process ended or was ended before it could tell.
        reports: epochs and the values that it reported.
        pruned: whether it was given up because of them; the outcome is then what it reported last.
        leaves: whether something that it has started may be at work still.
    """

    seconds: float
    outcome: Outcome | None = None
    failure: Failure | None = None
    refused: bool = False
    lost: bool = False
    reports: tuple[tuple[int, float], ...] = ()
    pruned: bool = False
    leaves: bool = False


def attempt(objective: Objective, candidate: Candidate, judge: Judge | None = None) -> Attempt:
    """Evaluate a candidate at its fidelity; whatever is raised but a KeyboardInterrupt makes it a failure.

    Args:
        objective: the objective that evaluates the candidate.
        candidate: the architecture, and the fidelity that it is trained at.
        judge: told of what the training reports, says whether it is given up.
    """
    start, reports = time.perf_counter(), Reports(judge)
    try:
        with reports.taken():
            outcome = _outcome(objective, candidate)
        return Attempt(time.perf_counter() - start, outcome, reports=reports.pairs)
    except KeyboardInterrupt:
        raise
    except Pruned:
        seconds = time.perf_counter() - start
        outcome = Outcome(reports.pairs[-1][1], None, seconds)
        return Attempt(seconds, outcome, reports=reports.pairs, pruned=True, leaves=objective.apart)
    except BaseException as raised:
        seconds = time.perf_counter() - start
        if isinstance(raised, InputError) and not isinstance(raised, EvaluationError) and _is_ours(objective):
            return Attempt(seconds, failure=Failure(str(raised)), refused=True)
        return Attempt(seconds, failure=Failure.of(raised), reports=reports.pairs)


def evaluate(
    objective: Objective,
    candidate: Candidate,
    earlier: Sequence[Trial],
    failures: Failures | None = None,
    judge: Judge | None = None,
) -> Trial:
    """Evaluate a candidate at its fidelity, as the next trial after ``earlier``. Its ``method_s`` is 0.

    Whatever the evaluation raises but a KeyboardInterrupt makes it a failed trial, with a validation of NaN.

    Args:
        objective: the objective that evaluates the candidate.
        candidate: what is evaluated.
        earlier: the trials before.
        failures: where failures are noted; by default they are told of and not kept.
        judge: says which trainings are given up on the way, by what they report.

    Raises:
        InputError: an objective of ours refused the architecture or the fidelity, which is
            no matter of one evaluation.
    """
    failures = Failures(None) if failures is None else failures
    with nullcontext() if objective.looked_up else failures.during(candidate.architecture):
        made = attempt(objective, candidate, judge)
    return trial_of(objective, candidate, made, earlier, failures)


def trial_of(
    objective: Objective, candidate: Candidate, made: Attempt, earlier: Sequence[Trial], failures: Failures
) -> Trial:
    """What became of an evaluation, as the next trial after ``earlier``. Failures are noted.

    Raises:
        InputError: it was refused.
    """
    if made.failure is None:
        assert made.outcome is not None
        failures.succeeded(objective, made.outcome.validation)
    elif made.refused:
        raise InputError(made.failure.told)
    else:
        failures.note(objective.name, candidate.architecture, made.failure)
    return numbered(alone(candidate, made), earlier)


def alone(candidate: Candidate, made: Attempt) -> Trial:
    """What became of an evaluation, as if it were a study's first."""
    outcome = made.outcome or Outcome(math.nan, None, made.seconds)
    return Trial(
        number=1,
        index=candidate.index,
        architecture=candidate.architecture,
        validation=math.nan if math.isnan(outcome.validation) else outcome.validation,
        test=outcome.test,
        cost_s=outcome.cost_s,
        cumulative_cost_s=outcome.cost_s,
        method_s=0.0,
        extra=outcome.extra,
        fidelity=candidate.fidelity,
        error=None if made.failure is None else made.failure.told,
        reports=made.reports,
        pruned=made.pruned,
    )


def numbered(trial: Trial, earlier: Sequence[Trial]) -> Trial:
    """The trial as the next one after ``earlier``."""
    before = earlier[-1].cumulative_cost_s if earlier else 0.0
    return replace(trial, number=len(earlier) + 1, cumulative_cost_s=before + trial.cost_s)


def _outcome(objective: Objective, candidate: Candidate) -> Outcome:
    """What the objective says of a candidate, in plain finite numbers.

    Raises:
        EvaluationError: it says what cannot be.
    """
    with nullcontext() if _is_ours(objective) else guarded(objective):
        given = objective.evaluate(candidate.architecture, candidate.fidelity)
        validation, cost = float(given.validation), float(given.cost_s)
        test = None if given.test is None or math.isnan(given.test) else float(given.test)
        extra = {name: float(value) for name, value in given.extra.items()}
    if abs(validation) > LARGEST or not (math.isfinite(cost) and cost >= 0):
        raise EvaluationError(
            f"objective {objective.name} gave validation {validation:g} at a cost of {cost:g} s; a validation value "
            f"is between -{LARGEST:g} and {LARGEST:g} or NaN (failed), a cost finite and not negative"
        )
    return Outcome(validation, test, cost, extra)


def _is_ours(objective: Objective) -> bool:
    """Whether it is of this package: a function's own objective guards the function itself."""
    return type(objective).__module__.partition(".")[0] == __name__.partition(".")[0]
