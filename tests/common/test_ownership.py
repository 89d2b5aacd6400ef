"""Who owns a folder: one process at a time, to its end and not beyond."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arch2vec.cli import main
from arch2vec.common.ownership import OWNER, is_owned, owned, owning
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.searching.study import search
from arch2vec.studies import Budget, run_study
from arch2vec.studies.inspection import inspect
from one_line import error_of
from search_helpers import chain, embed

HOLDER = """
import sys, time
from pathlib import Path
from arch2vec.common.ownership import owning
with owning(Path(sys.argv[1])):
    print("there", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_owner(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns a folder."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "there\n"
        try:
            yield process
        finally:
            process.kill()


def worth(architecture: str) -> float:
    return float(architecture.count("b"))


def test_the_second_is_told_who_the_first_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    embedding, out = embed(chain(3)), tmp_path / "out"
    file = tmp_path / "vectors.safetensors"
    embedding.save(file)
    (tmp_path / "a2v_owned.py").write_text("def worth(a): raise SystemExit('trained')\n")
    common = (str(file), "--objective", f"python:{tmp_path}/a2v_owned.py:worth", "--budget", "3", "--out", str(out))
    with another_owner(out) as process:
        told = f"{out} is in use by process {process.pid} since "
        for refused in (
            lambda: search(embedding, worth, "random", 3, out=out),
            lambda: run_study(embedding, worth, ["random"], 1, Budget(3), out=out),
            lambda: pretrain(chain(3), PretrainConfig(epochs=1), out=out),
        ):
            assert error_of(refused).startswith(told)
        for command in (["search", *common], ["compare", *common, "--methods", "random", "--workers", "2"]):
            assert main(command) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith(f"arch2vec: {told}")
        assert [path.name for path in out.iterdir()] == [OWNER]
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert search(embedding, worth, "random", 3, out=out).evaluations == 3  # the dead own nothing
    assert not (out / OWNER).exists()


def test_status_knows_at_once(tmp_path: Path) -> None:
    embedding = embed(chain(3))

    def stop(architecture: str) -> float:
        if architecture.count("b") == 3:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        search(embedding, stop, "random", 27, out=tmp_path)
    assert inspect(tmp_path).state == "idle"
    with another_owner(tmp_path):
        assert inspect(tmp_path).state == "running" and is_owned(tmp_path)
    assert inspect(tmp_path).state == "idle"
    assert is_owned(tmp_path) is False and (tmp_path / OWNER).exists()


def test_within_one_process(tmp_path: Path) -> None:
    @owned
    def inner(out: Path | None) -> bool | None:
        return None if out is None else is_owned(out)

    refused: list[str] = []

    def other() -> None:
        refused.append(error_of(lambda: inner(tmp_path)))

    with owning(tmp_path):
        assert inner(tmp_path) and inner(out=tmp_path) and inner(None) is None
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert is_owned(tmp_path)
    assert "in use by another thread" in refused[0] and not is_owned(tmp_path)


def test_a_forked_child_keeps_no_lock(tmp_path: Path) -> None:
    """What a data loader forks may outlive its parent."""
    code = HOLDER.replace('print("there", flush=True)', "import os\n    os.fork()\n    os.write(1, b'there\\n')")
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["there\n"] * 2
    assert is_owned(tmp_path)
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    os.kill(int(child), 0)  # still there
    assert not is_owned(tmp_path)
    os.kill(int(child), signal.SIGKILL)
    process.stdout.close()


def test_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arch2vec.common.ownership._locks", None)
    monkeypatch.setattr("arch2vec.common.ownership._PATIENCE_S", 0.0)
    with owning(tmp_path):
        assert is_owned(tmp_path)
    entry = {"process": os.getppid(), "host": socket.gethostname(), "since": "then"}
    (tmp_path / OWNER).write_text(json.dumps(entry))
    assert is_owned(tmp_path) and "in use by process" in error_of(lambda: search_in(tmp_path))
    for gone in ({**entry, "process": 2**22 + 1}, {**entry, "host": "elsewhere"}, "no owner"):
        (tmp_path / OWNER).write_text(json.dumps(gone))
        assert not is_owned(tmp_path)
        search_in(tmp_path)


def search_in(folder: Path) -> None:
    search(embed(chain(2)), worth, "random", 2, out=folder)


def test_who_waits_gets_the_folder(tmp_path: Path) -> None:
    with another_owner(tmp_path) as process:
        threading.Timer(0.3, process.kill).start()
        start = time.monotonic()
        with owning(tmp_path, wait=True):
            assert time.monotonic() - start > 0.2


def test_half_written_files_go_with_the_next_owner(tmp_path: Path) -> None:
    left = [tmp_path / ".study.abcd1234.tmp.json", tmp_path / "blocks" / ".x--y.0a_b1c2d.tmp.parquet"]
    left.append(tmp_path / f".embedding-{32 * '0'}.safetensors")
    kept = [tmp_path / ".mine.tmp.json", tmp_path / "tmp.json", tmp_path / ".study.json"]
    (tmp_path / "blocks").mkdir()
    for path in (*left, *kept):
        path.write_text("half")
    search_in(tmp_path)
    assert not any(path.exists() for path in left) and all(path.exists() for path in kept)


def test_an_interruption_of_workers_is_one_line(tmp_path: Path) -> None:
    """As a terminal sends it, to all processes at once; what was trained is in the journals."""
    embed(chain(3)).save(tmp_path / "vectors.safetensors")
    (tmp_path / "counting.py").write_text(COUNTING)
    command = [sys.executable, "-m", "arch2vec", "compare", "vectors.safetensors", "--objective"]
    command += ["python:counting.py:worth", "--methods", "random,evolution", "--runs", "40", "--budget", "25"]
    command += ["--workers", "2", "--out", "out"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background may have them ignore interruptions, which is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while len(counted(tmp_path)) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert said == "arch2vec: interrupted; what was finished is kept\n" and process.returncode == 1
    lines = [line for path in (tmp_path / "out" / "blocks").iterdir() for line in path.read_text().split("\n") if line]
    assert len(counted(tmp_path)) - 2 <= len(lines) <= len(counted(tmp_path))
    assert not (tmp_path / "out" / OWNER).exists()


COUNTING = """
import os, time
from pathlib import Path

def worth(architecture):
    with open(Path(__file__).with_name("made.txt"), "ab", 0) as file:
        file.write((architecture + "\\n").encode())
    time.sleep(0.03)
    return float(architecture.count("b"))
"""


def counted(folder: Path) -> list[str]:
    made = folder / "made.txt"
    return made.read_text().splitlines() if made.exists() else []


def killed_and_repeated(command: list[str], folder: Path, times: int) -> None:
    """Kill a command's processes again and again while it trains, then let it end."""
    for number in range(times):
        before = len(counted(folder))
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(counted(folder)) < before + 2 + number and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(1)  # its workers notice
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.slow
def test_no_training_is_lost_or_repeated(workers: int, tmp_path: Path) -> None:
    """SIGKILL at random moments of search and compare: at most the trainings in flight are made again."""
    embed(chain(3)).save(tmp_path / "vectors.safetensors")
    (tmp_path / "counting.py").write_text(COUNTING)
    command = [sys.executable, "-m", "arch2vec", "compare" if workers else "search", "vectors.safetensors"]
    command += ["--objective", "python:counting.py:worth", "--out"]
    more = ["--methods", "random,evolution,bo", "--runs", "3", "--budget", "15", "--workers", str(workers)]
    more = more if workers else ["--method", "bo", "--budget", "25"]
    kills = 3
    killed_and_repeated([*command, "cut", *more], tmp_path, kills)
    made = counted(tmp_path)
    total = 3 * 3 * 15 if workers else 25
    assert total <= len(made) <= total + kills * max(1, workers)
    (tmp_path / "made.txt").unlink()
    subprocess.run([*command, "whole", *more], cwd=tmp_path, capture_output=True, check=True)
    assert len(counted(tmp_path)) == total
    if workers:
        from arch2vec.studies.table import Trajectories

        cut, whole = (Trajectories.read(tmp_path / name / "trajectories.parquet").frame() for name in ("cut", "whole"))
        timed = ["cost_s", "cumulative_cost_s", "method_s"]
        assert cut.drop(columns=timed).astype(str).equals(whole.drop(columns=timed).astype(str))
        assert not (tmp_path / "cut" / "blocks").exists()
    else:
        trials = [json.loads((tmp_path / name / "study.json").read_text())["trials"] for name in ("cut", "whole")]
        assert [trial["index"] for trial in trials[0]] == [trial["index"] for trial in trials[1]]
    left = [path for path in (tmp_path / "cut").rglob("*") if path.name.startswith(".")]
    assert left == []
