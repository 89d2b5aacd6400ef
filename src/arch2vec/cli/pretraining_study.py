"""``arch2vec experiment pretraining``: the paper's table of four models on three search spaces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.devices import add_device
from arch2vec.cli.output import command, print_json, print_table, progress_bar, say
from arch2vec.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from arch2vec.experiments.pretraining import StudiedRun


def add_command(experiments: Any) -> None:
    """Add ``pretraining`` to the experiments."""
    parser = command(
        experiments,
        "pretraining",
        run_pretraining,
        "reconstruction, validity and uniqueness of four models on three search spaces",
        "The paper's table 1: pre-train GAE, VGAE, arch2vec without KL and arch2vec on NAS-Bench-101, NAS-Bench-201\n"
        "and DARTS, and show reconstruction accuracy, validity and uniqueness beside the published ones. All of it\n"
        "takes hours; the same command again resumes, and --spaces, --models and --runs make it smaller or larger.",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder that keeps the study, and from which the same command resumes",
    )
    parser.add_argument(
        "--spaces", metavar="A,B", help="search spaces, separated by commas (default nasbench101,nasbench201,darts)"
    )
    parser.add_argument(
        "--models",
        metavar="A,B",
        help="what is trained, as model:protocol pairs separated by commas (default: gae, vgae, "
        "arch2vec-no-kl and arch2vec with the protocol release, and arch2vec:paper)",
    )
    parser.add_argument(
        "--runs", type=int, default=1, help="how many runs of each, with the seeds --seed, --seed + 1, ... (default 1)"
    )
    parser.add_argument(
        "--runs-of",
        default="",
        metavar="SPACE=N,...",
        help="another number of runs for some search spaces, as in nasbench201=10 (default: --runs for all)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        help="how many passes over the training split, instead of the paper's (8 on nasbench101, 10 elsewhere)",
    )
    parser.add_argument(
        "--sample",
        type=int,
        metavar="N",
        help="learn from N architectures of each search space (default: the paper's numbers)",
    )
    parser.add_argument("--batch-size", type=int, default=32, help="how many graphs a training step takes (default 32)")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="learning rate of Adam (default 0.001)")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="how many runs are trained at the same time, each in a process of its own (default 1)",
    )
    add_device(parser)


def run_pretraining(arguments: argparse.Namespace) -> None:
    """``arch2vec experiment pretraining``."""
    from arch2vec.cli.inputs import names, numbers_of
    from arch2vec.experiments.pretraining import ROWS, SETTINGS, plan, run_study
    from arch2vec.experiments.pretraining_table import tabulate, to_rows
    from arch2vec.pretraining.pretrain import PretrainConfig

    spaces = names(arguments.spaces) if arguments.spaces else list(SETTINGS)
    numbers = numbers_of(spaces, arguments.runs, arguments.runs_of, "spaces")
    runs = [
        run
        for space in spaces
        for run in plan(
            [space],
            [_pair(text) for text in names(arguments.models)] if arguments.models else list(ROWS),
            range(arguments.seed, arguments.seed + numbers[space]),
            epochs=arguments.epochs,
            sample=arguments.sample,
            options=PretrainConfig(batch_size=arguments.batch_size, learning_rate=arguments.learning_rate),
        )
    ]
    with progress_bar("pre-training study") as update:

        def show(run: StudiedRun, done: int, of: int) -> None:
            update(done, of, str(run.folder))

        table = tabulate(
            run_study(runs, arguments.out, workers=arguments.workers, device=arguments.device, progress=show)
        )
    if arguments.json:
        print_json({"rows": to_rows(table)})
    else:
        _print(table)
    say(f"tables: {arguments.out / 'table.md'}, table.csv, table.parquet; every run: runs.csv, runs.parquet")


def _pair(text: str) -> tuple[str, str]:
    model, colon, protocol = text.partition(":")
    if not colon:
        raise InputError(f"--models takes model:protocol pairs, as in arch2vec:paper,gae:release; got {text!r}")
    return model, protocol


def _print(table: pd.DataFrame) -> None:
    from arch2vec.experiments.pretraining_table import figure

    shown = ("operations", "graphs", "validity", "uniqueness", "strict_validity")
    for space, part in table.groupby("space", sort=False):
        rows = []
        for row in part.to_dict("records"):
            ours = [figure(row[f"{name}_mean"], row[f"{name}_std"], name) for name in shown]
            rows.append([f"{row['model']}, {row['protocol']}", str(row["runs"]), *ours])
            if row["published_validity"] is not None:
                known = [row[f"published_{name}"] for name in ("reconstruction", "validity", "uniqueness")]
                rows.append(
                    [f"{row['model']}, published", "", f"{known[0]:.2f}", "", f"{known[1]:.2f}", f"{known[2]:.2f}", ""]
                )
        headings = ["model and protocol", "runs", "operations", "whole graphs", "validity", "uniqueness", "strict"]
        print_table(f"Pre-training on {space}, %", headings, rows)
