"""Arrays of more rows than memory holds: ``.npy`` files of which single rows are read when they are asked for.

Rows are read at their places and not through a mapping of the file. A mapping counts as the process's memory what the
system maps around every row that is touched, up to two megabytes a row, and ends the process without a word where a
disk fails or a file is cut short. A file may have a checksum for every row, which is compared whenever the row is
read: a flipped bit is a complaint, without a pass over the whole file beforehand.
"""

from __future__ import annotations

import io
import os
import threading
import weakref
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError

Index = int | slice | Sequence[int] | NDArray[np.generic]
LARGEST = 1 << 30
"""Bytes of a file that may become an ordinary array."""


_SEEKING = threading.Lock()


def _pread(file: int, size: int, place: int) -> bytes:
    """Bytes at a place of an open file, wherever others that share it are reading."""
    if hasattr(os, "pread"):
        return os.pread(file, size, place)
    with _SEEKING:
        os.lseek(file, place, os.SEEK_SET)
        return os.read(file, size)


def header(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> bytes:
    """How a ``.npy`` file of such an array begins."""
    written = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(written, described)
    return written.getvalue()


def checksums(rows: NDArray[np.generic]) -> NDArray[np.uint32]:
    """(n,) the CRC-32 of each row's bytes."""
    plain = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
    return np.fromiter((zlib.crc32(row.data) for row in plain), dtype=np.uint32, count=len(rows))


class RowsFile:
    """An array in a ``.npy`` file, read by rows.

    Args:
        path: the ``.npy`` file to read from.
        shape: that it must have.
        dtype: that it must have.
        sums: (N,) checksums of the rows, None where there are none.

    Raises:
        InputError: the file is missing, or of another shape, type or size.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: type[np.generic], sums: NDArray[np.uint32] | None = None
    ) -> None:
        self.path, self.shape, self.dtype, self.sums = path, shape, np.dtype(dtype), sums
        self._start = len(header(shape, self.dtype))
        self._row = int(np.prod(shape[1:], dtype=np.int64)) * self.dtype.itemsize
        size = self._start + shape[0] * self._row
        try:
            with path.open("rb") as opened:
                right, found = opened.read(self._start), os.fstat(opened.fileno()).st_size
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        if found != size:
            raise InputError(f"{path} is damaged: it has {found:,} bytes, {size:,} are right")
        if right != header(shape, self.dtype):
            raise InputError(f"{path} is damaged: it is not the array {shape} of {self.dtype} that belongs there")

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes the array has."""
        return self.shape[0] * self._row

    def __getitem__(self, index: Index) -> NDArray[np.generic]:
        """Some rows, as an ordinary array of their own.

        Raises:
            InputError: a row is not as it was written.
        """
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return self._together(start, max(start, stop))
        rows = places(index, len(self))
        wanted = np.atleast_1d(rows)
        found = self._array([self._read(row, row + 1) for row in wanted.tolist()], wanted)
        return found if rows.ndim else found[0]

    def blocks(self, size: int) -> Iterator[NDArray[np.generic]]:
        """The rows from first to last, so many at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def __array__(self, dtype: np.dtype[np.generic] | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        if self.nbytes > LARGEST:
            raise InputError(
                f"{self.path} has {self.nbytes:,} bytes, too many to be read as a whole; take some rows of the "
                "embedding, as with subset(rows)"
            )
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype)

    def _together(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._array([self._read(start, stop)], np.arange(start, stop))

    def _array(self, parts: Sequence[bytes], rows: NDArray[np.int64]) -> NDArray[np.generic]:
        found = np.frombuffer(bytearray().join(parts), self.dtype).reshape(len(rows), *self.shape[1:])
        self._check(found, rows)
        return found

    def _read(self, start: int, stop: int) -> bytes:
        """The bytes of the rows from ``start`` to ``stop``."""
        size, place = (stop - start) * self._row, self._start + start * self._row
        read = b""
        while len(read) < size:  # the system may give less than it is asked for
            try:
                more = _pread(self._file, size - len(read), place + len(read))
            except OSError as error:
                raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error
            if not more:
                raise InputError(f"{self.path} is damaged: it ends before row {stop:,}")
            read += more
        return read

    def _check(self, found: NDArray[np.generic], rows: NDArray[np.int64]) -> None:
        if self.sums is None or not len(rows):
            return
        wrong = np.flatnonzero(checksums(found) != self.sums[rows])
        if len(wrong):
            raise InputError(
                f"{self.path} is damaged: row {int(rows[wrong[0]]):,} is not that of its checksum; restore the folder, "
                "or remove it and repeat the command that wrote it"
            )

    @cached_property
    def _file(self) -> int:
        """The open file, which is closed when nothing asks it any more."""
        try:
            opened = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from error
        weakref.finalize(self, os.close, opened)
        return opened

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.path, self.shape, self.dtype.type, self.sums)


def places(index: Index, n: int) -> NDArray[np.int64]:
    """Which of n rows an index means; a single one has no dimension."""
    if isinstance(index, slice):
        return np.arange(n)[index]
    found = np.asarray(index)
    if found.dtype == np.bool_:
        return np.flatnonzero(found)
    found = found.astype(np.int64)
    found = np.where(found < 0, found + n, found)
    if found.size and not (found.min() >= 0 and found.max() < n):
        raise IndexError(f"a row beyond the {n:,} there are")
    return found


class Appended:
    """Rows of a file and further ones in memory, which follow them.

    Args:
        base: the first rows.
    """

    def __init__(self, base: RowsFile) -> None:
        self._base = base
        self.dtype = base.dtype
        self._added = np.empty((0, *base.shape[1:]), dtype=base.dtype)
        self._count = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return (len(self), *self._base.shape[1:])

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self._base) + self._count

    def append(self, rows: NDArray[np.generic]) -> None:
        """Add rows at the end."""
        needed = self._count + len(rows)
        if needed > len(self._added):
            larger = np.empty((max(needed, 2 * len(self._added), 256), *self.shape[1:]), dtype=self.dtype)
            larger[: self._count] = self._added[: self._count]
            self._added = larger
        self._added[self._count : needed] = rows
        self._count = needed

    def __getitem__(self, index: Index) -> NDArray[np.generic]:
        rows = places(index, len(self))
        if not rows.ndim:
            return self[rows[None]][0]
        stored = rows < len(self._base)
        if stored.all():
            return self._base[rows]
        found = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        found[stored] = self._base[rows[stored]]
        found[~stored] = self._added[rows[~stored] - len(self._base)]
        return found

    def __array__(self, dtype: np.dtype[np.generic] | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        whole = np.concatenate([np.asarray(self._base), self._added[: self._count]])
        return whole if dtype is None else whole.astype(dtype)
