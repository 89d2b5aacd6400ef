"""Image data sets by name, divided into parts to train on, to choose by and to report on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.networks.data.archives import images_folder
from arch2vec.networks.data.base import ImageData, MemoryPart, Normalisation

_Images = tuple[NDArray[np.uint8], NDArray[np.int64]]
_IMAGENET_SIZE = 224
_OWN_SHARE = 0.2  # of one's own images to train on, that are kept to validate by
_DIGITS_TRAIN, _DIGITS_VALIDATION = 400, 700


@dataclass(frozen=True)
class DataChoice:
    """A data set and how it is divided. It is small, so that it can be sent to other processes.

    Attributes:
        name: one of :data:`DATASETS`.
        folder: with the files, see :func:`arch2vec.networks.data.archives.images_folder`.
        validation: the share of the published training images that are kept to validate by;
            0 to train on all, for final results. NAS-Bench-201 and DARTS' search keep half,
            NAS-Bench-101 a fifth, arch2vec's search a tenth. None for the data set's own:
            half for CIFAR-10, and none where the benchmark halves the images held out.
        split_seed: of the division, in 0 .. 2^32 - 1.
        limit: use so many of the published training images only, and in proportion of
            those held out; None for all.
        size: that images from files are brought to; None for 224, of one's own
            (``folder``) for 32.
        workers: processes that read ImageNet's images.

    Raises:
        InputError: a value is out of its range, or the data set has nothing of the kind.
    """

    name: str
    folder: str | None = None
    validation: float | None = None
    split_seed: int = 0
    limit: int | None = None
    size: int | None = None
    workers: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", known_data(self.name))
        if self.validation is not None and not 0 <= self.validation < 1:
            raise InputError(f"the share of images to validate by must be in [0, 1), got {self.validation}")
        if not 0 <= self.split_seed < 2**32:
            raise InputError(f"a split_seed must be in 0 .. 2^32 - 1, got {self.split_seed}")
        if self.limit is not None and self.limit < 2:
            raise InputError(f"a limit of images must be at least 2, got {self.limit}")
        if self.name == "imagenet" and self.limit is not None:
            raise InputError(
                "ImageNet's folders are used whole; validation=0.1 keeps a tenth of 'train' to validate by"
            )
        if self.name == "folder" and self.folder is None:
            raise InputError("images of your own need their folder, as in train:folder?data_dir=FOLDER")
        if self.size is not None and self.size < 1:
            raise InputError(f"images have a size of at least 1 pixel, got {self.size}")


def known_data(name: str) -> str:
    """The name of a data set, however its parts are joined: ``CIFAR-10`` is ``cifar10``.

    Raises:
        InputError: there is no such data set.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    for known in DATASETS:
        if name == known or plain == known.replace("-", ""):
            return known
    raise InputError(
        f"unknown image data set {name!r}; known: {', '.join(sorted(DATASETS))}; images of your own, in a folder a "
        "class, are train:folder?data_dir=FOLDER"
    )


def load_images(choice: DataChoice) -> ImageData:
    """The images of a choice; those asked for last are kept in memory.

    Raises:
        InputError: files are missing, damaged, or not those that were published.
    """
    folder = None if choice.name == "digits" else str(images_folder(choice.folder))
    return _loaded(replace(choice, folder=folder))


@lru_cache(maxsize=2)
def _loaded(choice: DataChoice) -> ImageData:
    return DATASETS[choice.name](choice)


