"""``arch2vec experiment smoothness``: whether similar architectures have similar vectors and accuracies."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from arch2vec.cli.inputs import names
from arch2vec.cli.output import command, print_json, print_table, progress_bar, say
from arch2vec.errors import InputError


def add_command(experiments: Any) -> None:
    """Add ``smoothness`` to the experiments."""
    parser = command(
        experiments,
        "smoothness",
        run_smoothness,
        "are similar architectures near each other, and is accuracy smooth: numbers and figures",
        "The paper's figures 3 to 5 as numbers: distances of vectors against edit distances, accuracy within\n"
        "neighbourhoods, walks and lines; for the representations of the given runs (one space, a run a seed),\n"
        "one learned from accuracies, an untrained encoder, the one-hot encoding, the paths, the structure, and\n"
        "structure and learned vector together. The same command again resumes; more runs add to it.",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders made by 'arch2vec pretrain'")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder that keeps the experiment's tables and figures"
    )
    parser.add_argument(
        "--objective", help="benchmark whose accuracies are looked at (default: the first that there is a table of)"
    )
    parser.add_argument("--sample", type=int, default=10_000, help="architectures a seed, 0 for all (default 10000)")
    parser.add_argument(
        "--labels",
        type=int,
        default=250,
        help="how many labels the supervised representation learns from (default 250)",
    )
    parser.add_argument("-k", type=int, default=10, help="how many nearest neighbours are looked at (default 10)")
    parser.add_argument(
        "--queries",
        type=int,
        default=0,
        help="of how many architectures of the sample the nearest neighbours are looked at, 0 for all (default 0); "
        "neighbours are always sought in all of the sample",
    )
    parser.add_argument(
        "--encodings", metavar="A,B", help="encodings that are compared, separated by commas (default: all seven)"
    )
    parser.add_argument("--map", default="pca", help="the maps' projection: pca (default), tsne or none")


def run_smoothness(arguments: argparse.Namespace) -> None:
    """``arch2vec experiment smoothness``."""
    from arch2vec.cli.runs import load_encoder
    from arch2vec.experiments import smoothness, smoothness_report
    from arch2vec.experiments.prediction_inputs import choose_targets, columns_of, sources_of
    from arch2vec.reports.projection import PROJECTIONS

    if arguments.map not in (*PROJECTIONS, "none"):
        raise InputError(f"--map is one of {', '.join(PROJECTIONS)} and none, got {arguments.map!r}")
    encoders = [load_encoder(run) for run in arguments.runs]
    sources = sources_of([(str(run), encoder) for run, encoder in zip(arguments.runs, encoders, strict=True)])
    chosen = choose_targets([arguments.objective] if arguments.objective else None, sources)
    target = next(iter(chosen.values()))
    columns = columns_of([target])[target]
    settings = smoothness.SmoothnessSettings(arguments.sample, arguments.k, arguments.queries, arguments.labels)
    encodings = names(arguments.encodings) if arguments.encodings else list(smoothness.ENCODINGS)
    with progress_bar("smoothness") as update:
        rows = smoothness.run_smoothness(
            encoders,
            columns,
            target,
            settings,
            arguments.out,
            seed0=arguments.seed,
            encodings=encodings,
            progress=update,
        )
    table = smoothness_report.write_tables(rows, target, settings, arguments.out)
    draw = smoothness.Draw.of(columns, target, settings, arguments.seed)
    drawn = {
        name: smoothness.vectors_of(name, encoders[0], draw, settings.labels, arguments.seed) for name in encodings
    }
    for suffix in ("png", "svg"):
        smoothness_report.draw_edit_distances(drawn, draw, arguments.out / f"edit-distance.{suffix}")
        if arguments.map != "none":
            smoothness_report.draw_maps(
                drawn, draw, arguments.out / f"maps.{suffix}", way=arguments.map, seed=arguments.seed
            )
    if arguments.json:
        print_json({"rows": smoothness_report.to_rows(table, target)})
    else:
        records = table.to_dict("records")
        body = [
            [heading, *(_figure(row[f"{name}_mean"]) for row in records)]
            for name, heading in smoothness.METRICS.items()
        ]
        title = f"Smoothness, {target.benchmark}, {len(encoders)} seeds"
        print_table(
            title, ["", *(smoothness_report.shown(str(row["encoding"])) for row in records)], body, target.description
        )
    say(f"table.md, table.csv and figures are in {arguments.out}")


def _figure(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"
