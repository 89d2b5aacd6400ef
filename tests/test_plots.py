"""Figures: the numbers in them, where things are, and the files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.plots import best_so_far, draw_cell
from arch2vec.plots.cells import operation_colours, readable
from arch2vec.plots.layered import layered_layout, longest_paths
from arch2vec.plots.progress import Axis, mean_progress
from arch2vec.plots.style import GREY, INK, PALETTE, method_styles, mixed, text_width
from arch2vec.spaces import NASBench201, SearchSpace, get_space

SPACE = get_space("nasbench201")
CELL = SPACE.parse(["|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"])


class AnyGraph(NASBench201):
    """A space of every DAG with these operations, to draw any graph at all."""

    name = "anything"
    operations = ("input", "conv1x1", "conv3x3", "maxpool3x3", "output")  # type: ignore[assignment]
    num_vertices = 7

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        return np.ones(len(graphs), dtype=np.bool_)


ANYTHING = AnyGraph()


def error_of(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        action()
    line = str(caught.value)
    assert line.isprintable() and len(line) > 10
    return line


def random_dag(seed: int, density: float, num_vertices: int = 7) -> GraphBatch:
    rng = np.random.default_rng(seed)
    adjacency = np.triu(rng.random((num_vertices, num_vertices)) < density, 1)
    ops = [0, *rng.integers(1, 4, num_vertices - 2), 4]
    return GraphBatch.of([ops], adjacency[None])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], None]], Figure]:
    """Draws and gives the figure instead of a file, as it looks when written."""
    kept: list[Figure] = []
    for module in ("curves", "cells"):
        monkeypatch.setattr(f"arch2vec.plots.{module}.write_figure", lambda figure, path: kept.append(figure))

    def draw(action: Callable[[Path], None]) -> Figure:
        action(Path("figure.png"))
        figure = kept.pop()
        figure.set_dpi(200)
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
        return figure

    return draw


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


# Progress


def naive_mean(runs: list[list[tuple[float, float]]], at: float) -> list[float]:
    """The best value of each run up to cost ``at``, by looking at everything."""
    best = []
    for run in runs:
        spent, values = 0.0, []
        for value, cost in run:
            spent += cost
            if spent <= at and not np.isnan(value):
                values.append(value)
        best.append(max(values))
    return best


values = st.one_of(st.floats(0, 100), st.just(float("nan")))
runs_strategy = st.lists(
    st.lists(st.tuples(values, st.integers(0, 20).map(float)), min_size=1, max_size=12).filter(
        lambda run: not all(np.isnan(value) for value, _ in run)
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(runs=runs_strategy, by_cost=st.booleans())
def test_progress_is_the_naive_mean(runs: list[list[tuple[float, float]]], by_cost: bool) -> None:
    if not by_cost:
        runs = [[(value, 1.0) for value, _ in run] for run in runs]
    arrays = [np.array(run) for run in runs]
    progress = mean_progress("a", arrays, "cost_s" if by_cost else "evaluations", "deviation")
    assert progress.runs == len(runs)
    assert (np.diff(progress.x) > 0).all() and (np.diff(progress.mean) >= -1e-9).all()
    for at, mean, low, high in zip(progress.x, progress.mean, progress.low, progress.high, strict=True):
        best = naive_mean(runs, at)
        deviation = np.std(best, ddof=1) if len(best) > 1 else 0.0
        assert mean == pytest.approx(np.mean(best))
        assert low == pytest.approx(max(np.mean(best) - deviation, min(best)), abs=1e-9)
        assert high == pytest.approx(min(np.mean(best) + deviation, max(best)), abs=1e-9)
    assert progress.x[-1] == max(sum(cost for _, cost in run) for run in runs)


def test_frames_and_arrays_are_the_same() -> None:
    frame = pd.DataFrame(
        {
            "run": [2, 1, 2, 1, 2],
            "validation": [50.0, 10.0, 40.0, 30.0, 60.0],
            "cost_s": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )
    arrays = [np.array([[10.0, 2.0], [30.0, 4.0]]), np.array([[50.0, 1.0], [40.0, 3.0], [60.0, 5.0]])]
    axes: tuple[Axis, ...] = ("evaluations", "cost_s")
    for x in axes:
        one, other = mean_progress("a", frame, x, "ci95"), mean_progress("a", arrays, x, "ci95")
        for field in ("x", "mean", "low", "high"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    assert list(mean_progress("a", frame, "cost_s", "deviation").x) == [2.0, 4.0, 6.0, 9.0]
    assert list(mean_progress("a", frame, "cost_s", "deviation").mean) == [30.0, 30.0, 40.0, 45.0]
    by_seed = mean_progress("a", frame.rename(columns={"run": "seed"}), "evaluations", "deviation")
    assert by_seed.runs == 2 and list(by_seed.mean) == [30.0, 40.0, 45.0]
    assert mean_progress("a", frame.drop(columns="run"), "evaluations", "deviation").runs == 1


def test_the_confidence_interval_is_the_normal_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(50, 5, size=400)
    progress = mean_progress("a", [[value] for value in values], "evaluations", "ci95")
    expected = 1.96 * values.std(ddof=1) / 20
    assert progress.high[0] - progress.mean[0] == pytest.approx(expected, rel=1e-4)


def test_long_runs_are_thinned() -> None:
    rng = np.random.default_rng(0)
    runs = [np.stack([rng.random(3000), rng.random(3000)], axis=1) for _ in range(3)]
    progress = mean_progress("a", runs, "cost_s", "deviation")
    assert len(progress.x) == 1000
    assert progress.mean[-1] == np.mean([run[:, 0].max() for run in runs])


def test_bad_trajectories(tmp_path: Path) -> None:
    path, frame = tmp_path / "a.png", pd.DataFrame({"value": [1.0], "validation": [1.0]})

    def line(runs: object, x: str = "evaluations", **options: object) -> str:
        return error_of(lambda: best_so_far({"bo": runs}, path, x=x, **options))  # type: ignore[dict-item, arg-type]

    assert error_of(lambda: best_so_far({}, path)) == "no trajectories to draw"
    assert line([]) == "the trajectories of 'bo' hold no run"
    assert line(frame, "cost_s") == "the trajectories of 'bo' have no column 'cost_s'; they have value, validation"
    assert line(frame[["value"]]) == "the trajectories of 'bo' have no column 'validation'; they have value"
    assert line([[1.0]], "cost_s") == "a run of 'bo' has no costs: an array (n, 2) of values and seconds is needed"
    assert line([np.zeros((2, 3))]) == "a run of 'bo' must be an array (n,) or (n, 2), got (2, 3)"
    assert line([[np.nan, np.nan]]) == "a run of 'bo' has no value in 2 evaluations"
    assert line([[]]) == "a run of 'bo' has no value in 0 evaluations"
    assert line([[1.0, np.inf]]) == "a run of 'bo' has an infinite value at evaluation 2"
    assert line([[(1.0, -1.0)]], "cost_s") == "a run of 'bo' has a cost that is negative or not finite"
    assert line([[1.0]], "hours") == "unknown horizontal axis 'hours'; known: cost_s, evaluations"
    assert line([[1.0]], band="iqr") == "unknown band 'iqr'; known: ci95, deviation"
    assert list(tmp_path.iterdir()) == []


# Curves


def many_runs(num_methods: int, seed: int = 0) -> dict[str, list[NDArray[np.float64]]]:
    rng = np.random.default_rng(seed)
    return {
        f"method {i}": [np.stack([rng.uniform(60, 90, 40), rng.uniform(1, 400, 40)], axis=1) for _ in range(3)]
        for i in range(num_methods)
    }


@pytest.mark.parametrize(("num_methods", "x"), [(1, "evaluations"), (5, "cost_s"), (25, "evaluations")])
def test_texts_of_curves_do_not_collide(
    drawn: Callable[[Callable[[Path], None]], Figure], num_methods: int, x: Axis
) -> None:
    trajectories = many_runs(num_methods)
    trajectories["a method with quite a long name, $5 a$ run"] = trajectories["method 0"]
    figure = drawn(lambda path: best_so_far(trajectories, path, x=x, optimum=90.0, title="Title"))
    assert_texts_are_apart_and_inside(figure)
    texts = {text for text, _ in text_boxes(figure)}
    assert set(trajectories) | {"optimum", "Title", "mean of 3 runs ± one standard deviation"} <= texts
    assert ("cost (hours)" in texts) == (x == "cost_s")


def test_labels_are_in_the_order_of_the_curves(drawn: Callable[[Callable[[Path], None]], Figure]) -> None:
    trajectories = many_runs(9)
    figure = drawn(lambda path: best_so_far(trajectories, path))
    ends = {name: np.mean([run[:, 0].max() for run in runs]) for name, runs in trajectories.items()}
    notes = [note for note in figure.axes[0].texts if isinstance(note, Annotation)]
    by_height = [note.get_text() for note in sorted(notes, key=lambda note: note.xyann[1])]
    assert by_height == sorted(ends, key=ends.__getitem__)
    assert all(note.xy[1] == pytest.approx(ends[note.get_text()]) for note in notes)


def test_curves_are_steps_of_the_mean(drawn: Callable[[Callable[[Path], None]], Figure]) -> None:
    runs = [[10.0, 40.0, 20.0], [30.0, 20.0, 50.0]]
    figure = drawn(lambda path: best_so_far({"bo": runs}, path))
    line = next(line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post")
    np.testing.assert_array_equal(line.get_xydata(), [[1, 20], [2, 35], [3, 45]])
    assert len(figure.axes[0].collections) == 1
    alone = drawn(lambda path: best_so_far({"bo": runs[:1]}, path))
    assert len(alone.axes[0].collections) == 0 and "one run each" in dict(text_boxes(alone))


def test_the_first_rise_does_not_flatten_the_rest(drawn: Callable[[Callable[[Path], None]], Figure]) -> None:
    steep = [10.0, *np.linspace(90, 91, 99)]
    low, high = drawn(lambda path: best_so_far({"bo": [steep]}, path)).axes[0].get_ylim()
    assert 89 < low < 90.1 and 91 < high < 92
    slow = np.linspace(10, 91, 100)
    assert drawn(lambda path: best_so_far({"bo": [slow]}, path)).axes[0].get_ylim()[0] < 10


@pytest.mark.parametrize(
    ("run", "x"), [([50.0], "evaluations"), ([50.0, 50.0], "evaluations"), ([(50.0, 0.0)], "cost_s")]
)
def test_a_curve_of_one_point(drawn: Callable[[Callable[[Path], None]], Figure], run: list[float], x: Axis) -> None:
    figure = drawn(lambda path: best_so_far({"bo": [run]}, path, x=x, optimum=50.0))
    assert_texts_are_apart_and_inside(figure)
    assert any(line.get_marker() == "o" for line in figure.axes[0].lines)


def test_method_styles() -> None:
    names = [f"m{i}" for i in range(len(PALETTE) * 4)]
    assert len(set(method_styles(names).values())) == len(names)
    assert method_styles(names) == method_styles(reversed(names))
    assert {line for _, line in method_styles(["random", "bo", "rl", "x", "y", "z", "evolution"]).values()} == {"-"}
    known = method_styles(["random", "bo", "rl", "evolution", "local"])
    for name in known:
        assert method_styles([name, "anything", "else"])[name] == known[name]
    assert method_styles(["anything"])["anything"] == method_styles(["anything", "bo"])["anything"]
    assert error_of(lambda: method_styles([*names, "more"])) == "a figure can show at most 28 methods, got 29"


# Simulation matrices, linear RGB: Machado, Oliveira and Fernandes (2009), table 1, severity 1.
COLOUR_VISION = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def lab(colour: str, vision: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* (D65) of a colour as somebody sees it."""
    encoded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = (vision @ linear).clip(0, 1)
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    relative = np.array(matrix) @ seen / [0.9505, 1.0, 1.089]
    x, y, z = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_the_palette_can_be_told_apart(vision: str) -> None:
    seen = {colour: lab(colour, np.array(COLOUR_VISION[vision])) for colour in PALETTE}
    for one, other in combinations(PALETTE, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 12, (one, other)
    white = lab("#ffffff", np.eye(3))
    assert all(white[0] - seen[colour][0] > 25 for colour in PALETTE)


def test_mixed_colours() -> None:
    assert mixed("#0072B2", "#ffffff", 0.0) == "#0072b2"
    assert mixed("#0072B2", "#ffffff", 1.0) == "#ffffff"
    assert mixed("#000000", "#ffffff", 0.5) == "#808080"


# Layout


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), density=st.floats(0, 1), num_vertices=st.integers(1, 9))
def test_layered_layout(seed: int, density: float, num_vertices: int) -> None:
    rng = np.random.default_rng(seed)
    adjacency = np.triu(rng.random((num_vertices, num_vertices)) < density, 1)
    extents = rng.uniform(0.2, 1.0, num_vertices)
    layout = layered_layout(adjacency, extents, gap=0.3, bend_gap=0.1)

    def longest(vertex: int) -> int:
        return max((1 + longest(int(source)) for source in np.flatnonzero(adjacency[:, vertex])), default=0)

    assert layout.layers.tolist() == [longest(vertex) for vertex in range(num_vertices)]
    assert set(layout.bends) == {(int(i), int(j)) for i, j in np.argwhere(adjacency)}
    places: dict[int, list[tuple[float, float, bool]]] = {}
    for vertex in range(num_vertices):
        places.setdefault(int(layout.layers[vertex]), []).append((layout.heights[vertex], extents[vertex], True))
    for (source, target), bends in layout.bends.items():
        between = range(layout.layers[source] + 1, layout.layers[target])
        for layer, height in zip(between, bends, strict=True):
            places[layer].append((height, 0.0, False))
    for items in places.values():
        for (y0, extent0, is_vertex0), (y1, extent1, is_vertex1) in pairwise(sorted(items)):
            least = 0.3 if is_vertex0 and is_vertex1 else 0.1
            assert y1 - y0 - (extent0 + extent1) / 2 >= least - 1e-5


