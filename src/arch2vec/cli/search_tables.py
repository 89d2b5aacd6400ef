"""``arch2vec experiment nasbench201-search`` and ``nasbench101-search``: the paper's search tables."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.choices import METHOD
from arch2vec.cli.devices import SEARCHES, add_device, note_processor
from arch2vec.cli.output import add_out, command, print_json, print_table, progress_bar, say
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.experiments.search_tables import Result

_WHAT = {
    "nasbench201-search": "every search method on NAS-Bench-201: the paper's table 3, on three data sets, and more",
    "nasbench101-search": "every search method on NAS-Bench-101: the paper's table 2 and figure 6",
}


def add_command(experiments: Any) -> None:
    """Add the two search experiments."""
    for name, what in _WHAT.items():
        parser = command(
            experiments,
            name,
            partial(run_search_tables, name),
            what,
            f"{what[0].upper()}{what[1:]}.\n"
            "Many runs of every method, at the paper's budgets and at 25 to 200 evaluations, beside published ones.\n"
            "The same command again resumes; more runs or methods add to what is there.",
        )
        parser.add_argument(
            "source",
            type=Path,
            metavar="RUN",
            help="where the vectors come from: a run's folder, or a file made by 'arch2vec embed'",
        )
        add_out(parser)
        parser.add_argument(
            "--methods",
            metavar="M,M",
            help=f"search methods, separated by commas: {METHOD} (default: all of the package)",
        )
        parser.add_argument(
            "--objectives", metavar="A,B", help="the experiment's data sets, separated by commas (default: all)"
        )
        parser.add_argument(
            "--runs", type=int, default=500, help="how many searches are made by each method (default 500)"
        )
        parser.add_argument(
            "--runs-of",
            default="",
            metavar="METHOD=N,...",
            help="another number of searches for some methods, as in supervised-bo=50 (default: --runs for all)",
        )
        parser.add_argument(
            "--budget", type=int, metavar="N", help="searches of N evaluations (default: the paper's budgets)"
        )
        parser.add_argument(
            "--data",
            metavar="FILE",
            help="file of the benchmark's table (default: found by its name, see 'arch2vec data')",
        )
        parser.add_argument(
            "--workers", type=int, default=1, help="how many processes share the searches, one core each (default 1)"
        )
        add_device(parser, SEARCHES)


def run_search_tables(name: str, arguments: argparse.Namespace) -> None:
    """``arch2vec experiment nasbench201-search`` or ``nasbench101-search``."""
    from arch2vec.cli.inputs import names, numbers_of, open_source
    from arch2vec.common.ownership import owning
    from arch2vec.experiments.search_report import write_report
    from arch2vec.experiments.search_settings import EXPERIMENTS, order
    from arch2vec.experiments.search_tables import run_setting
    from arch2vec.searching import METHODS
    from arch2vec.searching.spec import resolve_methods, split_methods

    methods = resolve_methods(split_methods(arguments.methods) if arguments.methods else order(METHODS))
    note_processor(methods.values(), arguments.device)
    runs = numbers_of(list(methods), arguments.runs, arguments.runs_of, "methods")
    settings = [setting.capped(arguments.budget) for setting in EXPERIMENTS[name]]
    if arguments.objectives:
        known = {setting.spec.partition("=")[2]: setting for setting in settings}
        for wanted in names(arguments.objectives):
            if wanted not in known:
                raise InputError(f"{name} has no objective {wanted!r}; it has {', '.join(known)}")
        settings = [known[wanted] for wanted in names(arguments.objectives)]
    with owning(arguments.out):
        embedding = open_source(arguments.source, None, device=arguments.device).embedding()
        results = []
        total = sum((setting.end.evaluations or 0) * sum(runs.values()) for setting in settings)
        with progress_bar(name) as update:
            done = 0

            def show(method: str, objective: str, evaluations: int) -> None:
                nonlocal done
                done += evaluations
                update(done, max(done, total), f"{method} on {objective}")

            results = [
                run_setting(
                    setting,
                    embedding,
                    list(methods.values()),
                    runs,
                    arguments.out,
                    data=arguments.data,
                    seed0=arguments.seed,
                    workers=arguments.workers,
                    device=arguments.device,
                    progress=show,
                )
                for setting in settings
            ]
        rows = write_report(results, name, arguments.out)
        if arguments.json:
            print_json({"rows": rows})
        else:
            for result in results:
                _print(result)
        say(f"tables.md, table.csv, table.parquet, comparisons.csv, leads.csv and figures are in {arguments.out}")


def _print(result: Result) -> None:
    from arch2vec.experiments.search_report import share
    from arch2vec.reports.numbers import spread

    signal = "validation" if result.signal_split == "validation" else "signal"
    paper = str(result.setting.budgets[-1])
    cells = [
        [
            row["label"],
            str(row["runs"]),
            spread(row[f"{signal}_mean"], row.get(f"{signal}_std")),
            spread(row["test_mean"], row["test_std"]),
            share(row["optimum_share"]),
            f"{row['evaluations']:.1f}",
        ]
        for row in result.rows()
        if row["budget"] == paper
    ]
    for known in result.published:
        figures = ["" if figure is None else spread(*figure) for figure in (known.validation, known.test)]
        queries = known.budget.removesuffix(" queries") if known.budget.endswith(" queries") else ""
        cells.append([f"published: {known.label}", str(known.runs), *figures, "", queries])
    heading = "validation" if result.signal_split == "validation" else f"signal ({result.signal_split.upper()} data)"
    print_table(
        f"{result.setting.title}, at {paper}",
        ["method", "runs", f"{heading}, %", "test, %", "optimum, %", "evaluations"],
        cells,
        footer=result.description,  # with what has to be noted
    )
