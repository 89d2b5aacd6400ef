"""Commands that search: search, compare, demo."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.output import command, print_json, print_table, progress_bar, say
from arch2vec.cli.representation import add_space, embed_some, load_encoder
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding

_OBJECTIVE = (
    "what an architecture is worth: 'digits' trains it on handwritten digits; "
    "'table:FILE?validation=COLUMN&test=COLUMN&cost=COLUMN' looks it up in a Parquet or CSV file; "
    "'python:MODULE_OR_FILE:FUNCTION' calls your function"
)


def add_commands(commands: Any) -> None:
    """Add this module's commands to the command line."""
    parser = command(
        commands,
        "search",
        run_search,
        "one search for a good architecture",
        "One search for a good architecture. With --out, running the same command again resumes it.",
    )
    _add_search(parser)
    parser.add_argument("--method", default="bo", help="a search method: bo, random (default bo)")
    parser.add_argument("--batch", type=int, default=1, help="architectures proposed at a time (default 1)")
    parser.add_argument("--out", type=Path, metavar="STUDY", help="folder that the search is kept in")

    parser = command(commands, "compare", run_compare, "many searches by several methods: a table and a figure")
    _add_search(parser)
    parser.add_argument("--methods", default="random,bo", help="comma-separated (default random,bo)")
    parser.add_argument("--runs", type=int, default=20, help="searches by each method, seeds 0, 1, ... (default 20)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for trajectories.parquet and figure.png")

    parser = command(
        commands,
        "demo",
        run_demo,
        "the whole path on something real, in minutes",
        "Pre-trains on NAS-Bench-201, then searches by training networks on handwritten digits.\n"
        "Running the same command again resumes it.",
    )
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="default: demo")
    parser.add_argument("--trainings", type=int, default=40, help="networks each search trains (default 40)")


def _add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="RUN", help="a run's folder, or a file made by 'arch2vec embed'")
    add_space(parser)
    parser.add_argument("--objective", required=True, help=_OBJECTIVE)
    parser.add_argument("--budget", type=int, help="evaluations (default 100, or no limit with --max-cost)")
    parser.add_argument("--max-cost", type=float, metavar="S", help="stop once evaluations have cost S seconds")


def _embedding(source: Path, space: str | None) -> Embedding:
    from arch2vec.embedding import Embedding
    from arch2vec.spaces import get_space

    if source.is_file():
        return Embedding.load(source, get_space(space) if space else None)
    return embed_some(load_encoder(source, space))


def _budget(arguments: argparse.Namespace) -> int | None:
    budget: int | None = arguments.budget
    return 100 if budget is None and arguments.max_cost is None else budget


def _limits(arguments: argparse.Namespace) -> str:
    budget = _budget(arguments)
    parts = [] if budget is None else [f"{budget} evaluations"]
    return " or ".join(parts if arguments.max_cost is None else [*parts, f"{arguments.max_cost:,.0f} s"])


def run_search(arguments: argparse.Namespace) -> None:
    """``arch2vec search``."""
    from arch2vec.objectives.spec import resolve_objective
    from arch2vec.searching import get_method
    from arch2vec.searching.study import Trial, search

    get_method(arguments.method)
    objective = resolve_objective(arguments.objective)
    embedding = _embedding(arguments.source, arguments.space)
    budget, best_seen = _budget(arguments), float("-inf")
    with progress_bar(f"{arguments.method} on {objective.name}") as update:

        def show(trial: Trial) -> None:
            nonlocal best_seen
            best_seen = max(best_seen, trial.validation)
            update(trial.number, budget or trial.number, f"best {best_seen:.2f} %")

        result = search(
            embedding,
            objective,
            method=arguments.method,
            budget=budget,
            max_cost_s=arguments.max_cost,
            seed=arguments.seed,
            batch=arguments.batch,
            out=arguments.out,
            on_evaluation=show,
        )
    best = result.best
    if arguments.json:
        print_json(
            {
                "best": {
                    "architecture": best.architecture,
                    "validation": best.validation,
                    "test": best.test,
                    "cost_s": best.cost_s,
                },
                "evaluations": result.evaluations,
                "cost_s": result.cost_s,
            }
        )
        return
    print_table(
        f"Best of {result.evaluations} architectures, by validation",
        ["", "value"],
        [
            ["architecture", best.architecture],
            ["validation, %", f"{best.validation:.2f}"],
            ["test, %", "-" if best.test is None else f"{best.test:.2f}"],
            ["cost of all evaluations, s", f"{result.cost_s:,.1f}"],
        ],
        footer=objective.description,
    )


def run_compare(arguments: argparse.Namespace) -> None:
    """``arch2vec compare``."""
    from arch2vec.objectives.spec import resolve_objective
    from arch2vec.plots.curves import best_so_far
    from arch2vec.searching import get_method
    from arch2vec.studies import run_many, summarise

    methods = [name.strip() for name in arguments.methods.split(",") if name.strip()]
    for name in methods:
        get_method(name)
    if not methods or arguments.runs < 1:
        raise InputError("compare needs at least one method and one run")
    objective = resolve_objective(arguments.objective)
    embedding = _embedding(arguments.source, arguments.space)
    budget, done = _budget(arguments), 0
    with progress_bar(f"{len(methods)} methods x {arguments.runs} runs") as update:

        def show(method: str, evaluations: int) -> None:
            nonlocal done
            done += evaluations
            update(done, len(methods) * arguments.runs * budget if budget else done, method)

        frame = run_many(
            embedding,
            objective,
            methods,
            runs=arguments.runs,
            budget=budget,
            seed0=arguments.seed,
            max_cost_s=arguments.max_cost,
            out=arguments.out,
            progress=show,
        )
    summary = summarise(frame)
    if arguments.out is not None:
        curves = {str(name): part for name, part in frame.groupby("method", sort=False)}
        optimum = getattr(objective, "optimum", None)
        best_so_far(curves, arguments.out / "figure.png", optimum=optimum, title=objective.name)
    rows = [{**row, "objective": objective.name, "published": {}} for row in summary.to_dict("records")]
    if arguments.json:
        print_json({"rows": rows})
        return
    print_table(
        f"{_limits(arguments)}, {arguments.runs} runs: the architecture best by validation",
        ["method", "validation, %", "test, %", "seconds a run"],
        [
            [
                str(row["method"]),
                f"{row['validation_mean']:.2f} ± {row['validation_std']:.2f}",
                f"{row['test_mean']:.2f} ± {row['test_std']:.2f}",
                f"{row['seconds_per_run']:.2f}",
            ]
            for row in rows
        ],
        footer=objective.description,
    )
    if arguments.out is not None:
        say(f"trajectories.parquet and figure.png are in {arguments.out}")


def run_demo(arguments: argparse.Namespace) -> None:
    """``arch2vec demo``."""
    from arch2vec.cli.demo import demo

    demo(arguments.out, trainings=arguments.trainings, seed=arguments.seed, as_json=arguments.json)
