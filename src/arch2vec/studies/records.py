"""Where a search that takes its time is written down: every proposal before it runs, every outcome before it counts."""

from __future__ import annotations

import hashlib
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from arch2vec.objectives.reporting import Judge
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.store import StudyFile
from arch2vec.searching.trials import Trial

if TYPE_CHECKING:
    from arch2vec.studies.pruning import Memory

Claim = Literal["ours", "taken", "full"]
"""Whether a candidate is ours to evaluate, another driver's, or beyond the budget as it stands."""


class Record(ABC):
    """The trials of one search, which several drivers may be at work on.

    Attributes:
        books: the folder in which workers write down what they have finished, None for nowhere; known once loaded.
    """

    books: Path | None = None

    @abstractmethod
    def load(self, searcher: SearchMethod) -> list[Trial]:
        """Bring the method to what is recorded and return the trials."""

    def news(self, now: bool = False) -> list[Trial]:
        """Trials that others have finished since, as theirs would be alone; the method is not told of them yet.

        What others have begun is noted by the method.

        Args:
            now: whether to look even if the last look was a moment ago.
        """
        del now
        return []

    def abandoned(self) -> list[Candidate]:
        """What was begun by drivers that are gone, each for this driver alone to begin again."""
        return []

    def prepare(self) -> None:  # noqa: B027
        """The method is about to be asked."""

    def others(self) -> int:
        """How many evaluations other drivers are at."""
        return 0

    @abstractmethod
    def claim(self, candidate: Candidate, budget: int | None) -> Claim:
        """Write down that a candidate is going to be evaluated here."""

    @abstractmethod
    def settle(self, trials: Sequence[Trial]) -> None:
        """Write down the last of the trials, which the method has been told of."""

    def close(self) -> None:  # noqa: B027
        """Nothing is evaluated here any more."""

    def judge(self, candidate: Candidate) -> tuple[Judge | None, bool]:
        """Who says whether the training of a claimed candidate is given up on the way, and whether from anywhere.

        By default nobody.
        """
        del candidate
        return None, True


def books_of(folder: Path, marks: Mapping[str, str]) -> Path:
    """Where in the folder of a study's books those are of what it measures now.

    What was finished, and is not in the study yet, is not taken for what another training function would have given.

    Args:
        folder: of all books.
        marks: of what is measured, see :func:`arch2vec.searching.identity.identity_of`.
    """
    told = "\n".join(f"{name} {mark}" for name, mark in sorted(marks.items()))
    return folder / hashlib.sha256(told.encode()).hexdigest()[:16]


class InMemory(Record):
    """Nowhere.

    Args:
        pruner: which trainings are given up on the way, None for none.
        minimise: whether less is better.
    """

    def __init__(self, pruner: str | None = None, minimise: bool = False) -> None:
        self._pruner, self._minimise = pruner, minimise
        self._memory: Memory | None = None

    @override
    def load(self, searcher: SearchMethod) -> list[Trial]:
        self._remember([])
        return []

    def _remember(self, trials: Sequence[Trial]) -> None:
        if self._pruner is not None:
            from arch2vec.studies.pruning import Memory

            self._memory = Memory(self._pruner, self._minimise, trials)

    @override
    def judge(self, candidate: Candidate) -> tuple[Judge | None, bool]:
        return (None, True) if self._memory is None else (self._memory.begin(candidate), False)

    @override
    def claim(self, candidate: Candidate, budget: int | None) -> Claim:
        return "ours"

    @override
    def settle(self, trials: Sequence[Trial]) -> None:
        if self._memory is not None:
            self._memory.end(trials[-1])


class InFile(InMemory):
    """``study.json``, of which one driver at a time is the owner.

    Args:
        file: the file that the study is kept in.
        books: the folder of the books of this study's workers.
        pruner: which trainings are given up on the way, None for none.
        minimise: whether less is better.
    """

    def __init__(self, file: StudyFile, books: Path, pruner: str | None = None, minimise: bool = False) -> None:
        super().__init__(pruner, minimise)
        self._file, self._all_books = file, books
        self.books = books_of(books, file.config.marks)
        self._trials: list[Trial] = []

    @override
    def load(self, searcher: SearchMethod) -> list[Trial]:
        self._searcher = searcher
        self._trials = self._file.load(searcher)
        self._remember(self._trials)
        return list(self._trials)

    @override
    def abandoned(self) -> list[Candidate]:
        return self._searcher.pending

    @override
    def claim(self, candidate: Candidate, budget: int | None) -> Claim:
        del candidate, budget  # the method's state has it among what is pending
        self._file.save(self._searcher, self._trials)
        return "ours"

    @override
    def settle(self, trials: Sequence[Trial]) -> None:
        self._trials = list(trials)
        self._file.save(self._searcher, self._trials)
        super().settle(trials)

    @override
    def close(self) -> None:
        if not self._searcher.pending:  # all that is in the books is in the study
            shutil.rmtree(self._all_books, ignore_errors=True)
