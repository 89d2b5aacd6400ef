"""The search space and the vectors of a page's map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.reports.page.landscape import MOST_POINTS, Vectors
from arch2vec.representations.ready import structure_embedding
from arch2vec.representations.structure import structure
from arch2vec.searching.store import embedding_digest
from arch2vec.spaces import SearchSpace, get_space, stored_space


def known_space(stored: str, given: str | None, folder: Path) -> tuple[SearchSpace | None, str]:
    """The search space of a folder, and why there is none.

    Args:
        stored: its name or reference, as the folder has it.
        given: as the user has it, where it is their Python code.
        folder: the folder that complaints name.

    Raises:
        InputError: the user's is another one, or there is none of that name.
    """
    if given is not None:
        space = get_space(given)
        if stored not in (space.name, space.reference):
            raise InputError(f"{folder} is of the search space {stored!r}, not {space.name!r}")
        return space, ""
    try:
        return stored_space(stored, None, folder), ""
    except InputError:
        return None, (
            f"The search space {stored!r} is not one that comes with the package, and no code is run unasked: "
            "with --space the page has drawings and a map."
        )


def vectors_for(space: SearchSpace, source: Path | None, searched: str | None) -> Vectors:
    """Where vectors of a space's architectures come from.

    Args:
        space: the search space.
        source: a run's folder or a file of vectors; None for the structure of the architectures.
        searched: the digest of the vectors that were searched, None where nothing was.

    Raises:
        InputError: there is no such source, or it is of another space.
    """
    if source is None:
        return _structure(space, searched)
    if source.is_file() and source.name != "encoder.safetensors":
        embedding = Embedding.load(source, space if _is_own(space) else None)
        _check(space, embedding.space, source)
        what = f"Vectors of {source.name}{_whether(embedding_digest(embedding), searched)}."
        return Vectors(space, _rows_of(embedding), what, embedding.graphs)
    encoder = Encoder.load(source, space=space if _is_own(space) else None)
    _check(space, encoder.space, source)
    what = f"Vectors that {encoder.config.name} has learned."
    if searched is not None and space.enumerable and (space.size or MOST_POINTS + 1) <= MOST_POINTS:
        what = f"{what[:-1]}{_whether(embedding_digest(encoder.embed()), searched)}."
    return Vectors(space, encoder.vectors, what)


def _structure(space: SearchSpace, searched: str | None) -> Vectors:
    what = "Vectors of the architectures' structure."
    if searched is not None:
        said = ", not necessarily those that were searched: --vectors names others"
        if space.enumerable and (space.size or MOST_POINTS + 1) <= MOST_POINTS:
            said = _whether(embedding_digest(structure_embedding(space)), searched)
        what = f"{what[:-1]}{said}."
    return Vectors(space, lambda graphs: structure(graphs, space).values, what)


def _whether(digest: str, searched: str | None) -> str:
    if searched is None:
        return ""
    return ", which were searched" if digest == searched else ", which are not those that were searched"


def _is_own(space: SearchSpace) -> bool:
    return space.loaded_from is not None


def _check(space: SearchSpace, other: SearchSpace, source: Path) -> None:
    if other.name != space.name:
        raise InputError(f"{source} has vectors of {other.name}, the folder is of {space.name}")


def _rows_of(embedding: Embedding) -> Callable[[GraphBatch], NDArray[np.float32]]:
    place = {text: row for row, text in enumerate(embedding.architectures)}
    return lambda graphs: embedding.vectors[[place[text] for text in embedding.space.format(graphs)]]
