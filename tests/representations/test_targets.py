"""What a head can learn without a label: flows, costs, and an order by a zero-cost proxy."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.cli.main import main
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.flow import random_flow
from arch2vec.graphs.function import FunctionGraphs, function_graphs
from arch2vec.models import graph_inputs
from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.models.graph_inputs import GraphTargets, graph_store, proxy_ranks, targets_of
from arch2vec.models.losses import ranking_loss
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.proxies.features import proxy_features
from arch2vec.spaces import NASBench101, NASBench201
from graph_strategies import dags, relabelled

SPACE = NASBench201()
GRAPHS = SPACE.sample(400, np.random.default_rng(0))
CONFIG = PretrainConfig(model=ModelConfig(hidden=24, latent=6), epochs=2, seed=1)


def flow_of(functions: FunctionGraphs, row: int, P: np.ndarray, W: np.ndarray, r: np.ndarray) -> np.ndarray:
    """The flow of one graph as it is written in the literature, vertex by vertex."""
    ops, edges = functions.ops[:, row].tolist(), functions.edges[:, :, row]
    there = [v for v, op in enumerate(ops) if op != PADDING]
    starts, ends = (set(np.flatnonzero(flags[:, row]).tolist()) for flags in (functions.starts, functions.ends))

    none = np.zeros_like(r)

    def moved(vertex: int, message: np.ndarray) -> np.ndarray:
        return message / 2 + np.maximum(np.concatenate([P[ops[vertex]], message]) @ W, 0) / 2

    forward: dict[int, np.ndarray] = {}
    for v in there:
        forward[v] = r if v in starts else moved(v, sum((edges[u, v] * forward[u] for u in there if edges[u, v]), none))
    back: dict[int, np.ndarray] = {}
    for v in reversed(there):
        back[v] = (
            forward[v] if v in ends else moved(v, sum((edges[v, u] * back[u] for u in there if edges[v, u]), none))
        )
    return np.mean([back[v] for v in starts], axis=0) if starts else np.zeros_like(r)


@settings(max_examples=20, deadline=None)
@given(st.lists(dags(), min_size=1, max_size=3), st.integers(0, 5))
def test_flows_are_those_written_vertex_by_vertex(some: list[GraphBatch], seed: int) -> None:
    functions = function_graphs(GraphBatch.concatenate(some), {1}, {2})
    found = random_flow(functions, 4, width=3, deviation=0.8, draws=2, seed=seed)
    for draw, row in itertools.product(range(2), range(len(some))):
        rng = np.random.default_rng([seed, draw])
        P = rng.normal(0, 0.8, (5, 3)).astype(np.float32)
        W = rng.normal(0, 0.8, (6, 3)).astype(np.float32)
        r = rng.uniform(size=3).astype(np.float32)
        expected = flow_of(functions, row, P, W, r)
        np.testing.assert_allclose(found[row, 3 * draw : 3 * draw + 3], expected, rtol=2e-3, atol=1e-4)


def test_flows_do_not_depend_on_numbering_or_company() -> None:
    space = NASBench101()
    graphs = space.parse(
        [
            "0110000;0001010;0001100;0000001;0000010;0000001;0000000"
            "|input,maxpool3x3,maxpool3x3,maxpool3x3,conv3x3-bn-relu,conv1x1-bn-relu,output",
            "01100;00010;00010;00001;00000|input,conv1x1-bn-relu,maxpool3x3,conv3x3-bn-relu,output",
        ]
    )
    rng = np.random.default_rng(1)
    renamed = GraphBatch.concatenate([relabelled(graphs[row], rng) for row in range(2)])
    flows = [random_flow(function_graphs(batch), space.num_operations) for batch in (graphs, renamed, graphs[1])]
    np.testing.assert_allclose(flows[0], flows[1], rtol=1e-4)
    np.testing.assert_allclose(flows[0][1:], flows[2], rtol=1e-5)
    assert (np.abs(flows[0][0] - flows[0][1]) > 1e-4).any()


def test_ranking_loss_is_the_mean_over_ordered_pairs() -> None:
    rng = np.random.default_rng(2)
    scores, values = rng.normal(size=(2, 9)), rng.integers(0, 4, size=(2, 9)).astype(float)
    values[0, 3] = values[1, 5] = np.nan
    expected = []
    for s, v in zip(scores, values, strict=True):
        pairs = [(i, j) for i in range(9) for j in range(9) if v[i] > v[j]]
        expected.append(np.mean([np.log1p(np.exp(s[j] - s[i])) for i, j in pairs]))
    found = ranking_loss(torch.from_numpy(scores), torch.from_numpy(values))
    assert float(found) == pytest.approx(np.mean(expected))
    alike = torch.zeros(5, requires_grad=True)
    loss = ranking_loss(alike, torch.full((5,), torch.nan))
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0
    assert alike.grad is not None
    assert (alike.grad == 0).all()


def test_targets_are_named() -> None:
    assert targets_of("structure").numbers == ("structure",)
    both = targets_of("flow, costs,rank:macs")
    assert (both.numbers, both.proxy) == (("flow", "costs"), "macs")
    for wrong in ("", "flows", "flow,flow", "rank:macs,rank:synflow", "rank:", "rank:accuracy", "flow,"):
        with pytest.raises(InputError):
            targets_of(wrong)
    with pytest.raises(InputError, match="single process"):
        PretrainConfig(targets="rank:macs", processes=2)
    with pytest.raises(InputError, match="stream"):
        PretrainConfig(targets="rank:macs", sample=100, stream=True)


def test_numbers_of_several_targets_stand_side_by_side() -> None:
    each = [GraphTargets(SPACE, GRAPHS, [name]) for name in ("structure", "costs", "flow")]
    together = GraphTargets(SPACE, GRAPHS, ("structure", "costs", "flow"))
    assert together.count == sum(one.count for one in each)
    np.testing.assert_array_equal(together.of(GRAPHS), np.concatenate([one.of(GRAPHS) for one in each], axis=1))
    assert each[1].count == 2
    assert each[2].count > 20


def test_only_some_are_ranked_and_the_others_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_inputs, "RANKED", 30)
    ranks = proxy_ranks(GRAPHS[:50], SPACE, "macs")
    assert np.isfinite(ranks[:30]).all()
    assert np.isnan(ranks[30:]).all()
    np.testing.assert_allclose(ranks[:30], proxy_features(GRAPHS[:30], SPACE, ["macs"]), atol=2e-3)
    store = graph_store(GRAPHS[:50], SPACE, CONFIG.model, torch.device("cpu"), GraphTargets(SPACE, GRAPHS, ()), ranks)
    batch = store.expand(slice(None))
    model = GraphAutoencoder(replace(CONFIG.model, predicted=1), 7, torch.Generator().manual_seed(0)).eval()
    losses = model.loss(batch, 0.0, "sigmoid", torch.Generator(), ranked=True)
    assert torch.isfinite(losses.total)
    assert losses.targets > 0


def test_ranking_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_inputs, "RANKED", 60)
    config = replace(CONFIG, targets="rank:macs,costs", epochs=4, learning_rate=5e-3)
    records = []
    for weight in (1e-9, 1.0):
        encoder = pretrain(SPACE, replace(config, target_weight=weight), graphs=GRAPHS, device="cpu")
        records.append(encoder.training["last_epoch"]["loss_targets"])
    assert encoder.config.predicted == 3
    assert records[1] < 0.8 * records[0]


def test_the_command_line_takes_several(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space, out = tmp_path / "tiny.yaml", tmp_path / "run"
    space.write_text(
        "{name: tiny, carries: vertices, operations: [relu, tanh, skip], vertices: 5, max_edges: 6, skip: [skip]}"
    )
    command = ["pretrain", str(space), "--out", str(out), "--epochs", "1", "--batch-size", "128", "--threads", "1"]
    assert main([*command, "--targets", "flow,structure", "--json"]) == 0
    assert Encoder.load(out / "encoder.safetensors").config.predicted > 50
    capsys.readouterr()
    for wrong in ("flow,proxy", "rank:macs"):  # there are no networks of such a space
        other = [*command[:3], str(tmp_path / "no"), *command[4:]]
        assert main([*other, "--targets", wrong]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
