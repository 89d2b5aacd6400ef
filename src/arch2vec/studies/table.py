"""Runs as a table, a row an evaluation: what is stored in Parquet files and handed to other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from arch2vec.common.documents import checked, mapping, number, parse_json
from arch2vec.common.parquet import checked_metadata, opened_parquet
from arch2vec.errors import InputError
from arch2vec.studies.runs import FIRST_BEYOND, SearchRuns, joined

if TYPE_CHECKING:
    import pandas as pd

TEXTS = ["method", "objective", "architecture"]
_TEXT = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        ("method", _TEXT),
        ("objective", _TEXT),
        ("seed", pa.int64()),
        ("evaluation", pa.int32()),
        ("row", pa.int32()),
        ("architecture", _TEXT),
        ("fidelity", pa.int32()),
        ("validation", pa.float64()),
        ("reported_validation", pa.float64()),
        ("test", pa.float64()),
        ("cost_s", pa.float64()),
        ("cumulative_cost_s", pa.float64()),
        ("method_s", pa.float32()),
        ("further", _TEXT),
    ]
)
"""The columns. ``evaluation`` counts from 1 in each run; ``row`` is the embedding's, negative for what is
not in it; no ``fidelity`` is the default; ``further`` is a JSON object of what else a function told."""

_NEEDED = ("method", "objective", "seed", "evaluation", "row", "architecture", "cost_s")


def to_table(runs: SearchRuns, architectures: Sequence[str]) -> pa.Table:
    """A row an evaluation, run by run.

    Args:
        runs: of one method and objective.
        architectures: the embedding's, by row.
    """
    made = runs.made
    rows = runs.rows[made]
    used, codes = np.unique(rows, return_inverse=True)
    fidelity = runs.fidelity[made]
    count = len(rows)
    columns = [
        _constant(runs.method, count),
        _constant(runs.objective, count),
        np.repeat(runs.seeds, runs.lengths),
        np.broadcast_to(np.arange(1, made.shape[1] + 1, dtype=np.int32), made.shape)[made],
        rows,
        pa.DictionaryArray.from_arrays(codes.astype(np.int32), pa.array(runs.texts(used.tolist(), architectures))),
        pa.array(fidelity, mask=fidelity == 0),
        pa.array(runs.validation[made], from_pandas=True),
        pa.array(runs.reported[made], from_pandas=True),
        pa.array(runs.test[made], from_pandas=True),
        runs.cost_s[made],
        runs.cumulative_cost_s[made],
        runs.method_s[made],
        pa.nulls(count, _TEXT) if runs.further is None else _further(runs.further[made]),
    ]
    return pa.table([pa.array(column) for column in columns], schema=SCHEMA)


def _further(texts: NDArray[np.object_]) -> pa.Array:
    return pa.array([text or None for text in texts.tolist()]).dictionary_encode()


def _constant(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(np.zeros(count, dtype=np.int32), pa.array([text]))


def to_runs(table: pa.Table) -> SearchRuns:
    """The runs of a table of one method and objective, the inverse of :func:`to_table`."""
    seeds, starts = np.unique(_numbers(table, "seed", np.int64), return_index=True)
    order = np.argsort(starts)
    seeds, starts = seeds[order], starts[order]
    lengths = np.diff(np.append(starts, len(table)))
    shape = len(seeds), int(lengths.max(initial=0))
    made = np.arange(shape[1]) < lengths[:, None]

    def column(name: str, kind: type[np.generic], filler: float) -> NDArray[Any]:
        array = np.full(shape, filler, dtype=kind)
        array[made] = _numbers(table, name, kind)
        return array

    def texts_of(column: pa.ChunkedArray) -> NDArray[np.object_]:
        array = np.full(shape, "", dtype=object)
        array[made] = [text or "" for text in column.to_pylist()]
        return array

    told = table.column("further")
    rows = column("row", np.int32, -1)
    outside = rows <= FIRST_BEYOND
    if outside.any():  # parts of a table number them each in its own way: their texts tell
        texts = np.array(table.column("architecture").to_pylist(), dtype=object)[outside[made]].tolist()
        beyond = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        rows[outside] = [FIRST_BEYOND - beyond[text] for text in texts]
    return SearchRuns(
        beyond=tuple(beyond) if outside.any() else (),
        method=table.column("method")[0].as_py(),
        objective=table.column("objective")[0].as_py(),
        seeds=seeds,
        lengths=lengths,
        rows=rows,
        fidelity=column("fidelity", np.int32, 0),
        validation=column("validation", np.float64, np.nan),
        test=column("test", np.float64, np.nan),
        reported=column("reported_validation", np.float64, np.nan),
        cost_s=column("cost_s", np.float64, 0),
        method_s=column("method_s", np.float32, 0),
        further=None if told.null_count == len(told) else texts_of(told),
    )


def _numbers(table: pa.Table, name: str, kind: type[np.generic]) -> NDArray[Any]:
    column = table.column(name).combine_chunks()
    if column.null_count:
        column = pyarrow.compute.fill_null(column, np.nan if issubclass(kind, np.floating) else 0)
    return column.to_numpy(zero_copy_only=False).astype(kind, copy=False)


def in_schema(table: pa.Table) -> pa.Table:
    """The columns of :data:`SCHEMA`; files of earlier versions have no ``further``."""
    if "further" not in table.column_names:
        table = table.append_column("further", pa.nulls(len(table), _TEXT))
    return table.select(SCHEMA.names).cast(SCHEMA)


class Trajectories:
    """All evaluations of a study.

    Args:
        table: of :data:`SCHEMA`; the evaluations of a run are together and in order.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table.unify_dictionaries()

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        keys = self.keys()
        methods = ", ".join(dict.fromkeys(method for method, _ in keys))
        objectives = ", ".join(dict.fromkeys(objective for _, objective in keys))
        return f"Trajectories({len(self):,} evaluations by {methods or 'nobody'} on {objectives or 'nothing'})"

    def _repr_html_(self) -> str:
        head = self.table.slice(0, 5).to_pandas().to_html(index=False, float_format="{:.2f}".format)
        return f"<p>{escape(repr(self))}</p>{head}"

    def to_pandas(self) -> pd.DataFrame:
        """The table for pandas, see :meth:`frame`."""
        return self.frame()

    @classmethod
    def read(cls, path: Path) -> Trajectories:
        """Read a study's ``trajectories.parquet``.

        Raises:
            InputError: it is missing, damaged or something else.
        """
        return cls(read_table(path))

    def keys(self) -> list[tuple[str, str]]:
        """The (method, objective) pairs there are runs of, in the table's order."""
        distinct = self.table.select(["method", "objective"]).group_by(["method", "objective"], use_threads=False)
        found = distinct.aggregate([])
        return list(zip(found.column("method").to_pylist(), found.column("objective").to_pylist(), strict=True))

    def runs(self, method: str, objective: str) -> SearchRuns:
        """The runs of one method against one objective, by ascending seed.

        Raises:
            InputError: there are none.
        """
        compute = pyarrow.compute
        mine = compute.and_(
            compute.equal(self.table.column("method").cast(pa.string()), method),
            compute.equal(self.table.column("objective").cast(pa.string()), objective),
        )
        part = self.table.filter(mine)
        if not len(part):
            raise InputError(f"the study holds no runs of method {method!r} on objective {objective!r}")
        return joined([to_runs(part)])

    def frame(self) -> pd.DataFrame:
        """The table for pandas; texts are categorical."""
        frame: pd.DataFrame = self.table.to_pandas()
        return with_further(frame)


