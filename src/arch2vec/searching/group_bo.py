"""Bayesian optimisation on what architectures compute: the method for those who choose none.

The surrogate is a Gaussian process that weighs named groups of numbers
(:mod:`arch2vec.surrogates.grouped_process`): the structure of an architecture
(:mod:`arch2vec.representations.structure`), which costs nothing and needs no
pre-training, and beside it whatever vectors the embedding holds. How much the learned
vector is worth for a search can be read from its weight.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.representations.features import slices
from arch2vec.representations.transfer import TRANSFER
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.vectors import GroupedVectors, grouped_vectors, subtree_vectors, with_subtrees
from arch2vec.surrogates.base import Surrogate
from arch2vec.surrogates.by_groups import process_for

_FIRST = 3  # evaluations of what is most expected, before the first model says what that is worth


class GroupedBayesianOptimization(BayesianOptimization):
    """Structure and vectors, weighed by a Gaussian process, and expected improvement.

    Where the embedding holds what was learned elsewhere (:mod:`arch2vec.representations.transfer`), the
    architectures that most is expected of come first instead of random ones, three at most.
    Settings as for :class:`BayesianOptimization`.
    """

    name: ClassVar[str] = "group-bo"
    reads_rows: ClassVar[bool] = True

    def __init__(
        self, embedding: Embedding, *, seed: int, initial: int = 4, surrogate: Surrogate | None = None, **settings: Any
    ) -> None:
        own = surrogate if surrogate is not None else process_for(self._grouped(embedding).groups)
        self._transferred = slices(embedding.groups).get(TRANSFER)
        if self._transferred is not None:
            initial = min(initial, _FIRST)
        super().__init__(embedding, seed=seed, initial=initial, surrogate=own, **settings)

    @override
    def draw(self, n: int) -> list[int]:
        if self._transferred is None or not n:
            return super().draw(n)
        rows: list[int] = []
        free = self.uncovered()
        expected = self.embedding.vectors[free, self._transferred].sum(axis=1)
        functions: set[int] = set()
        for row in free[np.argsort(-expected, kind="stable")].tolist():
            if len(rows) < n and int(self._function[row]) not in functions:
                functions.add(int(self._function[row]))
                rows.append(row)
        return rows

    @classmethod
    def _grouped(cls, embedding: Embedding) -> GroupedVectors:
        """What the surrogate sees of the architectures, in groups."""
        return grouped_vectors(embedding)

    @classmethod
    @override
    def surrogate_vectors(cls, embedding: Embedding) -> NDArray[np.float32]:
        return cls._grouped(embedding).vectors


class SubtreeBayesianOptimization(GroupedBayesianOptimization):
    """Subtrees of the function graph alone: a kernel on graphs, with a weight and a length for every depth.

    The labels of Weisfeiler and Lehman, optimally assigned (:mod:`arch2vec.graphs.subtrees`). It needs to know of a
    space no more than which operations are skips and zeros; the structure, where it is counted, says more.
    Settings as for :class:`BayesianOptimization`.
    """

    name: ClassVar[str] = "wl-bo"
    computes_on_device: ClassVar[bool] = False

    @classmethod
    @override
    def _grouped(cls, embedding: Embedding) -> GroupedVectors:
        return subtree_vectors(embedding)


class StructureAndSubtreesBayesianOptimization(GroupedBayesianOptimization):
    """``group-bo`` with the subtrees of the function graph as one more group; settings as there."""

    name: ClassVar[str] = "group-wl-bo"
    computes_on_device: ClassVar[bool] = False

    @classmethod
    @override
    def _grouped(cls, embedding: Embedding) -> GroupedVectors:
        return with_subtrees(embedding)
