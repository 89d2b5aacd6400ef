"""The one-file examples run as they are and print what they promise."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from arch2vec.common.threads import thread_count

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    monkeypatch.setattr(sys, "argv", [name, *words])
    with thread_count(1):
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def test_search_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run("search_a_table.py", capsys, monkeypatch)
    found = [float(line.split("validation ")[1].split(" %")[0]) for line in lines if "validation" in line]
    assert len(found) == 2
    assert all(value > 90 for value in found)


def test_search_your_training(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = run("search_your_training.py", capsys, monkeypatch, str(tmp_path / "study"))
    assert len(lines) == 9
    assert lines[-1].startswith("best: |")
    again = run("search_your_training.py", capsys, monkeypatch, str(tmp_path / "study"))
    assert again == lines


def test_search_with_lightning(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightning", reason="Lightning is not installed")
    lines = run("search_with_lightning.py", capsys, monkeypatch)
    epochs = [int(line.split(" epochs")[0].split()[-1]) for line in lines[:-1]]
    assert len(epochs) == 8 and set(epochs) == {1, 3}  # some are given up
    assert lines[-1].startswith("best: |")


def test_vectors_in_scikit_learn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = run("vectors_in_scikit_learn.py", capsys, monkeypatch)
    assert line.startswith("160 numbers a cell")
    assert float(line.rsplit(" ", 1)[1]) > 0.5
