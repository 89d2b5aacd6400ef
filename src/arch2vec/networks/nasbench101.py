"""NAS-Bench-101 cells as PyTorch networks (Ying et al., ICML 2019, section 2.1).

A network is a 3x3 convolution, three stacks of three cells, a 2x2 max pooling
between two stacks after which channels double, global average pooling and a linear
classifier. With the published skeleton every cell has exactly the parameters
that the benchmark lists. What a network costs can be had without building it from
:mod:`arch2vec.spaces.nasbench101.cost`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from arch2vec.graphs import GraphBatch
from arch2vec.networks.layers import ConvNorm
from arch2vec.networks.weights import allocate, check_images
from arch2vec.spaces.nasbench101.cost import KERNELS, NASBench101Skeleton, vertex_channels
from arch2vec.spaces.nasbench101.space import NASBench101


class NASBench101Network(nn.Module):
    """The network of one architecture.

    Args:
        architecture: in the notation of NAS-Bench-101; it is pruned.
        skeleton: width, depth, input channels and classes.
        generator: the only source of the weights. With None the network is on the
            ``meta`` device and has no weights, enough to count what it costs.

    Raises:
        InputError: the architecture is malformed.
    """

    def __init__(self, architecture: str, skeleton: NASBench101Skeleton, generator: torch.Generator | None) -> None:
        super().__init__()
        self.skeleton = skeleton
        graph = NASBench101().parse([architecture])
        body: list[nn.Module] = []
        with torch.device("meta"):
            self.stem = ConvNorm(skeleton.input_channels, skeleton.channels, 3, norm_momentum=skeleton.norm_momentum)
            for position, (before, after, _) in enumerate(skeleton.widths):
                if position and position % skeleton.cells_per_stack == 0:
                    body.append(nn.MaxPool2d(2))
                body.append(NASBench101Cell(graph, before, after, skeleton.norm_momentum))
            self.body = nn.Sequential(*body)
            self.classifier = nn.Linear(skeleton.widths[-1][1], skeleton.classes)
        if generator is not None:
            allocate(self, generator)
            _initialise(self, generator)

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Class scores (B, classes) of images (B, input_channels, H, W).

        Raises:
            InputError: the images have other channels, or H or W cannot be halved as often as the network does.
        """
        check_images(images, self.skeleton.input_channels, self.skeleton.total_stride)
        features: Tensor = self.body(functional.relu(self.stem(images)))
        scores: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return scores


class NASBench101Cell(nn.Module):
    """One cell; maps (B, P, H, W) to (B, Q, H, W).

    An operation reads the sum of its inputs, of which only the first c channels
    count where they have more than the operation's own c. What comes from the
    cell's input is first brought to c channels by a projection: 1x1 convolution,
    batch norm, ReLU. The output concatenates the operations that lead to it and
    adds, where there is an edge from the input, that edge's projection.

    Args:
        graph: a batch of one pruned cell.
        before: P, the channels that the cell reads.
        after: Q, the channels that the cell gives.
        norm_momentum: of batch norms, as in :class:`~arch2vec.spaces.nasbench101.cost.NASBench101Skeleton`.
    """

    def __init__(self, graph: GraphBatch, before: int, after: int, norm_momentum: float = 0.003) -> None:
        super().__init__()
        adjacency, codes = graph.adjacency[0], graph.ops[0].tolist()
        self.output = int(graph.mask.sum()) - 1
        self.channels = vertex_channels(graph, after)[0].tolist()
        self.reads = [adjacency[:, vertex].nonzero()[0].tolist() for vertex in range(self.output + 1)]
        widths = {vertex: self.channels[vertex] for vertex in range(1, self.output)} | {self.output: after}
        self.projections = nn.ModuleDict(
            {
                str(vertex): ConvNorm(before, width, 1, norm_momentum=norm_momentum)
                for vertex, width in widths.items()
                if adjacency[0, vertex]
            }
        )
        self.convolutions = nn.ModuleDict(
            {
                str(vertex): ConvNorm(width, width, KERNELS[codes[vertex]], norm_momentum=norm_momentum)
                for vertex, width in widths.items()
                if codes[vertex] in KERNELS
            }
        )

    @override
    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for vertex in range(1, self.output):
            terms = [values[source][:, : self.channels[vertex]] for source in self.reads[vertex] if source > 0]
            value = self._sum(x, vertex, terms)
            if str(vertex) in self.convolutions:
                values.append(functional.relu(self.convolutions[str(vertex)](value)))
            else:
                values.append(functional.max_pool2d(value, 3, stride=1, padding=1))
        concatenated = [values[source] for source in self.reads[self.output] if source > 0]
        return self._sum(x, self.output, [torch.cat(concatenated, dim=1)] if concatenated else [])

    def _sum(self, x: Tensor, vertex: int, terms: list[Tensor]) -> Tensor:
        """The sum of a vertex's inputs, the projection of the cell's input ``x`` last."""
        if str(vertex) in self.projections:
            terms = [*terms, functional.relu(self.projections[str(vertex)](x))]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


@torch.no_grad()
def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Convolutions normal of variance 1 / fan in, the classifier as Glorot and Bengio (2010)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.normal_(std=1 / math.sqrt(module.weight[0].numel()), generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            module.bias.zero_()
