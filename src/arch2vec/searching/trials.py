"""What a study records: its evaluations in order, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from arch2vec.errors import InputError

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
        validation: what the search was told, accuracy in percent; NaN if the
            evaluation failed.
        test: accuracy in percent that the search did not see, None where there is none.
        cost_s: what the evaluation cost, seconds.
        cumulative_cost_s: what it and all before it cost, seconds.
        method_s: what the search method itself took to propose it and to take
            note of it, seconds of this machine. Not compared for equality.
        extra: further numbers of the objective.
        fidelity: what it was evaluated at, None for the objective's default.
        error: why it failed where something was raised, one line. Not compared for equality.
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

    @property
    def failed(self) -> bool:
        """Whether the evaluation gave no value."""
        return math.isnan(self.validation)

    def beats(self, incumbent: Trial | None) -> bool:
        """Whether it takes the place of the best of the trials before it.

        The incumbent is the trial of highest validation accuracy among those of the
        highest fidelity at which any has succeeded so far, the first of equal ones:
        accuracies of different fidelities are not compared. The objective's
        default counts as its highest.
        """
        if self.failed or incumbent is None:
            return not self.failed
        own, other = (math.inf if trial.fidelity is None else trial.fidelity for trial in (self, incumbent))
        return own > other or (own == other and self.validation > incumbent.validation)


@dataclass(frozen=True, repr=False)
class SearchResult:
    """A study's evaluations.

    Attributes:
        trials: in the order they were made.
    """

    trials: list[Trial]

    def __repr__(self) -> str:
        failed = sum(trial.failed for trial in self.trials)
        what = f"{self.evaluations} evaluations, {failed} failed, {self.cost_s:,.1f} s"
        if failed == self.evaluations:
            return f"SearchResult({what})"
        return f"SearchResult({what}; best validation {self.best.validation:.2f}: {self.best.architecture!r})"

    def _repr_html_(self) -> str:
        shown = self.to_pandas()
        if len(shown):
            shown = shown.sort_values("validation", ascending=False, kind="stable").head(5)
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

        values = [trial.validation for trial in self.trials]
        return Picture(best_so_far_figure({"this search": [values]}, y_label=label))

    @property
    def best(self) -> Trial:
        """The trial of highest validation accuracy at the highest fidelity; see :meth:`Trial.beats`.

        Raises:
            InputError: no evaluation succeeded.
        """
        best: Trial | None = None
        for trial in self.trials:
            best = trial if trial.beats(best) else best
        if best is None:
            raise InputError(f"none of the {len(self.trials)} evaluations succeeded")
        return best

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
        ``best_validation`` (of the best trial so far, see :meth:`Trial.beats`;
        it falls where a higher fidelity is seen for the first time), ``best_test``
        (the test accuracy of the same trial) and ``fidelity`` (NaN for the objective's
        default). Missing numbers are NaN.
        """
        import pandas as pd

        rows = []
        best: Trial | None = None
        for trial in self.trials:
            if trial.beats(best):
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
                }
            )
        return pd.DataFrame(rows)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
