"""No tensor is made on the wrong device: seen without a GPU, on PyTorch's device without numbers.

``meta`` stands for a GPU here. Tensors on it have a shape, a type and a device, and go through every
computation that does not ask for a number; what makes a tensor on the processor on the way, or asks for a number,
which a GPU would have to be waited for, is caught.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from arch2vec.models.adam import FlatAdam
from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.models.flat import clip_gradient
from arch2vec.models.inputs import GraphStore, GraphTensors
from arch2vec.models.losses import OperationActivation
from arch2vec.searching.acquisition import log_expected_improvement_on_device
from arch2vec.spaces import get_space
from arch2vec.surrogates.basis_network import BasisNetwork, BasisTraining
from arch2vec.surrogates.grouped_process import _Posterior
from arch2vec.surrogates.pooled_process import PooledProcess, Term

META = torch.device("meta")
MODELS = {
    "paper": ModelConfig(),
    "directed": ModelConfig(directed=True),
    "vgae": ModelConfig(name="vgae"),
    "mask": ModelConfig(mask=0.2),
    "head": ModelConfig(predicted=5),
}


class OnlyOnMeta(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails where an operation makes a tensor of more than one number that is not on ``meta``."""

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and tensor.ndim and tensor.device != META:
                raise AssertionError(f"{func} made a tensor {tuple(tensor.shape)} on {tensor.device}")
        return made


def only_on_meta() -> AbstractContextManager[object]:
    mode: AbstractContextManager[object] = OnlyOnMeta()  # type: ignore[no-untyped-call]
    return mode


def batch_of(config: ModelConfig, padded: bool) -> GraphTensors:
    graphs = get_space("nasbench101").sample(64, np.random.default_rng(0))
    targets = np.zeros((64, config.predicted), dtype=np.float16) if config.predicted else None
    store = GraphStore(graphs, 5, META, targets=targets)
    assert store.padded
    with only_on_meta():
        (batch,) = store.batches(64)
    return batch if padded else batch._replace(mask=None)


def test_the_check_sees_what_it_is_for() -> None:
    with pytest.raises(AssertionError, match="made a tensor"), only_on_meta():
        torch.ones(3)
    with pytest.raises(RuntimeError):
        torch.ones(3, device=META) + torch.ones(3)
    with pytest.raises(RuntimeError):
        torch.ones((), device=META).item()


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("padded", [True, False])
def test_a_training_step_stays_on_its_device_and_waits_for_nothing(
    name: str, activation: OperationActivation, padded: bool
) -> None:
    config = MODELS[name]
    model = GraphAutoencoder(config, 5, torch.Generator(), "mean,max").to(META).train()
    batch = batch_of(config, padded)
    flat = torch.nn.Parameter(torch.zeros(10, device=META))
    flat.grad = torch.zeros_like(flat)
    adam = FlatAdam(flat)
    with only_on_meta():
        losses = model.loss(batch, 0.1, activation, None)  # type: ignore[arg-type]
        losses.total.backward()  # type: ignore[no-untyped-call]
        torch.stack([term.detach() for term in losses])
        clip_gradient(flat, 5.0)
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert all(value.device == META for value in adam.state_dict().values())


@pytest.mark.parametrize("name", list(MODELS))
def test_encoding_and_decoding_stay_on_their_device(name: str) -> None:
    config = MODELS[name]
    model = GraphAutoencoder(config, 5, torch.Generator(), "mean,max").to(META).eval()
    batch = batch_of(config, padded=True)
    with only_on_meta():
        means = model.encode(batch)
        operations, adjacency = model.decode(means)
    assert operations.shape == (64, 7)
    assert adjacency.shape == (64, 7, 7)


def test_the_density_of_a_grouped_process_stays_on_its_device() -> None:
    squares = [torch.zeros(4, 9, 9, dtype=torch.float64, device=META) for _ in range(3)]
    with only_on_meta():
        posterior = _Posterior(squares, torch.zeros(4, 9, dtype=torch.float64, device=META))
        value, gradient = posterior(torch.arange(4, device=META), posterior.start())
    assert value.shape == (4,)
    assert gradient.shape == (4, 7)


def test_the_basis_networks_stay_on_their_device() -> None:
    network = BasisNetwork(6, BasisTraining(epochs=2, width=16), [0, 1, 2], META)
    features, targets = torch.zeros(3, 10, 6, device=META), torch.zeros(3, 10, device=META)
    with only_on_meta():
        network.gradient(features, targets, torch.zeros_like(network.parameters))
        found = network.bases(torch.arange(3, device=META), features)
    assert found.shape == (3, 10, 17)


def test_a_forecast_of_a_pool_stays_on_its_device() -> None:
    runs, n, d = 3, 8, 5
    terms = [Term([0, 1], [0.4] * runs, [1.0] * runs), Term([0, 1, 2, 3, 4], [0.6] * runs, [2.0] * runs)]
    pool = torch.zeros(20, d, device=META)
    forecast = PooledProcess(terms, "matern52", [0.1] * runs, np.zeros((runs, n, d)), np.zeros((runs, n)), META)
    with only_on_meta():
        mean, std = forecast.of(pool)
        worth = log_expected_improvement_on_device(mean, std, torch.zeros(runs, device=META))
    assert worth.shape == (runs, 20)
