"""What must be true of a whole benchmark: how many architectures, and its published optima."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks.schema import Metric, Split, TableSchema
from arch2vec.errors import InputError


@dataclass(frozen=True)
class Optimum:
    """The best accuracy that is published for a benchmark.

    Attributes:
        dataset: see :class:`Metric`.
        split: likewise.
        epochs: likewise.
        percent: the best mean over seeds.
        tolerance: by how many points releases may differ from it.
    """

    dataset: str
    split: Split
    epochs: int
    percent: float
    tolerance: float

    def matches(self, metric: Metric) -> bool:
        """Whether the metric is what the optimum is of."""
        found = (metric.dataset, metric.split, metric.epochs, metric.schedule, metric.seed)
        return metric.kind == "accuracy" and found == (self.dataset, self.split, self.epochs, None, "mean")


COUNTS: Mapping[str, int] = {"nasbench101": 423_624, "nasbench201": 15_625}
"""How many architectures the benchmarks have."""

# The releases of NAS-Bench-201 differ in how many runs of an architecture there are, and so in their means:
# the best validation accuracy on ImageNet16-120 is published as 46.73 and as 46.77.
_RELEASES = 0.05
OPTIMA: Mapping[str, tuple[Optimum, ...]] = {
    "nasbench101": (
        Optimum("cifar10", "test", 108, 94.3176, 1e-4),
        Optimum("cifar10", "validation", 108, 95.0554, 1e-4),
    ),
    "nasbench201": (
        Optimum("cifar10-valid", "validation", 200, 91.6067, _RELEASES),
        Optimum("cifar10", "test", 200, 94.3733, _RELEASES),
        Optimum("cifar100", "validation", 200, 73.4933, _RELEASES),
        Optimum("cifar100", "test", 200, 73.5133, _RELEASES),
        Optimum("ImageNet16-120", "validation", 200, 46.7333, _RELEASES),
        Optimum("ImageNet16-120", "test", 200, 47.3111, _RELEASES),
    ),
}
"""Published optima by benchmark: the best mean over seeds."""


def verify_count(schema: TableSchema, architectures: int, where: object) -> None:
    """Check that a table has as many architectures as its benchmark.

    Raises:
        InputError: it has more or less.
    """
    count = COUNTS.get(schema.name)
    if count is not None and architectures != count:
        raise InputError(
            f"{where} holds {architectures:,} architectures; {schema.name} has {count:,} "
            "(to use a part of it, convert it with --partial)"
        )


def verify(
    schema: TableSchema, architectures: int, column: Callable[[Metric], NDArray[np.float64]], where: object
) -> int:
    """Check a table against what is published of its benchmark.

    Args:
        schema: of the table.
        architectures: how many it has.
        column: gives a metric of all of them.
        where: the file, for complaints.

    Returns:
        How many optima were compared; 0 for a benchmark that none are known of.

    Raises:
        InputError: a number differs; the line says which, and what is published.
    """
    verify_count(schema, architectures, where)
    compared = 0
    for optimum in OPTIMA.get(schema.name, ()):
        for metric in filter(optimum.matches, schema.metrics):
            best = float(np.nanmax(column(metric)))
            # Not "greater": a NaN must not pass.
            if not abs(best - optimum.percent) <= optimum.tolerance:
                raise InputError(
                    f"{where}: the best {metric.column} is {best:.4f} %, but {optimum.percent:.4f} % is published: "
                    "the file is damaged or not what it says"
                )
            compared += 1
    return compared
