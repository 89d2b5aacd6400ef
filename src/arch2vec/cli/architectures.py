"""Architectures that a user hands to a command: in a file, on standard input, or as an argument."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from arch2vec.cli.output import say
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.spaces import SearchSpace
    from arch2vec.spaces.reading import Reading

NOTATION = "in its space's notation or another that is known: tuples of numbers, Genotype(...), matrices, indices"


_MOST = 1 << 28  # characters of a list; a device may never end


def add_architectures(parser: argparse.ArgumentParser) -> None:
    """The flag that names a list of architectures."""
    parser.add_argument(
        "--architectures",
        metavar="FILE|-",
        help="the architectures in a text file, or - for standard input: one a line, empty lines and lines that "
        "start with # are skipped",
    )


def listed_architectures(where: str) -> list[str]:
    """The architectures in a file or, for ``-``, on standard input.

    Raises:
        InputError: it cannot be read, is far too long, or there are none.
    """
    try:
        # Not an ordinary file alone: a shell's <(...) is none.
        with nullcontext(sys.stdin) if where == "-" else Path(where).open(encoding="utf-8-sig") as opened:
            text = opened.read(_MOST + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InputError(f"cannot read the architectures in {where}: {reason}") from error
    if len(text) > _MOST:
        raise InputError(f"the list of architectures in {where} has more than {_MOST:,} characters; divide it")
    found = [line.strip() for line in text.splitlines()]
    found = [line for line in found if line and not line.startswith("#")]
    if not found:
        raise InputError(
            f"there are no architectures in {'standard input' if where == '-' else where}; one a line is right"
        )
    return found


def read_architectures(space: SearchSpace, texts: Sequence[str], where: str | None = None) -> Reading:
    """The architectures that a user names. :func:`say_notation` says in which foreign notation, once all went well.

    Raises:
        InputError: one is malformed or ambiguous; the line says which, of those in ``where``.
    """
    try:
        return space.read(texts)
    except InputError as error:
        if where is None:
            raise
        for number, text in enumerate(texts, start=1):
            try:
                space.read([text])
            except InputError as reason:
                raise InputError(f"{where}, architecture {number}: {reason}") from error
        raise


def say_notation(reading: Reading) -> None:
    """Say on stderr which foreign notation architectures were in, if they were."""
    if reading.note is not None:
        say(f"{'the architecture' if len(reading.notations) == 1 else 'architectures'} {reading.note}")
