"""Tables of your own: Parquet or CSV with the schema in a JSON document.

The JSON lies beside ``results.csv`` as ``results.schema.json``::

    {"format": 1, "name": "mine", "space": "nasbench201", "architecture": ["arch"],
     "metrics": [{"column": "val", "kind": "accuracy", "dataset": "cifar10", "split": "validation", "epochs": 12}]}

A metric has the fields of :class:`~arch2vec.benchmarks.Metric`; ``"terms":
[["val", 100]]`` turns fractions into percent. Parquet files that this package
has written carry it themselves.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.types
from numpy.typing import NDArray

from arch2vec.benchmarks.results import ARCHITECTURE, Results
from arch2vec.benchmarks.schema import METADATA_KEY, TableSchema
from arch2vec.common.parquet import opened_parquet
from arch2vec.common.storage import read_text, reading
from arch2vec.errors import InputError
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces import get_space

PARQUET_START = b"PAR1"


def schema_path(path: Path) -> Path:
    """Where the schema of a file without one of its own is looked for."""
    return path.with_suffix(".schema.json")


def read_own(path: Path) -> Results:
    """A table of any benchmark, from Parquet or CSV.

    Raises:
        InputError: there is no schema, or the file doesn't hold what it says; an
            architecture is malformed or there twice; an accuracy is no percentage.
    """
    table = _table(path)
    stored = (table.schema.metadata or {}).get(METADATA_KEY)
    beside = schema_path(path)
    if stored is not None:
        schema = TableSchema.from_json(stored, path)
    elif beside.exists():
        schema = TableSchema.from_json(read_text(beside), beside)
    else:
        raise InputError(f"{path} doesn't say what it holds; describe its columns in {beside.name} beside it")
    space = get_space(schema.space)
    columns = [_texts(path, table, name) for name in schema.architecture]
    texts = columns[0] if len(columns) == 1 else [schema.joiner.join(parts) for parts in zip(*columns, strict=True)]
    try:
        graphs = space.parse(texts)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    _, first = np.unique(fingerprint(graphs), return_index=True)
    if len(first) < len(texts):
        row = int(np.setdiff1d(np.arange(len(texts)), first)[0])
        raise InputError(f"{path} holds an architecture twice, the second time in row {row}: {texts[row]!r}")
    values: dict[str, NDArray[np.float64]] = {}
    for metric in schema.metrics:
        total = np.zeros(len(texts))
        for column, factor in metric.terms:
            number = _numbers(path, table, column)
            total += factor * (number if metric.absent is None else np.where(number == metric.absent, np.nan, number))
        if metric.kind == "accuracy" and (np.nanmax(total, initial=0) > 100 or np.nanmin(total, initial=0) < 0):
            raise InputError(f"{path}: {metric.column!r} is no accuracy in percent, it goes beyond 0 to 100")
        values[metric.column] = total
    plain = tuple(replace(metric, terms=((metric.column, 1.0),), absent=None) for metric in schema.metrics)
    return Results.of(replace(schema, metrics=plain, architecture=(ARCHITECTURE,)), space.format(graphs), values)


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does."""
    with reading(path, "a file"), path.open("rb") as opened:
        return opened.read(len(PARQUET_START)) == PARQUET_START


def _table(path: Path) -> pa.Table:
    if is_parquet(path):
        with opened_parquet(path) as opened:
            return opened.read()
    with reading(path, "a whole Parquet file or a CSV file"):
        return pyarrow.csv.read_csv(path)


def _column(path: Path, table: pa.Table, name: str) -> pa.ChunkedArray:
    if table.column_names.count(name) != 1:
        raise InputError(f"{path} has {table.column_names.count(name)} columns {name!r}; its schema names one")
    return table.column(name)


def _texts(path: Path, table: pa.Table, name: str) -> list[str]:
    texts = _column(path, table, name).to_pylist()
    wrong = next((row for row, text in enumerate(texts) if not isinstance(text, str)), None)
    if wrong is not None or not texts:
        found = "no rows" if wrong is None else f"{texts[wrong]!r} in row {wrong}"
        raise InputError(f"{path}: {name!r} should hold architectures, it has {found}")
    return texts


def _numbers(path: Path, table: pa.Table, name: str) -> NDArray[np.float64]:
    column = _column(path, table, name)
    kind = column.type
    if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_null(kind)):
        raise InputError(f"{path}: column {name!r} holds {kind}, not numbers")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
