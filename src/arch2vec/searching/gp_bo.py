"""Bayesian optimisation with an exact Gaussian process instead of a network.

The process sees every dimension of the vectors at the same scale
(:mod:`arch2vec.searching.vectors`): its covariance depends on Euclidean distances, and
what an encoder spreads little is not therefore irrelevant. Without a network to
train it does with fewer random architectures at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.searching.bo import BayesianOptimization

if TYPE_CHECKING:
    from arch2vec.surrogates.base import Surrogate


class GPBayesianOptimization(BayesianOptimization):
    """Gaussian process with expected improvement over the pool; settings as for :class:`BayesianOptimization`."""

    name: ClassVar[str] = "gp-bo"
    reads_rows: ClassVar[bool] = True

    def __init__(self, embedding: Embedding, *, seed: int, initial: int = 8, **settings: Any) -> None:
        super().__init__(embedding, seed=seed, initial=initial, **settings)

    @classmethod
    @override
    def _default_surrogate(cls) -> Surrogate:
        from arch2vec.surrogates.gaussian_process import GaussianProcess

        return GaussianProcess()


class LocalBayesianOptimization(GPBayesianOptimization):
    """Gaussian process with expected improvement over the neighbours of the best architecture so far.

    Local search with a guide: of the architectures one edit away from the best, the
    most promising is evaluated; where none is left, the most promising of all. Its
    settings are those of :class:`BayesianOptimization`.

    Measured on NAS-Bench-201 with 16-dimensional vectors and the test accuracy after
    25 / 50 / 100 evaluations, mean of 100 seeds: 94.04 / 94.29 / 94.37 % with the
    200-epoch signal and 93.90 / 94.22 / 94.37 % with the 12-epoch one, against 93.87 /
    94.10 / 94.33 % and 93.67 / 94.09 / 94.26 % of local search. With 2 or 5 initial
    architectures, the neighbours of the best two, another kernel or values for ranks
    it came out within the noise.
    """

    name: ClassVar[str] = "bo-local"
    goes_by_edits: ClassVar[bool] = True
    reads_rows: ClassVar[bool] = True
    computes_on_device: ClassVar[bool] = False

    def __init__(self, embedding: Embedding, *, seed: int, initial: int = 3, around: int = 1, **settings: Any) -> None:
        super().__init__(embedding, seed=seed, initial=initial, around=around, **settings)
