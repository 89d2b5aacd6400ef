"""NAS-Bench-101 from its original TFRecord files (Ying et al., ICML 2019).

A record is a JSON list: the module's hash, the epochs of training, the
adjacency matrix as a text of digits, the operations joined by commas, and a
``ModelMetrics`` message in base 64. Each cell was trained three times for each
number of epochs. The messages are read as they come; what is kept are 24
numbers for a cell and number of epochs: 81 MB for 108 epochs alone, four times
that for all of 4, 12, 36 and 108.
"""

from __future__ import annotations

import binascii
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks.nasbench101_metrics import parse_model_metrics
from arch2vec.benchmarks.results import ARCHITECTURE, Progress, Results
from arch2vec.benchmarks.schema import Metric, Split, TableSchema
from arch2vec.benchmarks.tfrecord import read_records
from arch2vec.common.documents import parse_json, shown
from arch2vec.errors import InputError
from arch2vec.spaces.nasbench101.hashes import module_hashes
from arch2vec.spaces.nasbench101.space import NASBench101

RUNS = 3
_MOMENTS = ("_half", "")  # the two evaluations of a run, as their columns are called
_VALUES = ("seconds", "train", "val", "test")
_SPLITS: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}


def read_nasbench101(path: Path, progress: Progress | None = None) -> Results:
    """All cells of a file, sorted by module hash as the published interface has them.

    Accuracies become percent. Columns are ``val_accuracy_108_run1`` and so on,
    ``val_accuracy_108`` for the mean of the three runs, ``val_accuracy_108_half``
    half-way through, ``train_time_108_s`` in seconds, and ``parameters``.

    Raises:
        InputError: the file is truncated or damaged, a record is of another form, a
            matrix is no NAS-Bench-101 cell or not the one that its hash says, or a
            cell has more than three runs.
    """
    cells = _Cells(path)
    size = path.stat().st_size if path.exists() else 0
    for records, end in read_records(path):
        for record in records:
            cells.add(record)
        if progress is not None:
            progress(end, size)
    return cells.results()


