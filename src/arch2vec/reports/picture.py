"""Figures that notebooks show: what plotting methods of objects return."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from arch2vec.common.storage import AnyPath
from arch2vec.reports.style import write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 110  # on a screen


class Picture:
    """A matplotlib figure that shows itself in a notebook and can be written to a file.

    Attributes:
        figure: to be changed at will.
    """

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def save(self, path: AnyPath) -> None:
        """Write it to a file that ends in .png, .svg or .pdf.

        Raises:
            InputError: the suffix is another, or the folder cannot be written to.
        """
        write_figure(self.figure, path)

    def _repr_png_(self) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        FigureCanvasAgg(self.figure)
        stream = BytesIO()
        self.figure.savefig(stream, format="png", dpi=_DPI, facecolor="white")
        return stream.getvalue()

    def __repr__(self) -> str:
        width, height = self.figure.get_size_inches()
        return f"Picture({width:.1f} x {height:.1f} inches; save(path) writes it)"
