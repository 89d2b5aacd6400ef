"""Small files in the published formats of image data sets."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np


def rows(n: int, size: int, classes: int, seed: int) -> tuple[np.ndarray, list[int]]:
    """Random images as the batches have them, a row an image, and labels that name every class."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % classes).tolist()
    return rng.integers(0, 256, size=(n, 3 * size * size), dtype=np.uint8), labels


def python2_pickle(data: np.ndarray, entries: dict[str, list[int]]) -> bytes:
    """A batch as Python 2 and its NumPy have pickled it, in protocol 2: all texts are strings of bytes.

    Python 3 cannot write these, so the opcodes are put together here.
    """

    def text(value: bytes) -> bytes:
        if len(value) < 256:
            return b"U" + bytes([len(value)]) + value  # SHORT_BINSTRING
        return b"T" + struct.pack("<i", len(value)) + value  # BINSTRING

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)  # BININT

    def integers(values: list[int]) -> bytes:
        return b"](" + b"".join(map(number, values)) + b"e"

    kind = b"cnumpy\ndtype\n" + text(b"u1") + number(0) + number(1) + b"\x87R"
    kind += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85" + text(b"b") + b"\x87R"
    shape = number(data.shape[0]) + number(data.shape[1]) + b"\x86"
    array += b"(" + number(1) + shape + kind + b"\x89" + text(data.tobytes()) + b"tb"
    pairs = text(b"data") + array
    for key, values in entries.items():
        pairs += text(key.encode()) + integers(values)
    return b"\x80\x02}(" + pairs + text(b"batch_label") + text(b"a batch of 5") + b"u."


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as opened:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))


def cifar10_members(images: int = 20, size: int = 32, labels_key: str = "labels") -> dict[str, bytes]:
    """The members of a small CIFAR-10 archive, and another file beside them."""
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    members = {"cifar-10-batches-py/readme.html": b"<html>"}
    for seed, name in enumerate(names):
        data, labels = rows(images, size, 10, seed)
        members[f"cifar-10-batches-py/{name}"] = python2_pickle(data, {labels_key: labels})
    return members


def write_cifar10(folder: Path, images: int = 20, **options: Any) -> Path:
    path = folder / "cifar-10-python.tar.gz"
    write_archive(path, cifar10_members(images, **options))
    return path


def python3_pickle(document: object, protocol: int = 4) -> bytes:
    return pickle.dumps(document, protocol=protocol)
