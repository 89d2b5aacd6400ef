"""Parquet files: written with checksums, and read without trusting them.

Every page carries a checksum, which is compared when it is read. How many
numbers a file may hold is bounded by its size: a run of equal values takes next
to nothing in a file and all of its length in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.common.storage import atomic_path, reading, require_file, writing
from arch2vec.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_CHECKSUM = b"content_sha256"  # the entry of the metadata
_VALUES, _VALUES_A_BYTE = 1 << 22, 32  # that a file may hold: so many, and so many more for each of its bytes
_BYTES, _BYTES_A_BYTE = 1 << 26, 64  # of its pages, unpacked


def write_parquet(table: pa.Table, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a table, atomically, with checksums of its pages and one of its content.

    Args:
        table: of columns of texts and numbers.
        path: the Parquet file.
        metadata: to write with it, instead of the table's own.

    Raises:
        InputError: the file cannot be written.
    """
    import pyarrow.parquet as pq

    entries = {name.encode(): value.encode() for name, value in (metadata or {}).items()}
    entries |= (table.schema.metadata or {}) if metadata is None else {}
    table = table.replace_schema_metadata({**entries, _CHECKSUM: _digest(table, entries).encode()})
    with writing(path), atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_parquet(path: Path) -> tuple[pa.Table, dict[bytes, bytes]]:
    """What :func:`write_parquet` wrote, and its metadata.

    A file without a checksum of its content, as other programs write them, is read too.

    Raises:
        InputError: the file is missing, damaged, no Parquet, or holds more than a file of
            its size should.
    """
    with opened_parquet(path) as opened:
        table = opened.read()
        return table, checked_metadata(table, path)


def checked_metadata(table: pa.Table, path: Path) -> dict[bytes, bytes]:
    """The metadata of all of a file's table, once its checksum, if it has one, is that of the content.

    Raises:
        InputError: it is not.
    """
    metadata = dict(table.schema.metadata or {})
    stored = metadata.pop(_CHECKSUM, None)
    if stored is not None and stored != _digest(table, metadata).encode():
        raise InputError(
            f"{path} is damaged: its content is not that of its checksum; restore it, "
            "or remove it and repeat the command that wrote it"
        )
    return metadata


@contextmanager
def opened_parquet(path: Path, texts: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """A Parquet file to read from; whatever that raises is one line.

    Args:
        path: the Parquet file.
        texts: columns to read as dictionaries.

    Raises:
        InputError: the file is missing, damaged, no Parquet, or holds more than a file of
            its size should.
    """
    import pyarrow.parquet as pq

    require_file(path)
    with (
        reading(path, "a whole Parquet file"),
        pq.ParquetFile(path, read_dictionary=list(texts), page_checksum_verification=True) as opened,
    ):
        _require_plausible(path, opened.metadata)
        yield opened


def _require_plausible(path: Path, footer: Any) -> None:
    size = path.stat().st_size
    values = footer.num_rows * max(1, footer.num_columns)
    # Not by the columns' own sizes: asking for those of a damaged footer ends the process.
    unpacked = sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups))
    if values > _VALUES + _VALUES_A_BYTE * size or unpacked > _BYTES + _BYTES_A_BYTE * size:
        raise InputError(
            f"cannot read {path}: its {size:,} bytes claim to hold {footer.num_rows:,} rows of {footer.num_columns:,} "
            "columns, which no table of results does"
        )


def _digest(table: pa.Table, metadata: Mapping[bytes, bytes]) -> str:
    """SHA-256 over the metadata and the columns: their names, types, texts and numbers."""
    import pyarrow as pa
    import pyarrow.compute

    digest = hashlib.sha256(repr(sorted(metadata.items())).encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        digest.update(f"{name} {column.type} {len(column)}\n".encode())
        digest.update(column.is_valid().to_numpy().tobytes())
        if pa.types.is_null(column.type):
            continue
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            digest.update("\0".join(text or "" for text in column.to_pylist()).encode())
        else:
            digest.update(pyarrow.compute.fill_null(column, 0).to_numpy().tobytes())
    return digest.hexdigest()
