"""Representations learned from accuracies: the regressor, its training and its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.common.storage import read_arrays, write_arrays
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.models.inputs import GraphStore, GraphTensors
from arch2vec.models.regressor import Regressor, RegressorConfig
from arch2vec.pretraining.supervised import SupervisedConfig, SupervisedEncoder, train_supervised
from arch2vec.spaces import get_space
from one_line import error_of

SPACE = get_space("nasbench201")
SMALL = SupervisedConfig(model=RegressorConfig(hidden=16, layers=2, latent=4), epochs=3, batch_size=8)


def some_graphs(n: int, seed: int = 0) -> GraphBatch:
    return SPACE.sample(n, np.random.default_rng(seed))


def convolutions(graphs: GraphBatch) -> np.ndarray:
    """A value that the graphs determine: how many convolutions a cell has."""
    return ((graphs.ops == 1) | (graphs.ops == 2)).sum(axis=1).astype(np.float64)


def expand(graphs: GraphBatch) -> GraphTensors:
    return GraphStore(graphs, SPACE.num_operations, torch.device("cpu")).expand(slice(None))


def padded(graphs: GraphBatch, extra: int) -> GraphBatch:
    n, v = graphs.ops.shape
    ops = np.full((n, v + extra), PADDING, dtype=np.uint8)
    ops[:, :v] = graphs.ops
    adjacency = np.zeros((n, v + extra, v + extra), dtype=np.bool_)
    adjacency[:, :v, :v] = graphs.adjacency
    return GraphBatch.of(ops, adjacency)


@pytest.mark.parametrize("encoder", ["gin", "gcn"])
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_prediction_is_linear_in_tanh_of_pooled_vertex_vectors(encoder: str, pooling: str) -> None:
    config = RegressorConfig(
        encoder=encoder, hidden=16, layers=2, latent=4, pooling="sum" if pooling == "sum" else "mean"
    )
    regressor = Regressor(config, SPACE.num_operations, torch.Generator().manual_seed(0)).eval()
    graphs = expand(some_graphs(5))
    vertices, _ = regressor.encoder(graphs.X, graphs.symmetrised)
    for graph in range(5):
        rows = list(vertices[graph])
        vector = sum(rows[1:], rows[0]) / (8 if pooling == "mean" else 1)
        expected = regressor.output.bias[0]
        for weight, entry in zip(regressor.output.weight[0], vector, strict=True):
            expected = expected + weight * torch.tanh(entry)
        torch.testing.assert_close(regressor(graphs)[graph], expected)


@settings(max_examples=10, deadline=None)
@given(extra=st.integers(1, 4), pooling=st.sampled_from(["mean", "sum"]), training=st.booleans())
def test_padding_changes_nothing(extra: int, pooling: str, training: bool) -> None:
    config = RegressorConfig(hidden=16, layers=2, latent=4, pooling="sum" if pooling == "sum" else "mean")
    regressor = Regressor(config, SPACE.num_operations, torch.Generator().manual_seed(1)).train(training)
    graphs = some_graphs(6)
    torch.testing.assert_close(regressor.vectors(expand(padded(graphs, extra))), regressor.vectors(expand(graphs)))


def test_learns_what_the_graphs_determine() -> None:
    graphs, unseen = some_graphs(100), some_graphs(200, seed=1)
    model = train_supervised(
        SPACE, graphs, 10 * convolutions(graphs) + 50, replace(SMALL, epochs=40, learning_rate=0.01)
    )
    predicted = model.predict(unseen)
    assert np.corrcoef(predicted, convolutions(unseen))[0, 1] > 0.9
    assert predicted.mean() == pytest.approx(10 * convolutions(unseen).mean() + 50, abs=3)
    assert model.embed(unseen).shape == (200, 4) and model.embed(unseen).dtype == np.float32
    np.testing.assert_allclose(model.basis(unseen), np.tanh(model.embed(unseen)), rtol=1e-6)


def test_one_step_is_adam_on_the_mean_squared_error() -> None:
    graphs = some_graphs(8)
    values = convolutions(graphs)
    config = replace(SMALL, epochs=1, batch_size=None, learning_rate=0.01, weight_decay=0.1, gradient_clip=1e9)
    trained = train_supervised(SPACE, graphs, values, config, seed=4).regressor
    model = Regressor(config.model, SPACE.num_operations, torch.Generator().manual_seed(4)).train()
    adam = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    targets = torch.from_numpy((values - values.mean()) / values.std()).float()
    ((model(expand(graphs)) - targets) ** 2).mean().backward()
    adam.step()
    for name, parameter in model.named_parameters():
        # Adam's first step is as long as the learning rate whatever the gradient: entries whose gradient is
        # nothing but rounding may go either way.
        if not name.endswith(("linear1.bias", "linear2.bias")):
            torch.testing.assert_close(trained.get_parameter(name), parameter, rtol=1e-3, atol=1e-4)


def test_repeats_bit_for_bit_and_follows_its_seed() -> None:
    graphs = some_graphs(30)
    values = convolutions(graphs)
    first, second, other = (train_supervised(SPACE, graphs, values, SMALL, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.embed(graphs), second.embed(graphs))
    assert (first.embed(graphs) != other.embed(graphs)).any()


def test_predictions_follow_a_change_of_unit() -> None:
    graphs = some_graphs(30)
    values = convolutions(graphs)
    plain, scaled = (
        train_supervised(SPACE, graphs, values, SMALL),
        train_supervised(SPACE, graphs, 8 * values + 64, SMALL),
    )
    np.testing.assert_allclose(scaled.predict(graphs), 8 * plain.predict(graphs) + 64, rtol=1e-5)


def test_equal_values_are_predicted() -> None:
    graphs = some_graphs(10)
    model = train_supervised(SPACE, graphs, np.full(10, 93.7), replace(SMALL, epochs=60, learning_rate=0.01))
    np.testing.assert_allclose(model.predict(graphs), 93.7, atol=0.3)


def test_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    train_supervised(SPACE, some_graphs(9), np.arange(9.0), SMALL)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == str(np.random.get_state())  # noqa: NPY002


def test_file_holds_all_of_it(tmp_path: Path) -> None:
    graphs = some_graphs(20)
    model = train_supervised(SPACE, graphs, convolutions(graphs), SMALL)
    model.save(tmp_path / "model.safetensors")
    loaded = SupervisedEncoder.load(tmp_path / "model.safetensors")
    assert loaded.config == SMALL and loaded.space.reference == SPACE.reference
    np.testing.assert_array_equal(loaded.predict(graphs), model.predict(graphs))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    model = train_supervised(SPACE, some_graphs(9), np.arange(9.0), SMALL)
    path = tmp_path / "model.safetensors"
    model.save(path)
    arrays, metadata = read_arrays(path)
    for wrong in ({"kind": "other"}, {"config": "{}"}, {"scale": "[1]"}):
        write_arrays(path, arrays, {**metadata, **wrong})
        assert "supervised encoder" in error_of(lambda: SupervisedEncoder.load(path))
    write_arrays(path, {"x": arrays["output.bias"]}, metadata)
    assert "damaged supervised encoder" in error_of(lambda: SupervisedEncoder.load(path))


def test_input_that_cannot_be_used_is_named() -> None:
    graphs = some_graphs(4)
    assert "4 graphs need as many values" in error_of(lambda: train_supervised(SPACE, graphs, [1.0, 2.0]))
    assert "value 2 is not finite" in error_of(lambda: train_supervised(SPACE, graphs, [1.0, 2.0, np.nan, 3.0]))
    assert "epochs" in error_of(lambda: SupervisedConfig(epochs=0))
    assert "batch_size" in error_of(lambda: SupervisedConfig(batch_size=0))
    assert "learning_rate" in error_of(lambda: SupervisedConfig(learning_rate=0))
    assert "weight_decay" in error_of(lambda: SupervisedConfig(weight_decay=-1))
    assert "unknown encoder 'mlp'; known: gcn, gin" in error_of(lambda: RegressorConfig(encoder="mlp"))
    assert "latent must be at least 1" in error_of(lambda: RegressorConfig(latent=0))
