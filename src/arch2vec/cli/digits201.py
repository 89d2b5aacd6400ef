"""``arch2vec experiment digits-201``: make the embedded benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from arch2vec.cli.output import command, print_json, progress_bar
from arch2vec.errors import InputError


def add_command(experiments: Any) -> None:
    """Add ``digits-201`` to the experiments."""
    parser = command(
        experiments,
        "digits-201",
        run_digits201,
        "train every function of NAS-Bench-201 on scikit-learn's digits",
        "Train one architecture of every function of NAS-Bench-201 on scikit-learn's handwritten digits, those of a\n"
        "random tenth three times, and make a table of it. About two hours on two cores; stopped at any moment, the\n"
        "same command goes on where it was.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder that keeps the trainings as they come, and from which the same command resumes",
    )
    parser.add_argument(
        "--functions",
        type=int,
        metavar="N",
        help="train only N of the benchmark's functions, drawn at random (default: all 4,930)",
    )
    parser.add_argument("--epochs", type=int, help="how many epochs a training takes, instead of the benchmark's 6")
    parser.add_argument(
        "--workers", type=int, default=1, help="how many processes train side by side, one core each (default 1)"
    )


def run_digits201(arguments: argparse.Namespace) -> None:
    """``arch2vec experiment digits-201``."""
    from dataclasses import replace

    from arch2vec.benchmarks import load
    from arch2vec.experiments.digits201 import SETTING, run

    if arguments.functions is not None and arguments.functions < 1:
        raise InputError(f"--functions must be at least 1, got {arguments.functions}")
    config = SETTING if arguments.epochs is None else replace(SETTING, epochs=arguments.epochs)
    with progress_bar("training on the digits") as update:
        path = run(
            arguments.out,
            functions=arguments.functions,
            config=config,
            workers=arguments.workers,
            progress=lambda done, of: update(done, of, "trainings"),
        )
    table = load(path)
    found = {"file": str(path), "architectures": len(table), "trainings": table.schema.source["trainings"]}
    if arguments.json:
        print_json(found)
    else:
        print(f"{found['architectures']:,} architectures, {found['trainings']:,} trainings: {path}")
