"""Bayesian optimisation with an exact Gaussian process instead of a network.

The process sees every dimension of the embedding at the same scale: its
covariance depends on Euclidean distances, and what an encoder spreads little is
not therefore irrelevant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.searching.bo import BayesianOptimization, standard_vectors

if TYPE_CHECKING:
    from arch2vec.surrogates.base import Surrogate


class GPBayesianOptimization(BayesianOptimization):
    """Gaussian process with expected improvement; settings as for :class:`BayesianOptimization`."""

    name: ClassVar[str] = "gp-bo"

    @classmethod
    @override
    def _default_surrogate(cls) -> Surrogate:
        from arch2vec.surrogates.gaussian_process import GaussianProcess

        return GaussianProcess()

    @classmethod
    @override
    def _vectors(cls, embedding: Embedding) -> NDArray[np.float32]:
        return standard_vectors(embedding)
