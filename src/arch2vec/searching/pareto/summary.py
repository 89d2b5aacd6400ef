"""What multi-objective searches reached: shares of the table's hypervolume, and the fronts themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arch2vec.common.storage import atomic_path, write_text
from arch2vec.errors import InputError
from arch2vec.searching.pareto.criteria import Array, gains
from arch2vec.searching.pareto.fronts import non_dominated, staircase
from arch2vec.searching.pareto.problem import MARGIN, HypervolumeReference, ParetoProblem

if TYPE_CHECKING:
    import pandas as pd

BUDGETS = (25, 50, 100, 200)
Row = dict[str, Any]


def budgets_for(budget: int) -> list[int]:
    """The numbers of evaluations to report at: those of :data:`BUDGETS` within the budget, and the budget."""
    return [*(count for count in BUDGETS if count < budget), budget]


def summary_rows(frame: pd.DataFrame, problem: ParetoProblem, budgets: Sequence[int]) -> list[Row]:
    """A row for each method and number of evaluations.

    Args:
        frame: the evaluations that :func:`arch2vec.searching.pareto.study.pareto_study` has made.
        problem: what it was of.
        budgets: numbers of evaluations.

    Returns:
        ``method``, ``evaluations``, ``runs``; ``hypervolume_mean``, ``_std`` and ``_median``
        of the share (0 to 1) of the table's hypervolume, by the validation signal; ``test_hypervolume_mean``
        and ``_std``, the share that the same architectures have by test accuracy of the best possible by
        test (NaN where there is none); ``front_mean``, how many architectures the searches' fronts
        hold; ``seconds_per_run`` that the method itself took. Standard deviations are with n - 1.
    """
    rows: list[Row] = []
    tested = None if np.isnan(problem.test).any() else HypervolumeReference.of(_by_test(problem))
    for method, mine in frame.groupby("method", sort=False):
        for count in budgets:
            part = mine[mine["evaluation"] <= count]
            runs = [run for _, run in part.groupby("seed") if len(run) == count]
            if not runs:
                continue
            shares = np.array([run["hypervolume_share"].iloc[-1] for run in runs])
            by_test = np.full(1, np.nan)
            if tested is not None:
                by_test = np.array([tested.share(_by_test(problem)[front_rows(run, problem)]) for run in runs])
            rows.append(
                {
                    "method": str(method),
                    "evaluations": count,
                    "runs": len(runs),
                    "hypervolume_mean": float(shares.mean()),
                    "hypervolume_std": _deviation(shares),
                    "hypervolume_median": float(np.median(shares)),
                    "test_hypervolume_mean": float(by_test.mean()),
                    "test_hypervolume_std": _deviation(by_test),
                    "front_mean": float(np.mean([len(front_rows(run, problem)) for run in runs])),
                    "seconds_per_run": float(np.mean([run["method_s"].sum() for run in runs])),
                }
            )
    return rows


def _deviation(values: Array) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _by_test(problem: ParetoProblem) -> Array:
    """(N, m) the gains with test accuracy in the place of the signal. For reports only."""
    points = problem.gains
    points[:, 0] = problem.test if problem.criteria[0].maximise else -problem.test
    return points


def front_rows(run: pd.DataFrame, problem: ParetoProblem) -> list[int]:
    """The embedding's rows of what is on one search's front by the validation signal, in the order found."""
    rows = run["row"].to_numpy()
    return rows[non_dominated(problem.gains[rows])].tolist()


def fronts_frame(frame: pd.DataFrame, problem: ParetoProblem) -> pd.DataFrame:
    """The architectures on every search's front at its end: the columns of ``frame``, in order of accuracy."""
    ends = [
        run[non_dominated(problem.gains[run["row"].to_numpy()])].sort_values(
            problem.criteria[0].column, ascending=False
        )
        for _, run in frame.groupby(["method", "seed"], sort=False)
    ]
    import pandas as pd

    return pd.concat(ends, ignore_index=True).drop(columns="front_until")


