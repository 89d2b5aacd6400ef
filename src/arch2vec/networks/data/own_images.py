"""Images of one's own, in a folder a class, read into memory once.

Either the folder has ``train`` and ``test`` (or ``val``) with a folder a class in each, or the folders of
the classes themselves, of whose images a fifth is then held out. Images are brought to one size. They stay
grey where all of them are, and are read as colours else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError

Labelled = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Pixels (N, channels, size, size) and classes (N,), counted from 0."""

SIZE = 32
"""Height and width that images are brought to where nothing else is said."""

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_HELD_OUT = 0.2
_LARGEST = 4 << 30  # bytes of pixels that are kept in memory
_TESTS = ("test", "val", "valid", "validation")
_GREY = ("1", "L", "LA", "I", "I;16", "F")


def read_own_images(folder: Path, size: int, seed: int) -> tuple[list[str], Labelled, Labelled]:
    """The classes in alphabetical order, the images to train on and those held out.

    Args:
        folder: of the images.
        size: height and width that they are brought to.
        seed: of the draw of what is held out, where the folder does not say it.

    Raises:
        InputError: a folder is missing or empty, an image damaged, or there are fewer than two classes.
    """
    inside = _folders(folder)
    held = next((name for name in _TESTS if name in inside), None)
    if "train" in inside and held is not None:
        classes = _folders(folder / "train")
        strange = [name for name in _folders(folder / held) if name not in classes]
        if strange:
            raise InputError(f"{folder / held} has a class {strange[0]!r} that {folder / 'train'} has not")
        found = [_files(folder / part, classes) for part in ("train", held)]
    else:
        classes = inside
        files, labels = _files(folder, classes)
        order = np.random.default_rng(seed).permutation(len(files))
        cut = len(files) - max(1, round(_HELD_OUT * len(files)))
        parts = np.sort(order[:cut]), np.sort(order[cut:])
        found = [([files[row] for row in rows], labels[rows]) for rows in parts]
    if len(classes) < 2:
        raise InputError(
            f"{folder} has {len(classes)} folders of images; one a class is needed, and two classes at least"
        )
    grey = all(_is_grey(file) for files, _ in found for file in files)
    total = sum(len(files) for files, _ in found) * size**2 * (1 if grey else 3)
    if total > _LARGEST:
        raise InputError(
            f"{folder} holds images of {total / 2**30:.0f} GiB at {size} pixels, more than are kept in memory; "
            "take a smaller size, or train:imagenet, which reads them as they are used"
        )
    train, test = ((_pixels(files, size, grey), labels) for files, labels in found)
    return classes, train, test


def _folders(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder} is no folder of images: {error.strerror or error}") from error


def _files(folder: Path, classes: Sequence[str]) -> tuple[list[Path], NDArray[np.int64]]:
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        place = folder / name
        of_class = (
            sorted(path for path in place.glob("*") if path.suffix.lower() in _SUFFIXES) if place.is_dir() else []
        )
        files += of_class
        labels += [label] * len(of_class)
    if len(files) < 2:
        raise InputError(f"{folder} holds no images: a folder a class is needed, with {', '.join(_SUFFIXES)} files")
    return files, np.array(labels, dtype=np.int64)


def _is_grey(file: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(file) as opened:
            return opened.mode in _GREY
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unreadable(file, error) from error


def _pixels(files: Sequence[Path], size: int, grey: bool) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    pixels = np.empty((len(files), 1 if grey else 3, size, size), dtype=np.uint8)
    for row, file in enumerate(files):
        try:
            with Image.open(file) as opened:
                image = opened.convert("L" if grey else "RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise _unreadable(file, error) from error
        fitted = np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR))
        pixels[row] = fitted[None] if grey else fitted.transpose(2, 0, 1)
    return pixels


def _unreadable(file: Path, error: Exception) -> InputError:
    return InputError(f"cannot read the image {file}: {why_not(error)}")


def why_not(error: Exception) -> str:
    """Why a file that should be an image could not be read."""
    if type(error).__name__ == "DecompressionBombError":  # nothing of the library is imported for a word
        return "it has more pixels than any photograph"
    return getattr(error, "strerror", None) or "it is no image, or damaged"
