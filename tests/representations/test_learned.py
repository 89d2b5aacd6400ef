"""Departures from the paper's model: function graphs, directed messages, pools, targets, masked operations."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from arch2vec.cli import main
from arch2vec.common.storage import read_arrays, write_arrays
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.models.encoders import GINEncoder
from arch2vec.models.graph_inputs import GraphTargets, graph_store, read_graphs
from arch2vec.models.inputs import GraphStore, divided
from arch2vec.models.losses import edge_loss, kl_divergence, operation_loss
from arch2vec.models.pooling import POOLS, pooled, pooled_arrays, pools_of
from arch2vec.pretraining.pretrain import PretrainConfig, PretrainingProgress, config_of, pretrain
from arch2vec.representations.structure import structure
from arch2vec.spaces import NASBench101, NASBench201, SearchSpace, get_space
from graph_strategies import relabelled

CPU = torch.device("cpu")
SPACE = NASBench201()
GRAPHS = SPACE.sample(500, np.random.default_rng(0))
SHAPE = ModelConfig(hidden=24, directed=True, function_graph=True, mask=0.3, latent=6)
CONFIG = PretrainConfig(model=SHAPE, pools="mean,max,min", targets="structure", epochs=2, seed=3)

TINY = """name: tiny
carries: vertices
operations: [relu, tanh, skip, none]
vertices: 5
max_edges: 6
skip: [skip]
zero: [none]
"""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def untrained(space: SearchSpace, config: ModelConfig, pooling: str = "sum") -> Encoder:
    model = GraphAutoencoder(config, space.num_operations, generator(), pooling)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):  # statistics far from those that would hide a mistake
                module.running_mean.uniform_(-0.1, 0.1, generator=generator(1))  # type: ignore[union-attr]
    prior = np.zeros((2, space.num_vertices, config.latent), dtype=np.float32)
    return Encoder(space, model, config, pooling, prior, {})


# ----------------------------------------------------------------------------------------- the default is the paper's


def test_the_default_model_is_the_papers_parameter_by_parameter() -> None:
    """The same weights from the same draws, the same noise, the same loss, put together from the parts."""
    draws = generator(5)
    model = GraphAutoencoder(ModelConfig(hidden=16), 7, draws)
    again = generator(5)
    encoder = GINEncoder(7, 16, 4, 16, True, again)
    state = model.state_dict()
    assert [name for name in state if name.startswith("encoder.")] == [
        f"encoder.{name}" for name in encoder.state_dict()
    ]
    assert [name for name in state if not name.startswith("encoder.")] == [
        "decoder.operations.weight",
        "decoder.operations.bias",
    ]
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(state[f"encoder.{name}"], tensor)
    batch = GraphStore(GRAPHS[:32], 7, CPU).expand(slice(None))
    noise, expected = generator(6), generator(6)
    losses = model.loss(batch, 0.01, "sigmoid", noise)
    mean, log_std = encoder(batch.X, batch.A + batch.A.transpose(1, 2), None)
    Z = torch.addcmul(mean, log_std.exp(), torch.empty_like(mean).normal_(generator=expected))
    operations, edges = model.decoder(Z, expected)
    parts = [
        operation_loss(operations, batch.X, None, "sigmoid"),
        edge_loss(edges, batch.A, None),
        kl_divergence(mean, log_std, None),
    ]
    assert torch.equal(losses.total, parts[0] + parts[1] + 0.01 * parts[2])
    assert torch.equal(noise.get_state(), expected.get_state())


def test_default_training_ends_where_it_always_has() -> None:
    """The loss of a short run before any departure existed; other processors round otherwise."""
    config = PretrainConfig(model=ModelConfig(hidden=32), epochs=2, seed=4)
    graphs = SPACE.sample(600, np.random.default_rng(0))
    encoder = pretrain(SPACE, config, graphs=graphs, device="cpu")
    record = encoder.training["last_epoch"]
    assert record["loss"] == pytest.approx(1.4260016679763794, abs=2e-3)
    assert "loss_targets" not in record
    assert np.array_equal(encoder.vectors(graphs), encoder.encode(graphs).sum(axis=1))


# ------------------------------------------------------------------------------------------------------------- pooling


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.permutations(list(POOLS)), st.integers(1, 4))
def test_pools_leave_padding_out_and_agree(seed: int, vertices: int, names: list[str], count: int) -> None:
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(5, vertices, 3)).astype(np.float32) - 3  # all below zero: padding would be the largest
    mask = rng.random((5, vertices)) < 0.6
    mask[:, 0] |= ~mask.any(axis=1)
    pooling = ",".join(names[:count])
    slow = np.stack(
        [
            np.concatenate([getattr(rows[present], name)(axis=0) for name in names[:count]])
            for rows, present in zip(Z, mask, strict=True)
        ]
    )
    for rubbish in (0.0, 1e6, -1e6):
        filled = np.where(mask[:, :, None], Z, np.float32(rubbish))
        found = pooled(torch.from_numpy(filled), torch.from_numpy(mask.astype(np.float32)), pooling)
        assert np.allclose(found.numpy(), slow, atol=1e-5)
    zeroed = Z * mask[:, :, None]
    assert np.allclose(pooled_arrays(zeroed, mask, pooling), slow, atol=1e-5)
    whole = np.ones_like(mask)
    assert np.allclose(pooled_arrays(Z, whole, pooling), pooled(torch.from_numpy(Z), None, pooling).numpy(), atol=1e-5)


def test_gradients_of_pools_are_finite_where_there_is_padding() -> None:
    Z = torch.full((2, 3, 2), torch.nan)
    Z[:, :2] = 1.0
    Z.requires_grad_()
    mask = torch.tensor([[1.0, 1, 0], [1, 1, 0]])
    pooled(Z, mask, "sum,mean,max,min").sum().backward()  # type: ignore[no-untyped-call]
    assert Z.grad is not None
    assert torch.isfinite(Z.grad).all()
    assert (Z.grad[:, 2] == 0).all()


@pytest.mark.parametrize("text", ["", "median", "sum,", "sum,sum", "max, min ,max"])
def test_wrong_pools(text: str) -> None:
    with pytest.raises(InputError, match="pool"):
        pools_of(text)


# ------------------------------------------------------------------------------------------------- vectors of encoders


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("function_graph", [False, True])
def test_vectors_do_not_depend_on_the_numbering(directed: bool, function_graph: bool) -> None:
    space = NASBench101()
    graphs = space.sample(30, np.random.default_rng(1))
    config = ModelConfig(hidden=16, latent=5, directed=directed, function_graph=function_graph)
    encoder = untrained(space, config, "sum,mean,max,min")
    rng = np.random.default_rng(2)
    renamed = GraphBatch.concatenate([relabelled(graphs[row], rng) for row in range(len(graphs))])
    assert not np.array_equal(renamed.ops, graphs.ops)
    vectors = encoder.vectors(graphs)
    assert vectors.shape == (30, 20)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, encoder.vectors(renamed), atol=1e-4)


@pytest.mark.parametrize("directed", [False, True])
def test_more_padding_changes_no_vector(directed: bool) -> None:
    space = NASBench101()
    graphs = space.sample(40, np.random.default_rng(3))
    encoder = untrained(space, ModelConfig(hidden=16, directed=directed), "mean,max,min")
    ops = np.pad(graphs.ops, ((0, 0), (0, 3)), constant_values=PADDING)
    wide = GraphBatch(ops, np.pad(graphs.adjacency, ((0, 0), (0, 3), (0, 3))))
    assert np.allclose(encoder.vectors(graphs), encoder.vectors(wide), atol=1e-5)


def test_only_a_directed_encoder_tells_a_graph_from_its_reverse() -> None:
    """Two chains of one operation with a branch: forwards it splits, backwards it joins."""
    adjacency = np.zeros((1, 4, 4), dtype=np.bool_)
    adjacency[0, 0, 1] = adjacency[0, 1, 2] = adjacency[0, 1, 3] = True
    graph = GraphBatch(np.full((1, 4), 2, dtype=np.uint8), adjacency)
    reverse = GraphBatch(graph.ops[:, ::-1].copy(), adjacency[:, ::-1, ::-1].transpose(0, 2, 1).copy())
    apart = {}
    for directed in (False, True):
        encoder = untrained(NASBench101(), ModelConfig(hidden=16, directed=directed), "sum,max,min")
        apart[directed] = np.abs(encoder.vectors(graph) - encoder.vectors(reverse)).max()
    assert apart[False] < 1e-5
    assert apart[True] > 1e-2


def function_key(ops: list[int], edges: list[list[int]], skip: int, zero: int) -> tuple[object, ...]:
    """The cell without skips and zeros, written down: the least of all orders of its inner vertices."""
    last = max(vertex for vertex, op in enumerate(ops) if op != PADDING)

    def reads(target: int, source: int) -> int:
        """How often, directly and through skips."""
        if source >= target:
            return 0
        through = [v for v in range(source + 1, target) if ops[v] == skip and edges[v][target]]
        return edges[source][target] + sum(reads(v, source) for v in through)

    def fed(vertex: int) -> bool:
        return vertex == 0 or any(edges[v][vertex] and ops[v] != zero and fed(v) for v in range(vertex))

    def used(vertex: int) -> bool:
        return vertex == last or any(
            edges[vertex][v] and ops[v] != zero and used(v) for v in range(vertex + 1, last + 1)
        )

    inner = [v for v in range(1, last) if ops[v] not in (skip, zero, PADDING) and fed(v) and used(v)]
    orders = [(0, *order, last) for order in itertools.permutations(inner)]
    return min(
        (tuple(ops[v] for v in order), tuple(reads(w, v) for v, w in itertools.combinations(order, 2)))
        for order in orders
        if not any(reads(v, w) for v, w in itertools.combinations(order, 2))
    )


def test_cells_of_one_function_have_one_vector(tmp_path: Path) -> None:
    """Where only skips and zeros differ, and nowhere else."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    space = get_space(str(path))
    graphs = space.enumerate()
    codes = space.operations.index("skip"), space.operations.index("none")
    keys = [
        function_key(ops, edges, *codes)
        for ops, edges in zip(graphs.ops.tolist(), graphs.adjacency.astype(int).tolist(), strict=True)
    ]
    _, first, of = np.unique([str(key) for key in keys], return_index=True, return_inverse=True)
    assert len(first) < len(graphs) / 3
    vectors = untrained(space, replace(SHAPE, mask=0.0), "sum,mean,max,min").vectors(graphs)
    assert np.allclose(vectors, vectors[first][of], atol=2e-6)
    assert len(np.unique(vectors[first].round(5), axis=0)) > 0.9 * len(first)
    written = untrained(space, ModelConfig(hidden=24, latent=6, directed=True), "sum").vectors(graphs)
    assert not np.allclose(written, written[first][of], atol=1e-2)


