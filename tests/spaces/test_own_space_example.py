"""The worked example of docs/own-space.md: what it shows is what is in examples/, and it runs."""

from __future__ import annotations

import doctest
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from arch2vec.cli.main import main
from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.objectives import resolve_objective
from arch2vec.spaces import DeclaredSpace, get_space
from arch2vec.spaces.declared.text import from_document

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/own-space.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    return [content for name, content in fenced if name == language]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the examples, as the current folder; on one thread, as the example itself asks for."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path / "examples")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path / "examples"
    torch.set_num_threads(threads)


def test_files_are_shown_as_they_are() -> None:
    code = "".join((ROOT / "examples" / name).read_text(encoding="utf-8") for name in ("mine.py", "rules.py"))
    assert blocks("yaml")[0] == (ROOT / "examples/my_space.yaml").read_text(encoding="utf-8")
    session, *shown = blocks("python")
    assert session.startswith(">>>")
    assert len(shown) == 3
    assert all(block in code for block in shown)


def test_the_session_gives_what_is_shown(folder: Path) -> None:
    session = doctest.DocTestParser().get_doctest(blocks("python")[0], {}, "own-space", None, 0)
    results = doctest.DocTestRunner(verbose=False).run(session)
    assert (results.attempted, results.failed) == (5, 0)


def test_the_other_declaration_is_nasbench201() -> None:
    space = DeclaredSpace(from_document(yaml.safe_load(blocks("yaml")[1]), "own-space.md"))
    assert space.size == 15_625
    assert space.parse(get_space("nasbench201").format(get_space("nasbench201").enumerate()[:50])).num_vertices == 8


def test_the_mistakes_get_the_lines_shown(folder: Path) -> None:
    text = (folder / "my_space.yaml").read_text()
    mistakes = [
        text.replace("max_edges", "max_edge"),
        text.replace("max_edges: 7", "edges: [[0, 1], [2, 1]]"),
    ]
    for mistake, line in zip(mistakes, re.findall(r"^my_space\.yaml: .*$", TEXT, flags=re.MULTILINE), strict=True):
        (folder / "my_space.yaml").write_text(mistake)
        with pytest.raises(InputError) as caught:
            get_space("my_space.yaml")
        assert str(caught.value) == line


def test_the_training_function_trains(folder: Path) -> None:
    objective = resolve_objective("python:mine.py:train")
    space = get_space("my_space.yaml")
    direct, deep = objective.evaluate("01;00|input,output"), objective.evaluate("010;001;000|input,tanh,output")
    assert direct.test is not None
    # Ten digits, so that chance is 10 %.
    assert 50 < direct.validation < 100
    assert 50 < direct.test < 100
    assert deep.validation != direct.validation
    assert objective.evaluate("01;00|input,output").validation == direct.validation
    for architecture in space.format(space.sample(3, np.random.default_rng(0))):
        assert 10 < objective.evaluate(architecture).validation < 100


def test_the_python_example(folder: Path) -> None:
    space = get_space("python:mine.py:Residual")
    assert space.size == 4**4 * 2
    texts = space.format(space.enumerate())
    assert texts[0] == "|conv3x3~0|+|conv3x3~0|conv3x3~1|+|skip~0|conv3x3~2|"
    assert len(set(texts)) == 512


def test_the_commands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With one epoch and three trainings; the file that declares the space is not needed afterwards."""
    commands = [line for block in blocks("") for line in block.splitlines() if line.startswith("arch2vec ")]
    pretrain, search, pretrain_class, embed_class = (command.split()[1:] for command in commands)
    pretrain += ["--epochs", "1"]
    search[search.index("40")] = "3"
    assert main([*pretrain, "--json"]) == 0
    assert main([*search, "--json"]) == 0
    assert '"evaluations": 3' in capsys.readouterr().out
    assert main(["embed", "run", "--json"]) == 0
    (folder / "my_space.yaml").unlink()
    assert Encoder.load(Path("run/encoder.safetensors")).space.size == 1776
    embedding = Embedding.load(Path("run/embedding.parquet"))
    assert isinstance(embedding.space, DeclaredSpace)
    assert len(embedding) == 1776
    (folder / "my_space.yaml").write_text(blocks("yaml")[0])  # which mine.py reads
    assert main([*pretrain_class, "--epochs", "1", "--json"]) == 0
    assert main([*embed_class, "--json"]) == 0
