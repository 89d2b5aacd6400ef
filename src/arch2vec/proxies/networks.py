"""The networks that proxies look at, and the batch that they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import nn

from arch2vec.networks.build import NetworkPlan, build_network
from arch2vec.networks.data.base import ReadyPart
from arch2vec.networks.digits_data import digits_splits
from arch2vec.proxies.settings import ProxySetting
from arch2vec.spaces import NASBench101, SearchSpace, get_space
from arch2vec.spaces.nasbench101.notation import EXAMPLE as NASBENCH101_EXAMPLE

_DIGITS = (400, 700, 0)
"""Training images, validation images and seed of the digits' partition; batches are of the first part."""


class Build(Protocol):
    """Makes the untrained network of an architecture; sent to worker processes, so it has to be picklable."""

    def __call__(self, architecture: str, setting: ProxySetting, seed: int) -> nn.Module:
        """A network for the setting's images and classes.

        Args:
            architecture: in the space's notation.
            setting: the batch that it has to read, its width and depth.
            seed: of the weights, in 0 .. 2^63 - 1.

        Raises:
            InputError: the architecture is malformed.
        """
        ...


@dataclass(frozen=True)
class SpaceBuild:
    """The networks of a space as :func:`arch2vec.networks.build.build_network` makes them.

    Attributes:
        space: the space's reference.
        layers: what the operations of a declared space are.
    """

    space: str
    layers: tuple[tuple[str, str], ...] = ()

    def __call__(self, architecture: str, setting: ProxySetting, seed: int | None) -> nn.Module:
        """See :class:`Build`; without a seed the network has no weights."""
        kind = setting.kind
        plan = NetworkPlan(
            data="digits" if setting.batch == "digits" else "cifar10",
            channels=setting.channels,
            cells=setting.cells,
            classes=kind.classes,
            input_size=kind.pixels,
            input_channels=kind.channels,
            layers=dict(self.layers),
        )
        return build_network(_space(self.space), architecture, plan, seed)


def builder(space: SearchSpace, setting: ProxySetting, layers: Mapping[str, str] | None = None) -> Build:
    """How a space's networks are made.

    Raises:
        InputError: nobody has said how, or the setting doesn't suit them.
    """
    build = SpaceBuild(space.reference, tuple(sorted((layers or {}).items())))
    build(_some_architecture(space), setting, None)
    return build


def _some_architecture(space: SearchSpace) -> str:
    # To draw a cell of NAS-Bench-101 all of them are listed, half a minute's work where no earlier run has done it.
    if isinstance(space, NASBench101):
        return NASBENCH101_EXAMPLE
    return space.format(space.sample(1, np.random.default_rng(0)))[0]


@lru_cache(maxsize=4)
def _space(reference: str) -> SearchSpace:
    return get_space(reference)


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
def make_batch(setting: ProxySetting) -> ReadyPart:
    """The labelled images of a setting; do not write to them."""
    streams, count, kind = Streams.of(setting), setting.images, setting.kind
    generator = torch.Generator().manual_seed(streams.images)
    if setting.batch == "digits":
        images = digits_splits(*_DIGITS).train
        rows = torch.randperm(len(images), generator=generator)[:count]
        return ReadyPart(images.pixels[rows], images.labels[rows])
    pixels = torch.randn((count, kind.channels, kind.pixels, kind.pixels), generator=generator)
    labels = torch.randint(kind.classes, (count,), generator=torch.Generator().manual_seed(streams.labels))
    return ReadyPart(pixels, labels)
