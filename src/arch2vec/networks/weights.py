"""Storage and weights of networks, their size, and what they read.

Networks are laid out on PyTorch's ``meta`` device, which holds no numbers, because a
layer's own initialisation would draw from the global generator. A network gets its
storage and its weights at the end, from a generator of its caller's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arch2vec.errors import InputError


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
