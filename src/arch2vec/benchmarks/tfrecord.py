"""TFRecord files without TensorFlow, every checksum verified.

A record is: its length (8 bytes, little-endian), the masked CRC-32C of these 8
bytes, the data, the masked CRC-32C of the data. Only a batch of records is in
memory at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from arch2vec.benchmarks.crc32c import crc32c_of, masked
from arch2vec.errors import InputError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_BATCH = 4096  # records whose checksums are computed together
_BATCH_BYTES = 1 << 24  # or fewer, where they are long


def read_records(path: Path) -> Iterator[tuple[list[bytes], int]]:
    """The records of a file, some thousands at a time, with the position in the file that they end at.

    Raises:
        InputError: the file cannot be read, ends within a record, or a checksum is
            wrong. Records of the same batch are then not given out.
    """
    try:
        with path.open("rb") as opened:
            yield from _batches(opened, path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _batches(opened: BinaryIO, path: Path) -> Iterator[tuple[list[bytes], int]]:
    size = path.stat().st_size
    start = 0  # of the record at hand
    count = 0  # of records in earlier batches
    while start < size:
        lengths: list[bytes] = []
        length_checksums: list[int] = []
        records: list[bytes] = []
        checksums: list[int] = []
        batch_start, whole = start, True
        while start < size and len(records) < _BATCH and start - batch_start < _BATCH_BYTES:
            header = opened.read(_HEADER.size)
            whole = len(header) == _HEADER.size
            if not whole:
                break
            length, checksum = _HEADER.unpack(header)
            lengths.append(header[:8])
            length_checksums.append(checksum)
            end = start + _HEADER.size + length + _FOOTER.size
            whole = end <= size
            if not whole:
                break
            records.append(opened.read(length))
            checksums.append(_FOOTER.unpack(opened.read(_FOOTER.size))[0])
            start = end
        # Before the file is called truncated: a damaged length makes a whole one look so.
        _verify(path, lengths, length_checksums, count, "length")
        _verify(path, records, checksums, count, "data")
        if not whole:
            raise InputError(
                f"{path} is truncated: it ends at byte {size:,}, within record {count + len(records):,} "
                f"that starts at byte {start:,}; download it again"
            )
        yield records, start
        count += len(records)


def _verify(path: Path, messages: list[bytes], stored: list[int], first: int, what: str) -> None:
    wrong = np.flatnonzero(masked(crc32c_of(messages)) != np.array(stored, dtype=np.uint32))
    if len(wrong):
        raise InputError(
            f"{path} is damaged: the checksum of the {what} of record {first + int(wrong[0]):,} is wrong; "
            "if it is a TFRecord file at all, download it again"
        )
