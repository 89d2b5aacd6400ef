"""The rules of an objective. Each takes an objective and a space to try it on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from typing_extensions import override

from arch2vec.common.parcels import pack, unpack
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.searching.base import LARGEST
from arch2vec.searching.evaluation import AnyObjective, as_objective
from arch2vec.searching.spec import resolve_method
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.testing.rules import check_all, require

_SOME = 4  # evaluations may be trainings


def check_objective(
    objective: AnyObjective, space: SearchSpace | str = "nasbench201", architectures: list[str] | None = None
) -> None:
    """Check all :data:`OBJECTIVE_RULES`, with a dozen evaluations or two.

    >>> from arch2vec.testing import BrokenRule, check_objective
    >>> check_objective("digits-201")
    >>> try:
    ...     check_objective(lambda architecture: "good")
    ... except BrokenRule as error:
    ...     print(error)
    objective function: An evaluation gives numbers: ...; a number is needed

    Args:
        objective: a text, a function of an architecture, or an objective, as searches take it.
        space: whose architectures it evaluates.
        architectures: four or more that it can evaluate; by default random ones of the space.

    Raises:
        BrokenRule: for the first rule that is broken.
    """
    where = get_space(space)
    graphs = some_of(where) if architectures is None else where.parse(architectures)
    embedding = Embedding(where, graphs, np.arange(len(graphs), dtype=np.float32)[:, None])
    target = as_objective(objective, embedding)
    check_all(OBJECTIVE_RULES, f"objective {target.name}", target, embedding)


def some_of(space: SearchSpace) -> GraphBatch:
    """A few random architectures of a space."""
    return space.sample(min(_SOME, space.size or _SOME), np.random.default_rng(0))


def says_what_it_measures(objective: Objective, embedding: Embedding) -> None:
    """It has a name, one line on what its numbers are, and fidelities, if any, in ascending order."""
    for name in ("name", "description"):
        text = getattr(objective, name)
        require(isinstance(text, str) and text and "\n" not in text, f"its {name} is no line of text")
    require(objective.space in (None, embedding.space.name), f"it is for the space {objective.space!r}")
    levels = objective.fidelities
    require(list(levels) == sorted(set(levels)) and all(level > 0 for level in levels), f"its fidelities are {levels}")
    require(isinstance(objective.unit, str), "its unit is no text")


def gives_outcomes(objective: Objective, embedding: Embedding) -> None:
    """An evaluation gives numbers: validation finite or NaN, cost finite and not negative."""
    objective = objective.for_search(0)
    for architecture in embedding.architectures:
        outcome = objective.evaluate(architecture)
        require(isinstance(outcome, Outcome), f"evaluate() gives a {type(outcome).__name__}")
        _check_outcome(outcome, objective.unit)
    for level in objective.fidelities:
        _check_outcome(objective.evaluate(embedding.architectures[0], level), objective.unit)


def _check_outcome(outcome: Outcome, unit: str) -> None:
    value = float(outcome.validation)
    require(math.isnan(value) or abs(value) <= LARGEST, f"validation is {value}")
    cost = float(outcome.cost_s)
    require(math.isfinite(cost) and cost >= 0, f"an evaluation cost {cost} s")
    require(isinstance(outcome.extra, Mapping), "extra is no mapping")
    for number in (value, math.nan if outcome.test is None else float(outcome.test)):
        require(unit != "%" or math.isnan(number) or 0 <= number <= 100, f"{number} is said to be a percentage")


def answers_the_same_again(objective: Objective, embedding: Embedding) -> None:
    """The same architecture has the same worth every time."""
    met = objective.for_search(0)
    for architecture in embedding.architectures[:2]:
        one, other = (met.evaluate(architecture) for _ in range(2))
        require(_same(one, other), f"{architecture!r} is worth {one.validation} and then {other.validation}")
    one, other = (objective.for_search(3).evaluate(embedding.architectures[0]) for _ in range(2))
    require(_same(one, other), "for the same search seed it gives two answers")


def _same(one: Outcome, other: Outcome) -> bool:
    def value(number: float | None) -> float:
        return math.nan if number is None else float(number)

    pairs = [(one.validation, other.validation), (value(one.test), value(other.test))]
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)


def keeps_its_identity(objective: Objective, embedding: Embedding) -> None:
    """The marks by which a study recognises it are texts, and stay the same."""
    objective = objective.for_search(0)
    before = dict(objective.identity)
    objective.evaluate(embedding.architectures[0])
    require(before, "it has no mark at all")
    require(all(isinstance(text, str) for pair in before.items() for text in pair), "a mark is no text")
    require(dict(objective.identity) == before, "its marks change")


def keeps_test_values_apart(objective: Objective, embedding: Embedding) -> None:
    """What is searched for is not the test value, unless it says so, and no search's decision follows from that."""
    objective = objective.for_search(0)
    outcomes = [objective.evaluate(architecture) for architecture in embedding.architectures]
    tested = [outcome for outcome in outcomes if outcome.test is not None and not math.isnan(outcome.test)]
    values = {outcome.validation for outcome in tested}
    if len(values) > 1 and objective.signal_split == "validation":
        same = all(outcome.validation == outcome.test for outcome in tested)
        require(not same, "validation and test are the same numbers; say so with signal_split = 'test'")

    def proposals(told: Objective) -> list[int]:
        method = resolve_method("evolution?population=2&tournament=2").make(embedding, seed=0)
        rows = []
        while method.remaining:
            (candidate,) = method.ask()
            rows.append(candidate.index)
            method.tell([candidate], [told.evaluate(candidate.architecture).validation])
        return rows

    require(proposals(objective) == proposals(_Scrambled(objective)), "other test values lead to other proposals")


class _Scrambled(Objective):
    """An objective with other test values."""

    def __init__(self, inner: Objective) -> None:
        self._inner = inner
        self.name, self.space, self.description = inner.name, inner.space, inner.description

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        made = self._inner.evaluate(architecture, fidelity)
        test = None if made.test is None else 100.0 - made.test
        return Outcome(made.validation, test, made.cost_s, made.extra)


def refuses_what_it_does_not_know(objective: Objective, embedding: Embedding) -> None:
    """Where it is of one space, a text that is no architecture is refused in one line."""
    if objective.space is None:
        return
    del embedding
    try:
        objective.evaluate("no architecture")
    except InputError as error:
        require("\n" not in str(error), f"the line has several: {error}")
    else:
        require(False, "it evaluates 'no architecture'")


def can_be_sent_to_a_worker(objective: Objective, embedding: Embedding) -> None:
    """It can be sent to another process, and answers the same there."""
    objective = objective.for_search(0)
    architecture = embedding.architectures[0]
    sent: Objective = unpack(pack(objective, f"objective {objective.name}"))
    require(_same(sent.evaluate(architecture), objective.evaluate(architecture)), "sent along, it answers otherwise")


OBJECTIVE_RULES: tuple[Callable[[Objective, Embedding], None], ...] = (
    says_what_it_measures,
    gives_outcomes,
    answers_the_same_again,
    keeps_its_identity,
    keeps_test_values_apart,
    refuses_what_it_does_not_know,
    can_be_sent_to_a_worker,
)
"""The rules of an objective, each a function of an objective and an embedding of architectures that it can evaluate."""
