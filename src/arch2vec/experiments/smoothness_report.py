"""The smoothness of representations as a table and as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.storage import atomic_path, write_text
from arch2vec.experiments.prediction_inputs import Target
from arch2vec.experiments.smoothness import METRICS, Draw, SmoothnessSettings
from arch2vec.reports.curves import FONT
from arch2vec.reports.numbers import spread
from arch2vec.reports.projection import project
from arch2vec.reports.style import GREY, INK, PALETTE, write_figure
from arch2vec.representations.geometry import EditPairs, Vectors, edit_correlation, ranks
from arch2vec.studies.significance import compare

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PUBLISHED_WALK: Mapping[str, Mapping[str, float]] = {"nasbench101": {"arch2vec": 2.9, "supervised": 8.9}}
"""Mean edit distance a step of a walk of 15 steps (figure 5), by benchmark and encoding."""

_NAMES = {"adjacency": "one-hot", "paths": "paths of operations", "structure+arch2vec": "structure and arch2vec"}
_FEWEST = 10  # pairs of an edit distance that is shown


def shown(encoding: str) -> str:
    """An encoding as people call it."""
    return _NAMES.get(encoding, encoding)


def write_tables(
    rows: Sequence[Mapping[str, Any]], target: Target, settings: SmoothnessSettings, out: Path
) -> pd.DataFrame:
    """Write ``table.md`` and ``table.csv``; returns mean and deviation of every number by encoding."""
    import pandas as pd

    frame = pd.DataFrame(rows).astype(dict.fromkeys(METRICS, "float64"))
    grouped = frame.groupby("encoding", sort=False)
    table = grouped.size().to_frame("seeds")
    for name in METRICS:
        table[f"{name}_mean"], table[f"{name}_std"] = grouped[name].mean(), grouped[name].std()
    table = table.reset_index()
    with atomic_path(out / "table.csv") as path:
        table.to_csv(path, index=False, float_format="%.6g")
    write_text(out / "table.md", _markdown(table, frame, target, settings))
    return table


def _markdown(table: pd.DataFrame, frame: pd.DataFrame, target: Target, settings: SmoothnessSettings) -> str:
    names = table["encoding"].tolist()
    count = "All architectures" if not settings.sample else f"{settings.sample:,} architectures a seed"
    if settings.queries:
        count += f", the neighbourhoods of {settings.queries:,} of them"
    lines = [
        f"# Smoothness, {target.benchmark}",
        "",
        f"{target.description}. {count}, k = {settings.k}, {settings.labels} labels for the supervised encoding; "
        f"mean ± standard deviation over {int(table['seeds'].max())} seeds.",
        "",
        "| | " + " | ".join(map(shown, names)) + " |",
        "|---|" + "---|" * len(names),
    ]
    for name, heading in METRICS.items():
        cells = [_spread(row, name) for row in table.to_dict("records")]
        lines.append(f"| {heading} | " + " | ".join(cells) + " |")
    if known := PUBLISHED_WALK.get(target.benchmark):
        cells = [f"*{known[name]:.1f}*" if name in known else "" for name in names]
        lines.append(f"| *published: {METRICS['walk_edit']}, all cells* | " + " | ".join(cells) + " |")
    lines += ["", "## arch2vec less the others, on the same seeds", ""]
    lines += ["| number | against | difference | 95 % interval |", "|---|---|---|---|"]
    for name in ("edit_walk", "neighbours", "variance_ranks", "moran_ranks", "walk_edit"):
        values = {
            str(encoding): dict(zip(own["seed"].tolist(), own[name].tolist(), strict=True))
            for encoding, own in frame.groupby("encoding", sort=False)
        }
        if "arch2vec" not in values or len(frame) < 2 * len(values):
            continue
        ordered = {"arch2vec": values["arch2vec"], **values}
        for pair in compare(ordered):
            if pair.first == "arch2vec":
                interval = f"{pair.low:+.3f} to {pair.high:+.3f}"
                lines.append(f"| {METRICS[name]} | {shown(pair.second)} | {pair.difference:+.3f} | {interval} |")
    return "\n".join(lines) + "\n"


def _spread(row: Mapping[Any, Any], name: str) -> str:
    return spread(row[f"{name}_mean"], row[f"{name}_std"], 3, unknown="-")


def to_rows(table: pd.DataFrame, target: Target) -> list[dict[str, Any]]:
    """The table for ``--json``."""
    known = PUBLISHED_WALK.get(target.benchmark, {})
    return [
        {
            **{str(name): value for name, value in row.items()},
            "benchmark": target.benchmark,
            "published": {"walk_edit": known[row["encoding"]]} if row["encoding"] in known else {},
        }
        for row in table.to_dict("records")
    ]


def draw_edit_distances(encodings: Mapping[str, Vectors], draw: Draw, path: Path) -> None:
    """The distance of vectors by edit distance, a panel an encoding (figure 3): quartiles, and the 5 to 95 % range."""
    figure, panels = _panels(len(encodings), 3.0)
    for axes, (name, vectors) in zip(panels, encodings.items(), strict=True):
        pairs = (draw.near, draw.random)
        lengths = np.concatenate([part.lengths(vectors) for part in pairs])
        edits = np.concatenate([part.edits for part in pairs])
        lengths = lengths / (float(np.median(draw.random.lengths(vectors))) or 1.0)
        at = [value for value in np.unique(edits[edits > 0]).tolist() if (edits == value).sum() >= _FEWEST]
        parts = [lengths[edits == value] for value in at]
        axes.boxplot(
            parts,
            positions=at,
            widths=0.62,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": "#cfe3f1", "edgecolor": PALETTE[0]},
            medianprops={"color": PALETTE[4], "linewidth": 1.8},
            whiskerprops={"color": PALETTE[0]},
            capprops={"color": PALETTE[0]},
        )
        rho = edit_correlation(_both(draw), vectors)
        axes.set_title(f"{shown(name)}, ρ = {rho:.2f}", size=FONT + 1, color=INK, loc="left")  # noqa: RUF001
        axes.set_ylim(0, None)
    figure.supxlabel("edit distance (ρ: rank correlation of the two distances)", size=FONT + 1, color=INK)  # noqa: RUF001
    figure.supylabel("distance of vectors / median of random pairs", size=FONT + 1, color=INK)
    write_figure(figure, path)


def _both(draw: Draw) -> EditPairs:
    from arch2vec.graphs import GraphBatch

    first = GraphBatch.concatenate([draw.near.first, draw.random.first])
    second = GraphBatch.concatenate([draw.near.second, draw.random.second])
    return EditPairs(first, second, np.concatenate([draw.near.edits, draw.random.edits]))


def draw_maps(encodings: Mapping[str, Vectors], draw: Draw, path: Path, *, way: str = "pca", seed: int = 0) -> None:
    """The vectors in two dimensions, a panel an encoding, coloured by the rank of the accuracy (figure 4)."""
    figure, panels = _panels(len(encodings), 3.1)
    rank: NDArray[np.float64] = (ranks(draw.values) - 0.5) / len(draw.values) * 100
    shown_points = None
    for axes, (name, vectors) in zip(panels, encodings.items(), strict=True):
        found = project(np.ascontiguousarray(vectors(draw.graphs), dtype=np.float32), way, seed)
        shown_points = axes.scatter(
            found.points[:, 0], found.points[:, 1], c=rank, cmap="viridis", s=3, linewidths=0, rasterized=True
        )
        axes.spines[["left", "bottom"]].set_visible(False)
        share = "" if way != "pca" else ", " + found.note.rpartition("they hold ")[2].removesuffix(" of the variance.")
        axes.set_title(f"{shown(name)}{share}", size=FONT + 1, color=INK, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_aspect("equal", adjustable="datalim")
        axes.grid(visible=False)
    assert shown_points is not None
    if way == "pca":
        figure.supxlabel("two principal components of each; %: the variance they hold", size=FONT, color=INK)
    bar = figure.colorbar(shown_points, ax=panels, shrink=0.6, aspect=30, pad=0.01)
    bar.set_label("accuracy: share of architectures below (%)", size=FONT, color=INK)
    bar.ax.tick_params(labelsize=FONT, color=GREY)
    write_figure(figure, path)


def _panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(4 if count in (4, 7, 8) else 3, count)
    down = -(-count // across)
    figure = Figure(figsize=(3.3 * across + 0.4, height * down), layout="constrained")
    FigureCanvasAgg(figure)
    panels = [figure.add_subplot(down, across, place + 1) for place in range(count)]
    for axes in panels:
        axes.tick_params(labelsize=FONT, color=GREY)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
    return figure, panels
