"""The operations of DARTS cells as PyTorch layers (Liu et al., ICLR 2019, section 3.1.1 and appendix A)."""

from __future__ import annotations

from torch import nn

from arch2vec.errors import InputError
from arch2vec.networks.layers import FactorisedReduction, separable


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
