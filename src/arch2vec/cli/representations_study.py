"""``arch2vec experiment representations``: how well each representation ranks architectures from few labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from arch2vec.cli.devices import DEFAULT, DEVICE, add_device
from arch2vec.cli.inputs import names
from arch2vec.cli.output import add_out, command, print_json, print_table, progress_bar, say
from arch2vec.cli.prediction import labels_of
from arch2vec.errors import InputError

_EVERYTHING = 10**9  # architectures to predict: all there are


def add_command(experiments: Any) -> None:
    """Add ``representations`` to the experiments."""
    parser = command(
        experiments,
        "representations",
        run_representations,
        "how well each representation ranks all architectures of a benchmark, from few labels",
        "The structure of architectures, discrete encodings and the representations of the given runs: a predictor is\n"
        "fitted to a few labelled architectures and ranks all others. The same command again resumes; more draws or\n"
        "labels add to it.",
    )
    parser.add_argument(
        "runs",
        type=Path,
        nargs="*",
        metavar="RUN",
        help="folders made by 'arch2vec pretrain', whose representations are compared too, if any",
    )
    add_out(parser)
    parser.add_argument(
        "--draws",
        type=int,
        default=20,
        help="how many times labelled architectures are drawn, with the seeds --seed, --seed + 1, ... (default 20)",
    )
    parser.add_argument(
        "--labels",
        metavar="A,B",
        help="how many labelled architectures a predictor is fitted to, several numbers separated by "
        "commas (default: 16 to 4,236, as far as there are)",
    )
    parser.add_argument(
        "--predictors",
        default="groups+trees",
        metavar="A,B",
        help="what predicts, separated by commas: groups+trees, groups, gp, forest, extra-trees (default groups+trees)",
    )
    parser.add_argument(
        "--encodings",
        default="structure,adjacency,path",
        metavar="A,B",
        help="encodings that are compared beside the runs', separated by commas: structure, subtrees, "
        "structure+subtrees, adjacency, path, path-short, supervised, proxies, or your own function as "
        "python:MODULE_OR_FILE:FUNCTION (default structure,adjacency,path)",
    )
    parser.add_argument(
        "--objectives",
        metavar="A,B",
        help="benchmarks whose accuracies are predicted, separated by commas (default: all that there are tables of)",
    )
    add_device(parser, f"{DEVICE}, for the runs' encoders {DEFAULT}")


def run_representations(arguments: argparse.Namespace) -> None:
    """``arch2vec experiment representations``."""
    if arguments.draws < 1:
        raise InputError(f"--draws must be at least 1, got {arguments.draws}")

    from arch2vec.cli.runs import load_encoder
    from arch2vec.experiments import prediction, representations
    from arch2vec.experiments.prediction_inputs import TARGETS, choose_targets, sources_of

    labels = labels_of(arguments.labels) if arguments.labels else list(representations.LABELS)
    settings = prediction.Settings(
        labels=labels,
        seeds=range(arguments.seed, arguments.seed + arguments.draws),
        predictors=names(arguments.predictors),
        encodings=names(arguments.encodings),
        test_points=_EVERYTHING,
    )
    sources = sources_of([(str(run), load_encoder(run, device=arguments.device)) for run in arguments.runs])
    targets = choose_targets(names(arguments.objectives) if arguments.objectives else list(TARGETS), sources)
    with progress_bar("predictions") as update:
        frame = prediction.run_prediction(targets, sources, settings, arguments.out, progress=update)
    table = representations.write_report(frame, arguments.out)
    if arguments.json:
        print_json({"rows": representations.to_rows(table)})
    else:
        for objective, part in table.groupby("objective", sort=False):
            rows = [
                [
                    f"{row['encoding']}, {row['predictor']}",
                    str(row["labels"]),
                    f"{row['tau_mean']:.3f}",
                    f"{row['rho_mean']:.3f}",
                ]
                for row in part.to_dict("records")
            ]
            print_table(
                f"{objective}, {arguments.draws} draws", ["encoding, predictor", "labels", "Kendall", "Spearman"], rows
            )
    say(f"table.md, table.csv, tests.csv and figures are in {arguments.out}")
