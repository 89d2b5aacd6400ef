"""Published results as an objective: an architecture's worth is looked up in a table.

A table is a Parquet or CSV file with a column of architectures in their
space's notation and named columns of measurements. Which column is the
validation accuracy a search sees and which the test accuracy it may not see
is always said by name, never guessed.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.common.storage import AnyPath
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.objectives.base import Outcome
from arch2vec.objectives.columns import column_names, find_column, listed, read_columns
from arch2vec.objectives.drawn import DrawnView
from arch2vec.objectives.lookup import LookupObjective, parse_rows
from arch2vec.objectives.runs import draws, place_of
from arch2vec.objectives.table_values import SeedChoice, mean_over_runs, runs_of, unit_of
from arch2vec.objectives.view import TableView
from arch2vec.spaces import SPACES, SearchSpace, get_space

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding

_ARCHITECTURE_COLUMNS = ("architecture", "arch_str")
_ALSO_CALLED = ("architectures", "arch")
_TRIED = 100  # rows looked at for one that tells the space


class TableObjective(LookupObjective):
    """Looks architectures up in a table of results.

    Values are percent unless ``unit`` says something else. A validation or test column
    that lies within [0, 1] as a whole holds fractions and is multiplied by 100;
    ``scale`` overrules that. Isomorphic architectures are one and the same, however
    they are written. The test value travels in :attr:`Outcome.test` only and takes part in
    nothing else here.

    Args:
        path: a Parquet file or a table of text, see :mod:`arch2vec.objectives.table_files`.
        validation: the column a search maximises, or minimises.
        test: the column to report, None for none.
        cost: the column of seconds an evaluation costs, None for no cost (0 s).
        cost_scale: multiplies the cost, for a column that counts epochs: 12
            epochs on half the data are 6 times the seconds of one epoch.
        scale: multiplies validation and test, instead of finding out whether
            they are fractions.
        minimise: whether less of ``validation`` is better, as of an error or a loss. A column whose name says that
            it is one is refused unless this is said.
        unit: what validation and test are, if not percent.
        absent: a number that stands for a missing value in these columns.
        architecture: the column of architectures; ``architecture`` or
            ``arch_str`` by default.
        space: the space they belong to, or its name; by default the one whose
            notation they are in.
        partial: accept a table that lacks architectures of a space that can
            be listed, and leave out rows without an architecture, a validation value or a cost.
        seed: what is done with several rows of one architecture, such as training runs:
            ``mean`` for their mean, 0 for the first row of each and so on, ``random``
            for one that is drawn for each. By default they are refused. Reported test values
            are means in any case.
        noise_seed: of the draw; with ``search`` it is the seed of each search.
        name: of the objective; made of the file's and the column's by default.

    Attributes:
        architectures: the table's architectures in canonical notation, in its order.
        optimum: the best value of the signal.
        path: the file.
        architecture_column: its column of architectures.
        accuracy_columns: those of validation and, where there is one, test.

    Raises:
        InputError: the file or a column cannot be used; the line says which,
            at which row, and why.
    """

    def __init__(
        self,
        path: AnyPath,
        *,
        validation: str,
        test: str | None = None,
        cost: str | None = None,
        cost_scale: float = 1.0,
        scale: float | None = None,
        minimise: bool | None = None,
        unit: str | None = None,
        absent: float | None = None,
        architecture: str | None = None,
        space: SearchSpace | str | None = None,
        partial: bool = False,
        seed: SeedChoice | None = None,
        noise_seed: int | Literal["search"] = 0,
        name: str | None = None,
    ) -> None:
        path = self.path = Path(path)
        if test == validation:
            raise InputError(f"validation and test are both {test!r}: a search would see the test accuracy")
        if cost is None and cost_scale != 1:
            raise InputError("cost_scale needs a cost column to multiply")
        for option, factor in (("cost_scale", cost_scale), ("scale", scale)):
            if factor is not None and not (math.isfinite(factor) and factor > 0):
                hint = "; where less is better say minimise=true" if factor < 0 and option == "scale" else ""
                raise InputError(f"{option} must be a positive number, got {factor}{hint}")
        if seed != "random" and noise_seed != 0:
            raise InputError(f"noise_seed needs seed=random, got seed={seed}")

        names = column_names(path)
        key = _architecture_column(path, architecture, names)
        self.architecture_column = key
        self.accuracy_columns = tuple(find_column(path, column, names) for column in (validation, test) if column)
        used = [find_column(path, column, names) for column in (validation, test, cost) if column is not None]
        gaps = partial or absent is not None
        texts, columns = read_columns(path, key, used, gaps=gaps)
        if absent is not None:
            for column in self.accuracy_columns:
                columns[column] = np.where(columns[column] == absent, np.nan, columns[column])
        kept = _usable(path, texts, columns, [column for column in (validation, cost) if column], partial)
        left_out = len(texts) - len(kept)
        texts, columns = [texts[row] for row in kept], {name: values[kept] for name, values in columns.items()}

        if space is None:
            space = _find_space(path, texts)
        table_space = get_space(space)
        reading = parse_rows(path, table_space, texts)
        first, groups = _different(path, reading.graphs, texts, None if seed is None else str(seed))
        super().__init__(table_space, reading.graphs[first], path)
        self._rows_read, self._groups = kept, groups
        if not partial:
            self._require_all(path)

        self.unit = "%" if unit is None and not minimise else unit or ""
        self.minimise = bool(minimise)
        self._column = validation
        how = unit_of(path, validation, columns[validation], scale, unit, minimise)
        notes = [f"validation {'minus ' if minimise else ''}{validation} ({how.told})"]
        signal = columns[validation] * how.factor
        reported = np.full(len(texts), np.nan)
        if test is not None:
            # Of the test column less may be better as well, but it is only shown.
            how = unit_of(path, test, columns[test], scale, unit, bool(minimise))
            reported = columns[test] * how.factor
            notes.append(f"test {test} ({how.told})")
        cost_s = np.zeros(len(texts))
        if cost is not None:
            cost_s = _seconds(path, cost, columns[cost] * cost_scale, texts)
            notes.append(f"cost {cost_scale:g} x {cost} s")
        else:
            notes.append("no cost (0 s)")
        self._signal_runs, self._cost_runs, tests = runs_of(groups, len(first), [signal, cost_s, reported])
        self._test = mean_over_runs(tests)
        self._seed: SeedChoice = "mean" if seed is None else seed
        self._noise_seed = noise_seed
        if isinstance(seed, int) and not 0 <= seed < len(self._signal_runs):
            raise InputError(f"{path}: seed must be mean, random or below {len(self._signal_runs)}, got {seed}")
        if seed is not None:
            drawn = f", drawn with noise seed {noise_seed}" if seed == "random" else ""
            notes.append(f"{len(texts):,} rows, seed {seed}{drawn}")
        if left_out:
            notes.append(f"{left_out:,} rows without a value left out")
        if reading.note is not None:
            notes.append(f"architectures {reading.note}")
        self.name = name or re.sub(r"[^\w.-]+", "_", f"{path.stem}-{validation}")
        self.description = f"{path.name}, {len(self):,} {self.space} architectures: {', '.join(notes)}"

    @property
    @override
    def signal_name(self) -> str:
        return self._column if self.minimise else "validation"

    @property
    @override
    def redrawn(self) -> bool:
        return self._noise_seed == "search"

    @override
    def for_search(self, seed: int) -> Self:
        if not self.redrawn:
            return self
        other = copy.copy(self)
        other.__dict__["_rows"] = self._rows
        other._noise_seed = seed
        for cached in ("optimum", "frame", "_columns"):
            other.__dict__.pop(cached, None)
        return other

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if self.redrawn:
            raise InputError(f"objective {self.name}: runs are drawn by search; ask for_search(seed) to evaluate")
        return super().evaluate(architecture, fidelity)

    @override
    def columns(self, fidelity: int | None = None) -> TableView:
        if fidelity is not None:
            raise InputError(f"objective {self.name} has one fidelity, that of its columns; {fidelity} is not offered")
        return self._columns

    @override
    def drawn(self, embedding: Embedding, fidelity: int | None = None) -> DrawnView:
        if not self.redrawn:
            return super().drawn(embedding, fidelity)
        there = ~np.isnan(self._signal_runs)
        view = DrawnView(self._fingerprints, there, self._signal_runs, self._cost_runs, self.columns(fidelity))
        return view.take(self._rows_in(embedding))

    def measured(self, column: str) -> NDArray[np.float64]:
        """(N,) another numeric column, in the order of the architectures; the mean where they have several rows.

        Raises:
            InputError: there is no such column, or it holds no numbers.
        """
        _, columns = read_columns(self.path, self.architecture_column, [column], gaps=True)
        (runs,) = runs_of(self._groups, len(self), [columns[column][self._rows_read]])
        return mean_over_runs(runs)

    @cached_property
    def _columns(self) -> TableView:
        if self._seed == "mean" or self._noise_seed == "search":
            return TableView(mean_over_runs(self._signal_runs), self._test, mean_over_runs(self._cost_runs))
        if self._seed == "random":
            numbers = draws(self._fingerprints, self._noise_seed)
        else:
            numbers = np.full(len(self), self._seed, dtype=np.uint64)
        place, row = place_of(~np.isnan(self._signal_runs), numbers), np.arange(len(self))
        return TableView(self._signal_runs[place, row], self._test, self._cost_runs[place, row])

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


def _usable(
    path: Path, texts: Sequence[str], columns: Mapping[str, NDArray[np.float64]], needed: Sequence[str], partial: bool
) -> NDArray[np.int64]:
    """The rows that have an architecture and all needed numbers.

    Raises:
        InputError: some have not and the user has not said that they can be left out, or none has.
    """
    whole = np.array([bool(text.strip()) for text in texts])
    for name in needed:
        whole &= ~np.isnan(columns[name])
    if not whole.any():
        raise InputError(f"{path} has no row with an architecture and a number in {listed(needed)}")
    if not whole.all() and not partial:
        row = int(np.argmin(whole))
        raise InputError(
            f"{path} lacks a value of {listed(needed)} in {int((~whole).sum()):,} of {len(whole):,} rows, the first "
            f"row {row} ({texts[row]!r}); say partial=true to leave such rows out"
        )
    return np.flatnonzero(whole)


def _different(
    path: Path, graphs: GraphBatch, texts: Sequence[str], seed: str | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first rows of the different architectures, in the file's order, and which of them each row is of.

    Raises:
        InputError: an architecture has several rows, and it is not said what is to be done with them.
    """
    _, first, groups = np.unique(fingerprint(graphs), return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    first, groups = first[order].astype(np.int64), rank[groups.reshape(-1)]
    if seed is None and len(first) < len(texts):
        row = int(np.setdiff1d(np.arange(len(texts)), first)[0])
        earlier = int(first[groups[row]])
        raise InputError(
            f"{path} holds architectures more than once: {texts[earlier].strip()!r} at rows {earlier} and {row}; "
            f"rows too many: {len(texts) - len(first):,}; say seed=mean for means over the rows of one, "
            "or seed=random to draw one of them for each"
        )
    return first, groups


def _architecture_column(path: Path, named: str | None, names: Sequence[str]) -> str:
    if named is not None:
        return find_column(path, named, names)
    for candidate in _ARCHITECTURE_COLUMNS:
        if candidate in names:
            return find_column(path, candidate, names)
    called = [name for name in names if name.lower() in (*_ARCHITECTURE_COLUMNS, *_ALSO_CALLED)]
    if len(called) == 1:
        return called[0]
    expected = " nor ".join(repr(candidate) for candidate in _ARCHITECTURE_COLUMNS)
    raise InputError(
        f"{path} has neither a column {expected}; name the column of architectures with architecture=, "
        f"one of {listed(names)}"
    )


def _find_space(path: Path, texts: Sequence[str]) -> SearchSpace:
    """The space in one of whose notations the first readable row is.

    Raises:
        InputError: it is in none, or in those of several.
    """
    for text in texts[:_TRIED]:
        fitting = [space for space in (get_space(name) for name in SPACES) if _reads(space, text)]
        # A published genotype with two equal cells is of both DARTS spaces; the one of single cells is meant.
        names = [space.name for space in fitting if space.name != "darts_pair"] or [space.name for space in fitting]
        if len(names) > 1:
            raise InputError(
                f"{path}: {text!r} at row 0 could be of {' or '.join(names)}; say which space, as in space={names[0]}"
            )
        if fitting:
            return fitting[0]
    raise InputError(
        f"{path}: {texts[0]!r} at row 0 is not in the notation of a known space ({', '.join(SPACES)}); "
        "one of your own is named with space=FILE.yaml"
    )


def _reads(space: SearchSpace, text: str) -> bool:
    try:
        space.parse([text])
    except InputError:
        return False
    return True


def _seconds(path: Path, name: str, values: NDArray[np.float64], architectures: Sequence[str]) -> NDArray[np.float64]:
    negative = np.flatnonzero(values < 0)
    if len(negative):
        row = int(negative[0])
        raise InputError(f"{path}: column {name!r} is negative at row {row} (architecture {architectures[row]!r})")
    return values