def test_layouts_that_are_known() -> None:
    chain = np.eye(5, k=1, dtype=np.bool_)
    layout = layered_layout(chain, np.ones(5), 0.3, 0.1)
    np.testing.assert_allclose(layout.heights, 0, atol=1e-6)
    fan = np.zeros((5, 5), dtype=np.bool_)
    fan[0, 1:4] = fan[1:4, 4] = True
    layout = layered_layout(fan, np.ones(5), 0.5, 0.1)
    np.testing.assert_allclose(sorted(layout.heights - layout.heights[0]), [-1.5, 0, 0, 0, 1.5], atol=1e-4)
    np.testing.assert_array_equal(longest_paths(fan), [0, 1, 1, 1, 2])
    crossed = np.zeros((4, 4), dtype=np.bool_)  # parallel once the order of a layer is turned round
    crossed[0, 3] = crossed[1, 2] = True
    layout = layered_layout(crossed, np.ones(4), 0.5, 0.1)
    assert (layout.heights[0] > layout.heights[1]) == (layout.heights[3] > layout.heights[2])


# Cells


def test_a_nasbench201_cell(drawn: Callable[[Callable[[Path], None]], Figure]) -> None:
    figure = drawn(lambda path: draw_cell(SPACE, CELL, path, title=SPACE.format(CELL)[0]))
    assert_texts_are_apart_and_inside(figure)
    texts = [text for text, _ in text_boxes(figure)]
    assert sorted(texts[:-1]) == sorted(
        ["conv 3×3", "none", "skip", "avg pool 3×3", "conv 1×1", "skip", "in", "1", "2", "out"]  # noqa: RUF001
    )
    arrows = figure.axes[0].findobj(FancyArrowPatch)
    assert len(arrows) == 6 and len(figure.axes[0].findobj(Circle)) == 4
    colours = operation_colours(SPACE)
    shown = [mpl.colors.to_hex(arrow.get_edgecolor()).upper() for arrow in arrows]
    operations = ["nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "skip_connect"]
    assert shown == [colours[operation].upper() for operation in operations]
    assert len(set(shown)) == 5 and shown[1] == GREY


@pytest.mark.parametrize("index", [0, 5, 10000])
def test_nasbench201_texts_do_not_collide(drawn: Callable[[Callable[[Path], None]], Figure], index: int) -> None:
    assert_texts_are_apart_and_inside(drawn(lambda path: draw_cell(SPACE, SPACE.enumerate()[index], path)))


@pytest.mark.parametrize("seed", range(6))
def test_edges_of_a_graph_stay_clear_of_boxes(drawn: Callable[[Callable[[Path], None]], Figure], seed: int) -> None:
    graph = random_dag(seed, density=0.2 + 0.15 * seed)
    figure = drawn(lambda path: draw_cell(ANYTHING, graph, path, title="A graph"))
    assert_texts_are_apart_and_inside(figure)
    boxes = [
        Bbox.from_bounds(box.get_x(), box.get_y(), box.get_width(), box.get_height())
        for box in figure.axes[0].findobj(FancyBboxPatch)
        if isinstance(box, FancyBboxPatch) and box.get_width() > 0.5
    ]
    arrows = [arrow for arrow in figure.axes[0].findobj(FancyArrowPatch) if isinstance(arrow, FancyArrowPatch)]
    assert len(boxes) == 7 and len(arrows) == graph.adjacency.sum()
    starts, ends = set(), set()
    for arrow in arrows:
        (inches,) = arrow._path_original.to_polygons(closed_only=False)  # type: ignore[attr-defined]
        assert not any(box.shrunk(0.99, 0.99).contains(x, y) for box in boxes for x, y in inches)
        starts.add(tuple(np.round(inches[0], 3)))
        ends.add(tuple(np.round(inches[-1], 3)))
    assert len(starts) == len(ends) == len(arrows)  # each touches its boxes in its own place


def test_padding_is_not_drawn(drawn: Callable[[Callable[[Path], None]], Figure]) -> None:
    adjacency = np.zeros((1, 7, 7), dtype=np.bool_)
    adjacency[0, 0, 1] = True
    graph = GraphBatch.of([[0, 4] + [PADDING] * 5], adjacency)
    figure = drawn(lambda path: draw_cell(ANYTHING, graph, path, title="a title wider than the picture " * 8))
    assert_texts_are_apart_and_inside(figure)
    assert {"input", "output"} <= {text for text, _ in text_boxes(figure)}
    assert len(figure.axes[0].findobj(FancyArrowPatch)) == 1


def test_separate_parts_and_no_edges(drawn: Callable[[Callable[[Path], None]], Figure]) -> None:
    for edges in ([], [(0, 1), (2, 3), (3, 4)]):
        adjacency = np.zeros((1, 7, 7), dtype=np.bool_)
        for source, target in edges:
            adjacency[0, source, target] = True
        graph = GraphBatch.of([[0, 1, 2, 3, 2, 3, 4]], adjacency)
        figure = drawn(lambda path, graph=graph: draw_cell(ANYTHING, graph, path))  # type: ignore[misc]
        assert_texts_are_apart_and_inside(figure)
        assert figure.get_size_inches().max() < 6


def test_a_title_without_a_place_to_break_it(drawn: Callable[[Callable[[Path], None]], Figure]) -> None:
    figure = drawn(lambda path: draw_cell(SPACE, CELL, path, title="x" * 300 + " $a_b$"))
    assert_texts_are_apart_and_inside(figure)
    assert sum(text.count("x") for text, _ in text_boxes(figure)) == 300


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("nor_conv_3x3", "conv 3×3"),  # noqa: RUF001
        ("avg_pool_3x3", "avg pool 3×3"),  # noqa: RUF001
        ("maxpool3x3", "max pool 3×3"),  # noqa: RUF001
        ("conv1x1-bn-relu", "conv 1×1"),  # noqa: RUF001
        ("sep_conv_5x5", "sep conv 5×5"),  # noqa: RUF001
        ("dilconv3x3", "dil conv 3×3"),  # noqa: RUF001
        ("skip_connect", "skip"),
        ("none", "none"),
        ("c_{k-2}", "cell k-2"),
        ("my_own_op", "my own op"),
    ],
)
def test_readable_operations(operation: str, text: str) -> None:
    assert readable(operation) == text


