from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.encoder import Architectures, Encoder
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.pretraining.quality import distance_correlation
from arch2vec.spaces import NASBench201

SPACE = NASBench201()
GRAPHS = SPACE.sample(400, np.random.default_rng(0))
ENCODER = pretrain(SPACE, PretrainConfig(model=ModelConfig(hidden=32), epochs=2), graphs=GRAPHS)


class KnownVectors(Encoder):
    """An encoder whose vectors are a known function of the graphs."""

    def __init__(self, known: Callable[[GraphBatch], NDArray[np.floating]]) -> None:
        super().__init__(SPACE, ENCODER.model, ENCODER.config, "sum", ENCODER.prior, {})
        self.known = known

    @override
    def vectors(self, graphs: Architectures) -> NDArray[np.float32]:
        assert isinstance(graphs, GraphBatch)
        return self.known(graphs).reshape(len(graphs), -1).astype(np.float32)


def test_vectors_with_and_without_the_graphs_geometry() -> None:
    # One-hot operations: the squared distance is twice the number of operations that differ, which in this
    # space is the edit distance but where cells are closer with their vertices in another order.
    one_hot = distance_correlation(KnownVectors(lambda graphs: graphs.one_hot(7)), GRAPHS, pairs=600)
    assert one_hot.random > 0.8
    assert one_hot.walk > 0.95
    rng = np.random.default_rng(1)
    noise = distance_correlation(KnownVectors(lambda graphs: rng.standard_normal((len(graphs), 16))), GRAPHS)
    assert abs(noise.random) < 0.1
    assert abs(noise.walk) < 0.1
    constant = distance_correlation(KnownVectors(lambda graphs: np.ones((len(graphs), 2))), GRAPHS, pairs=50)
    assert (constant.random, constant.walk) == (0.0, 0.0)
    assert distance_correlation(ENCODER, GRAPHS[:2], pairs=50).random == 0.0  # two graphs are one pair


def test_of_a_real_encoder() -> None:
    found = distance_correlation(ENCODER, GRAPHS, pairs=500, seed=3)
    assert found == distance_correlation(ENCODER, GRAPHS, pairs=500, seed=3)
    assert found != distance_correlation(ENCODER, GRAPHS, pairs=500, seed=4)
    assert 0 < found.random < found.walk < 1


def test_too_little_to_correlate() -> None:
    for graphs, pairs in ((GRAPHS[:1], 10), (GRAPHS, 1)):
        with pytest.raises(InputError, match="at least 2 graphs and 2 pairs"):
            distance_correlation(ENCODER, graphs, pairs=pairs)
