"""Compressed content, let through as long as it is in proportion to what it was compressed to."""

from __future__ import annotations

import io
from typing import IO, Any

from typing_extensions import override

from arch2vec.errors import InputError

_FREE = 1 << 22  # bytes that any file may unpack to


class Unpacked(io.RawIOBase):
    """A stream of unpacked bytes that refuses to give more than a compressed file of that size should hold.

    Args:
        plain: the unpacked bytes.
        packed: how many bytes they were packed to.
        ratio: bytes that one of those may become; real files stay far below it.
        where: the file, for complaints.

    Raises:
        InputError: while reading, where it is more.
    """

    def __init__(self, plain: IO[bytes], packed: int, ratio: int, where: object) -> None:
        self._plain, self._packed, self._where = plain, packed, where
        self._most = _FREE + ratio * packed
        self._given = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any, /) -> int:
        piece = self._plain.read(min(len(buffer), 1 << 20))
        self._given += len(piece)
        if self._given > self._most:
            raise InputError(
                f"{self._where} is refused: its {self._packed:,} bytes unpack to more than {self._most:,}, "
                "which no file of results or images does"
            )
        buffer[: len(piece)] = piece
        return len(piece)


def unpacked(plain: IO[bytes], packed: int, ratio: int, where: object) -> io.BufferedReader:
    """The same, buffered."""
    return io.BufferedReader(Unpacked(plain, packed, ratio, where), 1 << 16)