def test_a_function_graph_reads_a_vertex_as_often_as_the_cell_does() -> None:
    cell = "|nor_conv_3x3~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
    graphs = SPACE.parse([cell])
    read, edges = read_graphs(graphs, SPACE, SHAPE)
    assert read.mask.sum() == 3  # input, convolution, output
    conv = int(np.flatnonzero(read.ops[0] == SPACE.operations.index("nor_conv_3x3"))[0])
    end = int(np.flatnonzero(read.mask[0])[-1])
    assert edges[0, conv, end] == 2
    assert edges[0, 0, end] == 2
    batch = graph_store(graphs, SPACE, SHAPE, CPU).expand(slice(None))
    assert batch.A.max() == 2
    model = GraphAutoencoder(replace(SHAPE, mask=0.0), 7, generator()).eval()
    losses = model.loss(batch, 0.0, "sigmoid", generator())
    _, logits = model.decoder(model.encode(batch))
    assert losses.edges == edge_loss(logits, (batch.A > 0).float(), batch.mask)  # an edge is there or not


def test_a_cell_that_computes_nothing_has_a_finite_vector() -> None:
    cell = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    vectors = untrained(SPACE, SHAPE, "sum,mean,max,min").vectors(SPACE.parse([cell]))
    assert np.isfinite(vectors).all()


