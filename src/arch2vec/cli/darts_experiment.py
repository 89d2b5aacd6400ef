"""``arch2vec experiment darts``: the paper's experiment on DARTS."""

from __future__ import annotations

import argparse
from typing import Any

from arch2vec.cli.devices import add_device
from arch2vec.cli.inputs import names
from arch2vec.cli.output import add_out, command, print_json, print_table, progress_bar, say

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
    add_out(parser)
    data = parser.add_argument_group("images")
    data.add_argument(
        "--data",
        default="cifar10",
        help="the images that networks are trained on: cifar10 (default), cifar100, or digits, which need no files",
    )
    data.add_argument(
        "--data-dir",
        metavar="DIR",
        help="folder with the published archives of the images (default: $ARCH2VEC_IMAGES, else a "
        "cache that they are downloaded to)",
    )
    data.add_argument("--limit", type=int, metavar="N", help="train on N of the training images only (default: on all)")
    data.add_argument(
        "--imagenet",
        metavar="DIR",
        help="folder of ImageNet, with train and val in it, to which the best cells are transferred "
        "(default: they are not)",
    )
    data.add_argument("--workers", type=int, default=4, help="how many processes read ImageNet's images (default 4)")
    steps = parser.add_argument_group("steps")
    steps.add_argument(
        "--sample",
        type=int,
        default=600_000,
        metavar="N",
        help="how many cells are drawn, learned from and searched (default 600,000)",
    )
    steps.add_argument(
        "--epochs", type=int, default=10, help="how many passes over them pre-training makes (default 10)"
    )
    steps.add_argument(
        "--methods",
        default="arch2vec-rl,bo",
        metavar="A,B",
        help="search methods, separated by commas; 'arch2vec search --help' lists them (default arch2vec-rl,bo)",
    )
    steps.add_argument("--budget", type=int, default=100, help="how many trainings each search may make (default 100)")
    steps.add_argument(
        "--inner-epochs",
        type=int,
        metavar="N",
        help="how many epochs each training of a search takes (default 50; on the digits 4)",
    )
    steps.add_argument(
        "--final-epochs",
        type=int,
        metavar="N",
        help="how many epochs the best cells are trained for in the end (default 600; on the digits 4)",
    )
    steps.add_argument(
        "--seeds",
        type=int,
        default=3,
        help="how many trainings with different seeds each of the best cells gets in the end (default 3)",
    )
    steps.add_argument(
        "--imagenet-epochs", type=int, metavar="N", help="how many epochs the trainings on ImageNet take (default 250)"
    )
    steps.add_argument(
        "--published",
        default="",
        metavar="A,B",
        help="published genotypes that are trained beside the cells found, separated by commas, such "
        "as ARCH2VEC_BO,DARTS_V2 (default: none)",
    )
    networks = parser.add_argument_group("networks")
    networks.add_argument(
        "--layers", type=int, help="depth of the networks: cells in a row (default 20; ImageNet 14, digits 5)"
    )
    networks.add_argument(
        "--channels",
        type=int,
        help="width of the networks: channels of the first cells (default 36; ImageNet 48, digits 8)",
    )
    add_device(parser)
    networks.add_argument(
        "--threads", type=int, default=1, help="how many cores of a processor a training uses (default 1)"
    )


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
