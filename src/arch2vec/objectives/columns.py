"""Reading a few columns of a table's file, and saying precisely what is wrong with them.

Only the named columns are read: a table of 15,625 rows and 36 columns costs
the memory of the three that are used. Rows are counted from 0, as pandas does,
a CSV file's header and comments not included.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types
from numpy.typing import NDArray

from arch2vec.common.storage import reading
from arch2vec.errors import InputError
from arch2vec.objectives.table_files import FORMS, TableFile

_LISTED = 12  # names that still fit on one line
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?|[-+]?,\d+")
_MISSING = ("", "nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nil", "missing", "failed", "error", "-", "--", "?")


def column_names(path: Path) -> list[str]:
    """The names of the file's columns, in its order.

    Raises:
        InputError: the file is missing, or neither Parquet nor a table of text.
    """
    with reading(path, FORMS):
        return TableFile.open(path).names


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


def read_columns(
    path: Path, text: str, numbers: Sequence[str], *, gaps: bool = False
) -> tuple[list[str], dict[str, NDArray[np.float64]]]:
    """One column of text and some of numbers.

    Args:
        path: a file of n rows, see :mod:`arch2vec.objectives.table_files`.
        text: the name of the text column; whole numbers are taken as text.
        numbers: the names of the numeric columns.
        gaps: whether texts and numbers may be missing: an empty text, a NaN.

    Returns:
        The n texts, and (n,) numbers by column name.

    Raises:
        InputError: the file is damaged or has no rows; a column is not numeric; a number
            is infinite, or one or a text is missing without ``gaps``.
    """
    columns = list(dict.fromkeys([text, *numbers]))
    with reading(path, FORMS):
        file = TableFile.open(path)
        table = file.read(columns)
        if table.num_rows == 0:
            raise InputError(f"{path} has no rows")
        rows = _texts(path, text, table.column(text), gaps)
        comma = file.delimiter not in (None, ",")
        return rows, {name: _numbers(path, name, table.column(name), text, rows, gaps, comma) for name in numbers}


def _texts(path: Path, name: str, column: Any, gaps: bool) -> list[str]:
    kind = column.type.value_type if pyarrow.types.is_dictionary(column.type) else column.type
    is_text = pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind) or pyarrow.types.is_null(kind)
    entries = column.to_pylist()
    if pyarrow.types.is_floating(kind):  # as whole numbers are written where some are missing
        entries = [None if entry is None or math.isnan(entry) else entry for entry in entries]
        if all(entry is None or float(entry).is_integer() for entry in entries):
            is_text, entries = True, [None if entry is None else int(entry) for entry in entries]
    if not (is_text or pyarrow.types.is_integer(kind)):
        raise InputError(f"{path}: column {name!r} holds {column.type}, not text")
    texts = ["" if entry is None else str(entry) for entry in entries]
    empty = next((row for row, entry in enumerate(texts) if not entry.strip()), None)
    if empty is not None and not gaps:
        raise InputError(f"{path}: column {name!r} is empty at row {empty}; partial=true leaves such rows out")
    return texts


def _numbers(
    path: Path, name: str, column: Any, text: str, texts: Sequence[str], gaps: bool, decimal_comma: bool
) -> NDArray[np.float64]:
    kind = column.type
    is_number = pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_decimal(kind)
    if is_number or pyarrow.types.is_null(kind):
        values = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    else:
        values = _numbers_in_text(path, name, column, decimal_comma)
    usable = np.isfinite(values) | (np.isnan(values) if gaps else False)
    unusable = np.flatnonzero(~usable)
    if len(unusable):
        row = int(unusable[0])
        empty = not column[row].is_valid or (not is_number and np.isnan(values[row]))
        what = "empty" if empty else str(values[row])
        hint = "; partial=true leaves rows without one out" if np.isnan(values[row]) else ""
        raise InputError(
            f"{path}: column {name!r} is {what} at row {row} ({text} {texts[row]!r}), "
            f"and unusable in {len(unusable):,} of {len(values):,} rows; a finite number is needed in each{hint}"
        )
    return values


def _numbers_in_text(path: Path, name: str, column: Any, decimal_comma: bool) -> NDArray[np.float64]:
    """Numbers that are written with decimal commas, percent signs or words for missing ones."""
    entries = column.to_pylist()
    if not all(entry is None or isinstance(entry, str) for entry in entries):
        raise InputError(f"{path}: column {name!r} is not numeric: it holds {column.type}")
    values = np.full(len(entries), math.nan)
    for row, entry in enumerate(entries):
        bare = "" if entry is None else entry.strip().removesuffix("%").strip()
        if bare.lower() in _MISSING:
            continue
        if decimal_comma and _DECIMAL_COMMA.fullmatch(bare):
            bare = bare.replace(",", ".")
        try:
            values[row] = float(bare)
        except ValueError:
            raise InputError(
                f"{path}: column {name!r} is not numeric: row {row} holds {entry!r}; a number alone is right"
            ) from None
    return values


def listed(names: Iterable[str]) -> str:
    """Names of columns, quoted, as many as fit on a line."""
    shown = list(names)
    more = f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
    return ", ".join(repr(name) for name in shown[:_LISTED]) + more
