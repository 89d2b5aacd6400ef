"""The shapes that pictures of cells are made of, written as SVG: small, with text that is text.

What :mod:`arch2vec.reports.shapes` draws with matplotlib, for pages and notebooks. Coordinates
are inches with y upwards, as there; the file's are CSS pixels with y downwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from arch2vec.reports.shapes import FONT, Curve, Point
from arch2vec.reports.style import GREY, INK, mixed, text_width

_PIXELS = 96.0  # an inch
_POINTS = 72.0
_FAMILY = "DejaVu Sans, Verdana, Geneva, sans-serif"  # alike in width, so that words fit the boxes measured for them
_HEAD_LENGTH, _HEAD_WIDTH = 9.0, 3.3  # of an arrow of width 1, pixels


class SvgCanvas:
    """Collects shapes; see :class:`arch2vec.reports.shapes.Canvas`."""

    def __init__(self) -> None:
        self._below: list[str] = []
        self._above: list[str] = []

    def arrow(self, curve: Curve, colour: str, width: float, *, head: bool = True) -> None:
        """A curve with an arrowhead at its end; without one, a faint dotted line."""
        points, codes = list(curve[0]), curve[1]
        tip, before = points[-1], points[-2]
        away = ((tip[0] - before[0]) ** 2 + (tip[1] - before[1]) ** 2) ** 0.5 or 1.0
        along = ((tip[0] - before[0]) / away, (tip[1] - before[1]) / away)
        length, half = (_HEAD_LENGTH + width) / _PIXELS, (_HEAD_WIDTH + width / 2) / _PIXELS
        if head:  # the line ends within the head, so that its square end does not stand beside the tip
            points[-1] = (tip[0] - 0.7 * length * along[0], tip[1] - 0.7 * length * along[1])
        way, place = "", 0
        while place < len(points):
            letter, count = {1: ("M", 1), 2: ("L", 1), 4: ("C", 3)}[codes[place]]
            way += letter + " ".join(_pair(point) for point in points[place : place + count])
            place += count
        dash = "" if head else ' stroke-dasharray="2 3"'
        stroke = width * _PIXELS / _POINTS
        self._below.append(f'<path d="{way}" fill="none" stroke="{colour}" stroke-width="{stroke:.2g}"{dash}/>')
        if head:
            back = (tip[0] - length * along[0], tip[1] - length * along[1])
            corners = [tip, *((back[0] - s * half * along[1], back[1] + s * half * along[0]) for s in (1, -1))]
            self._below.append(f'<path d="M{"L".join(map(_pair, corners))}Z" fill="{colour}"/>')

    def tag(self, at: Point, text: str, colour: str, *, faint: bool = False) -> None:
        """A label on an edge."""
        size = FONT - 1 if faint else FONT
        pad = (0.2 if faint else 0.3) * size / _POINTS
        width, height = text_width(text, size) + 2 * pad, size / _POINTS + 2 * pad
        style = 'fill="#fff"' if faint else f'fill="{mixed(colour, "#ffffff", 0.8)}" stroke="{colour}"'
        self._above.append(_rectangle(at, width, height, pad, style))
        self.text(at, text, size=size, colour=GREY if faint else INK)

    def disc(self, at: Point, radius: float, text: str) -> None:
        """A node."""
        x, y = _at(at)
        circle = f'<circle cx="{x:.5g}" cy="{y:.5g}" r="{radius * _PIXELS:.4g}"'
        self._above.append(f'{circle} fill="#fff" stroke="{INK}" stroke-width="1.7"/>')
        self.text(at, text)

    def box(self, at: Point, width: float, height: float, text: str, colour: str) -> None:
        """A vertex with its operation."""
        fill = "#ffffff" if colour == INK else mixed(colour, "#ffffff", 0.72)
        style = f'fill="{fill}" stroke="{colour}" stroke-width="1.7"'
        self._above.append(_rectangle(at, width, height, 0.07, style))
        self.text(at, text)

    def text(self, at: Point, text: str, *, size: float = FONT, colour: str = INK) -> None:
        """Text centred at a point."""
        x, y = _at(at)
        pixels = size * _PIXELS / _POINTS
        place = f'x="{x:.5g}" y="{y + 0.36 * pixels:.5g}" font-size="{pixels:.4g}"'
        self._above.append(f'<text {place} fill="{colour}" text-anchor="middle">{escape(text)}</text>')

    def document(self, left: float, bottom: float, right: float, top: float, label: str) -> str:
        """The SVG of what has been drawn within these bounds, with a name for those who cannot see it."""
        x, y = _at((left, top))
        width, height = (right - left) * _PIXELS, (top - bottom) * _PIXELS
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{x:.6g} {y:.6g} {width:.6g} {height:.6g}"'
        size = f'width="{width:.6g}" height="{height:.6g}" role="img" font-family="{_FAMILY}"'
        return f"{head} {size}><title>{escape(label)}</title>{_joined(self._below)}{_joined(self._above)}</svg>"


def _joined(parts: Iterable[str]) -> str:
    return "".join(parts)


def _at(point: Point) -> Point:
    return point[0] * _PIXELS, -point[1] * _PIXELS


def _pair(point: Point) -> str:
    x, y = _at(point)
    return f"{x:.5g} {y:.5g}"


def _rectangle(at: Point, width: float, height: float, radius: float, style: str) -> str:
    x, y = _at((at[0] - width / 2, at[1] + height / 2))
    size = f'width="{width * _PIXELS:.5g}" height="{height * _PIXELS:.5g}" rx="{radius * _PIXELS:.3g}"'
    return f'<rect x="{x:.5g}" y="{y:.5g}" {size} {style}/>'
