"""Runs of pre-training on the way in: the options that name them, and their encoders."""

from __future__ import annotations

import argparse
import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding
    from arch2vec.encoder import Encoder
    from arch2vec.spaces import SearchSpace


def add_run(parser: argparse.ArgumentParser) -> None:
    """A run's folder, and its space where that has to be named."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a folder made by 'arch2vec pretrain'")
    add_space(parser)


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """How architectures are generated."""
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        metavar="T",
        help="how much noise is added to what the decoder believes: 0 takes the most likely architecture (default), "
        "1 draws from its probabilities",
    )
    parser.add_argument(
        "--prior",
        default="independent",
        help="where points are drawn from: independent, a normal distribution for each number, as in the paper "
        "(default), or joint, one for all vertices of an architecture together",
    )


def add_space(parser: argparse.ArgumentParser) -> None:
    """The flag by which a user allows their own Python search space to be run."""
    parser.add_argument(
        "--space", metavar="SPACE", help="needed where RUN is of a space in your own Python code: python:FILE:NAME"
    )


def embed_some(encoder: Encoder) -> Embedding:
    """The embedding of all architectures of the encoder's space.

    A space too large to list is embedded as far as the encoder has learned from it.
    """
    if encoder.space.enumerable:
        return encoder.embed(encoder.space)
    from arch2vec.pretraining.pretrain import architectures, config_of

    return encoder.embed(architectures(encoder.space, config_of(encoder)))


def require_room(space: SearchSpace, sample: int | None, way: str) -> None:
    """Refuse a sample whose graphs alone fill this machine's memory, before it is drawn.

    Args:
        space: to draw from.
        sample: how many are drawn, None for no sample.
        way: the option that needs no memory for them, for the line.

    Raises:
        InputError: there is no room.
    """
    size_of = getattr(os, "sysconf", None)  # not on every system
    if sample is None or size_of is None:
        return
    room, needed = size_of("SC_PAGE_SIZE") * size_of("SC_PHYS_PAGES"), sample * space.num_vertices**2
    if needed > room:
        raise InputError(
            f"{sample:,} architectures of {space.name} need {needed >> 30:,} GiB of memory, and this machine has "
            f"{room >> 30:,}: name fewer, or {way}"
        )


def load_encoder(run: Path, space: str | None = None, device: str | None = "cpu") -> Encoder:
    """The encoder of a run's folder, on a device; None for a GPU if there is one.

    Raises:
        InputError: there is none, or its training has not finished.
    """
    if not run.exists():  # before PyTorch is imported, which takes seconds
        if run.suffix in (".parquet", ".safetensors"):
            raise InputError(f"there is no file {run}; make one with: arch2vec embed SPACE --out {run}")
        from arch2vec.spaces import SPACES

        close = difflib.get_close_matches(run.name, SPACES, n=1)
        hint = f"; if a search space is meant, did you mean {close[0]!r}?" if close else ""
        raise InputError(f"no run in {run}; make one with: arch2vec pretrain SPACE --out {run}{hint}")
    if run.suffix.lower() in (".yaml", ".yml"):
        raise InputError(
            f"{run} declares a search space and is no run; learn one with: arch2vec pretrain {run} --out RUN"
        )
    from arch2vec.encoder import Encoder
    from arch2vec.spaces import get_space

    return Encoder.load(run, device, space=get_space(space) if space else None)