def test_operation_colours() -> None:
    colours = operation_colours(SPACE)
    assert colours["input"] == colours["output"] == INK and colours["none"] == GREY
    assert len({colours[name] for name in SPACE.operations}) == 6


def test_text_width_is_what_is_drawn() -> None:
    figure = Figure(figsize=(8, 2), dpi=200)
    FigureCanvasAgg(figure)
    for text in ("conv 3×3", "|skip_connect~0|+|", "$5 and $6"):  # noqa: RUF001
        shown = figure.text(0, 0.5, text, size=10, parse_math=False).get_window_extent().width / 200
        assert text_width(text, 10) == pytest.approx(shown, abs=0.03)


def test_bad_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    two = GraphBatch.concatenate([CELL, CELL])
    assert error_of(lambda: draw_cell(SPACE, two, path)) == "a picture shows one cell, got 2"
    assert error_of(lambda: draw_cell(SPACE, two[:0], path)) == "a picture shows one cell, got 0"
    other = GraphBatch(CELL.ops.copy(), ~CELL.adjacency & np.triu(np.ones((8, 8), dtype=np.bool_), 1))
    assert error_of(lambda: draw_cell(SPACE, other, path)) == "graph 0 of 1 is no architecture of nasbench201"
    assert list(tmp_path.iterdir()) == []