def halves(count: int, share: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Row numbers of two random parts of ``count``, in ascending order, ``share`` of them in the second.

    Raises:
        InputError: one would be empty.
    """
    order = np.random.default_rng(seed).permutation(count)
    cut = count - round(count * share)
    if not 0 < cut < count:
        raise InputError(f"{count:,} images cannot be divided with {share:g} of them to validate by")
    first, second = (torch.from_numpy(np.sort(rows)) for rows in (order[:cut], order[cut:]))
    return first, second


def _cifar(choice: DataChoice) -> ImageData:
    from arch2vec.networks.data.cifar import SIZE, VARIANTS, read_cifar

    variant = VARIANTS[choice.name]
    train, held_out = read_cifar(choice.name, choice.folder)
    default = 0.5 if choice.name == "cifar10" else None
    return divided(choice, train, held_out, variant.normalisation, variant.classes, SIZE, default)


def _imagenet16(choice: DataChoice) -> ImageData:
    from arch2vec.networks.data.imagenet16 import CLASSES, NORMALISATION, SIZE, read_imagenet16

    train, held_out = read_imagenet16(images_folder(choice.folder))
    return divided(choice, train, held_out, NORMALISATION, CLASSES, SIZE, None)


def divided(
    choice: DataChoice,
    train: _Images,
    held_out: _Images,
    normalisation: Normalisation,
    classes: int,
    size: int,
    default_share: float | None,
    channels: int = 3,
) -> ImageData:
    """Published images in their three parts.

    With a share of training images to validate by, the images held out are for
    testing. Without (None), these are halved: as NAS-Bench-201 does on CIFAR-100 and
    ImageNet16-120. With a share of 0 there is nothing to validate by.
    """
    published = len(train[1])
    fitted, reported = (_part(images, choice.limit, published, normalisation) for images in (train, held_out))
    share = default_share if choice.validation is None else choice.validation
    settings: dict[str, object] = {
        "validation": "half of those held out" if share is None else share,
        "split": choice.split_seed,
    }
    if choice.limit is not None:
        settings["limit"] = choice.limit
    validation: MemoryPart | None = None
    if share is None:
        first, second = halves(len(reported), 0.5, choice.split_seed)
        validation, reported = reported.take(first), reported.take(second)
    elif share > 0:
        first, second = halves(len(fitted), share, choice.split_seed)
        validation, fitted = fitted.take(second), fitted.take(first)
    return ImageData(choice.name, settings, classes, channels, size, fitted, validation, reported)


def _part(images: _Images, limit: int | None, of: int, normalisation: Normalisation) -> MemoryPart:
    """The images, or with a limit the first ones, in the proportion of ``limit`` to ``of``."""
    count = len(images[1])
    if limit is not None and limit < of:
        count = max(2, round(count * limit / of))
    # What is not ours to write to is copied, for PyTorch knows no tensors that are read only.
    pixels, labels = (torch.from_numpy(np.require(array[:count], requirements="W")) for array in images)
    return MemoryPart(pixels, labels, normalisation)


def _digits(choice: DataChoice) -> ImageData:
    from arch2vec.networks.digits_data import NUM_CLASSES, NUM_IMAGES, divided_digits

    held = _DIGITS_TRAIN + _DIGITS_VALIDATION
    validation = _DIGITS_VALIDATION if choice.validation is None else round(held * choice.validation)
    kept = validation or NUM_CLASSES  # a part cannot be empty; it is joined again below
    rows, pixels, labels = divided_digits(held - kept, kept, choice.split_seed)
    if not validation:
        rows = (np.concatenate(rows[:2]), rows[1], rows[2])
    if choice.limit is not None:
        # Each part is in random order already.
        rows = tuple(part[: max(NUM_CLASSES, round(len(part) * choice.limit / held))] for part in rows)
    # From 0 .. 16 to 0 .. 255, the highest value becoming the highest.
    scaled = torch.from_numpy((pixels * 255 / 16).round().astype(np.uint8)).reshape(NUM_IMAGES, 1, 8, 8)
    fitted = scaled[rows[0]].double()
    normalisation = Normalisation((float(fitted.mean()),), (float(fitted.std(correction=0)),))
    targets = torch.from_numpy(labels.astype(np.int64))
    parts = [MemoryPart(scaled[part], targets[part], normalisation) for part in rows]
    settings = {"validation": validation, "split": choice.split_seed}
    if choice.limit is not None:
        settings["limit"] = choice.limit
    validation_part = parts[1] if validation else None
    return ImageData("digits", settings, NUM_CLASSES, 1, 8, parts[0], validation_part, parts[2])


def _imagenet(choice: DataChoice) -> ImageData:
    from arch2vec.networks.data.image_folder import read_folders

    size = choice.size or _IMAGENET_SIZE
    classes, train, test = read_folders(images_folder(choice.folder), size, choice.workers)
    settings: dict[str, object] = {"size": size}
    validation = None
    if choice.validation:
        settings |= {"validation": choice.validation, "split": choice.split_seed}
        first, second = halves(len(train), choice.validation, choice.split_seed)
        train, validation = train.take(first), train.take(second)
    return ImageData("imagenet", settings, len(classes), 3, size, train, validation, test)


def _own(choice: DataChoice) -> ImageData:
    from arch2vec.networks.data.own_images import SIZE, read_own_images

    size = choice.size or SIZE
    classes, train, held_out = read_own_images(images_folder(choice.folder), size, choice.split_seed)
    channels = train[0].shape[1]
    means, deviations = ([float(part(train[0][:, c])) for c in range(channels)] for part in (np.mean, np.std))
    if not all(deviations):
        raise InputError(f"all images in {choice.folder} are of one colour")
    data = divided(
        choice,
        train,
        held_out,
        Normalisation(tuple(means), tuple(deviations)),
        len(classes),
        size,
        _OWN_SHARE,
        channels,
    )
    return replace(data, settings={"folder": str(images_folder(choice.folder)), "size": size, **data.settings})


DATASETS: Mapping[str, Callable[[DataChoice], ImageData]] = {
    "cifar10": _cifar,
    "cifar100": _cifar,
    "imagenet16-120": _imagenet16,
    "imagenet": _imagenet,
    "digits": _digits,
    "folder": _own,
}
"""What loads each data set."""
