"""The paper's search tables from runs of one's own: every method, many seeds, on published results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.experiments.published import PublishedRow, published_rows
from arch2vec.experiments.search_settings import EVALUATIONS, ObjectiveSetting, label
from arch2vec.objectives import resolve_objective
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.searching.budget import Budget
from arch2vec.searching.pool import OnDevice
from arch2vec.searching.spec import AnyMethod, resolve_methods
from arch2vec.studies import SearchRuns, run_study
from arch2vec.studies.at_budget import chosen
from arch2vec.studies.significance import Comparison, holm, lead
from arch2vec.studies.summary import Row, comparisons, summary_rows


@dataclass(frozen=True, eq=False)
class Result:
    """What an experiment found on one objective.

    Attributes:
        setting: what was run.
        objective: its name.
        description: what its numbers are.
        note: what every table of them has to say.
        signal_split: the data that the signal is measured on.
        runs: of every method.
        signal: (N,) of the architectures searched, percent.
        best_test: the best test accuracy of all, percent; NaN where there is none.
    """

    setting: ObjectiveSetting
    objective: str
    description: str
    note: str
    signal_split: str
    runs: Sequence[SearchRuns]
    signal: NDArray[np.float64]
    best_test: float

    @property
    def budgets(self) -> list[Budget]:
        """All budgets to report at, evaluations first; those within the runs."""
        most = max(budget.evaluations for budget in self.setting.budgets if budget.evaluations)
        honest = [budget for budget in EVALUATIONS if self.setting.end.both or (budget.evaluations or 0) <= most]
        return sorted(
            {*honest, *self.setting.budgets}, key=lambda budget: (budget.max_cost_s or 0.0, budget.evaluations or 0)
        )

    @property
    def published(self) -> list[PublishedRow]:
        """The published rows of the objective."""
        return published_rows(self.objective)

    def rows(self) -> list[Row]:
        """A row a budget and method, with the published figures that belong beside it at the paper's budget."""
        rows = summary_rows(self.runs, self.budgets, self.signal)
        for row in rows:
            row["label"] = label(row["method"])
            row["signal_split"] = self.signal_split
            row["published"] = self._beside(row["method"]) if row["budget"] == str(self.setting.budgets[-1]) else {}
        return rows

    def _beside(self, method: str) -> dict[str, object]:
        for known in self.published:
            if method in known.methods:
                found: dict[str, object] = {"label": known.label, "budget": known.budget, "runs": known.runs}
                for name, figure in (("validation", known.validation), ("test", known.test)):
                    if figure is not None:
                        found |= {f"{name}_mean": figure[0], f"{name}_std": figure[1]}
                return found
        return {}

    def comparisons(self) -> list[Comparison]:
        """Every method against every other on equal seeds, by test accuracy at the paper's budget."""
        return comparisons(self.runs, self.setting.budgets[-1])

    def leads(self) -> list[Row]:
        """Every method against every published row at the paper's budget.

        Welch's test, one-sided; ``p_holm`` is corrected for the rows that a method is held against.
        """
        found: list[Row] = []
        for runs in self.runs:
            ended = chosen(runs, self.setting.budgets[-1])
            for column in ("validation", "test"):
                values = getattr(ended, column)
                known = [(row, getattr(row, column)) for row in self.published if getattr(row, column) is not None]
                if not known or (~np.isnan(values)).sum() < 2:
                    continue
                tests = [lead(values, mean, std, row.runs) for row, (mean, std) in known]
                for (row, (mean, std)), test, p in zip(known, tests, holm([t.p for t in tests]), strict=True):
                    found.append(
                        {
                            "objective": self.objective,
                            "method": runs.method,
                            "column": column,
                            "published": row.label,
                            "published_mean": mean,
                            "published_std": std,
                            "published_budget": row.budget,
                            "mean": float(np.nanmean(values)),
                            "difference": test.difference,
                            "p": test.p,
                            "p_holm": p,
                            "std_assumed": test.assumed_std,
                        }
                    )
        return found


def run_setting(
    setting: ObjectiveSetting,
    embedding: Embedding,
    methods: Sequence[AnyMethod],
    runs: int | Mapping[str, int],
    out: Path,
    *,
    data: str | None = None,
    seed0: int = 0,
    workers: int = 1,
    executor: Executor | None = None,
    device: str | None = None,
    progress: Callable[[str, str, int], None] | None = None,
) -> Result:
    """Run, or finish, one objective of an experiment, in a folder of its name in ``out``.

    Args:
        setting: what to run.
        embedding: of the objective's search space; architectures that the table lacks are left out.
        methods: as for :func:`arch2vec.studies.run_study`.
        runs: how many of each, or of each by name.
        out: the experiment's folder.
        data: name or file of the benchmark's table, None for the one that is found by its name.
        seed0: the first seed.
        workers: how many processes share the runs.
        executor: as for :func:`arch2vec.studies.run_study`.
        device: where model-based methods look at all architectures in every round, None for the setting's own pool.
        progress: told how far the study is, as for :func:`arch2vec.studies.run_study`.

    Raises:
        InputError: the table cannot be found, is of another space, or ``out`` holds something else.
    """
    objective = resolve_objective(setting.spec if data is None else f"{setting.spec}&data={_quoted(data)}")
    if not isinstance(objective, LookupObjective):
        raise InputError(f"{setting.spec} is no table of results")
    known = objective.restrict(embedding)
    specs = resolve_methods(methods)
    found = run_study(
        known,
        objective,
        list(specs.values()),
        runs,
        setting.end,
        seed0=seed0,
        fidelities={} if setting.fidelities is None else {objective.name: setting.fidelities},
        batches={name: batch for name, batch in setting.batches.items() if name in specs},
        pool=setting.pool if device is None else OnDevice(device),
        out=out / objective.name,
        workers=workers,
        executor=executor,
        progress=progress,
    )
    view = objective.view(known)
    counts = {name: runs if isinstance(runs, int) else runs[name] for name in specs}
    kept = [found.runs(name, objective.name).select(range(seed0, seed0 + counts[name])) for name in specs]
    best_test = float(np.nanmax(view.test)) if not np.isnan(view.test).all() else float("nan")
    return Result(
        setting,
        objective.name,
        objective.description,
        objective.note,
        objective.signal_split,
        kept,
        view.validation,
        best_test,
    )


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="/")
