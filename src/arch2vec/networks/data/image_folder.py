"""Images in a folder a class, as ImageNet is commonly unpacked, read while a network is trained.

Needs Pillow, which comes with Matplotlib. Images are decoded and augmented by
worker processes; what they give does not depend on how many there are.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.networks.data.augmentation import cut_out
from arch2vec.networks.data.base import Batch, Normalisation, Part
from arch2vec.networks.data.own_images import why_not
from arch2vec.networks.recipe import Augmentation

NORMALISATION = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""Mean and deviation of ImageNet."""

_SUFFIXES = {".jpeg", ".jpg", ".png", ".bmp", ".webp"}


@dataclass(frozen=True, eq=False)
class FolderPart(Part):
    """Image files with their classes.

    Attributes:
        files: paths.
        labels: (N,) int64, classes counted from 0.
        size: height and width that images are brought to.
        normalisation: of the pixels.
        workers: processes that read images; 0 to read them in this one.
        device: that batches are on.
    """

    files: Sequence[Path]
    labels: Tensor
    size: int
    normalisation: Normalisation = NORMALISATION
    workers: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __post_init__(self) -> None:
        if find_spec("PIL") is None:
            raise InputError("reading image files needs Pillow: pip install pillow")
        if self.workers < 0 or self.size < 1:
            raise InputError(
                f"image files need 0 or more workers and a size of 1 or more, got {self.workers}, {self.size}"
            )

    @override
    def __len__(self) -> int:
        return len(self.files)

    @property
    @override
    def mark(self) -> str:
        """Of the files' names and sizes: reading them all would take as long as an epoch."""
        digest = hashlib.blake2b(digest_size=8)
        for file, label in zip(self.files, self.labels.tolist(), strict=True):
            digest.update(f"{label} {file.parent.name}/{file.name} {file.stat().st_size}\n".encode(errors="replace"))
        return digest.hexdigest()

    @override
    def to(self, device: torch.device) -> FolderPart:
        return replace(self, device=device)

    def take(self, rows: Tensor) -> FolderPart:
        """The images of some rows, (n,) int64."""
        return replace(self, files=[self.files[row] for row in rows.tolist()], labels=self.labels[rows])

    @override
    def training_batches(self, batch_size: int, augmentation: Augmentation, seed: int) -> Iterator[Batch]:
        if augmentation.crop_padding:
            raise InputError("crops of padded images are for small images in memory; these are read from files")
        order = [rows.tolist() for rows in self.order(batch_size, seed)]
        generator = torch.Generator(self.device).manual_seed(seed)
        for pixels, labels in self._loaded(order, augmentation, seed):
            yield cut_out(pixels, augmentation.cutout, generator), labels

    @override
    def batches(self, batch_size: int) -> Iterator[Batch]:
        rows = range(len(self))
        yield from self._loaded([list(rows[start : start + batch_size]) for start in rows[::batch_size]], None, 0)

    def _loaded(self, order: list[list[int]], augmentation: Augmentation | None, seed: int) -> Iterator[Batch]:
        loader: DataLoader[Any] = DataLoader(
            _Views(self, augmentation, seed),
            batch_sampler=order,
            num_workers=self.workers,
            collate_fn=_together,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator().manual_seed(seed),
        )
        for pixels, labels, complaint in loader:
            if complaint:
                raise InputError(complaint)
            yield self.normalisation(pixels.to(self.device, non_blocking=True)), labels.to(self.device)


class _Views(Dataset[Any]):
    """Images as arrays. What one looks like depends on its number and the seed, not on who reads it."""

    def __init__(self, part: FolderPart, augmentation: Augmentation | None, seed: int) -> None:
        self._files = [str(path) for path in part.files]
        self._labels = part.labels
        self._size, self._augmentation, self._seed = part.size, augmentation, seed

    def __len__(self) -> int:
        return len(self._files)

    @override
    def __getitem__(self, row: int) -> tuple[np.ndarray | None, int, str]:
        from PIL import Image

        from arch2vec.networks.data.image_transforms import evaluation_pixels, training_pixels

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of harmless oddities in the files' metadata
                with Image.open(self._files[row]) as opened:
                    image = opened.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            # Returned, for an exception from a worker arrives as its whole traceback.
            return None, 0, f"cannot read the image {self._files[row]}: {why_not(error)}"
        label = int(self._labels[row])
        if self._augmentation is None:
            return evaluation_pixels(image, self._size), label, ""
        rng = np.random.default_rng([self._seed, row])
        return training_pixels(image, self._size, self._augmentation, rng), label, ""


def _together(views: list[tuple[np.ndarray | None, int, str]]) -> tuple[Tensor, Tensor, str]:
    pixels, labels, complaints = zip(*views, strict=True)
    if complaint := next(filter(None, complaints), ""):
        return torch.empty(0), torch.empty(0), complaint
    return torch.from_numpy(np.stack(pixels)), torch.tensor(labels), ""


def read_folders(
    folder: Path, size: int, workers: int, names: tuple[str, str] = ("train", "val")
) -> tuple[list[str], FolderPart, FolderPart]:
    """The classes in alphabetical order, and the images of the two folders.

    Args:
        folder: with the folders ``names``, in each of which is a folder a class.
        size: height and width that images are brought to.
        workers: processes that read images.
        names: of the folder to train on and of that to test on.

    Raises:
        InputError: a folder is missing or empty, or the second has a class that the first has not.
    """
    classes: list[str] = []
    parts = []
    for name in names:
        place = folder / name
        try:
            found = sorted(entry.name for entry in place.iterdir() if entry.is_dir())
        except OSError as error:
            raise InputError(
                f"{place} is no folder of images: {error.strerror or error}; images of your own, in a folder a class, "
                "are train:folder?data_dir=FOLDER"
            ) from error
        classes = classes or found
        for strange in found:
            if strange not in classes:
                raise InputError(f"{place} has a class {strange!r} that {folder / names[0]} has not")
        files, labels = [], []
        for label, class_name in enumerate(classes):
            of_class = sorted(path for path in (place / class_name).glob("*") if path.suffix.lower() in _SUFFIXES)
            files += of_class
            labels += [label] * len(of_class)
        if not files:
            raise InputError(f"{place} holds no images: a folder a class is needed, of {', '.join(sorted(_SUFFIXES))}")
        parts.append(FolderPart(files, torch.tensor(labels), size, workers=workers))
    return classes, parts[0], parts[1]
