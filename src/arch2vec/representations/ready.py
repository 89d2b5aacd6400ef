"""Vectors at once: of the structure of architectures, with no run and no training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.graphs import GraphBatch
from arch2vec.representations.structure import structure
from arch2vec.spaces import SearchSpace, get_space

SAMPLE = 20_000
"""Architectures that stand for a space too large to list, unless told otherwise."""


def vectors(
    space: SearchSpace | str,
    architectures: Sequence[str] | GraphBatch | None = None,
    groups: Iterable[str] | None = None,
) -> NDArray[np.float32]:
    """The structure vectors of architectures (:mod:`arch2vec.representations.structure`).

    >>> arch2vec.vectors("nasbench201").shape
    (15625, 160)

    Args:
        space: a search space or its name.
        architectures: in the space's notation, or graphs; None for all of the space.
        groups: some of :data:`arch2vec.representations.structure.GROUPS`, None for all that the space has.

    Returns:
        (N, D) float32; D and what a column means depend on the space and the groups alone.

    Raises:
        InputError: no such space, a malformed architecture, or all are asked for of a space too large to list.
    """
    place = get_space(space) if isinstance(space, str) else space
    if architectures is None:
        graphs = place.enumerate()
    elif isinstance(architectures, GraphBatch):
        graphs = architectures
    else:
        graphs = place.parse([architectures] if isinstance(architectures, str) else architectures)
    return structure(graphs, place, groups).values


def structure_embedding(
    space: SearchSpace, graphs: GraphBatch | None = None, *, sample: int | None = None, seed: int = 0
) -> Embedding:
    """Architectures of a space with their structure vectors, ready to be searched.

    Args:
        space: the search space.
        graphs: the architectures; None for a sample, or all.
        sample: so many architectures, None for all, or for :data:`SAMPLE` of a space too large to list.
        seed: of the sample.
    """
    if graphs is None and sample is None and space.enumerable:
        graphs = space.enumerate()
    elif graphs is None:
        wanted = SAMPLE if sample is None else sample
        graphs = space.sample(wanted, np.random.default_rng(seed))
    known = structure(graphs, space)
    return Embedding(space, graphs, known.values, known.groups, extend=StructureOf(space, tuple(dict(known.groups))))


@dataclass(frozen=True)
class StructureOf:
    """Gives the structure vectors of architectures of a space; can be sent to another process."""

    space: SearchSpace
    groups: tuple[str, ...]

    def __call__(self, graphs: GraphBatch) -> NDArray[np.float32]:
        """(N, D) the numbers of :func:`structure`."""
        return structure(graphs, self.space, self.groups).values
