"""DARTS cells as PyTorch networks (Liu et al., ICLR 2019, section 3.2 and appendix A).

Between a stem and a linear classifier, cells are stacked in a row. Each reads the
outputs of the two cells before it. The cells at a third and two thirds of the
depth are reduction cells: what they read from other cells has its resolution
halved, and channels double. What surrounds the cells is a
:class:`~arch2vec.spaces.darts_cost.Skeleton`; what a network costs can be had
without building it from :mod:`arch2vec.spaces.darts_cost`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.spaces.darts import DARTS
from arch2vec.spaces.darts_cells import NODES, VOCABULARY, Cells
from arch2vec.spaces.darts_cost import Skeleton
from arch2vec.spaces.darts_notation import is_genotype
from arch2vec.spaces.darts_pair import DARTSPair


class DARTSNetwork(nn.Module):
    """The network of one architecture.

    Args:
        architecture: a pair of cells or a published genotype in the notation of the
            space ``darts_pair``, or one cell for both in that of ``darts``.
        skeleton: stem, depth, width, classes, and whether there is an auxiliary head.
        generator: the only source of the weights, which are drawn as PyTorch draws
            them by default. With None the network is on the ``meta`` device and has no
            weights, enough to count what it costs.

    Raises:
        InputError: the architecture is malformed.
    """

    def __init__(self, architecture: str, skeleton: Skeleton, generator: torch.Generator | None) -> None:
        super().__init__()
        self.skeleton = skeleton
        normal, reduce = _read(architecture)
        channels = skeleton.channels
        if skeleton.stem == "cifar":
            before = last = 3 * channels
            self.stem: nn.Module = _conv_norm(3, last, 3)
            self.second_stem: nn.Module = nn.Identity()
        else:
            before = last = channels
            first = _conv_norm(3, channels // 2, 3, stride=2)
            self.stem = nn.Sequential(first, nn.ReLU(), _conv_norm(channels // 2, channels, 3, stride=2))
            self.second_stem = nn.Sequential(nn.ReLU(), _conv_norm(channels, channels, 3, stride=2))
        # Whether the output before last has twice the resolution of the last one.
        halved = skeleton.stem == "imagenet"
        cells: list[Cell] = []
        for position in range(skeleton.cells):
            reduction = position in skeleton.reductions
            if reduction:
                channels *= 2
            cells.append(Cell(reduce if reduction else normal, before, last, channels, reduction, halved))
            before, last, halved = last, NODES * channels, reduction
            if position == skeleton.reductions[1] and skeleton.auxiliary:
                self.auxiliary = AuxiliaryHead(last, skeleton)
        self.cells = nn.ModuleList(cells)
        self.classifier = nn.Linear(last, skeleton.classes, device="meta")
        if generator is not None:
            # Layers are made without storage: their own initialisation would draw from the global generator.
            self.to_empty(device=generator.device)
            _initialise(self, generator)

    def set_drop_path(self, probability: float, generator: torch.Generator) -> None:
        """In training, zero the output of each operation but the identity for some images, scaling up the rest.

        DARTS raises the probability linearly to 0.2 over the epochs (section 3.2).

        Args:
            probability: that an operation is dropped for an image, in [0, 1).
            generator: source of the choices, on the network's device.

        Raises:
            InputError: the probability is out of its range.
        """
        if not 0 <= probability < 1:
            raise InputError(f"the probability of dropping a path must be in [0, 1), got {probability}")
        for module in self.modules():
            if isinstance(module, Droppable):
                module.probability, module.generator = probability, generator

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Class scores (B, classes) of images (B, 3, H, W).

        Raises:
            InputError: H or W cannot be halved as often as the network does.
        """
        return self._scores(images, auxiliary=False)[0]

    def forward_with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Class scores (B, classes), and those of the auxiliary head, whose loss DARTS weights by 0.4.

        Raises:
            InputError: the skeleton has no auxiliary head, or see :meth:`forward`.
        """
        if not self.skeleton.auxiliary:
            raise InputError("this network has no auxiliary head; build it with a skeleton that has auxiliary=True")
        scores, auxiliary = self._scores(images, auxiliary=True)
        assert auxiliary is not None
        return scores, auxiliary

    def _scores(self, images: Tensor, *, auxiliary: bool) -> tuple[Tensor, Tensor | None]:
        stride = self.skeleton.total_stride
        if images.shape[-2] % stride or images.shape[-1] % stride:
            raise InputError(f"image sides must be multiples of {stride}, got {tuple(images.shape[-2:])}")
        second: Tensor | None = None
        before: Tensor = self.stem(images)
        last: Tensor = self.second_stem(before)
        for position, cell in enumerate(self.cells):
            before, last = last, cell(before, last)
            if auxiliary and position == self.skeleton.reductions[1]:
                second = self.auxiliary(last)
        scores: Tensor = self.classifier(last.mean(dim=(2, 3)))
        return scores, second


class Cell(nn.Module):
    """One cell: maps (B, P, S, S) or, if ``halved``, (B, P, 2S, 2S), and (B, Q, S, S) to (B, 4C, S', S').

    S' is S, or S / 2 in a reduction cell. Both inputs are first brought to C
    channels and the resolution S.

    Args:
        slots: the eight operations and their sources, two a node.
        before: P.
        last: Q.
        channels: C.
        reduction: whether it is a reduction cell.
        halved: whether the cell before halved the resolution.
    """

    def __init__(
        self, slots: list[tuple[str, int]], before: int, last: int, channels: int, reduction: bool, halved: bool
    ) -> None:
        super().__init__()
        self.from_before = FactorisedReduction(before, channels) if halved else _relu_conv_norm(before, channels)
        self.from_last = _relu_conv_norm(last, channels)
        self.sources = [source for _, source in slots]
        self.operations = nn.ModuleList(
            _operation(name, channels, stride=2 if reduction and source < 2 else 1) for name, source in slots
        )

    @override
    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        values = [self.from_before(before), self.from_last(last)]
        terms = zip(self.operations, self.sources, strict=True)
        for _ in range(NODES):
            (first, source), (second, other) = next(terms), next(terms)
            values.append(first(values[source]) + second(values[other]))
        return torch.cat(values[2:], dim=1)


class Droppable(nn.Module):
    """An operation that drop path can drop for single images."""

    def __init__(self, operation: nn.Module) -> None:
        super().__init__()
        self.operation = operation
        self.probability = 0.0
        self.generator: torch.Generator | None = None

    @override
    def forward(self, x: Tensor) -> Tensor:
        value: Tensor = self.operation(x)
        if not self.training or self.probability == 0:
            return value
        drawn = torch.rand((len(value), 1, 1, 1), generator=self.generator, device=value.device, dtype=value.dtype)
        return value * (drawn >= self.probability) / (1 - self.probability)


class FactorisedReduction(nn.Module):
    """Half the resolution, from two 1x1 convolutions of stride 2 that read different pixels.

    Maps (B, P, 2S, 2S) to (B, C, S, S).
    """

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = _convolution(before, channels // 2, 1, stride=2)
        self.odd = _convolution(before, channels - channels // 2, 1, stride=2)
        self.norm = nn.BatchNorm2d(channels, device="meta")

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        normed: Tensor = self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))
        return normed


class AuxiliaryHead(nn.Module):
    """A second classifier, on (B, C, S, S) features, that pools to 2x2 pixels.

    For ImageNet the published networks leave out the batch norm after the 2x2
    convolution ("omitted due to a typo", their code says), and so does this.
    """

    def __init__(self, channels: int, skeleton: Skeleton) -> None:
        super().__init__()
        wide = _convolution(128, 768, 2, padding=0)
        norm = nn.BatchNorm2d(768, device="meta") if skeleton.stem == "cifar" else nn.Identity()
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=skeleton.auxiliary_stride),
            _conv_norm(channels, 128, 1),
            nn.ReLU(),
            wide,
            norm,
            nn.ReLU(),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(768, skeleton.classes, device="meta")

    @override
    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.features(x))
        return scores


def _operation(name: str, channels: int, stride: int) -> nn.Module:
    """An operation of a cell, from (B, C, S, S) to the same shape or, of stride 2, to half the resolution."""
    match name:
        case "skip_connect" if stride == 1:
            return nn.Identity()
        case "skip_connect":
            operation: nn.Module = FactorisedReduction(channels, channels)
        case "max_pool_3x3":
            operation = nn.MaxPool2d(3, stride=stride, padding=1)
        case "avg_pool_3x3":
            operation = nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False)
        case "sep_conv_3x3" | "sep_conv_5x5":
            kernel = int(name[-1])
            operation = nn.Sequential(
                _separable(channels, kernel, stride=stride), _separable(channels, kernel, stride=1)
            )
        case "dil_conv_3x3" | "dil_conv_5x5":
            operation = _separable(channels, int(name[-1]), stride=stride, dilation=2)
        case _:
            raise InputError(f"a DARTS network has no operation {name!r}")
    return Droppable(operation)


def _separable(channels: int, kernel: int, stride: int, dilation: int = 1) -> nn.Module:
    """ReLU, a depthwise and a pointwise convolution, batch norm."""
    return nn.Sequential(
        nn.ReLU(),
        _convolution(channels, channels, kernel, stride=stride, dilation=dilation, groups=channels),
        _conv_norm(channels, channels, 1),
    )


def _relu_conv_norm(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.ReLU(), _conv_norm(before, after, 1))


def _conv_norm(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(_convolution(before, after, kernel, stride=stride), nn.BatchNorm2d(after, device="meta"))


def _convolution(
    before: int,
    after: int,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    padding: int | None = None,
) -> nn.Conv2d:
    """A convolution without bias, padded by default so that stride 1 keeps the resolution."""
    if padding is None:
        padding = dilation * (kernel // 2)
    return nn.Conv2d(
        before, after, kernel, stride, padding, dilation=dilation, groups=groups, bias=False, device="meta"
    )


def _read(architecture: str) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """The normal and the reduction cell as lists of (operation, source)."""
    if "+" in architecture or is_genotype(architecture):
        pair = DARTSPair()
        normal, reduce = pair.split(pair.parse([architecture]))
    else:
        normal = reduce = DARTS().parse([architecture])
    return _slots(Cells.of(normal)), _slots(Cells.of(reduce))


def _slots(cells: Cells) -> list[tuple[str, int]]:
    pairs = zip(cells.operations[0].tolist(), cells.sources[0].tolist(), strict=True)
    return [(VOCABULARY[code], source) for code, source in pairs]


@torch.no_grad()
def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """PyTorch's default: uniform of bound 1 / sqrt(fan in); batch norms are the identity."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(module.weight[0].numel())
            module.weight.uniform_(-bound, bound, generator=generator)
            if module.bias is not None:
                module.bias.uniform_(-bound, bound, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
