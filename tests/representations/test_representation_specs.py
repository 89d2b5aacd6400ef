"""Representations by name and of one's own, and vectors of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import arch2vec
from arch2vec.cli import main
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.experiments.prediction import Settings, run_prediction
from arch2vec.experiments.prediction_inputs import TARGETS, described
from arch2vec.graphs import GraphBatch
from arch2vec.representations.base import Representation, UserFunction
from arch2vec.representations.features import Features
from arch2vec.representations.spec import resolve_representation
from arch2vec.representations.structure import structure
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.testing.samples import cells, chains
from one_line import error_of

MINE = """
import numpy as np
from arch2vec import Representation, Features


def degrees(graphs, power: int = 1):
    return graphs.adjacency.sum(axis=1) ** power


def lengths(architectures):
    return {"length": [[len(text)] for text in architectures]}


def both(these, space, of: str = "a"):
    return np.array([[text.count(of), len(space.operations)] for text in these], dtype=float)


class Ops(Representation):
    name = "ops"

    def __init__(self, times: float = 1.0):
        self.times = times

    def features(self, graphs, space):
        return Features.of({"ops": (graphs.ops * self.times, [str(v) for v in range(graphs.num_vertices)])})


def flat(graphs):
    return graphs.ops[:, 0]


def missing(graphs):
    return np.full((len(graphs), 2), np.nan)


def short(graphs):
    return graphs.ops[1:]


def words(architectures):
    return [[text] for text in architectures]


def broken(architectures):
    raise KeyError("no such\\nkey")


def empty(graphs):
    return {}


def nothing():
    return 3


class NoClass:
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def made(text: str, space: SearchSpace) -> Features:
    return resolve_representation(text).features(space.enumerate(), space)


def test_representations_by_name() -> None:
    space = chains().space
    graphs = space.enumerate()
    assert np.array_equal(made("structure", space).values, structure(graphs, space).values)
    some = made("structure?groups=paths%2Cwalks", space)
    assert [name for name, _ in some.groups] == ["paths", "walks"]
    joined = made("adjacency+structure?groups=paths", space)
    assert [name for name, _ in joined.groups] == ["adjacency", "paths"]
    assert resolve_representation("adjacency + path").name == "adjacency+path"


def test_functions_of_ones_own(folder: Path) -> None:
    space = chains().space
    graphs = space.enumerate()
    squared = made("python:mine.py:degrees?power=2", space)
    assert np.array_equal(squared.values, graphs.adjacency.sum(axis=1) ** 2)
    assert squared.groups == (("degrees?power=2", space.num_vertices),)
    assert made("python:mine.py:lengths", space).groups == (("length", 1),)
    both = made("python:mine.py:both?of=b", space)
    assert both.values[:, 0].tolist() == [text.count("b") for text in space.format(graphs)]
    assert (both.values[:, 1] == space.num_operations).all()
    assert np.array_equal(made("python:mine.py:Ops?times=2", space).values, 2.0 * graphs.ops)
    named = UserFunction(lambda graphs: graphs.ops, name="codes").features(graphs, space)
    assert named.groups == (("codes", space.num_vertices),)

    def changing(graphs: GraphBatch) -> np.ndarray[Any, Any]:
        graphs.ops[:] = 0
        return np.ones((len(graphs), 1))

    before = graphs.ops.copy()
    resolve_representation(changing).features(graphs, space)
    assert np.array_equal(graphs.ops, before)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("structur", "unknown representation 'structur'; known: .*your own is python:MODULE_OR_FILE.py:FUNCTION"),
        ("structure?groups=path", "setting 'groups' must be some of paths, walks"),
        ("path?longest=3", "representation path has no setting 'longest'; it has none"),
        ("adjacency+adjacency", "two representations have a group 'adjacency'"),
        ("python:mine.py:gone", "has no representation 'gone'"),
        ("python:mine.py:degrees?strength=2", "has no setting 'strength'; it has power"),
        ("python:mine.py:degrees?power=x", "must be a whole number, got 'x'"),
        (
            "python:mine.py:flat",
            r"\(81,\) for 81 architectures; \(81, d\) is needed; a single number each",
        ),
        ("python:mine.py:missing", "gave nan in row 0, column 0; finite numbers"),
        ("python:mine.py:short", r"gave an array \(80, 6\) for 81 architectures"),
        ("python:mine.py:words", "and not numbers"),
        ("python:mine.py:broken", "representation broken failed on 81 architectures: KeyError"),
        ("python:mine.py:empty", "representation empty gave no group"),
        ("python:mine.py:nothing", "has no parameter for architectures"),
        ("python:mine.py:NoClass", "is the class NoClass, no function"),
    ],
)
def test_mistakes_get_one_line(text: str, line: str, folder: Path) -> None:
    with pytest.raises(InputError, match=line) as caught:
        made(text, chains().space)
    assert "\n" not in str(caught.value)


def test_represent_makes_an_embedding_to_search(folder: Path) -> None:
    space = chains().space
    embedding = arch2vec.represent(space, "python:mine.py:degrees+path", sample=30, seed=1)
    assert len(embedding) == 30 and [name for name, _ in embedding.groups] == ["degrees", "path"]
    assert arch2vec.represent(space).groups == arch2vec.structure_embedding(space).groups
    assert embedding.features.groups == embedding.groups
    found = arch2vec.search(embedding, lambda text: text.count("a") + 50.0, "gp-bo?initial=3", budget=6)
    assert found.evaluations == 6


