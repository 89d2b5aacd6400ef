"""Processes of their own for evaluations: whatever becomes of one, the search and the other evaluations go on.

Each worker is one process that makes one evaluation after another. When an evaluation ends it (a signal,
``os._exit``, a kill for want of memory) or takes too long, the evaluation has failed, and a
fresh process takes its place; nobody else's evaluation is touched, as would be in a pool of processes.

What an evaluation starts belongs to its worker's process group, and ends with it: a training that was given
up, or whose search was killed, does not go on behind the next one's back.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from arch2vec.common.parcels import Parcel, pack
from arch2vec.common.workers import WorkerProcess, end_with_parent
from arch2vec.errors import InputError, WorkerError
from arch2vec.objectives.base import Objective
from arch2vec.objectives.reporting import Judge
from arch2vec.searching.base import Candidate
from arch2vec.searching.evaluation import Attempt
from arch2vec.searching.failures import Failure
from arch2vec.studies.jobs import Job, load, perform
from arch2vec.studies.resources import environments

_STARTING = threading.Lock()  # a process inherits the environment of the moment
_STARTS = 5  # of a process, before an evaluation has failed for want of one
_GRACE_S = 5.0  # for a process to be gone after it was killed


class Worker:
    """One process that evaluates, replaced by a fresh one when it ends.

    Args:
        environment: variables that it has besides those of this process.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = dict(environment or {})
        self._process: WorkerProcess | None = None
        self._closed = False

    def run(self, job: Job, timeout_s: float | None = None, judge: Judge | None = None) -> Attempt:
        """Make an evaluation there, for at most so many seconds; the process's start does not count.

        Args:
            job: the evaluation that is to be made.
            timeout_s: None for any time.
            judge: asked here about what the training reports there.
        """
        if judge is not None:
            job = replace(job, judge=_asked)
        began = time.perf_counter()
        for left in reversed(range(_STARTS)):
            try:
                process, pipe = self._started()
                pipe.send(job)
                break
            except WorkerError as error:
                if not left:
                    return _failed(began, str(error))
            except ConnectionError as error:  # it was killed while it had nothing to do
                self.end()
                if not left:
                    return _failed(began, f"its process cannot be reached ({error})")
        wait([pipe, process.sentinel])  # it says when it has loaded the objective, which is no part of a training
        with contextlib.suppress(EOFError, OSError):
            pipe.recv()
        start = time.perf_counter()
        while True:
            left_s = None if timeout_s is None else max(0.0, timeout_s - (time.perf_counter() - start))
            ready = wait([pipe, process.sentinel], left_s)
            if not ready:
                self.end()
                return _failed(start, f"it took longer than {timeout_s:g} s (--timeout-per-training)")
            try:
                if pipe not in ready and not pipe.poll(0):
                    break
                said = pipe.recv()
                if isinstance(said, Attempt):
                    if said.leaves:
                        self.end()
                    return said
            except (EOFError, OSError):
                break
            except Exception as error:  # the evaluation wrote to what is not its own
                self.end()
                return _failed(start, f"its process sent what cannot be read ({type(error).__name__})")
            given_up = judge is not None and judge(*said)
            with contextlib.suppress(OSError):  # it has ended meanwhile, as the next look tells
                pipe.send(given_up)
        process.join(_GRACE_S)
        code = process.exitcode
        self.end()
        return _failed(start, _ended(code))

    def start(self) -> None:
        """Start the process, so that the first evaluation does not wait for it."""
        self._started()

    def end(self) -> None:
        """End the process and everything that evaluations have started."""
        process, self._process = self._process, None
        if process is None:
            return
        self._pipe.close()
        self._lifeline.close()
        with contextlib.suppress(OSError):
            os.killpg(process.pid or 0, signal.SIGKILL) if hasattr(os, "killpg") and process.pid else process.kill()
        with contextlib.suppress(Exception):
            process.kill()
        process.join(_GRACE_S)

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        self.end()

    def _started(self) -> tuple[WorkerProcess, Connection]:
        if self._closed:
            raise InputError("the workers have been closed")
        if self._process is not None and not self._process.is_alive():
            self.end()
        if self._process is None:
            ours, theirs = Pipe()
            watched, self._lifeline = Pipe(duplex=False)
            process = WorkerProcess(target=_serve, args=(theirs, watched), daemon=False)
            with _STARTING, _environment(self._environment):
                process.start()
            theirs.close()
            watched.close()
            self._process, self._pipe = process, ours
            # It says when it is there: what it takes to load is no part of a training.
            wait([ours, process.sentinel])
            try:
                ours.recv()
            except (EOFError, OSError):
                process.join(_GRACE_S)
                code = process.exitcode
                self.end()
                raise WorkerError(f"its process has ended while it started: {_ended(code)}") from None
        return self._process, self._pipe


