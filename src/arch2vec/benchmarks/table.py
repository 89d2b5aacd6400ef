"""Published results in memory, read column by column as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types
from numpy.typing import NDArray

from arch2vec.benchmarks.schema import METADATA_KEY, Metric, TableSchema
from arch2vec.common.parquet import opened_parquet
from arch2vec.errors import InputError


class BenchmarkTable:
    """Measurements of N architectures; only the columns that are used are read.

    Args:
        schema: what the file holds.
        path: a Parquet file.
        joined: further Parquet files about the same architectures, found in them by
            the column ``key``; they may hold them in another order.
        key: the column that identifies an architecture in all files.

    Raises:
        InputError: a file is missing or damaged, or lacks a column of the schema.
    """

    def __init__(self, schema: TableSchema, path: Path, joined: Sequence[Path] = (), key: str = "") -> None:
        self.schema = schema
        self.path = path
        self._key = key
        self._files = [_File(file) for file in (path, *joined)]
        self._file_of = {name: file for file in reversed(self._files) for name in file.names}
        wanted = [*schema.architecture, *(column for metric in schema.metrics for column, _ in metric.terms)]
        for column in wanted:
            if column not in self._file_of:
                raise InputError(f"{path} is no whole table of {schema.name}: it has no column {column!r}")
        for file in self._files[1:]:
            if key not in file.names:
                raise InputError(f"{file.path} cannot be joined to {path.name}: it has no column {key!r}")
        self._columns: dict[str, NDArray[np.float64]] = {}
        self._orders: dict[Path, NDArray[np.intp]] = {}

    @property
    def name(self) -> str:
        """Of the benchmark."""
        return self.schema.name

    @property
    def space(self) -> str:
        """The name of the search space that the architectures belong to."""
        return self.schema.space

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What there is to read."""
        return self.schema.metrics

    def __len__(self) -> int:
        return self._files[0].rows

    def metric(self, name: str) -> Metric:
        """See :meth:`TableSchema.metric`."""
        return self.schema.metric(name)

    def find(self, **wanted: Any) -> tuple[Metric, ...]:
        """See :meth:`TableSchema.find`."""
        return self.schema.find(**wanted)

    @cached_property
    def architectures(self) -> list[str]:
        """The N architectures in the space's notation, in the file's order."""
        texts = [self._files[0].texts(column) for column in self.schema.architecture]
        if len(texts) == 1:
            return texts[0]
        return [self.schema.joiner.join(parts) for parts in zip(*texts, strict=True)]

    def column(self, metric: Metric | str) -> NDArray[np.float64]:
        """(N,) a metric of every architecture, NaN where it was not measured; not to be written to.

        Raises:
            InputError: there is no such metric, or the file is damaged.
        """
        found = self.metric(metric if isinstance(metric, str) else metric.column)
        if found.column not in self._columns:
            values = np.zeros(len(self))
            for column, factor in found.terms:
                stored = self._stored(column)
                known = stored if found.absent is None else np.where(stored == found.absent, np.nan, stored)
                # A factor of 1 must not change a bit; the others round once.
                values = known * factor if len(found.terms) == 1 else values + known * factor
            values.setflags(write=False)
            self._columns[found.column] = values
        return self._columns[found.column]

    def _stored(self, column: str) -> NDArray[np.float64]:
        file = self._file_of[column]
        values = file.numbers(column)
        return values if file is self._files[0] else values[self._order(file)]

    def _order(self, file: _File) -> NDArray[np.intp]:
        """(N,) the row of a joined file that each of our architectures has."""
        if file.path not in self._orders:
            ours, theirs = self._files[0].texts(self._key), file.texts(self._key)
            if ours == theirs:
                order = np.arange(len(ours))
            else:
                rows = {text: row for row, text in enumerate(theirs)}
                missing = next((text for text in ours if text not in rows), None)
                if missing is not None:
                    raise InputError(f"{file.path} cannot be joined to {self.path.name}: it lacks {missing!r}")
                order = np.array([rows[text] for text in ours], dtype=np.intp)
            self._orders[file.path] = order
        return self._orders[file.path]

    def __repr__(self) -> str:
        return f"BenchmarkTable({self.name}, {len(self):,} architectures, {len(self.metrics)} metrics, {self.path})"


def stored_schema(path: Path) -> TableSchema | None:
    """The schema in a Parquet file's own metadata, None where it has none.

    Raises:
        InputError: the file is no Parquet file, or its schema is damaged.
    """
    text = _File(path).metadata.get(METADATA_KEY)
    return None if text is None else TableSchema.from_json(text, path)


class _File:
    """One Parquet file: its footer now, its columns when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with opened_parquet(path) as opened:
            schema = opened.schema_arrow
            self.names: list[str] = list(schema.names)
            self.metadata: dict[bytes, bytes] = schema.metadata or {}
            self.rows: int = opened.metadata.num_rows

    def texts(self, column: str) -> list[str]:
        texts = self._read(column).to_pylist()
        wrong = next((row for row, text in enumerate(texts) if not isinstance(text, str)), None)
        if wrong is not None:
            raise InputError(f"{self.path}: column {column!r} holds {texts[wrong]!r} at row {wrong}, not text")
        return texts

    def numbers(self, column: str) -> NDArray[np.float64]:
        read = self._read(column)
        if not (pyarrow.types.is_integer(read.type) or pyarrow.types.is_floating(read.type)):
            raise InputError(f"{self.path}: column {column!r} holds {read.type}, not numbers")
        return np.asarray(read.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)

    def _read(self, column: str) -> Any:
        with opened_parquet(self.path) as opened:
            return opened.read(columns=[column]).column(0)
