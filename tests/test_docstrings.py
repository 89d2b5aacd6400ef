"""Argument lines in docstrings are phrases that a person understands alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "arch2vec"
FILES = sorted(ROOT.rglob("*.py"))
_ARGUMENTS = re.compile(r"Args:\n((?:    .*\n?|\n)+)")
_ENTRY = re.compile(r"^    (\w+): ((?:.*\n?)(?:        .*\n?)*)", re.MULTILINE)


@pytest.mark.parametrize("room", sorted({path.relative_to(ROOT).parts[0] for path in FILES}))
def test_every_argument_is_explained_by_more_than_a_word_or_two(room: str) -> None:
    short = []
    for path in FILES:
        if path.relative_to(ROOT).parts[0] != room:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            block = _ARGUMENTS.search(f"{ast.get_docstring(node) or ''}\n")
            for name, text in _ENTRY.findall(block.group(1) if block else ""):
                if len(text.split()) < 3:
                    short.append(f"{path.relative_to(ROOT)}: {node.name}: {name}: {text.strip()}")
    assert not short
