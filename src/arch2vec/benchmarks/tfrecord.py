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
        headers: list[bytes] = []
        records: list[bytes] = []
        stored: list[tuple[int, int]] = []  # the masked checksums of length and data
        batch_start = start
        while start < size and len(records) < _BATCH and start - batch_start < _BATCH_BYTES:
            header = opened.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise _truncated(path, count + len(records), start, size)
            length, length_crc = _HEADER.unpack(header)
            end = start + _HEADER.size + length + _FOOTER.size
            if end > size:
                # A damaged length is the likelier cause, if its own checksum says so.
                _verify(path, [header[:8]], [length_crc], count + len(records), "length")
                raise _truncated(path, count + len(records), start, size)
            headers.append(header[:8])
            records.append(opened.read(length))
            stored.append((length_crc, _FOOTER.unpack(opened.read(_FOOTER.size))[0]))
            start = end
        _verify(path, headers, [crc for crc, _ in stored], count, "length")
        _verify(path, records, [crc for _, crc in stored], count, "data")
        yield records, start
        count += len(records)


def _verify(path: Path, messages: list[bytes], stored: list[int], first: int, what: str) -> None:
    wrong = np.flatnonzero(masked(crc32c_of(messages)) != np.array(stored, dtype=np.uint32))
    if len(wrong):
        raise InputError(
            f"{path} is damaged: the checksum of the {what} of record {first + int(wrong[0]):,} is wrong; "
            "if it is a TFRecord file at all, download it again"
        )


def _truncated(path: Path, record: int, start: int, size: int) -> InputError:
    return InputError(
        f"{path} is truncated: it ends at byte {size:,}, within record {record:,} that starts at byte {start:,}; "
        "download it again"
    )
