"""Commands around vectors: embed, nearest."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from arch2vec.cli.architectures import (
    NOTATION,
    add_architectures,
    listed_architectures,
    read_architectures,
    say_notation,
)
from arch2vec.cli.choices import REPRESENTATION
from arch2vec.cli.devices import add_device
from arch2vec.cli.output import command, print_json, print_table
from arch2vec.cli.runs import add_run, add_space, embed_some, load_encoder, require_room
from arch2vec.cli.transfer import add_transfer, check_transfer, with_evaluations
from arch2vec.errors import InputError


def add_commands(commands: Any) -> None:
    """Add this module's commands to the command line."""
    parser = command(
        commands, "embed", run_embed, "vectors of all, N sampled or given architectures, as Parquet or safetensors"
    )
    parser.add_argument(
        "source",
        type=Path,
        metavar="SPACE|RUN",
        help="a search space (its architectures' structure, no pre-training), or a folder made by 'arch2vec pretrain'",
    )
    add_space(parser)
    parser.add_argument("--representation", metavar="R", help=REPRESENTATION)
    parser.add_argument(
        "--sample", type=int, metavar="N", help="embed N architectures drawn from the space (default: all)"
    )
    add_architectures(parser)
    add_transfer(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write, .parquet or .safetensors (default: embedding.parquet in RUN, or SPACE.parquet)",
    )
    parser.add_argument(
        "--pool",
        action="store_true",
        help="make a pool, for millions of architectures: the folder --out, written in a stream and searched without "
        "being read whole; the same command goes on where it was stopped (default: one file)",
    )
    parser.add_argument(
        "--index",
        action="store_true",
        help="with --pool: make the index for nearest neighbours too, which arch2vec-rl needs and makes otherwise "
        "(needs the extra 'index'; default: not)",
    )
    parser.add_argument(
        "--projector",
        type=Path,
        metavar="DIR",
        help="write them for TensorBoard's embedding projector too, with parameters and multiply-adds where the space "
        "knows them (default: not)",
    )
    add_device(parser)

    parser = command(commands, "nearest", run_nearest, "the most similar architectures")
    add_run(parser)
    parser.add_argument("architecture", metavar="ARCH", help=NOTATION)
    parser.add_argument("-k", type=int, default=10, help="how many neighbours are listed (default 10)")
    add_device(parser)


def run_embed(arguments: argparse.Namespace) -> None:
    """``arch2vec embed``."""
    check_transfer(arguments)
    if arguments.sample is not None and arguments.sample < 1:
        raise InputError(f"--sample is the number of architectures to draw, at least 1; got {arguments.sample}")
    if arguments.architectures is not None and arguments.sample is not None:
        raise InputError("--sample draws architectures and --architectures names them; give one of the two")
    if arguments.index and not arguments.pool:
        raise InputError("--index is of a pool; give --pool, too")
    if arguments.pool:
        from arch2vec.cli.pools import embed_in_pool

        embed_in_pool(arguments)
        return
    import numpy as np

    from arch2vec.cli.inputs import open_source  # which needs this module first

    source = open_source(
        arguments.source, arguments.space, representation=arguments.representation, device=arguments.device
    )
    if source.of is None:
        raise InputError(f"{arguments.source} holds vectors already; a search space or a run's folder can be embedded")
    own = arguments.source / "embedding.parquet" if arguments.source.is_dir() else Path(f"{source.space.name}.parquet")
    path = arguments.out or own
    started = time.perf_counter()
    reading = None
    if arguments.architectures is not None:
        texts = listed_architectures(arguments.architectures)
        reading = read_architectures(source.space, texts, arguments.architectures)
        embedding = source.of(reading.graphs)
    elif arguments.sample is not None:
        require_room(source.space, arguments.sample, "add --pool, which writes them in a stream")
        embedding = source.of(source.space.sample(arguments.sample, np.random.default_rng(arguments.seed)))
    else:
        embedding = source.whole()
    if arguments.transfer is not None:
        embedding = with_evaluations(embedding, arguments.transfer, arguments.transfer_space)
    seconds = time.perf_counter() - started
    embedding.save(path)
    if arguments.projector is not None:
        from arch2vec.reports.projector import write_projector
        from arch2vec.searching.goals import known_numbers

        write_projector(embedding, arguments.projector, known_numbers(embedding.space, embedding.graphs))
    if reading is not None:
        say_notation(reading)
    if arguments.json:
        print_json(
            {
                "architectures": len(embedding),
                "dimensions": embedding.dimensions,
                "seconds": seconds,
                "file": str(path),
            }
        )
    else:
        print(f"{len(embedding):,} architectures, {embedding.dimensions} dimensions, {seconds:.2f} s: {path}")


def run_nearest(arguments: argparse.Namespace) -> None:
    """``arch2vec nearest``."""
    encoder = load_encoder(arguments.run_folder, arguments.space, arguments.device)
    reading = read_architectures(encoder.space, [arguments.architecture])
    graph, embedding = reading.graphs, embed_some(encoder)
    rows, distances = embedding.nearest(encoder.vectors(graph)[0], arguments.k)
    say_notation(reading)
    found = [(embedding.architectures[row], float(distance)) for row, distance in zip(rows, distances, strict=True)]
    if arguments.json:
        neighbours = [{"architecture": architecture, "distance": distance} for architecture, distance in found]
        print_json({"architecture": encoder.space.format(graph)[0], "nearest": neighbours})
        return
    print_table(
        f"Nearest to {encoder.space.format(graph)[0]}",
        ["architecture", "distance"],
        [[architecture, f"{distance:.4f}"] for architecture, distance in found],
    )
