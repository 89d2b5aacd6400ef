"""Parameters and multiply-adds of networks built from DARTS cells, in closed form.

The networks are those of Liu et al. (ICLR 2019, section 3.2 and appendix A):
cells in a row between a stem and a linear classifier; the cells at a third and
two thirds of the depth are reduction cells, which halve the resolution and
double the channels. With C channels and s x s pixels at the output, biases in
linear layers only, and B for the C s^2 numbers that pass one batch norm:

=============================  ===================  ==================  ==========
layer                          parameters           multiply-adds       normalised
=============================  ===================  ==================  ==========
1x1 convolution from P         P C + 2 C            s^2 P C             B
factorised reduction from P    P C + 2 C            s^2 P C             B
sep_conv_kxk                   2 (k^2 C + C^2 + 2C) 2 s^2 (k^2 C + C^2) 2 B
dil_conv_kxk                   k^2 C + C^2 + 2 C    s^2 (k^2 C + C^2)   B
skip_connect, stride 2         C^2 + 2 C            s^2 C^2             B
skip_connect, stride 1; pools  0                    0                   0
=============================  ===================  ==================  ==========

A network's cost is therefore a constant plus a weight for every operation of its
two cells.

Multiply-adds (MACs) are those of convolutions and linear layers for one image:
batch norm, pooling, activations and sums are left out. Published parameters of
this space agree with these formulas; for published multiply-adds one has to know
what was counted. arch2vec's (533 M and 580 M on ImageNet, and the limit of 600 M
under which its cells were sampled) count two more for every normalised number;
P-DARTS' and PC-DARTS' also one for every number that passes a ReLU or is pooled;
GDAS' network has 50 channels. The 574 M of DARTS' second-order cell, which are
530 M here, are not explained by any of these.

The auxiliary head, a second classifier used in training only, is left out of
published figures; it is counted here if the skeleton has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.spaces import network_cost
from arch2vec.spaces.darts.cells import VOCABULARY, DARTSCells, is_cell

_CONVOLUTIONS = {"sep_conv_3x3": (2, 3), "sep_conv_5x5": (2, 5), "dil_conv_3x3": (1, 3), "dil_conv_5x5": (1, 5)}
"""Of each convolution, how many times depthwise and pointwise follow each other, and the kernel."""

_NORMAL, _REDUCE = 0, 1


@dataclass(frozen=True)
class DARTSSkeleton:
    """What surrounds the cells of a network.

    Attributes:
        stem: ``cifar`` is a 3x3 convolution to three times the channels; ``imagenet``
            three 3x3 convolutions of stride 2, the cells' two inputs being the second
            and the third one's output.
        cells: how many cells, at least 3.
        channels: C of the first cell, even.
        image: height and width of the input, in pixels.
        classes: of the classifier.
        auxiliary: whether there is an auxiliary head behind the second reduction cell.
        input_channels: of the images.

    Raises:
        InputError: the numbers do not fit together.
    """

    stem: Literal["cifar", "imagenet"]
    cells: int
    channels: int
    image: int
    classes: int
    auxiliary: bool = False
    input_channels: int = 3

    def __post_init__(self) -> None:
        if self.stem not in ("cifar", "imagenet"):
            raise InputError(f"a network's stem is 'cifar' or 'imagenet', got {self.stem!r}")
        if self.cells < 3 or self.classes < 1:
            raise InputError(f"a network needs 3 or more cells and a class, got {self.cells} and {self.classes}")
        if self.input_channels < 1:
            raise InputError(f"a network needs input_channels of at least 1, got {self.input_channels}")
        if self.channels < 2 or self.channels % 2:
            raise InputError(f"a network's channels must be even, got {self.channels}")
        if self.image < 1 or self.image % self.total_stride:
            raise InputError(
                f"a network with the {self.stem} stem needs images of a multiple of {self.total_stride} pixels, "
                f"got {self.image}"
            )
        if self.auxiliary and not self.suits_auxiliary(self.image):
            usual = 32 if self.stem == "cifar" else 224
            raise InputError(f"an auxiliary head needs images of about {usual} pixels here, got {self.image}")

    @property
    def total_stride(self) -> int:
        """Pixels of the image for one of the last cell's output."""
        return 4 if self.stem == "cifar" else 32

    @property
    def auxiliary_stride(self) -> int:
        """The stride of the pooling at the auxiliary head's start."""
        return 3 if self.stem == "cifar" else 2

    def suits_auxiliary(self, side: int) -> bool:
        """Whether an auxiliary head can read images of ``side`` pixels.

        It pools 5x5 windows to 2x2 pixels, which its last convolution turns into one.
        """
        return (side // self.total_stride - 5) // self.auxiliary_stride == 1

    @property
    def reductions(self) -> tuple[int, int]:
        """The positions of the two reduction cells."""
        return self.cells // 3, 2 * self.cells // 3

    @cached_property
    def costs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Constants and weights of the cost; parameters, MACs and normalised numbers in this order.

        Returns:
            Constants (3,), and weights (3, 2, 2, K): [what, reduction cell, reads an
            input of the cell, operation].
        """
        constants = _stem_cost(self)
        weights = np.zeros((3, 2, 2, len(VOCABULARY)), dtype=np.int64)
        before = last = 3 * self.channels if self.stem == "cifar" else self.channels
        channels, side = self.channels, self.image // (1 if self.stem == "cifar" else 8)
        for position in range(self.cells):
            kind = _REDUCE if position in self.reductions else _NORMAL
            channels *= 1 + kind
            # Both inputs are brought to this cell's channels, at the resolution of the later one.
            constants += _convolution(before, channels, side) + _convolution(last, channels, side)
            side //= 1 + kind
            weights[:, kind] += _operation_costs(channels, side, reduction=kind == _REDUCE)
            before, last = last, 4 * channels
            if position == self.reductions[1] and self.auxiliary:
                constants += _auxiliary_cost(self, last)
        return constants + _linear(last, self.classes), weights


CIFAR10 = DARTSSkeleton("cifar", cells=20, channels=36, image=32, classes=10)
"""The network of the published CIFAR-10 results."""

IMAGENET = DARTSSkeleton("imagenet", cells=14, channels=48, image=224, classes=1000)
"""The network of the published ImageNet results, in the mobile setting."""


@dataclass(frozen=True, eq=False)
class DARTSCost(network_cost.NetworkCost):
    """What N networks cost, in the unit of :class:`arch2vec.spaces.network_cost.NetworkCost`, and one number more.

    Attributes:
        normalised: (N,) int64, numbers that pass a batch norm for one image, each as
            often as it does.
    """

    normalised: NDArray[np.int64]

    @property
    def macs_with_norms(self) -> NDArray[np.int64]:
        """(N,) multiply-adds as arch2vec's authors count them: two more for each normalised number."""
        return self.macs + 2 * self.normalised


def count_cost(normal: GraphBatch, reduce: GraphBatch | None = None, *, skeleton: DARTSSkeleton = CIFAR10) -> DARTSCost:
    """The cost of N networks.

    Args:
        normal: the N normal cells to count.
        reduce: N reduction cells; the normal ones where None.
        skeleton: the network around them.

    Raises:
        InputError: a graph is no DARTS cell, or the numbers of cells differ.
    """
    pair = (normal, normal if reduce is None else reduce)
    if len(pair[0]) != len(pair[1]):
        raise InputError(f"{len(pair[0])} normal cells need as many reduction cells, got {len(pair[1])}")
    for graphs in pair:
        valid = is_cell(graphs)
        if not valid.all():
            raise InputError(f"graph {int(np.flatnonzero(~valid)[0])} of {len(graphs)} is no DARTS cell")
    return cost_of_cells(DARTSCells.of(pair[0]), DARTSCells.of(pair[1]), skeleton)


def cost_of_cells(normal: DARTSCells, reduce: DARTSCells, skeleton: DARTSSkeleton) -> DARTSCost:
    """:func:`count_cost` of cells known to be valid."""
    constants, weights = skeleton.costs
    strided = (reduce.sources < 2).astype(np.intp)
    return DARTSCost(
        *(
            constant
            + weight[_NORMAL, 0][normal.operations].sum(axis=1)
            + weight[_REDUCE][strided, reduce.operations].sum(axis=1)
            for constant, weight in zip(constants, weights, strict=True)
        )
    )


def _convolution(before: int, after: int, side: int, kernel: int = 1) -> NDArray[np.int64]:
    """(3,) the cost of a convolution with batch norm."""
    products = kernel**2 * before * after
    return np.array([products + 2 * after, side**2 * products, side**2 * after])


def _linear(before: int, after: int) -> NDArray[np.int64]:
    return np.array([before * after + after, before * after, 0])


def _operation_costs(channels: int, side: int, *, reduction: bool) -> NDArray[np.int64]:
    """(3, 2, K) the costs of each operation reading a node, and of each reading an input of the cell."""
    costs = np.zeros((3, 2, len(VOCABULARY)), dtype=np.int64)
    for operation, (times, kernel) in _CONVOLUTIONS.items():
        depthwise = kernel**2 * channels * np.array([1, side**2, 0])
        costs[:, :, VOCABULARY.index(operation)] = times * (depthwise + _convolution(channels, channels, side))[:, None]
    if reduction:  # a skip from an input halves the resolution, for which it needs a factorised reduction
        costs[:, 1, VOCABULARY.index("skip_connect")] = _convolution(channels, channels, side)
    return costs


def _stem_cost(skeleton: DARTSSkeleton) -> NDArray[np.int64]:
    c, image, colours = skeleton.channels, skeleton.image, skeleton.input_channels
    if skeleton.stem == "cifar":
        return _convolution(colours, 3 * c, image, kernel=3)
    return (
        _convolution(colours, c // 2, image // 2, kernel=3)
        + _convolution(c // 2, c, image // 4, kernel=3)
        + _convolution(c, c, image // 8, kernel=3)
    )


def _auxiliary_cost(skeleton: DARTSSkeleton, channels: int) -> NDArray[np.int64]:
    """The head: pooling to 2x2 pixels, convolutions to 128 and to 768 channels, a linear layer."""
    wide = _convolution(128, 768, side=1, kernel=2)
    if skeleton.stem == "imagenet":  # published networks lack this batch norm, see networks/darts.py
        wide -= np.array([2 * 768, 0, 768])
    return _convolution(channels, 128, side=2) + wide + _linear(768, skeleton.classes)
