"""``arch2vec compare``: many searches by several methods, as tables and figures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.apart import TIMEOUT
from arch2vec.cli.choices import METHOD, OBJECTIVE
from arch2vec.cli.devices import SEARCHES, add_device, note_processor
from arch2vec.cli.inputs import (
    add_care,
    add_direction,
    add_limits,
    add_source,
    budget_of,
    care_of,
    names,
    note_fidelities,
    note_neighbours,
    source_and_objectives,
)
from arch2vec.cli.output import command, print_json, print_table, progress_bar, say
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding
    from arch2vec.objectives.base import Objective
    from arch2vec.searching.budget import Budget
    from arch2vec.studies import SearchRuns
    from arch2vec.studies.summary import Row


def add_command(commands: Any) -> None:
    """Add ``compare``."""
    parser = command(
        commands,
        "compare",
        run_compare,
        "many searches by several methods: tables and figures",
        "Many searches by several methods on the same seeds: tables with confidence intervals, paired tests, figures.\n"
        "With --out, the same command again resumes; more runs, methods or objectives add to what is there.",
    )
    add_source(parser)
    parser.add_argument("--objective", required=True, action="append", help=f"{OBJECTIVE}; may be given several times")
    add_limits(parser)
    add_direction(parser)
    add_care(parser)
    parser.add_argument(
        "--budgets",
        metavar="N,N",
        help="numbers of evaluations, as in 25,50,100, at which results are reported besides at the "
        "end (default: none)",
    )
    parser.add_argument(
        "--methods",
        default="random,group-bo",
        metavar="M,M",
        help=f"search methods, separated by commas: {METHOD} (default random,group-bo)",
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=20,
        help="how many searches are made by each method; they have the seeds --seed, --seed + 1, ... (default 20)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="how many processes share the searches, one core each; what no table has is then evaluated in processes "
        "of its own, where an evaluation that ends its process is a failed trial (default: all in this process)",
    )
    parser.add_argument("--timeout-per-training", type=float, metavar="S", help=TIMEOUT)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder that keeps every evaluation, tables and figures, and from which the same command "
        "resumes (default: nothing is kept)",
    )
    add_device(parser, SEARCHES)


def run_compare(arguments: argparse.Namespace) -> None:
    """``arch2vec compare``."""
    from arch2vec.common.ownership import owning
    from arch2vec.reports.style import png_and_svg
    from arch2vec.searching.pool import OnDevice
    from arch2vec.searching.spec import resolve_methods, split_methods
    from arch2vec.studies import Budget, run_study

    methods = resolve_methods(split_methods(arguments.methods))
    if not methods or arguments.runs < 1:
        raise InputError("compare needs at least one method and one run")
    budgets = _budgets(arguments)
    end = Budget(_longest(arguments), arguments.max_cost)
    note_processor(methods.values(), arguments.device)
    pool = None if arguments.device is None else OnDevice(arguments.device)
    source, objectives = source_and_objectives(
        arguments.source,
        arguments.space,
        arguments.objective,
        arguments.representation,
        arguments.device,
        arguments.minimise,
    )
    embedding = source.embedding(objectives)
    note_fidelities(methods.values(), objectives)
    note_neighbours(methods.values(), objectives, embedding)
    with owning(arguments.out):
        expected, done = len(objectives) * len(methods) * arguments.runs * (end.evaluations or 0), 0
        with progress_bar(f"{len(methods)} methods x {arguments.runs} runs") as update:

            def show(method: str, objective: str, evaluations: int) -> None:
                nonlocal done
                done += evaluations
                update(done, max(done, expected), f"{method} on {objective}")

            found = run_study(
                embedding,
                objectives,
                list(methods.values()),
                arguments.runs,
                end,
                seed0=arguments.seed,
                pool=pool,
                out=arguments.out,
                workers=arguments.workers,
                timeout_s=arguments.timeout_per_training,
                progress=show,
                **care_of(arguments),
            )
        seeds = range(arguments.seed, arguments.seed + arguments.runs)
        rows: list[Row] = []
        for objective in objectives:
            runs = [found.runs(method, objective.name).select(seeds) for method in methods]
            mine = _rows(objective, embedding, runs, budgets)
            rows += mine
            if arguments.out is not None:
                plain = "figure" if len(objectives) == 1 else f"figure-{objective.name}"
                _draw(objective, runs, png_and_svg(arguments.out / f"{plain}.png"))
            if not arguments.json:
                _print(objective, arguments.runs, runs, mine, budgets)
        if arguments.json:
            print_json({"rows": rows})
        if arguments.out is not None:
            _write(rows, arguments.out)
            say(f"trajectories.parquet, table.csv and figures are in {arguments.out}")


def _longest(arguments: argparse.Namespace) -> int | None:
    """The evaluations of a run: the budget, or the largest number to report at."""
    numbers = _numbers(arguments.budgets)
    if arguments.budget is None and numbers:
        return max(numbers)
    return budget_of(arguments)


def _budgets(arguments: argparse.Namespace) -> list[Budget]:
    """Where to report: the budgets asked for, and the end of the runs."""
    from arch2vec.searching.budget import Budget

    budgets = [Budget(number) for number in _numbers(arguments.budgets)]
    longest = _longest(arguments)
    if arguments.max_cost is not None and arguments.max_cost > 0:
        end = Budget(max_cost_s=arguments.max_cost)
    else:
        end = Budget(longest or 0)
    if longest is not None and any((budget.evaluations or 0) > longest for budget in budgets):
        raise InputError(f"--budgets names more evaluations than a run's {longest}; raise --budget")
    return [*(budget for budget in budgets if budget != end), end]


def _numbers(text: str | None) -> list[int]:
    try:
        return sorted({int(name) for name in names(text or "")})
    except ValueError:
        raise InputError(f"--budgets takes whole numbers separated by commas, as in 25,50,100; got {text!r}") from None


def _rows(objective: Objective, embedding: Embedding, runs: list[SearchRuns], budgets: list[Budget]) -> list[Row]:
    from arch2vec.objectives.lookup import LookupObjective
    from arch2vec.studies.summary import summary_rows

    signal = objective.view(embedding).validation if isinstance(objective, LookupObjective) else None
    if signal is not None and objective.minimise:
        signal = -signal  # as methods are told
    return [{**row, "published": {}} for row in summary_rows(runs, budgets, signal)]


def _print(objective: Objective, count: int, runs: list[SearchRuns], rows: list[Row], budgets: list[Budget]) -> None:
    from arch2vec.studies.summary import comparisons

    signal, chosen = objective.signal_name, "least" if objective.minimise else "best"
    for budget in budgets:
        print_table(
            f"{objective.name}, {budget}, {count} runs: the architecture {chosen} by {signal}, 95 % intervals of means",
            [
                "method",
                objective.signal,
                objective.with_unit("test"),
                "at the optimum, %",
                "evaluations",
                "seconds a run",
            ],
            [
                [
                    str(row["method"]),
                    _interval(row, "validation", objective.unit),
                    _interval(row, "test", objective.unit),
                    "-" if row["optimum_share"] != row["optimum_share"] else f"{100 * row['optimum_share']:.0f}",
                    f"{row['evaluations']:.1f}",
                    f"{row['seconds_per_run']:.2f}",
                ]
                for row in rows
                if row["budget"] == str(budget)
            ],
            footer=objective.description if budget == budgets[-1] else None,
        )
    pairs = comparisons(runs, budgets[-1], "validation")
    form = ".3f" if objective.unit == "%" else ".4g"
    if pairs and count > 1:
        print_table(
            f"Methods on the same seeds, by {signal}" + (", of which less is better" if objective.minimise else ""),
            ["methods", "difference", "95 % interval", "p (signed ranks, Holm)"],
            [
                [
                    f"{pair.first} - {pair.second}",
                    f"{pair.difference:+{form}}",
                    f"{pair.low:+{form}} to {pair.high:+{form}}",
                    f"{pair.p_holm:.2g}",
                ]
                for pair in pairs
            ],
        )


def _interval(row: Row, name: str, unit: str) -> str:
    mean = row[f"{name}_mean"]
    if mean != mean:
        return "-"
    from arch2vec.reports.numbers import digits_of, spread

    digits = digits_of(mean, unit)
    low, high = (f"{row[f'{name}_{end}']:.{digits}f}" for end in ("low", "high"))
    return f"{spread(mean, row[f'{name}_std'], digits)}\n[{low}, {high}]"


def _draw(objective: Objective, runs: list[SearchRuns], paths: Sequence[Path]) -> None:
    """The best so far of every run. One of which every evaluation has failed has no curve.

    Of methods that choose how long trainings are, only the evaluations count that are as long as the others'.
    """
    import numpy as np

    from arch2vec.reports.curves import best_so_far
    from arch2vec.reports.names import objective_title

    curves, own = {}, _own_fidelities(objective)
    for each in runs:
        values = -each.validation if objective.minimise else each.validation
        values = np.where(np.isin(each.fidelity, own), values, np.nan)
        made = [row[:length] for row, length in zip(values, each.lengths.tolist(), strict=True)]
        found = [row for row in made if np.isfinite(row).any()]
        if len(found) < len(made):
            lost = len(made) - len(found)
            say(f"{lost} of {len(made)} runs of {each.method} have no evaluation to compare: no curves of them")
        if found:
            curves[each.method] = found
    if curves:
        optimum, less = getattr(objective, "optimum", None), objective.minimise
        label = "best validation accuracy (%)" if objective.unit == "%" else f"best {objective.signal}"
        title = objective_title(objective.name)
        best_so_far(curves, paths, optimum=optimum, band="ci95", title=title, minimise=less, y_label=label)


def _own_fidelities(objective: Objective) -> list[int]:
    """The lengths of training at which an objective gives what it gives unasked."""
    import numpy as np

    from arch2vec.objectives.lookup import LookupObjective

    if not isinstance(objective, LookupObjective):
        return [0, *objective.fidelities[-1:]]
    unasked = objective.columns().validation
    known = {number: objective.columns(number).validation for number in objective.fidelities}
    return [0, *(number for number, values in known.items() if np.array_equal(values, unasked, equal_nan=True))]


def _write(rows: list[Row], out: Path) -> None:
    import pandas as pd

    from arch2vec.common.storage import atomic_path

    with atomic_path(out / "table.csv") as path:
        pd.DataFrame(rows).drop(columns="published").to_csv(path, index=False, float_format="%.6g")
