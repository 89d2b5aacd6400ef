"""Rows of cells: what a walk or a line through a latent space meets, one picture for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from arch2vec.common.storage import AnyPath, write_text
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.reports.cells import Bounds, paint_cell
from arch2vec.reports.shapes import FONT, AxesCanvas, Canvas, Curve, Point
from arch2vec.reports.style import INK, require_format, write_figure
from arch2vec.reports.svg import SvgCanvas
from arch2vec.spaces import SearchSpace

_GAP, _HEADING, _WIDEST = 0.35, 0.6, 27.0  # inches
_MOST = 64  # cells of a picture


@dataclass(frozen=True, eq=False)
class Strip:
    """Some cells in order.

    Attributes:
        heading: above them.
        graphs: the cells.
        captions: one a cell.
    """

    heading: str
    graphs: GraphBatch
    captions: Sequence[str]


@dataclass(frozen=True)
class _Moved:
    """A canvas whose origin is somewhere else."""

    canvas: Canvas
    right: float
    up: float

    def _at(self, point: Point) -> Point:
        return point[0] + self.right, point[1] + self.up

    def arrow(self, curve: Curve, colour: str, width: float, *, head: bool = True) -> None:
        self.canvas.arrow(([self._at(point) for point in curve[0]], curve[1]), colour, width, head=head)

    def tag(self, at: Point, text: str, colour: str, *, faint: bool = False) -> None:
        self.canvas.tag(self._at(at), text, colour, faint=faint)

    def disc(self, at: Point, radius: float, text: str) -> None:
        self.canvas.disc(self._at(at), radius, text)

    def box(self, at: Point, width: float, height: float, text: str, colour: str) -> None:
        self.canvas.box(self._at(at), width, height, text, colour)

    def text(self, at: Point, text: str, *, size: float = FONT, colour: str = INK) -> None:
        self.canvas.text(self._at(at), text, size=size, colour=colour)


@dataclass
class _Size:
    """Paints nothing: tells how large a picture would be."""

    calls: list[str] = field(default_factory=list)

    def arrow(self, curve: Curve, colour: str, width: float, *, head: bool = True) -> None: ...

    def tag(self, at: Point, text: str, colour: str, *, faint: bool = False) -> None: ...

    def disc(self, at: Point, radius: float, text: str) -> None: ...

    def box(self, at: Point, width: float, height: float, text: str, colour: str) -> None: ...

    def text(self, at: Point, text: str, *, size: float = FONT, colour: str = INK) -> None: ...


def draw_strips(space: SearchSpace, strips: Sequence[Strip], path: AnyPath, *, columns: int | None = None) -> None:
    """Draw strips of cells below each other.

    Args:
        space: the cells' search space.
        strips: what is drawn, from the top.
        path: ends in .png, .svg or .pdf.
        columns: cells beside each other; by default up to four, as many as stay readable.

    Raises:
        InputError: there is nothing to draw or too much, the suffix is another, or the folder cannot be written to.
    """
    kind = require_format(path)
    count = sum(len(strip.graphs) for strip in strips)
    if not 1 <= count <= _MOST:
        raise InputError(f"a picture shows between 1 and {_MOST} cells, got {count}")
    if kind == "svg":
        svg = SvgCanvas()
        bounds = _paint(svg, space, strips, columns)
        write_text(Path(path), svg.document(*bounds, label="; ".join(strip.heading for strip in strips)))
        return
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    left, bottom, right, top = _paint(AxesCanvas(axes), space, strips, columns)
    figure.set_size_inches(right - left, top - bottom)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    write_figure(figure, path)


def _paint(canvas: Canvas, space: SearchSpace, strips: Sequence[Strip], columns: int | None) -> Bounds:
    cells = [[(strip.graphs[row], strip.captions[row]) for row in range(len(strip.graphs))] for strip in strips]
    sizes = [[paint_cell(_Size(), space, graph, caption) for graph, caption in row] for row in cells]
    width = max(right - left for row in sizes for left, _, right, _ in row)
    if columns is None:
        columns = max(1, min(4, int((_WIDEST + _GAP) / (width + _GAP))))
    total = columns * width + (columns - 1) * _GAP
    y = 0.0
    for strip, row, bounds in zip(strips, cells, sizes, strict=True):
        y -= _HEADING
        canvas.text((total / 2, y + _HEADING / 2), strip.heading, size=FONT + 7)
        for start in range(0, len(row), columns):
            part = range(start, min(start + columns, len(row)))
            height = max(bounds[place][3] - bounds[place][1] for place in part)
            for place in part:
                left, bottom, right, top = bounds[place]
                x = (place - start) * (width + _GAP) + (width - (right - left)) / 2
                graph, caption = row[place]
                paint_cell(_Moved(canvas, x - left, y - top - (height - (top - bottom)) / 2), space, graph, caption)
            y -= height + _GAP
    return -0.1, y, total + 0.1, 0.0
