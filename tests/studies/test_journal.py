"""Journals of unfinished runs: what was written is taken once, half a line is skipped, damage is one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from arch2vec.common.ownership import OWNER, is_owned, owning
from arch2vec.common.schemas import MARKS
from arch2vec.searching.base import Candidate
from arch2vec.searching.identity import NAMED
from arch2vec.searching.trials import Trial
from arch2vec.studies.journal import Journal
from one_line import error_of

FAILED = Trial(2, 4, "b", float("nan"), None, 0.5, 1.5, 0.1, {"epochs": 3.0}, 9, "ValueError: no")


def written(path: Path) -> Path:
    journal = Journal(path)
    journal.add(7, Trial(1, 3, "a", 91.25, 90.0, 1.0, 1.0, 0.1))
    journal.add(7, FAILED)
    return path


def test_what_was_written_is_taken_once(tmp_path: Path) -> None:
    path = written(tmp_path / "one.journal.jsonl")
    journal = Journal(tmp_path / "two.journal.jsonl", [path])
    assert journal.take(8, Candidate(3, "a")) is None
    found = journal.take(7, Candidate(3, "a"))
    assert found is not None
    assert (found.validation, found.test, found.cost_s) == (91.25, 90.0, 1.0)
    assert journal.take(7, Candidate(3, "a")) is None
    failed = journal.take(7, Candidate(4, "b", 9))
    assert failed is not None
    assert failed.failed
    assert (failed.extra, failed.error) == (FAILED.extra, FAILED.error)


def test_a_cut_journal_has_what_is_before_the_cut(tmp_path: Path) -> None:
    content = written(tmp_path / "whole.journal.jsonl").read_bytes()
    path = tmp_path / "cut.journal.jsonl"
    for end in range(len(content)):
        path.write_bytes(content[:end])
        known = Journal(path, [path]).take(7, Candidate(3, "a")) is not None
        assert known == (end >= content.index(b"\n", 1))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (lambda line: line.replace("91.25", "91.75"), "not that of its checksum"),
        (lambda line: line.replace('"seed": 7', '"seed": 8'), "not that of its checksum"),
        (lambda _: '{"seed": 7}', "has no entry 'row'"),
        (lambda _: "[1, 2]", "is [1, 2], not an object"),
        (lambda line: json.dumps({**json.loads(line), "checksum": 1}), "not that of its checksum"),
    ],
)
def test_a_damaged_line_is_one_line(tmp_path: Path, line: Callable[[str], str], words: str) -> None:
    path = written(tmp_path / "one.journal.jsonl")
    lines = path.read_text().splitlines()
    lines[1] = line(lines[1])
    path.write_text("\n".join(lines))
    message = error_of(lambda: Journal(path, [path]))
    assert message.startswith(f"line 2 of {path}")
    assert words in message


def test_studies_may_have_every_mark() -> None:
    assert set(MARKS) == set(NAMED)


@pytest.mark.parametrize("said", ["[" * 50_000, "7", '{"process": 1e400}', '{"process": true}', "\udcff", "{" * 9])
def test_whatever_a_lock_says_its_folder_can_be_owned(tmp_path: Path, said: str) -> None:
    (tmp_path / OWNER).write_bytes(said.encode(errors="surrogateescape"))
    assert is_owned(tmp_path) is False
    with owning(tmp_path):
        assert is_owned(tmp_path) is True
