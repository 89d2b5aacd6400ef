"""Commands that search: search, compare, demo."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli import compare
from arch2vec.cli.apart import add_apart, apart_of
from arch2vec.cli.choices import METHOD, OBJECTIVE, PARETO_METHODS
from arch2vec.cli.devices import DEFAULT, DEVICE, SEARCHES, add_device, note_processor
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
from arch2vec.cli.output import command, print_json, print_table
from arch2vec.reports.numbers import number

if TYPE_CHECKING:
    from arch2vec.objectives.base import Objective
    from arch2vec.searching.trials import SearchResult, Trial


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
    add_goal(parser)
    add_care(parser)
    parser.add_argument(
        "--method",
        help=f"the search method: {METHOD} (default group-bo, which needs no pre-training; bo and arch2vec-rl are the "
        f"paper's); with --against one of {', '.join(PARETO_METHODS)} (default ehvi)",
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
    parser.add_argument(
        "--watch",
        action="store_true",
        help="show the best so far, the last trainings and the time left while the search is made; off a terminal, a "
        "line for each training (default: a progress bar)",
    )
    parser.add_argument(
        "--log",
        action="append",
        default=[],
        metavar="WHERE",
        help="write every training down for another program too: tensorboard:DIR, or mlflow:URI of a server or "
        "database; can be given again (default: nowhere)",
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


def add_goal(parser: argparse.ArgumentParser) -> None:
    """What is better."""
    add_direction(parser)
    parser.add_argument(
        "--max",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="the largest value of a further number, as macs=300e6: parameters or macs, where the space knows them (no "
        "architecture beyond is then proposed), or one that the objective returns or its table has a column of; can be "
        "given again (default: no limit)",
    )
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="NAME",
        help="weigh what is measured against a further number, of which less is better, or more of max:NAME: those "
        "that --max takes, and the words of 'arch2vec pareto' where the objective is a table; the result is a front; "
        "several are separated by commas (default: nothing)",
    )


def run_search(arguments: argparse.Namespace) -> None:
    """``arch2vec search``."""
    from arch2vec.cli.watch import view_of
    from arch2vec.searching.goals import read_limits
    from arch2vec.searching.spec import resolve_method, resolve_pareto_method
    from arch2vec.searching.study import search
    from arch2vec.studies.loggers import watcher_of

    against = names(",".join(arguments.against))
    if against:
        method = resolve_pareto_method(arguments.method or "ehvi")
    else:
        method = resolve_method(arguments.method or "group-bo")
    note_processor([method], arguments.device)
    source, (objective,) = source_and_objectives(
        arguments.source,
        arguments.space,
        [arguments.objective],
        arguments.representation,
        arguments.device,
        arguments.minimise,
    )
    embedding = source.embedding([objective], pools=True)
    note_fidelities([method], [objective])
    note_neighbours([method], [objective], embedding)
    view = view_of(f"{method} on {objective.name}", arguments.watch)
    result = search(
        embedding,
        objective,
        method=method,
        budget=budget_of(arguments),
        max_cost_s=arguments.max_cost,
        seed=arguments.seed,
        batch=arguments.batch,
        out=arguments.out,
        device=arguments.device,
        at_most=read_limits(arguments.max),
        against=against,
        watchers=[view, *(watcher_of(text) for text in arguments.log)],
        **care_of(arguments),
        **apart_of(arguments),
    )
    if against:
        _print_front(objective, result, arguments.json)
        return
    best = result.best
    if arguments.json:
        print_json(
            {
                "best": _described(best),
                "evaluations": result.evaluations,
                "cost_s": result.cost_s,
                "unit": objective.unit,
                "minimise": objective.minimise,
            }
        )
        return
    unit = objective.unit
    print_table(
        f"Best of {result.evaluations} architectures, by {objective.signal_name}",
        ["", "value"],
        [
            ["architecture", best.architecture],
            [objective.signal + (", the least" if objective.minimise else ""), number(best.validation, unit)],
            [objective.with_unit("test"), "-" if best.test is None else number(best.test, unit)],
            *([name, f"{result.goal.number(best, name):,.6g}"] for name in result.goal.most),
            ["cost of all evaluations, s", f"{result.cost_s:,.1f}"],
        ],
        footer=objective.description,
    )


def _described(trial: Trial) -> dict[str, Any]:
    return {name: getattr(trial, name) for name in ("architecture", "validation", "test", "cost_s")}


def _print_front(objective: Objective, result: SearchResult, as_json: bool) -> None:
    """What no other architecture surpasses in all criteria, the best by the validation value first."""
    goal = result.goal
    beside = [criterion.column for criterion in goal.criteria[1:]]
    found = sorted(result.front, key=lambda trial: -goal.gain(trial.validation))
    if as_json:
        rows = [{**_described(trial), **{name: goal.number(trial, name) for name in beside}} for trial in found]
        criteria = [{"column": each.column, "maximise": each.maximise} for each in goal.criteria]
        document = {"front": rows, "criteria": criteria, "evaluations": result.evaluations, "cost_s": result.cost_s}
        print_json({**document, "unit": objective.unit})
        return
    print_table(
        f"The front of {result.evaluations} architectures: {', '.join(map(str, goal.criteria))}",
        ["architecture", objective.signal, *beside],
        [
            [
                trial.architecture,
                number(trial.validation, objective.unit),
                *(f"{goal.number(trial, name):,.6g}" for name in beside),
            ]
            for trial in found
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
