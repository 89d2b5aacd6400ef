"""ImageNet16-120, the third data set of NAS-Bench-201: ImageNet at 16x16 pixels, its first 120 classes.

The files are those of the downsampled ImageNet (Chrabaszcz, Loshchilov and
Hutter, 2017), which need an account to be downloaded: ten batches to train and
one to validate. Dong and Yang (ICLR 2020, section 2.2) keep 151.7 thousand
images of the classes 1 to 120, and divide the 6,000 images of the validation
batch into halves to validate and to test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks.pickles import read_pickle
from arch2vec.errors import InputError
from arch2vec.networks.data.archives import published_file
from arch2vec.networks.data.base import Normalisation
from arch2vec.networks.data.pickled_images import images_of

SIZE = 16
CLASSES = 120
NORMALISATION = Normalisation((122.68, 116.66, 104.01), (63.22, 61.26, 65.09))
_IMAGENET_CLASSES = 1000
_FOLDER = "ImageNet16"

FILES: Mapping[str, str] = {
    "train_data_batch_1": "27846dcaa50de8e21a7d1a35f30f0e91",
    "train_data_batch_2": "c7254a054e0e795c69120a5727050e3f",
    "train_data_batch_3": "4333d3df2e5ffb114b05d2ffc19b1e87",
    "train_data_batch_4": "1620cdf193304f4a92677b695d70d10f",
    "train_data_batch_5": "348b3c2fdbb3940c4e9e834affd3b18d",
    "train_data_batch_6": "6e765307c242a1b3d7d5ef9139b48945",
    "train_data_batch_7": "564926d8cbf8fc4818ba23d2faac7564",
    "train_data_batch_8": "f4755871f718ccb653440b9dd0ebac66",
    "train_data_batch_9": "bb6dd660c38c58552125b1a92f86b5d4",
    "train_data_batch_10": "8f03f34ac4b42271a294f91bf480f29b",
    "val_data": "3410e3017fdaefba8d5073aaa65e4bd6",
}
"""The files and their MD5 sums."""

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]


def read_imagenet16(folder: Path, files: Mapping[str, str | None] = FILES) -> tuple[Images, Images]:
    """The images of the first 120 classes, labels from 0: those of the training batches, those of ``val_data``.

    Args:
        folder: with the files, or with a folder ``ImageNet16`` that has them.
        files: names with MD5 sums, None to take any content.

    Raises:
        InputError: a file is missing, has another sum, or holds something else.
    """
    place = folder / _FOLDER if (folder / _FOLDER).is_dir() else folder
    parts: dict[bool, list[Images]] = {True: [], False: []}
    for name, md5 in files.items():
        path = published_file(name, md5, place)
        with path.open("rb") as opened:
            document = read_pickle(opened, path, encoding="latin1")
        # Labels count from 1: read as classes 0 to 1000, of which none may be 0.
        pixels, labels = images_of(document, "labels", SIZE, _IMAGENET_CLASSES + 1, path)
        if not labels.min():
            raise InputError(f"{path} has a label 0; those of ImageNet's {_IMAGENET_CLASSES:,} classes start from 1")
        kept = labels <= CLASSES
        parts[name == "val_data"].append((pixels[kept], labels[kept] - 1))
    train, held_out = (_joined(parts[which]) for which in (False, True))
    if train is None or held_out is None:
        raise InputError(f"{place} holds no images of the first {CLASSES} classes to train on, or none to validate by")
    return train, held_out


def _joined(batches: list[Images]) -> Images | None:
    """One batch of several, None where there is no image."""
    if not sum(len(labels) for _, labels in batches):
        return None
    return np.concatenate([pixels for pixels, _ in batches]), np.concatenate([labels for _, labels in batches])
