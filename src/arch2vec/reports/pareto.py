"""Fronts of accuracy against a cost: all architectures, the best possible front, and what methods attain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.reports.curves import FONT, HEIGHT, LABEL_HEIGHT, WIDTH, draw_frame
from arch2vec.reports.style import INK, Paths, line_look, method_styles, require_formats, text_width, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = NDArray[np.float64]

_MARGIN = 0.12  # of the front's range, shown around it
_MOST = 20_000  # architectures drawn
_LARGE = 10_000  # numbers from here on have a prefix


def draw_fronts(
    everything: Points,
    best: Points,
    attained: Mapping[str, Points],
    path: Paths,
    *,
    labels: Sequence[str],
    maximise: bool = False,
    runs: int = 1,
    title: str | None = None,
) -> None:
    """Draw accuracy (upwards) against another criterion (to the right).

    Args:
        everything: (N, 2) accuracy and the other criterion of all architectures; at most
            20,000 evenly spaced ones are drawn.
        best: (k, 2) the front of all of them.
        attained: (k, 2) by method, the points that half of its searches attain.
        path: of the file, or of several, each ending in .png, .svg or .pdf.
        labels: what the accuracy and the other criterion are.
        maximise: whether more of the other criterion is better.
        runs: searches of each method.
        title: above the figure.

    Raises:
        InputError: there is no front to draw, the suffix is another, or the folder cannot
            be written to.
    """
    require_formats(path)
    if not len(best):
        raise InputError("no front to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    width = WIDTH + max((text_width(name, FONT) for name in attained), default=0.0)
    figure = Figure(figsize=(width, max(HEIGHT, 1.2 + LABEL_HEIGHT * (len(attained) + 3))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw_frame(axes, labels[0], title, f"lines: what half of {runs} runs attain" if runs > 1 else "one run each")
    axes.set_xlabel(labels[1], size=FONT + 1, color=INK)
    shown = everything[:: -(-len(everything) // _MOST)]
    axes.plot(
        shown[:, 1], shown[:, 0], ".", markersize=1.5, color="#c8c8c8", zorder=1, rasterized=True, label="architectures"
    )
    _limits(axes, best)
    _in_si(axes, best[:, 1])
    _stairs(axes, best, maximise, color=INK, linewidth=1.2, linestyle="-", label="best possible")
    styles = method_styles(attained)
    for place, (name, points) in enumerate(attained.items()):
        if len(points):
            look = line_look(styles[name], place)
            _stairs(axes, points, maximise, linewidth=1.6, label=name, **look)
    legend = axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=FONT, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    for handle in legend.legend_handles:
        if isinstance(handle, Line2D) and handle.get_label() == "architectures":
            handle.set_markersize(6)
    write_figure(figure, path)


def _limits(axes: Axes, best: Points) -> None:
    """The axes show the front with a margin, whatever lies far from it.

    Accuracies of the front's lowest tenth are left out where they would flatten the rest: the cheapest
    architecture of a table may be one that has learned nothing.
    """
    high, low = float(best[:, 0].max()), float(best[:, 0].min())
    most = float(np.quantile(best[:, 0], 0.1))
    if high - low > 2 * (high - most) > 0:
        low = most
    for setter, least, last in (
        (axes.set_ylim, low, high),
        (axes.set_xlim, float(best[:, 1].min()), float(best[:, 1].max())),
    ):
        spread = last - least or max(1.0, abs(last)) * 0.1
        lowest = least - _MARGIN * spread
        setter(max(0.0, lowest) if least >= 0 else lowest, last + _MARGIN * spread)  # nothing costs less than nothing


def _stairs(axes: Axes, points: Points, maximise: bool, **style: object) -> None:
    """The boundary of what the points dominate, up to the edges of the axes."""
    order = np.argsort(points[:, 1], kind="stable")
    x, y = points[order, 1], points[order, 0]
    left, right = axes.get_xlim()
    bottom, _ = axes.get_ylim()
    if maximise:  # each point's accuracy holds from there to the left
        x, y = np.concatenate([[left], x, x[-1:]]), np.concatenate([y[:1], y, [bottom]])
    else:
        x, y = np.concatenate([x[:1], x, [right]]), np.concatenate([[bottom], y, y[-1:]])
    axes.plot(x, y, drawstyle="steps-pre" if maximise else "steps-post", zorder=4, **style)  # type: ignore[arg-type]


def _in_si(axes: Axes, values: Points) -> None:
    """Large numbers as 1.2 M rather than 1.2 with a power of ten beside the axis."""
    from matplotlib.ticker import EngFormatter

    if float(np.abs(values).max()) >= _LARGE:
        axes.xaxis.set_major_formatter(EngFormatter(sep="\N{NO-BREAK SPACE}"))
