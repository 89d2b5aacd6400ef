"""Greedy search with a random forest: fit it to all evaluations, evaluate what it predicts to be best.

The baseline that a search with uncertainty has to beat on the same vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.searching.acquisition import PredictedMean
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.pool import Pool

if TYPE_CHECKING:
    from arch2vec.surrogates.base import Surrogate


class GreedyForest(BayesianOptimization):
    """Random forest without exploration.

    Args:
        embedding: the architectures to choose from, and their vectors.
        seed: of all random choices.
        initial: how many random architectures are evaluated before the first forest.
        growth: how many times as many values there are when it is fitted again; 1 for
            every round. Between fits the next best prediction is evaluated.
        pool: as for :class:`BayesianOptimization`.
    """

    name: ClassVar[str] = "forest"
    computes_on_device: ClassVar[bool] = False

    def __init__(
        self,
        embedding: Embedding,
        *,
        seed: int,
        initial: int = 16,
        growth: float = 1.1,
        pool: Pool = None,
    ) -> None:
        super().__init__(
            embedding,
            seed=seed,
            initial=initial,
            growth=growth,
            pool=pool,
            targets="values",
            acquisition=PredictedMean(),
        )

    @classmethod
    @override
    def _default_surrogate(cls) -> Surrogate:
        from arch2vec.surrogates.forest import Forest

        return Forest()
