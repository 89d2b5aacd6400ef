"""Labelled images to train on: one interface for those in memory and those that are read as they are needed.

What a pass over images gives depends on its arguments alone, so that a training
that was interrupted sees the same images again.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.networks.data.augmentation import crops_and_flips, cut_out
from arch2vec.networks.recipe import Augmentation

Batch = tuple[Tensor, Tensor]
"""Normalised pixels (B, channels, H, W) float32 with channels last, and labels (B,) int64, on the part's device."""


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, for pixels from 0 to 255."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.deviation) or not all(deviation > 0 for deviation in self.deviation):
            raise InputError(f"a normalisation needs a mean and a positive deviation a channel, got {self}")

    def __call__(self, pixels: Tensor) -> Tensor:
        """Pixels (B, channels, H, W) uint8 as float32 of about mean 0 and deviation 1, channels last."""
        mean, deviation = (
            torch.tensor(values, device=pixels.device)[:, None, None] for values in (self.mean, self.deviation)
        )
        return ((pixels.float() - mean) / deviation).contiguous(memory_format=torch.channels_last)


class Part(ABC):
    """Labelled images: those to train on, to validate by, or to test on."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    def mark(self) -> str:
        """The content in short; by default only how many images there are."""
        return str(len(self))

    @abstractmethod
    def to(self, device: torch.device) -> Self:
        """The same images, whose batches are on ``device``."""

    @abstractmethod
    def training_batches(self, batch_size: int, augmentation: Augmentation, seed: int) -> Iterator[Batch]:
        """All images once, in random order, augmented; in batches whose sizes differ by one at most.

        Raises:
            InputError: an image cannot be read, or the augmentation is not for such images.
        """

    @abstractmethod
    def batches(self, batch_size: int) -> Iterator[Batch]:
        """All images once, in their order, as they are.

        Raises:
            InputError: an image cannot be read.
        """

    def steps(self, batch_size: int) -> int:
        """The number of batches in a pass."""
        return -(-len(self) // batch_size)

    def order(self, batch_size: int, seed: int) -> tuple[Tensor, ...]:
        """Row numbers of the batches of a random pass."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randperm(len(self), generator=generator).tensor_split(self.steps(batch_size))


def _check(what: str, pixels: Tensor, labels: Tensor, kind: torch.dtype) -> None:
    """Refuse what is no labelled images, or of another type than ``kind``."""
    shape = tuple(pixels.shape)
    if len(shape) != 4 or labels.shape != shape[:1] or not shape[0] or pixels.dtype != kind:
        raise InputError(
            f"{what} need pixels (N, channels, H, W) {str(kind).removeprefix('torch.')} and labels (N,) with N of at "
            f"least 1, got {shape} {pixels.dtype} and {tuple(labels.shape)}"
        )


@dataclass(frozen=True, eq=False)
class MemoryPart(Part):
    """Images in memory, augmented where they are computed with.

    Attributes:
        pixels: (N, channels, H, W) uint8.
        labels: (N,) int64, classes counted from 0.
        normalisation: of the pixels.

    Raises:
        InputError: shapes or types do not fit, or there is no image.
    """

    pixels: Tensor
    labels: Tensor
    normalisation: Normalisation

    def __post_init__(self) -> None:
        _check("images in memory", self.pixels, self.labels, torch.uint8)
        channels = self.pixels.shape[1]
        if channels != len(self.normalisation.mean):
            raise InputError(f"images of {channels} channels do not fit {self.normalisation}")

    @override
    def __len__(self) -> int:
        return len(self.labels)

    @property
    @override
    def mark(self) -> str:
        digest = hashlib.blake2b(digest_size=8)
        for tensor in (self.pixels, self.labels):
            digest.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
        return digest.hexdigest()

    @override
    def to(self, device: torch.device) -> MemoryPart:
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))

    def take(self, rows: Tensor) -> MemoryPart:
        """Some of the images, by their numbers."""
        return replace(self, pixels=self.pixels[rows], labels=self.labels[rows])

    @override
    def training_batches(self, batch_size: int, augmentation: Augmentation, seed: int) -> Iterator[Batch]:
        if augmentation.resized_crop or any(augmentation.jitter):
            raise InputError(
                "crops of varying size and colour jitter are for images read from files; these are in memory"
            )
        device = self.labels.device
        generator = torch.Generator(device).manual_seed(seed)
        for drawn in self.order(batch_size, seed):
            rows = drawn.to(device)
            pixels = crops_and_flips(self.pixels[rows], augmentation.crop_padding, augmentation.flip, generator)
            yield cut_out(self.normalisation(pixels), augmentation.cutout, generator), self.labels[rows]

    @override
    def batches(self, batch_size: int) -> Iterator[Batch]:
        for pixels, labels in zip(
            torch.split(self.pixels, batch_size), torch.split(self.labels, batch_size), strict=True
        ):
            yield self.normalisation(pixels), labels


