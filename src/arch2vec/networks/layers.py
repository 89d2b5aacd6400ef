"""The layers that networks of all spaces are made of, in plain PyTorch.

This file needs PyTorch and nothing else: what a network to take away is made of is copied from it
(:mod:`arch2vec.networks.export_parts`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override


class ConvNorm(nn.Module):
    """A convolution without bias, padded to keep the size, and batch norm."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, norm_momentum: float = 0.1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(after, momentum=norm_momentum)

    @override
    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.convolution(x))
        return normed

    def of_zeros(self, like: Tensor) -> Tensor:
        """What zeros of the shape of ``like`` give: batch norm leaves nothing of them but its shift."""
        return self.norm.bias[:, None, None].expand_as(like)


class Reduction(nn.Module):
    """A basic residual block of stride 2 (He et al., 2016): (B, C, H, W) to (B, C', H / 2, W / 2).

    Its two convolutions are ReLU, convolution, batch norm; its shortcut is
    2x2 average pooling and a 1x1 convolution.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = ConvNorm(before, after, kernel=3, stride=2)
        self.second = ConvNorm(after, after, kernel=3)
        self.shortcut = nn.Conv2d(before, after, kernel_size=1, bias=False)

    @override
    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.second(functional.relu(self.first(functional.relu(x))))
        return residual + self.shortcut(functional.avg_pool2d(x, 2))


def average(x: Tensor) -> Tensor:
    """3x3 average pooling that does not count the padding."""
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def conv_norm(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
    """A convolution without bias, padded to keep the size, and batch norm."""
    convolution = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


def relu_conv_norm(before: int, after: int, kernel: int = 1) -> nn.Module:
    """ReLU, a convolution, batch norm."""
    return nn.Sequential(nn.ReLU(), conv_norm(before, after, kernel))


def separable(channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    """ReLU, a depthwise and a pointwise convolution, batch norm."""
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(channels, channels, kernel, stride, padding, dilation=dilation, groups=channels, bias=False)
    return nn.Sequential(nn.ReLU(), depthwise, conv_norm(channels, channels, kernel=1))


class FactorisedReduction(nn.Module):
    """Half the resolution, from two 1x1 convolutions of stride 2 that read different pixels.

    Maps (B, P, 2S, 2S) to (B, C, S, S). The pixels are picked before the convolutions, which gives the same: the
    gradient of a strided 1x1 convolution of fewer than 8 channels, stored last, writes past its memory in PyTorch
    2.13 on processors that have AVX2 and not AVX-512.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(before, after // 2, kernel_size=1, bias=False)
        self.odd = nn.Conv2d(before, after - after // 2, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm2d(after)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        normed: Tensor = self.norm(torch.cat([self.even(x[:, :, ::2, ::2]), self.odd(x[:, :, 1::2, 1::2])], dim=1))
        return normed


class AuxiliaryHead(nn.Module):
    """A second classifier, on (B, C, S, S) features, that pools to 2x2 pixels; for training.

    For ImageNet the published networks leave out the batch norm after the 2x2
    convolution ("omitted due to a typo", their code says): ``normed`` is false there.
    """

    def __init__(self, channels: int, classes: int, stride: int, normed: bool) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=stride),
            conv_norm(channels, 128, kernel=1),
            nn.ReLU(),
            nn.Conv2d(128, 768, kernel_size=2, bias=False),
            nn.BatchNorm2d(768) if normed else nn.Identity(),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(768, classes)

    @override
    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.features(x))
        return scores
