"""Parameters and multiply-adds of networks built from NAS-Bench-201 cells, in closed form.

The networks are those of Dong and Yang (ICLR 2020, section 2.1). In a stage with C
channels and s x s pixels an edge costs C^2 + 2C parameters and s^2 C^2 multiply-adds
if it is a 1x1 convolution, 9 C^2 + 2C and 9 s^2 C^2 if it is a 3x3 one, else nothing.
All convolutions count, those that no output depends on too.

Against the benchmark's own lists, for all 15,625 architectures and the default
skeleton: parameters are the same numbers; its "FLOPs", in millions, are these
multiply-adds plus one for each class (the classifier's bias), 32x32 pixels for
CIFAR and 16x16 for ImageNet16-120.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.nasbench201.space import OPERATIONS, NASBench201
from arch2vec.spaces.network_cost import NetworkCost

KERNELS = {OPERATIONS.index("nor_conv_1x1"): 1, OPERATIONS.index("nor_conv_3x3"): 3}
"""The kernels of those operations that are convolutions."""

STAGES = 3


@dataclass(frozen=True)
class NASBench201Skeleton:
    """What surrounds the cells; the defaults are the benchmark's for CIFAR-10.

    Attributes:
        channels: C, of the first stage; the second has 2C, the third 4C.
        cells_per_stage: cells in each of the three stages.
        input_channels: of the images.
        classes: that the classifier tells apart.

    Raises:
        InputError: one of them is below 1.
    """

    channels: int = 16
    cells_per_stage: int = 5
    input_channels: int = 3
    classes: int = 10

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 1:
                raise InputError(f"a network needs {field.name} of at least 1, got {value}")

    @property
    def total_stride(self) -> int:
        """Pixels of the image for one of the last cell's output."""
        return 2 ** (STAGES - 1)


def count_cost(graphs: GraphBatch, skeleton: NASBench201Skeleton | None = None, image: int = 32) -> NetworkCost:
    """The cost of N networks.

    Args:
        graphs: the N architectures to count.
        skeleton: the network around them, the benchmark's for CIFAR-10 where None.
        image: height and width of the images in pixels, a multiple of 4.

    Raises:
        InputError: a graph is no architecture of the space, or the image cannot be halved twice.
    """
    skeleton = NASBench201Skeleton() if skeleton is None else skeleton
    NASBench201().check(graphs)
    if image < 1 or image % skeleton.total_stride:
        raise InputError(f"the network needs images of a multiple of {skeleton.total_stride} pixels, got {image}")
    # (n, 2) how many edges are convolutions of each kernel.
    counts = np.stack([(graphs.ops == code).sum(axis=1) for code in KERNELS], axis=1).astype(np.int64)
    width, last = skeleton.channels, 4 * skeleton.channels
    total = _convolution(skeleton.input_channels, width, image, kernel=3)
    total = total + np.array([2 * last + (last + 1) * skeleton.classes, last * skeleton.classes])
    for stage in range(STAGES):
        if stage > 0:  # the residual block's two convolutions and its shortcut, which has no batch norm
            image //= 2
            total = total + _convolution(width, 2 * width, image, kernel=3)
            width *= 2
            total = total + _convolution(width, width, image, kernel=3)
            total = total + width // 2 * width * np.array([1, image**2])
        edges = np.stack([_convolution(width, width, image, kernel) for kernel in KERNELS.values()])  # (2, 2)
        total = total + skeleton.cells_per_stage * (counts @ edges)
    return NetworkCost(total[:, 0], total[:, 1])


def _convolution(before: int, after: int, side: int, kernel: int) -> NDArray[np.int64]:
    """(2,) parameters and multiply-adds of a convolution with batch norm."""
    products = kernel**2 * before * after
    return np.array([products + 2 * after, side**2 * products])