def with_further(frame: pd.DataFrame) -> pd.DataFrame:
    """What functions told beside their values as columns of its own, in place of ``further``."""
    told, frame = frame["further"], frame.drop(columns="further")
    if not told.notna().any():
        return frame
    import pandas as pd

    numbers = [json.loads(text) if isinstance(text, str) and text else {} for text in told.tolist()]
    names = dict.fromkeys(name for each in numbers for name in each if name not in frame.columns)
    columns = {name: [each.get(name, math.nan) for each in numbers] for name in names}
    return pd.concat([frame, pd.DataFrame(columns, index=frame.index, dtype="float64")], axis=1)


def read_table(path: Path) -> pa.Table:
    """The table in a Parquet file of trajectories.

    Raises:
        InputError: the file is missing, damaged or holds something else.
    """
    with opened_parquet(path) as opened:
        names = opened.schema_arrow.names
    if missing := [name for name in SCHEMA.names if names.count(name) != 1 and name != "further"]:
        raise InputError(f"cannot read {path}: not written by a comparison, it has no column {missing[0]!r}")
    with opened_parquet(path, TEXTS) as opened:
        stored = opened.read()
        checked_metadata(stored, path)
        table = in_schema(stored).unify_dictionaries()
        for name in _NEEDED:
            if table.column(name).null_count:
                raise InputError(f"{path} is damaged: its column {name!r} has empty entries")
        for text in table.column("further").unique().drop_null().to_pylist():
            checked(parse_json(text, path), mapping(number(finite=False)), path)
        return table