# ----------------------------------------------------------------------------------------------- masks, targets, shares


def test_only_inner_operations_are_hidden_and_only_in_training() -> None:
    model = GraphAutoencoder(replace(SHAPE, mask=0.5), 7, generator(), "sum")
    batch = graph_store(GRAPHS, SPACE, SHAPE, CPU).expand(slice(None))
    shown: list[torch.Tensor] = []
    model.encoder.register_forward_hook(lambda _module, given, _result: shown.append(given[0]))
    model.train()
    model.loss(batch, 0.0, "sigmoid", generator())
    hidden = shown[0][..., -1]
    assert shown[0].shape[-1] == 8
    inner = (batch.A.sum(1) > 0) & (batch.A.sum(2) > 0)
    assert (hidden[~inner] == 0).all()
    assert 0.4 < hidden[inner].mean() < 0.6
    assert torch.equal(shown[0][..., :-1], batch.X * (1 - hidden.unsqueeze(2)))
    assert torch.equal(shown[0].sum(-1), batch.X.sum(-1))
    model.eval()
    model.loss(batch, 0.0, "sigmoid", generator())
    model.encode(batch)
    for given_ in shown[1:]:
        assert torch.equal(given_, torch.nn.functional.pad(batch.X, (0, 1)))


def test_targets_are_the_standardised_structure() -> None:
    targets = GraphTargets(SPACE, GRAPHS)
    values = targets.of(GRAPHS).astype(np.float64)
    plain = structure(GRAPHS, SPACE).values
    varying = plain[:, plain.std(axis=0) > 1e-6].astype(np.float64)
    assert values.shape == (len(GRAPHS), targets.count) == varying.shape
    expected = np.clip((varying - varying.mean(axis=0)) / varying.std(axis=0), -5, 5)
    assert np.allclose(values, expected, atol=5e-3)


