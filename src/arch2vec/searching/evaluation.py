"""Where searches meet objectives: the checks before a study, and one evaluation of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.trials import Limits, Trial

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


def check_budget(limits: Limits, method: SearchMethod) -> None:
    """Refuse a budget that the embedding cannot fill, before anything is evaluated.

    Raises:
        InputError: there are fewer architectures, or fewer different functions.
    """
    architectures, functions = len(method.embedding), method.functions
    if limits.budget is None or limits.budget <= functions:
        return
    if limits.budget > architectures:
        raise InputError(
            f"a budget of {limits.budget:,} evaluations is more than the embedding's {architectures:,} architectures"
        )
    raise InputError(
        f"a budget of {limits.budget:,} evaluations is more than the {functions:,} different functions that the "
        f"embedding's {architectures:,} architectures compute, and each is evaluated once"
    )


def evaluate(objective: Objective, candidate: Candidate, earlier: Sequence[Trial]) -> Trial:
    """Evaluate a candidate at its fidelity, as the next trial after ``earlier``. Its ``method_s`` is 0.

    Raises:
        InputError: the objective refused the architecture, or gave an accuracy or a
            cost that cannot be; or it does not offer the fidelity.
    """
    outcome = objective.evaluate(candidate.architecture, candidate.fidelity)
    validation, cost = float(outcome.validation), float(outcome.cost_s)
    test = None if outcome.test is None or math.isnan(outcome.test) else float(outcome.test)
    if math.isinf(validation) or not (math.isfinite(cost) and cost >= 0):
        raise InputError(
            f"objective {objective.name!r} gave {candidate.architecture!r} validation {validation} at a cost of "
            f"{cost} s; a validation accuracy is finite or NaN (failed), a cost finite and not negative"
        )
    return Trial(
        number=len(earlier) + 1,
        index=candidate.index,
        architecture=candidate.architecture,
        validation=math.nan if math.isnan(validation) else validation,
        test=test,
        cost_s=cost,
        cumulative_cost_s=(earlier[-1].cumulative_cost_s if earlier else 0.0) + cost,
        method_s=0.0,
        extra={name: float(value) for name, value in outcome.extra.items()},
        fidelity=candidate.fidelity,
    )
