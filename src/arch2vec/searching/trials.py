"""What a study records: its evaluations in order, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from arch2vec.errors import InputError
from arch2vec.searching.goal import Goal

if TYPE_CHECKING:
    import pandas as pd

    from arch2vec.reports.picture import Picture


@dataclass(frozen=True)
class Trial:
    """One evaluation of a study.

    Attributes:
        number: 1 for the study's first evaluation.
        index: the architecture's row in the embedding.
        architecture: in the space's notation.
        validation: the value that decides, in the objective's unit; NaN if the evaluation failed, and of one that
            was given up the last that it reported.
        test: accuracy in percent that the search did not see, None where there is none.
        cost_s: what the evaluation cost, seconds.
        cumulative_cost_s: what it and all before it cost, seconds.
        method_s: what the search method itself took to propose it and to take
            note of it, seconds of this machine. Not compared for equality.
        extra: further numbers of the objective.
        fidelity: what it was evaluated at, None for the objective's default.
        error: why it failed where something was raised, one line. Not compared for equality.
        reports: epochs and the values that the training reported then.
        pruned: whether it was given up on the way because of them.
    """

    number: int
    index: int
    architecture: str
    validation: float
    test: float | None
    cost_s: float
    cumulative_cost_s: float
    method_s: float = field(compare=False)
    extra: Mapping[str, float] = field(default_factory=dict)
    fidelity: int | None = None
    error: str | None = field(default=None, compare=False)
    reports: tuple[tuple[int, float], ...] = ()
    pruned: bool = False

    @property
    def failed(self) -> bool:
        """Whether the evaluation gave no value."""
        return math.isnan(self.validation)


@dataclass(frozen=True, repr=False)
class SearchResult:
    """A study's evaluations.

    Attributes:
        trials: in the order they were made.
        goal: what is better.
    """

    trials: list[Trial]
    goal: Goal = field(default_factory=Goal, compare=False)

    def __repr__(self) -> str:
        failed, pruned = (sum(getattr(trial, how) for trial in self.trials) for how in ("failed", "pruned"))
        given_up = f"{pruned} pruned, " if pruned else ""
        what = f"{self.evaluations} evaluations, {failed} failed, {given_up}{self.cost_s:,.1f} s"
        best = self._best()
        if best is None:
            return f"SearchResult({what})"
        digits = "" if self.goal.minimise else ".2f"
        return f"SearchResult({what}; best validation {best.validation:{digits}}: {best.architecture!r})"

    def _repr_html_(self) -> str:
        shown = self.to_pandas()
        if len(shown):
            shown = shown[[self.goal.competes(trial) for trial in self.trials]]
            shown = shown.sort_values("validation", ascending=self.goal.minimise, kind="stable").head(5)
        return f"<p>{escape(repr(self))}</p>" + shown.to_html(index=False, float_format="{:.2f}".format)

    def to_pandas(self) -> pd.DataFrame:
        """A row an evaluation, see :meth:`trajectory`."""
        return self.trajectory()

    def plot(self, *, label: str = "best validation") -> Picture:
        """The best validation value so far against evaluations; no test value is shown.

        Args:
            label: of the vertical axis.

        Raises:
            InputError: no evaluation succeeded.
        """
        from arch2vec.reports.curves import best_so_far_figure
        from arch2vec.reports.picture import Picture

        values = [trial.validation if self.goal.competes(trial) else math.nan for trial in self.trials]
        return Picture(best_so_far_figure({"this search": [values]}, y_label=label, minimise=self.goal.minimise))

    @property
    def best(self) -> Trial:
        """The best trial at the highest fidelity; see :meth:`arch2vec.searching.goal.Goal.beats`.

        Raises:
            InputError: no evaluation succeeded, or none within the limits.
        """
        best = self._best()
        if best is None:
            within = " within the limits" if self.goal.most and not all(trial.failed for trial in self.trials) else ""
            raise InputError(f"none of the {len(self.trials)} evaluations succeeded{within}")
        return best

    def _best(self) -> Trial | None:
        best: Trial | None = None
        for trial in self.trials:
            best = trial if self.goal.beats(trial, best) else best
        return best

    @property
    def front(self) -> list[Trial]:
        """Of a search by several criteria: the trials that no other surpasses in all of them."""
        return self.goal.front(self.trials)

    @property
    def evaluations(self) -> int:
        """How many evaluations were made, failed ones included."""
        return len(self.trials)

    @property
    def cost_s(self) -> float:
        """What they cost together, seconds."""
        return self.trials[-1].cumulative_cost_s if self.trials else 0.0

    def trajectory(self) -> pd.DataFrame:
        """A row an evaluation, in order.

        Columns: ``evaluation`` (1, 2, ...), ``architecture``, ``validation``,
        ``test``, ``cost_s``, ``cumulative_cost_s``, ``method_s``,
        ``best_validation`` (of the best trial so far, see :meth:`arch2vec.searching.goal.Goal.beats`;
        it falls where a higher fidelity is seen for the first time), ``best_test``
        (the test accuracy of the same trial) and ``fidelity`` (NaN for the objective's
        default). Missing numbers are NaN. Where trainings have reported, ``pruned`` says which were given up.
        """
        import pandas as pd

        rows = []
        reporting = any(trial.reports for trial in self.trials)
        best: Trial | None = None
        for trial in self.trials:
            if self.goal.beats(trial, best):
                best = trial
            rows.append(
                {
                    "evaluation": trial.number,
                    "architecture": trial.architecture,
                    "validation": trial.validation,
                    "test": _number(trial.test),
                    "cost_s": trial.cost_s,
                    "cumulative_cost_s": trial.cumulative_cost_s,
                    "method_s": trial.method_s,
                    "best_validation": _number(best.validation if best else None),
                    "best_test": _number(best.test if best else None),
                    "fidelity": _number(trial.fidelity),
                    **({"pruned": trial.pruned} if reporting else {}),
                }
            )
        return pd.DataFrame(rows)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
