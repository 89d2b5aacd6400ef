"""An embedding's vectors as a Gaussian process likes them: one a function, every dimension at one scale.

Architectures that compute the same function are worth the same, yet a graph
encoder gives them different vectors. Their mean says more than any of them: an
average over forms takes away what only the form is responsible for. On
NAS-Bench-201, where 15,625 architectures compute 4,930 functions, it took the test
accuracy after 50 evaluations of a Gaussian process on vertices' vectors from 94.19 to
94.32 % (200-epoch signal) and from 93.84 to 94.22 % (12-epoch signal; 40 seeds).
Where every architecture is a function of its own, nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.pools.pool import Pool
from arch2vec.representations.features import Groups, slices
from arch2vec.representations.structure import GROUPS, structure
from arch2vec.representations.subtrees import BESIDE, subtrees

_DIMENSIONS = 32
_VECTORS: WeakKeyDictionary[Embedding, NDArray[np.float32]] = WeakKeyDictionary()
_GROUPED: WeakKeyDictionary[Embedding, GroupedVectors] = WeakKeyDictionary()
_SUBTREES: WeakKeyDictionary[Embedding, GroupedVectors] = WeakKeyDictionary()
_BOTH: WeakKeyDictionary[Embedding, GroupedVectors] = WeakKeyDictionary()


def function_vectors(embedding: Embedding) -> NDArray[np.float32]:
    """(N, d) each architecture's mean vector over all that compute the same function, standardised; worked out once.

    Every dimension is centred and scaled to standard deviation 1, over the N rows,
    before the means are taken and again after; one that does not vary is only centred.
    """
    if isinstance(embedding, Pool):
        return _of_pool(embedding, grouped=False).vectors
    if embedding not in _VECTORS:
        _VECTORS[embedding] = _by_function(embedding.vectors, embedding)
    return _VECTORS[embedding]


@dataclass(frozen=True, eq=False)
class GroupedVectors:
    """Vectors for a model that weighs groups of numbers.

    Attributes:
        vectors: (N, D) standardised, architectures that compute the same function alike.
        groups: names and sizes, in the order of the columns.
    """

    vectors: NDArray[np.float32]
    groups: Groups


def grouped_vectors(embedding: Embedding) -> GroupedVectors:
    """What is known of each architecture, in groups: its structure, and the embedding's own vectors; worked out once.

    An embedding that is of the structure already is taken as it is. Dimensions that do not
    vary are left out.
    """
    if isinstance(embedding, Pool):
        return _of_pool(embedding, grouped=True)
    if embedding not in _GROUPED:
        values, groups = embedding.vectors, embedding.groups
        if not set(dict(groups)) & set(GROUPS):
            known = structure(embedding.graphs, embedding.space)
            values, groups = np.concatenate([known.values, values], axis=1), (*known.groups, *groups)
        vectors = _by_function(values, embedding)
        varies: NDArray[np.bool_] = np.asarray(vectors.any(axis=0))
        varies[0] |= not varies.any()  # a model needs a number, even where all architectures are alike
        kept = tuple((name, int(varies[part].sum())) for name, part in slices(groups).items())
        kept = tuple((name, size) for name, size in kept if size)
        _GROUPED[embedding] = GroupedVectors(np.ascontiguousarray(vectors[:, varies]), kept)
    return _GROUPED[embedding]


def _of_pool(pool: Pool, grouped: bool) -> GroupedVectors:
    """A pool's vectors, which are scaled as they are read: models only take rows of them."""
    from arch2vec.searching.pooled import PoolVectors

    rows = PoolVectors(pool, grouped)
    return GroupedVectors(cast("NDArray[np.float32]", rows), rows.groups)


def subtree_vectors(embedding: Embedding) -> GroupedVectors:
    """The tokens of subtrees, a group for every depth (:mod:`arch2vec.representations.subtrees`); worked out once."""
    if embedding not in _SUBTREES:
        _SUBTREES[embedding] = _first_of_function(*subtrees(embedding.graphs, embedding.space), embedding)
    return _SUBTREES[embedding]


def with_subtrees(embedding: Embedding) -> GroupedVectors:
    """:func:`grouped_vectors`, and the tokens of subtrees as one more group; worked out once."""
    if embedding not in _BOTH:
        known = grouped_vectors(embedding)
        tokens = _first_of_function(*subtrees(embedding.graphs, embedding.space, BESIDE, apart=False), embedding)
        both = np.concatenate([known.vectors, tokens.vectors], axis=1)
        _BOTH[embedding] = GroupedVectors(both, (*known.groups, *tokens.groups))
    return _BOTH[embedding]


def _first_of_function(tokens: NDArray[np.float32], groups: Groups, embedding: Embedding) -> GroupedVectors:
    """Architectures that compute the same function have the tokens of the first of them: tokens have no mean."""
    _, first, function = np.unique(embedding.function_classes, return_index=True, return_inverse=True)
    return GroupedVectors(tokens[first][function], groups)


def _by_function(values: NDArray[np.float32], embedding: Embedding) -> NDArray[np.float32]:
    """(N, d) the mean of the standardised values over all that compute the same function, standardised again."""
    _, function, sizes = np.unique(embedding.function_classes, return_inverse=True, return_counts=True)
    shared = len(sizes) < len(values)
    order, starts = np.argsort(function, kind="stable"), np.cumsum(sizes) - sizes
    result = np.empty(values.shape, dtype=np.float32)
    for start in range(0, values.shape[1], _DIMENSIONS):  # double precision for few dimensions at a time
        part = slice(start, start + _DIMENSIONS)
        vectors = _standardised(values[:, part].astype(np.float64))
        if shared:
            sums = np.add.reduceat(vectors[order], starts)
            vectors = _standardised((sums / sizes[:, None])[function])
        result[:, part] = vectors
    return result


def _standardised(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    size = np.abs(vectors).max(axis=0)
    vectors = vectors - vectors.mean(axis=0)
    spread = vectors.std(axis=0)
    varies = spread > 1e-6 * size  # the rounding of single precision is no variation
    return vectors / np.where(varies, spread, 1.0)
