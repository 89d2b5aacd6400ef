"""NAS-Bench-201 cells as PyTorch networks (Dong and Yang, ICLR 2020, section 2.1).

A network is a fixed skeleton that repeats one cell: a 3x3 convolution, three
stages of cells with C, 2C and 4C channels, a residual block that halves the
resolution before the second and the third stage, batch norm, ReLU, global
average pooling and a linear classifier. With the published skeleton every
architecture has exactly the parameter count that the benchmark lists.

Work that cannot change the output is left out, in training as well. An edge
that leads to no output is not computed. An edge that reads a zero is known
without computing it: pooling and skipping give zero, and a convolution gives
its batch norm's shift, because the batch norm of zeros is its shift.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from arch2vec.networks.layers import (
    ConvNorm,
    allocate,
    batch_norm,
    check_images,
    convolution,
    count_parameters,
    linear,
)
from arch2vec.spaces.nasbench201 import EDGES, NONE, SKIP, NASBench201
from arch2vec.spaces.nasbench201_cost import KERNELS, STAGES, Skeleton


class NASBench201Network(nn.Module):
    """The network of one architecture.

    Args:
        architecture: in the notation of NAS-Bench-201.
        skeleton: width, depth, input channels and classes.
        generator: the only source of the weights. With None the network is on the
            ``meta`` device and has no weights, enough to count what it costs.

    Raises:
        InputError: the architecture is malformed.
    """

    def __init__(self, architecture: str, skeleton: Skeleton, generator: torch.Generator | None) -> None:
        super().__init__()
        self.skeleton = skeleton
        operations = NASBench201().parse([architecture]).ops[0, 1:-1].tolist()
        width = skeleton.channels
        body: list[nn.Module] = []
        for stage in range(STAGES):
            if stage > 0:
                body.append(Reduction(width, 2 * width))
                width *= 2
            body.extend(Cell(operations, width) for _ in range(skeleton.cells_per_stage))
        self.stem = ConvNorm(skeleton.input_channels, skeleton.channels, kernel=3)
        self.body = nn.Sequential(*body)
        self.norm = batch_norm(width)
        self.classifier = linear(width, skeleton.classes)
        if generator is not None:
            allocate(self, generator)
            _initialise(self, generator)

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Class scores (B, classes) of images (B, input_channels, H, W).

        Raises:
            InputError: the images have other channels, or H or W is not a multiple of 4, so
                it cannot be halved twice.
        """
        check_images(images, self.skeleton.input_channels, self.skeleton.total_stride)
        features = self.body(self.stem(images))  # (B, 4C, H / 4, W / 4)
        pooled = functional.relu(self.norm(features)).mean(dim=(2, 3))  # (B, 4C)
        scores: Tensor = self.classifier(pooled)
        return scores


class Cell(nn.Module):
    """Four nodes, each the sum of its incoming edges; maps (B, C, H, W) to the same shape.

    The edges' operations: ReLU, convolution (1x1 or 3x3) and batch norm; 3x3
    average pooling that does not count the padding; the identity; zero.

    Args:
        operations: six vocabulary indices, 1 to 5, in the order of the space's ``EDGES``.
        channels: C.
    """

    def __init__(self, operations: list[int], channels: int) -> None:
        super().__init__()
        self.operations = tuple(operations)
        self.convolutions = nn.ModuleDict(
            {
                str(edge): ConvNorm(channels, channels, KERNELS[operation])
                for edge, operation in enumerate(operations)
                if operation in KERNELS
            }
        )
        useful = {3}  # nodes from which the output can be reached
        for (source, target), operation in reversed(list(zip(EDGES, operations, strict=True))):
            if target in useful and operation != NONE:
                useful.add(source)
        self._computed = [edge for edge, (_, target) in enumerate(EDGES) if target in useful]

    @override
    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Tensor | None] = [x, None, None, None]  # None stands for zero
        rectified: dict[int, Tensor] = {}  # shared by all convolutions that read the node
        for edge in self._computed:
            source, target = EDGES[edge]
            operation, value = self.operations[edge], nodes[source]
            if operation == NONE:
                continue
            if operation in KERNELS:
                unit: Any = self.convolutions[str(edge)]
                if value is None:
                    term = unit.of_zeros(x)
                else:
                    if source not in rectified:
                        rectified[source] = functional.relu(value)
                    term = unit(rectified[source])
            elif value is None:
                continue
            elif operation == SKIP:
                term = value
            else:
                term = functional.avg_pool2d(value, 3, stride=1, padding=1, count_include_pad=False)
            before = nodes[target]
            nodes[target] = term if before is None else before + term
        return torch.zeros_like(x) if nodes[3] is None else nodes[3]


class Reduction(nn.Module):
    """A basic residual block of stride 2 (He et al., 2016): (B, C, H, W) to (B, C', H / 2, W / 2).

    Its two convolutions are ReLU, convolution, batch norm; its shortcut is
    2x2 average pooling and a 1x1 convolution.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, out_channels, kernel=3, stride=2)
        self.second = ConvNorm(out_channels, out_channels, kernel=3)
        self.shortcut = convolution(channels, out_channels, kernel=1)

    @override
    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.second(functional.relu(self.first(functional.relu(x))))
        return residual + self.shortcut(functional.avg_pool2d(x, 2))


@torch.no_grad()
def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """He initialisation for convolutions (fan out), uniform of variance 1 / (3 fan in) for the classifier."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            module.weight.uniform_(-bound, bound, generator=generator)
            module.bias.zero_()


__all__ = ["Cell", "ConvNorm", "NASBench201Network", "Reduction", "Skeleton", "count_parameters"]
