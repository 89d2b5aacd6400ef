"""``arch2vec pareto``: searches for the best trade-offs between accuracy and other criteria."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.choices import OBJECTIVE, PARETO_METHOD
from arch2vec.cli.devices import add_device
from arch2vec.cli.inputs import add_source, names, source_and_objectives
from arch2vec.cli.output import command, print_json, print_table, progress_bar, say
from arch2vec.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from arch2vec.searching.pareto.problem import ParetoProblem

AGAINST = (
    "what accuracy is weighed against, from the objective's table: params, macs, latency:COLUMN or energy:COLUMN "
    "(a device such as latency:edgegpu, or a column by its name), min:COLUMN, max:COLUMN; several, separated by commas"
)


def add_commands(commands: Any) -> None:
    """Add ``pareto``."""
    parser = command(
        commands,
        "pareto",
        run_pareto,
        "searches for the best trade-offs: accuracy against latency, energy, parameters",
        "Searches for a front of accuracy and other criteria, by several methods on the same seeds: how much of the\n"
        "best possible hypervolume they reach. With --out, the same command again resumes; more runs, methods or\n"
        "evaluations add to what is there.",
    )
    add_source(parser)
    parser.add_argument("--objective", required=True, help=f"{OBJECTIVE}; a benchmark or a table here")
    parser.add_argument("--against", required=True, action="append", help=AGAINST)
    parser.add_argument(
        "--known",
        metavar="A,B",
        help="criteria of --against that are known before an evaluation, as all or none or by name (default: params "
        "and macs, which follow from the architecture)",
    )
    parser.add_argument(
        "--method",
        "--methods",
        dest="methods",
        default="ehvi",
        metavar="M,M",
        help=f"search methods, separated by commas: {PARETO_METHOD} (default ehvi)",
    )
    parser.add_argument(
        "--budget", type=int, default=100, metavar="N", help="how many evaluations a search may make (default 100)"
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=10,
        help="how many searches are made by each method; they have the seeds --seed, --seed + 1, ... (default 10)",
    )
    parser.add_argument(
        "--batch", type=int, default=1, help="how many architectures a search proposes at a time (default 1)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="how many processes share the searches, one core each (default 1)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder that keeps every evaluation, tables and figures, and from which the same command "
        "resumes (default: nothing is kept)",
    )
    parser.add_argument(
        "--accept-changes",
        action="store_true",
        help="go on with a study in --out though its table has changed since; the study then says so (default: it is "
        "refused)",
    )
    add_device(parser)


def run_pareto(arguments: argparse.Namespace) -> None:
    """``arch2vec pareto``."""
    from arch2vec.searching.spec import resolve_pareto_methods, split_methods

    methods = list(resolve_pareto_methods(split_methods(arguments.methods)).values())
    against = names(",".join(arguments.against))
    if not methods or not against or arguments.runs < 1:
        raise InputError("pareto needs at least one method, one criterion to weigh accuracy against, and one run")

    from arch2vec.common.ownership import owning
    from arch2vec.searching.pareto.problem import problem_of
    from arch2vec.searching.pareto.study import pareto_study
    from arch2vec.searching.pareto.summary import budgets_for, summary_rows, write_tables

    source, (objective,) = source_and_objectives(
        arguments.source, arguments.space, [arguments.objective], arguments.representation, arguments.device
    )
    known = {"all": against, "none": []}.get(
        arguments.known or "", None if arguments.known is None else names(arguments.known)
    )
    whole = source.embedding([objective])
    problem, embedding = problem_of(objective, whole, against, known)
    if len(embedding) < len(whole):
        say(f"{len(whole) - len(embedding):,} of {len(whole):,} architectures are left out: they lack a criterion")
    with owning(arguments.out):
        total, done = len(methods) * arguments.runs * arguments.budget, 0
        with progress_bar(f"{len(methods)} methods x {arguments.runs} runs") as update:

            def show(method: str, evaluations: int) -> None:
                nonlocal done
                done += evaluations
                update(done, max(done, total), method)

            frame = pareto_study(
                embedding,
                problem,
                methods,
                arguments.runs,
                arguments.budget,
                seed0=arguments.seed,
                batch=arguments.batch,
                out=arguments.out,
                workers=arguments.workers,
                progress=show,
                accept_changes=arguments.accept_changes,
            )
        rows = summary_rows(frame, problem, budgets_for(arguments.budget))
        if arguments.out is not None:
            write_tables(frame, problem, rows, arguments.out)
            _draw(frame, problem, arguments.out)
        if arguments.json:
            print_json(_document(frame, problem, rows))
        else:
            _print(problem, rows, arguments.runs)
        if arguments.out is not None:
            say(f"trials.parquet, table.md, table.csv, table.parquet, fronts.csv and figures are in {arguments.out}")


def _print(problem: ParetoProblem, rows: list[dict[str, Any]], runs: int) -> None:
    from arch2vec.searching.pareto.summary import cells, explanation, title

    headings = ["method", *(f"{count} evaluations" for count in dict.fromkeys(row["evaluations"] for row in rows))]
    what = f"share of the best possible hypervolume, %, {runs} runs"
    print_table(f"{title(problem)}: {what}", headings, cells(rows), footer=explanation(problem))
    if not all(row["test_hypervolume_mean"] != row["test_hypervolume_mean"] for row in rows):
        print_table("The same architectures by test accuracy, %", headings, cells(rows, "test_hypervolume"))


def _document(frame: pd.DataFrame, problem: ParetoProblem, rows: list[dict[str, Any]]) -> dict[str, Any]:
    from arch2vec.searching.pareto.summary import explanation, fronts_frame

    columns = [criterion.column for criterion in problem.criteria]
    fronts = fronts_frame(frame, problem)[["method", "seed", "evaluation", "architecture", *columns, "test"]]
    return {
        "objective": problem.name,
        "criteria": [
            {"column": criterion.column, "maximise": criterion.maximise, "known": criterion.column in problem.known}
            for criterion in problem.criteria
        ],
        "reference": explanation(problem),
        "rows": rows,
        "fronts": fronts.to_dict("records"),
    }


def _draw(frame: pd.DataFrame, problem: ParetoProblem, out: Path) -> None:
    import numpy as np

    from arch2vec.reports.curves import best_so_far
    from arch2vec.reports.names import column_title, cost_label, objective_title
    from arch2vec.reports.pareto import draw_fronts
    from arch2vec.reports.style import png_and_svg
    from arch2vec.searching.pareto.summary import front_rows, median_attainment

    shares = {
        str(method): [100 * run["hypervolume_share"].to_numpy() for _, run in mine.groupby("seed")]
        for method, mine in frame.groupby("method", sort=False)
    }
    costs = ", ".join(column_title(criterion.column) for criterion in problem.criteria[1:])
    title = f"{objective_title(problem.name)}: accuracy and {costs}"
    share = "hypervolume (% of the best possible)"
    files = png_and_svg(out / "hypervolume.png")
    best_so_far(shares, files, y_label=share, optimum=100.0, band="ci95", title=title)
    signs = np.array([1.0 if criterion.maximise else -1.0 for criterion in problem.criteria])
    runs = {
        str(method): [run for _, run in mine.groupby("seed")] for method, mine in frame.groupby("method", sort=False)
    }
    for j, criterion in enumerate(problem.criteria[1:], start=1):
        pair = [0, j]
        attained = {
            method: median_attainment([problem.gains[front_rows(run, problem)][:, pair] for run in mine]) * signs[pair]
            for method, mine in runs.items()
        }
        best = median_attainment([problem.gains[:, pair]]) * signs[pair]
        draw_fronts(
            problem.values[:, pair],
            best,
            attained,
            png_and_svg(out / ("fronts.png" if len(problem.criteria) == 2 else f"fronts-{criterion.column}.png")),
            labels=["validation accuracy (%)", cost_label(criterion.column, problem.units[j])],
            maximise=criterion.maximise,
            runs=max(map(len, runs.values())),
            title=title,
        )
