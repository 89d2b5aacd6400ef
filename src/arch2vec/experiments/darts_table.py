"""What the experiment on DARTS found, beside what was published (Yan et al., NeurIPS 2020, table 4 and release)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arch2vec.common.storage import write_json, write_text
from arch2vec.networks.architecture_training import ArchitectureTrainer
from arch2vec.networks.build import count_macs, count_parameters
from arch2vec.networks.classifier_training import ClassifierResult
from arch2vec.reports.numbers import spread


@dataclass(frozen=True)
class PublishedCell:
    """A published line.

    Attributes:
        label: of the method.
        error: test error on CIFAR-10 in percent, mean over 5 seeds.
        error_std: its standard deviation, None where it was not published.
        error_best: the lowest.
        parameters_millions: of the network on CIFAR-10.
        gpu_days: of search and evaluation.
        imagenet_error: top-1 error on ImageNet in percent.
    """

    label: str
    error: float
    error_std: float | None
    error_best: float | None
    parameters_millions: float
    gpu_days: float
    imagenet_error: float | None = None


PUBLISHED: tuple[PublishedCell, ...] = (
    PublishedCell("random search", 3.29, 0.15, None, 3.2, 4),
    PublishedCell("DARTS", 2.76, 0.09, None, 3.3, 5),
    PublishedCell("BANANAS", 2.64, None, 2.57, 3.6, 11.8),
    PublishedCell("random search (re-trained by the authors)", 3.1, 0.18, 2.71, 3.2, 4),
    PublishedCell("DARTS (re-trained by the authors)", 2.71, 0.08, 2.63, 3.3, 5.2),
    PublishedCell("BANANAS (re-trained by the authors)", 2.67, 0.07, 2.61, 3.6, 11.5),
    PublishedCell("arch2vec-RL", 2.65, 0.05, 2.60, 3.3, 9.5, 25.8),
    PublishedCell("arch2vec-BO", 2.56, 0.05, 2.48, 3.6, 10.5, 25.5),
)
"""On CIFAR-10 after 600 epochs, 20 cells, 36 channels; on ImageNet after 250."""

_BESIDE: Mapping[str, str] = {
    "arch2vec-rl": "arch2vec-RL",
    "arch2vec-rl-release": "arch2vec-RL",
    "bo": "arch2vec-BO",
    "gp-bo": "arch2vec-BO",
    "bo-local": "arch2vec-BO",
    "bo-release": "arch2vec-BO",
    "random": "random search",
    "ARCH2VEC_RL": "arch2vec-RL",
    "ARCH2VEC_BO": "arch2vec-BO",
    "DARTS_V2": "DARTS (re-trained by the authors)",
}
"""The published line that ours stands beside, by the name of a search or of a genotype."""


def row_of(
    method: str | None,
    name: str,
    trainer: ArchitectureTrainer,
    architecture: str,
    results: Sequence[ClassifierResult],
    transfer: ClassifierResult | None,
) -> dict[str, Any]:
    """What is known of a cell.

    Args:
        method: that found it, None for a published one.
        name: of the cell.
        trainer: that it was trained with.
        architecture: the cell that the row is about.
        results: its final trainings.
        transfer: its training on ImageNet, None where there is none.
    """
    tests = [result.test for result in results if result.test is not None and not result.failed]
    published = next((line for line in PUBLISHED if line.label == _BESIDE.get(name)), None)
    bare = trainer.bare(architecture)
    finite = len(tests) > 0
    return {
        "method": method or "published cell",
        "name": name,
        "objective": f"train-{trainer.data.name}",
        "architecture": architecture,
        "runs": len(results),
        "failed_runs": sum(result.failed for result in results),
        "test_mean": float(np.mean(tests)) if finite else math.nan,
        "test_std": float(np.std(tests, ddof=1)) if len(tests) > 1 else math.nan,
        "test_best": max(tests) if finite else math.nan,
        "parameters": count_parameters(bare),
        "macs": count_macs(bare, trainer.fitted_plan().images),
        "imagenet_test": math.nan if transfer is None or transfer.test is None else transfer.test,
        "seconds_per_run": float(np.mean([result.seconds for result in results])),
        "published": None if published is None else asdict(published),
    }


def write_results(rows: Sequence[Mapping[str, Any]], epochs: int, out: Path) -> None:
    """Write ``results.json`` and ``table.md`` to a folder."""
    finite = [
        {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in rows
    ]
    write_json(out / "results.json", {"rows": finite}, seal=False)
    write_text(out / "table.md", to_markdown(rows, epochs))


def to_markdown(rows: Sequence[Mapping[str, Any]], epochs: int) -> str:
    """The table; published lines are marked as such."""
    data = rows[0]["objective"].removeprefix("train-") if rows else "cifar10"
    lines = [
        f"Test errors in %, ours on {data} after {epochs} epochs; published ones on CIFAR-10 after 600.",
        "",
        "| cell | seeds | error | best | parameters, M | multiply-adds, M | search: trainings, best validation |"
        " ImageNet top-1 error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        searched = "-"
        if "evaluations" in row:
            searched = f"{row['evaluations']}, {row['validation_mean']:.2f}"
        cells = [
            row["name"],
            str(row["runs"]) + (f" ({row['failed_runs']} failed)" if row["failed_runs"] else ""),
            figure(100 - row["test_mean"], row["test_std"]),
            figure(100 - row["test_best"]),
            f"{row['parameters'] / 1e6:.3g}",
            f"{row['macs'] / 1e6:.3g}",
            searched,
            figure(100 - row["imagenet_test"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    for line in PUBLISHED:
        cells = [
            f"{line.label} (published)",
            "5",
            figure(line.error, line.error_std),
            figure(line.error_best),
            f"{line.parameters_millions}",
            "",
            f"{line.gpu_days:g} GPU days in all",
            figure(line.imagenet_error),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def figure(mean: float | None, deviation: float | None = None) -> str:
    """A mean with its standard deviation, ``-`` for what is not known."""
    return spread(mean, deviation, unknown="-")