def test_targets_are_learned() -> None:
    config = replace(CONFIG, model=replace(SHAPE, mask=0.0, latent=16), epochs=4, learning_rate=5e-3)
    records: list[float] = []
    for weight in (1e-9, 1.0):
        encoder = pretrain(SPACE, replace(config, target_weight=weight), graphs=GRAPHS, device="cpu")
        records.append(encoder.training["last_epoch"]["loss_targets"])
    assert records[1] < 0.75 * records[0]


def test_losses_of_parts_add_up_with_masks_and_targets() -> None:
    targets = GraphTargets(SPACE, GRAPHS)
    batch = graph_store(GRAPHS[:21], SPACE, SHAPE, CPU, targets).expand(slice(None))
    model = GraphAutoencoder(replace(SHAPE, predicted=targets.count), 7, generator(), "mean,max").train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):  # its statistics are shared elsewhere
            module.eval()
    whole = model.loss(batch, 0.1, "sigmoid", generator(7), target_weight=0.5)
    terms = whole.operations + whole.edges + 0.1 * whole.kl + 0.5 * whole.targets
    assert whole.total.item() == pytest.approx(terms.item(), rel=1e-5)
    for processes in (2, 3, 30):
        parts = []
        for process in range(processes):
            part, share = divided(batch, process, processes)
            parts.append(model.loss(part, 0.1, "sigmoid", generator(7), share=share, target_weight=0.5))
        sums = torch.stack([torch.stack(list(part)) for part in parts]).sum(0)
        assert torch.allclose(sums, torch.stack(list(whole)), rtol=1e-4)


# ------------------------------------------------------------------------------------------------------ runs and files


def weights(encoder: Encoder) -> torch.Tensor:
    return torch.cat([tensor.double().flatten() for tensor in encoder.model.state_dict().values()])


class InterruptedRunError(Exception):
    pass


def test_a_run_with_every_departure_resumes_and_reads_back(tmp_path: Path) -> None:
    whole = pretrain(SPACE, CONFIG, graphs=GRAPHS, out=tmp_path / "whole", device="cpu")
    vectors = whole.vectors(GRAPHS)
    assert vectors.shape == (len(GRAPHS), 18)

    def interrupt(at: PretrainingProgress) -> None:
        if at.epoch == 2:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        pretrain(SPACE, CONFIG, graphs=GRAPHS, out=tmp_path / "cut", progress=interrupt, device="cpu")
    resumed = pretrain(SPACE, CONFIG, graphs=GRAPHS, out=tmp_path / "cut", device="cpu")
    assert torch.equal(weights(whole), weights(resumed))
    read = Encoder.load(tmp_path / "cut" / "encoder.safetensors")
    assert read.pooling == "mean,max,min"
    assert read.config == whole.config
    assert replace(read.config, predicted=0) == SHAPE
    assert replace(config_of(read), activation=None) == CONFIG
    assert np.array_equal(read.vectors(GRAPHS), vectors)
    assert np.array_equal(read.prior, whole.prior)
    with pytest.raises(InputError, match="pools"):
        pretrain(SPACE, replace(CONFIG, pools="mean"), graphs=GRAPHS, out=tmp_path / "whole", device="cpu")
    with pytest.raises(InputError, match="model"):
        plain = replace(CONFIG, model=replace(SHAPE, directed=False))
        pretrain(SPACE, plain, graphs=GRAPHS, out=tmp_path / "whole", device="cpu")


def test_a_stream_with_targets() -> None:
    config = replace(CONFIG, sample=300, stream=True, epochs=1)
    first, second = (pretrain(SPACE, config, device="cpu") for _ in range(2))
    assert torch.equal(weights(first), weights(second))
    assert first.training["last_epoch"]["loss_targets"] > 0


