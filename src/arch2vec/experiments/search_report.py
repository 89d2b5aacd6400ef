"""What a search experiment leaves in its folder: tables for reading and for programs, and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arch2vec.common.storage import atomic_path, write_text
from arch2vec.experiments.search_settings import EVALUATIONS, label
from arch2vec.experiments.search_tables import Result
from arch2vec.reports.budgets import draw_budgets
from arch2vec.reports.numbers import spread
from arch2vec.reports.regret import regret_curves, regret_distributions
from arch2vec.reports.style import png_and_svg
from arch2vec.searching.budget import Budget
from arch2vec.studies.at_budget import chosen
from arch2vec.studies.curves import Curve, regret_curve
from arch2vec.studies.runs import SearchRuns
from arch2vec.studies.summary import Row

if TYPE_CHECKING:
    import pandas as pd

FILES = ("tables.md", "table.csv", "table.parquet", "comparisons.csv", "leads.csv")

_INTRODUCTION = """# {name}

Mean ± standard deviation over runs of the architecture that is best by the signal at the budget; in brackets the
95 % bootstrap confidence interval of the mean. Accuracies in percent. Rows marked *published* are the paper's, reached
with the budget they name; all others were run here. "At the optimum" is the share of runs whose choice has the best
signal of the whole table. Evaluations that start before the budget is over count. "Seconds" is what the method itself
took for one run on one core.
"""


def write_report(results: Sequence[Result], name: str, out: Path) -> list[Row]:
    """Write :data:`FILES` and the figures into ``out``, and return the rows of all tables."""
    import pandas as pd

    rows = [row for result in results for row in result.rows()]
    flat = pd.DataFrame([_flat(row) for row in rows])
    with atomic_path(out / "table.csv") as path:
        flat.to_csv(path, index=False, float_format="%.6g")
    with atomic_path(out / "table.parquet") as path:
        flat.to_parquet(path, index=False)
    pairs = [{"objective": result.objective, **asdict(pair)} for result in results for pair in result.comparisons()]
    _write_csv(pd.DataFrame(pairs), out / "comparisons.csv")
    _write_csv(pd.DataFrame([row for result in results for row in result.leads()]), out / "leads.csv")
    write_text(out / "tables.md", to_markdown(results, name))
    for result in results:
        draw(result, [row for row in rows if row["objective"] == result.objective], out)
    return rows


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g")


def _flat(row: Row) -> dict[str, Any]:
    published = {f"published_{name}": value for name, value in row["published"].items()}
    return {name: value for name, value in row.items() if name != "published"} | published


def to_markdown(results: Sequence[Result], name: str) -> str:
    """All tables for reading."""
    parts = [_INTRODUCTION.format(name=name)]
    for result in results:
        description = result.description.removesuffix(f"; {result.note}") if result.note else result.description
        parts.append(f"## {result.setting.title}\n\n{description}.\n")
        if pool := result.setting.pool:
            sampled = f"{pool.size:,} architectures drawn at random and the surroundings of the best"
            parts.append(f"Model-based methods look at {sampled} in a round, not at all there are.\n")
        if result.note:
            parts.append(f"**Note: {result.note}.**\n")
        rows = result.rows()
        own = [budget for budget in result.budgets if budget not in EVALUATIONS]
        for budget in own:
            last = budget == result.setting.budgets[-1]
            parts.append(f"### At {budget}{', the budget of the paper' if last and budget.max_cost_s else ''}\n")
            parts.append(_budget_table(result, [row for row in rows if row["budget"] == str(budget)], last))
        parts.append(_leads(result))
        parts.append("### On equal terms\n\nTest accuracy, % (share of runs at the optimum of the signal, %)\n")
        parts.append(_at_evaluations(rows, [budget for budget in result.budgets if budget in EVALUATIONS]))
        parts.append(_pairs(result))
    return "\n".join(part for part in parts if part)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def _budget_table(result: Result, rows: Sequence[Row], with_published: bool) -> str:
    headings = [
        "method", "runs", _signal_heading(result), "test", "test: median (quartiles)", "at the optimum, %",
        "evaluations", "seconds",
    ]  # fmt: skip
    cells = [
        [
            row["label"],
            str(row["runs"]),
            interval(row, "validation" if result.signal_split == "validation" else "signal"),
            interval(row, "test"),
            "" if np.isnan(row["test_median"]) else _quartiles(row),
            share(row["optimum_share"]),
            f"{row['evaluations']:.1f}",
            f"{row['seconds_per_run']:.2f}",
        ]
        for row in rows
    ]
    for known in result.published if with_published else []:
        numbers = ["" if figure is None else spread(*figure) for figure in (known.validation, known.test)]
        cells.append([f"*published*: {known.label}, {known.budget}", str(known.runs), *numbers, "", "", "", ""])
    return table(headings, cells)


def _signal_heading(result: Result) -> str:
    return "validation" if result.signal_split == "validation" else f"signal ({result.signal_split.upper()} data)"


def interval(row: Mapping[str, Any], name: str) -> str:
    """Mean ± deviation [confidence interval] of a column of a row, as far as the row has them."""
    mean = row[f"{name}_mean"]
    if np.isnan(mean):
        return ""
    if f"{name}_std" not in row:
        return f"{mean:.2f}"
    return f"{spread(mean, row[f'{name}_std'])} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"


def _quartiles(row: Row) -> str:
    return f"{row['test_median']:.2f} ({row['test_q1']:.2f}, {row['test_q3']:.2f})"


def share(number: float) -> str:
    """A share between 0 and 1 in percent, nothing for NaN."""
    return "" if np.isnan(number) else f"{100 * number:.1f}"


def _at_evaluations(rows: Sequence[Row], budgets: Sequence[Budget]) -> str:
    if not budgets:
        return ""
    by_method: dict[str, list[str]] = {}
    for budget in budgets:
        for row in rows:
            if row["budget"] == str(budget):
                cell = f"{row['test_mean']:.2f} ({share(row['optimum_share'])})"
                by_method.setdefault(row["label"], []).append(cell)
    return table(["method", *map(str, budgets)], [[name, *cells] for name, cells in by_method.items()])


def _leads(result: Result) -> str:
    """For every method, how many of the published rows it is significantly ahead of."""
    leads = result.leads()
    if not leads:
        return ""
    columns = [name for name in ("validation", "test") if any(row["column"] == name for row in leads)]
    cells = []
    for runs in result.runs:
        counts = []
        for column in columns:
            mine = [row for row in leads if row["method"] == runs.method and row["column"] == column]
            ahead = sum(row["p_holm"] < 0.05 and row["difference"] > 0 for row in mine)
            counts.append(f"{ahead} of {len(mine)}" if mine else "")
        cells.append([label(runs.method), *counts])
    assumed = any(row["std_assumed"] for row in leads)
    words = "Welch's test against the published mean and deviation of 500 runs, one-sided, 5 %, Holm's correction"
    words += "; where no deviation was published, ours stands in for it." if assumed else "."
    headings = ["method", *(f"published rows behind by {column}" for column in columns)]
    return f"### Ahead of the published rows\n\n{words}\n\n{table(headings, cells)}"


def _pairs(result: Result) -> str:
    """The best method by test accuracy, of those with the most runs, against every other."""
    pairs = result.comparisons()
    if not pairs:
        return ""
    budget = result.setting.budgets[-1]
    most = max(len(runs) for runs in result.runs)
    means = {runs.method: float(np.nanmean(chosen(runs, budget).test)) for runs in result.runs if len(runs) == most}
    best = max(means, key=means.__getitem__)
    cells = []
    for pair in pairs:
        if best not in (pair.first, pair.second):
            continue
        sign, other = (1, pair.second) if pair.first == best else (-1, pair.first)
        low, high = sorted((sign * pair.low, sign * pair.high))
        difference = f"{sign * pair.difference:+.3f} [{low:+.3f}, {high:+.3f}]"
        p_t = "" if np.isnan(pair.p_t) else f"{pair.p_t:.2g}"
        cells.append([label(other), str(pair.pairs), difference, f"{pair.p_holm:.2g}", p_t])
    words = (
        "Test accuracy on the same seeds; p of the signed-rank test with Holm's correction, and of the paired t-test."
    )
    headings = ["method", "pairs", "difference", "p (Holm)", "p (t)"]
    return f"### {label(best)} against the others, at {budget}\n\n{words}\n\n{table(headings, cells)}"


def draw(result: Result, rows: Sequence[Row], out: Path) -> None:
    """Regret by evaluations and simulated time, its distribution at the end, and all budgets beside each other."""
    if np.isnan(result.best_test):
        return
    title, budget = result.setting.title, result.setting.budgets[-1]
    most = max(budget.evaluations for budget in result.budgets if budget.evaluations)
    ends = {"evaluations": most, "seconds": budget.max_cost_s}
    for axis, end in ends.items():
        curves = {label(runs.method): _curve(runs, result.best_test, axis, end) for runs in result.runs}
        drawn = {name: curve for name, curve in curves.items() if curve is not None}
        regret_curves(drawn, png_and_svg(out / f"{result.objective}-regret-{axis}.png"), x=axis, title=title)
    regrets = {label(runs.method): result.best_test - chosen(runs, budget).test for runs in result.runs}
    files = png_and_svg(out / f"{result.objective}-distribution.png")
    regret_distributions(regrets, files, title=f"{title}, at {budget}")
    counted = [str(each) for each in result.budgets if each.evaluations]
    known = [{**row, "method": row["label"]} for row in rows if row["budget"] in counted]
    draw_budgets(known, png_and_svg(out / f"{result.objective}-budgets.png"), best=result.best_test, title=title)


def _curve(runs: SearchRuns, best: float, axis: str, end: float | None) -> Curve | None:
    """The method's curve, None where some run has found nothing by the end."""
    first = np.argmax(runs.incumbents >= 0, axis=1)
    begun = runs.cumulative_cost_s[np.arange(len(runs)), first] if axis == "seconds" else first + 1.0
    if end is not None and float(begun.max()) >= end:
        return None
    return regret_curve(runs, best, x=axis, end=end)
