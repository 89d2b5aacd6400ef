"""Those who look on while a search is made: a terminal's view, TensorBoard, MLflow, anything of one's own.

None of them has a say in the search, and none can end it: one that fails is told of in one line and left out from
then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from arch2vec.objectives.base import Objective
from arch2vec.searching.failures import one_line, say
from arch2vec.searching.goal import Goal
from arch2vec.searching.trials import Trial


@dataclass(frozen=True)
class Beginning:
    """A search that begins, or goes on.

    Attributes:
        objective: what is measured.
        goal: what is better.
        method: its name.
        seed: of the method.
        budget: evaluations in all, None for no limit.
        max_cost_s: what evaluations may cost in all, seconds, None for no limit.
        trials: that there are already.
        settings: what the study is, as it is kept with it.
    """

    objective: Objective
    goal: Goal
    method: str
    seed: int
    budget: int | None
    max_cost_s: float | None
    trials: Sequence[Trial]
    settings: Mapping[str, Any]


class Watcher:
    """Looks on while a search is made; by default it does nothing.

    >>> import arch2vec
    >>> from arch2vec.searching.watching import Watcher
    >>> class Count(Watcher):
    ...     made = 0
    ...
    ...     def trial(self, trial):
    ...         self.made += 1
    >>> cells, count = arch2vec.represent("nasbench201", "adjacency", sample=20), Count()
    >>> _ = arch2vec.search(cells, "digits-201", method="random", budget=3, watchers=[count])
    >>> count.made
    3
    """

    def begin(self, beginning: Beginning) -> None:
        """The search begins."""

    def trial(self, trial: Trial) -> None:
        """One more evaluation has ended and is recorded."""

    def end(self) -> None:
        """The search has ended, however it did."""


@dataclass
class Watchers(Watcher):
    """Several watchers as one that never fails.

    Attributes:
        those: the watchers.
    """

    those: Sequence[Watcher] = field(default_factory=list)

    def begin(self, beginning: Beginning) -> None:
        """As :class:`Watcher` says."""
        self._each("begin", beginning)

    def trial(self, trial: Trial) -> None:
        """As :class:`Watcher` says."""
        self._each("trial", trial)

    def end(self) -> None:
        """As :class:`Watcher` says."""
        self._each("end")

    def _each(self, what: str, *arguments: object) -> None:
        for watcher in list(self.those):
            try:
                getattr(watcher, what)(*arguments)
            except Exception as error:
                self.those = [other for other in self.those if other is not watcher]
                say(f"{type(watcher).__name__} has failed and is left out: {one_line(error)}; the search goes on")


@contextmanager
def ending(watcher: Watcher) -> Iterator[None]:
    """Tell a watcher at the end of the block that the search has ended."""
    try:
        yield
    finally:
        watcher.end()
