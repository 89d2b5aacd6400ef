"""Commands that are killed dozens of times: no finished training is lost, none is made twice, the end is the same.

What cannot be helped is a kill between the end of a training and its being written down. After each kill, at most
the last training that each process has ended may therefore be missing; it alone may be made again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arch2vec.common.storage import read_arrays, read_json
from search_helpers import chain, embed

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("ARCH2VEC_CRASH_KILLS", "50"))
TRAINING = """
import os, time
def say(what, architecture):
    os.write(LOG, f"{what} {architecture} {os.getpid()}\\n".encode())
LOG = os.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def worth(architecture):
    say("begin", architecture)
    time.sleep(0.02)
    say("end", architecture)
    return float(architecture.count("b"))
"""
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from arch2vec.cli import main
torch.set_num_threads(1)
kills, pattern, words = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
draw = random.Random(kills)

def size():
    return sum(path.stat().st_size for path in Path("out").glob(pattern) if not path.name.startswith("."))

def life(patience):
    before = size()
    child = os.fork()
    if child == 0:
        os._exit(main(words))
    # Until something is written, then at a random moment; one in ten at any moment at all.
    wait, status = patience is not None and draw.random() < 0.9, None
    while wait and size() == before and status is None:
        time.sleep(0.002)
        ended, code = os.waitpid(child, os.WNOHANG)
        status = code if ended else None
    if status is None and patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    if status is None:
        status = os.waitpid(child, 0)[1]
    print(os.waitstatus_to_exitcode(status), flush=True)
    sys.stdin.readline()
    return status

main(["search", "vectors.safetensors", "--objective", "python:training.py:worth", "--method", "bo", "--budget", "18",
      "--json"])  # imports everything once
os.truncate("log", 0)
print("ready", flush=True)
sys.stdin.readline()
for number in range(kills):
    if life(draw.uniform(0, 0.3)) == 0:
        break
sys.exit(life(None))
"""


class Killed:
    """A command in a folder, killed again and again; one step a kill."""

    def __init__(self, folder: Path, pattern: str, *words: str) -> None:
        embed(chain(7)).save(folder / "vectors.safetensors")
        (folder / "training.py").write_text(TRAINING)
        (folder / "killer.py").write_text(KILLER)
        command = [sys.executable, "killer.py", str(KILLS), pattern, *words, "--out", "out"]
        with (folder / "said").open("w") as said:
            self._process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
            )
        self.kills = 0

    def __iter__(self) -> Killed:
        return self

    def __next__(self) -> int:
        """Goes on until the next kill; how the command ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise StopIteration from None
        while line := self._process.stdout.readline():
            if line.strip().lstrip("-").isdigit():
                self.kills += int(line) < 0
                return int(line)
        assert self._process.wait() == 0
        raise StopIteration


def logged(folder: Path) -> list[tuple[str, ...]]:
    log = folder / "log"
    return [tuple(line.split()) for line in log.read_text().splitlines()] if log.exists() else []


def whole(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "arch2vec", *words, "--out", "whole"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def stored(out: Path) -> list[str]:
    """The architectures whose trainings a search or a comparison has written down."""
    if (out / "study.json").is_file():
        return [trial["architecture"] for trial in read_json(out / "study.json")["trials"]]
    from arch2vec.studies.table import read_table

    files = [path for path in out.rglob("*.parquet") if not path.name.startswith(".")]
    found = [text for path in files for text in read_table(path).column("architecture").to_pylist()]
    for path in out.glob("blocks/*.jsonl"):
        found += [json.loads(line)["architecture"] for line in path.read_text().splitlines() if line.endswith("}")]
    return found


@pytest.mark.parametrize("command", ["search", "compare"])
def test_trainings_are_neither_lost_nor_repeated(command: str, tmp_path: Path) -> None:
    size = 6 * KILLS
    words = [command, "vectors.safetensors", "--objective", "python:training.py:worth", "--seed", "0"]
    if command == "search":
        words += ["--method", "random", "--budget", str(size)]
    else:
        words += ["--methods", "random", "--runs", "4", "--budget", str(size // 2), "--workers", "2"]
    total = size if command == "search" else 2 * size
    excused: Counter[str] = Counter()
    killed = Killed(tmp_path, "study.json" if command == "search" else "blocks/*", *words)
    for _ in killed:
        there = Counter(stored(tmp_path / "out"))
        ended = Counter(architecture for what, architecture, *_ in logged(tmp_path) if what == "end")
        last = {process: architecture for what, architecture, process in logged(tmp_path) if what == "end"}
        missing = ended - there - excused
        assert not missing - Counter(last.values()), missing
        excused += missing
    events = Counter(what for what, *_ in logged(tmp_path))
    print(
        f"\n{command}: {killed.kills} kills, {events['begin']} trainings begun, {events['end']} ended, "
        f"{sum(excused.values())} ended in the instant before a kill, {total} needed"
    )
    assert killed.kills == KILLS
    assert events["end"] - sum(excused.values()) == total
    (tmp_path / "log").unlink()
    whole(tmp_path, *words)
    assert Counter(stored(tmp_path / "whole")) == Counter(stored(tmp_path / "out"))


def test_epochs_are_neither_lost_nor_repeated(tmp_path: Path) -> None:
    words = ["pretrain", "nasbench201", "--sample", "300", "--epochs", str(2 * KILLS)]
    before: list[str] = []
    killed = Killed(tmp_path, "metrics.jsonl", *words)
    for _ in killed:
        metrics = tmp_path / "out" / "metrics.jsonl"
        lines = metrics.read_text().splitlines() if metrics.exists() else []
        assert lines[: len(before)] == before  # with the seconds that each epoch took: none was trained again
        before = lines
    assert [json.loads(line)["epoch"] for line in before] == list(range(1, 2 * KILLS + 1))
    print(f"\npretrain: {killed.kills} kills, {len(before)} epochs")
    assert killed.kills == KILLS
    whole(tmp_path, *words)
    (cut, _), (uncut, _) = (read_arrays(tmp_path / name / "encoder.safetensors") for name in ("out", "whole"))
    assert cut.keys() == uncut.keys() and all(np.array_equal(array, uncut[name]) for name, array in cut.items())


def test_evaluations_of_several_criteria_are_neither_lost_nor_repeated(tmp_path: Path) -> None:
    cells = embed(chain(7))
    rows = [f"{text},{50 + text.count('b')},{sum(map(ord, text)) % 101}" for text in cells.architectures]
    (tmp_path / "table.csv").write_text("\n".join(["architecture,val,size", *rows]) + "\n")
    runs = 5 * KILLS
    words = ["pareto", "vectors.safetensors", "--objective", "table:table.csv?validation=val", "--against", "min:size"]
    words += ["--methods", "random,nsga2", "--runs", str(runs), "--budget", "40"]
    before: dict[str, list[Any]] = {}
    killed = Killed(tmp_path, "runs/*", *words)
    for _ in killed:
        found = {path.name: read_json(path)["trials"] for path in (tmp_path / "out" / "runs").glob("[!.]*.json")}
        for name, trials in before.items():
            assert found[name][: len(trials)] == trials  # with the seconds that each took
        before = found
    print(f"\npareto: {killed.kills} kills, {sum(map(len, before.values()))} evaluations")
    assert killed.kills > KILLS // 2  # a quick machine makes several searches between two kills
    assert sorted(map(len, before.values())) == [40] * 2 * runs
    whole(tmp_path, *words)
    for name, trials in before.items():
        again = read_json(tmp_path / "whole" / "runs" / name)["trials"]
        assert [trial["index"] for trial in trials] == [trial["index"] for trial in again]
