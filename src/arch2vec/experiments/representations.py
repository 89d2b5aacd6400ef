"""The yardstick of representations: how well each ranks all architectures of a benchmark, from few labels.

It is the engine of :mod:`arch2vec.experiments.prediction` with every architecture
predicted that is not labelled, and one predictor for all encodings: no row has seen a
label besides those that it names, and none chooses anything by labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.common.storage import atomic_path, write_text
from arch2vec.experiments.prediction_inputs import STRUCTURE, TARGETS
from arch2vec.reports.numbers import spread
from arch2vec.reports.style import Paths, png_and_svg
from arch2vec.studies.significance import Comparison, compare

if TYPE_CHECKING:
    import pandas as pd

LABELS = (16, 32, 50, 78, 100, 156, 172, 424, 469, 781, 1563, 4236)
"""Numbers of labels: those that publications use, and fewer."""

METRICS = {"tau": "Kendall's tau", "rho": "Spearman's rho", "precision": "precision in the best 1 %"}
"""The scores and how they are headed."""


@dataclass(frozen=True)
class PublishedTau:
    """Kendall's tau that somebody published, on a split of their own.

    Attributes:
        name: of the predictor.
        taus: by number of labels.
        used: the split, and what else was used.
    """

    name: str
    taus: Mapping[int, float]
    used: str


_RANDOM_101 = "one split; trained on one run's validation accuracy, tested on mean test accuracy"
PUBLISHED: Mapping[str, tuple[PublishedTau, ...]] = {
    "nasbench101": (
        PublishedTau(
            "arch2vec, as later papers report it", {100: 0.435, 172: 0.511, 424: 0.547, 4236: 0.596}, _RANDOM_101
        ),
        PublishedTau("GMAE-NAS", {100: 0.666, 172: 0.697, 424: 0.732, 4236: 0.775}, _RANDOM_101),
        PublishedTau("PINAT", {100: 0.717, 172: 0.764, 424: 0.812, 4236: 0.854}, _RANDOM_101),
        PublishedTau(
            "NN-Former",
            {100: 0.709, 172: 0.765, 424: 0.809, 4236: 0.877},
            "chooses its checkpoint on 1,024 further labels; tested on all cells, its training cells included",
        ),
        PublishedTau("FGP + FlowerFormer", {72: 0.763}, "7,290 cells; 40 further labels choose the epoch"),
    ),
    "nasbench201-cifar10": (
        PublishedTau(
            "arch2vec, as later papers report it",
            {78: 0.542, 156: 0.573, 469: 0.601, 781: 0.606, 1563: 0.605},
            "one split",
        ),
        PublishedTau("PINAT", {78: 0.549, 156: 0.631, 469: 0.706, 781: 0.761, 1563: 0.784}, "one split"),
        PublishedTau("NN-Former", {156: 0.804, 1563: 0.890}, "chooses its checkpoint on 1,024 further labels"),
        PublishedTau("FLAN with 13 zero-cost proxies", {78: 0.775}, "subset of cells"),
        PublishedTau("FGP + FlowerFormer", {78: 0.836}, "7,813 cells; 40 further labels choose the epoch"),
    ),
}
"""By objective."""


def tests(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The structure against every other encoding, on the same draws of labels, by Kendall's tau.

    Args:
        frame: what :func:`arch2vec.experiments.prediction.run_prediction` has found.

    Returns:
        A row for each objective, predictor and number of labels that has both, and each other encoding;
        ``p_holm`` is corrected for the encodings of one objective and number of labels.
    """
    rows: list[dict[str, Any]] = []
    for (objective, predictor, labels), part in frame.groupby(["objective", "predictor", "labels"], sort=False):
        taus = {
            str(encoding): dict(zip(own["seed"].tolist(), own["tau"].tolist(), strict=True))
            for encoding, own in part.groupby("encoding", sort=False)
        }
        if STRUCTURE not in taus or len(taus) < 2:
            continue
        rows += [
            {
                "objective": objective,
                "predictor": predictor,
                "labels": labels,
                "encoding": found.second,
                "draws": found.pairs,
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "p_holm": found.p_holm,
            }
            for found in _against_structure(taus)
        ]
    return rows


def _against_structure(taus: Mapping[str, Mapping[int, float]]) -> list[Comparison]:
    ordered = {STRUCTURE: taus[STRUCTURE], **taus}
    return [found for found in compare(ordered) if found.first == STRUCTURE]


def write_report(frame: pd.DataFrame, out: Path) -> pd.DataFrame:
    """Write ``table.md``, ``table.csv``, ``tests.csv`` and a figure an objective; returns the table."""
    import pandas as pd

    keys = ["objective", "encoding", "predictor", "labels"]
    grouped = frame.groupby(keys, sort=False)
    table = grouped.size().to_frame("seeds")
    for column in (*METRICS, "pearson", "rmse", "seconds"):
        table[f"{column}_mean"] = grouped[column].mean()
        table[f"{column}_std"] = grouped[column].std()
    table["test_points"] = grouped["test_points"].max()
    table = table.reset_index()
    found = tests(frame)
    for name, content in (("table", table), ("tests", pd.DataFrame(found))):
        with atomic_path(out / f"{name}.csv") as path:
            content.to_csv(path, index=False, float_format="%.6g")
    write_text(out / "table.md", _markdown(table, found))
    for objective, part in table.groupby("objective", sort=False):
        _draw(str(objective), part, png_and_svg(out / f"{objective}.png"))
    return table


