"""Pictures of cells: the layout, what is in them, and where."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.transforms import Bbox

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.reports.cells import cell_svg, draw_cell, operation_colours, readable
from arch2vec.reports.layered import layered_layout, longest_paths
from arch2vec.reports.style import GREY, INK, text_width
from arch2vec.spaces import SPACES, get_space
from figures import ANYTHING, assert_texts_are_apart_and_inside, drawn, random_dag, text_boxes
from one_line import error_of

SVG = "{http://www.w3.org/2000/svg}"
SPACE = get_space("nasbench201")
CELL = SPACE.parse(["|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"])


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


def test_a_nasbench201_cell() -> None:
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
def test_nasbench201_texts_do_not_collide(index: int) -> None:
    assert_texts_are_apart_and_inside(drawn(lambda path: draw_cell(SPACE, SPACE.enumerate()[index], path)))


@pytest.mark.parametrize("seed", range(6))
def test_edges_of_a_graph_stay_clear_of_boxes(seed: int) -> None:
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


def test_padding_is_not_drawn() -> None:
    adjacency = np.zeros((1, 7, 7), dtype=np.bool_)
    adjacency[0, 0, 1] = True
    graph = GraphBatch.of([[0, 4] + [PADDING] * 5], adjacency)
    figure = drawn(lambda path: draw_cell(ANYTHING, graph, path, title="a title wider than the picture " * 8))
    assert_texts_are_apart_and_inside(figure)
    assert {"input", "output"} <= {text for text, _ in text_boxes(figure)}
    assert len(figure.axes[0].findobj(FancyArrowPatch)) == 1


def test_separate_parts_and_no_edges() -> None:
    for edges in ([], [(0, 1), (2, 3), (3, 4)]):
        adjacency = np.zeros((1, 7, 7), dtype=np.bool_)
        for source, target in edges:
            adjacency[0, source, target] = True
        graph = GraphBatch.of([[0, 1, 2, 3, 2, 3, 4]], adjacency)
        figure = drawn(lambda path, graph=graph: draw_cell(ANYTHING, graph, path))  # type: ignore[misc]
        assert_texts_are_apart_and_inside(figure)
        assert figure.get_size_inches().max() < 6


def test_a_title_without_a_place_to_break_it() -> None:
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


@pytest.mark.parametrize("name", SPACES)
def test_spaces_in_the_registry_can_be_drawn(name: str) -> None:
    space = get_space(name)
    graph = space.sample(1, np.random.default_rng(0))
    assert_texts_are_apart_and_inside(drawn(lambda path: draw_cell(space, graph, path, title=space.format(graph)[0])))


class TestSvgText:
    @pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts", "darts_pair"])
    def test_every_operation_is_there_as_text_and_every_edge_as_an_arrow(self, name: str) -> None:
        space = get_space(name)
        graphs = space.sample(5, np.random.default_rng(0))
        for row in range(5):
            graph = graphs[row]
            picture = ElementTree.fromstring(cell_svg(space, graph))
            texts = sorted(text.text or "" for text in picture.iter(f"{SVG}text"))
            names = [readable(space.operations[code]) for code in graph.ops[0, graph.mask[0]].tolist()]
            heads = sum(path.get("fill") != "none" for path in picture.iter(f"{SVG}path"))
            if name == "nasbench201":
                names = [*names[1:-1], "in", "1", "2", "out"]
                assert heads == 6 - names.count("none")
            else:
                assert heads == int(graph.adjacency.sum())
            assert texts == sorted(names)

    def test_what_is_drawn_lies_within_the_picture(self) -> None:
        picture = ElementTree.fromstring(cell_svg(SPACE, CELL, title="a title " * 20))
        left, top, width, height = map(float, picture.get("viewBox", "").split())
        for shape in picture.iter(f"{SVG}rect"):
            x, y, w, h = (float(shape.get(name, "nan")) for name in ("x", "y", "width", "height"))
            assert left <= x and x + w <= left + width and top <= y and y + h <= top + height

    def test_texts_of_users_are_texts(self) -> None:
        picture = cell_svg(SPACE, CELL, title="<script>alert('&')</script>")
        assert "<script" not in picture and ElementTree.fromstring(picture) is not None
