"""One evaluation as a job for another process, and the book that workers keep of what they have finished.

A worker writes an outcome down the moment the training has ended, before it tells anybody. If the search is
killed before it has taken the outcome in, the next one finds it there, and the training is not paid for twice.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from arch2vec.common.parcels import Parcel, unpack
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.objectives.reporting import Judge
from arch2vec.searching.base import Candidate
from arch2vec.searching.evaluation import Attempt, alone, attempt
from arch2vec.searching.failures import Failure
from arch2vec.studies.journal import SUFFIX, Journal

BOOKS = "outcomes"
"""The folder of workers' books in a study's folder."""


@dataclass(frozen=True)
class Job:
    """An evaluation to be made.

    Attributes:
        objective: what evaluates, packed for another process.
        candidate: what is evaluated.
        seed: of the search.
        books: the folder that the outcome is written down in, if it is there; None for nowhere.
        last: whether a failure is final, because it is not tried again.
        judge: says whether the training is given up on the way, wherever it is made; None where it never is, or
            where whoever hands the job over has one that only works there.
    """

    objective: Parcel | Objective
    candidate: Candidate
    seed: int
    books: Path | None = None
    last: bool = True
    judge: Judge | None = None


def perform(job: Job, judge: Judge | None = None) -> Attempt:
    """Make an evaluation in this process, and write down what came of it.

    Args:
        job: the evaluation that is to be made.
        judge: in the place of the job's own.
    """
    try:
        objective = load(job.objective)
    except InputError as error:
        return Attempt(0.0, failure=Failure(str(error)), refused=True)
    me = os.getpid()
    made = attempt(objective, job.candidate, job.judge if judge is None else judge)
    if os.getpid() != me:  # a process that the evaluation forked and forgot: not ours to speak for
        os._exit(0)
    if job.books is not None and job.books.is_dir() and not made.refused and (made.failure is None or job.last):
        with suppress(InputError):  # a full disk: the outcome is on its way all the same
            _book(job.books, os.getpid()).add(job.seed, alone(job.candidate, made))
    return made


def finished(books: Path | None) -> Journal | None:
    """What workers have written down, whether the search has taken it in or not.

    Raises:
        InputError: a book is damaged.
    """
    if books is None:
        return None
    return Journal(books / f"none{SUFFIX}", sorted(books.glob(f"*{SUFFIX}")))


def load(objective: Parcel | Objective) -> Objective:
    """The objective of a job, of a parcel made once.

    Raises:
        InputError: it cannot be made here.
    """
    return objective if isinstance(objective, Objective) else _unpacked(objective)


@lru_cache(maxsize=2)
def _unpacked(parcel: Parcel) -> Objective:
    found: Objective = unpack(parcel)
    return found


@lru_cache(maxsize=8)
def _book(folder: Path, process: int) -> Journal:
    return Journal(folder / f"{socket.gethostname()}-{process}{SUFFIX}")
