"""Two ways to leave padding out come to the same numbers."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.models.inputs import GraphStore, GraphTensors
from arch2vec.models.present import Everywhere, Listed, Masked, present_in
from arch2vec.spaces import get_space

CONFIGS = [ModelConfig(), ModelConfig(directed=True), ModelConfig(name="vgae")]


@pytest.mark.parametrize("config", CONFIGS, ids=["paper", "directed", "vgae"])
@pytest.mark.parametrize("training", [True, False])
def test_masked_and_listed_give_the_same_means_gradients_and_statistics(config: ModelConfig, training: bool) -> None:
    graphs = get_space("nasbench101").sample(100, np.random.default_rng(0))
    (single,) = GraphStore(graphs, 5, torch.device("cpu")).batches(100)
    batch = GraphTensors(*(None if part is None else part.double() for part in single))  # type: ignore[arg-type]
    assert batch.mask is not None
    assert batch.mask.min() == 0
    listed = GraphAutoencoder(config, 5, torch.Generator().manual_seed(0)).double().train(training)
    masked = copy.deepcopy(listed)
    found = []
    for model, how in ((listed, False), (masked, True)):
        model.encoder.masked = how
        means = model.encode(batch) * batch.mask.unsqueeze(2)
        means.sin().sum().backward()  # type: ignore[no-untyped-call]
        gradients = torch.cat([p.grad.flatten() for p in model.encoder.parameters() if p.grad is not None])
        found.append((means.detach(), gradients, dict(model.named_buffers())))
    assert torch.allclose(found[0][0], found[1][0], rtol=1e-9, atol=1e-12)
    assert torch.allclose(found[0][1], found[1][1], rtol=1e-6, atol=1e-9)
    for name, value in found[0][2].items():
        assert torch.allclose(value, found[1][2][name], rtol=1e-9), name


def test_what_suits_a_device() -> None:
    mask = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert type(present_in(None)) is Everywhere
    assert isinstance(present_in(mask), Listed)
    assert isinstance(present_in(mask, masked=True), Masked)
    assert isinstance(present_in(mask.to("meta")), Masked)


def test_padding_has_no_part_in_statistics() -> None:
    norm = torch.nn.BatchNorm1d(3)
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([1.0, 1, 0, 1, 0, 1])
    present = present_in(mask, masked=True)
    once = present.put_back(present.norm(norm, x), 6)
    other = x.clone()
    other[mask == 0] = 1e6
    assert torch.equal(once, present.put_back(present.norm(norm, other), 6))
    assert (once[mask == 0] == 0).all()
