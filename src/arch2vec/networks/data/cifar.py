"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) from their published archives.

Each is 60,000 colour images of 32x32 pixels, of which 10,000 are for testing.
Both published forms are read, the Python one (pickles, through the restricted
reader) and the binary one.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks.pickles import read_pickle
from arch2vec.benchmarks.unpacked import unpacked
from arch2vec.errors import InputError, unknown
from arch2vec.networks.data.archives import images_folder, published_file
from arch2vec.networks.data.base import Normalisation
from arch2vec.networks.data.pickled_images import images_of

SIZE = 32
_BYTES = 3 * SIZE * SIZE
_RATIO = 8  # bytes that one of an archive may become; photographs hardly shrink
_URL = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True)
class Archive:
    """One published file.

    Attributes:
        file: its name.
        md5: its MD5 sum.
        train: the members with training images.
        test: the member with test images.
        labels: the key of the labels in a pickle, or how many bytes of labels stand
            before an image's pixels, of which the last counts.
    """

    file: str
    md5: str
    train: tuple[str, ...]
    test: str
    labels: bytes | int


@dataclass(frozen=True)
class CIFARVariant:
    """CIFAR-10 or CIFAR-100: how many classes, mean and deviation of the training images, and its archives."""

    classes: int
    normalisation: Normalisation
    archives: tuple[Archive, ...]


def _members(folder: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


_BATCHES = [f"data_batch_{number}" for number in range(1, 6)]
VARIANTS: Mapping[str, CIFARVariant] = {
    "cifar10": CIFARVariant(
        10,
        Normalisation((125.3, 123.0, 113.9), (63.0, 62.1, 66.7)),
        (
            Archive(
                "cifar-10-python.tar.gz",
                "c58f30108f718f92721af3b95e74349a",
                _members("cifar-10-batches-py", _BATCHES),
                "cifar-10-batches-py/test_batch",
                b"labels",
            ),
            Archive(
                "cifar-10-binary.tar.gz",
                "c32a1d4ab5d03f1284b67883e8d87530",
                _members("cifar-10-batches-bin", [f"{name}.bin" for name in _BATCHES]),
                "cifar-10-batches-bin/test_batch.bin",
                1,
            ),
        ),
    ),
    "cifar100": CIFARVariant(
        100,
        Normalisation((129.3, 124.1, 112.4), (68.2, 65.4, 70.4)),
        (
            Archive(
                "cifar-100-python.tar.gz",
                "eb9058c3a382ffc7106e4002c42a8d85",
                ("cifar-100-python/train",),
                "cifar-100-python/test",
                b"fine_labels",
            ),
            Archive(
                "cifar-100-binary.tar.gz",
                "03b5dce01913d631647c71ecec9e9cb8",
                ("cifar-100-binary/train.bin",),
                "cifar-100-binary/test.bin",
                2,
            ),
        ),
    ),
}
"""The two data sets; the Python archive, which is the one that is downloaded, comes first."""

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Pixels (N, 3, 32, 32) and labels (N,)."""


def read_cifar(
    name: str, folder: Path | str | None = None, expected_md5: str | None = "published"
) -> tuple[Images, Images]:
    """Training and test images, in the archive's order.

    Args:
        name: ``cifar10`` or ``cifar100``.
        folder: with one of the archives, see :func:`arch2vec.networks.data.archives.images_folder`.
        expected_md5: of the archive; ``published``, or None to take any content.

    Raises:
        InputError: no archive is there and none can be downloaded, it has another MD5
            sum, or it holds something else.
    """
    if name not in VARIANTS:
        raise unknown("CIFAR data set", name, VARIANTS)
    variant = VARIANTS[name]
    place = images_folder(folder)
    archive = next((one for one in variant.archives if (place / one.file).is_file()), variant.archives[0])
    expected = archive.md5 if expected_md5 == "published" else expected_md5
    path = published_file(archive.file, expected, folder, _URL + archive.file)
    wanted = (*archive.train, archive.test)
    found: dict[str, Images] = {}
    try:
        with (
            gzip.open(path) as packed,
            unpacked(cast(IO[bytes], packed), path.stat().st_size, _RATIO, path) as plain,
            tarfile.open(fileobj=plain, mode="r|") as opened,
        ):
            for member in opened:
                if member.issparse():
                    raise InputError(f"{path} is refused: its {member.name[:60]!r} claims {member.size:,} bytes")
                if member.name in wanted and (content := opened.extractfile(member)) is not None:
                    where = f"{path} ({member.name})"
                    found[member.name] = _read_member(content, archive, variant.classes, where)
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged or truncated: {str(error) or type(error).__name__}") from error
    for member_name in wanted:
        if member_name not in found:
            raise InputError(f"{path} holds no {member_name}")
    pixels, labels = zip(*(found[member_name] for member_name in archive.train), strict=True)
    return (np.concatenate(pixels), np.concatenate(labels)), found[archive.test]


def _read_member(content: IO[bytes], archive: Archive, classes: int, where: str) -> Images:
    data = content.read()
    if isinstance(archive.labels, bytes):
        document = read_pickle(io.BytesIO(data), where, encoding="latin1")
        return images_of(document, archive.labels.decode(), SIZE, classes, where)
    record = archive.labels + _BYTES
    if not data or len(data) % record:
        raise InputError(
            f"{where} has {len(data):,} bytes, no multiple of the {record:,} of an image of {SIZE}x{SIZE} pixels"
        )
    rows = np.frombuffer(data, dtype=np.uint8).reshape(-1, record)
    document = {"data": rows[:, archive.labels :], "labels": rows[:, archive.labels - 1].tolist()}
    return images_of(document, "labels", SIZE, classes, where)
