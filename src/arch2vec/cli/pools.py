"""Pools on the command line: ``arch2vec embed --pool``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from arch2vec.cli.architectures import listed_architectures, read_architectures, say_notation
from arch2vec.cli.output import print_json, progress_bar
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.cli.inputs import VectorSource
    from arch2vec.pools import Source


def embed_in_pool(arguments: argparse.Namespace) -> None:
    """``arch2vec embed --pool``: write the folder ``--out``, or what is missing of it."""
    for given, name in ((arguments.transfer, "--transfer"), (arguments.projector, "--projector")):
        if given is not None:
            raise InputError(f"{name} needs all vectors at once, which a pool never holds; leave it or --pool out")
    if arguments.out is None:
        raise InputError("a pool is a folder: name it, --out DIR")
    from arch2vec.cli.inputs import open_source
    from arch2vec.pools import make_pool
    from arch2vec.pools.index import ABOUT, library, make_index

    if arguments.index:
        library()  # complains before anything is made
    source = open_source(
        arguments.source, arguments.space, representation=arguments.representation, device=arguments.device
    )
    started = time.perf_counter()
    reading = None
    if arguments.architectures is not None:
        texts = listed_architectures(arguments.architectures)
        reading = read_architectures(source.space, texts, arguments.architectures)
    elif arguments.sample is None and not source.space.enumerable:
        raise InputError(f"{source.space.name} is too large to list: say how many are drawn, --sample N")
    with progress_bar(f"pool of {source.space.name}") as update:
        pool = make_pool(
            arguments.out,
            _source(source, arguments.source, arguments.representation),
            sample=arguments.sample,
            graphs=None if reading is None else reading.graphs,
            seed=arguments.seed,
            progress=lambda done, total: update(done, total, "architectures"),
        )
    if arguments.index and not (arguments.out / ABOUT).exists():
        make_index(pool)
    seconds = time.perf_counter() - started
    if reading is not None:
        say_notation(reading)
    if arguments.json:
        print_json(
            {
                "architectures": len(pool),
                "dimensions": pool.dimensions,
                "seconds": seconds,
                "file": str(arguments.out),
            }
        )
    else:
        print(f"{len(pool):,} architectures, {pool.dimensions} dimensions, {seconds:.2f} s: {arguments.out}")


def _source(source: VectorSource, given: Path, named: str | None) -> Source:
    from arch2vec.pools import Source

    if source.of is None:
        raise InputError(f"{given} holds vectors already; a search space or a run's folder can be embedded")
    if source.representation is not None:
        return Source.of(source.space, source.representation)
    if source.encoder is not None:
        return Source.by(source.encoder)
    return Source(source.space, source.of, f"{named} of {given.absolute()}")
