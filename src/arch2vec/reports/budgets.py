"""What many methods have found at several budgets: a panel a budget, a row a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arch2vec.errors import InputError
from arch2vec.reports.curves import FONT, draw_frame
from arch2vec.reports.style import GREY, INK, PALETTE, Paths, require_formats, text_width, write_figure

_ROW, _PANEL = 0.24, 2.1  # inches
_MOST = 4  # budgets of a figure: the first ones and the last
_WORST = 0.25  # of the rows that may lie beyond the left edge of a panel


def draw_budgets(
    rows: Sequence[Mapping[str, Any]],
    path: Paths,
    *,
    value: str = "test",
    x_label: str = "test accuracy (%)",
    best: float | None = None,
    title: str | None = None,
) -> None:
    """Draw mean, median and quartiles of methods' runs at every budget, the best at the last budget on top.

    Args:
        rows: of a table of results, one a method and budget: ``method``, ``budget`` and of the value
            ``_mean``, ``_median``, ``_q1``, ``_q3``; NaN where a method had found nothing.
        path: of the file, or of several, each ending in .png, .svg or .pdf.
        value: ``test``, ``validation`` or ``reported``.
        x_label: what the value is.
        best: the best there is, a line in every panel.
        title: above the figure.

    Raises:
        InputError: there is nothing to draw, the suffix is another, or the folder cannot be written to.
    """
    require_formats(path)
    known = [row for row in rows if row[f"{value}_mean"] == row[f"{value}_mean"]]
    if not known:
        raise InputError("no results to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    budgets = list(dict.fromkeys(str(row["budget"]) for row in known))
    if len(budgets) > _MOST:
        budgets = [*budgets[: _MOST - 1], budgets[-1]]
    last = {str(row["method"]): float(row[f"{value}_mean"]) for row in known}  # of the last budget that it has
    names = sorted(last, key=last.__getitem__)
    width = _PANEL * len(budgets) + max(text_width(name, FONT) for name in names) + 0.4
    figure = Figure(figsize=(width, 1.3 + _ROW * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    for number, budget in enumerate(budgets):
        axes = figure.add_subplot(1, len(budgets), number + 1)
        draw_frame(axes, "", budget, "")
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x", color="#e6e6e6", linewidth=0.8)
        own = {str(row["method"]): row for row in known if str(row["budget"]) == budget}
        if best is not None:
            axes.axvline(best, color=GREY, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
        for place, name in enumerate(names):
            if name in own:
                mean, median, q1, q3 = (float(own[name][f"{value}_{part}"]) for part in ("mean", "median", "q1", "q3"))
                axes.plot([q1, q3], [place, place], color=PALETTE[5], linewidth=6, solid_capstyle="butt", zorder=2)
                axes.plot(median, place, "|", color=PALETTE[0], markersize=8, markeredgewidth=2, zorder=3)
                axes.plot(mean, place, "D", color=PALETTE[4], markersize=4, markeredgecolor="white", zorder=4)
        low = sorted(float(row[f"{value}_q1"]) for row in own.values())[int(_WORST * len(own) / 4)]
        high = max([*(float(row[f"{value}_q3"]) for row in own.values())] + ([] if best is None else [best]))
        margin = 0.05 * (high - low) or 0.1
        axes.set_xlim(low - 2 * margin, high + margin)
        axes.set_ylim(-0.7, len(names) - 0.3)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.ticklabel_format(axis="x", useOffset=False)
        for text in axes.set_yticks(range(len(names)), names if number == 0 else [""] * len(names), size=FONT):
            text.label1.set_parse_math(False)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    figure.suptitle(title or "", size=FONT + 2, color=INK, x=0.01, ha="left", parse_math=False)
    line = "" if best is None else "; dashed: the best there is"
    note = f"diamond: mean; dark: median; light: the middle half of the runs{line}"
    figure.supxlabel(f"{x_label}\n{note}", size=FONT, color=INK)
    write_figure(figure, path)
