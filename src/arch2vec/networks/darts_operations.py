"""The operations of DARTS cells as PyTorch layers (Liu et al., ICLR 2019, section 3.1.1 and appendix A)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.networks.layers import batch_norm, convolution


class FactorisedReduction(nn.Module):
    """Half the resolution, from two 1x1 convolutions of stride 2 that read different pixels.

    Maps (B, P, 2S, 2S) to (B, C, S, S). The pixels are picked before the convolutions, which gives the same: the
    gradient of a strided 1x1 convolution of fewer than 8 channels, stored last, writes past its memory in PyTorch
    2.13 on processors that have AVX2 and not AVX-512.
    """

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = convolution(before, channels // 2, 1)
        self.odd = convolution(before, channels - channels // 2, 1)
        self.norm = batch_norm(channels)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        normed: Tensor = self.norm(torch.cat([self.even(x[:, :, ::2, ::2]), self.odd(x[:, :, 1::2, 1::2])], dim=1))
        return normed


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """An operation of a cell, from (B, C, S, S) to the same shape or, of stride 2, to half the resolution.

    Raises:
        InputError: there is no such operation.
    """
    match name:
        case "skip_connect":
            return nn.Identity() if stride == 1 else FactorisedReduction(channels, channels)
        case "max_pool_3x3":
            return nn.MaxPool2d(3, stride=stride, padding=1)
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False)
        case "sep_conv_3x3" | "sep_conv_5x5":
            kernel = int(name[-1])
            return nn.Sequential(separable(channels, kernel, stride=stride), separable(channels, kernel, stride=1))
        case "dil_conv_3x3" | "dil_conv_5x5":
            return separable(channels, int(name[-1]), stride=stride, dilation=2)
        case _:
            raise InputError(f"a DARTS network has no operation {name!r}")


def separable(channels: int, kernel: int, stride: int, dilation: int = 1) -> nn.Module:
    """ReLU, a depthwise and a pointwise convolution, batch norm."""
    return nn.Sequential(
        nn.ReLU(),
        convolution(channels, channels, kernel, stride=stride, dilation=dilation, groups=channels),
        conv_norm(channels, channels, 1),
    )


def relu_conv_norm(before: int, after: int, kernel: int = 1) -> nn.Module:
    """ReLU, a convolution, batch norm."""
    return nn.Sequential(nn.ReLU(), conv_norm(before, after, kernel))


def conv_norm(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
    """A convolution and batch norm."""
    return nn.Sequential(convolution(before, after, kernel, stride=stride), batch_norm(after))
