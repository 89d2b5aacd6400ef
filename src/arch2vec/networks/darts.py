"""DARTS cells as PyTorch networks (Liu et al., ICLR 2019, section 3.2 and appendix A).

Between a stem and a linear classifier, cells are stacked in a row. Each reads the
outputs of the two cells before it. The cells at a third and two thirds of the
depth are reduction cells: what they read from other cells has its resolution
halved, and channels double. What surrounds the cells is a
:class:`~arch2vec.spaces.darts.cost.DARTSSkeleton`; what a network costs can be had
without building it from :mod:`arch2vec.spaces.darts.cost`.

Drop path zeroes, in training, the output of an operation for some images and scales
it up for the others, the identity excepted. What is dropped depends on a seed and on
how many batches the network has been trained on, which its batch norms count: a
training that is resumed from the weights alone goes on as if it had not been interrupted.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.networks.darts_operations import operation
from arch2vec.networks.layers import AuxiliaryHead, FactorisedReduction, conv_norm, relu_conv_norm
from arch2vec.networks.weights import allocate, check_images
from arch2vec.spaces.darts.cells import NODES, SLOTS, VOCABULARY, DARTSCells
from arch2vec.spaces.darts.cost import DARTSSkeleton
from arch2vec.spaces.darts.pair import DARTSPair
from arch2vec.spaces.darts.reading import cells_of
from arch2vec.spaces.darts.space import DARTS
from arch2vec.spaces.reading import unwrapped


class DARTSNetwork(nn.Module):
    """The network of one architecture.

    Args:
        architecture: a pair of cells or a published genotype in the notation of the
            space ``darts_pair``, or one cell for both in that of ``darts``.
        skeleton: stem, depth, width, classes, and whether there is an auxiliary head.
        generator: the only source of the weights, which are drawn as PyTorch draws
            them by default, and of the seed of drop path. With None the network is on the
            ``meta`` device and has no weights, enough to count what it costs.

    Raises:
        InputError: the architecture is malformed.
    """

    drop_path_seed: int = 0
    """Of what drop path drops, in 0 .. 2^62 - 1."""

    def __init__(self, architecture: str, skeleton: DARTSSkeleton, generator: torch.Generator | None) -> None:
        super().__init__()
        self.skeleton = skeleton
        self._drop_path_probability = 0.0
        self.normal, self.reduce = read_cells(architecture)
        with torch.device("meta"):
            self._build(skeleton)
        self._counted: int | None = None
        if generator is not None:
            allocate(self, generator)
            _initialise(self, generator)
            self.drop_path_seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))

    def _build(self, skeleton: DARTSSkeleton) -> None:
        """All modules, without storage."""
        channels = skeleton.channels
        if skeleton.stem == "cifar":
            before = last = 3 * channels
            self.stem: nn.Module = conv_norm(skeleton.input_channels, last, 3)
            self.second_stem: nn.Module = nn.Identity()
        else:
            before = last = channels
            first = conv_norm(skeleton.input_channels, channels // 2, 3, stride=2)
            self.stem = nn.Sequential(first, nn.ReLU(), conv_norm(channels // 2, channels, 3, stride=2))
            self.second_stem = nn.Sequential(nn.ReLU(), conv_norm(channels, channels, 3, stride=2))
        # Whether the output before last has twice the resolution of the last one.
        halved = skeleton.stem == "imagenet"
        cells: list[DARTSCell] = []
        for position in range(skeleton.cells):
            reduction = position in skeleton.reductions
            if reduction:
                channels *= 2
            cells.append(
                DARTSCell(self.reduce if reduction else self.normal, before, last, channels, reduction, halved)
            )
            before, last, halved = last, NODES * channels, reduction
            if position == skeleton.reductions[1] and skeleton.auxiliary:
                normed = skeleton.stem == "cifar"
                self.auxiliary = AuxiliaryHead(last, skeleton.classes, skeleton.auxiliary_stride, normed)
        self.cells = nn.ModuleList(cells)
        self.classifier = nn.Linear(last, skeleton.classes)

    @property
    def drop_path_probability(self) -> float:
        """That an operation is dropped for an image in training, in [0, 1); 0 to begin with.

        DARTS raises it epoch by epoch, in proportion to the epoch, to 0.2 at the end
        (section 3.2). Setting it raises :class:`InputError` if it is out of its range.
        """
        return self._drop_path_probability

    @drop_path_probability.setter
    def drop_path_probability(self, probability: float) -> None:
        if not 0 <= probability < 1:
            raise InputError(f"the probability of dropping a path must be in [0, 1), got {probability}")
        self._drop_path_probability = probability
        self._counted = None  # no batch is counted while the probability is 0

    @override
    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Class scores (B, classes) of images (B, input_channels, H, W).

        In training mode a network with an auxiliary head gives a pair: these scores, and
        those of the auxiliary head (B, classes), whose loss DARTS weights by 0.4.

        Raises:
            InputError: the images have other channels, H or W cannot be halved as often
                as the network does, or the auxiliary head is in use and needs another size.
        """
        skeleton = self.skeleton
        check_images(images, skeleton.input_channels, skeleton.total_stride)
        with_auxiliary = self.training and skeleton.auxiliary
        if with_auxiliary and not all(map(skeleton.suits_auxiliary, images.shape[-2:])):
            raise InputError(
                f"the auxiliary head needs images of about {skeleton.image} pixels, got {tuple(images.shape[-2:])}"
            )
        before: Tensor = self.stem(images)
        last: Tensor = self.second_stem(before)
        factors = self._drop_path_factors(last)
        second: Tensor | None = None
        for position, cell in enumerate(self.cells):
            before, last = last, cell(before, last, None if factors is None else factors[position])
            if with_auxiliary and position == skeleton.reductions[1]:
                second = self.auxiliary(last)
        scores: Tensor = self.classifier(last.mean(dim=(2, 3)))
        return scores if second is None else (scores, second)

    def _drop_path_factors(self, like: Tensor) -> Tensor | None:
        """(cells, 8, B, 1, 1, 1) what the output of each operation is multiplied by for each image; None for one."""
        if not self.training or self._drop_path_probability == 0:
            return None
        batch = self._batch()
        # The same draws on every device.
        generator = torch.Generator().manual_seed(self.drop_path_seed + batch)
        drawn = torch.rand((len(self.cells), SLOTS, len(like), 1, 1, 1), generator=generator, device="cpu")
        kept = 1 - self._drop_path_probability
        factors = (drawn < kept) / kept
        if like.is_cuda:  # sent while the GPU still works on what came before
            return factors.pin_memory().to(like, non_blocking=True)
        return factors.to(like)

    def _batch(self) -> int:
        """How many batches batch norms have counted, which a resumed training goes on from.

        A GPU's count is read once and then kept here: reading waits for all that the GPU still has to do.
        """
        counted = next(module.num_batches_tracked for module in self.modules() if isinstance(module, nn.BatchNorm2d))
        assert counted is not None, "batch norms count the batches by default"
        if not counted.is_cuda:
            return int(counted)
        self._counted = int(counted) if self._counted is None else self._counted + 1
        return self._counted

    @override
    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:
        self._counted = None
        super()._load_from_state_dict(*arguments, **options)


