"""What a reader has found in a file, before it is checked and stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from arch2vec.benchmarks.schema import METADATA_KEY, TableSchema
from arch2vec.common.storage import atomic_path
from arch2vec.errors import InputError

ARCHITECTURE = "architecture"
"""The column of architectures in files of this package."""

Progress = Callable[[int, int], None]
"""Is told how many of how many units are done, bytes or files."""

_ROW_GROUP = 1 << 16  # rows in memory at a time, in all columns


@dataclass(frozen=True)
class Results:
    """A table that is read but not stored.

    Attributes:
        schema: of the file to be; its metrics are stored columns of the same name.
        architectures: N, in the space's notation.
        column: gives the rows of a slice of the named column, float64.
        complete: whether each architecture has all the runs that it should have.
    """

    schema: TableSchema
    architectures: Sequence[str]
    column: Callable[[str, slice], NDArray[np.float64]]
    complete: bool = True

    @classmethod
    def of(
        cls,
        schema: TableSchema,
        architectures: Sequence[str],
        columns: Mapping[str, NDArray[np.float64]],
        complete: bool = True,
    ) -> Results:
        """Results whose columns are all in memory."""
        return cls(schema, architectures, lambda name, rows: columns[name][rows], complete)


def write_results(results: Results, path: Path) -> None:
    """Store results as one Parquet file that describes itself, atomically.

    Raises:
        InputError: the file cannot be written.
    """
    names = [metric.column for metric in results.schema.metrics]
    schema = pa.schema(
        [(ARCHITECTURE, pa.string()), *((name, pa.float64()) for name in names)],
        metadata={METADATA_KEY: results.schema.to_json().encode()},
    )
    try:
        with (
            atomic_path(path) as temporary,
            pyarrow.parquet.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer,
        ):
            for start in range(0, len(results.architectures), _ROW_GROUP):
                rows = slice(start, start + _ROW_GROUP)
                arrays = [pa.array(results.architectures[rows], pa.string())]
                # An empty entry is how Parquet, and all that read it, say "not measured".
                arrays += [pa.array(results.column(name, rows), from_pandas=True) for name in names]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
