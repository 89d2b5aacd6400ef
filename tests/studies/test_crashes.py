"""Searches that are killed at random moments, dozens of times: no finished training is lost, none is made twice.

Trainings say when they begin and end in a log of their own. What cannot be helped is a kill within the instant between
the end of a training and its being written down; it is counted apart.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from arch2vec.common.storage import read_json

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("ARCH2VEC_CRASH_KILLS", "50"))
WORKERS, BUDGET = 4, 8 * KILLS
INSTANT_S = 0.05
TRAINING = """
import os, random, time
def train(architecture):
    def say(what):
        line = f"{what} {architecture} {os.getpid()} {time.time()}\\n".encode()
        os.write(log, line)
    log = os.open("LOG", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    say("begin")
    time.sleep(random.uniform(0.2, 0.8))
    value = float(architecture.count("b"))
    say("end")
    return value
"""
DRIVER = """
import sys
from search_helpers import chain, embed
from arch2vec.searching.study import search
where, budget, file, out = sys.argv[1:]
search(embed(chain(8)), f"python:{file}:train", "random", int(budget), out=out, workers=WORKERS, retries=100,
       max_failures=None, storage=None if where == "file" else where)
"""


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of PostgreSQL's own, on this machine, for as long as the tests run."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or shutil.which("su") is None:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
    base = Path("/tmp") / f"arch2vec-postgresql-{os.getpid()}"
    base.mkdir()
    shutil.chown(base, "postgres")
    port = random.randint(20_000, 30_000)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={base}"

    def server(command: str) -> None:
        subprocess.run(["su", "postgres", "-c", command], check=True, stdout=subprocess.DEVNULL, cwd="/")

    try:
        server(f"{found[-1]} -D {base}/data -A trust -U arch2vec")
        server(f"{found[-1].with_name('pg_ctl')} -D {base}/data -w -l {base}/log -o '{options}' start")
        yield f"postgresql://arch2vec@127.0.0.1:{port}/postgres"
        server(f"{found[-1].with_name('pg_ctl')} -D {base}/data -m immediate stop")
    finally:
        shutil.rmtree(base, ignore_errors=True)


def children(process: int) -> list[int]:
    """The worker processes of a driver."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        found = {int(child) for task in tasks for child in (task / "children").read_text().split()}
    except OSError:
        return []
    return [child for child in found if "spawn_main" in command(child)]


def command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


def lines(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def training(log: Path) -> set[int]:
    """The processes that are at a training."""
    at: dict[int, bool] = {}
    for what, _, process, _ in lines(log):
        at[int(process)] = what == "begin"
    return {process for process, busy in at.items() if busy}


def kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize("where", ["file", "sqlite", "journal", "postgresql"])
def test_killed_at_random_moments(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    urls = {"file": "file", "sqlite": f"sqlite:///{tmp_path}/study.db", "journal": f"journal:///{tmp_path}/study.log"}
    url = urls[where] if where in urls else request.getfixturevalue("postgresql")
    log, out, draw = tmp_path / "log", tmp_path / "out", random.Random(len(where))
    (tmp_path / "training.py").write_text(TRAINING.replace("LOG", str(log)))
    (tmp_path / "driver.py").write_text(DRIVER.replace("WORKERS", str(WORKERS)))
    drive = [sys.executable, str(tmp_path / "driver.py"), url, str(BUDGET), str(tmp_path / "training.py"), str(out)]
    killed: Counter[str] = Counter()
    kills: list[tuple[float, int]] = []  # when, and whom
    said = (tmp_path / "said").open("wb")
    driver: subprocess.Popen[bytes] | None = None
    started, interrupted, early = time.time(), 0, float("inf")
    while sum(killed.values()) < KILLS:
        if driver is None or driver.poll() is not None:
            if driver is not None and driver.returncode == 0:
                break  # the budget is spent
            before = len(lines(log))
            driver = subprocess.Popen(drive, stdout=said, stderr=said)
            early = time.time() + draw.uniform(0.0, 5.0) if draw.random() < 0.1 else float("inf")
            while len(lines(log)) == before and driver.poll() is None and time.time() < early:
                time.sleep(0.05)  # a tenth of the kills may come before the first training begins
        before = len(lines(log))
        patience = time.time() + 30
        while len(lines(log)) == before and driver.poll() is None and time.time() < min(early, patience):
            time.sleep(0.02)  # until a training begins or ends; then at a random moment
        time.sleep(draw.uniform(0.0, 0.6))
        whom = draw.choice(["driver", "worker", "worker", "both"])
        workers = children(driver.pid)
        at_work = [worker for worker in workers if worker in training(log)]
        chosen = [] if whom == "driver" else workers if whom == "both" else [draw.choice(at_work or workers or [0])]
        chosen = [worker for worker in chosen if worker]
        interrupted += len(training(log) & set(workers if driver.pid in chosen or whom != "worker" else chosen))
        for process in ([] if whom == "worker" else [driver.pid]) + chosen:
            kills += [(time.time(), worker) for worker in ([process] if process != driver.pid else workers)]
            kill(process)
        killed[whom] += 1
        if whom != "worker":
            driver.wait()
            for worker in workers:  # they end with it
                until = time.time() + 60
                while "spawn_main" in command(worker) and time.time() < until:
                    time.sleep(0.02)
                assert "spawn_main" not in command(worker)
    if driver is not None and driver.poll() is None:
        driver.wait()
    subprocess.run(drive, check=True, stdout=said, stderr=said)
    events = lines(log)
    begun = Counter(architecture for what, architecture, *_ in events if what == "begin")
    ended = Counter(architecture for what, architecture, *_ in events if what == "end")
    recorded = recorded_in(where, url, out)
    excused = 0
    for architecture, count in ended.items():
        ends = [
            (float(when), int(process)) for what, name, process, when in events if (what, name) == ("end", architecture)
        ]
        instants = sum(
            any(process == victim and 0 <= at - when < INSTANT_S for at, victim in kills) for when, process in ends[:-1]
        )
        excused += min(count - 1, instants)
    lost = [architecture for architecture in ended if architecture not in recorded]
    repeated = sum(count - 1 for count in ended.values()) - excused
    print(
        f"\n{where}: {sum(killed.values())} kills ({dict(killed)}) in {time.time() - started:.0f} s, "
        f"which ended {interrupted} trainings; budget {BUDGET}, "
        f"recorded {len(recorded)} trials of {len(set(recorded))} architectures; trainings begun "
        f"{sum(begun.values())}, ended {sum(ended.values())}, lost {len(lost)}, repeated {repeated}, "
        f"ended in the instant before a kill {excused}"
    )
    assert len(recorded) == len(set(recorded)) == BUDGET
    assert not lost and repeated == 0
    assert set(ended) == set(recorded)


def recorded_in(where: str, url: str, out: Path) -> list[str]:
    if where == "file":
        trials = read_json(out / "study.json")["trials"]
        assert not [trial for trial in trials if trial["error"]]
        return [trial["architecture"] for trial in trials]
    from arch2vec.studies.optuna.reading import stored_studies

    (study,) = stored_studies(url)
    assert all(entry.trial is not None and not entry.trial.failed for entry in study.entries)
    return [entry.candidate.architecture for entry in study.entries]
