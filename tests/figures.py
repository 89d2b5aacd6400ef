"""What tests of figures share: graphs to draw, figures as they are written, and where their texts are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.graphs import GraphBatch
from arch2vec.spaces import NASBench201


class AnyGraph(NASBench201):
    """A space of every DAG with these operations, to draw any graph at all."""

    name = "anything"
    operations = ("input", "conv1x1", "conv3x3", "maxpool3x3", "output")  # type: ignore[assignment]
    num_vertices = 7

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        return np.ones(len(graphs), dtype=np.bool_)


ANYTHING = AnyGraph()


def random_dag(seed: int, density: float, num_vertices: int = 7) -> GraphBatch:
    rng = np.random.default_rng(seed)
    adjacency = np.triu(rng.random((num_vertices, num_vertices)) < density, 1)
    ops = [0, *rng.integers(1, 4, num_vertices - 2), 4]
    return GraphBatch.of([ops], adjacency[None])


def drawn(action: Callable[[Path], None]) -> Figure:
    """The figure that ``action`` would write to a file, as it looks there."""
    kept: list[Figure] = []
    with pytest.MonkeyPatch.context() as patch:
        for module in ("curves", "cells", "regret"):
            patch.setattr(f"arch2vec.reports.{module}.write_figure", lambda figure, path: kept.append(figure))
        action(Path("figure.png"))
    figure = kept.pop()
    figure.set_dpi(200)
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure


def text_boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every visible text with its extent in pixels."""
    axes = figure.axes[0]
    texts = [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]  # type: ignore[attr-defined]
    if axes.axison:
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
            texts += [label for place, label in ticks if low <= place <= high]
    # Of an annotation the text alone: its line may touch what it points at.
    return [(text.get_text(), Text.get_window_extent(text)) for text in texts if text.get_text()]


def assert_texts_are_apart_and_inside(figure: Figure) -> None:
    boxes = text_boxes(figure)
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in boxes:
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text
    for (one, first), (other, second) in combinations(boxes, 2):
        assert not first.overlaps(second), (one, other)
