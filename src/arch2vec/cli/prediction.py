"""``arch2vec experiment prediction``: accuracies predicted from few labels, by encoding."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.cli.devices import DEFAULT, DEVICE, add_device
from arch2vec.cli.inputs import names
from arch2vec.cli.output import add_out, command, print_json, print_table, progress_bar, say
from arch2vec.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def add_command(experiments: Any) -> None:
    """Add ``prediction`` to the experiments."""
    parser = command(
        experiments,
        "prediction",
        run_prediction,
        "accuracies predicted from few labels: arch2vec, supervised and discrete encodings",
        "The paper's figure 2, and more: a Gaussian process fitted to a few labelled architectures predicts others,\n"
        "for the representations of the given runs, one learned from the labels, and discrete encodings, on all\n"
        "benchmarks of the runs' search spaces. The same command again resumes; more seeds or labels add to it.",
    )
    parser.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="folders made by 'arch2vec pretrain', whose representations are compared",
    )
    add_out(parser)
    parser.add_argument(
        "--seeds",
        type=int,
        default=20,
        help="how many times labelled architectures are drawn, with the seeds --seed, --seed + 1, ... (default 20)",
    )
    parser.add_argument(
        "--labels",
        default="16,64,250,1000",
        metavar="A,B",
        help="how many labelled architectures a predictor is fitted to, several numbers separated by "
        "commas (default 16,64,250,1000)",
    )
    parser.add_argument(
        "--test-points",
        type=int,
        default=10_000,
        help="how many other architectures are predicted, at most (default 10,000)",
    )
    parser.add_argument(
        "--predictors",
        default="gp",
        metavar="A,B",
        help="what predicts, separated by commas: gp, a Gaussian process, or forest, a random forest (default gp)",
    )
    parser.add_argument(
        "--encodings",
        default="adjacency,path,supervised",
        metavar="A,B",
        help="encodings that are compared beside the runs', separated by commas: "
        "adjacency, path, path-short, supervised, proxies, and "
        "arch2vec+proxies or adjacency+proxies; none for none (default adjacency,path,supervised)",
    )
    parser.add_argument(
        "--objectives",
        metavar="A,B",
        help="benchmarks whose accuracies are predicted, separated by commas (default: all of the runs' search spaces)",
    )
    add_device(parser, f"{DEVICE}, for the runs' encoders {DEFAULT}")


def run_prediction(arguments: argparse.Namespace) -> None:
    """``arch2vec experiment prediction``."""
    if arguments.seeds < 1:
        raise InputError(f"--seeds must be at least 1, got {arguments.seeds}")
    labels = labels_of(arguments.labels)

    from arch2vec.cli.runs import load_encoder
    from arch2vec.experiments import prediction
    from arch2vec.experiments.prediction_inputs import choose_targets, sources_of
    from arch2vec.experiments.prediction_table import to_rows, write_tables

    settings = prediction.Settings(
        labels=labels,
        seeds=range(arguments.seed, arguments.seed + arguments.seeds),
        predictors=names(arguments.predictors),
        encodings=[] if arguments.encodings == "none" else names(arguments.encodings),
        test_points=arguments.test_points,
    )
    sources = sources_of([(str(run), load_encoder(run, device=arguments.device)) for run in arguments.runs])
    targets = choose_targets(names(arguments.objectives) if arguments.objectives else None, sources)
    with progress_bar("predictions") as update:
        frame = prediction.run_prediction(targets, sources, settings, arguments.out, progress=update)
    table = write_tables(frame, arguments.out)
    if arguments.json:
        print_json({"rows": to_rows(table)})
    else:
        _print(table)
    say(f"tables: {arguments.out / 'table.md'}, table.csv, table.parquet; every seed: runs.csv, runs.parquet")


def labels_of(text: str) -> list[int]:
    """Numbers of labels, separated by commas.

    Raises:
        InputError: one is no number.
    """
    try:
        return [int(number) for number in names(text)]
    except ValueError:
        raise InputError(f"--labels takes numbers separated by commas, as in 16,64,250; got {text!r}") from None


def _print(table: pd.DataFrame) -> None:
    from arch2vec.experiments.prediction_inputs import TARGETS
    from arch2vec.experiments.prediction_table import figure

    for objective, part in table.groupby("objective", sort=False):
        headings = {"tau": "Kendall", "rho": "Spearman", "pearson": "Pearson", "rmse": "RMSE, %"}
        rows = []
        for row in part.to_dict("records"):
            what = f"{row['encoding']}, {row['predictor']}"
            rows.append([what, str(row["labels"]), *(figure(row, name) for name in headings)])
            published = [figure(row, f"published_{name}") for name in headings]
            if any(published):
                rows.append([f"{what}, published", str(row["labels"]), *published])
        title = f"{objective}, {int(part['seeds'].max())} seeds"
        columns = ["encoding, predictor", "labels", *headings.values()]
        print_table(title, columns, rows, TARGETS[str(objective)].description)
