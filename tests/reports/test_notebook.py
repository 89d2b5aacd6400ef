"""Objects as notebooks show them: in one line, as a table, as a picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import arch2vec
from arch2vec.embedding import Embedding
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.reports.maps import embedding_map
from arch2vec.reports.strips import Strip, draw_strips
from arch2vec.representations.structure import structure
from arch2vec.searching.group_bo import GroupedBayesianOptimization
from arch2vec.searching.random_search import RandomSearch
from arch2vec.searching.study import search
from arch2vec.searching.trials import SearchResult
from arch2vec.spaces import get_space
from arch2vec.studies import Budget, run_study
from one_line import error_of
from search_helpers import chain, embed

SPACE = get_space("nasbench201")
CELLS = embed(SPACE, SPACE.sample(40, np.random.default_rng(0)))
NAME = "<b>worth</b>"


class Made(Objective):
    name = NAME
    space = "nasbench201"
    description = "made up"

    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        return Outcome(50.0 + CELLS.index_of(architecture), None, 2.0)


RESULT = search(CELLS, Made(), "random", budget=8)


@pytest.mark.parametrize(
    "made",
    [
        CELLS,
        CELLS.graphs,
        RESULT,
        Made(),
        arch2vec.resolve_objective("digits-201"),
        RandomSearch(CELLS, seed=0),
        GroupedBayesianOptimization(CELLS, seed=0),
        arch2vec.resolve_representation("structure"),
        SearchResult([]),
        structure(CELLS.graphs, SPACE),
        SPACE,
        SPACE.draw(CELLS.architectures[0]),
        RESULT.plot(),
        run_study(CELLS, [Made()], ["random"], 2, Budget(3)),
        run_study(CELLS, [Made()], ["random"], 2, Budget(3)).runs("random", NAME),
    ],
    ids=lambda made: type(made).__name__,
)
def test_one_line(made: object) -> None:
    text = repr(made)
    assert "\n" not in text and "array(" not in text and " object at 0x" not in text and len(text) < 300
    if hasattr(made, "_repr_html_"):
        html = made._repr_html_()
        assert "<table" in html and NAME not in html  # what users name is escaped


def test_tables() -> None:
    frame = CELLS.to_pandas()
    assert frame.shape == (40, 2) and frame.index.tolist() == CELLS.architectures
    assert list(frame.columns) == ["learned0", "learned1"] and (frame.to_numpy() == CELLS.vectors).all()
    trials = RESULT.to_pandas()
    assert trials["validation"].tolist() == [trial.validation for trial in RESULT.trials]
    assert len(arch2vec.structure_embedding(SPACE, CELLS.graphs).to_pandas().columns) == 160


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts", "darts_pair", "chain"])
def test_every_space_draws_its_architectures(name: str, tmp_path: Path) -> None:
    space = chain(3) if name == "chain" else get_space(name)
    graphs = space.sample(2, np.random.default_rng(0))
    drawing = space.draw(space.format(graphs)[0])
    assert drawing._repr_svg_() == space.draw(graphs[0])._repr_svg_()
    assert ElementTree.fromstring(drawing.svg).tag.endswith("svg")
    drawing.save(tmp_path / "cell.svg")
    assert (tmp_path / "cell.svg").stat().st_size > 1000
    assert error_of(lambda: space.draw(graphs)) == "a picture shows one cell, got 2"


def test_plots_are_pictures(tmp_path: Path) -> None:
    for picture in (RESULT.plot(), CELLS.plot_map(), CELLS.plot_map(np.arange(40), label="row")):
        assert picture._repr_png_().startswith(b"\x89PNG")
    worth = {trial.architecture: trial.validation for trial in RESULT.trials}
    picture = CELLS.plot_map(worth, label="validation (%)")
    axes = picture.figure.axes[0]
    grey, coloured = axes.collections
    assert len(np.asarray(grey.get_offsets())) == 32
    values = coloured.get_array()
    assert values is not None and sorted(np.asarray(values).tolist()) == sorted(worth.values())
    picture.save(tmp_path / "map.svg")
    assert (tmp_path / "map.svg").exists()
    assert "as many numbers" in error_of(lambda: CELLS.plot_map([1.0, 2.0]))
    assert "is not among the 40" in error_of(lambda: embedding_map(CELLS, {chosen_elsewhere(): 1.0}))
    assert "unknown projection" in error_of(lambda: CELLS.plot_map(way="umap"))


def chosen_elsewhere() -> str:
    return next(text for text in SPACE.format(SPACE.enumerate()) if text not in set(CELLS.architectures))


def test_two_numbers_or_one_are_a_map_too() -> None:
    for dimensions in (1, 2, 5):
        vectors = np.random.default_rng(0).normal(size=(40, dimensions)).astype(np.float32)
        assert Embedding(SPACE, CELLS.graphs, vectors).plot_map().figure.axes


class TestStrips:
    @pytest.mark.parametrize("name", ["nasbench101", "nasbench201"])
    def test_every_cell_is_there(self, name: str, tmp_path: Path) -> None:
        space = get_space(name)
        graphs = space.sample(5, np.random.default_rng(0))
        strips = [Strip("first", graphs[:3], ["a", "b", "c"]), Strip("second", graphs[3:], ["d", "e"])]
        draw_strips(space, strips, tmp_path / "strips.svg", columns=2)
        texts = [text.text for text in ElementTree.parse(tmp_path / "strips.svg").iter() if text.tag.endswith("text")]
        assert [text for text in texts if text in ("first", "second", "a", "b", "c", "d", "e")] == [
            "first",
            "a",
            "b",
            "c",
            "second",
            "d",
            "e",
        ]
        assert texts.count("in") + texts.count("input") == 5
        draw_strips(space, strips, tmp_path / "strips.png", columns=2)
        assert (tmp_path / "strips.png").stat().st_size > 5000

    def test_nothing_to_draw(self, tmp_path: Path) -> None:
        assert "between 1 and 64 cells, got 0" in error_of(lambda: draw_strips(SPACE, [], tmp_path / "x.png"))
