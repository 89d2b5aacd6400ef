"""Regret over the course of searches, and how it is distributed at their end (as in the paper's figure 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.reports.curves import (
    FONT,
    HEIGHT,
    LABEL_HEIGHT,
    LABEL_WIDTH,
    TIME_UNITS,
    WIDTH,
    draw_frame,
    label_ends,
)
from arch2vec.reports.style import (
    INK,
    PALETTE,
    Paths,
    line_look,
    method_styles,
    require_formats,
    text_width,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from arch2vec.studies.curves import Curve

_ROW = 0.24  # inches
_MOST_CURVES = 6  # distribution functions in one figure
_FLOOR = 0.02  # of the smallest regret above nothing that a logarithmic axis still shows, percent


def regret_curves(
    curves: Mapping[str, Curve],
    path: Paths,
    *,
    x: str = "evaluations",
    y_label: str = "test regret (%)",
    title: str | None = None,
    log: bool = True,
) -> None:
    """Draw the mean regret of methods, with its 95 % confidence interval as a band.

    Args:
        curves: by the method's name, from :func:`arch2vec.studies.curves.regret_curve`.
        path: of the file, or of several, each ending in .png, .svg or .pdf.
        x: what the curves run over, ``evaluations`` or ``seconds``.
        y_label: what the regret is in.
        title: above the figure.
        log: whether the vertical axis is logarithmic.

    Raises:
        InputError: there is nothing to draw, the suffix is another, or the folder
            cannot be written to.
    """
    require_formats(path)
    if not curves:
        raise InputError("no regret curves to draw")
    figure, axes = _figure(list(curves))
    counts = sorted({curve.runs for curve in curves.values()})
    runs = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    draw_frame(axes, y_label, title, f"mean of {runs} runs, 95 % confidence interval")
    longest = max(float(curve.x[-1]) for curve in curves.values())
    unit, word = 1.0, "evaluations"
    if x == "seconds":
        unit, name = next((seconds, word) for least, seconds, word in TIME_UNITS if longest >= least)
        word = f"simulated time ({name})"
    axes.set_xlabel(word, size=FONT + 1, color=INK)
    styles, labels = method_styles(curves), []
    floor = _FLOOR if log else -np.inf
    for place, (name, curve) in enumerate(curves.items()):
        colour, _ = styles[name]
        mean, low, high = (np.maximum(values, floor) for values in (curve.mean, curve.low, curve.high))
        axes.fill_between(curve.x / unit, low, high, color=colour, alpha=0.14, linewidth=0)
        axes.plot(curve.x / unit, mean, **line_look(styles[name], place), linewidth=1.6, zorder=3)
        labels.append((name, float(curve.x[-1]) / unit, float(mean[-1]), colour))
    if log:
        axes.set_yscale("log")
    start = min(float(curve.x[0]) for curve in curves.values()) / unit
    axes.set_xlim(start, max(longest / unit, start + 1e-9) if longest / unit > start else start + 1)
    label_ends(figure, axes, labels)
    write_figure(figure, path)


def regret_distributions(
    values: Mapping[str, NDArray[np.float64]],
    path: Paths,
    *,
    x_label: str = "test regret at the budget (%)",
    title: str | None = None,
) -> None:
    """Draw the share of runs whose regret is at most x, a step function a method.

    Of more than six methods a row each is drawn instead: median, quartiles, the 5 to 95 % range and the mean.

    Args:
        values: (R,) regrets by the method's name, NaN for a run that found nothing.
        path: of the file, or of several, each ending in .png, .svg or .pdf.
        x_label: what the regret is in.
        title: above the figure.

    Raises:
        InputError: there is nothing to draw, the suffix is another, or the folder
            cannot be written to.
    """
    require_formats(path)
    if not any(np.isfinite(regrets).any() for regrets in values.values()):
        raise InputError("no regrets to draw")
    figure, axes = _figure(list(values), side_names=len(values) > _MOST_CURVES)
    axes.set_xlabel(x_label, size=FONT + 1, color=INK)
    if len(values) > _MOST_CURVES:
        _draw_rows(axes, values, title)
    else:
        _draw_steps(axes, values, title)
    write_figure(figure, path)


def _draw_steps(axes: Axes, values: Mapping[str, NDArray[np.float64]], title: str | None) -> None:
    """The distribution function of each method."""
    from arch2vec.studies.curves import distribution

    draw_frame(axes, "share of runs", title, "")
    styles = method_styles(values)
    known = np.concatenate(list(values.values()))
    # The worst twentieth of all runs would squeeze the others.
    low, high = float(np.nanmin(known)), float(np.nanquantile(known, 0.95))
    margin = 0.03 * (high - low) or 0.1
    for place, name in enumerate(_worst_first(values)):
        at, share = distribution(values[name])
        steps = np.concatenate([[low - margin], at, [max(high + margin, at[-1] if len(at) else high)]])
        heights = np.concatenate([[0.0], share, share[-1:] if len(share) else [0.0]])
        axes.step(steps, heights, where="post", **line_look(styles[name], place), linewidth=1.6, label=name)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(0, 1.02)
    handles, names = axes.get_legend_handles_labels()
    legend = axes.legend(
        handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=FONT, frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _draw_rows(axes: Axes, values: Mapping[str, NDArray[np.float64]], title: str | None) -> None:
    """A row a method, the best at the top: many distribution functions over each other cannot be told apart."""
    draw_frame(axes, "", title, "thin: 5 to 95 % of the runs; thick: the middle half; white: median; diamond: mean")
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color="#e6e6e6", linewidth=0.8)
    names, ends = _worst_first(values), []
    for place, name in enumerate(names):
        known = values[name][~np.isnan(values[name])]
        if not len(known):
            continue
        least, q1, median, q3, most = np.quantile(known, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
        axes.plot([least, most], [place, place], color=PALETTE[0], linewidth=1.3, solid_capstyle="butt")
        axes.plot([q1, q3], [place, place], color=PALETTE[0], linewidth=7, solid_capstyle="butt")
        axes.plot(median, place, "|", color="white", markersize=7, markeredgewidth=2, zorder=4)
        axes.plot(known.mean(), place, "D", color=PALETTE[4], markersize=4.5, markeredgecolor="white", zorder=5)
        ends += [least, most]
    margin = 0.03 * (max(ends) - min(ends)) or 0.1
    axes.set_xlim(min(ends) - margin, max(ends) + margin)
    axes.set_ylim(-0.7, len(names) - 0.3)
    for text in axes.set_yticks(range(len(names)), names, size=FONT):
        text.label1.set_parse_math(False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _worst_first(values: Mapping[str, NDArray[np.float64]]) -> list[str]:
    return sorted(values, key=lambda name: -float(np.nan_to_num(values[name], nan=np.inf).mean()))


def _figure(names: list[str], side_names: bool = False) -> tuple[Figure, Axes]:
    """A figure with room for names at the right, however long or many; or for a row each with its name at the left."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = WIDTH + max(0.0, max(text_width(name, FONT) for name in names) - LABEL_WIDTH)
    figure = Figure(
        figsize=(width, max(HEIGHT, 1.2 + (_ROW if side_names else LABEL_HEIGHT) * len(names))), layout="constrained"
    )
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()
