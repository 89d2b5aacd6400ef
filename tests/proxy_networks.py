"""Small networks and batches that tests of the zero-cost proxies share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def small_network(seed: int = 0) -> nn.Sequential:
    """Two convolutions with batch norm and ReLU, pooling and a linear layer, in double precision."""
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, bias=False, device="meta"),
        nn.BatchNorm2d(3, device="meta"),
        nn.ReLU(),
        nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False, device="meta"),
        nn.BatchNorm2d(4, device="meta"),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3, device="meta"),
    )
    network.to_empty(device="cpu").double()
    for norm in (network[1], network[4]):
        assert isinstance(norm, nn.BatchNorm2d)
        norm.reset_running_stats()
    return drawn(network, seed)


def linear_chain(widths: list[int], seed: int = 0) -> nn.Sequential:
    """Linear layers without biases one after the other, on images of widths[0] numbers, in double precision."""
    layers = [nn.Linear(a, b, bias=False, device="meta") for a, b in pairwise(widths)]
    network = nn.Sequential(nn.Flatten(), *layers)
    return drawn(network.to_empty(device="cpu").double(), seed)


@torch.no_grad()
def drawn(network: nn.Sequential, seed: int) -> nn.Sequential:
    """The network with parameters drawn from N(0, 1) / 2."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype) / 2)
    return network


def labelled(
    images: int = 5, shape: tuple[int, int, int] = (2, 4, 4), classes: int = 3, seed: int = 1
) -> tuple[Tensor, Tensor]:
    """Images (B, *shape) of N(0, 1) in double precision, and labels."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randn((images, *shape), generator=generator, dtype=torch.float64)
    return pixels, torch.randint(classes, (images,), generator=generator)
