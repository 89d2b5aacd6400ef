"""Bayesian optimisation whose representation is learned from accuracies, the paper's supervised baseline.

It is :class:`arch2vec.searching.bo.BayesianOptimization` with a graph network for a
surrogate: the encoder is trained from scratch on the architectures
evaluated so far, and expected improvement is maximised over the pool.

Two things are cut so that a search of some hundred evaluations takes seconds: the network
is trained whenever there are a quarter more values (9 times instead of 91 in
107 evaluations), and for 25 epochs instead of a hundred. In between, values are taken in by the linear
regression. The method's page in the documentation says what that costs: nothing that is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.acquisition import Acquisition, log_expected_improvement
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.pool import Pool

if TYPE_CHECKING:
    from arch2vec.encoder import Encoder
    from arch2vec.pretraining.supervised import SupervisedConfig


class SupervisedBayesianOptimization(BayesianOptimization):
    """A graph network with Bayesian linear regression on its last features, and expected improvement.

    Args:
        embedding: the architectures to choose from; its vectors are not used.
        seed: of all random choices.
        initial: as for :class:`BayesianOptimization`.
        training: of the graph network; by default for half the usual epochs.
        targets: as for :class:`BayesianOptimization`.
        growth: likewise; the paper trains at every round (1), at ten times the cost.
        acquisition: what a prediction is worth, as for :class:`BayesianOptimization`.
        pool: the architectures looked at in a round, as for :class:`BayesianOptimization`.
        start: a pre-trained encoder that the network begins with; it is then trained to order what was
            evaluated (:func:`arch2vec.surrogates.graph_network.fine_tuned`).
    """

    name: ClassVar[str] = "supervised-bo"
    computes_on_device: ClassVar[bool] = False

    def __init__(
        self,
        embedding: Embedding,
        *,
        seed: int,
        initial: int = 16,
        training: SupervisedConfig | None = None,
        targets: Literal["ranks", "values"] = "ranks",
        growth: float = 1.5,
        acquisition: Acquisition | None = None,
        pool: Pool = None,
        start: Encoder | None = None,
    ) -> None:
        from arch2vec.models.regressor import RegressorConfig
        from arch2vec.pretraining.supervised import SupervisedConfig
        from arch2vec.surrogates.graph_network import GraphNetwork, fine_tuned

        if start is not None and (training is not None or start.space.reference != embedding.space.reference):
            raise InputError("start is an encoder of the same space, and has a training of its own")
        training = training or SupervisedConfig(RegressorConfig(hidden=64), epochs=25)
        super().__init__(
            embedding,
            seed=seed,
            initial=initial,
            surrogate=GraphNetwork(embedding.space, training) if start is None else fine_tuned(start),
            targets=targets,
            growth=growth,
            acquisition=acquisition,
            pool=pool,
        )

    @classmethod
    @override
    def surrogate_vectors(cls, embedding: Embedding) -> NDArray[np.float32]:
        return _graph_rows(embedding)


@dataclass(frozen=True)
class MisplacedExpectedImprovement(Acquisition):
    """What the public release maximises in the supervised baseline, for comparison.

    A pair of parentheses is missing in its standardised gain, m - f / s instead of
    (m - f) / s, with s the predictive variance and f a constant, all of accuracies
    as fractions. What is maximised is s h(m - f / s), where h(u) = phi(u) + u Phi(u);
    as f / s is huge, the order is little but that of the variance. In
    floating point the release's formula is zero for most of a pool, and then picks by
    position; its logarithm, used here, still orders it.

    Attributes:
        incumbent: percent; 100 in the release's search of NAS-Bench-201, 95 elsewhere.
    """

    incumbent: float = 95.0

    @override
    def __call__(self, mean: ArrayLike, std: ArrayLike, best: float) -> NDArray[np.float64]:
        fraction = np.asarray(mean, dtype=np.float64) / 100
        variance = (np.asarray(std, dtype=np.float64) / 100) ** 2
        with np.errstate(divide="ignore"):
            gain = fraction - self.incumbent / 100 / variance
            worth = np.log(variance) + log_expected_improvement(gain, np.ones_like(gain), 0.0)
        return np.where(variance > 0, worth, -np.inf)


class ReleasedSupervisedBayesianOptimization(SupervisedBayesianOptimization):
    """The supervised baseline with the quirks of the paper's public release.

    Accuracies as they are instead of ranks, and :class:`MisplacedExpectedImprovement`.

    Args:
        embedding: the architectures to choose from; its vectors are not used.
        seed: of all random choices.
        pool: as for :class:`SupervisedBayesianOptimization`.
    """

    name: ClassVar[str] = "supervised-bo-release"

    def __init__(self, embedding: Embedding, *, seed: int, pool: Pool = None) -> None:
        incumbent = 100.0 if embedding.space.name == "nasbench201" else 95.0
        acquisition = MisplacedExpectedImprovement(incumbent)
        super().__init__(embedding, seed=seed, targets="values", acquisition=acquisition, pool=pool)


_ROWS: WeakKeyDictionary[Embedding, NDArray[np.float32]] = WeakKeyDictionary()


def _graph_rows(embedding: Embedding) -> NDArray[np.float32]:
    """The graphs as the surrogate takes them; worked out once."""
    from arch2vec.surrogates.graph_network import as_rows

    if embedding not in _ROWS:
        _ROWS[embedding] = as_rows(embedding.graphs)
    return _ROWS[embedding]
