"""The files that people keep tables in: Parquet, or text with any usual delimiter, also compressed.

Of text the encoding and the delimiter are found (:mod:`arch2vec.objectives.table_text`), lines that start with
``#`` are left out, and numbers may have a decimal comma where the delimiter is another one.
``.gz``, ``.bz2``, ``.xz`` and ``.zip`` with one file inside are unpacked in memory.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from arch2vec.common.parquet import opened_parquet
from arch2vec.errors import InputError
from arch2vec.objectives.table_text import plain_text

_MAGIC = b"PAR1"  # the first four bytes of every Parquet file
_TABLES = (".csv", ".tsv", ".txt", ".dat", ".tab", ".parquet")
_PACKED: Mapping[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
_BYTES, _RATIO = 1 << 26, 40  # that a packed table may unpack to: so many, and so many for each of its bytes

FORMS = "a whole Parquet file or a table of text"
"""What a table's file should be, for messages."""


@dataclass(frozen=True)
class TableFile:
    """A table's file, ready to be read.

    Attributes:
        path: the file, for messages.
        source: what Arrow reads: the file's path, or a reader of its content once it is unpacked.
        delimiter: of text, None for Parquet.
    """

    path: Path
    source: Any
    delimiter: str | None

    @classmethod
    def open(cls, path: Path) -> TableFile:
        """Find out what a file is.

        Raises:
            InputError: it is missing, an archive of several files, or damaged; or
                ``.parquet`` without Parquet in it.
        """
        content: bytes | None = None
        with path.open("rb") as opened:
            start = opened.read(8)
        if zipfile.is_zipfile(path):
            content = _unzipped(path)
        else:
            unpack = next((unpack for magic, unpack in _PACKED.items() if start.startswith(magic)), None)
            if unpack is not None:
                content = _unpacked(path, unpack)
        start = start if content is None else content
        if start.startswith(_MAGIC):
            return cls(path, path if content is None else pa.BufferReader(content), None)
        if path.suffix == ".parquet":
            raise InputError(f"cannot read {path}: not a Parquet file")
        text, delimiter = plain_text(path, path.read_bytes() if content is None else content)
        return cls(path, pa.BufferReader(text), delimiter)

    @property
    def names(self) -> list[str]:
        """The names of the columns, in their order, without blanks around them."""
        return [name.strip() for name in self._names]

    @property
    def _names(self) -> list[str]:
        if self.delimiter is None:
            with self._parquet() as opened:
                return list(opened.schema_arrow.names)
        return list(pyarrow.csv.open_csv(self._again, parse_options=self._parsing).schema.names)

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Some of its columns."""
        if self.delimiter is None:
            with self._parquet() as opened:
                return opened.read(columns=list(columns))
        spaced = {name.strip(): name for name in self._names}
        options = pyarrow.csv.ConvertOptions(include_columns=[spaced[name] for name in columns])
        table = pyarrow.csv.read_csv(self._again, parse_options=self._parsing, convert_options=options)
        return table.rename_columns(list(columns))

    def _parquet(self) -> AbstractContextManager[pyarrow.parquet.ParquetFile]:
        if isinstance(self.source, Path):
            return opened_parquet(self.source)
        return pyarrow.parquet.ParquetFile(self._again, page_checksum_verification=True)

    @property
    def _again(self) -> Any:
        if isinstance(self.source, Path):
            return self.source
        self.source.seek(0)
        return self.source

    @property
    def _parsing(self) -> pyarrow.csv.ParseOptions:
        return pyarrow.csv.ParseOptions(delimiter=self.delimiter or ",", newlines_in_values=True)


def _unzipped(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [
                name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")
            ]
            tables = [name for name in inside if name.lower().endswith(_TABLES)]
            inside = tables if len(tables) == 1 else inside
            if "[Content_Types].xml" in inside:
                raise InputError(f"cannot read {path}: it is a spreadsheet; save it as CSV")
            if len(inside) != 1:
                shown = ", ".join(inside[:5]) or "nothing"
                raise InputError(
                    f"{path} holds {shown}{', ...' if len(inside) > 5 else ''}; a zip of one table is right"
                )
            with archive.open(inside[0]) as stream:
                return _bounded(path, stream)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(f"cannot read {path}: a damaged or encrypted zip file ({error})") from error


def _unpacked(path: Path, unpack: Callable[[Path], Any]) -> bytes:
    try:
        with unpack(path) as stream:
            return _bounded(path, stream)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"cannot read {path}: a damaged compressed file ({error})") from error


def _bounded(path: Path, stream: IO[bytes]) -> bytes:
    """What is in a packed file, unless that is more than tables of its size unpack to."""
    most = _BYTES + _RATIO * path.stat().st_size
    content = stream.read(most + 1)
    if len(content) > most:
        raise InputError(f"cannot read {path}: it unpacks to more than {most:,} bytes, which no table of its size does")
    return content