class _Cells:
    """The cells read so far and their numbers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0  # of records
        self._row_of: dict[str, int] = {}
        self._texts: list[str] = []
        self._parameters: list[int] = []
        self._runs: dict[int, _Runs] = {}

    def add(self, record: bytes) -> None:
        try:
            module_hash, epochs, matrix, operations, message = parse_json(record, "it")
            metrics = parse_model_metrics(binascii.a2b_base64(message))
            if type(epochs) is not int or epochs < 1:
                raise ValueError(f"{shown(epochs)} epochs")
            if len(metrics.evaluations) != len(_MOMENTS) + 1:
                raise ValueError(f"{len(metrics.evaluations)} evaluations, not those before, half-way and after")
            row = self._row_of.get(module_hash)
            if row is None:
                row = self._add_cell(module_hash, matrix, operations, metrics.parameters)
            # The evaluation before training is of no use.
            values = [
                (evaluation.seconds, evaluation.train, evaluation.validation, evaluation.test)
                for evaluation in metrics.evaluations[1:]
            ]
            if not all(math.isfinite(value) and value >= 0 for moment in values for value in moment):
                raise ValueError(f"a result below 0 or not finite: {values}")
            if max(max(moment[1:]) for moment in values) > 1:
                raise ValueError(f"an accuracy above 1: {values}")
            self._runs.setdefault(epochs, _Runs()).add(row, values)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            reason = str(error).partition("\n")[0][:200]
            raise InputError(f"{self._path}: record {self._count:,} is not one of NAS-Bench-101 ({reason})") from error
        self._count += 1

    def _add_cell(self, module_hash: str, matrix: str, operations: str, parameters: int) -> int:
        n = math.isqrt(len(matrix))
        if not isinstance(module_hash, str) or n * n != len(matrix):
            raise ValueError(f"a matrix of {len(matrix)} digits")
        row = len(self._texts)
        self._row_of[module_hash] = row
        rows = ";".join(matrix[start : start + n] for start in range(0, n * n, n))
        self._texts.append(f"{rows}|{operations}")
        self._parameters.append(parameters)
        return row

    def results(self) -> Results:
        if not self._texts:
            raise InputError(f"{self._path} holds no records")
        space = NASBench101()
        try:
            graphs = space.parse(self._texts)
        except InputError as error:
            raise InputError(f"{self._path}: {error}") from error
        stored = list(self._row_of)
        for text, said, computed in zip(self._texts, stored, module_hashes(graphs), strict=True):
            if said != computed:
                raise InputError(f"{self._path} is damaged: the cell {text} has the hash {computed}, not {said}")
        order = np.array(sorted(range(len(stored)), key=stored.__getitem__), dtype=np.intp)
        texts = space.format(graphs)
        parameters = np.array(self._parameters, dtype=np.float64)[order]
        layout = _columns(sorted(self._runs))
        runs, count = self._runs, len(stored)

        def column(name: str, rows: slice) -> NDArray[np.float64]:
            if name == "parameters":
                return parameters[rows]
            epochs, moment, value, run = layout[name][1]
            found = runs[epochs].values(count)[order[rows], :, moment, value]
            percent = found if _VALUES[value] == "seconds" else found * 100
            return percent[:, run] if run is not None else percent.mean(axis=1)

        metrics = (*(metric for metric, _ in layout.values()), Metric("parameters", "parameters", "cifar10"))
        schema = TableSchema(
            "nasbench101",
            space.name,
            (ARCHITECTURE,),
            metrics,
            description="NAS-Bench-101 (Ying et al., ICML 2019): CIFAR-10, three runs of each cell",
        )
        complete = all(run.complete(count) for run in runs.values())
        return Results(schema, [texts[row] for row in order.tolist()], column, complete)


def _columns(epochs: Sequence[int]) -> dict[str, tuple[Metric, tuple[int, int, int, int | None]]]:
    """Each column's metric and place: epochs, moment, value and run (None for the mean)."""
    columns = {}
    for budget in epochs:
        for moment, half in enumerate(_MOMENTS):
            trained = {"epochs": budget // 2, "schedule": budget} if half else {"epochs": budget}
            for value, name in enumerate(_VALUES):
                for run in (None, *range(RUNS)):
                    suffix = "" if run is None else f"_run{run + 1}"
                    common: dict[str, Any] = {**trained, "seed": "mean" if run is None else run + 1}
                    if name == "seconds":
                        column = f"train_time_{budget}{half}_s{suffix}"
                        metric = Metric(column, "cost_s", "cifar10", **common, description="training alone")
                    else:
                        column = f"{name}_accuracy_{budget}{half}{suffix}"
                        metric = Metric(column, "accuracy", "cifar10", _SPLITS[name], **common)
                    columns[column] = metric, (budget, moment, value, run)
    return columns


class _Runs:
    """(cells, runs, moments, values) numbers for one number of epochs; it grows as cells come."""

    def __init__(self) -> None:
        self._counts = np.zeros(0, dtype=np.int8)
        self._array = np.zeros((0, RUNS, len(_MOMENTS), len(_VALUES)))

    def add(self, row: int, values: Sequence[Sequence[float]]) -> None:
        if row >= len(self._counts):
            self._resize(max(1024, row + 1 + row // 2))
        run = int(self._counts[row])
        if run == RUNS:
            raise ValueError(f"a run more than {RUNS} of the same cell and epochs")
        self._array[row, run] = values
        self._counts[row] = run + 1

    def values(self, cells: int) -> NDArray[np.float64]:
        if len(self._counts) < cells:
            self._resize(cells)
        return self._array

    def complete(self, cells: int) -> bool:
        return len(self.values(cells)) >= cells and bool((self._counts[:cells] == RUNS).all())

    def _resize(self, rows: int) -> None:
        grown = np.full((rows, *self._array.shape[1:]), np.nan)
        grown[: len(self._array)] = self._array
        counts = np.zeros(rows, dtype=np.int8)
        counts[: len(self._counts)] = self._counts
        self._array, self._counts = grown, counts
