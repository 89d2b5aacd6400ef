"""Where evaluations are made: processes of this machine, anybody's executor, or here."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from arch2vec.errors import InputError
from arch2vec.objectives.reporting import Judge
from arch2vec.searching.evaluation import Attempt
from arch2vec.studies.jobs import Job, perform
from arch2vec.studies.processes import perform_apart


class Pending(Protocol):
    """What an executor returns: a :class:`concurrent.futures.Future`, or anything that can be asked like one."""

    def done(self) -> bool:
        """Whether it has ended."""

    def result(self) -> Attempt:
        """What came of it."""


class Engine(Protocol):
    """Makes evaluations.

    Attributes:
        slots: how many at once.
        here: whether in this process, so that nothing needs to be packed.
        asks: whether whoever submits a job can be asked about its reports while it is made.
    """

    slots: int
    here: bool
    asks: bool

    def submit(self, job: Job, judge: Judge | None = None) -> Pending:
        """Begin an evaluation, or let it wait until something is free.

        Args:
            job: the evaluation that is to be made.
            judge: says here whether it is given up on the way; None where it never is, or the job has one.
        """

    def close(self) -> None:
        """Give up what has not ended."""


class Here:
    """Evaluates in this process, one at a time: for what is looked up."""

    slots, here, asks = 1, True, True

    def submit(self, job: Job, judge: Judge | None = None) -> Pending:
        """Make an evaluation."""
        made: Future[Attempt] = Future()
        made.set_result(perform(job, judge))
        return made

    def close(self) -> None:
        """Nothing waits."""


class Foreign:
    """Anything with the interface of :class:`concurrent.futures.Executor`: Dask's, submitit's, a pool of yours.

    It is not shut down: it is not ours. With a time-out each of its workers makes evaluations in a process
    that it starts and can end.

    Args:
        executor: has ``submit(function, *arguments)``, which returns what has ``done()`` and ``result()``.
        slots: evaluations at once, None for as many workers as the executor says that it has.
        timeout_s: an evaluation has failed after so many seconds, None for never.

    Raises:
        InputError: it is no executor, or does not say how many workers it has.
    """

    def __init__(self, executor: Any, slots: int | None = None, timeout_s: float | None = None) -> None:
        if not callable(getattr(executor, "submit", None)):
            raise InputError(
                "an executor has a method submit(function, *arguments), as those of concurrent.futures, Dask and "
                f"submitit; got {type(executor).__name__}"
            )
        found = slots if slots is not None else getattr(executor, "_max_workers", None)
        if not isinstance(found, int):
            raise InputError(f"say how many evaluations a {type(executor).__name__} makes at once, as in workers=4")
        if found < 1:
            raise InputError(f"at least 1 worker is needed, got {found}")
        self.slots = found
        self._executor, self._timeout_s = executor, timeout_s
        self.here = self.asks = isinstance(executor, ThreadPoolExecutor) and timeout_s is None
        self._begun: list[Any] = []

    def submit(self, job: Job, judge: Judge | None = None) -> Pending:
        """Hand an evaluation to the executor."""
        if self.asks:
            begun = self._executor.submit(perform, job, judge)
        elif self._timeout_s is None:
            begun = self._executor.submit(perform, job)
        else:
            begun = self._executor.submit(perform_apart, job, self._timeout_s)
        self._begun = [each for each in self._begun if not each.done()] + [begun]
        return begun

    def close(self) -> None:
        """Take back what has not begun."""
        for each in self._begun:
            if callable(cancel := getattr(each, "cancel", None)):
                cancel()
