"""A search whose evaluations take their time: several at once, none lost and none made twice.

The loop is asynchronous. Whenever a worker is free, the method is asked for one more architecture, with those that are
being evaluated believed (:mod:`arch2vec.searching.bo`); nobody waits for the slowest. Every proposal is
recorded before it runs, every outcome before it counts. A search that was killed begins what it was at once more,
but for what a worker had finished and written down (:mod:`arch2vec.studies.jobs`).

With one worker trials are those of a search in one process. With several they depend on which evaluation
ends first, so no two searches are alike.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass, field, replace
from typing import Any

from arch2vec.common.parcels import Parcel
from arch2vec.errors import InputError, WorkerError
from arch2vec.objectives.base import Objective
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.budget import Budget
from arch2vec.searching.evaluation import Attempt, numbered, trial_of
from arch2vec.searching.failures import Failure, Failures, say
from arch2vec.searching.goal import Goal
from arch2vec.searching.trials import Trial
from arch2vec.studies.engines import Engine, Pending
from arch2vec.studies.jobs import Job, finished
from arch2vec.studies.journal import Journal
from arch2vec.studies.records import Record

_POLL_S = 0.2  # between looks at what tells nobody that it has ended, and at other drivers


@dataclass
class _Run:
    candidate: Candidate
    attempts: int
    ask_s: float
    began: float = field(default_factory=time.perf_counter)
    lost_s: float = 0.0  # that attempts took which failed


@dataclass
class Drive:
    """One driver of a search.

    Attributes:
        objective: what is searched for.
        packed: the same for those who evaluate.
        searcher: proposes.
        record: where all is written down.
        engine: evaluates.
        budget: of the search.
        failures: what becomes of failures.
        goal: what is better.
        batch: how many architectures the method proposes at a time.
        retries: how often a failed evaluation is tried again.
        on_evaluation: called with every new trial.
    """

    objective: Objective
    packed: Parcel | Objective
    searcher: SearchMethod
    record: Record
    engine: Engine
    budget: Budget
    failures: Failures
    goal: Goal = field(default_factory=Goal)
    batch: int = 1
    retries: int = 0
    on_evaluation: Callable[[Trial], None] | None = None
    trials: list[Trial] = field(default_factory=list)

    def run(self, trials: Sequence[Trial]) -> list[Trial]:
        """Go on from some trials to the end of the budget; returns all.

        Raises:
            InputError: too many evaluations have failed in a row, or the objective refuses one.
            WorkerError: the executor is broken.
        """
        self.trials = list(trials)
        self._running: dict[int, _Run] = {}
        self._ended: queue.SimpleQueue[tuple[int, Pending]] = queue.SimpleQueue()
        self._polled: dict[int, Pending] = {}
        self._waiting: list[tuple[Candidate, float]] = []
        self._number = 0
        if self.record.books is not None:
            self.record.books.mkdir(parents=True, exist_ok=True)
        self._made: Journal | None = finished(self.record.books)
        try:
            while True:
                self._take_news()
                self._fill()
                idle = not self._running and not self._take_news(now=True)
                if idle and not (self._may_start() and self.record.others()):
                    break
                self._collect()
        finally:
            self.engine.close()
            self.record.close()
        return self.trials

    def _may_start(self) -> bool:
        cost = self.trials[-1].cumulative_cost_s if self.trials else 0.0
        return not self.budget.reached(len(self.trials), cost)

    def _take_news(self, now: bool = False) -> int:
        """Take in what others have done; how many trials."""
        found = self.record.news(now)
        for trial in found:
            self._add(trial, 0.0, ours=False)
        return len(found)

    def _fill(self) -> None:
        """Begin evaluations until no worker is free or nothing more may begin."""
        while len(self._running) < self.engine.slots:
            cost = self.trials[-1].cumulative_cost_s if self.trials else 0.0
            if self.budget.reached(len(self.trials) + len(self._running), cost):
                return
            found = self._next()
            if found is None:
                return
            candidate, ask_s = found
            claim = self.record.claim(candidate, self.budget.evaluations)
            if claim == "full":
                self._waiting.insert(0, found)
                return
            if claim == "ours":
                made = None if self._made is None else self._made.take(self.searcher.seed, candidate)
                if made is not None:
                    self._add(made, ask_s)
                else:
                    self._begin(_Run(candidate, 0, ask_s))

    def _next(self) -> tuple[Candidate, float] | None:
        """The next candidate, and the seconds that it took to propose."""
        known = {run.candidate for run in self._running.values()} | {candidate for candidate, _ in self._waiting}
        left = [(candidate, 0.0) for candidate in self.record.abandoned() if candidate not in known]
        if left:
            self._waiting += left
            self._made = finished(self.record.books)  # what was begun elsewhere may be there by now
        if not self._waiting:
            if self.searcher.remaining == 0:
                return None
            start = time.perf_counter()
            self.record.prepare()
            asked = self.searcher.ask(min(self.batch, self.searcher.remaining))
            ask_s = (time.perf_counter() - start) / len(asked)
            self._waiting = [(candidate, ask_s) for candidate in asked]
        return self._waiting.pop(0)

    def _begin(self, run: _Run) -> None:
        judge, anywhere = self.record.judge(run.candidate)
        last = run.attempts >= self.retries
        job = Job(self.packed, run.candidate, self.searcher.seed, self.record.books, last, judge if anywhere else None)
        try:
            pending = self.engine.submit(job, judge if self.engine.asks else None)
        except BrokenExecutor as error:
            raise _broken(error) from error
        self._number += 1
        number = self._number
        self._running[number] = run
        if isinstance(pending, Future):
            pending.add_done_callback(lambda ended: self._ended.put((number, ended)))
        else:
            self._polled[number] = pending

    def _collect(self) -> None:
        """Wait until something has happened, and take it in."""
        ended: list[tuple[int, Pending]] = []
        try:
            ended.append(self._ended.get(timeout=_POLL_S))
            while True:
                ended.append(self._ended.get_nowait())
        except queue.Empty:
            pass
        for number, pending in list(self._polled.items()):
            if pending.done():
                ended.append((number, self._polled.pop(number)))
        for number, pending in ended:
            self._end(self._running.pop(number), pending)

    def _end(self, run: _Run, pending: Pending) -> None:
        made = _attempt_of(pending, run.began)
        if made.lost and (book := finished(self.record.books)) is not None:  # it may have been finished all the same
            known = book.take(self.searcher.seed, run.candidate)
            if known is not None:
                self._add(known, run.ask_s)
                return
        if made.failure is not None and not made.refused and run.attempts < self.retries:
            run.attempts += 1
            run.lost_s += made.seconds
            say(
                f"the evaluation of {run.candidate.architecture} failed: {made.failure.told}; "
                f"it is tried again ({run.attempts} of {self.retries})"
            )
            self._begin(run)
            return
        trial = trial_of(self.objective, run.candidate, made, [], self.failures)
        self._add(replace(trial, cost_s=trial.cost_s + run.lost_s), run.ask_s)
        self.failures.check()

    def _add(self, trial: Trial, ask_s: float, ours: bool = True) -> None:
        """Tell the method of a trial, and everybody else."""
        start = time.perf_counter()
        self.goal.tell(self.searcher, trial, self.trials)
        trial = replace(numbered(trial, self.trials), method_s=ask_s + time.perf_counter() - start)
        self.trials.append(trial)
        if ours:
            self.record.settle(self.trials)
        if self.on_evaluation is not None:
            self.on_evaluation(trial)


def _attempt_of(pending: Pending, began: float) -> Attempt:
    """What came of an evaluation; whatever an executor raises instead is a failure of that one alone.

    Raises:
        WorkerError: the executor is broken, so that nothing can be said of a single evaluation.
    """
    try:
        made: Any = pending.result()
    except BrokenExecutor as error:
        raise _broken(error) from error
    except CancelledError:
        return Attempt(time.perf_counter() - began, failure=Failure("the executor has cancelled it"), lost=True)
    except InputError:
        raise
    except Exception as error:
        return Attempt(time.perf_counter() - began, failure=Failure.of(error), lost=True)
    assert isinstance(made, Attempt), made
    return made


def _broken(error: BrokenExecutor) -> WorkerError:
    return WorkerError(
        f"the executor that evaluations were given to is broken ({type(error).__name__}): one of them has ended its "
        "process; what was finished is kept, and the same search goes on with a new executor"
    )
