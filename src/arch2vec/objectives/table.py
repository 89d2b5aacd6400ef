"""Published results as an objective: an architecture's worth is looked up in a table.

A table is a Parquet or CSV file with a column of architectures in their
space's notation and named columns of measurements. Which column is the
validation accuracy a search sees and which the test accuracy it may not see
is always said by name, never guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.objectives.columns import column_names, find_column, listed, read_columns
from arch2vec.objectives.lookup import LookupObjective, parse_rows
from arch2vec.objectives.view import TableView
from arch2vec.spaces import SPACES, SearchSpace, get_space

_ARCHITECTURE_COLUMNS = ("architecture", "arch_str")
_TRIED = 100  # rows looked at for one that tells the space


class TableObjective(LookupObjective):
    """Looks architectures up in a table of results.

    Values are percent. A validation or test column that lies within [0, 1] as
    a whole holds fractions and is multiplied by 100; ``scale`` overrules that.
    Isomorphic architectures are one and the same, however they are written.
    The test value travels in :attr:`Outcome.test` only and takes part in
    nothing else here.

    Args:
        path: a Parquet or CSV file.
        validation: the column a search maximises.
        test: the column to report, None for none.
        cost: the column of seconds an evaluation costs, None for no cost (0 s).
        cost_scale: multiplies the cost, for a column that counts epochs: 12
            epochs on half the data are 6 times the seconds of one epoch.
        scale: multiplies validation and test, instead of finding out whether
            they are fractions.
        architecture: the column of architectures; ``architecture`` or
            ``arch_str`` by default.
        space: the space they belong to, or its name; by default the one whose
            notation they are in.
        partial: accept a table that lacks architectures of a space that can
            be listed.
        name: of the objective; made of the file's and the column's by default.

    Attributes:
        architectures: the table's architectures in canonical notation, in its order.
        optimum: the best validation value, percent.
        path: the file.
        architecture_column: its column of architectures.
        accuracy_columns: those of validation and, where there is one, test.

    Raises:
        InputError: the file or a column cannot be used; the line says which,
            at which row, and why.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        validation: str,
        test: str | None = None,
        cost: str | None = None,
        cost_scale: float = 1.0,
        scale: float | None = None,
        architecture: str | None = None,
        space: SearchSpace | str | None = None,
        partial: bool = False,
        name: str | None = None,
    ) -> None:
        path = self.path = Path(path)
        if test == validation:
            raise InputError(f"validation and test are both {test!r}: a search would see the test accuracy")
        if cost is None and cost_scale != 1:
            raise InputError("cost_scale needs a cost column to multiply")
        for option, factor in (("cost_scale", cost_scale), ("scale", scale)):
            if factor is not None and not (math.isfinite(factor) and factor > 0):
                raise InputError(f"{option} must be a positive number, got {factor}")

        names = column_names(path)
        key = _architecture_column(path, architecture, names)
        self.architecture_column = key
        self.accuracy_columns = tuple(find_column(path, column, names) for column in (validation, test) if column)
        used = [find_column(path, column, names) for column in (validation, test, cost) if column is not None]
        texts, columns = read_columns(path, key, used)

        if space is None:
            space = _find_space(path, texts)
        table_space = get_space(space) if isinstance(space, str) else space
        super().__init__(table_space, parse_rows(path, table_space, texts), path)
        if not partial:
            self._require_all(path)

        signal, unit = _percent(columns[validation], scale)
        notes = [f"validation {validation} ({unit})"]
        reported = np.full(len(texts), np.nan)
        if test is not None:
            reported, unit = _percent(columns[test], scale)
            notes.append(f"test {test} ({unit})")
        cost_s = np.zeros(len(texts))
        if cost is not None:
            cost_s = _seconds(path, cost, columns[cost] * cost_scale, self.architectures)
            notes.append(f"cost {cost_scale:g} x {cost} s")
        else:
            notes.append("no cost (0 s)")
        self._columns = TableView(signal, reported, cost_s)
        self.name = name or re.sub(r"[^\w.-]+", "_", f"{path.stem}-{validation}")
        self.description = f"{path.name}, {len(texts):,} {self.space} architectures: {', '.join(notes)}"

    @override
    def columns(self, fidelity: int | None = None) -> TableView:
        if fidelity is not None:
            raise InputError(f"objective {self.name} has one fidelity, that of its columns; {fidelity} is not offered")
        return self._columns

    def _require_all(self, path: Path) -> None:
        # Different architectures of the space, as many as it has, are all of it.
        if not self._space.enumerable or len(self) == self._space.size:
            return
        everything = self._space.enumerate()
        missing = np.flatnonzero(self.rows_of(everything) < 0)
        if len(missing):
            first = self._space.format(everything[int(missing[0])])[0]
            raise InputError(
                f"{path} lacks {len(missing):,} architectures of {self.space}, the first {first!r}; "
                "say partial=true to use the others"
            )


def _architecture_column(path: Path, named: str | None, names: Sequence[str]) -> str:
    if named is not None:
        return find_column(path, named, names)
    for candidate in _ARCHITECTURE_COLUMNS:
        if candidate in names:
            return find_column(path, candidate, names)
    expected = " nor ".join(repr(candidate) for candidate in _ARCHITECTURE_COLUMNS)
    raise InputError(
        f"{path} has neither a column {expected}; name the column of architectures with architecture=, "
        f"one of {listed(names)}"
    )


def _find_space(path: Path, texts: Sequence[str]) -> SearchSpace:
    """The space in whose notation the first readable row is."""
    for text in texts[:_TRIED]:
        for name in SPACES:
            space = get_space(name)
            try:
                space.parse([text])
            except InputError:
                continue
            return space
    raise InputError(f"{path}: {texts[0]!r} at row 0 is not in the notation of a known space ({', '.join(SPACES)})")


def _percent(values: NDArray[np.float64], scale: float | None) -> tuple[NDArray[np.float64], str]:
    if scale is not None:
        return values * scale, "percent as given" if scale == 1 else f"times {scale:g}"
    if values.min() >= 0 and values.max() <= 1:
        return values * 100, "fractions, read as percent"
    return values, "percent"


def _seconds(path: Path, name: str, values: NDArray[np.float64], architectures: Sequence[str]) -> NDArray[np.float64]:
    negative = np.flatnonzero(values < 0)
    if len(negative):
        row = int(negative[0])
        raise InputError(f"{path}: column {name!r} is negative at row {row} (architecture {architectures[row]!r})")
    return values
