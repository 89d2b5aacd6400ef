"""The supervised baseline's surrogate: a graph network in the place of DNGO's basis network.

An encoder of the same kind as the pre-trained one is trained on graphs and targets, from
scratch or, :func:`fine_tuned`, from what pre-training has learned; tanh of its pooled vectors,
and a constant, are the basis of the Bayesian linear regression. The surrogate's points are
graphs written as rows of numbers, see :func:`as_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.common.threads import thread_count
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.models.folded import basis_of
from arch2vec.models.inputs import GraphStore, GraphTensors
from arch2vec.pretraining.fine_tuning import Start, start_of
from arch2vec.pretraining.supervised import SupervisedConfig, SupervisedEncoder
from arch2vec.pretraining.supervised_together import train_supervised_together
from arch2vec.spaces import SearchSpace
from arch2vec.surrogates.base import Array, Learned, Seed, Surrogate
from arch2vec.surrogates.bayesian_linear import BayesianLinear
from arch2vec.surrogates.linear_belief import LinearBelief

_BATCH = 512  # graphs encoded at a time: their activations stay in the cache


@dataclass(frozen=True)
class GraphNetwork(Surrogate):
    """The surrogate's settings.

    Attributes:
        space: that the graphs are of.
        training: of the network.
        start: the weights that it begins with, None for drawn ones.
    """

    space: SearchSpace
    training: SupervisedConfig = field(default_factory=SupervisedConfig)
    start: Start | None = None

    @override
    def learn(self, features: Array, targets: Array, seeds: Sequence[Seed]) -> list[Learned]:
        rows, values = np.asarray(features), np.asarray(targets, dtype=np.float64)
        if rows.ndim != 3 or values.shape != rows.shape[:2] or len(seeds) != len(values) or not values.size:
            raise InputError(
                "a surrogate needs features (R, n, d), targets (R, n) and R seeds with R, n >= 1, "
                f"got {rows.shape}, {values.shape} and {len(seeds)}"
            )
        graphs = [from_rows(run) for run in rows]
        numbers = [int(np.random.default_rng(seed).integers(2**63)) for seed in seeds]
        start = None if self.start is None else self.start.weights
        encoders = train_supervised_together(self.space, graphs, list(values), self.training, numbers, start)
        return [_regression(*run) for run in zip(encoders, graphs, values, strict=True)]


def fine_tuned(encoder: Encoder, epochs: int = 25, learning_rate: float = 1e-3) -> GraphNetwork:
    """A surrogate that begins with a pre-trained encoder, and learns in which order the observed architectures are.

    Args:
        encoder: of the paper's shape.
        epochs: passes over the observed architectures.
        learning_rate: of Adam at the start.

    Raises:
        InputError: the encoder departs from the paper's model in what it reads or how it is pooled.
    """
    start = start_of(encoder)
    return GraphNetwork(
        encoder.space,
        SupervisedConfig(start.model, epochs=epochs, learning_rate=learning_rate, loss="ranking"),
        start,
    )


def _regression(encoder: SupervisedEncoder, graphs: GraphBatch, values: NDArray[np.float64]) -> Learned:
    basis = _Basis(basis_of(encoder.regressor), encoder.space.num_operations)
    y = torch.from_numpy((values - encoder.centre) / encoder.spread)
    with thread_count(1):
        linear = BayesianLinear.fit(basis(graphs).double().unsqueeze(0), y.unsqueeze(0))
    return LearnedGraphNetwork(basis, float(linear.alpha / linear.beta))


@dataclass(frozen=True, eq=False)
class _Basis:
    """A trained network's basis functions, and a constant."""

    network: Callable[[GraphTensors], torch.Tensor]
    operations: int

    def __call__(self, graphs: GraphBatch) -> torch.Tensor:
        """(N, latent + 1)."""
        store = GraphStore(graphs, self.operations, torch.device("cpu"))
        with thread_count(1):
            found = torch.cat([self.network(batch) for batch in store.batches(_BATCH)])
            return torch.cat([found, torch.ones(len(graphs), 1)], 1)


@dataclass(frozen=True, eq=False)
class LearnedGraphNetwork(Learned):
    """A trained network, and the ratio of its noise's to its weights' variance."""

    basis: _Basis
    ratio: float

    @override
    def belief(self, points: Array, observed: Array) -> LinearBelief:
        return LinearBelief(lambda rows: self.basis(from_rows(rows)), self.ratio, points, observed)


def as_rows(graphs: GraphBatch) -> NDArray[np.float32]:
    """(N, V + V V) graphs as rows of numbers: operations, then the adjacency matrix."""
    n, v = graphs.ops.shape
    return np.concatenate([graphs.ops, graphs.adjacency.reshape(n, v * v)], axis=1).astype(np.float32)


def from_rows(rows: Array) -> GraphBatch:
    """The inverse of :func:`as_rows`."""
    v = int(np.sqrt(rows.shape[1]))  # v^2 <= v + v^2 < (v + 1)^2
    ops = np.ascontiguousarray(rows[:, :v]).astype(np.uint8)
    return GraphBatch(ops, np.ascontiguousarray(rows[:, v:]).astype(np.bool_).reshape(-1, v, v))
