"""The supervised baselines of search: the graph network as a surrogate, the released formula, the joint encoder."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from arch2vec.embedding import Embedding
from arch2vec.graphs import GraphBatch
from arch2vec.models.encoders import GINLayer
from arch2vec.models.inputs import GraphStore
from arch2vec.models.regressor import RegressorConfig
from arch2vec.pretraining.supervised import SupervisedConfig
from arch2vec.pretraining.supervised_together import train_supervised_together
from arch2vec.searching.joint_encoder import JointEncoder
from arch2vec.searching.rl_config import RLConfig, SupervisedRLConfig
from arch2vec.searching.supervised_bo import (
    MisplacedExpectedImprovement,
    ReleasedSupervisedBayesianOptimization,
    SupervisedBayesianOptimization,
)
from arch2vec.searching.supervised_rl import SupervisedRL
from arch2vec.spaces import get_space
from arch2vec.surrogates.bayesian_linear import BayesianLinear
from arch2vec.surrogates.graph_network import GraphNetwork, as_rows, from_rows
from one_line import error_of

SPACE = get_space("nasbench201")
TRAINING = SupervisedConfig(model=RegressorConfig(hidden=16, layers=2, latent=4), epochs=10, learning_rate=0.01)
JOINT = SupervisedRLConfig(policy=RLConfig(hidden=8, steps=4), hidden=16, layers=2, latent=4, pool=100)


def value(graphs: GraphBatch) -> np.ndarray:
    """Percent: the more convolutions on short paths the better."""
    return 50.0 + 5 * ((graphs.ops == 1) | (graphs.ops == 2)).sum(axis=1) - 3.0 * (graphs.ops == 5).sum(axis=1)


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    """300 architectures without vectors: the searches must not need any."""
    graphs = SPACE.sample(300, np.random.default_rng(0))
    return Embedding(SPACE, graphs, np.zeros((300, 1), dtype=np.float32))


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(["nasbench101", "nasbench201", "darts"]), n=st.integers(1, 5), seed=st.integers(0, 99))
def test_graphs_survive_being_rows(name: str, n: int, seed: int) -> None:
    graphs = get_space(name).sample(n, np.random.default_rng(seed))
    found = from_rows(as_rows(graphs))
    np.testing.assert_array_equal(found.ops, graphs.ops)
    np.testing.assert_array_equal(found.adjacency, graphs.adjacency)


def test_surrogate_is_linear_regression_on_the_networks_features(embedding: Embedding) -> None:
    rows, values = as_rows(embedding.graphs), value(embedding.graphs)
    (learned,) = GraphNetwork(SPACE, TRAINING).learn(rows[None, :40], values[None, :40], [(3, 40)])
    forecast = learned.belief(rows, rows[:40]).forecast(values[:40])
    seed = int(np.random.default_rng((3, 40)).integers(2**63))
    (encoder,) = train_supervised_together(SPACE, [embedding.graphs[:40]], [values[:40]], TRAINING, [seed])
    basis = torch.cat([torch.from_numpy(encoder.basis(embedding.graphs)), torch.ones(300, 1)], 1).double()[None]
    y = torch.from_numpy(values[:40] - values[:40].mean())[None]
    linear = BayesianLinear.fit(basis[:, :40], y)
    mean, variance = linear.predict(basis)
    np.testing.assert_allclose(forecast.mean, mean[0].numpy() + values[:40].mean(), rtol=1e-4)
    np.testing.assert_allclose(forecast.std, variance[0].sqrt().numpy(), rtol=0.02)
    assert np.corrcoef(forecast.mean[40:], values[40:])[0, 1] > 0.8


def test_surrogate_refuses_shapes_that_do_not_fit(embedding: Embedding) -> None:
    rows = as_rows(embedding.graphs)
    assert "features (R, n, d)" in error_of(lambda: GraphNetwork(SPACE).learn(rows, value(embedding.graphs), [0]))


@settings(max_examples=50, deadline=None)
@given(mean=st.floats(10, 99), std=st.floats(25, 90), incumbent=st.floats(20, 100))
def test_misplaced_improvement_is_the_released_formula(mean: float, std: float, incumbent: float) -> None:
    sigma = (std / 100) ** 2
    u = mean / 100 - (incumbent / 100) / sigma
    expected = sigma * (norm.pdf(u) + u * norm.cdf(u))
    found = MisplacedExpectedImprovement(incumbent)([mean], [std], 0.0)
    if expected > 1e-12:
        assert np.exp(found[0]) == pytest.approx(expected, rel=1e-4)


def test_misplaced_improvement_orders_by_little_but_variance() -> None:
    worth = MisplacedExpectedImprovement(100.0)([90.0, 20.0, 90.0, 99.0], [1.0, 1.1, 0.9, 0.0], 95.0)
    assert np.argsort(worth).tolist() == [3, 2, 0, 1]


def test_bo_learns_from_graphs_alone(embedding: Embedding) -> None:
    """Of 300 architectures it has found the best, up to functions, after 50 evaluations; random search 1 time in 4."""
    values = value(embedding.graphs)
    search = SupervisedBayesianOptimization(embedding, seed=0, training=TRAINING)
    for _ in range(50):
        (candidate,) = search.ask()
        search.tell([candidate], [values[candidate.index]])
    assert max(told for _, told in search._told) == values.max()


def test_released_bo_differs_in_targets_and_acquisition(embedding: Embedding) -> None:
    released = ReleasedSupervisedBayesianOptimization(embedding, seed=0)
    assert released.targets == "values"
    assert released.acquisition == MisplacedExpectedImprovement(100.0)
    assert released.surrogate == SupervisedBayesianOptimization(embedding, seed=0).surrogate


def test_joint_encoder_learns_by_the_gradient_it_is_given(embedding: Embedding) -> None:
    """Its steps are Adam's on a loss of its vectors, batch norm's statistics being constants."""
    encoder = JointEncoder(embedding, JOINT, seed=1)
    encoder.calibrate(np.random.default_rng(0))
    twin = JointEncoder(embedding, JOINT, seed=1)
    twin.calibrate(np.random.default_rng(0))
    model = twin._model
    rows = np.arange(10)
    graphs = GraphStore(embedding.graphs[rows], SPACE.num_operations, torch.device("cpu")).expand(slice(None))
    target = torch.ones(10, 4)
    adam = torch.optim.Adam([twin._flat], lr=1e-3)
    for _ in range(3):
        vectors = torch.from_numpy(encoder.vectors(rows))
        encoder.learn(rows, 2 * (vectors - target))
        assert twin._flat.grad is not None
        twin._flat.grad.zero_()
        (model.vectors(graphs) - target).square().sum().backward()  # type: ignore[no-untyped-call]
        adam.step()
        # PyTorch's fused Adam rounds differently.
        torch.testing.assert_close(encoder._flat.data, twin._flat.data, rtol=1e-4, atol=1e-5)
    assert not model.training


def test_calibration_takes_the_statistics_of_its_sample(embedding: Embedding) -> None:
    small = embedding.subset(range(50))
    encoder = JointEncoder(small, JOINT, seed=1)
    encoder.calibrate(np.random.default_rng(0))
    encoder.calibrate(np.random.default_rng(1))
    graphs = GraphStore(small.graphs, SPACE.num_operations, torch.device("cpu")).expand(slice(None))
    layer = encoder._model.encoder.layers[0]
    assert isinstance(layer, GINLayer)
    first = layer.linear1(torch.baddbmm(graphs.X, graphs.symmetrised, graphs.X)).flatten(0, 1)
    torch.testing.assert_close(layer.norm1.running_mean, first.mean(0).detach())
    torch.testing.assert_close(layer.norm1.running_var, first.var(0).detach())


def updates(search: SupervisedRL) -> int:
    assert search.policies is not None
    batch, run = search.policies
    return int(batch.updates[run])


def test_policy_and_encoder_learn_together(embedding: Embedding) -> None:
    search = SupervisedRL(embedding, seed=0, settings=JOINT)
    asked = search.ask(5)
    search.tell(asked, [50.0, 60.0, 70.0, 55.0, 65.0])
    assert search._encoder is not None
    before = search._encoder._flat.detach().clone()
    search.ask()
    assert updates(search) == 1
    moved = (search._encoder._flat.detach() - before).abs()
    assert 0 < float(moved.max()) <= 1.001e-3  # one step of Adam
    output = search._encoder._model.output.weight
    assert float(moved[-output.numel() - 1 :].max()) == 0  # plays no part


@pytest.mark.parametrize("pool", [3, 100])
def test_rl_is_repeated_exactly_from_its_state(embedding: Embedding, pool: int) -> None:
    """Also where the pool is smaller than an episode, so that everything in it gets taken."""
    values = value(embedding.graphs)
    search = SupervisedRL(embedding, seed=4, settings=replace(JOINT, pool=pool))
    for number in range(8):
        asked = search.ask(3)
        for candidate in reversed(asked):
            search.tell([candidate], [math.nan if number == 5 else values[candidate.index]])
    other = SupervisedRL(embedding, seed=9, settings=replace(JOINT, pool=pool))
    other.load_state_dict(json.loads(json.dumps(search.state_dict())))
    assert other.ask(7) == search.ask(7)
    assert updates(other) == updates(search) > 3


def test_settings_that_cannot_be_are_refused() -> None:
    wrong: list[dict[str, Any]] = [{"pool": 0}, {"hidden": 0}, {"layers": 0}, {"latent": 0}, {"encoder_rate": 0.0}]
    for one in wrong:
        (name,) = one
        assert name in error_of(partial(SupervisedRLConfig, **one))
