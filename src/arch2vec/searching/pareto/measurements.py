"""Criteria from the columns of the table that an objective looks its accuracies up in.

A criterion beside the accuracy is named by one line of text:

    params, macs                   the table's own, of the objective's data set
    latency:edgegpu                of a device, on the objective's data set
    latency:help_titanx_1          or a column by its name
    energy:fpga
    min:COLUMN, max:COLUMN         any other column, and its direction
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from arch2vec.benchmarks.schema import KINDS, Metric
from arch2vec.benchmarks.table import BenchmarkTable
from arch2vec.errors import InputError, unknown
from arch2vec.objectives.base import Objective
from arch2vec.objectives.benchmark import BenchmarkObjective
from arch2vec.objectives.columns import column_names, find_column
from arch2vec.objectives.table import TableObjective
from arch2vec.searching.pareto.criteria import Array, Criterion

_COSTS: Mapping[str, str] = {
    "latency": "latency_ms",
    "energy": "energy_mj",
    "params": "parameters",
    "macs": "macs",
}
"""What is to be minimised, by the words of the command line, as a table's kinds of metrics."""
COMPUTED = ("parameters", "macs")
"""Kinds that follow from the architecture, without training or measuring it."""
FORMS = "params, macs, latency:COLUMN, energy:COLUMN, min:COLUMN or max:COLUMN"


@dataclass(frozen=True, eq=False)
class Measurement:
    """A criterion with its values.

    Attributes:
        criterion: the column and its direction.
        values: (n,) of the objective's architectures, in its order; NaN where not measured.
        unit: in words.
        computed: whether it follows from the architecture, without an evaluation.
    """

    criterion: Criterion
    values: Array
    unit: str
    computed: bool


def measurement(objective: Objective, spec: str) -> Measurement:
    """The measurement that ``spec`` names, of an objective's architectures.

    Raises:
        InputError: it is malformed, the table has no such column or it is an accuracy, or
            the objective is no table.
    """
    word, _, column = (part.strip() for part in spec.partition(":"))
    if word not in (*_COSTS, "min", "max"):
        raise unknown("criterion", spec, (*_COSTS, "min:COLUMN", "max:COLUMN"))
    if word in ("min", "max", "latency", "energy") and not column:
        raise InputError(f"criterion {spec!r} names no column; it is one of {FORMS}")
    if isinstance(objective, BenchmarkObjective):
        return _of_benchmark(objective, spec, word, column)
    if isinstance(objective, TableObjective):
        return _of_table(objective, spec, word, column)
    raise InputError(f"objective {objective.name} is no table, so that it has no column for criterion {spec!r}")


def _of_benchmark(objective: BenchmarkObjective, spec: str, word: str, column: str) -> Measurement:
    table, reading = objective.table, objective.reading
    metric = _metric(table, (reading.test_dataset, reading.dataset), spec, word, column)
    if metric.kind in ("accuracy", "loss"):
        raise InputError(
            f"criterion {spec!r}: {metric.column} is {metric}; accuracy is the objective's own criterion, "
            f"and what is beside it is one of {FORMS}"
        )
    if word in _COSTS and metric.kind != _COSTS[word]:
        raise InputError(f"criterion {spec!r}: {metric.column} is a {metric.kind}, not a {_COSTS[word]}")
    values = table.column(metric)[objective.kept]
    criterion = Criterion(metric.column, maximise=word == "max")
    return Measurement(criterion, values, KINDS[metric.kind], metric.kind in COMPUTED)


def _metric(table: BenchmarkTable, datasets: tuple[str | None, ...], spec: str, word: str, column: str) -> Metric:
    if any(metric.column == column for metric in table.metrics):
        return table.metric(column)
    fitting = [metric for metric in table.metrics if metric.kind == _COSTS.get(word)]
    if column:
        devices = list(dict.fromkeys(metric.device for metric in fitting if metric.device))
        fitting = [metric for metric in fitting if metric.device == column]
        if not fitting:
            offered = f"; devices by name: {', '.join(devices)}" if devices else ""
            try:
                return table.metric(column)  # raises, and names what is close
            except InputError as error:
                raise InputError(f"criterion {spec!r}: {error}{offered}") from error
    for dataset in (*datasets, None):
        for metric in fitting:
            if metric.dataset == dataset:
                return metric
    raise InputError(f"criterion {spec!r}: benchmark {table.name} has no {_COSTS[word]} on {datasets[0]}")


def _of_table(objective: TableObjective, spec: str, word: str, column: str) -> Measurement:
    names = column_names(objective.path)
    if not column:
        raise InputError(f"criterion {spec!r}: name the column of {objective.path}, as in {word}:COLUMN")
    found = find_column(objective.path, column, names)
    if found in objective.accuracy_columns:
        raise InputError(f"criterion {spec!r}: {found} is the objective's own accuracy")
    unit = KINDS[_COSTS[word]] if word in _COSTS else "as in the table"
    computed = _COSTS.get(word) in COMPUTED
    return Measurement(Criterion(found, maximise=word == "max"), objective.measured(found), unit, computed)
