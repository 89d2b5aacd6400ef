"""How searches progress: the best value found so far against what it has cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from arch2vec.errors import InputError, unknown
from arch2vec.reports.progress import Axis, Band, BestSoFar, mean_progress
from arch2vec.reports.style import (
    GREY,
    INK,
    MARKERS,
    Paths,
    line_look,
    method_styles,
    mixed,
    require_formats,
    text_width,
    write_figure,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, LABEL_WIDTH, LABEL_HEIGHT = 6.4, 3.9, 0.8, 0.175  # inches
FONT = 9.0
_TITLE_WIDTH = 5.0  # inches
_NOTE_BELOW = 38  # points below the axes, below the label of the horizontal axis
_BAND_ALPHA = 0.14
_WARM_UP = 0.05  # the share of the axis in which a curve may rise from below the picture
TIME_UNITS = ((7200.0, 3600.0, "hours"), (300.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
_BANDS = {"deviation": " ± one standard deviation", "ci95": ", 95 % confidence interval"}


def best_so_far(
    trajectories: Mapping[str, pd.DataFrame | Sequence[ArrayLike]],
    path: Paths,
    *,
    x: Axis = "evaluations",
    y_label: str = "best validation accuracy (%)",
    optimum: float | None = None,
    band: Band = "deviation",
    title: str | None = None,
    minimise: bool = False,
) -> None:
    """Draw step curves of the best value so far, one a method, with a band where there are several runs.

    A method's runs are a data frame with a row an evaluation, in the order of
    the search, or a list with an array a run. The frame's columns are
    ``validation`` (NaN for a failed evaluation), ``run`` or else ``seed`` (with
    neither there is one run) and, for costs, ``cost_s``, the seconds each
    evaluation took. The arrays are (n,) values, or (n, 2) values and seconds.
    A run that ends before others keeps its best value; a curve begins where
    each run has one.

    Args:
        trajectories: the runs by the name of the method.
        path: of the file, or of several, each ending in .png, .svg or .pdf.
        x: the horizontal axis: evaluations, or the sum of their costs.
        y_label: what the values are.
        optimum: the best value there is, drawn as a line.
        band: one standard deviation over the runs to either side, or the 95 %
            confidence interval of the mean (normal approximation); never beyond
            the best and the worst run.
        title: above the figure.
        minimise: whether less is better.

    Raises:
        InputError: there is nothing to draw, a column or a cost is missing, a
            value or a cost is not usable, the suffix is another, or the folder
            cannot be written to.
    """
    require_formats(path)
    figure = best_so_far_figure(
        trajectories, x=x, y_label=y_label, optimum=optimum, band=band, title=title, minimise=minimise
    )
    write_figure(figure, path)


def best_so_far_figure(
    trajectories: Mapping[str, pd.DataFrame | Sequence[ArrayLike]],
    *,
    x: Axis = "evaluations",
    y_label: str = "best validation accuracy (%)",
    optimum: float | None = None,
    band: Band = "deviation",
    title: str | None = None,
    minimise: bool = False,
) -> Figure:
    """The figure that :func:`best_so_far` writes.

    Raises:
        InputError: as there, but for the file.
    """
    if x not in ("evaluations", "cost_s"):
        raise unknown("horizontal axis", x, ("evaluations", "cost_s"))
    if band not in _BANDS:
        raise unknown("band", band, _BANDS)
    curves = {name: mean_progress(name, runs, x, band, minimise) for name, runs in trajectories.items()}
    if not curves:
        raise InputError("no trajectories to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Room for the names at the right, however long or many.
    width = WIDTH + max(0.0, max(text_width(name, FONT) for name in curves) - LABEL_WIDTH)
    figure = Figure(figsize=(width, max(HEIGHT, 1.2 + LABEL_HEIGHT * len(curves))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw_frame(axes, y_label, title, _band_note(curves, band))
    _draw_curves(figure, axes, curves, x, optimum, minimise)
    return figure


def draw_frame(axes: Axes, y_label: str, title: str | None, note: str) -> None:
    """What surrounds the curves: label, title, grid, and a note below."""
    axes.set_ylabel(y_label, size=FONT + 1, color=INK)
    axes.tick_params(labelsize=FONT, color=GREY)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        axes.set_title(_in_lines(title), size=FONT + 2, loc="left", color=INK, parse_math=False)
    if note:  # below the axes, where no curve is
        from matplotlib.transforms import offset_copy

        below = offset_copy(axes.transAxes, axes.get_figure(root=True), y=-_NOTE_BELOW, units="points")
        axes.text(1.0, 0.0, note, transform=below, size=FONT - 1, color="#666666", ha="right", va="top")


def _in_lines(title: str) -> str:
    """A title in as many lines as it takes to stay above the axes, clear of the names beside them."""
    from textwrap import wrap

    lines = max(1.0, text_width(title, FONT + 2) / _TITLE_WIDTH)
    return title if lines == 1 else "\n".join(wrap(title, max(20, int(len(title) / lines)), break_on_hyphens=False))


def _draw_curves(
    figure: Figure, axes: Axes, curves: Mapping[str, BestSoFar], x: Axis, optimum: float | None, minimise: bool
) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.ticklabel_format(useOffset=False)
    longest = max(float(curve.x[-1]) for curve in curves.values())
    unit = 1.0
    axes.set_xlabel("evaluations", size=FONT + 1, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=x == "evaluations"))
    if x == "cost_s":
        unit, word = next((seconds, word) for least, seconds, word in TIME_UNITS if longest >= least)
        axes.set_xlabel(f"cost ({word})", size=FONT + 1, color=INK)
    styles = method_styles(curves)
    for place, (name, curve) in enumerate(curves.items()):
        colour, line = styles[name]
        at = curve.x / unit
        if curve.runs > 1:
            axes.fill_between(at, curve.low, curve.high, step="post", color=colour, alpha=_BAND_ALPHA, linewidth=0)
        look = line_look(styles[name], place)
        axes.plot(at, curve.mean, **look, linewidth=1.8, drawstyle="steps-post", zorder=3)
        # Whole at the edge of the axes too, and all there is of a curve of one point.
        axes.plot(
            at[-1], curve.mean[-1], color=colour, marker=MARKERS[line] or "o", markersize=4.5, clip_on=False, zorder=4
        )
    start, end = 0.0 if x == "cost_s" else 1.0, longest / unit
    axes.set_xlim(start, end if end > start else start + 1)
    axes.set_ylim(*_limits(list(curves.values()), optimum, minimise))
    labels = [
        (name, float(curve.x[-1]) / unit, float(curve.mean[-1]), styles[name][0]) for name, curve in curves.items()
    ]
    if optimum is not None:
        axes.axhline(optimum, color=GREY, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
        labels.append(("optimum", end, optimum, GREY))
    label_ends(figure, axes, labels)


def _limits(curves: Sequence[BestSoFar], optimum: float | None, minimise: bool) -> tuple[float, float]:
    """The vertical range: all of the curves, or all but their first steep rise if that would flatten the rest."""
    if minimise:
        mirrored = [BestSoFar(curve.x, -curve.mean, -curve.high, -curve.low, curve.runs) for curve in curves]
        low, high = _limits(mirrored, None if optimum is None else -optimum, minimise=False)
        return -high, -low
    longest = max(float(curve.x[-1]) for curve in curves)
    late = [curve.low[np.searchsorted(curve.x, min(_WARM_UP * longest, curve.x[-1])) :] for curve in curves]
    top = max([float(curve.high.max()) for curve in curves] + ([] if optimum is None else [optimum]))
    full, zoomed = min(float(curve.low.min()) for curve in curves), min(float(values.min()) for values in late)
    bottom = zoomed if top - full > 1.5 * (top - zoomed) else full
    margin = 0.05 * (top - bottom) or 0.5
    return bottom - margin, top + margin


def label_ends(figure: Figure, axes: Axes, labels: Sequence[tuple[str, float, float, str]]) -> None:
    """Write names beside the ends of their curves, apart from each other, each joined to its curve by a line.

    Args:
        figure: to measure the axes in.
        axes: already with their limits.
        labels: text, the curve's end (x, y), colour.
    """
    from scipy.optimize import isotonic_regression

    figure.draw_without_rendering()
    points = axes.get_window_extent().height / figure.dpi * 72
    gap = 72 * LABEL_HEIGHT / points
    ordered = sorted(labels, key=lambda label: label[2])
    offsets = gap * np.arange(len(ordered))
    ends = axes.transData.transform([(x, y) for _, x, y, _ in ordered])
    wanted = axes.transAxes.inverted().transform(ends)[:, 1]
    # The nearest heights (least squares) that are a gap apart, kept within the axes.
    places = isotonic_regression(wanted - offsets).x.clip(0.0, max(0.0, 1.0 - offsets[-1])) + offsets
    for (text, x, y, colour), place in zip(ordered, places.tolist(), strict=True):
        axes.annotate(
            text,
            xy=(x, y),
            xytext=(1.045, place),
            textcoords="axes fraction",
            size=FONT,
            color=mixed(colour, "#000000", 0.25),
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.8,
                "relpos": (0.0, 0.5),
                "shrinkA": 1,
                "shrinkB": 3,
            },
            parse_math=False,
        )


def _band_note(curves: Mapping[str, BestSoFar], band: Band) -> str:
    """What the lines and bands are, in words."""
    runs = sorted({curve.runs for curve in curves.values()})
    if runs == [1]:
        return "one run each"
    count = str(runs[0]) if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    return f"mean of {count} runs{_BANDS[band]}"
