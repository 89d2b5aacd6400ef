"""Fronts of accuracy against a cost: all architectures, the best possible front, and what methods attain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.storage import AnyPath
from arch2vec.errors import InputError
from arch2vec.reports.curves import FONT, HEIGHT, LABEL_HEIGHT, WIDTH, draw_frame
from arch2vec.reports.style import GREY, INK, line_look, method_styles, require_format, write_figure

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
    path: AnyPath,
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
        path: ends in .png, .svg or .pdf.
        labels: what the accuracy and the other criterion are.
        maximise: whether more of the other criterion is better.
        runs: searches of each method.
        title: above the figure.

    Raises:
        InputError: there is no front to draw, the suffix is another, or the folder cannot
            be written to.
    """
    require_format(path)
    if not len(best):
        raise InputError("no front to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, max(HEIGHT, 1.6 + LABEL_HEIGHT * len(attained))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw_frame(axes, labels[0], title, "")
    axes.set_xlabel(labels[1], size=FONT + 1, color=INK)
    shown = everything[:: -(-len(everything) // _MOST)]
    axes.plot(shown[:, 1], shown[:, 0], ".", markersize=1.5, color="#c8c8c8", zorder=1, rasterized=True)
    _limits(axes, best)
    _in_si(axes, best[:, 1])
    _stairs(axes, best, maximise, color=INK, linewidth=1.2, linestyle="-", label="best possible")
    styles = method_styles(attained)
    for place, (name, points) in enumerate(attained.items()):
        if len(points):
            look = line_look(styles[name], place)
            _stairs(axes, points, maximise, linewidth=1.6, label=_legend(name, runs), **look)
    legend = axes.legend(
        loc="lower left" if maximise else "lower right", fontsize=FONT - 1, frameon=True, framealpha=0.9, edgecolor=GREY
    )
    legend.set_zorder(6)
    write_figure(figure, path)


def _legend(name: str, runs: int) -> str:
    return name if runs == 1 else f"{name} (half of {runs} runs)"


def _limits(axes: Axes, best: Points) -> None:
    """The axes show the front with a margin, whatever lies far from it."""
    for setter, values in ((axes.set_ylim, best[:, 0]), (axes.set_xlim, best[:, 1])):
        spread = float(np.ptp(values)) or max(1.0, abs(float(values[0]))) * 0.1
        setter(float(values.min()) - _MARGIN * spread, float(values.max()) + _MARGIN * spread)


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


_KINDS = {"params": "parameters", "parameters": "parameters", "macs": "multiply-adds", "flops": "multiply-adds"}
_DATASETS = {"c10": "CIFAR-10", "c100": "CIFAR-100", "in16": "ImageNet16-120"}
_COUNTED = {"parameters", "multiply-adds"}


def cost_label(column: str, unit: str) -> str:
    """What an axis of a table's column says: ``params_c10`` is ``parameters, CIFAR-10``, a time has its unit.

    Args:
        column: its name in the table.
        unit: of its numbers, in words.
    """
    head, _, rest = column.partition("_")
    name = _KINDS.get(head.lower())
    rest = _DATASETS.get(rest, rest.replace("_", " "))
    words = column.replace("_", " ") if name is None else name + (f", {rest}" if rest else "")
    return words if name in _COUNTED or not unit else f"{words} ({unit})"


def _in_si(axes: Axes, values: Points) -> None:
    """Large numbers as 1.2 M rather than 1.2 with a power of ten beside the axis."""
    from matplotlib.ticker import EngFormatter

    if float(np.abs(values).max()) >= _LARGE:
        axes.xaxis.set_major_formatter(EngFormatter(sep="\N{NO-BREAK SPACE}"))
