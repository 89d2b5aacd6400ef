"""``arch2vec experiment darts``: the paper's experiment on DARTS."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from arch2vec.cli.devices import add_device
from arch2vec.cli.inputs import names
from arch2vec.cli.output import command, print_json, print_table, progress_bar, say

_DESCRIPTION = """\
The paper's table 4: pre-train on 600,000 cells, search them by arch2vec-RL and arch2vec-BO with trainings of
50 epochs as the objective, train the best cells for 600 epochs with three seeds and, with --imagenet, transfer
them. That takes GPU days; the same command again resumes, wherever it was interrupted. All of it in minutes:

  arch2vec experiment darts --out small --data digits --sample 2000 --budget 20 --final-epochs 20"""


def add_command(experiments: Any) -> None:
    """Add ``darts`` to the experiments."""
    parser = command(
        experiments, "darts", run_darts, "the DARTS pipeline: pre-train, search, train the best, transfer", _DESCRIPTION
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the experiment's folder")
    data = parser.add_argument_group("images")
    data.add_argument("--data", default="cifar10", help="cifar10 (default), cifar100, or digits, which need no files")
    data.add_argument(
        "--data-dir", metavar="DIR", help="folder of their published archives (default: $ARCH2VEC_IMAGES, else a cache)"
    )
    data.add_argument("--limit", type=int, metavar="N", help="use N of the training images only")
    data.add_argument("--imagenet", metavar="DIR", help="ImageNet's folder, with train and val, to transfer to")
    data.add_argument("--workers", type=int, default=4, help="processes that read ImageNet (default 4)")
    steps = parser.add_argument_group("steps")
    steps.add_argument("--sample", type=int, default=600_000, metavar="N", help="cells (default 600,000)")
    steps.add_argument("--epochs", type=int, default=10, help="of pre-training (default 10)")
    steps.add_argument("--methods", default="arch2vec-rl,bo", metavar="A,B", help="default: arch2vec-rl,bo")
    steps.add_argument("--budget", type=int, default=100, help="trainings of each search (default 100)")
    steps.add_argument("--inner-epochs", type=int, metavar="N", help="of these (default 50; on the digits 4)")
    steps.add_argument("--final-epochs", type=int, metavar="N", help="of the best (default 600; on the digits 4)")
    steps.add_argument("--seeds", type=int, default=3, help="trainings of each of the best (default 3)")
    steps.add_argument("--imagenet-epochs", type=int, metavar="N", help="default 250")
    steps.add_argument(
        "--published", default="", metavar="A,B", help="genotypes to train too: ARCH2VEC_BO, DARTS_V2, ..."
    )
    networks = parser.add_argument_group("networks")
    networks.add_argument("--layers", type=int, help="cells in a row (default 20; ImageNet 14, digits 5)")
    networks.add_argument("--channels", type=int, help="of the first cells (default 36; ImageNet 48, digits 8)")
    add_device(parser)
    networks.add_argument("--threads", type=int, default=1, help="cores of a CPU that a training uses (default 1)")


def run_darts(arguments: argparse.Namespace) -> None:
    """``arch2vec experiment darts``."""
    from arch2vec.experiments.darts import run_experiment
    from arch2vec.experiments.darts_settings import DartsSettings
    from arch2vec.experiments.darts_table import figure

    settings = DartsSettings(
        data=arguments.data,
        data_dir=arguments.data_dir,
        limit=arguments.limit,
        sample=arguments.sample,
        pretrain_epochs=arguments.epochs,
        methods=tuple(names(arguments.methods)),
        budget=arguments.budget,
        inner_epochs=arguments.inner_epochs,
        final_epochs=arguments.final_epochs,
        final_seeds=arguments.seeds,
        layers=arguments.layers,
        channels=arguments.channels,
        published=tuple(names(arguments.published)),
        imagenet=arguments.imagenet,
        imagenet_epochs=arguments.imagenet_epochs,
        workers=arguments.workers,
        seed=arguments.seed,
        device=arguments.device,
        threads=arguments.threads,
    )
    with progress_bar("DARTS") as update:

        def show(step: str, done: int, of: int, text: str) -> None:
            update(done, of, f"{step}: {text}")

        rows = run_experiment(settings, arguments.out, show)
    if arguments.json:
        print_json({"rows": rows})
    else:
        shown = []
        for row in rows:
            shown.append(
                [
                    row["name"],
                    str(row["runs"]),
                    figure(100 - row["test_mean"], row["test_std"]),
                    f"{row['parameters']:,}",
                    figure(row.get("validation_mean")),
                ]
            )
            if row["published"] is not None:
                known = row["published"]
                shown.append(
                    [
                        f"{known['label']}, published on CIFAR-10",
                        "5",
                        figure(known["error"], known["error_std"]),
                        f"{known['parameters_millions']} M",
                        "",
                    ]
                )
        headings = ["cell", "seeds", "test error, %", "parameters", "validation in the search, %"]
        print_table(f"DARTS cells on {arguments.data}", headings, shown)
    say(f"results: {arguments.out / 'results.json'}, table.md; networks: {arguments.out / 'final'}")
