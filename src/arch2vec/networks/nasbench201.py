"""NAS-Bench-201 cells as PyTorch networks (Dong and Yang, ICLR 2020, section 2.1).

A network is a fixed skeleton (:mod:`arch2vec.networks.staged`) that repeats one
cell. With the published skeleton every architecture has exactly the parameter count
that the benchmark lists; :mod:`arch2vec.spaces.nasbench201.cost` gives it without
building the network.

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

from arch2vec.networks.layers import ConvNorm, average
from arch2vec.networks.staged import StagedNetwork
from arch2vec.spaces.nasbench201.cost import KERNELS, NASBench201Skeleton
from arch2vec.spaces.nasbench201.space import EDGES, NONE, SKIP, NASBench201


class NASBench201Network(StagedNetwork):
    """The network of one architecture.

    Args:
        architecture: in the notation of NAS-Bench-201.
        skeleton: width, depth, input channels and classes.
        generator: the only source of the weights. With None the network is on the
            ``meta`` device and has no weights, enough to count what it costs.

    Raises:
        InputError: the architecture is malformed.
    """

    def __init__(self, architecture: str, skeleton: NASBench201Skeleton, generator: torch.Generator | None) -> None:
        operations = NASBench201().parse([architecture]).ops[0, 1:-1].tolist()
        super().__init__(lambda channels: NASBench201Cell(operations, channels), skeleton, generator)


class NASBench201Cell(nn.Module):
    """Four nodes, each the sum of its incoming edges; maps (B, C, H, W) to the same shape.

    The edges' operations: ReLU, convolution (1x1 or 3x3) and batch norm; 3x3
    average pooling that does not count the padding; the identity; zero.

    Args:
        operations: six vocabulary indices, 1 to 5, in the order of the space's ``EDGES``.
        channels: C, the channels that the cell works with.
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
        self.computed = [edge for edge, (_, target) in enumerate(EDGES) if target in useful]

    @override
    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Tensor | None] = [x, None, None, None]  # None stands for zero
        rectified: dict[int, Tensor] = {}  # shared by all convolutions that read the node
        for edge in self.computed:
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
                term = average(value)
            before = nodes[target]
            nodes[target] = term if before is None else before + term
        return torch.zeros_like(x) if nodes[3] is None else nodes[3]
