"""The table of the prediction experiment: means over seeds, and the published figures beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.common.storage import atomic_path, write_text
from arch2vec.experiments.prediction_inputs import TARGETS
from arch2vec.reports.numbers import spread

if TYPE_CHECKING:
    import pandas as pd

METRICS = {"tau": "Kendall's tau", "rho": "Spearman's rho", "pearson": "Pearson's r", "rmse": "RMSE, %"}
"""The scores and how they are headed."""

PUBLISHED: dict[tuple[str, str, str, int], dict[str, tuple[float, float]]] = {
    ("nasbench101-above80", "arch2vec", "gp", 250): {"pearson": (0.67, 0.02), "rmse": (1.8, 0.1)},
    ("nasbench101-above80", "supervised", "gp", 250): {"pearson": (0.53, 0.09), "rmse": (3.8, 2.5)},
}
"""Published by the paper (figure 2): mean and standard deviation over 10 seeds, by (objective, encoding, predictor,
labels); its RMSE, given for fractions, in percent."""


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The experiment's table.

    Args:
        frame: what :func:`arch2vec.experiments.prediction.run_prediction` has found.

    Returns:
        A row for each (objective, encoding, predictor, labels): ``seeds``; mean and
        standard deviation over the seeds (``_mean``, ``_std``, NaN for a single one)
        of the :data:`METRICS` and ``seconds``; ``test_points``; and
        ``published_..._mean`` and ``_std`` of the scores that there are published figures of.
    """
    import pandas as pd

    keys = ["objective", "encoding", "predictor", "labels"]
    grouped = frame.groupby(keys, sort=False)
    table = grouped.size().to_frame("seeds")
    for column in (*METRICS, "seconds"):
        table[f"{column}_mean"] = grouped[column].mean()
        table[f"{column}_std"] = grouped[column].std()
    table["test_points"] = grouped["test_points"].max()
    table = table.reset_index().sort_values("objective", kind="stable", key=_place, ignore_index=True)
    for metric in ("pearson", "rmse"):
        known = [_published(row).get(metric) for row in table.to_dict("records")]
        for number, part in enumerate(("mean", "std")):
            table[f"published_{metric}_{part}"] = pd.Series([None if k is None else k[number] for k in known])
    return table


def _place(objectives: pd.Series[str]) -> pd.Series[int]:
    order = {name: place for place, name in enumerate(TARGETS)}
    return objectives.map(order)


def _published(row: dict[Any, Any]) -> dict[str, tuple[float, float]]:
    model = str(row["encoding"]).split(" (")[0]
    return PUBLISHED.get((row["objective"], model, row["predictor"], row["labels"]), {})


def to_markdown(table: pd.DataFrame) -> str:
    """The table for reading, one for each objective, published figures below ours."""
    lines = [
        "# Predicting accuracies from few labels",
        "",
        "Mean ± standard deviation over the seeds; each seed draws other labelled and other predicted architectures.",
        "`gp` is a Gaussian process with an RBF kernel on standardised labels, `network` the supervised encoder's own",
        "output. RMSE is in percentage points of accuracy. Published figures are those of the paper's figure 2.",
    ]
    for objective, part in table.groupby("objective", sort=False):
        lines += ["", f"## {objective}", "", f"{TARGETS[str(objective)].description}. {_points(part)}", ""]
        lines.append("| encoding | predictor | labels | seeds | " + " | ".join(METRICS.values()) + " |")
        lines.append("|" + "---|" * (4 + len(METRICS)))
        for row in part.to_dict("records"):
            cells = [figure(row, name) for name in METRICS]
            start = f"| {row['encoding']} | {row['predictor']} | {row['labels']} |"
            lines.append(f"{start} {row['seeds']} | " + " | ".join(cells) + " |")
            if _published(row):
                known = [figure(row, f"published_{name}") for name in METRICS]
                lines.append(f"{start} published, 10 | " + " | ".join(known) + " |")
    return "\n".join(lines) + "\n"


def _points(part: pd.DataFrame) -> str:
    points = sorted(set(part["test_points"].tolist()))
    number = f"{points[0]:,}" if len(points) == 1 else f"{points[0]:,} to {points[-1]:,}"
    return f"Predicted: {number} architectures that are not labelled, other ones for every seed."


def figure(row: dict[Any, Any], name: str) -> str:
    """Mean ± standard deviation of a score, the deviation left out where it is NaN, and all where there is none."""
    return spread(row.get(f"{name}_mean"), row.get(f"{name}_std"), 2 if "rmse" in name else 3)


def write_tables(frame: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Write ``runs.csv`` beside the experiment's ``runs.parquet``, and ``table.md``, ``.csv`` and ``.parquet``."""
    table = tabulate(frame)
    for name, content in (("runs", frame), ("table", table)):
        with atomic_path(out / f"{name}.csv") as path:
            content.to_csv(path, index=False, float_format="%.6g")
    with atomic_path(out / "table.parquet") as path:
        table.to_parquet(path, index=False)
    write_text(out / "table.md", to_markdown(table))
    return table


def to_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table for ``--json``; published figures are ``{score: [mean, std]}``."""
    rows = []
    for row in table.to_dict("records"):
        ours = {str(name): value for name, value in row.items() if not str(name).startswith("published_")}
        rows.append({**ours, "published": {name: list(pair) for name, pair in _published(row).items()}})
    return rows
