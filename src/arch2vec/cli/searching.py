"""Commands that search: search, compare, demo."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from arch2vec.cli import compare
from arch2vec.cli.apart import add_apart, apart_of
from arch2vec.cli.choices import METHOD, OBJECTIVE
from arch2vec.cli.devices import DEFAULT, DEVICE, SEARCHES, add_device, note_processor
from arch2vec.cli.inputs import (
    add_care,
    add_limits,
    add_source,
    budget_of,
    care_of,
    note_fidelities,
    source_and_objectives,
)
from arch2vec.cli.output import command, print_json, print_table, progress_bar


def add_commands(commands: Any) -> None:
    """Add this module's commands to the command line."""
    parser = command(
        commands,
        "search",
        run_search,
        "one search for a good architecture",
        "One search for a good architecture. With --out, running the same command again resumes it.",
    )
    add_source(parser)
    parser.add_argument("--objective", required=True, help=OBJECTIVE)
    add_limits(parser)
    add_care(parser)
    parser.add_argument(
        "--method",
        default="group-bo",
        help=f"the search method: {METHOD} (default group-bo, which needs no pre-training; bo and arch2vec-rl are the "
        "paper's)",
    )
    parser.add_argument(
        "--batch", type=int, default=1, help="how many architectures the search proposes at a time (default 1)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="STUDY",
        help="folder that keeps the search, and from which the same command resumes (default: nothing is kept)",
    )
    add_device(parser, SEARCHES)
    add_apart(parser)

    compare.add_command(commands)

    parser = command(
        commands,
        "demo",
        run_demo,
        "the whole path on something real, in minutes",
        "Pre-trains on NAS-Bench-201, searches the benchmark that comes with the package for a cell that\n"
        "reads handwritten digits, and trains what it found. Running the same command again resumes it.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo"),
        metavar="DIR",
        help="folder that keeps everything, and from which the same command resumes (default: demo)",
    )
    parser.add_argument("--runs", type=int, default=30, help="how many searches are made by each method (default 30)")
    parser.add_argument(
        "--evaluations", type=int, default=60, help="how many trainings each search may look up (default 60)"
    )
    add_device(parser, f"{DEVICE}, for pre-training and embedding {DEFAULT}")


def run_search(arguments: argparse.Namespace) -> None:
    """``arch2vec search``."""
    from arch2vec.searching.spec import resolve_method
    from arch2vec.searching.study import Trial, search

    method = resolve_method(arguments.method)
    note_processor([method], arguments.device)
    source, (objective,) = source_and_objectives(
        arguments.source, arguments.space, [arguments.objective], arguments.representation, arguments.device
    )
    embedding = source.embedding([objective])
    note_fidelities([method], [objective])
    budget, best_seen, signal = budget_of(arguments), float("-inf"), objective.signal_name
    with progress_bar(f"{method} on {objective.name}") as update:

        def show(trial: Trial) -> None:
            nonlocal best_seen
            best_seen = best_seen if trial.failed else max(best_seen, trial.validation)
            update(trial.number, budget or trial.number, f"best {signal} {best_seen:.2f}")

        result = search(
            embedding,
            objective,
            method=method,
            budget=budget,
            max_cost_s=arguments.max_cost,
            seed=arguments.seed,
            batch=arguments.batch,
            out=arguments.out,
            on_evaluation=show,
            device=arguments.device,
            **care_of(arguments),
            **apart_of(arguments),
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
        f"Best of {result.evaluations} architectures, by {signal}",
        ["", "value"],
        [
            ["architecture", best.architecture],
            [objective.signal, f"{best.validation:.2f}"],
            [objective.with_unit("test"), "-" if best.test is None else f"{best.test:.2f}"],
            ["cost of all evaluations, s", f"{result.cost_s:,.1f}"],
        ],
        footer=objective.description,
    )


def run_demo(arguments: argparse.Namespace) -> None:
    """``arch2vec demo``."""
    from arch2vec.cli.demo import demo

    demo(
        arguments.out,
        runs=arguments.runs,
        evaluations=arguments.evaluations,
        seed=arguments.seed,
        as_json=arguments.json,
        device=arguments.device,
    )
