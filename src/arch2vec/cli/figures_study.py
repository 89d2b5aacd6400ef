"""``arch2vec experiment figures``: the paper's pictures, for a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from arch2vec.cli.output import command, print_json, say
from arch2vec.errors import InputError

_UNLABELLED = 5_000  # architectures of a space without a benchmark
_LABELS = (10, 20, 40, 80, 160)


def add_command(experiments: Any) -> None:
    """Add ``figures`` to the experiments."""
    parser = command(
        experiments,
        "figures",
        run_figures,
        "cells along a walk and a line, predicted against true accuracy, what groups of numbers are worth",
        "The paper's pictures for a run, as PNG and SVG: cells along a walk from neighbour to neighbour (figure 5),\n"
        "of the learned and of the supervised representation; cells decoded along a straight line; predicted\n"
        "against true accuracy (figure 2); and what each group of numbers is worth to the model of 'group-bo' as\n"
        "labels come in. Of a space without a benchmark the walk, beside that of an untrained encoder, and the line.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a folder made by 'arch2vec pretrain'")
    parser.add_argument("--space", metavar="SPACE", help="needed where the run is of a space in your own Python code")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder that the figures are written to")
    parser.add_argument(
        "--objective", help="benchmark whose accuracies are shown (default: the first that there is a table of)"
    )
    parser.add_argument("--sample", type=int, default=5_000, help="architectures, 0 for all (default 5000)")
    parser.add_argument(
        "--labels", type=int, default=250, help="how many labels predictions are made from (default 250)"
    )
    parser.add_argument(
        "--draws", type=int, default=10, help="how many draws of labels the groups' worth is a mean of (default 10)"
    )


def run_figures(arguments: argparse.Namespace) -> None:
    """``arch2vec experiment figures``."""
    import numpy as np

    from arch2vec.cli.runs import load_encoder
    from arch2vec.embedding import Embedding
    from arch2vec.experiments import figures
    from arch2vec.experiments.prediction_inputs import benchmarked, choose_targets, columns_of, sources_of
    from arch2vec.experiments.smoothness import Draw, SmoothnessSettings, vectors_of
    from arch2vec.reports.names import objective_title
    from arch2vec.reports.strips import draw_strips

    encoder, seed, out = load_encoder(arguments.run_folder, arguments.space), arguments.seed, arguments.out
    sources = sources_of([(str(arguments.run_folder), encoder)])
    settings = SmoothnessSettings(sample=arguments.sample, labels=arguments.labels, pairs=2)
    target = columns = None
    if arguments.objective or benchmarked(sources):
        target = next(iter(choose_targets([arguments.objective] if arguments.objective else None, sources).values()))
        columns = columns_of([target])[target]
        if columns.space.name != encoder.space.name:
            if arguments.objective:
                raise InputError(f"the run is of {encoder.space.name}, the accuracies are of {columns.space.name}")
            target = None
    if target is not None and columns is not None:
        draw = Draw.of(columns, target, settings, seed)
    else:
        say("there is no benchmark of this search space: a walk, beside an untrained encoder's, and a line are drawn")
        draw = Draw.unlabelled(encoder.space, arguments.sample or _UNLABELLED, seed)

    def of(*names: str) -> dict[str, Any]:
        return {name: vectors_of(name, encoder, draw, settings.labels, seed) for name in names}

    others = ("arch2vec", "untrained") if target is None else ("arch2vec", "supervised")
    walks = [figures.walk_strip(name, vectors, draw, 0) for name, vectors in of(*others).items()]
    whole = np.flatnonzero(draw.graphs.mask.all(axis=1))[:2]
    strips = {"walk": walks}
    if len(whole) == 2:  # a line is between cells with as many vertices
        strips["line"] = [figures.line_strip(encoder, draw.graphs[int(whole[0])], draw.graphs[int(whole[1])])]
    written = []
    for suffix in ("png", "svg"):
        for name, drawn in strips.items():
            draw_strips(draw.space, drawn, out / f"{name}.{suffix}")
            written.append(str(out / f"{name}.{suffix}"))
    if target is None:
        if arguments.json:
            print_json({"files": written, "terms": [], "labels": [], "weights": []})
        say(f"{' and '.join(strips)}, as .png and .svg, are in {out}")
        return

    predicted = figures.predictions(of("arch2vec", "supervised", "adjacency"), draw, settings.labels, seed)
    embedding = Embedding(draw.space, draw.graphs, encoder.vectors(draw.graphs))
    labels = [number for number in _LABELS if number < len(draw.graphs)]
    terms, weights = figures.group_weights(embedding, draw.values, labels, arguments.draws, seed)
    for suffix in ("png", "svg"):
        paths = {name: out / f"{name}.{suffix}" for name in ("predicted", "groups")}
        name = objective_title(target.benchmark)
        title = f"{name}, {settings.labels} labels, Gaussian process"
        figures.draw_predictions(predicted, draw.values[settings.labels :], paths["predicted"], title)
        title = f"What group-bo's model looks at: {name}, mean of {arguments.draws} draws of labels"
        figures.draw_group_weights(terms, weights, labels, paths["groups"], title)
        written += [str(path) for path in paths.values()]
    if arguments.json:
        print_json({"files": written, "terms": list(terms), "labels": labels, "weights": weights.tolist()})
    say(f"{', '.join(strips)}, predicted and groups, as .png and .svg, are in {out}")
