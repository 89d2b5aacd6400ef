"""Bayesian optimisation with the quirks of the paper's public release, to measure what they cost.

Four things differ from :class:`BayesianOptimization`: the acquisition function
(:class:`ReleasedExpectedImprovement`), targets that are the accuracies as they are,
a vector of its own for every architecture, whatever it computes, and on NAS-Bench-201
evaluations that repeat: the release keys what it has visited by objects that are never
equal, so that an architecture, or another that computes the same function, is proposed
and paid for again.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.searching.acquisition import ReleasedExpectedImprovement
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.pool import Pool


class ReleasedBayesianOptimization(BayesianOptimization):
    """DNGO as in the public release.

    Args:
        embedding: the architectures to choose from, and their vectors.
        seed: of all random choices.
        growth: as for :class:`BayesianOptimization`; the release trains at every round (1).
        pool: likewise; the release's is the whole embedding.
    """

    name: ClassVar[str] = "bo-release"
    computes_on_device: ClassVar[bool] = False

    def __init__(self, embedding: Embedding, *, seed: int, growth: float = 1.25, pool: Pool = None) -> None:
        nasbench201 = embedding.space.name == "nasbench201"
        super().__init__(
            embedding,
            seed=seed,
            targets="values",
            growth=growth,
            acquisition=ReleasedExpectedImprovement(100.0 if nasbench201 else 95.0),
            pool=pool,
            repeats=nasbench201,
        )

    @classmethod
    @override
    def surrogate_vectors(cls, embedding: Embedding) -> NDArray[np.float32]:
        return embedding.vectors
