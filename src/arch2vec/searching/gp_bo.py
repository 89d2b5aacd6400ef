"""Bayesian optimisation with an exact Gaussian process instead of a network.

The process sees the mean vector of the architectures that compute a function,
every dimension at the same scale (:func:`function_vectors`): its covariance
depends on Euclidean distances, and what an encoder spreads little is not
therefore irrelevant. Without a network to train it does with fewer random
architectures at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.vectors import function_vectors

if TYPE_CHECKING:
    from arch2vec.surrogates.base import Surrogate


class GPBayesianOptimization(BayesianOptimization):
    """Gaussian process with expected improvement over the pool; settings as for :class:`BayesianOptimization`."""

    name: ClassVar[str] = "gp-bo"

    def __init__(self, embedding: Embedding, *, seed: int, initial: int = 8, **settings: Any) -> None:
        super().__init__(embedding, seed=seed, initial=initial, **settings)

    @classmethod
    @override
    def _default_surrogate(cls) -> Surrogate:
        from arch2vec.surrogates.gaussian_process import GaussianProcess

        return GaussianProcess()

    @classmethod
    @override
    def _vectors(cls, embedding: Embedding) -> NDArray[np.float32]:
        return function_vectors(embedding)


class LocalBayesianOptimization(GPBayesianOptimization):
    """Gaussian process with expected improvement over the neighbours of the best architecture so far.

    Local search with a guide: of the architectures one edit away from the best, the
    most promising is evaluated; where none is left, the most promising of all. Its
    settings are those of :class:`BayesianOptimization`.
    """

    name: ClassVar[str] = "bo-local"

    def __init__(self, embedding: Embedding, *, seed: int, initial: int = 3, around: int = 1, **settings: Any) -> None:
        super().__init__(embedding, seed=seed, initial=initial, around=around, **settings)
