"""The network around the cells of NAS-Bench-201 (Dong and Yang, ICLR 2020, section 2.1) and of declared spaces.

A 3x3 convolution, three stages of cells with C, 2C and 4C channels, a residual
block that halves the resolution before the second and the third stage, batch norm,
ReLU, global average pooling and a linear classifier.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from arch2vec.networks.layers import ConvNorm, Reduction
from arch2vec.networks.weights import allocate, check_images
from arch2vec.spaces.nasbench201.cost import STAGES, NASBench201Skeleton


class StagedNetwork(nn.Module):
    """A network of three stages of cells.

    Args:
        make_cell: from C to a module that maps (B, C, H, W) to the same shape.
        skeleton: width, depth, input channels and classes.
        generator: the only source of the weights. With None the network is on the
            ``meta`` device and has no weights, enough to count what it costs.
    """

    def __init__(
        self, make_cell: Callable[[int], nn.Module], skeleton: NASBench201Skeleton, generator: torch.Generator | None
    ) -> None:
        super().__init__()
        self.skeleton = skeleton
        width = skeleton.channels
        body: list[nn.Module] = []
        with torch.device("meta"):
            for stage in range(STAGES):
                if stage > 0:
                    body.append(Reduction(width, 2 * width))
                    width *= 2
                body.extend(make_cell(width) for _ in range(skeleton.cells_per_stage))
            self.stem = ConvNorm(skeleton.input_channels, skeleton.channels, kernel=3)
            self.body = nn.Sequential(*body)
            self.norm = nn.BatchNorm2d(width)
            self.classifier = nn.Linear(width, skeleton.classes)
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


@torch.no_grad()
def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """He initialisation for convolutions (fan out), uniform of variance 1 / (3 fan in) for the classifier."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            module.weight.uniform_(-bound, bound, generator=generator)
            if module.bias is not None:
                module.bias.zero_()
