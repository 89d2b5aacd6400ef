"""Vectors at once: of the structure of architectures or any other representation, with no run and no training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.representations.base import Representation
from arch2vec.representations.features import Features, Groups
from arch2vec.representations.spec import AnyRepresentation, joined, resolve_representation
from arch2vec.representations.structure import GROUPS, VERSION, structure
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
    """Architectures of a space with their structure vectors, ready to be searched; see :func:`represent`."""
    return represent(space, "structure", graphs, sample=sample, seed=seed)


def represent(
    space: SearchSpace | str,
    representation: AnyRepresentation = "structure",
    graphs: GraphBatch | None = None,
    *,
    sample: int | None = None,
    seed: int = 0,
) -> Embedding:
    """Architectures of a space with their vectors by a representation, ready to be searched.

    >>> arch2vec.represent("nasbench201", "adjacency").vectors.shape
    (15625, 30)

    Args:
        space: the search space, or its name.
        representation: a name or ``python:FILE:FUNCTION``, several joined by ``+``, or a function
            (:mod:`arch2vec.representations.spec`).
        graphs: the architectures; None for a sample, or all.
        sample: so many architectures, None for all, or for :data:`SAMPLE` of a space too large to list.
        seed: of the sample.

    Raises:
        InputError: there is no such space or representation, or a function of the user's own gives no numbers.
    """
    kind = resolve_representation(representation)
    space = get_space(space) if isinstance(space, str) else space
    if graphs is None and sample is None and space.enumerable:
        graphs = space.enumerate()
    elif graphs is None:
        wanted = SAMPLE if sample is None else sample
        graphs = space.sample(wanted, np.random.default_rng(seed))
    return embedded(space, graphs, kind)


def embedded(space: SearchSpace, graphs: GraphBatch, representation: Representation) -> Embedding:
    """Architectures of a space with their vectors by a representation, which further ones can be had by as well.

    Raises:
        InputError: a function of the user's own gives no numbers.
    """
    known = representation.features(graphs, space)
    more = VectorsBy(representation, space, known.groups)
    return Embedding(space, graphs, known.values, known.groups, extend=more)


def beside(embedding: Embedding, others: Sequence[Features]) -> Embedding:
    """An embedding with further groups of numbers after its own.

    Raises:
        InputError: two groups have the same name, or structure of another version would be mixed with this one's.
    """
    version = embedding.structure_version
    if version not in (0, VERSION) and any(name in GROUPS for each in others for name, _ in each.groups):
        raise InputError(
            f"its structure vectors are of version {version} and cannot be mixed with those of version {VERSION}, "
            "which this arch2vec makes; 'arch2vec embed' makes new ones"
        )
    known = joined([embedding.features, *others])
    return Embedding(embedding.space, embedding.graphs, known.values, known.groups, version or VERSION)


@dataclass(frozen=True)
class VectorsBy:
    """Gives the vectors of architectures of a space by a representation; can be sent to another process.

    Attributes:
        representation: by which.
        space: of the architectures.
        groups: that its numbers are to have.
    """

    representation: Representation
    space: SearchSpace
    groups: Groups

    def __call__(self, graphs: GraphBatch) -> NDArray[np.float32]:
        """(N, D) numbers.

        Raises:
            InputError: the representation gives other groups than before.
        """
        made = self.representation.features(graphs, self.space)
        if made.groups != self.groups:
            raise InputError(
                f"representation {self.representation.name} gave groups {made.groups} for {len(graphs):,} "
                f"architectures and {self.groups} before; they may not depend on which architectures there are"
            )
        return made.values
