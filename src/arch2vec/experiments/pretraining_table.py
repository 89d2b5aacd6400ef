"""The table of the pre-training study: means over runs, and the published figures beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.common.storage import atomic_path
from arch2vec.reports.numbers import spread

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED: dict[tuple[str, str], tuple[float, float, float]] = {
    ("gae", "nasbench101"): (98.75, 29.88, 99.25),
    ("gae", "nasbench201"): (99.52, 79.28, 78.42),
    ("gae", "darts"): (97.80, 15.25, 99.65),
    ("vgae", "nasbench101"): (97.45, 41.18, 99.34),
    ("vgae", "nasbench201"): (98.32, 79.30, 88.42),
    ("vgae", "darts"): (96.80, 25.25, 99.27),
    ("arch2vec-no-kl", "nasbench101"): (100.0, 30.31, 99.20),
    ("arch2vec-no-kl", "nasbench201"): (100.0, 77.09, 96.57),
    ("arch2vec-no-kl", "darts"): (99.46, 16.01, 99.51),
    ("arch2vec", "nasbench101"): (100.0, 44.97, 99.69),
    ("arch2vec", "nasbench201"): (100.0, 79.41, 98.72),
    ("arch2vec", "darts"): (99.79, 33.36, 100.0),
}
"""Published by the paper (table 1), percent: reconstruction accuracy, validity, uniqueness by (model, space)."""

METRICS: tuple[str, ...] = (
    "operations",
    "edges",
    "graphs",
    "validity",
    "uniqueness",
    "strict_validity",
    "strict_uniqueness",
    "novelty",
    "correlation_random",
    "correlation_walk",
)
"""What a run is measured by: percent, but for the two rank correlations."""


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The study's table.

    Args:
        frame: what :func:`arch2vec.experiments.pretraining.run_study` has found.

    Returns:
        A row for each (space, model, protocol): ``runs``, mean and standard deviation
        over the runs of each of the :data:`METRICS` and of ``seconds`` (``_mean``,
        ``_std``; NaN for a single run), and the ``published_`` reconstruction
        accuracy, validity and uniqueness.
    """
    import pandas as pd

    keys = ["space", "model", "protocol"]
    columns = [*METRICS, "seconds"]
    grouped = frame.groupby(keys, sort=False)
    table = grouped.size().to_frame("runs")
    for column in columns:
        table[f"{column}_mean"] = grouped[column].mean()
        table[f"{column}_std"] = grouped[column].std()
    table = table.reset_index()
    published = [PUBLISHED.get((model, space)) for space, model in zip(table["space"], table["model"], strict=True)]
    for number, name in enumerate(("reconstruction", "validity", "uniqueness")):
        table[f"published_{name}"] = pd.Series([figures[number] if figures else None for figures in published])
    return table


_SHOWN = {
    "operations": "operations",
    "edges": "edges",
    "graphs": "whole graphs",
    "validity": "validity",
    "uniqueness": "uniqueness",
    "strict_validity": "strict validity",
    "novelty": "novelty",
    "correlation_random": "distances, random pairs",
    "correlation_walk": "distances, walks",
}


def to_markdown(table: pd.DataFrame) -> str:
    """The table for reading, one for each space, the published figures below ours."""
    lines = [
        "# Pre-training: ours beside the published figures",
        "",
        "Percent, mean ± standard deviation over the runs; the last two columns are Spearman's rank correlation of the",
        "distance of two vectors with the edit distance of their graphs, over random pairs of held-out cells and over",
        "pairs up to ten edits apart. Reconstruction is on held-out graphs, validity",
        "as the public release defines it; strict validity checks every edge. Novelty is the share of the strictly",
        "valid draws that were not trained on. The published reconstruction accuracy is a single figure.",
    ]
    for space, part in table.groupby("space", sort=False):
        lines += ["", f"## {space}", ""]
        lines.append("| model | protocol | runs | " + " | ".join(_SHOWN.values()) + " |")
        lines.append("|" + "---|" * (3 + len(_SHOWN)))
        for row in part.to_dict("records"):
            cells = [figure(row[f"{name}_mean"], row[f"{name}_std"], name) for name in _SHOWN]
            lines.append(f"| {row['model']} | {row['protocol']} | {row['runs']} | " + " | ".join(cells) + " |")
        for model in dict.fromkeys(part["model"]):
            if (model, space) in PUBLISHED:
                reconstruction, validity, uniqueness = PUBLISHED[model, str(space)]
                lines.append(
                    f"| {model} | published | | {reconstruction:.2f} | | | {validity:.2f} | {uniqueness:.2f} | | | | |"
                )
    return "\n".join(lines) + "\n"


def figure(mean: float, std: float, name: str) -> str:
    """Mean ± standard deviation of a metric, the deviation left out where it is NaN."""
    return spread(mean, std, 3 if name.startswith("correlation") else 2)


def write_tables(frame: pd.DataFrame, out: Path) -> None:
    """Write what :func:`run_study` says is in the study's folder."""
    table = tabulate(frame)
    for name, content in (("runs", frame), ("table", table)):
        with atomic_path(out / f"{name}.csv") as path:
            content.to_csv(path, index=False, float_format="%.6g")
        with atomic_path(out / f"{name}.parquet") as path:
            content.to_parquet(path, index=False)
    with atomic_path(out / "table.md") as path:
        path.write_text(to_markdown(table))


def to_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table for ``--json``."""
    names = ("reconstruction", "validity", "uniqueness")
    rows = []
    for row in table.to_dict("records"):
        published = {name: row.pop(f"published_{name}") for name in names}
        rows.append({**{str(key): value for key, value in row.items()}, "published": published})
    return rows
