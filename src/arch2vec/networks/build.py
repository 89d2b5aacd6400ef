"""The network of an architecture of any space, from a few numbers that mean the same in all spaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from arch2vec.errors import InputError, unknown
from arch2vec.networks.weights import count_parameters
from arch2vec.spaces import DeclaredSpace, SearchSpace
from arch2vec.spaces.darts import cost as darts_cost
from arch2vec.spaces.nasbench101 import cost as nasbench101_cost
from arch2vec.spaces.nasbench201 import cost as nasbench201_cost


@dataclass(frozen=True)
class ImageShape:
    """What images of a data set look like.

    Attributes:
        channels: 3 for colours, 1 for grey.
        side: height and width in pixels.
        classes: how many there are.
    """

    channels: int
    side: int
    classes: int


SHAPES: Mapping[str, ImageShape] = {
    "cifar10": ImageShape(3, 32, 10),
    "cifar100": ImageShape(3, 32, 100),
    "imagenet16-120": ImageShape(3, 16, 120),
    "imagenet": ImageShape(3, 224, 1000),
    "digits": ImageShape(1, 8, 10),
}
"""The data sets that networks can be made for by name."""


@dataclass(frozen=True)
class NetworkPlan:
    """What network to put around an architecture. Whatever is None is as published for the space.

    Attributes:
        data: one of :data:`SHAPES`, which says channels, size and classes of the images;
            ``imagenet`` gives DARTS networks their ImageNet stem, width and depth.
        channels: width: of NAS-Bench-101's stem (128), NAS-Bench-201's and declared
            spaces' first stage (16), DARTS' first cell (36, ImageNet 48).
        cells: depth: cells in each of NAS-Bench-101's stacks (3), in each stage of
            NAS-Bench-201 and declared spaces (5), of DARTS in all (20, ImageNet 14).
        classes: of the classifier.
        input_size: height and width of the images in pixels.
        input_channels: of the images.
        auxiliary: whether a DARTS network has its auxiliary head.
        layers: of a declared space, what layers operations are, see
            :mod:`arch2vec.networks.declared`.

    Raises:
        InputError: the data set is unknown, or a number is not positive.
    """

    data: str = "cifar10"
    channels: int | None = None
    cells: int | None = None
    classes: int | None = None
    input_size: int | None = None
    input_channels: int | None = None
    auxiliary: bool = False
    layers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.data not in SHAPES:
            raise unknown("image data set", self.data, SHAPES)
        for name in ("channels", "cells", "classes", "input_size", "input_channels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"a network needs {name} of at least 1, got {value}")

    @property
    def images(self) -> ImageShape:
        """Of the images that the network reads."""
        shape = SHAPES[self.data]
        return ImageShape(
            self.input_channels or shape.channels, self.input_size or shape.side, self.classes or shape.classes
        )


def build_network(
    space: SearchSpace, architecture: str, plan: NetworkPlan | None = None, seed: int | None = 0
) -> nn.Module:
    """The network of an architecture.

    Args:
        space: that the architecture is of.
        architecture: in its notation.
        plan: what to put around it; the published network for CIFAR-10 where None.
        seed: of the weights, in 0 .. 2^63 - 1; None for a network without weights on the
            ``meta`` device, enough to count what it costs.

    Returns:
        A network on the CPU, in training mode, which maps images (B, channels, H, W) to
        class scores (B, classes), in training mode with an auxiliary head to a pair of them.

    Raises:
        InputError: the architecture is malformed, the plan does not suit it, or no networks are
            known for the space.
    """
    plan = NetworkPlan() if plan is None else plan
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    build = _BUILDERS.get(space.name)
    if isinstance(space, DeclaredSpace):
        build = _declared
    if build is None:
        raise InputError(f"no networks are known for the search space {space.reference!r}, only its pictures")
    if plan.auxiliary and build is not _darts:
        raise InputError(f"only DARTS networks have an auxiliary head, not those of {space.name}")
    if plan.layers and build is not _declared:
        raise InputError(f"what the operations of {space.name} are is known; layers are for declared spaces")
    return build(space, architecture, plan, generator)


def count_macs(network: nn.Module, images: ImageShape) -> int:
    """Multiply-adds of convolutions and linear layers for one image, of a network on the ``meta`` device.

    Counted are the layers that are computed in evaluation; the network is left in that mode.

    Raises:
        InputError: the network cannot read such images.
    """
    total = 0

    def count(layer: nn.Module, _inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        total += output.numel() * layer.weight[0].numel()

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        with torch.no_grad():
            network.eval()(torch.empty(1, images.channels, images.side, images.side, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
    return total


_Builder = Callable[[SearchSpace, str, NetworkPlan, torch.Generator | None], nn.Module]


def _nasbench101(
    _space: SearchSpace, architecture: str, plan: NetworkPlan, generator: torch.Generator | None
) -> nn.Module:
    from arch2vec.networks.nasbench101 import NASBench101Network

    images = plan.images
    skeleton = nasbench101_cost.NASBench101Skeleton(
        plan.channels or 128,
        cells_per_stack=plan.cells or 3,
        input_channels=images.channels,
        classes=images.classes,
        # Trainings on the digits have too few steps for the benchmark's.
        norm_momentum=0.1 if plan.data == "digits" else 0.003,
    )
    return NASBench101Network(architecture, skeleton, generator)


def _nasbench201(
    _space: SearchSpace, architecture: str, plan: NetworkPlan, generator: torch.Generator | None
) -> nn.Module:
    from arch2vec.networks.nasbench201 import NASBench201Network

    return NASBench201Network(architecture, _stages(plan), generator)


def _declared(space: SearchSpace, architecture: str, plan: NetworkPlan, generator: torch.Generator | None) -> nn.Module:
    from arch2vec.networks.declared import DeclaredNetwork

    assert isinstance(space, DeclaredSpace)
    return DeclaredNetwork(space, architecture, _stages(plan), generator, plan.layers)


def _stages(plan: NetworkPlan) -> nasbench201_cost.NASBench201Skeleton:
    images = plan.images
    return nasbench201_cost.NASBench201Skeleton(plan.channels or 16, plan.cells or 5, images.channels, images.classes)


def _darts(space: SearchSpace, architecture: str, plan: NetworkPlan, generator: torch.Generator | None) -> nn.Module:
    from arch2vec.networks.darts import DARTSNetwork

    published = darts_cost.IMAGENET if plan.data == "imagenet" else darts_cost.CIFAR10
    images = plan.images
    skeleton = darts_cost.DARTSSkeleton(
        published.stem,
        plan.cells or published.cells,
        plan.channels or published.channels,
        images.side,
        images.classes,
        plan.auxiliary,
        images.channels,
    )
    # The network reads both notations, the space its own only.
    return DARTSNetwork(space.format(space.parse([architecture]))[0], skeleton, generator)


_BUILDERS: Mapping[str, _Builder] = {
    "nasbench101": _nasbench101,
    "nasbench201": _nasbench201,
    "darts": _darts,
    "darts_pair": _darts,
}

__all__ = ["SHAPES", "ImageShape", "NetworkPlan", "build_network", "count_macs", "count_parameters"]
