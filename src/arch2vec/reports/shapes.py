"""The few shapes that pictures of cells are made of. Coordinates are inches, text is in points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from arch2vec.reports.style import GREY, INK, mixed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT = 10.0

Point = tuple[float, float]
Curve = tuple[list[Point], list[int]]
"""Points and matplotlib's path codes: 1 move, 2 line, 4 cubic curve."""


class Canvas(Protocol):
    """What pictures are drawn on: matplotlib's axes, or an SVG text (:mod:`arch2vec.reports.svg`)."""

    def arrow(self, curve: Curve, colour: str, width: float, *, head: bool = True) -> None:
        """A curve with an arrowhead at its end; without one, a faint dotted line."""

    def tag(self, at: Point, text: str, colour: str, *, faint: bool = False) -> None:
        """A label on an edge."""

    def disc(self, at: Point, radius: float, text: str) -> None:
        """A node."""

    def box(self, at: Point, width: float, height: float, text: str, colour: str) -> None:
        """A vertex with its operation."""

    def text(self, at: Point, text: str, *, size: float = FONT, colour: str = INK) -> None:
        """Text centred at a point."""


class AxesCanvas:
    """A :class:`Canvas` of matplotlib's axes."""

    def __init__(self, axes: Axes) -> None:
        self._axes = axes

    def arrow(self, curve: Curve, colour: str, width: float, *, head: bool = True) -> None:
        """A curve with an arrowhead at its end; without one, a faint dotted line."""
        draw_arrow(self._axes, curve, colour, width, head=head)

    def tag(self, at: Point, text: str, colour: str, *, faint: bool = False) -> None:
        """A label on an edge."""
        draw_tag(self._axes, at, text, colour, faint=faint)

    def disc(self, at: Point, radius: float, text: str) -> None:
        """A node."""
        draw_disc(self._axes, at, radius, text)

    def box(self, at: Point, width: float, height: float, text: str, colour: str) -> None:
        """A vertex with its operation."""
        draw_box(self._axes, at, width, height, text, colour)

    def text(self, at: Point, text: str, *, size: float = FONT, colour: str = INK) -> None:
        """Text centred at a point."""
        draw_text(self._axes, at, text, size=size, colour=colour)


def arc(source: Point, target: Point, height: float, lean: float, radius: float) -> tuple[Curve, Point]:
    """A curve between the rims of two discs on a level, and its middle.

    Args:
        source: the centre it leaves.
        target: the centre it goes to.
        height: how far its middle is above (or, negative, below) the centres; 0 is straight.
        lean: how far its control points are inwards of the centres: the more, the flatter it sets out.
        radius: of both discs.
    """
    lift = height / 0.75  # a cubic curve reaches three quarters of its control points' height
    first, second = (source[0] + lean, source[1] + lift), (target[0] - lean, target[1] + lift)
    points = [_towards(source, first, radius), first, second, _towards(target, second, radius + 0.02)]
    x, y = ((points[0][i] + 3 * first[i] + 3 * second[i] + points[3][i]) / 8 for i in (0, 1))
    return (points, [1, 4, 4, 4]), (x, y)


def _towards(origin: Point, target: Point, distance: float) -> Point:
    across, up = target[0] - origin[0], target[1] - origin[1]
    share = distance / (across * across + up * up) ** 0.5
    return origin[0] + share * across, origin[1] + share * up


def track(points: Sequence[Point]) -> Curve:
    """A smooth line through an even number of points: curved from the first to the second, straight to the third, ...

    Every part begins and ends level, so the parts join without a corner.
    """
    way, codes = [points[0]], [1]
    for index, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        if index % 2:
            way, codes = [*way, (x1, y1)], [*codes, 2]
        else:
            middle = (x0 + x1) / 2
            way, codes = [*way, (middle, y0), (middle, y1), (x1, y1)], [*codes, 4, 4, 4]
    return way, codes


def draw_arrow(axes: Axes, curve: Curve, colour: str, width: float, *, head: bool = True) -> None:
    """A curve with an arrowhead at its end; without one, a faint dotted line."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    axes.add_patch(
        FancyArrowPatch(
            path=Path(*curve),
            arrowstyle="-|>,head_length=0.45,head_width=0.22" if head else "-",
            mutation_scale=10 + 2 * width,
            linewidth=width,
            linestyle="-" if head else (0, (1, 2)),
            color=colour,
            capstyle="butt",
            joinstyle="miter",
            shrinkA=0,
            shrinkB=0,
            zorder=1,
        )
    )


def draw_tag(axes: Axes, at: Point, text: str, colour: str, *, faint: bool = False) -> None:
    """A label on an edge."""
    fill = {"boxstyle": "round,pad=0.3", "facecolor": mixed(colour, "#ffffff", 0.8), "edgecolor": colour}
    if faint:
        fill = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none"}
    draw_text(axes, at, text, size=FONT - 1 if faint else FONT, colour=GREY if faint else INK, box=fill)


def draw_disc(axes: Axes, at: Point, radius: float, text: str) -> None:
    """A node."""
    from matplotlib.patches import Circle

    axes.add_patch(Circle(at, radius, facecolor="white", edgecolor=INK, linewidth=1.3, zorder=2))
    draw_text(axes, at, text)


def draw_box(axes: Axes, at: Point, width: float, height: float, text: str, colour: str) -> None:
    """A vertex with its operation."""
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (at[0] - width / 2, at[1] - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor="white" if colour == INK else mixed(colour, "#ffffff", 0.72),
            edgecolor=colour,
            linewidth=1.3,
            zorder=2,
        )
    )
    draw_text(axes, at, text)


def draw_text(
    axes: Axes, at: Point, text: str, *, size: float = FONT, colour: str = INK, box: dict[str, str] | None = None
) -> None:
    """Text centred at a point, dollar signs as they are."""
    axes.text(
        *at, text, size=size, color=colour, ha="center", va="center_baseline", bbox=box, parse_math=False, zorder=3
    )
