"""Vectors at once: of the structure of architectures or any other representation, with no run and no training."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from arch2vec.common.arguments import as_annotated, path_of
from arch2vec.common.storage import AnyPath
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.representations.base import Representation
from arch2vec.representations.spec import AnyRepresentation, Joined, joined, resolve_representation
from arch2vec.representations.structure import GROUPS, VERSION, structure
from arch2vec.spaces import SearchSpace, get_space

SAMPLE = 20_000
"""Architectures that stand for a space too large to list, unless told otherwise."""


@as_annotated
def vectors(
    space: SearchSpace | str,
    architectures: Sequence[str] | GraphBatch | None = None,
    groups: Iterable[str] | None = None,
) -> Float32[NDArray[np.float32], "N d"]:
    """The structure vectors of architectures (:mod:`arch2vec.representations.structure`).

    >>> import arch2vec
    >>> cells = ["|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"]
    >>> arch2vec.vectors("nasbench201", cells).shape                            # all 15,625 without the second argument
    (1, 160)
    >>> arch2vec.vectors("nasbench201", cells, groups=["costs"]).shape
    (1, 2)

    Args:
        space: a search space or its name.
        architectures: in the space's notation, or graphs; None for all of the space.
        groups: some of :data:`arch2vec.representations.structure.GROUPS`, None for all that the space has.

    Returns:
        (N, D) float32; D and what a column means depend on the space and the groups alone.

    Raises:
        InputError: no such space, a malformed architecture, or all are asked for of a space too large to list.
    """
    place = get_space(space)
    if architectures is None:
        graphs = place.enumerate()
    elif isinstance(architectures, GraphBatch):
        graphs = architectures
    else:
        graphs = place.parse([architectures] if isinstance(architectures, str) else architectures)
    return structure(graphs, place, groups).values


@as_annotated
def structure_embedding(
    space: SearchSpace | str,
    graphs: GraphBatch | Iterable[str] | None = None,
    *,
    sample: int | None = None,
    seed: int = 0,
) -> Embedding:
    """Architectures of a space with their structure vectors, ready to be searched; see :func:`represent`.

    >>> import arch2vec
    >>> embedding = arch2vec.structure_embedding(arch2vec.get_space("nasbench201"), sample=100)
    >>> embedding.vectors.shape, embedding.groups[0]
    ((100, 160), ('paths', 24))
    """
    return represent(space, "structure", graphs, sample=sample, seed=seed)


def searchable(source: Embedding | SearchSpace | AnyPath) -> Embedding:
    """What a search takes: an embedding or its file, or a space or its name, of which it takes structure vectors.

    Raises:
        InputError: it is none of these, or the space is unknown or too large to list.
    """
    if isinstance(source, Embedding):
        return source
    if isinstance(source, str | os.PathLike):
        path = path_of(source, "what is searched")
        vectors = path.is_file() and path.suffix not in (".yaml", ".yml", ".py")
        return Embedding.load(path) if vectors else structure_embedding(get_space(source))
    if isinstance(source, SearchSpace):
        return structure_embedding(source)
    raise InputError(
        f"a search takes an embedding, a search space or a space's name, got {type(source).__name__}; an encoder's "
        "embedding is encoder.embed()"
    )


@as_annotated
def represent(
    space: SearchSpace | str,
    representation: AnyRepresentation = "structure",
    graphs: GraphBatch | Iterable[str] | None = None,
    *,
    sample: int | None = None,
    seed: int = 0,
) -> Embedding:
    """Architectures of a space with their vectors by a representation, ready to be searched.

    >>> import arch2vec
    >>> arch2vec.represent("nasbench201", "adjacency").vectors.shape
    (15625, 30)

    Args:
        space: the search space, or its name.
        representation: a name or ``python:FILE:FUNCTION``, several joined by ``+``, or a function
            (:mod:`arch2vec.representations.spec`).
        graphs: the architectures, as graphs or in the space's notation; None for a sample, or all.
        sample: so many architectures, None for all, or for :data:`SAMPLE` of a space too large to list.
        seed: of the sample.

    Raises:
        InputError: there is no such space or representation, or a function of the user's own gives no numbers.
    """
    kind = resolve_representation(representation)
    space = get_space(space)
    if sample is not None and sample < 1:
        raise InputError(f"a sample has at least 1 architecture, got {sample}")
    if graphs is not None and not isinstance(graphs, GraphBatch):
        graphs = space.parse([graphs] if isinstance(graphs, str) else list(graphs))
    if graphs is None and sample is None and space.enumerable:
        graphs = space.enumerate()
    elif graphs is None:
        wanted = SAMPLE if sample is None else sample
        graphs = space.sample(wanted, np.random.default_rng(seed))
    known = kind.features(graphs, space)
    return Embedding(space, graphs, known.values, known.groups, extend=FeaturesOf(kind, space))


def joined_with(embedding: Embedding, others: Sequence[Representation], own_too: bool) -> Embedding:
    """An embedding's architectures with their vectors by other representations, beside its own or instead.

    Raises:
        InputError: two of them have a group of the same name, or structure of another version would be mixed with
            what this package makes.
    """
    version = embedding.structure_version if own_too else 0
    found = [each.features(embedding.graphs, embedding.space) for each in others]
    known = joined([embedding.features, *found] if own_too else found)
    extend: Callable[[GraphBatch], NDArray[np.float32]] | None = FeaturesOf(Joined(others), embedding.space)
    if own_too:
        extend = None if embedding.extend is None else _SideBySide(embedding.extend, Joined(others), embedding.space)
    if version not in (0, VERSION) and any(name in GROUPS for each in found for name, _ in each.groups):
        raise InputError(
            f"its structure vectors are of version {version} and cannot be mixed with those of version {VERSION}, "
            "which this arch2vec makes; 'arch2vec embed' makes new ones"
        )
    return Embedding(embedding.space, embedding.graphs, known.values, known.groups, version or VERSION, extend)


@dataclass(frozen=True)
class FeaturesOf:
    """Gives the vectors of architectures of a space by a representation; can be sent to another process."""

    representation: Representation
    space: SearchSpace

    def __call__(self, graphs: GraphBatch) -> NDArray[np.float32]:
        """(N, D) the numbers of :meth:`Representation.features`."""
        return self.representation.features(graphs, self.space).values


@dataclass(frozen=True)
class _SideBySide:
    own: Callable[[GraphBatch], NDArray[np.float32]]
    others: Joined
    space: SearchSpace

    def __call__(self, graphs: GraphBatch) -> NDArray[np.float32]:
        parts = [part.features(graphs, self.space).values for part in self.others.parts]
        return np.concatenate([self.own(graphs), *parts], axis=1)
