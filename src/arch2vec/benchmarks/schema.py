"""What a table of published results holds: which measurement, of what, after how much training.

A table's schema is data. A Parquet file made by this package carries it as JSON
in its own metadata, so that the file describes itself; for other people's files
of known form it is written down in :mod:`arch2vec.benchmarks.known`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from arch2vec.common.documents import parse_json
from arch2vec.errors import InputError, unknown

KINDS: Mapping[str, str] = {
    "accuracy": "top-1 accuracy, percent",
    "loss": "cross-entropy, nats",
    "cost_s": "training and, where said so, one validation, seconds",
    "parameters": "trainable parameters",
    "macs": "multiply-adds of one forward pass",
    "latency_ms": "inference latency, milliseconds",
    "energy_mj": "inference energy, millijoules",
    "intensity": "arithmetic intensity, as published",
}
"""The kinds of metrics and their units."""

SPLITS = ("train", "validation", "test")
FORMAT = 1  # of the JSON; raised when an older reader would misunderstand it
METADATA_KEY = b"arch2vec"
"""Where a Parquet file's metadata holds its schema."""

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Metric:
    """One number for each architecture.

    Attributes:
        column: its name in the table.
        kind: one of :data:`KINDS`, which says the unit.
        dataset: ``cifar10``, ``cifar10-valid`` (trained on half of CIFAR-10's
            training set, validated on the other half), ``cifar100``,
            ``ImageNet16-120``; None where it makes no difference.
        split: the images that were predicted; None for what isn't a prediction.
        epochs: of training before the measurement; None for what isn't trained.
        schedule: epochs the learning rate was scheduled for, where training was
            looked at before its end; None where ``epochs`` is all of it.
        seed: of the one training run, or ``mean`` over the runs there are; None
            for what no seed changes.
        device: that a latency or energy was measured on.
        estimated: not measured, but predicted by a fitted model.
        description: one line for whatever the other fields don't say.
        terms: how to get it from the file: the sum of factor x stored column.
            By default the stored column of the same name.
        absent: a stored number that stands for "not measured"; it is read as NaN, as
            an empty entry is.

    Raises:
        InputError: a field is out of its range.
    """

    column: str
    kind: str
    dataset: str | None = None
    split: Split | None = None
    epochs: int | None = None
    schedule: int | None = None
    seed: int | Literal["mean"] | None = None
    device: str | None = None
    estimated: bool = False
    description: str = ""
    terms: tuple[tuple[str, float], ...] = ()
    absent: float | None = None

    def __post_init__(self) -> None:
        if not self.terms:
            object.__setattr__(self, "terms", ((self.column, 1.0),))
        if self.kind not in KINDS:
            raise unknown(f"kind of metric {self.column!r},", self.kind, KINDS)
        if self.split is not None and self.split not in SPLITS:
            raise unknown(f"split of metric {self.column!r},", self.split, SPLITS)
        if self.kind in ("accuracy", "loss") and self.split is None:
            raise InputError(f"metric {self.column!r} is a prediction and needs a split, one of {', '.join(SPLITS)}")
        if not (self.seed is None or self.seed == "mean" or isinstance(self.seed, int)):
            raise InputError(f"metric {self.column!r}: a seed is a number or 'mean', got {self.seed!r}")

    def __str__(self) -> str:
        epochs = None if self.epochs is None else f"{self.epochs} epochs"
        if self.schedule is not None:
            epochs = f"{epochs} of {self.schedule}"
        seed = self.seed if self.seed in (None, "mean") else f"run {self.seed}"
        words = (self.dataset, self.split, self.device, epochs, seed, "estimated" if self.estimated else None)
        return f"{self.kind} ({', '.join(str(word) for word in words if word is not None)})"


@dataclass(frozen=True)
class TableSchema:
    """What a table's file holds.

    Attributes:
        name: of the benchmark.
        space: the name of the search space its architectures belong to.
        architecture: the file's text columns that, joined by ``joiner``, are an
            architecture in the space's notation.
        metrics: the numbers there are.
        joiner: see ``architecture``.
        partial: whether architectures of a space that can be listed are missing.
        description: one line on where the results are from.
        source: on the file they were converted from: name, bytes, md5, release, ...

    Raises:
        InputError: two metrics have the same name, or there is no architecture column.
    """

    name: str
    space: str
    architecture: tuple[str, ...]
    metrics: tuple[Metric, ...]
    joiner: str = "|"
    partial: bool = False
    description: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.architecture:
            raise InputError(f"table {self.name} needs a column of architectures")
        names = [metric.column for metric in self.metrics]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"table {self.name} has two metrics named {twice!r}; a name must be unique")

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        Raises:
            InputError: there is none; the line names those closest to it.
        """
        for metric in self.metrics:
            if metric.column == name:
                return metric
        names = [metric.column for metric in self.metrics]
        close = difflib.get_close_matches(name, names, n=3) or names[:12]
        kind = "closest" if len(close) < 4 and len(names) > 3 else "it has"
        raise InputError(f"unknown metric {name!r} of benchmark {self.name}; {kind}: {', '.join(close)}")

    def find(self, **wanted: Any) -> tuple[Metric, ...]:
        """The metrics whose fields have the wanted values: ``find(dataset="cifar100", split="test")``."""
        known = {entry.name for entry in fields(Metric)}
        for name in wanted:
            if name not in known:
                raise unknown("field of a metric", name, known)
        return tuple(
            metric for metric in self.metrics if all(getattr(metric, name) == value for name, value in wanted.items())
        )

    def to_json(self) -> str:
        """The schema as one JSON document, see :meth:`from_json`."""
        document = {"format": FORMAT, **asdict(self), "metrics": [_without_defaults(m) for m in self.metrics]}
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: str | bytes, where: object) -> TableSchema:
        """Read what :meth:`to_json` wrote.

        Args:
            text: the JSON document to read.
            where: the file it is from, for complaints.

        Raises:
            InputError: it is no such document, or of a newer version of this package.
        """
        try:
            document = parse_json(text, where)
            version = document.pop("format")
            if version != FORMAT:
                raise InputError(f"{where} is of format {version}; this version of arch2vec reads format {FORMAT}")
            document["architecture"] = tuple(document["architecture"])
            document["metrics"] = tuple(_metric(entry) for entry in document["metrics"])
            return cls(**document)
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{where} does not say what it holds: its schema is damaged ({error})") from error


def _without_defaults(metric: Metric) -> dict[str, Any]:
    plain = Metric(metric.column, metric.kind, split=metric.split)
    changed = {name: value for name, value in asdict(metric).items() if value != getattr(plain, name)}
    return {"column": metric.column, "kind": metric.kind, "split": metric.split, **changed}


def _metric(entry: Mapping[str, Any]) -> Metric:
    terms: Iterable[tuple[str, float]] = entry.get("terms", ())
    return Metric(**{**entry, "terms": tuple((str(column), float(factor)) for column, factor in terms)})
