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
from arch2vec.searching.base import LARGEST, Candidate, SearchMethod
from arch2vec.searching.budget import Budget
from arch2vec.searching.failures import Failure, Failures
from arch2vec.searching.trials import Trial

Returned = Outcome | float | Mapping[str, Any]
"""What a function may return for an architecture, see :class:`arch2vec.objectives.FunctionObjective`."""

AnyObjective = Objective | Callable[[str], Returned] | str
"""An objective; any function from an architecture to an outcome, a mapping or a validation accuracy; or one of
the objectives that the command line knows, by the same text."""


def as_objective(objective: AnyObjective, embedding: Embedding) -> Objective:
    """The objective, a plain function being wrapped and a text looked up, if it fits the embedding.

    Raises:
        InputError: it is for another space, or neither an objective nor callable.
    """
    if isinstance(objective, str):
        from arch2vec.objectives.spec import resolve_objective

        objective = resolve_objective(objective, embedding.space)
    if not isinstance(objective, Objective):
        if not callable(objective):
            raise InputError(f"an objective or a function of an architecture is needed, got {type(objective).__name__}")
        from arch2vec.objectives.function import FunctionObjective

        objective = FunctionObjective(objective)
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
    """

    seconds: float
    outcome: Outcome | None = None
    failure: Failure | None = None
    refused: bool = False
    lost: bool = False


def attempt(objective: Objective, candidate: Candidate) -> Attempt:
    """Evaluate a candidate at its fidelity; whatever is raised but a KeyboardInterrupt makes it a failure."""
    start = time.perf_counter()
    try:
        outcome = _outcome(objective, candidate)
        return Attempt(time.perf_counter() - start, outcome)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        seconds = time.perf_counter() - start
        if isinstance(raised, InputError) and not isinstance(raised, EvaluationError) and _is_ours(objective):
            return Attempt(seconds, failure=Failure(str(raised)), refused=True)
        return Attempt(seconds, failure=Failure.of(raised))


def evaluate(
    objective: Objective, candidate: Candidate, earlier: Sequence[Trial], failures: Failures | None = None
) -> Trial:
    """Evaluate a candidate at its fidelity, as the next trial after ``earlier``. Its ``method_s`` is 0.

    Whatever the evaluation raises but a KeyboardInterrupt makes it a failed trial, with a validation of NaN.

    Args:
        objective: the objective that evaluates the candidate.
        candidate: what is evaluated.
        earlier: the trials before.
        failures: where failures are noted; by default they are told of and not kept.

    Raises:
        InputError: an objective of ours refused the architecture or the fidelity, which is
            no matter of one evaluation.
    """
    made = attempt(objective, candidate)
    return trial_of(objective, candidate, made, earlier, Failures(None) if failures is None else failures)


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
    with nullcontext() if _is_ours(objective) else guarded():
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