@dataclass(frozen=True, eq=False)
class ReadyPart(Part):
    """Images in memory as networks take them, neither scaled nor augmented.

    Attributes:
        pixels: (N, channels, H, W) float32.
        labels: (N,) int64, classes counted from 0.
        stream: that the orders of all passes are drawn from, one after the other, whatever
            seeds they are given; None for orders of their seeds. A training that is
            interrupted and resumed needs the latter.

    Raises:
        InputError: shapes or types do not fit, or there is no image.
    """

    pixels: Tensor
    labels: Tensor
    stream: torch.Generator | None = None

    def __post_init__(self) -> None:
        _check("images that are ready", self.pixels, self.labels, torch.float32)

    @override
    def __len__(self) -> int:
        return len(self.labels)

    @override
    def to(self, device: torch.device) -> ReadyPart:
        pixels = self.pixels.to(device, memory_format=torch.channels_last)
        return replace(self, pixels=pixels, labels=self.labels.to(device))

    @override
    def order(self, batch_size: int, seed: int) -> tuple[Tensor, ...]:
        if self.stream is None:
            return super().order(batch_size, seed)
        return torch.randperm(len(self), generator=self.stream).tensor_split(self.steps(batch_size))

    @override
    def training_batches(self, batch_size: int, augmentation: Augmentation, seed: int) -> Iterator[Batch]:
        if augmentation != Augmentation():
            raise InputError("images that are ready are not augmented; take a recipe without augmentation")
        for drawn in self.order(batch_size, seed):
            rows = drawn.to(self.labels.device)
            yield self.pixels[rows], self.labels[rows]

    @override
    def batches(self, batch_size: int) -> Iterator[Batch]:
        yield from zip(torch.split(self.pixels, batch_size), torch.split(self.labels, batch_size), strict=True)


@dataclass(frozen=True)
class ImageData:
    """A data set, divided.

    Attributes:
        name: of the data set.
        settings: what tells this division of it from others, for records of a training.
        classes: that images belong to.
        channels: of an image.
        size: its height and width in pixels.
        train: to fit weights to.
        validation: to choose by, None where there is none.
        test: to report on, None where there is none.
    """

    name: str
    settings: Mapping[str, Any]
    classes: int
    channels: int
    size: int
    train: Part
    validation: Part | None
    test: Part | None

    @property
    def description(self) -> str:
        """One line: the data set, its parts, and what their division depends on."""
        parts = [f"{len(self.train):,} images to train"]
        parts += [
            f"{len(part):,} to {verb}"
            for part, verb in ((self.validation, "validate"), (self.test, "test"))
            if part is not None
        ]
        how = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return f"{self.name}: {', '.join(parts)}" + (f" ({how})" if how else "")

    @property
    def mark(self) -> str:
        """The content of all parts in short: other images, or others' classes, have another."""
        parts = (self.train, self.validation, self.test)
        marks = " ".join("-" if part is None else part.mark for part in parts)
        return hashlib.blake2b(marks.encode(), digest_size=8).hexdigest()

    def to(self, device: torch.device) -> ImageData:
        """The same, with batches on ``device``."""
        validation, test = (None if part is None else part.to(device) for part in (self.validation, self.test))
        return replace(self, train=self.train.to(device), validation=validation, test=test)
