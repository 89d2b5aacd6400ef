"""How a search's evaluations are made other than one after the other in its own process."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.budget import Budget
from arch2vec.searching.failures import Failures, say
from arch2vec.searching.goal import Goal
from arch2vec.searching.trials import SearchResult, Trial

if TYPE_CHECKING:
    from arch2vec.studies.engines import Engine
    from arch2vec.studies.records import Record


def check_timeout(timeout_s: float | None) -> None:
    """Refuse a time-out that cannot be.

    Raises:
        InputError: it is no number of seconds above 0.
    """
    if timeout_s is not None and not (math.isfinite(timeout_s) and timeout_s > 0):
        raise InputError(f"a training's time-out is a number of seconds above 0, got {timeout_s}")


@dataclass(frozen=True)
class Apart:
    """What a search says about its evaluations.

    Attributes:
        workers: processes of this machine, or, with an executor, evaluations at once.
        executor: with the interface of :class:`concurrent.futures.Executor`, or an engine of
            :mod:`arch2vec.studies.engines`; None for processes of this machine.
        timeout_s: an evaluation has failed after so many seconds, None for never.
        retries: how often a failed evaluation is tried again.
        resources: of each evaluation, see :mod:`arch2vec.studies.resources`.

    Raises:
        InputError: a number cannot be.
    """

    workers: int | None = None
    executor: Any = None
    timeout_s: float | None = None
    retries: int = 0
    resources: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from arch2vec.studies.resources import checked_resources

        if self.workers is not None and self.workers < 1:
            raise InputError(f"at least 1 worker is needed, got {self.workers}")
        check_timeout(self.timeout_s)
        if self.retries < 0:
            raise InputError(f"a failed evaluation is tried again 0 or more times, got {self.retries}")
        checked_resources(self.resources)

    @property
    def wanted(self) -> bool:
        """Whether anything is said."""
        return bool(self.workers or self.executor is not None or self.timeout_s or self.retries or self.resources)

    def engine(self, objective: Objective) -> Engine:
        """What makes the evaluations.

        Raises:
            InputError: it is no executor, or the machine has not what is asked for.
        """
        from arch2vec.studies.engines import Foreign, Here
        from arch2vec.studies.processes import Workers
        from arch2vec.studies.resources import environments

        if isinstance(objective, LookupObjective) and self.executor is None:
            if self.workers or self.timeout_s:
                say(f"objective {objective.name} is looked up: that is done here, without workers")
            return Here()
        if self.executor is None:
            workers = self.workers or 1
            return Workers(workers, self.timeout_s, environments(workers, self.resources))
        if hasattr(self.executor, "slots"):
            return self.executor
        return Foreign(self.executor, self.workers, self.timeout_s)


def search_apart(
    apart: Apart,
    objective: Objective,
    searcher: SearchMethod,
    record: Record,
    budget: Budget,
    failures: Failures,
    goal: Goal,
    batch: int,
    on_evaluation: Callable[[Trial], None] | None,
    on_start: Callable[[list[Trial]], None],
    pruner: str | None = None,
    durable: bool = False,
) -> SearchResult:
    """Go on with a recorded search to the end of its budget.

    Evaluations that were being made when a limit of cost was reached are kept, and count once it is raised.

    Args:
        apart: how evaluations are made.
        objective: what is searched for.
        searcher: the method that proposes architectures.
        record: of the search.
        budget: where it ends.
        failures: what becomes of failures.
        goal: what is better.
        batch: how many architectures the method proposes at a time.
        on_evaluation: called with every new trial.
        on_start: called with the trials there are, before the first new one.
        pruner: which trainings are given up on the way, None for none.
        durable: whether the record is in a storage, which trainings anywhere can ask.
    """
    from arch2vec.common.parcels import pack
    from arch2vec.studies.parallel import Drive

    trials = record.load(searcher)
    if len(kept := budget.within(trials)) < len(trials):
        return SearchResult(kept, goal)
    on_start(trials)
    engine = apart.engine(objective)
    if pruner is not None and not engine.asks and not durable:
        raise InputError(
            "trainings that an executor makes elsewhere cannot ask whether they are given up: keep the search in a "
            "storage that they reach (--storage), or leave the pruner out"
        )
    packed = objective if engine.here else pack(objective, f"objective {objective.name}")
    drive = Drive(
        objective, packed, searcher, record, engine, budget, failures, goal, batch, apart.retries, on_evaluation
    )
    return SearchResult(budget.within(drive.run(trials)), goal)
