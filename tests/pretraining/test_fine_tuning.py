"""A pre-trained encoder that learns, in a search, in which order architectures are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.models.inputs import GraphStore
from arch2vec.models.regressor import Regressor
from arch2vec.pretraining.fine_tuning import start_of
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.pretraining.supervised import SupervisedConfig, SupervisedEncoder, started, train_supervised
from arch2vec.pretraining.supervised_together import train_supervised_together
from arch2vec.searching.supervised_bo import SupervisedBayesianOptimization
from arch2vec.spaces import NASBench201
from arch2vec.surrogates.graph_network import as_rows, fine_tuned
from one_line import error_of

SPACE = NASBench201()
GRAPHS = SPACE.sample(300, np.random.default_rng(0))
WORTH = (GRAPHS.ops == SPACE.operations.index("nor_conv_3x3")).sum(axis=1).astype(float)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    config = PretrainConfig(model=ModelConfig(hidden=16, layers=2, latent=6), epochs=2, batch_size=64)
    return pretrain(SPACE, config, graphs=GRAPHS, device="cpu")


def test_it_begins_with_the_encoders_vectors_at_one_scale(encoder: Encoder) -> None:
    start = start_of(encoder)
    regressor = started(Regressor(start.model, SPACE.num_operations, torch.Generator().manual_seed(1)), start.weights)
    batch = GraphStore(GRAPHS, SPACE.num_operations, torch.device("cpu")).expand(slice(None))
    with torch.no_grad():
        found = regressor.eval().vectors(batch).numpy()
    mean = encoder.encode(GRAPHS).mean(axis=1)
    sample = encoder.encode(SPACE.sample(1000, np.random.default_rng(0))).mean(axis=1)
    np.testing.assert_allclose(found, (mean - sample.mean(axis=0)) / sample.std(axis=0), atol=2e-3)
    drawn = Regressor(start.model, SPACE.num_operations, torch.Generator().manual_seed(1))
    assert torch.equal(regressor.output.weight, drawn.output.weight)


@pytest.mark.parametrize("loss", ["squares", "ranking"])
def test_runs_end_where_each_would_alone(encoder: Encoder, loss: str) -> None:
    start = start_of(encoder)
    config = SupervisedConfig(start.model, epochs=3, batch_size=8, loss=loss)  # type: ignore[arg-type]
    graphs, values = [GRAPHS[:20], GRAPHS[20:40]], [WORTH[:20], WORTH[20:40]]
    together = train_supervised_together(SPACE, graphs, values, config, [3, 4], start.weights)
    for some, worth, seed, found in zip(graphs, values, (3, 4), together, strict=True):
        alone = train_supervised(SPACE, some, worth, config, seed, start.weights)
        scratch = train_supervised(SPACE, some, worth, config, seed)
        # Biases before a batch norm follow rounding, and its running statistics them: not to the last digit.
        near, far = (np.abs(alone.basis(GRAPHS) - other.basis(GRAPHS)).mean() for other in (found, scratch))
        assert near < 0.05
        assert far > 5 * near


def test_the_order_is_learned_whatever_the_values(encoder: Encoder) -> None:
    (surrogate,) = [fine_tuned(encoder, epochs=30, learning_rate=5e-3)]
    config = surrogate.training
    assert config.loss == "ranking"
    learned = train_supervised(SPACE, GRAPHS[:60], WORTH[:60], config, 0, start_of(encoder).weights)
    assert spearmanr(learned.predict(GRAPHS), WORTH).statistic > 0.6
    # Only the order of values is seen.
    other = train_supervised(SPACE, GRAPHS[:60], np.exp(WORTH[:60]), config, 0, start_of(encoder).weights)
    np.testing.assert_array_equal(learned.embed(GRAPHS), other.embed(GRAPHS))
    rows = as_rows(GRAPHS)
    (one,) = surrogate.learn(rows[None, :40], WORTH[None, :40], [0])
    forecast = one.belief(rows, rows[:40]).forecast(WORTH[:40])
    assert spearmanr(forecast.mean, WORTH).statistic > 0.5
    assert (forecast.std > 0).all()


def test_supervised_encoders_remember_their_loss(encoder: Encoder, tmp_path: Path) -> None:
    config = SupervisedConfig(start_of(encoder).model, epochs=1, loss="ranking")
    train_supervised(SPACE, GRAPHS[:9], WORTH[:9], config).save(tmp_path / "one.safetensors")
    assert SupervisedEncoder.load(tmp_path / "one.safetensors").config == config
    with pytest.raises(InputError, match="loss"):
        SupervisedConfig(loss="hinge")  # type: ignore[arg-type]


def test_a_search_that_begins_with_an_encoder(encoder: Encoder) -> None:
    embedding = Embedding(SPACE, GRAPHS, np.zeros((len(GRAPHS), 1), dtype=np.float32))

    def found(start: Encoder | None) -> list[int]:
        method = SupervisedBayesianOptimization(embedding, seed=1, initial=6, start=start)
        rows = []
        for _ in range(14):
            (candidate,) = method.ask()
            rows.append(candidate.index)
            method.tell([candidate], [float(WORTH[candidate.index])])
        return rows

    assert found(encoder) == found(encoder)
    assert found(encoder)[:6] == found(None)[:6]
    assert found(encoder) != found(None)
    wrong = error_of(
        lambda: SupervisedBayesianOptimization(embedding, seed=0, start=encoder, training=SupervisedConfig())
    )
    assert "start" in wrong


@pytest.mark.parametrize("departure", [{"directed": True}, {"function_graph": True}, {"mask": 0.2}, {"name": "vgae"}])
def test_encoders_that_read_otherwise_are_refused(encoder: Encoder, departure: dict[str, object]) -> None:
    other = Encoder(
        SPACE,
        encoder.model,
        replace(encoder.config, **departure),  # type: ignore[arg-type]
        "sum",
        encoder.prior,
        {},
    )
    assert "fine-tuned" in error_of(lambda: start_of(other))
