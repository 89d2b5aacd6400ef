"""Images as the batches of CIFAR and of the downsampled ImageNet hold them: a row an image, and a list of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError


def images_of(
    document: Any, labels_key: str, size: int, classes: int, where: object
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pixels (N, 3, size, size) and labels (N,) of a batch.

    Args:
        document: with ``data``, (N, 3 size^2) uint8, row by row the red, green and blue
            pixels of an image, and N labels.
        labels_key: the key of the labels.
        size: height and width of an image.
        classes: labels are from 0 to one less.
        where: it is from, for complaints.

    Raises:
        InputError: something is missing, or of another shape, size or range.
    """
    if not isinstance(document, dict) or not {"data", labels_key} <= set(document):
        raise InputError(f"{where} is no batch of images: it needs the entries 'data' and {labels_key!r}")
    pixels = getattr(document["data"], "values", document["data"])
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise InputError(f"{where}: 'data' is not a table of bytes with a row an image")
    if pixels.shape[1] != 3 * size * size:
        side = (pixels.shape[1] / 3) ** 0.5
        shown = f"{side:.0f}x{side:.0f} pixels" if side.is_integer() else f"{pixels.shape[1]:,} bytes"
        raise InputError(f"{where} has images of {shown}; {size}x{size} pixels of three colours are needed")
    listed = getattr(document[labels_key], "values", document[labels_key])
    try:
        labels = np.asarray(listed, dtype=np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: {labels_key!r} is not a list of whole numbers") from error
    if labels.shape != pixels.shape[:1] or not len(labels):
        raise InputError(f"{where} has {len(pixels):,} images and labels of shape {labels.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"{where} has labels from {labels.min()} to {labels.max()}; {classes} classes have 0 to {classes - 1}"
        )
    return pixels.reshape(-1, 3, size, size), labels
