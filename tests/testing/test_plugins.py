"""The plug-ins of docs/extending.md: short, shown as they are, sound by the public rules, and compared with others."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from arch2vec.cli import main
from arch2vec.testing import check_method, check_objective, check_representation, check_space
from arch2vec.testing.samples import chains

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted((ROOT / "examples" / "plugins").glob("*.py"))
SPACE, OBJECTIVE, METHOD, REPRESENTATION = (
    f"python:examples/plugins/{name}"
    for name in ("space.py:Row", "objective.py:accuracy", "method.py:NearBest", "representation.py:counts")
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return tmp_path


def test_each_is_a_file_of_thirty_lines_at_most_and_shown_whole() -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert len(PLUGINS) == 4
    for path in PLUGINS:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 30, path
        assert text in shown, path


def test_each_keeps_the_rules(folder: Path) -> None:
    check_space(SPACE)
    check_objective(OBJECTIVE, SPACE)
    check_method(f"{METHOD}?initial=3", chains())
    for space in (SPACE, "nasbench201"):
        check_representation(f"{REPRESENTATION}?power=2", space)


def test_they_take_part_in_a_comparison(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    methods = f"random,group-bo?initial=4,{METHOD}?initial=3&parents=2"
    command = ["compare", SPACE, "--objective", OBJECTIVE, "--methods", methods, "--representation", REPRESENTATION]
    assert main([*command, "--runs", "3", "--budget", "16", "--out", "compared", "--json"]) == 0
    rows = {row["method"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert list(rows) == ["random", "group-bo?initial=4", "near-best?initial=3&parents=2"]
    assert all(row["runs"] == 3 and row["evaluations"] == 16 for row in rows.values())
    assert rows["near-best?initial=3&parents=2"]["validation_mean"] > rows["random"]["validation_mean"]
    assert (folder / "compared" / "table.csv").read_text().count("near-best") == 1
