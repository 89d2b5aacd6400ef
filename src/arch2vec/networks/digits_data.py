"""Scikit-learn's handwritten digits as images to train on: 1,797 of 8x8 pixels, ten classes.

The images come with scikit-learn (they are the test part of "Optical
Recognition of Handwritten Digits", Alpaydin and Kaynak, UCI, 1998), so that
architectures can be trained for real where nothing can be downloaded.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.networks.data.base import ReadyPart

NUM_IMAGES = 1797
NUM_CLASSES = 10


class DigitsSplits(NamedTuple):
    """Images to fit weights to, to choose an architecture by, and to report on."""

    train: ReadyPart
    validation: ReadyPart
    test: ReadyPart


@lru_cache(maxsize=8)
def digits_splits(train: int, validation: int, seed: int) -> DigitsSplits:
    """Three parts of the digits, each with the classes in the data's proportions.

    Pixels are shifted and scaled to mean 0 and standard deviation 1 over the
    training part.

    Args:
        train: images in the training part.
        validation: images in the validation part; all others are the test part.
        seed: of the partition, in 0 .. 2^32 - 1.

    Raises:
        InputError: a part would have fewer images than there are classes.
    """
    rows, pixels, labels = divided_digits(train, validation, seed)
    scaled = (pixels - pixels[rows[0]].mean()) / pixels[rows[0]].std()
    images = torch.from_numpy(scaled.astype(np.float32)).reshape(NUM_IMAGES, 1, 8, 8)
    targets = torch.from_numpy(labels.astype(np.int64))
    return DigitsSplits(*(ReadyPart(images[part], targets[part]) for part in rows))


def divided_digits(
    train: int, validation: int, seed: int
) -> tuple[tuple[NDArray[np.int64], ...], NDArray[np.float64], NDArray[np.int64]]:
    """The rows of the three parts of :func:`digits_splits`, the pixels (1797, 64) from 0 to 16, and the labels.

    Raises:
        InputError: see there.
    """
    test = NUM_IMAGES - train - validation
    if min(train, validation, test) < NUM_CLASSES:
        raise InputError(
            f"the {NUM_IMAGES:,} digits cannot be split into {train} for training, {validation} for validation "
            f"and {test} for testing; each part needs at least {NUM_CLASSES}"
        )
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    rows = np.arange(NUM_IMAGES)
    train_rows, others = train_test_split(rows, train_size=train, stratify=labels, random_state=seed)
    validation_rows, test_rows = train_test_split(
        others, train_size=validation, stratify=labels[others], random_state=seed
    )
    return (train_rows, validation_rows, test_rows), pixels, labels
