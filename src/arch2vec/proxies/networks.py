"""The networks that proxies look at, and the batch that they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import nn

from arch2vec.errors import InputError
from arch2vec.networks.digits_data import digits_splits
from arch2vec.networks.training import Images
from arch2vec.proxies.settings import ProxySetting

_DIGITS = (400, 700, 0)
"""Training images, validation images and seed of the digits' partition; batches are of the first part."""


class Build(Protocol):
    """Makes the untrained network of an architecture; sent to worker processes, so it has to be picklable."""

    def __call__(self, architecture: str, setting: ProxySetting, generator: torch.Generator) -> nn.Module:
        """A network for the setting's images and classes, its weights drawn from the generator.

        Args:
            architecture: in the space's notation.
            setting: the batch that it has to read, its width and depth.
            generator: the only source of the weights.

        Raises:
            InputError: the architecture is malformed.
        """
        ...


def nasbench201(architecture: str, setting: ProxySetting, generator: torch.Generator) -> nn.Module:
    """The benchmark's network: 16 channels and 5 cells a stage unless the setting says otherwise."""
    from arch2vec.networks.nasbench201 import NASBench201Network, Skeleton

    kind = setting.kind
    skeleton = Skeleton(setting.channels or 16, setting.cells or 5, kind.channels, kind.classes)
    return NASBench201Network(architecture, skeleton, generator)


def darts(architecture: str, setting: ProxySetting, generator: torch.Generator) -> nn.Module:
    """The network that DARTS searches with: 16 channels and 8 cells unless the setting says otherwise."""
    from arch2vec.networks.darts import DARTSNetwork
    from arch2vec.spaces.darts_cost import Skeleton

    skeleton = Skeleton("cifar", setting.cells or 8, setting.channels or 16, setting.kind.pixels, setting.kind.classes)
    network = DARTSNetwork(architecture, skeleton, generator)
    return network if setting.kind.channels == 3 else _Coloured(network)


class _Coloured(nn.Module):
    """A network for colour images that is shown grey ones: (B, 1, H, W), three times the same channel."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores (B, classes)."""
        scores: torch.Tensor = self.network(images.expand(-1, 3, -1, -1))
        return scores


BUILDERS: Mapping[str, Build] = {"nasbench201": nasbench201, "darts": darts, "darts_pair": darts}
"""How the networks of a space are made, by the space's name."""


def builder(space: str) -> Build:
    """How a space's networks are made.

    Raises:
        InputError: nobody has said how.
    """
    if space not in BUILDERS:
        raise InputError(
            f"no networks are known for the space {space!r}, so it has no zero-cost proxies; "
            f"spaces that have: {', '.join(sorted(BUILDERS))}"
        )
    return BUILDERS[space]


@dataclass(frozen=True)
class Streams:
    """Seeds of independent draws, all from the setting's one."""

    images: int
    labels: int
    weights: int
    proxies: int

    @classmethod
    def of(cls, setting: ProxySetting) -> Streams:
        """The streams of a setting."""
        drawn = np.random.SeedSequence(setting.seed).generate_state(4, np.uint64) >> np.uint64(1)
        return cls(*(int(value) for value in drawn))


@lru_cache(maxsize=4)
def make_batch(setting: ProxySetting) -> Images:
    """The labelled images of a setting; do not write to them."""
    streams, count, kind = Streams.of(setting), setting.images, setting.kind
    generator = torch.Generator().manual_seed(streams.images)
    if setting.batch == "digits":
        images = digits_splits(*_DIGITS).train
        rows = torch.randperm(len(images), generator=generator)[:count]
        return Images(images.pixels[rows], images.labels[rows])
    pixels = torch.randn((count, kind.channels, kind.pixels, kind.pixels), generator=generator)
    labels = torch.randint(kind.classes, (count,), generator=torch.Generator().manual_seed(streams.labels))
    return Images(pixels, labels)


def make_network(build: Build, architecture: str, setting: ProxySetting) -> nn.Module:
    """The untrained network of an architecture, its weights from the setting's seed."""
    return build(architecture, setting, torch.Generator().manual_seed(Streams.of(setting).weights))