def test_files_from_before_the_departures_still_load(tmp_path: Path) -> None:
    """Neither an encoder nor a run's record says anything of what was not there yet."""
    config = PretrainConfig(model=ModelConfig(hidden=16), epochs=1)
    out = tmp_path / "run"
    encoder = pretrain(SPACE, config, graphs=GRAPHS, out=out, device="cpu")
    new = ("directed", "function_graph", "mask", "predicted")

    def older(model: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in model.items() if name not in new}

    path = out / "encoder.safetensors"
    arrays, metadata = read_arrays(path)
    training = json.loads(metadata["training"])
    for name in ("pools", "targets", "target_weight"):
        del training["config"][name]
    training["config"]["model"] = older(training["config"]["model"])
    changed = {"config": json.dumps(older(json.loads(metadata["config"]))), "training": json.dumps(training)}
    write_arrays(path, arrays, {**metadata, **changed})
    record = json.loads((out / "config.json").read_text())
    for name in ("checksum", "pools", "targets", "target_weight"):
        del record[name]
    record["model"] = older(record["model"])
    (out / "config.json").write_text(json.dumps(record))
    read = pretrain(SPACE, config, graphs=GRAPHS, out=out, device="cpu")
    assert np.array_equal(read.vectors(GRAPHS), encoder.vectors(GRAPHS))
    assert replace(config_of(read), activation=None) == config
    with pytest.raises(InputError, match="model"):
        pretrain(
            SPACE, replace(config, model=replace(config.model, directed=True)), graphs=GRAPHS, out=out, device="cpu"
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("directed", "yes"),
        ("directed", False),
        ("function_graph", 1),
        ("mask", 1.5),
        ("mask", 0.0),
        ("predicted", -1),
        ("predicted", 7),
        ("predicted", 10**12),
    ],
)
def test_an_encoder_whose_shape_is_not_that_of_its_weights_is_refused(
    field: str, value: object, tmp_path: Path
) -> None:
    encoder = untrained(SPACE, replace(SHAPE, predicted=3), "mean,max")
    path = tmp_path / "encoder.safetensors"
    encoder.save(path)
    arrays, metadata = read_arrays(path)
    assert Encoder.load(path).config == encoder.config
    config = {**json.loads(metadata["config"]), field: value}
    write_arrays(path, arrays, {**metadata, "config": json.dumps(config)})
    with pytest.raises(InputError, match=r"encoder\.safetensors is a damaged encoder"):
        Encoder.load(path)


def test_the_command_line_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space, out = tmp_path / "tiny.yaml", tmp_path / "run"
    space.write_text(TINY)
    asked = "--directed --function-graph --pools mean,max,min --targets structure --target-weight 0.5 --mask 0.15"
    options = [*asked.split(), "--latent", "5", "--epochs", "1", "--batch-size", "128", "--threads", "1"]
    command = ["pretrain", str(space), "--out", str(out), *options, "--json"]
    assert main(command) == 0
    assert main(command) == 0  # reads what is there
    capsys.readouterr()
    assert main(["embed", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dimensions"] == 15
    assert main(["evaluate", str(out), "--draws", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reconstruction"]["operations"] > 0
    assert main(["generate", str(out), "-n", "20", "--json"]) == 0
    generated = get_space(str(space)).parse(json.loads(capsys.readouterr().out)["architectures"])
    assert len(generated) == 20
    ends = get_space(str(space)).format(generated[:2])
    assert main(["generate", str(out), "--between", *ends]) == 0
    lines = (out / "metrics.jsonl").read_text().splitlines()
    assert all(json.loads(line)["loss_targets"] > 0 for line in lines)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mask", "1"], "mask"),
        (["--mask", "nan"], "mask"),
        (["--latent", "0"], "latent"),
        (["--pools", "mean,median"], "median"),
        (["--pools", "max,max"], "twice"),
        (["--targets", "accuracy"], "accuracy"),
        (["--target-weight", "0"], "target_weight"),
        (["--target-weight", "inf"], "target_weight"),
        (["--directed", "--model", "vgae"], "vgae"),
    ],
)
def test_wrong_options(options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["pretrain", "nasbench201", "--out", str(out), *options]) == 2
    line = capsys.readouterr().err.strip()
    assert said in line
    assert "\n" not in line
    assert not out.exists()