class DARTSCell(nn.Module):
    """One cell: maps (B, P, S, S) or, if ``halved``, (B, P, 2S, 2S), and (B, Q, S, S) to (B, 4C, S', S').

    S' is S, or S / 2 in a reduction cell. Both inputs are first brought to C
    channels and the resolution S.

    Args:
        slots: the eight operations and their sources, two a node.
        before: P, the channels of the cell before the last.
        last: Q, the channels of the last cell.
        channels: C, the channels that the cell works with.
        reduction: whether it is a reduction cell.
        halved: whether the cell before halved the resolution.
    """

    def __init__(
        self, slots: list[tuple[str, int]], before: int, last: int, channels: int, reduction: bool, halved: bool
    ) -> None:
        super().__init__()
        self.from_before = FactorisedReduction(before, channels) if halved else relu_conv_norm(before, channels)
        self.from_last = relu_conv_norm(last, channels)
        self.sources = [source for _, source in slots]
        self.operations = nn.ModuleList(
            operation(name, channels, stride=2 if reduction and source < 2 else 1) for name, source in slots
        )

    @override
    def forward(self, before: Tensor, last: Tensor, factors: Tensor | None = None) -> Tensor:
        """See the class; ``factors`` (8, B, 1, 1, 1) multiply the outputs of all operations but the identity."""
        values = [self.from_before(before), self.from_last(last)]
        terms: list[Tensor] = []
        for slot, (layer, source) in enumerate(zip(self.operations, self.sources, strict=True)):
            term = layer(values[source])
            if factors is not None and not isinstance(layer, nn.Identity):
                term = term * factors[slot]
            terms.append(term)
            if slot % 2:
                values.append(terms[slot - 1] + term)
        return torch.cat(values[2:], dim=1)


def read_cells(architecture: str) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """The normal and the reduction cell as lists of (operation, source).

    Raises:
        InputError: the architecture is malformed.
    """
    found = None if "~" in architecture else cells_of(unwrapped(architecture))
    if "+" in architecture or (found is not None and len(found[0]) == 2):
        pair = DARTSPair()
        normal, reduce = pair.split(pair.parse([architecture]))
    else:
        normal = reduce = DARTS().parse([architecture])
    return _slots(DARTSCells.of(normal)), _slots(DARTSCells.of(reduce))


def _slots(cells: DARTSCells) -> list[tuple[str, int]]:
    pairs = zip(cells.operations[0].tolist(), cells.sources[0].tolist(), strict=True)
    return [(VOCABULARY[code], source) for code, source in pairs]


@torch.no_grad()
def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """PyTorch's default: uniform of bound 1 / sqrt(fan in)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(module.weight[0].numel())
            module.weight.uniform_(-bound, bound, generator=generator)
            if module.bias is not None:
                module.bias.uniform_(-bound, bound, generator=generator)
