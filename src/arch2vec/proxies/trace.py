"""What a forward pass goes through, seen from outside: layers, ReLUs, batch norms, feature maps.

Proxies need a network's layers and activations, and networks come from anywhere.
Hooks see modules only, and many networks call ``relu`` or pooling as functions.
So the calls themselves are watched (:class:`torch.overrides.TorchFunctionMode`):
nothing is attached to the network, and the watching ends with the block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from typing_extensions import override

_LAYERS = {functional.conv2d, functional.linear}
_RECTIFIERS = {functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
_NORMS = {functional.batch_norm, torch.batch_norm}


@dataclass(frozen=True)
class Layer:
    """One use of a convolution or linear layer.

    Attributes:
        weight: (out, in, ...) as it was passed in.
        output: (B, out, ...) before anything else happens to it.
    """

    weight: Tensor
    output: Tensor


class Trace(TorchFunctionMode):
    """Watches one forward pass, as a context manager.

    Attributes:
        layers: convolutions and linear layers, in the order of their use.
        rectified: outputs of ReLUs. A tensor that several layers read is there once.
        normalised: inputs of batch norms.
        features: the last (B, C, H, W) tensor of more than one pixel, or else the last of one
            pixel: what a network pools before its classifier. None if there is none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self.rectified: list[Tensor] = []
        self.normalised: list[Tensor] = []
        self.features: Tensor | None = None

    @override
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in _LAYERS:
            self.layers.append(Layer(args[1] if len(args) > 1 else kwargs["weight"], result))
        elif func in _RECTIFIERS:
            self.rectified.append(result)
        elif func in _NORMS:
            self.normalised.append(args[0] if args else kwargs["input"])
        if isinstance(result, Tensor) and result.ndim == 4 and self._maps(result):
            self.features = result
        return result

    def _maps(self, result: Tensor) -> bool:
        pixels = result.shape[2] * result.shape[3]
        return pixels > 1 or self.features is None or self.features.shape[2] * self.features.shape[3] == 1


class WithoutBatchNorm(TorchFunctionMode):
    """Batch norms pass on what they are given, for as long as the block lasts."""

    @override
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _NORMS:
            return args[0] if args else kwargs["input"]
        return func(*args, **kwargs)


def watched(network: nn.Module, parameters: Mapping[str, Tensor], images: Tensor) -> tuple[Tensor, Trace]:
    """A forward pass in training mode with ``parameters`` in the place of the network's own.

    The network is left as it was: its parameters are not touched, buffers (running
    statistics) are copies, and modules are put back into the mode they were in.

    Args:
        network: maps images (B, channels, H, W) to scores (B, classes).
        parameters: all of the network's, by name.
        images: of the parameters' type.

    Returns:
        The scores and what was seen.
    """
    buffers = {
        name: buffer.detach().to(images.dtype, copy=True) if buffer.is_floating_point() else buffer.clone()
        for name, buffer in network.named_buffers()
    }
    with _training(network), Trace() as trace:
        scores = functional_call(network, {**parameters, **buffers}, (images,))
    return scores, trace


@contextmanager
def _training(network: nn.Module) -> Iterator[None]:
    before = [(module, module.training) for module in network.modules()]
    network.train()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
