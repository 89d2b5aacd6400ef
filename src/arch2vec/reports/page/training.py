"""What a pre-training run has to show: how it went, epoch by epoch, and how good the representation is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arch2vec.common.storage import read_json
from arch2vec.reports.page.charts import Chart, epochs_chart, within
from arch2vec.studies.inspection.folders import training_records
from arch2vec.studies.inspection.readers import CONFIG

_QUALITY = {
    "reconstruction/operations": "operations reconstructed",
    "reconstruction/edges": "edges reconstructed",
    "reconstruction/graphs": "whole cells reconstructed",
    "validity": "validity, as released",
    "strict_validity": "strict validity",
    "uniqueness": "uniqueness",
    "novelty": "novelty",
}
_LOSSES = {"loss": "loss", "loss_operations": "operations", "loss_edges": "edges"}
_ACCURACIES = {"validation": "validation", "test": "test"}


@dataclass(frozen=True)
class TrainedRun:
    """A run.

    Attributes:
        space: its search space, None where it is the training of a network.
        settings: by heading.
        metrics: names and values of the last epoch.
        charts: by epoch.
        finished: whether its encoder is there.
    """

    space: str | None
    settings: Mapping[str, Any]
    metrics: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]
    finished: bool


def training_in(folder: Path, *, masked: bool) -> TrainedRun:
    """The run in a folder that :func:`arch2vec.studies.inspection.inspect` calls a training.

    Args:
        folder: of the run.
        masked: whether test accuracies stay hidden.

    Raises:
        InputError: a file is damaged.
    """
    settings = dict(read_json(folder / CONFIG))
    records = training_records(folder)
    if masked:
        records = [{name: value for name, value in record.items() if name != "test"} for record in records]
    shares = [{**record, **{key: _percent(record, key) for key in _QUALITY}} for record in records]
    quality = {key: name for key, name in _QUALITY.items() if any(record[key] is not None for record in shares)}
    flat = [{"epoch": record["epoch"], **{name: record[key] for key, name in quality.items()}} for record in shares]
    charts = [
        epochs_chart("Loss", records, _LOSSES, "loss"),
        epochs_chart("Quality", flat, {name: name for name in quality.values()}, "%"),
        epochs_chart("Accuracy", records, _ACCURACIES, "accuracy, %"),
    ]
    metrics: list[tuple[str, str]] = []
    if records:
        last = shares[-1]
        metrics += [(name, f"{last[key]:.2f} %") for key, name in quality.items() if last[key] is not None]
        metrics += [(name, f"{value:.2f} %") for key, name in _ACCURACIES.items() if (value := within(last, key))]
        seconds = [within(record, "seconds_training") for record in records]
        if all(value is not None for value in seconds):
            metrics.append(("seconds of training", f"{sum(value or 0 for value in seconds):,.1f}"))
    space = settings.get("space")
    return TrainedRun(
        str(space) if isinstance(space, str) else None,
        {"run": settings},
        tuple(metrics),
        tuple(chart for chart in charts if chart is not None),
        (folder / "encoder.safetensors").exists(),
    )


def _percent(record: Mapping[str, Any], key: str) -> float | None:
    value = within(record, key)
    return None if value is None else 100 * value