# Files

DRAWERS: dict[str, Callable[[Path], None]] = {
    "curves": lambda path: best_so_far({"bo": [[1.0, 2.0], [2.0, 3.0]]}, path, optimum=4.0),
    "cell": lambda path: draw_cell(SPACE, CELL, path, title="A cell"),
    "graph": lambda path: draw_cell(ANYTHING, random_dag(0, 0.5), path),
}


@pytest.fixture(params=DRAWERS)
def draw(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return DRAWERS[request.param]


@pytest.mark.parametrize("suffix", ["PNG", "svg", "pdf"])
def test_files_have_the_format_of_their_name(draw: Callable[[Path], None], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"figure.{suffix}"
    draw(path)
    content = path.read_bytes()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    if suffix == "PNG":
        assert content.startswith(b"\x89PNG\r\n\x1a\n") and int.from_bytes(content[16:20], "big") > 500
    elif suffix == "svg":
        assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
    else:
        assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
    draw(path)
    assert path.read_bytes() == content  # the same figure is the same bytes


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "figure.png.txt"])
def test_other_formats_are_refused(draw: Callable[[Path], None], tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert error_of(lambda: draw(path)) == f"cannot draw {path}: a figure's name ends in .png, .svg or .pdf"
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file_and_no_other(
    draw: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figure.png"
    path.write_text("old")

    def half(figure: Figure, target: Path, **options: object) -> None:
        Path(target).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="disk full"):
        draw(path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be(draw: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert error_of(lambda: draw(tmp_path / "file" / "a.png")).startswith(f"cannot write {tmp_path}/file/a.png: ")


def test_settings_of_matplotlib_stay_as_they_are(draw: Callable[[Path], None], tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    draw(tmp_path / "a.svg")
    assert dict(mpl.rcParams) == before


def test_matplotlib_is_imported_late_and_pyplot_never(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import arch2vec.plots as plots;"
        "assert not {'matplotlib', 'pandas', 'scipy', 'torch'} & set(sys.modules), 'too early';"
        f"plots.best_so_far({{'a': [[1.0, 2.0]]}}, Path({str(tmp_path / 'a.png')!r}));"
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_spaces_in_the_registry_can_be_drawn(tmp_path: Path) -> None:
    from arch2vec.spaces import SPACES

    for name in SPACES:
        space: SearchSpace = get_space(name)
        draw_cell(space, space.sample(1, np.random.default_rng(0)), tmp_path / f"{name}.png")
    assert len(list(tmp_path.iterdir())) == len(SPACES)
