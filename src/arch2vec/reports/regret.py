"""Regret over the course of searches, and how it is distributed at their end (as in the paper's figure 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.storage import AnyPath
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
from arch2vec.reports.style import INK, method_styles, require_format, text_width, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from arch2vec.studies.curves import Curve

_FLOOR = 0.02  # of the smallest regret above nothing that a logarithmic axis still shows, percent


def regret_curves(
    curves: Mapping[str, Curve],
    path: AnyPath,
    *,
    x: str = "evaluations",
    y_label: str = "test regret (%)",
    title: str | None = None,
    log: bool = True,
) -> None:
    """Draw the mean regret of methods, with its 95 % confidence interval as a band.

    Args:
        curves: by the method's name, from :func:`arch2vec.studies.curves.regret_curve`.
        path: ends in .png, .svg or .pdf.
        x: what the curves run over, ``evaluations`` or ``seconds``.
        y_label: what the regret is in.
        title: above the figure.
        log: whether the vertical axis is logarithmic.

    Raises:
        InputError: there is nothing to draw, the suffix is another, or the folder
            cannot be written to.
    """
    require_format(path)
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
    for name, curve in curves.items():
        colour, line = styles[name]
        mean, low, high = (np.maximum(values, floor) for values in (curve.mean, curve.low, curve.high))
        axes.fill_between(curve.x / unit, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(curve.x / unit, mean, color=colour, linestyle=line, linewidth=1.6, zorder=3)
        labels.append((name, float(curve.x[-1]) / unit, float(mean[-1]), colour))
    if log:
        axes.set_yscale("log")
    start = min(float(curve.x[0]) for curve in curves.values()) / unit
    axes.set_xlim(start, max(longest / unit, start + 1e-9) if longest / unit > start else start + 1)
    label_ends(figure, axes, labels)
    write_figure(figure, path)


def regret_distributions(
    values: Mapping[str, NDArray[np.float64]],
    path: AnyPath,
    *,
    x_label: str = "test regret at the budget (%)",
    title: str | None = None,
) -> None:
    """Draw the share of runs whose regret is at most x, a step function a method.

    Args:
        values: (R,) regrets by the method's name, NaN for a run that found nothing.
        path: ends in .png, .svg or .pdf.
        x_label: what the regret is in.
        title: above the figure.

    Raises:
        InputError: there is nothing to draw, the suffix is another, or the folder
            cannot be written to.
    """
    require_format(path)
    if not any(np.isfinite(regrets).any() for regrets in values.values()):
        raise InputError("no regrets to draw")
    from arch2vec.studies.curves import distribution

    figure, axes = _figure(list(values))
    draw_frame(axes, "share of runs", title, "")
    axes.set_xlabel(x_label, size=FONT + 1, color=INK)
    styles = method_styles(values)
    known = np.concatenate(list(values.values()))
    # The worst twentieth of all runs would squeeze the others.
    low, high = float(np.nanmin(known)), float(np.nanquantile(known, 0.95))
    margin = 0.03 * (high - low) or 0.1
    for name in sorted(values, key=lambda name: -float(np.nan_to_num(values[name], nan=np.inf).mean())):
        at, share = distribution(values[name])
        steps = np.concatenate([[low - margin], at, [max(high + margin, at[-1] if len(at) else high)]])
        heights = np.concatenate([[0.0], share, share[-1:] if len(share) else [0.0]])
        colour, line = styles[name]
        axes.step(steps, heights, where="post", color=colour, linestyle=line, linewidth=1.6, label=name)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(0, 1.02)
    handles, names = axes.get_legend_handles_labels()
    legend = axes.legend(
        handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=FONT, frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    write_figure(figure, path)


def _figure(names: list[str]) -> tuple[Figure, Axes]:
    """A figure with room for names at the right, however long or many."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = WIDTH + max(0.0, max(text_width(name, FONT) for name in names) - LABEL_WIDTH)
    figure = Figure(figsize=(width, max(HEIGHT, 1.2 + LABEL_HEIGHT * len(names))), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()
