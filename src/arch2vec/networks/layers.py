"""What the networks of all spaces are made of and checked with.

Layers are made on PyTorch's ``meta`` device, which holds no numbers, because a
layer's own initialisation would draw from the global generator. A network gets its
storage and its weights at the end, from a generator of its caller's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from arch2vec.errors import InputError


class ConvNorm(nn.Module):
    """A convolution without bias, padded to keep the size, and batch norm."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, norm_momentum: float = 0.1) -> None:
        super().__init__()
        self.convolution = convolution(before, after, kernel, stride=stride)
        self.norm = batch_norm(after, norm_momentum)

    @override
    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.convolution(x))
        return normed

    def of_zeros(self, like: Tensor) -> Tensor:
        """What :meth:`forward` gives for zeros of the shape of ``like``."""
        return self.norm.bias[:, None, None].expand_as(like)


def convolution(
    before: int,
    after: int,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    padding: int | None = None,
) -> nn.Conv2d:
    """A convolution without bias, padded by default so that stride 1 keeps the resolution."""
    if padding is None:
        padding = dilation * (kernel // 2)
    return nn.Conv2d(
        before, after, kernel, stride, padding, dilation=dilation, groups=groups, bias=False, device="meta"
    )


def batch_norm(channels: int, momentum: float = 0.1) -> nn.BatchNorm2d:
    """Batch norm; ``momentum`` is the share of a batch in the running moments."""
    return nn.BatchNorm2d(channels, momentum=momentum, device="meta")


def linear(before: int, after: int) -> nn.Linear:
    """A linear layer with bias."""
    return nn.Linear(before, after, device="meta")


def check_images(images: Tensor, channels: int, multiple: int) -> None:
    """Refuse what a network cannot read.

    Args:
        images: should be (B, channels, H, W).
        channels: of the images.
        multiple: of which H and W have to be multiples, to be halved as often as the network does.

    Raises:
        InputError: they are not.
    """
    if images.ndim != 4 or images.shape[1] != channels:
        raise InputError(f"the network reads images (B, {channels}, H, W), got {tuple(images.shape)}")
    if any(side < 1 or side % multiple for side in images.shape[-2:]):
        raise InputError(f"image sides must be multiples of {multiple}, got {tuple(images.shape[-2:])}")


def count_parameters(network: nn.Module) -> int:
    """How many trainable numbers a network has."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def allocate(network: nn.Module, generator: torch.Generator) -> None:
    """Give a network storage on the generator's device; batch norms become the identity, weights are undefined."""
    network.to_empty(device=generator.device)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
