"""``arch2vec experiment proxies``: what zero-cost proxies are worth."""

from __future__ import annotations

import argparse
from typing import Any

from arch2vec.cli.output import add_out, command, print_json, print_table, progress_bar, say
from arch2vec.cli.proxies import add_setting, setting_of


def add_command(experiments: Any) -> None:
    """Add ``proxies`` to the experiments."""
    parser = command(
        experiments,
        "proxies",
        run_proxies_study,
        "rank correlations of zero-cost proxies with real accuracies, beside published ones",
        "Rank correlations of zero-cost proxies with the accuracies of trained networks, beside published ones.\n"
        "The same command again resumes; more architectures, proxies or batches add to it.",
    )
    parser.add_argument("--space", default="nasbench201", help="the search space: nasbench201 (default) or nasbench101")
    parser.add_argument(
        "--sample",
        type=int,
        metavar="N",
        help="compare proxies on N architectures drawn from the space (default: on all)",
    )
    add_out(parser)
    parser.add_argument(
        "--batches",
        default="digits,random",
        metavar="A,B",
        help="kinds of images that networks are shown, separated by commas: digits, random (default both)",
    )
    add_setting(parser)


def run_proxies_study(arguments: argparse.Namespace) -> None:
    """``arch2vec experiment proxies``."""
    from arch2vec.cli.inputs import names

    settings = [setting_of(arguments, batch) for batch in names(arguments.batches)]

    from arch2vec.experiments.proxies import figure, run_proxies, to_rows, write_tables

    with progress_bar("proxies") as update:
        frame = run_proxies(
            arguments.space,
            settings,
            arguments.sample,
            arguments.out,
            names=names(arguments.names) if arguments.names else None,
            seed=arguments.seed,
            workers=arguments.workers,
            progress=update,
        )
    write_tables(frame, arguments.space, settings, arguments.out)
    if arguments.json:
        print_json({"rows": to_rows(frame)})
    else:
        for (batch, dataset), part in frame.groupby(["batch", "dataset"], sort=False):
            rows = [
                [str(row["proxy"]), figure(row), str(row["undefined"]), figure(row, "published_")]
                for row in part.to_dict("records")
            ]
            title = f"{dataset}, batch {batch}, {int(part['architectures'].iloc[0]):,} architectures"
            print_table(title, ["proxy", "Spearman / Kendall", "undefined", "published"], rows)
    say(f"table.md, table.csv, table.parquet and the proxies are in {arguments.out}")
