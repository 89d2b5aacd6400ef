"""What people pass in Python in place of what is annotated."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import arch2vec
import arch2vec.studies
from arch2vec.cli import main
from arch2vec.common.arguments import path_of
from arch2vec.models.autoencoder import ModelConfig
from one_line import error_of
from search_helpers import chain

SPACE: Any = chain(2)
search: Any = arch2vec.search
vectors: Any = arch2vec.vectors
get_space: Any = arch2vec.get_space


class Place(os.PathLike[str]):
    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


@pytest.mark.parametrize("kind", [str, Path, Place, lambda path: f"{path}/", lambda path: path.as_uri(), os.fsencode])
def test_a_path_is_anything_that_stands_for_one(kind: Callable[[Path], Any], tmp_path: Path) -> None:
    out = tmp_path / "a study"
    assert search(SPACE, len, method="random", budget=2, out=kind(out)).evaluations == 2
    assert (out / "study.json").is_file() and [each.name for each in tmp_path.iterdir()] == ["a study"]


def test_the_users_own_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert path_of("~/x") == tmp_path / "x"
    (tmp_path / "w.py").write_text("def f(a): return len(a)\n")
    words = ["search", "nasbench201", "--objective", "digits-201", "--method", "random", "--budget", "1"]
    assert main([*words, "--out=~/study"]) == 0
    assert (tmp_path / "study" / "study.json").is_file() and not Path("~").exists()
    with pytest.raises(SystemExit):
        main([*words, "--out", ""])
    assert "argument --out: this is a path, got an empty text" in capsys.readouterr().err


@pytest.mark.parametrize(
    "kind", [tuple, np.array, pd.Series, iter, lambda texts: (text for text in texts), SPACE.parse]
)
def test_architectures_are_any_series(kind: Callable[[Any], Any]) -> None:
    texts = ["a|b", "b|a", "a|b"]
    np.testing.assert_array_equal(vectors(SPACE, kind(texts)), vectors(SPACE, texts))


def test_a_space_is_named_by_path_or_itself(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "name: two\ncarries: vertices\noperations: [a, b]\nvertices: 4\nedges: [[0, 1], [1, 2], [2, 3]]\n"
    )
    file = tmp_path / "s.yaml"
    assert get_space(SPACE) is SPACE
    assert {get_space(each).reference for each in (str(file), file, Place(file))} == {get_space(file).reference}
    assert vectors(file, ["a|b"]).shape[0] == 1


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: search(SPACE, len, budget=3, batch="2"), "batch is a whole number, got '2'"),
        (lambda: search(SPACE, len, budget=3, workers=1.5), "workers is a whole number, got 1.5"),
        (lambda: search(SPACE, len, budget=3, retries=True), "retries is a whole number, got True"),
        (lambda: search(SPACE, len, budget=3, seed="0"), "seed is a whole number, got '0'"),
        (lambda: search(SPACE, len, budget=3, timeout_s="3"), "timeout_s is a number, got '3'"),
        (lambda: search(SPACE, len, budget=3, minimise="no"), "minimise is True or False, got 'no'"),
        (lambda: search(SPACE, len, budget=3, out=""), "out is a path, got an empty text"),
        (lambda: search(SPACE, len, budget=3, out=3), "out is a path, got 3"),
        (lambda: search(SPACE, len, budget=3, against="macs"), "against are texts, as in ['one', 'two'], got 'macs'"),
        (lambda: search(SPACE, len, budget=3, at_most=["macs"]), "at_most are numbers by name, as in {'macs': 3e8}"),
        (lambda: search(SPACE, len, budget=3, at_most={"macs": "x"}), "at_most['macs'] is a number, got 'x'"),
        (lambda: search(SPACE, len, budget=3, on_evaluation=3), "on_evaluation is a function, got 3"),
        (lambda: search(SPACE, len, budget=3, storage=Path("x.db")), "storage is a text, got "),
        (lambda: vectors(SPACE, ["a|b"], "costs"), "groups are texts, as in ['one', 'two'], got 'costs'"),
        (lambda: SPACE.sample(-1, np.random.default_rng(0)), "n is a number from 0 on, got -1"),
        (lambda: SPACE.sample(2, 0), "rng is a generator, as in numpy.random.default_rng(0), got 0"),
        (
            lambda: arch2vec.structure_embedding(SPACE).save("x.csv"),
            "not as .csv: name x.parquet, or",
        ),
        (lambda: get_space("NASBench201"), "darts, darts_pair, nasbench101, nasbench201; did you mean 'nasbench201'?"),
        (lambda: search(SPACE, len, "randm", budget=3), "; did you mean 'random'?"),
        (lambda: search(SPACE, "w.py:f", budget=3), "cmd:COMMAND; did you mean python:w.py:f"),
        (lambda: search(SPACE, "digits_201", budget=3), "cmd:COMMAND; did you mean 'digits-201'?"),
        (lambda: get_space(None), "a search space is named by a text or the path of a YAML file, got NoneType"),
        (lambda: arch2vec.run_many(SPACE, len, ["random"], "3", 2), "runs is a whole number, got '3'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_one_line(call: Callable[[], object], line: str) -> None:
    assert line in error_of(call)


@pytest.mark.parametrize(
    "rows", [lambda mask: mask, lambda mask: mask.tolist(), pd.Series, np.flatnonzero, lambda _: slice(2, 5, 2)]
)
def test_some_rows_of_an_embedding(rows: Callable[[Any], Any]) -> None:
    embedding: Any = arch2vec.structure_embedding(SPACE)
    mask = np.zeros(len(embedding), dtype=bool)
    mask[[2, 4]] = True
    some = embedding.subset(rows(mask))
    assert some.architectures == [embedding.architectures[row] for row in (2, 4)]
    np.testing.assert_array_equal(some.vectors, embedding.vectors[[2, 4]])
    assert embedding.subset([]).architectures == []
    for wrong in ([True, False], [1.5], ["a|b"], [len(embedding)], 3):
        assert "rows" in error_of(lambda wrong=wrong: embedding.subset(wrong))  # type: ignore[misc]


def test_names_and_objects_are_alike(tmp_path: Path) -> None:
    embedding: Any = arch2vec.structure_embedding(SPACE)
    text = embedding.architectures[3]
    assert embedding.nearest(text, 2)[0].tolist() == embedding.nearest(embedding.vectors[3], 2)[0].tolist()
    assert "a point of this embedding is" in error_of(lambda: embedding.nearest([text, text]))
    embedding.save(tmp_path / "vectors.safetensors")
    run_study: Any = arch2vec.run_study
    found = [
        run_study(source, len, methods, np.int64(1), budget).runs("random", "function").rows.tolist()
        for source, methods, budget in [
            (embedding, ["random"], arch2vec.studies.Budget(3)),
            (SPACE, "random", 3),
            (str(tmp_path / "vectors.safetensors"), ("random",), np.int64(3)),
            (tmp_path / "vectors.safetensors", np.array(["random"]), 3),
        ]
    ]
    assert found.count(found[0]) == len(found)
    assert arch2vec.represent(SPACE, "adjacency", [text]).vectors.shape[0] == 1
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'bugdet'; did you mean 'budget'"):
        search(SPACE, len, bugdet=3)


def test_an_encoder_takes_texts_and_graphs() -> None:
    small = arch2vec.PretrainConfig(model=ModelConfig(hidden=8, latent=4), epochs=1)
    pretrain: Any = arch2vec.pretrain
    encoder = pretrain(SPACE, small, seed=np.int64(0))
    texts = ["a|b", "b|c"]
    graphs = SPACE.parse(texts)
    for call in (encoder.encode, encoder.vectors, lambda given: encoder.embed(given).vectors):
        np.testing.assert_array_equal(call(texts), call(graphs))
        np.testing.assert_array_equal(call(texts[0]), call(graphs[0]))
        assert "as text, a batch of graphs" in error_of(lambda call=call: call(3))  # type: ignore[misc]
    way = encoder.interpolate("a|b", "b|c", np.int64(3))
    assert SPACE.format(way) == SPACE.format(encoder.interpolate(graphs[0], graphs[1], 3))
