from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.models.autoencoder import MODELS, GraphAutoencoder, ModelConfig
from arch2vec.models.decoder import Decoder
from arch2vec.models.encoders import GCNEncoder, GCNLayer, GINEncoder, GINLayer
from arch2vec.models.flat import clip_gradient, flatten_parameters
from arch2vec.models.inputs import GraphStore, GraphTensors
from arch2vec.models.losses import ACTIVATIONS, OperationActivation, edge_loss, kl_divergence, operation_loss
from arch2vec.spaces import NASBench201

CPU = torch.device("cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch_of(graphs: GraphBatch, operations: int) -> GraphTensors:
    return GraphStore(graphs, operations, CPU).expand(slice(None))


def layers_of(encoder: GINEncoder) -> list[GINLayer]:
    return [layer for layer in encoder.layers if isinstance(layer, GINLayer)]


def cells(n: int = 6) -> GraphTensors:
    return batch_of(NASBench201().enumerate()[:n], 7)


def test_encoder_against_the_formula_vertex_by_vertex() -> None:
    """H_v' = ReLU(BN(MLP((1 + eps) h_v + sum of its neighbours' h))), written out with loops."""
    encoder = GINEncoder(7, 5, 2, 3, True, generator()).double().train()
    graphs = cells()
    with torch.no_grad():
        for layer in layers_of(encoder):
            layer.eps.fill_(0.3)
            for norm in (layer.norm1, layer.norm2):
                norm.weight.uniform_(0.5, 2, generator=generator(1))
                norm.bias.uniform_(-1, 1, generator=generator(2))
    mean, log_std = encoder(graphs.X.double(), graphs.symmetrised.double())

    def batch_norm(rows: torch.Tensor, norm: nn.BatchNorm1d) -> torch.Tensor:
        centred = rows - rows.mean(0)
        return centred / torch.sqrt(centred.square().mean(0) + norm.eps) * norm.weight + norm.bias

    H = graphs.X.double()
    B, V, _ = H.shape
    for layer in layers_of(encoder):
        rows = []
        for b in range(B):
            for v in range(V):
                total = 1.3 * H[b, v]
                for u in range(V):
                    if graphs.A[b, u, v] or graphs.A[b, v, u]:
                        total = total + H[b, u]
                rows.append(total)
        hidden = torch.relu(batch_norm(torch.stack(rows) @ layer.linear1.weight.T + layer.linear1.bias, layer.norm1))
        H = torch.relu(batch_norm(hidden @ layer.linear2.weight.T + layer.linear2.bias, layer.norm2)).view(B, V, -1)
    assert torch.allclose(mean, H @ encoder.heads.mean.weight.T + encoder.heads.mean.bias)
    assert log_std is not None and encoder.heads.log_std is not None
    assert torch.allclose(log_std, H @ encoder.heads.log_std.weight.T + encoder.heads.log_std.bias)


def test_graph_convolution_against_dense_matrices() -> None:
    encoder = GCNEncoder(7, 5, 2, 3, True, generator()).double().eval()
    layers = [layer for layer in encoder.layers if isinstance(layer, GCNLayer)]
    assert len(layers) == 2
    for layer in layers:
        assert layer.norm.running_mean is not None
        assert layer.norm.running_var is not None
        layer.norm.running_mean.uniform_(-1, 1, generator=generator(1))
        layer.norm.running_var.uniform_(0.5, 2, generator=generator(2))
    graphs = cells(4)
    mean, log_std = encoder(graphs.X.double(), graphs.symmetrised.double())
    for b in range(4):
        looped = graphs.symmetrised[b].double() + torch.eye(8)
        D = torch.diag(looped.sum(1) ** -0.5)
        H = graphs.X[b].double()
        for layer in layers:
            H = D @ looped @ D @ (H @ layer.linear.weight.T + layer.linear.bias)
            assert layer.norm.running_mean is not None
            assert layer.norm.running_var is not None
            H = torch.relu((H - layer.norm.running_mean) / torch.sqrt(layer.norm.running_var + layer.norm.eps))
        assert torch.allclose(mean[b], D @ looped @ D @ H @ encoder.heads.mean.weight.T + encoder.heads.mean.bias)
    assert log_std is not None


@pytest.mark.parametrize("name", list(MODELS))
def test_padding_changes_nothing(name: str) -> None:
    """A cell of five vertices gives the same alone, and padded to eight; in training mode too."""
    adjacency = np.triu(np.ones((2, 5, 5), dtype=np.bool_), 1)
    adjacency[1, 0, 3] = False
    small = GraphBatch.of([[0, 1, 2, 1, 3], [0, 2, 2, 1, 3]], adjacency)
    ops = np.full((2, 8), PADDING, dtype=np.uint8)
    ops[:, :5] = small.ops
    wide = np.zeros((2, 8, 8), dtype=np.bool_)
    wide[:, :5, :5] = adjacency
    model = GraphAutoencoder(ModelConfig(name, dropout=0.0), 4, generator())
    few, many = batch_of(small, 4), batch_of(GraphBatch.of(ops, wide), 4)
    assert few.mask is None
    assert many.mask is not None
    for training in (True, False):
        model.train(training)
        with torch.no_grad():
            assert torch.allclose(model.encode(few), model.encode(many)[:, :5], atol=1e-5)
    losses = [model.loss(graphs, 0.1, "softmax", generator()) for graphs in (few, many)]
    assert torch.allclose(losses[0].operations, losses[1].operations, atol=1e-6)
    assert torch.allclose(losses[0].edges, losses[1].edges, atol=1e-6)


def test_losses_against_plain_loops() -> None:
    graphs = cells(3)
    B, V, K = graphs.X.shape
    logits = torch.randn(B, V, K, generator=generator())
    edges = torch.randn(B, V, V, generator=generator(1))
    for activation in ACTIVATIONS:
        total = 0.0
        for b in range(B):
            for v in range(V):
                row = logits[b, v].tolist()
                for k in range(K):
                    if activation == "softmax":
                        p = math.exp(row[k]) / sum(math.exp(entry) for entry in row)
                    else:
                        p = 1 / (1 + math.exp(-row[k]))
                    total -= math.log(p if graphs.X[b, v, k] else 1 - p)
        ours = operation_loss(logits, graphs.X, None, activation)
        assert ours.item() == pytest.approx(total / (B * V * K), rel=1e-5)
    total = 0.0
    for b in range(B):
        for i in range(V):
            for j in range(i + 1, V):
                p = 1 / (1 + math.exp(-edges[b, i, j].item()))
                total -= math.log(p if graphs.A[b, i, j] else 1 - p)
    assert edge_loss(edges, graphs.A, None).item() == pytest.approx(total / (B * V * V), rel=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("scale", [1.0, 20.0, 200.0])
def test_gradients_of_operations_stay_right_however_sure_the_decoder_is(
    activation: OperationActivation, scale: float
) -> None:
    """Against the closed form in double precision, where p next to 0 or 1 is still far from rounding."""
    logits = (scale * torch.randn(50, 8, 11, generator=generator())).requires_grad_()
    X = functional.one_hot(torch.randint(0, 11, (50, 8), generator=generator(1)), 11).float()
    operation_loss(logits, X, None, activation).backward()  # type: ignore[no-untyped-call]
    logit, x = logits.detach().double(), X.double()
    if activation == "sigmoid":
        expected = torch.sigmoid(logit) - x
    else:
        p = torch.softmax(logit, -1)
        without = torch.stack([logit.index_fill(-1, torch.tensor([k]), -torch.inf).softmax(-1) for k in range(11)], -2)
        # d/dl of log(1 - p_k) is the softmax of the others minus that of all.
        wrong = (1 - x).unsqueeze(-1) * (p.unsqueeze(-2) - without)
        expected = wrong.sum(-2) + (p - x)
    assert logits.grad is not None
    assert torch.allclose(logits.grad.double(), expected / logit.numel(), atol=1e-8, rtol=1e-4)


def test_kl_against_torch_distributions() -> None:
    mean = torch.randn(4, 8, 16, generator=generator())
    log_std = torch.randn(4, 8, 16, generator=generator(1)) * 0.3
    posterior = torch.distributions.Normal(mean, log_std.exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(posterior, prior).sum(-1).mean()
    assert torch.allclose(kl_divergence(mean, log_std, None), expected, rtol=1e-5)


def test_decoder_logits_and_dropout() -> None:
    decoder = Decoder(16, 7, 0.3, generator())
    Z = torch.randn(500, 8, 16, generator=generator(1))
    operations, edges = decoder.eval()(Z)
    assert torch.allclose(edges[3, 1, 5], (Z[3, 1] * Z[3, 5]).sum(), atol=1e-5)
    assert torch.allclose(operations[2, 4], decoder.operations(Z[2, 4]), atol=1e-5)
    biased = Decoder(16, 7, 0.3, generator(), edge_bias=True)
    assert biased.edge_bias is not None
    biased.edge_bias.data.fill_(-0.75)
    assert torch.allclose(biased.eval()(Z)[1], edges - 0.75, atol=1e-5)
    ones = torch.ones(500, 8, 16)
    decoder.operations.weight.data.fill_(1 / 16)
    decoder.operations.bias.data.zero_()
    dropped = decoder.train()(ones, generator(2))[0]
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)  # kept entries are scaled up
    assert dropped.std().item() == pytest.approx(math.sqrt(0.3 / 0.7 / 16), rel=0.1)
    assert torch.equal(dropped, decoder(ones, generator(2))[0])


def test_sampling_happens_in_training_only() -> None:
    model = GraphAutoencoder(ModelConfig(), 7, generator())
    graphs = cells()
    model.eval()
    quiet = [model.loss(graphs, 0.1, "softmax", generator(seed)).total.item() for seed in (0, 1)]
    assert quiet[0] == quiet[1]
    model.train()
    noisy = [model.loss(graphs, 0.1, "softmax", generator(seed)).total.item() for seed in (0, 1, 0)]
    assert noisy[0] == noisy[2] != noisy[1]


def test_flat_parameters_train_like_ordinary_ones() -> None:
    graphs = cells(32)
    results = []
    for flat in (False, True):
        model = GraphAutoencoder(ModelConfig(hidden=16), 7, generator())
        parameters = [flatten_parameters(model)] if flat else list(model.parameters())
        optimizer = torch.optim.SGD(parameters, lr=0.5)
        noise = generator(3)
        for _ in range(5):
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.zero_()
            model.loss(graphs, 0.01, "softmax", noise).total.backward()  # type: ignore[no-untyped-call]
            if flat:
                clip_gradient(parameters[0], 0.1)
            else:
                nn.utils.clip_grad_norm_(parameters, 0.1)
            optimizer.step()
        results.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    assert torch.allclose(results[0], results[1], atol=1e-5)


def test_batches_are_the_graphs_in_order() -> None:
    graphs = NASBench201().enumerate()[:5000]
    store = GraphStore(graphs, 7, CPU)
    order = torch.randperm(5000, generator=generator())
    batches = list(store.batches(48, order))
    assert [len(batch.X) for batch in batches[:2]] == [48, 48]
    assert np.array_equal(torch.cat([b.X for b in batches]).numpy(), graphs.one_hot(7)[order.numpy()])
    assert np.array_equal(torch.cat([b.symmetrised for b in batches]).numpy(), graphs.symmetrised()[order.numpy()])


@pytest.mark.parametrize("rows", [[], [3], [7, 7, 1, 4, 0]])
def test_batches_of_some_rows(rows: list[int]) -> None:
    graphs = NASBench201().enumerate()[:10]
    batches = list(GraphStore(graphs, 7, CPU).batches(2, torch.tensor(rows, dtype=torch.long)))
    assert [len(batch.X) for batch in batches] == [2] * (len(rows) // 2) + [1] * (len(rows) % 2)
    if rows:
        assert np.array_equal(torch.cat([batch.X for batch in batches]).numpy(), graphs.one_hot(7)[rows])


@pytest.mark.parametrize("wrong", [{"name": "gpt"}, {"hidden": 0}, {"latent": 0}, {"dropout": 1.0}])
def test_impossible_models_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        ModelConfig(**wrong)  # type: ignore[arg-type]