def _markdown(table: pd.DataFrame, found: list[dict[str, Any]]) -> str:
    lines = ["# Ranking architectures from few labels", ""]
    lines += [
        "Mean ± standard deviation over draws of labels, which all encodings share. Every row has seen the labels"
    ]
    lines += ["in its column and no other. Rows in italics are published, on splits of their own."]
    for objective, part in table.groupby("objective", sort=False):
        columns = sorted(part["labels"].unique().tolist())
        points = int(part["test_points"].max())
        lines += [
            "",
            f"## {objective}",
            "",
            f"{TARGETS[str(objective)].description}. {points:,} architectures predicted.",
        ]
        for metric, heading in METRICS.items():
            lines += [
                "",
                f"### {heading}",
                "",
                "| encoding | predictor | draws | " + " | ".join(map(str, columns)) + " |",
            ]
            lines.append("|" + "---|" * (3 + len(columns)))
            for (encoding, predictor), own in part.groupby(["encoding", "predictor"], sort=False):
                cells = {row["labels"]: _spread(row, metric) for row in own.to_dict("records")}
                shown = " | ".join(cells.get(labels, "") for labels in columns)
                lines.append(f"| {encoding} | {predictor} | {int(own['seeds'].max())} | {shown} |")
            if metric == "tau":
                lines += _published_lines(str(objective), columns)
        behind = [row for row in found if row["objective"] == objective]
        if behind:
            lines += ["", "### The structure against the others, Kendall's tau, paired", ""]
            lines += [
                "| against | predictor | labels | difference | 95 % interval | p (signed ranks, Holm) |",
                "|" + "---|" * 6,
            ]
            for row in behind:
                interval = f"{row['low']:+.3f} to {row['high']:+.3f}"
                start = f"| {row['encoding']} | {row['predictor']} | {row['labels']} "
                lines.append(f"{start}| {row['difference']:+.3f} | {interval} | {row['p_holm']:.2g} |")
    return "\n".join(lines) + "\n"


def _published_lines(objective: str, columns: list[int]) -> list[str]:
    return [
        f"| *published: {row.name}* | *{row.used}* | | "
        + " | ".join(f"*{row.taus[labels]:.3f}*" if labels in row.taus else "" for labels in columns)
        + " |"
        for row in PUBLISHED.get(objective, ())
    ]


def _spread(row: Mapping[Any, Any], metric: str) -> str:
    return spread(row[f"{metric}_mean"], row[f"{metric}_std"], 3)


def _draw(objective: str, table: pd.DataFrame, path: Paths) -> None:
    """Kendall's tau by the number of labels; names stand beside the axes."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

    from arch2vec.reports.curves import FONT, HEIGHT, WIDTH, draw_frame
    from arch2vec.reports.names import objective_title
    from arch2vec.reports.style import GREY, INK, line_look, method_styles, text_width, write_figure

    pairs = table[["encoding", "predictor"]].drop_duplicates().itertuples(index=False, name=None)
    names = [f"{encoding}, {predictor}" for encoding, predictor in pairs]
    published = PUBLISHED.get(objective, ())
    width = max(text_width(name, FONT) for name in [*names, *(f"published: {row.name}" for row in published)])
    figure = Figure(figsize=(WIDTH + width, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    draws = sorted({int(number) for number in table["seeds"]})
    count = f"{draws[0]}" if len(draws) == 1 else f"{draws[0]} to {draws[-1]}"
    note = f"mean of {count} draws of labels ± one standard deviation"
    draw_frame(axes, "Kendall's tau, all other architectures", objective_title(objective), note)
    styles = method_styles(names)
    for (encoding, predictor), own in table.groupby(["encoding", "predictor"], sort=False):
        own, name = own.sort_values("labels"), f"{encoding}, {predictor}"
        look = {**line_look(styles[name]), "marker": "o", "markersize": 3.5, "markevery": None}
        axes.errorbar(own["labels"], own["tau_mean"], yerr=own["tau_std"].fillna(0), label=name, capsize=2, **look)
    for place, row in enumerate(published):
        marker = ("s", "^", "v", "D", "P", "X")[place % 6]
        axes.plot(
            list(row.taus), list(row.taus.values()), marker, color=GREY, markersize=5, label=f"published: {row.name}"
        )
    axes.set_xscale("log")
    at = sorted({*table["labels"].tolist(), *(number for row in published for number in row.taus)})
    far = [at[0]]  # labels of the axis that do not touch
    for number in at[1:]:
        if number >= 1.35 * far[-1]:
            far.append(number)
    axes.xaxis.set_major_locator(FixedLocator(far))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("labelled architectures", size=FONT + 1, color=INK)
    handles, words = axes.get_legend_handles_labels()
    order = sorted(range(len(words)), key=lambda at: words[at].startswith("published: "))
    legend = axes.legend(
        [handles[at] for at in order],
        [words[at] for at in order],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        fontsize=FONT,
        frameon=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    write_figure(figure, path)


def to_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table for ``--json``; ``published`` is tau by name."""
    rows = []
    for row in table.to_dict("records"):
        known = PUBLISHED.get(row["objective"], ())
        beside = {one.name: one.taus[row["labels"]] for one in known if row["labels"] in one.taus}
        rows.append({**{str(name): value for name, value in row.items()}, "published": beside})
    return rows
