"""What a terminal shows of a search while it is made, and of a folder or storage that somebody else writes to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from arch2vec.cli.output import progress_bar, say, span
from arch2vec.reports.numbers import valued
from arch2vec.searching.watching import Beginning, Watcher

if TYPE_CHECKING:
    from arch2vec.searching.trials import Trial

_LAST = 8  # trainings that are shown


class Bar(Watcher):
    """A progress bar with the best so far.

    Args:
        label: what is going on.
    """

    def __init__(self, label: str) -> None:
        self._label, self._stack = label, ExitStack()
        self._best: Trial | None = None

    def begin(self, beginning: Beginning) -> None:
        """As :class:`Watcher` says."""
        self._about = beginning
        self._update = self._stack.enter_context(progress_bar(self._label))
        for trial in beginning.trials:
            self._take(trial)

    def trial(self, trial: Trial) -> None:
        """As :class:`Watcher` says."""
        self._take(trial)
        note = f"best {self._about.objective.signal_name} {self._value(self._best)}" if self._best is not None else ""
        self._update(trial.number, self._about.budget or trial.number, note)

    def end(self) -> None:
        """As :class:`Watcher` says."""
        self._stack.close()

    def _take(self, trial: Trial) -> None:
        self._best = trial if self._about.goal.beats(trial, self._best) else self._best

    def _value(self, trial: Trial) -> str:
        if trial.failed:
            return "failed"
        return valued(trial.validation, self._about.objective.unit) + (", pruned" if trial.pruned else "")


class View(Bar):
    """The best so far, the last trainings and the time left, renewed with each of them; off a terminal a line each."""

    def begin(self, beginning: Beginning) -> None:
        """As :class:`Watcher` says."""
        from rich.console import Console
        from rich.live import Live

        self._about, self._start = beginning, time.monotonic()
        self._trials: list[Trial] = list(beginning.trials)
        self._before = len(self._trials)
        for trial in self._trials:
            self._take(trial)
        console = Console(stderr=True)
        self._live: Live | None = None
        if console.is_terminal:
            self._live = self._stack.enter_context(Live(self, console=console, refresh_per_second=1, transient=False))

    def trial(self, trial: Trial) -> None:
        """As :class:`Watcher` says."""
        self._trials.append(trial)
        self._take(trial)
        if self._live is None:
            print(f"{self._head()}; {self._line(trial)}", file=sys.stderr)

    def __rich__(self) -> str:
        """What is shown, as of now."""
        from rich.markup import escape

        lines = [self._label, self._head()]
        if self._best is not None:
            lines.append(f"best  {self._line(self._best)}")
        lines += [f"      {self._line(trial)}" for trial in reversed(self._trials[-_LAST:])]
        return escape("\n".join(lines))

    def _line(self, trial: Trial) -> str:
        return f"{trial.number:>5}  {self._value(trial):>12}  {trial.cost_s:,.1f} s  {trial.architecture}"

    def _head(self) -> str:
        done, budget = len(self._trials), self._about.budget
        of = "" if budget is None else f" of {budget}"
        left = remaining(done - self._before, None if budget is None else budget - done, time.monotonic() - self._start)
        best = "" if self._best is None else f", best {self._value(self._best)}"
        return f"{done}{of} evaluations{best}{left and f', {left} left'}"


def remaining(made: int, to_make: int | None, spent_s: float) -> str:
    """The time that is left, in words; nothing where it cannot be told."""
    if not made or to_make is None or to_make <= 0:
        return ""
    return span(spent_s / made * to_make)


def view_of(label: str, watched: bool) -> Watcher:
    """What shows a search: a bar, or, where it is to be watched, more."""
    return View(label) if watched else Bar(label)


def repeatedly(render: Callable[[], str], over: Callable[[], bool], every_s: float) -> None:
    """Show something again and again until it is over: in place on a terminal, else whenever it has changed.

    Args:
        render: what is to be shown now.
        over: whether the last look was the last, asked after each.
        every_s: between looks, seconds.
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console, before = Console(), ""
    live: Any = Live(console=console, auto_refresh=False) if console.is_terminal else None
    with ExitStack() as stack:
        if live is not None:
            stack.enter_context(live)
        while True:
            text = render()
            if live is not None:
                live.update(Text(text), refresh=True)
            elif text != before:
                print(text, flush=True)
            before = text
            if over():
                return
            try:
                time.sleep(every_s)
            except KeyboardInterrupt:
                say("no longer watched; nothing was touched")
                return
