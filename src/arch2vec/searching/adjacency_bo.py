"""Bayesian optimisation on the discrete encoding: the paper's search without its representation."""

from __future__ import annotations

from typing import ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.representations.discrete import adjacency_one_hot
from arch2vec.searching.bo import BayesianOptimization

_ENCODED: WeakKeyDictionary[Embedding, NDArray[np.float32]] = WeakKeyDictionary()


class AdjacencyBayesianOptimization(BayesianOptimization):
    """DNGO and expected improvement on adjacency entries and one-hot operations.

    The embedding's vectors are not used. Settings as for :class:`BayesianOptimization`.
    """

    name: ClassVar[str] = "bo-adjacency"

    @classmethod
    @override
    def surrogate_vectors(cls, embedding: Embedding) -> NDArray[np.float32]:
        if embedding not in _ENCODED:
            _ENCODED[embedding] = adjacency_one_hot(embedding.graphs, embedding.space)
        return _ENCODED[embedding]
