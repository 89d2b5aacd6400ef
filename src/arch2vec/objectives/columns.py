"""Reading a few columns of a Parquet or CSV file, and saying precisely what is wrong with them.

Only the named columns are read: a table of 15,625 rows and 36 columns costs
the memory of the three that are used. Rows are counted from 0, as pandas does,
a CSV file's header not included.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.types
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.parquet import opened_parquet
from arch2vec.storage import reading

_MAGIC = b"PAR1"  # the first four bytes of every Parquet file
_FORMS = "a whole Parquet file or a CSV file"
_LISTED = 12  # names that still fit on one line


def column_names(path: Path) -> list[str]:
    """The names of the file's columns, in its order.

    Raises:
        InputError: the file is missing, or neither Parquet nor CSV.
    """
    if _is_parquet(path):
        with opened_parquet(path) as opened:
            return list(opened.schema_arrow.names)
    with reading(path, _FORMS):
        return list(pyarrow.csv.open_csv(path).schema.names)


def find_column(path: Path, name: str, names: Sequence[str]) -> str:
    """``name``, once it is sure that the file has exactly one column of that name.

    Raises:
        InputError: it has none, and which it has instead; or more than one.
    """
    if name not in names:
        close = difflib.get_close_matches(name, names, n=3)
        hint = f"closest: {listed(close)}" if close else f"it has {listed(names)}"
        raise InputError(f"{path} has no column {name!r}; {hint}")
    if names.count(name) > 1:
        raise InputError(f"{path} has {names.count(name)} columns named {name!r}; a column's name must be unique")
    return name


def read_columns(path: Path, text: str, numbers: Sequence[str]) -> tuple[list[str], dict[str, NDArray[np.float64]]]:
    """One column of text and some of finite numbers.

    Args:
        path: a Parquet or CSV file of n rows.
        text: the name of the text column.
        numbers: the names of the numeric columns.

    Returns:
        The n texts, and (n,) numbers by column name.

    Raises:
        InputError: the file is damaged or has no rows; a text is missing; a
            column is not numeric; a number is missing, NaN or infinite.
    """
    columns = list(dict.fromkeys([text, *numbers]))
    if _is_parquet(path):
        with opened_parquet(path) as opened:
            table = opened.read(columns=columns)
    else:
        with reading(path, _FORMS):
            options = pyarrow.csv.ConvertOptions(include_columns=columns)
            table = pyarrow.csv.read_csv(path, convert_options=options)
    with reading(path, _FORMS):
        if table.num_rows == 0:
            raise InputError(f"{path} has no rows")
        rows = _texts(path, text, table.column(text))
        return rows, {name: _numbers(path, name, table.column(name), text, rows) for name in numbers}


def _texts(path: Path, name: str, column: Any) -> list[str]:
    kind = column.type.value_type if pyarrow.types.is_dictionary(column.type) else column.type
    if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind) or pyarrow.types.is_null(kind)):
        raise InputError(f"{path}: column {name!r} holds {column.type}, not text")
    texts: list[str | None] = column.to_pylist()
    present = [entry for entry in texts if entry is not None]
    if len(present) < len(texts):
        raise InputError(f"{path}: column {name!r} is empty at row {texts.index(None)}")
    return present


def _numbers(path: Path, name: str, column: Any, text: str, texts: Sequence[str]) -> NDArray[np.float64]:
    kind = column.type
    is_number = pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_decimal(kind)
    if not (is_number or pyarrow.types.is_null(kind)):
        raise InputError(f"{path}: column {name!r} is not numeric{_first_word(column)}")
    values = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    unusable = np.flatnonzero(~np.isfinite(values))
    if len(unusable):
        row = int(unusable[0])
        what = "empty" if not column[row].is_valid else str(values[row])
        raise InputError(
            f"{path}: column {name!r} is {what} at row {row} ({text} {texts[row]!r}), "
            f"and unusable in {len(unusable):,} of {len(values):,} rows; a finite number is needed in each"
        )
    return values


def _first_word(column: Any) -> str:
    """The first entry of a column that is no number, as the end of a sentence."""
    for row, entry in enumerate(column.to_pylist()):
        try:
            if isinstance(entry, str):
                float(entry)
        except ValueError:
            return f": row {row} holds {entry!r}"
    return f": it holds {column.type}"


def _is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does; ``.parquet`` without that is no CSV file either."""
    with reading(path, _FORMS), path.open("rb") as opened:
        is_parquet = opened.read(len(_MAGIC)) == _MAGIC
    if not is_parquet and path.suffix == ".parquet":
        raise InputError(f"cannot read {path}: not a Parquet file")
    return is_parquet


def listed(names: Iterable[str]) -> str:
    """Names of columns, quoted, as many as fit on a line."""
    shown = list(names)
    more = f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
    return ", ".join(repr(name) for name in shown[:_LISTED]) + more
