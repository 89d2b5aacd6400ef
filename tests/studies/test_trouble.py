"""What goes wrong around a search and not in its trainings: disks, databases, files that change under it."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arch2vec.cli import main
from arch2vec.common.parcels import pack, unpack
from arch2vec.common.storage import write_json
from arch2vec.errors import InputError
from arch2vec.objectives.spec import resolve_objective
from arch2vec.searching import patience, store
from arch2vec.searching.study import search
from arch2vec.studies.optuna.storage import open_storage
from one_line import error_of
from search_helpers import chain, embed


def worth(architecture: str) -> float:
    return float(architecture.count("b"))


def full(path: object) -> InputError:
    """What writing to a full disk raises."""
    error = InputError(f"cannot write {path}: No space left on device; make room and repeat the command")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return error


@pytest.mark.parametrize("workers", [None, 1])
def test_a_full_disk_is_waited_for_and_no_training_is_lost(
    workers: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write, failures = write_json, iter([False] * 3 + [True] * 3)

    def fails(path: Path, document: Any) -> None:
        if next(failures, False):
            raise full(path)
        write(path, document)

    monkeypatch.setattr(store, "write_json", fails)
    monkeypatch.setattr("arch2vec.searching.patience.time.sleep", lambda _: None)
    result = search(embed(chain(2)), worth, "random", 9, out=tmp_path, workers=workers)
    assert result.evaluations == 9 == len({trial.architecture for trial in result.trials})
    said = capsys.readouterr().err
    assert said.count("study.json does not answer (No space left on device); it is tried again") == 1


def test_not_for_ever_and_what_was_finished_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search(embed(chain(2)), worth, "random", 3, out=tmp_path)

    def fails(path: Path, document: Any) -> None:
        raise full(path)

    monkeypatch.setattr(store, "write_json", fails)
    monkeypatch.setattr(patience, "PATIENCE_S", 0.0)
    told = error_of(lambda: search(embed(chain(2)), worth, "random", 9, out=tmp_path))
    assert "has not answered for 0 s: No space left on device; what was finished is kept" in told
    monkeypatch.undo()
    assert search(embed(chain(2)), worth, "random", 9, out=tmp_path).evaluations == 9


def test_a_database_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"postgresql://me:secret@127.0.0.1:{port}/none"
    asked = [
        "search",
        "nasbench201",
        "--objective",
        "digits-201",
        "--storage",
        url,
        "--budget",
        "3",
        "--method",
        "random",
    ]
    assert main(asked) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"arch2vec: the storage postgresql://me:***@127.0.0.1:{port}/none does not answer: ")
    assert main(["status", url]) == 2


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_file_that_is_no_storage_is_one_line(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("this is no database\n" * 200)
    url = f"{kind}:///{tmp_path}/file"
    told = error_of(lambda: search(embed(chain(2)), worth, "random", 3, storage=url))
    assert url in told
    assert (tmp_path / "file").read_text() == "this is no database\n" * 200


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for kind in ("sqlite", "journal"):
        assert "cannot write the storage" in error_of(lambda kind=kind: open_storage(f"{kind}:///{tmp_path}/file/s.db"))  # type: ignore[misc]


def test_a_worker_with_another_version_of_the_function_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a2v_versions.py"
    file.write_text("def f(a): return 1.0\n")
    parcel = pack(resolve_objective(f"python:{file}:f"), "the objective")
    assert unpack(parcel).evaluate("a").validation == 1.0
    file.write_text("def f(a):\n    # the same but for this\n    return 1.0\n")
    assert unpack(parcel).evaluate("a").validation == 1.0
    file.write_text("def f(a): return 2.0\n")
    there = unpack(parcel)
    assert "the function's code is not the one that the search has begun with" in error_of(lambda: there.evaluate("a"))


def test_a_command_whose_script_changes_is_not_mixed(tmp_path: Path) -> None:
    script = tmp_path / "train.sh"
    script.write_text("echo 1\n")
    objective = resolve_objective(f"cmd:sh {script} {{architecture}}")
    assert objective.evaluate("a").validation == 1.0
    script.write_text("echo 2\n")
    assert "the files of its command are not those" in error_of(lambda: objective.evaluate("a"))
    with pytest.raises(InputError, match="the files of its command are not those"):
        search(embed(chain(2)), objective, "random", 3)


ENDS = """
import os, sys
from pathlib import Path
from search_helpers import chain, embed
from arch2vec.searching.study import search
from arch2vec.studies import Budget, run_study
def worth(architecture):
    if not Path("healed").exists() and architecture == "a|a|b":
        os._exit(7)
    return float(len(set(architecture)))
if sys.argv[1] == "search":
    search(embed(chain(3)), worth, "random", 27, out="out")
else:
    run_study(embed(chain(3)), [worth], ["random"], 1, Budget(27), out="out")
"""


@pytest.mark.parametrize("command", ["search", "compare"])
def test_the_evaluation_that_ends_the_process_is_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "ends.py").write_text(ENDS)

    def run() -> subprocess.CompletedProcess[str]:
        there = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            [sys.executable, "ends.py", command], cwd=tmp_path, env=there, capture_output=True, text=True, check=False
        )

    assert run().returncode == 7
    (tmp_path / "healed").touch()
    again = run()
    assert again.returncode == 0, again.stderr
    assert "an earlier process ended while a|a|b was evaluated" in again.stderr
    assert not list((tmp_path / "out").glob(".evaluating*"))
    assert "earlier process" not in run().stderr