def median_attainment(fronts: Sequence[Array]) -> Array:
    """The points that at least half of the searches attain or surpass, of two criteria.

    The boundary of what the first ceil(R / 2) of R searches dominate (Fonseca and Fleming, 1996).

    Args:
        fronts: R sets of gains (n, 2).

    Returns:
        (k, 2), the first criterion ascending and the second descending; none where half of
        the searches have no point in common reach.
    """
    if not fronts:
        raise InputError("no fronts to summarise")
    stairs = [staircase(front) for front in fronts]
    edges = np.unique(np.concatenate([firsts for firsts, _ in stairs]))
    reached = np.full((len(stairs), len(edges)), -np.inf)
    for place, (firsts, seconds) in enumerate(stairs):
        at = np.searchsorted(firsts, edges)  # the first point that is at least as good by the first criterion
        inside = at < len(firsts)
        reached[place, inside] = seconds[at[inside]]
    half = (len(stairs) + 1) // 2
    level = np.sort(reached, axis=0)[::-1][half - 1]
    points = np.stack([edges, level], axis=1)[np.isfinite(level)]
    return np.stack(staircase(points), axis=1)


def to_markdown(rows: Sequence[Row], problem: ParetoProblem) -> str:
    """The table for reading, with what it is of."""
    budgets = list(dict.fromkeys(row["evaluations"] for row in rows))
    runs = sorted({row["runs"] for row in rows})
    count = str(runs[0]) if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    headings = ["method", *(f"{count} evaluations" for count in budgets)]
    parts = [f"# {title(problem)}\n", f"{problem.description}.\n", f"{explanation(problem)}\n"]
    for kind, name in (("hypervolume", "By the validation signal"), ("test_hypervolume", "By test accuracy")):
        if not all(np.isnan(row[f"{kind}_mean"]) for row in rows):
            words = f"Share of the best possible hypervolume, %, mean ± standard deviation of {count} runs"
            parts.append(f"## {name}\n\n{words}\n\n{table(headings, cells(rows, kind))}")
    return "\n".join(parts)


def table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose first column is text and whose others are numbers."""
    text = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join([*text, *("| " + " | ".join(line) + " |" for line in lines)]) + "\n"


def cells(rows: Sequence[Row], kind: str = "hypervolume") -> list[list[str]]:
    """A method a line: its name, then mean ± standard deviation in percent at each number of evaluations."""
    lines: dict[str, list[str]] = {}
    for row in rows:
        deviation = row[f"{kind}_std"]
        spread = "" if np.isnan(deviation) else f" ± {100 * deviation:.2f}"
        lines.setdefault(row["method"], []).append(f"{100 * row[f'{kind}_mean']:.2f}{spread}")
    return [[name, *entries] for name, entries in lines.items()]


def title(problem: ParetoProblem) -> str:
    """One line: the objective, and what its accuracy is weighed against."""
    return f"{problem.name} against {', '.join(criterion.column for criterion in problem.criteria[1:])}"


def explanation(problem: ParetoProblem) -> str:
    """One line on the reference point and on what methods knew."""
    stick = HypervolumeReference.of(problem.gains)
    corner = stick.nadir - MARGIN * (stick.ideal - stick.nadir)
    at = gains(corner[None], problem.criteria)[0]
    point = ", ".join(f"{c.column} {value:.6g}" for c, value in zip(problem.criteria, at.tolist(), strict=True))
    known = (
        f"known without an evaluation: {', '.join(problem.known)}" if problem.known else "nothing is known beforehand"
    )
    return (
        f"Hypervolume with the table's front of {len(problem.front)} architectures scaled to 0 to 1 in each criterion; "
        f"reference point {point}, a tenth of the front's range beyond its worst; {known}"
    )


def write_tables(frame: pd.DataFrame, problem: ParetoProblem, rows: Sequence[Row], out: Path) -> None:
    """Write ``table.md``, ``table.csv``, ``table.parquet`` and ``fronts.csv`` into ``out``."""
    import pandas as pd

    write_text(out / "table.md", to_markdown(rows, problem))
    flat = pd.DataFrame(rows)
    with atomic_path(out / "table.csv") as path:
        flat.to_csv(path, index=False, float_format="%.6g")
    with atomic_path(out / "table.parquet") as path:
        flat.to_parquet(path, index=False)
    with atomic_path(out / "fronts.csv") as path:
        fronts_frame(frame, problem).to_csv(path, index=False, float_format="%.8g")