def test_commands_take_a_representation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = "python:mine.py:degrees+python:mine.py:lengths"
    cells(60).save("vectors.parquet")
    search = ["search", "vectors.parquet", "--objective", "digits-201", "--budget", "3", "--method", "bo?initial=2"]
    assert main([*search, "--representation", own, "--out", "study", "--json"]) == 0
    assert main([*search, "--representation", f"learned+{own}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["evaluations"] == 3
    assert main([*search, "--representation", "path", "--out", "study"]) == 2
    assert "is a study with embedding" in capsys.readouterr().err
    assert main(["embed", "nasbench201", "--sample", "20", "--representation", "adjacency", "--out", "a.parquet"]) == 0
    assert Embedding.load("a.parquet").groups == (("adjacency", 30),)
    for wrong, line in (("learned", "is a run's, or of a file of vectors"), ("adjacent", "unknown representation")):
        assert main(["embed", "nasbench201", "--sample", "2", "--representation", wrong]) == 2
        assert line in capsys.readouterr().err


def test_the_experiment_takes_functions(folder: Path) -> None:
    encodings = ("adjacency", "python:mine.py:degrees?power=2", "python:mine.py:lengths")
    settings = Settings(labels=[8], seeds=[0], encodings=encodings, test_points=40)
    targets = {"nasbench201-cifar10": TARGETS["nasbench201-cifar10"]}
    assert not described(("structure", "subtrees", "structure+subtrees", "adjacency+proxies"))  # names of its own
    with pytest.raises(InputError, match="unknown encoding 'adjacent'"):
        Settings(encodings=("adjacent",))
    try:
        frame = run_prediction(targets, [], settings, folder / "out")
    except InputError as error:
        pytest.skip(f"no table: {error}")
    assert frame["encoding"].tolist() == ["adjacency", "degrees?power=2", "lengths"]
    (folder / "mine.py").write_text(MINE.replace("len(text)", "2 * len(text)"))
    again = run_prediction(targets, [], settings, folder / "out")
    changed = [a != b for a, b in zip(frame["source"], again["source"], strict=True)]
    assert changed == [False, False, True]  # of other code, its rows were made anew


class TestFromVectors:
    SPACE = get_space("nasbench201")

    def test_texts_or_graphs_and_anything_that_is_an_array(self) -> None:
        known = cells(20)
        texts = known.architectures
        for array in (known.vectors, known.vectors.tolist(), torch.from_numpy(known.vectors), known.vectors > 0):
            embedding = Embedding.from_vectors(self.SPACE, texts, array)
            assert embedding.vectors.dtype == np.float32 and embedding.architectures == texts
            assert np.array_equal(embedding.vectors, np.asarray(array, dtype=np.float32))
            assert embedding.groups == (("vectors", known.dimensions),)
        graphs = Embedding.from_vectors(self.SPACE, known.graphs, known.vectors, {"first": 10, "rest": 32})
        assert graphs.groups == (("first", 10), ("rest", 32)) and graphs.architectures == texts

    def test_it_can_be_saved_and_searched(self, tmp_path: Path) -> None:
        known = cells(20)
        embedding = Embedding.from_vectors(self.SPACE, known.architectures, known.vectors)
        embedding.save(tmp_path / "vectors.parquet")
        loaded = Embedding.load(tmp_path / "vectors.parquet")
        assert loaded.groups == embedding.groups and np.array_equal(loaded.vectors, embedding.vectors)
        assert arch2vec.search(loaded, "digits-201", budget=8).evaluations == 8

    @pytest.mark.parametrize(
        ("change", "line"),
        [
            (
                lambda texts, array: (texts, array[:, 0]),
                r"an array \(20,\) for 20 architectures; \(20, d\) is",
            ),
            (lambda texts, array: (texts, array[1:]), r"given an array \(19, 42\) for 20 architectures"),
            (lambda texts, array: (texts, array[:, :0]), r"given an array \(20, 0\)"),
            (lambda texts, array: (texts, np.where(array == array[3, 4], np.nan, array)), "given nan in row 0"),
            (lambda texts, array: (texts, np.ma.masked_equal(array, array[2, 1])), "given nan in row 0"),
            (lambda texts, array: (texts, array.astype(np.float64) + 1e300), r"given 1e\+300 in row 0, column 0"),
            (lambda texts, array: (texts, array.astype(str)), "and not numbers"),
            (lambda texts, array: (texts, array * 1j), "and not numbers"),
            (lambda texts, array: (texts, [[1.0], [1.0, 2.0]]), r"is no array|given an array"),
            (lambda texts, array: ([*texts[:-1], texts[4]], array), "the architecture in row 19 is there twice"),
            (lambda texts, array: ([*texts[:-1], "|none~0|"], array), "none~0"),
        ],
    )
    def test_mistakes_get_one_line(self, change: Any, line: str) -> None:
        known = cells(20)
        with pytest.raises(InputError, match=line) as caught:
            Embedding.from_vectors(self.SPACE, *change(known.architectures, known.vectors))
        assert "\n" not in str(caught.value)

    def test_groups_have_to_be_the_columns(self) -> None:
        known = cells(20)
        for groups in ({"a": 3}, {"a": 43}, (("a", 21), ("a", 21)), {"a": 43, "b": -1}, {"a": 42.0}, [3], {3: 42}):
            line = error_of(
                lambda groups=groups: Embedding.from_vectors(  # type: ignore[misc]
                    self.SPACE, known.graphs, known.vectors, groups
                )
            )
            assert "groups" in line

    def test_graphs_of_another_space_are_refused(self) -> None:
        other = chains()
        with pytest.raises(InputError, match="graphs of 6 vertices are no architectures of nasbench201"):
            Embedding.from_vectors(self.SPACE, other.graphs, other.vectors)


def test_a_representation_is_what_says_so() -> None:
    assert isinstance(resolve_representation("path"), Representation)
    with pytest.raises(InputError, match="needs a name"):
        resolve_representation(lambda graphs: graphs.ops)
