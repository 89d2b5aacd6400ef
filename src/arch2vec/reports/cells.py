"""Pictures of cells."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

from arch2vec.common.storage import AnyPath
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.reports.layered import layered_layout
from arch2vec.reports.shapes import FONT, AxesCanvas, Canvas, Point, arc, track
from arch2vec.reports.style import GREY, INK, PALETTE, require_format, text_width, write_figure
from arch2vec.reports.svg import SvgCanvas
from arch2vec.spaces import SearchSpace
from arch2vec.spaces.nasbench201.space import EDGES

# Inches, but for the title's font, which is in points.
_BORDER = 0.15
_TITLE_FONT, _TITLE_LINE, _TITLE_GAP, _TITLE_WIDTH = 9.0, 0.18, 0.15, 4.0
_NODE_RADIUS, _NODE_STEP, _TAG = 0.27, 2.0, 0.16
_ARCS = {(0, 2): (0.75, 1.2), (1, 3): (-0.75, 1.2), (0, 3): (1.55, 0.8)}  # height and lean
_BOX_HEIGHT, _PORT = 0.38, 0.09
_LAYER_GAP, _ROW_GAP, _BEND_GAP = 0.6, 0.24, 0.17

Bounds = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def draw_cell(space: SearchSpace, graph: GraphBatch, path: AnyPath, title: str | None = None) -> None:
    """Draw one cell.

    A NAS-Bench-201 cell is drawn as its authors do, four nodes with an
    operation on each edge; a cell of any other space as its graph, a box for
    each operation, from left to right.

    Args:
        space: the space the cell belongs to.
        graph: a batch of one.
        path: ends in .png, .svg or .pdf.
        title: above the picture, in as many lines as it needs.

    Raises:
        InputError: the batch does not hold exactly one architecture of the
            space, the suffix is another, or the folder cannot be written to.
    """
    require_format(path)
    _check_one(space, graph)
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    left, bottom, right, top = paint_cell(AxesCanvas(axes), space, graph, title)
    figure.set_size_inches(right - left, top - bottom)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    write_figure(figure, path)


def cell_svg(space: SearchSpace, graph: GraphBatch, title: str | None = None) -> str:
    """The same picture as an SVG text, for pages and notebooks; needs no matplotlib figure.

    Args:
        space: the space the cell belongs to.
        graph: a batch of one.
        title: above the picture, in as many lines as it needs.

    Raises:
        InputError: the batch does not hold exactly one architecture of the space.
    """
    _check_one(space, graph)
    canvas = SvgCanvas()
    bounds = paint_cell(canvas, space, graph, title)
    return canvas.document(*bounds, label=space.format(graph)[0])


class Drawing:
    """A picture of one cell, which shows itself in a notebook and can be written to a file.

    Raises:
        InputError: the batch does not hold exactly one architecture of the space.
    """

    def __init__(self, space: SearchSpace, graph: GraphBatch, title: str | None = None) -> None:
        self._space, self._graph, self._title = space, graph, title
        self.svg = cell_svg(space, graph, title)

    def save(self, path: AnyPath) -> None:
        """Write it to a file that ends in .png, .svg or .pdf.

        Raises:
            InputError: the suffix is another, or the folder cannot be written to.
        """
        draw_cell(self._space, self._graph, path, self._title)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Drawing({self._space.format(self._graph)[0]!r}; save(path) writes it)"


def _check_one(space: SearchSpace, graph: GraphBatch) -> None:
    if len(graph) != 1:
        raise InputError(f"a picture shows one cell, got {len(graph)}")
    space.check(graph)


def paint_cell(canvas: Canvas, space: SearchSpace, graph: GraphBatch, title: str | None = None) -> Bounds:
    """Draw a cell, and a title above it, on a canvas; returns the picture's bounds, border included."""
    paint = _paint_nasbench201 if has_operations_on_edges(space) else _paint_graph
    left, bottom, right, top = paint(canvas, space, graph)
    if title:
        top += _TITLE_GAP
        # A picture narrower than a readable title is widened.
        spare = max(0.0, min(_TITLE_WIDTH, text_width(title, _TITLE_FONT)) - (right - left))
        left, right = left - spare / 2, right + spare / 2
        for line in reversed(_title_lines(title, right - left)):
            canvas.text(((left + right) / 2, top + _TITLE_LINE / 2), line, size=_TITLE_FONT)
            top += _TITLE_LINE
    return left - _BORDER, bottom - _BORDER, right + _BORDER, top + _BORDER


def has_operations_on_edges(space: SearchSpace) -> bool:
    """Whether cells are drawn as nodes with an operation on each edge between them, as NAS-Bench-201's authors do."""
    return space.name == "nasbench201"


def readable(operation: str) -> str:
    """An operation's name as people write it: ``nor_conv_3x3`` is ``conv 3×3``."""
    text = operation.removeprefix("nor_").removesuffix("_connect").removesuffix("-bn-relu")
    if text.startswith("c_{"):
        return f"cell {text.removeprefix('c_{').removesuffix('}')}"
    text = re.sub(r"_?(\d+)x(\d+)", " \\1×\\2", text)  # noqa: RUF001
    text = re.sub(r"^(max|avg|sep|dil|dw)_?(?=pool|conv)", r"\1 ", text)
    return text.replace("_", " ")


