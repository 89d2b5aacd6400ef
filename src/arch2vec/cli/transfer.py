"""What was evaluated elsewhere, for ``arch2vec embed``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from arch2vec.errors import InputError

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding


def add_transfer(parser: argparse.ArgumentParser) -> None:
    """The folder of a search elsewhere, and its space where that has to be named."""
    parser.add_argument(
        "--transfer",
        type=Path,
        metavar="DIR",
        help="add what a search on another data set or in another space, in this folder, lets expect of each",
    )
    parser.add_argument("--transfer-space", metavar="SPACE", help="of that search, where it is one of your own")


def check_transfer(arguments: argparse.Namespace) -> None:
    """Raise :class:`InputError` if a space is named of no search."""
    if arguments.transfer_space is not None and arguments.transfer is None:
        raise InputError("--transfer-space says of what space a search elsewhere is; name its folder: --transfer DIR")


def with_evaluations(embedding: Embedding, folder: Path, named: str | None) -> Embedding:
    """The embedding with what the evaluations of a search elsewhere let expect of its architectures.

    Args:
        embedding: the architectures and their vectors.
        folder: of the search.
        named: its space, None for what the folder says.
    """
    from arch2vec.representations.transfer import evaluated_elsewhere, with_transfer
    from arch2vec.spaces import get_space
    from arch2vec.studies.inspection.top import evaluations

    found, architectures, values = evaluations(folder)
    try:
        own = named is None and found == embedding.space.name
        space = embedding.space if own else get_space(named or found)
    except InputError as error:
        if named is not None:
            raise
        raise InputError(
            f"the search in {folder} is of the search space {found!r}: say where it is, --transfer-space FILE.yaml"
        ) from error
    source = evaluated_elsewhere(space, space.parse(architectures))
    return with_transfer(embedding, source, range(len(architectures)), values)