class Workers:
    """Several workers of this machine, an :class:`arch2vec.studies.engines.Engine`.

    Args:
        workers: how many processes there are to be.
        timeout_s: an evaluation has failed after so many seconds, None for never.
        environments: variables of each worker, see :class:`Worker`.

    Raises:
        InputError: less than one worker.
    """

    def __init__(
        self, workers: int, timeout_s: float | None = None, environments: Sequence[Mapping[str, str]] = ()
    ) -> None:
        if workers < 1:
            raise InputError(f"at least 1 worker is needed, got {workers}")
        self.slots, self.here, self.asks = workers, False, True
        self._timeout_s = timeout_s
        self._workers = [Worker(environments[n] if n < len(environments) else None) for n in range(workers)]
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="arch2vec-worker")

    def submit(self, job: Job, judge: Judge | None = None) -> Future[Attempt]:
        """Make an evaluation as soon as a worker is free."""
        return self._threads.submit(self._run, job, judge)

    def _run(self, job: Job, judge: Judge | None) -> Attempt:
        worker = self._idle.get()
        try:
            return worker.run(job, self._timeout_s, judge)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """End the processes, whatever they are at."""
        for worker in self._workers:
            worker.close()
        self._threads.shutdown(wait=True, cancel_futures=True)


class EvaluatedApart:
    """Makes the evaluations of a block of runs, one after the other, in a process with one thread as the block has.

    Args:
        timeout_s: an evaluation has failed after so many seconds, None for never.
    """

    def __init__(self, timeout_s: float | None = None) -> None:
        self._timeout_s = timeout_s
        self._worker = Worker(environments(1, {"cpu": 1})[0])
        self._packed: tuple[Objective, Parcel] | None = None

    def attempt(self, objective: Objective, candidate: Candidate, seed: int) -> Attempt:
        """Evaluate a candidate of the search with a seed.

        Raises:
            InputError: the objective cannot be sent to another process.
        """
        if self._packed is None or self._packed[0] is not objective:
            self._packed = objective, pack(objective, f"objective {objective.name}")
        return self._worker.run(Job(self._packed[1], candidate, seed), self._timeout_s)

    def close(self) -> None:
        """End the process."""
        self._worker.close()


def perform_apart(job: Job, timeout_s: float | None) -> Attempt:
    """Make an evaluation in a process of its own that this process keeps; for executors of other kinds."""
    if not hasattr(_APART, "worker"):
        _APART.worker = Worker()
    worker: Worker = _APART.worker
    return worker.run(job, timeout_s)


_APART = threading.local()


_ASKING = threading.Lock()  # reports may come from any of a training's threads
_OURS: list[Connection] = []  # of a worker process: to whoever has started it


def _asked(epoch: int, value: float) -> bool:
    """What the process that has started this one says about a training that has reached a value."""
    with _ASKING:
        _OURS[0].send((epoch, value))
        return bool(_OURS[0].recv())


def _serve(pipe: Connection, lifeline: Connection) -> None:
    """What a worker process does."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # whoever ends the worker ends what it has started
    end_with_parent(lifeline)
    _OURS[:] = [pipe]
    pipe.send(None)
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        with contextlib.suppress(InputError):  # said again, and told of, when it is made
            load(job.objective)
        try:
            pipe.send(None)
            start = time.perf_counter()
            try:
                made = perform(job)
            except KeyboardInterrupt as raised:  # from their code: the keyboard does not reach this
                made = Attempt(time.perf_counter() - start, failure=Failure.of(raised))
            pipe.send(made)
        except OSError:  # nobody is there any more, or the evaluation has closed what is not its own
            return


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _failed(start: float, told: str) -> Attempt:
    return Attempt(time.perf_counter() - start, failure=Failure(told), lost=True)


def _ended(code: int | None) -> str:
    if code is None:
        return "its process does not answer"
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{memory}"