def operation_colours(space: SearchSpace) -> dict[str, str]:
    """A colour for each operation of a space, the same in all its pictures.

    Grey for ``none``; ink for inputs and outputs, whose boxes stay white.
    """
    ends = {name for name in space.operations if name.startswith(("input", "output", "c_"))}
    inner = [name for name in space.operations if name not in ends and name != "none"]
    colours = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(inner)}
    return {name: INK if name in ends else colours.get(name, GREY) for name in space.operations}


def _paint_nasbench201(canvas: Canvas, space: SearchSpace, graph: GraphBatch) -> Bounds:
    """Four nodes in a row; edges that skip a node arch over or under it, those of ``none`` are faint."""
    colours = operation_colours(space)
    centres: list[Point] = [(node * _NODE_STEP, 0.0) for node in range(4)]
    for code, (source, target) in zip(graph.ops[0, 1:-1].tolist(), EDGES, strict=True):
        operation = space.operations[code]
        absent = operation == "none"
        height, lean = _ARCS.get((source, target), (0.0, _NODE_STEP / 3))
        curve, middle = arc(centres[source], centres[target], height, lean, _NODE_RADIUS)
        canvas.arrow(curve, colours[operation], width=1.0 if absent else 2.0, head=not absent)
        canvas.tag(middle, readable(operation), colours[operation], faint=absent)
    for centre, text in zip(centres, ("in", "1", "2", "out"), strict=True):
        canvas.disc(centre, _NODE_RADIUS, text)
    low, high = min(height for height, _ in _ARCS.values()), max(height for height, _ in _ARCS.values())
    return -_NODE_RADIUS, low - _TAG, 3 * _NODE_STEP + _NODE_RADIUS, high + _TAG


def _paint_graph(canvas: Canvas, space: SearchSpace, graph: GraphBatch) -> Bounds:
    """A box for each vertex, layered from left to right."""
    present = np.flatnonzero(graph.mask[0])
    adjacency = graph.adjacency[0][np.ix_(present, present)]
    names = [space.operations[code] for code in graph.ops[0, present].tolist()]
    labels, colours = [readable(name) for name in names], operation_colours(space)
    width = max(text_width(label, FONT) for label in labels) + 0.26
    # High enough that every edge has room for its arrowhead.
    degrees = np.maximum(adjacency.sum(axis=0), adjacency.sum(axis=1))
    extents = np.maximum(_BOX_HEIGHT, _PORT * (degrees - 1) + 0.2)
    layout = layered_layout(adjacency, extents, _ROW_GAP, _BEND_GAP)

    step = width + _LAYER_GAP
    centres: list[Point] = [
        (layer * step, y) for layer, y in zip(layout.layers.tolist(), layout.heights.tolist(), strict=True)
    ]
    leaving = _ports(centres, {edge: [*bends, centres[edge[1]][1]][0] for edge, bends in layout.bends.items()}, 0)
    entering = _ports(centres, {edge: [centres[edge[0]][1], *bends][-1] for edge, bends in layout.bends.items()}, 1)
    for edge, bends in layout.bends.items():
        source, target = centres[edge[0]], centres[edge[1]]
        points = [(source[0] + width / 2, leaving[edge])]
        for layers_on, y in enumerate(bends, start=1):  # level past the boxes of a layer, curved between layers
            x = source[0] + layers_on * step
            points += [(x - width / 2, y), (x + width / 2, y)]
        points.append((target[0] - width / 2 - 0.02, entering[edge]))
        canvas.arrow(track(points), "#555555", width=1.1)
    for centre, name, label, extent in zip(centres, names, labels, extents.tolist(), strict=True):
        canvas.box(centre, width, extent, label, colours[name])
    passes = [y for bends in layout.bends.values() for y in bends]
    low = min([*(layout.heights - extents / 2).tolist(), *passes])
    high = max([*(layout.heights + extents / 2).tolist(), *passes])
    return -width / 2, low, int(layout.layers.max()) * step + width / 2, high


def _ports(centres: Sequence[Point], beyond: Mapping[tuple[int, int], float], end: int) -> dict[tuple[int, int], float]:
    """The height at which each edge touches the box at one of its ends, in the order in which they fan out.

    Args:
        centres: of the boxes.
        beyond: for each edge, its height in the next layer.
        end: 0 for where edges leave, 1 for where they enter.
    """
    heights: dict[tuple[int, int], float] = {}
    for vertex, (_, y) in enumerate(centres):
        fan = sorted((edge for edge in beyond if edge[end] == vertex), key=beyond.__getitem__)
        for index, edge in enumerate(fan):
            heights[edge] = y + _PORT * (index - (len(fan) - 1) / 2)
    return heights


def _title_lines(title: str, width: float) -> list[str]:
    """A title in lines that are not wider than the picture, broken where a word or an operation ends."""

    def measured(text: str) -> float:
        return text_width(text, _TITLE_FONT)

    lines = [""]
    for piece in re.split(r"(?<=[\s+|,;])", " ".join(title.split())):
        if measured(lines[-1] + piece) <= width:
            lines[-1] += piece
            continue
        rest = piece
        while measured(rest) > width:  # too wide by itself: as many characters as a line takes
            prefixes = [rest[:count] for count in range(1, len(rest))]
            fitting = max(1, bisect_right(prefixes, width, key=measured))
            lines.append(rest[:fitting])
            rest = rest[fitting:]
        lines.append(rest)
    return [line.strip() for line in lines if line.strip()]
