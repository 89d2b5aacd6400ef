"""On what proxies are computed: which batch, which networks, which draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from arch2vec.errors import InputError, unknown


@dataclass(frozen=True)
class Batch:
    """A kind of labelled batch.

    Attributes:
        channels: of its images.
        pixels: their height and width.
        classes: of its labels.
        size: how many images, by default.
        most: how many there can be, None for any number.
        description: for readers of results.
    """

    channels: int
    pixels: int
    classes: int
    size: int
    most: int | None
    description: str


BATCHES: Mapping[str, Batch] = {
    "digits": Batch(1, 8, 10, 32, 400, "8x8 handwritten digits of scikit-learn with their labels"),
    "random": Batch(3, 32, 10, 64, None, "3x32x32 pixels drawn from N(0, 1) and labels drawn from ten classes"),
}
"""The kinds of batches. There are fewer digits than pixels in one, or jacov's correlations would be singular."""


@dataclass(frozen=True)
class ProxySetting:
    """On what a proxy is computed.

    Attributes:
        batch: a key of :data:`BATCHES`.
        batch_size: images in it, None for its default.
        channels: of the networks' first stage, None for the space's published width.
        cells: a stage in NAS-Bench-201 and NAS-Bench-101, in all in DARTS; None for as published.
        seed: of the batch, of the weights (the same stream for every architecture), and of what proxies draw.

    Raises:
        InputError: a value is out of its range.
    """

    batch: str = "digits"
    batch_size: int | None = None
    channels: int | None = None
    cells: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch not in BATCHES:
            raise unknown("batch", self.batch, BATCHES)
        for name in ("channels", "cells"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"proxies need {name} of at least 1, got {value}")
        most = self.kind.most
        if self.images < 2 or (most is not None and self.images > most):
            allowed = "of at least 2" if most is None else f"of 2 to {most}"
            raise InputError(f"proxies on {self.batch} need a batch_size {allowed}, got {self.images}")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"proxies need a seed in 0 .. 2^63 - 1, got {self.seed}")

    @property
    def kind(self) -> Batch:
        """What kind of batch it is."""
        return BATCHES[self.batch]

    @property
    def images(self) -> int:
        """B, the images in the batch."""
        return self.kind.size if self.batch_size is None else self.batch_size

    @property
    def description(self) -> str:
        """One line for readers of results."""
        parts = [f"{self.images} images: {self.kind.description}"]
        parts += [f"{name} {value}" for name in ("channels", "cells") if (value := getattr(self, name)) is not None]
        return ", ".join([*parts, f"seed {self.seed}"])

    def to_dict(self) -> dict[str, Any]:
        """All that determines values, for files."""
        return {**asdict(self), "batch_size": self.images}
