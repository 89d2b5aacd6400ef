"""What all figures share: colours, sizes, and how they are written.

Figures are made from ``matplotlib.figure.Figure`` and never registered with
pyplot, so that drawing needs no display and touches no global state.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from arch2vec.common.storage import AnyPath, atomic_path
from arch2vec.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Paths = AnyPath | Sequence[AnyPath]
"""One file or several, each ending in .png, .svg or .pdf."""

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#882255")
"""Seven colours that people with any colour vision tell apart: Okabe and Ito (2008), a wine red in place of yellow."""

GREY, INK = "#8A8A8A", "#222222"
LINE_STYLES = ("-", "--", ":", "-.")
MARKERS = {"-": "", "--": "o", ":": "s", "-.": "^"}
"""Of each line style: where colours are used a second time, a mark on the line tells methods apart too."""
_MARK_SPACING = 0.14  # of marks, a share of the axes' diagonal

_FORMATS = ("png", "svg", "pdf")
_DPI = 200
# Dates would make two writings of the same figure differ.
_METADATA: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}

# Methods that have their place in the palette, whatever else is in the figure.
_SEATS = {
    "random": 0,
    "local-search": 1,
    "evolution": 5,
    "bo": 2,
    "arch2vec-rl": 3,
    "group-bo": 4,
    "gp-bo": 6,
    "rl": 3,
    "local": 1,
}


def require_format(path: AnyPath) -> str:
    """The format that a figure's file name asks for.

    Raises:
        InputError: it is none of png, svg and pdf.
    """
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in _FORMATS:
        raise InputError(f"cannot draw {path}: a figure's name ends in .png, .svg or .pdf")
    return suffix


def require_formats(path: Paths) -> list[AnyPath]:
    """The files that a figure is written to.

    Raises:
        InputError: the suffix of one is none of png, svg and pdf.
    """
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    for each in paths:
        require_format(each)
    return paths


def write_figure(figure: Figure, path: Paths) -> None:
    """Write a figure in the format of each path's suffix, atomically and the same bytes each time.

    Raises:
        InputError: a suffix is unknown or a folder cannot be written to.
    """
    import matplotlib as mpl

    for each in require_formats(path):
        kind = require_format(each)
        # Fonts in a PDF as TrueType (publishers refuse Type 3), identifiers in an SVG the same each time.
        with mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "arch2vec"}), atomic_path(each) as temporary:
            figure.savefig(temporary, format=kind, dpi=_DPI, metadata=_METADATA[kind], facecolor="white")


def png_and_svg(path: Path) -> tuple[Path, Path]:
    """The two files that a figure of a command is written to, for screens and for print."""
    return path.with_suffix(".png"), path.with_suffix(".svg")


def method_styles(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A (colour, line style) for each name, different ones for different names.

    A name's colour depends on the name, and on the others only where two want
    the same one: a method looks the same in every figure. Lines are solid
    until the colours are used up.

    Raises:
        InputError: there are more names than styles.
    """
    wanted = sorted(set(names), key=lambda name: (name not in _SEATS, name))
    if len(wanted) > len(PALETTE) * len(LINE_STYLES):
        raise InputError(f"a figure can show at most {len(PALETTE) * len(LINE_STYLES)} methods, got {len(wanted)}")
    chosen: dict[str, tuple[str, str]] = {}
    for count, name in enumerate(wanted):
        line = LINE_STYLES[count // len(PALETTE)]
        taken = {colour for colour, style in chosen.values() if style == line}
        first = _SEATS[name] if name in _SEATS else crc32(name.encode())
        order = [PALETTE[(first + step) % len(PALETTE)] for step in range(len(PALETTE))]
        chosen[name] = next(colour for colour in order if colour not in taken), line
    return chosen


def line_look(style: tuple[str, str], place: int = 0) -> dict[str, Any]:
    """How matplotlib draws a line of such a style; ``place`` keeps the marks of several lines apart."""
    colour, line = style
    look: dict[str, Any] = {"color": colour, "linestyle": line}
    if MARKERS[line]:
        start = _MARK_SPACING * ((0.37 * place) % 1)
        look |= {"marker": MARKERS[line], "markevery": (start, _MARK_SPACING), "markersize": 4.5}
        look |= {"markerfacecolor": "white", "markeredgewidth": 1.2}
    return look


def mixed(colour: str, other: str, share: float) -> str:
    """``colour`` with a ``share`` of ``other`` in it; both and the result as #rrggbb."""
    channels = [
        round((1 - share) * int(colour[at : at + 2], 16) + share * int(other[at : at + 2], 16)) for at in (1, 3, 5)
    ]
    return "#" + "".join(f"{channel:02x}" for channel in channels)


@lru_cache(maxsize=4096)  # a page has the same words in hundreds of cells
def text_width(text: str, size: float) -> float:
    """The width in inches of one line of text of so many points, as it comes out in a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(dpi=_DPI)
    FigureCanvasAgg(figure)
    return figure.text(0, 0, text, size=size, parse_math=False).get_window_extent().width / _DPI
