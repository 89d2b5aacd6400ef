"""Evaluations in processes of their own: several at once, whatever becomes of one, none lost and none made twice."""

from __future__ import annotations

import math
import os
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from arch2vec.cli import main
from arch2vec.common.cache import cache_folder
from arch2vec.common.parcels import pack
from arch2vec.common.storage import read_json
from arch2vec.errors import InputError, WorkerError
from arch2vec.objectives.function import FunctionObjective
from arch2vec.searching import METHODS
from arch2vec.searching.base import Candidate
from arch2vec.searching.store import StudyConfig, embedding_digest
from arch2vec.searching.study import search
from arch2vec.studies.jobs import BOOKS, Job, perform
from arch2vec.studies.optuna.record import InStorage
from arch2vec.studies.resources import environments, read_resources
from search_helpers import chain, embed

MISBEHAVIOURS = {
    "a|a": "its process was ended by SIGKILL, perhaps for want of memory",
    "a|b": "its process ended with exit code 3",
    "a|c": "ValueError: no luck",
    "b|a": "SystemExit: enough",
    "b|b": "it took longer than 4 s (--timeout-per-training)",
    "b|c": None,  # forks, and the child returns too
    "c|a": None,  # closes what the process has open
    "c|b": "objective misbehave returned 'good' (str) as 'validation'; a number is needed",
    "c|c": None,
}


MISBEHAVE = """
import os, signal, subprocess, sys, time

def misbehave(architecture):
    if architecture == "a|a":
        os.kill(os.getpid(), signal.SIGKILL)
    if architecture == "a|b":
        os._exit(3)
    if architecture == "a|c":
        raise ValueError("no luck")
    if architecture == "b|a":
        sys.exit("enough")
    if architecture == "b|b":
        subprocess.Popen(["sleep", "60"])
        time.sleep(60)
    if architecture == "b|c":
        os.fork()
    if architecture == "c|a":
        os.close(1)
        os.chdir("/")
    return "good" if architecture == "c|b" else float(architecture.count("c"))
"""

SLEEP = f"60.{os.getpid()}"
"""Seconds that are nobody else's."""


@pytest.fixture(scope="module")
def misbehaved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("misbehaved") / "out"
    embedding = embed(chain(2))
    (folder.parent / "a2v_misbehave.py").write_text(MISBEHAVE.replace("60", SLEEP))
    objective = f"python:{folder.parent}/a2v_misbehave.py:misbehave"
    result = search(embedding, objective, "random", 9, workers=2, timeout_s=4, max_failures=None, out=folder)
    return folder, {trial.architecture: trial for trial in result.trials}


class TestMisbehaviour:
    @pytest.mark.parametrize("architecture", sorted(MISBEHAVIOURS))
    def test_each_is_one_trial(self, misbehaved: tuple[Path, dict[str, Any]], architecture: str) -> None:
        trial, told = misbehaved[1][architecture], MISBEHAVIOURS[architecture]
        assert trial.error == told
        assert trial.failed == (told is not None)
        if told is None:
            assert trial.validation == architecture.count("c")
        if architecture == "b|b":
            assert 4 <= trial.cost_s < 30

    def test_all_are_there_once_and_tracebacks_are_kept(self, misbehaved: tuple[Path, dict[str, Any]]) -> None:
        folder, trials = misbehaved
        assert set(trials) == set(MISBEHAVIOURS)
        traces = [path.read_text() for path in (folder / "failures").iterdir()]
        assert len(traces) == 3 and any("ValueError: no luck" in trace for trace in traces)
        assert len(read_json(folder / "study.json")["trials"]) == 9
        assert not (folder / BOOKS).exists()  # all is in the study

    def test_what_timed_out_is_gone_with_all_that_it_started(self, misbehaved: tuple[Path, dict[str, Any]]) -> None:
        del misbehaved
        found = subprocess.run(["ps", "-o", "args=", "-A"], capture_output=True, text=True, check=True).stdout
        assert f"sleep {SLEEP}" not in found


class TestTrials:
    @pytest.mark.parametrize("method", ["random", "evolution", "gp-bo"])
    def test_one_worker_makes_the_trials_of_none(self, method: str) -> None:
        embedding = embed(chain(4))
        with ThreadPoolExecutor(1) as executor:
            apart = search(embedding, worth, method, 25, executor=executor)
        alone = search(embedding, worth, method, 25)
        assert [(t.architecture, t.validation) for t in apart.trials] == [
            (t.architecture, t.validation) for t in alone.trials
        ]

    @pytest.mark.parametrize("method", sorted(METHODS))
    def test_every_method_goes_on_while_others_are_being_evaluated(self, method: str) -> None:
        embedding, most, lock, now = embed(chain(4)), 0, threading.Lock(), 0

        def slow(architecture: str) -> float:
            nonlocal most, now
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.005 * (1 + architecture.count("a")))
            with lock:
                now -= 1
            return float(architecture.count("b"))

        with ThreadPoolExecutor(4) as executor:
            result = search(embedding, slow, method, 22, executor=executor)
        assert 1 < most <= 4
        assert result.evaluations == 22
        if method != "bo-release":  # which pays for repeats, as published
            assert len({trial.architecture for trial in result.trials}) == 22

    def test_costs_limit_too(self, tmp_path: Path) -> None:
        def price(architecture: str) -> dict[str, float]:
            return {"validation": float(architecture.count("b")), "cost_s": 10.0}

        embedding = embed(chain(4))
        with ThreadPoolExecutor(3) as executor:
            first = search(embedding, price, "random", None, 50.0, executor=executor, out=tmp_path)
            again = search(embedding, price, "random", None, 50.0, executor=executor, out=tmp_path)
            more = search(embedding, price, "random", None, 90.0, executor=executor, out=tmp_path)
        assert first.evaluations == again.evaluations == 5
        assert more.trials[:5] == first.trials and more.evaluations == 9

    def test_a_failure_is_tried_again_as_often_as_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        calls: Counter[str] = Counter()

        def moody(architecture: str) -> float:
            calls[architecture] += 1
            if architecture.startswith("a") and calls[architecture] <= 2:
                raise ValueError("not yet")
            if architecture.startswith("b"):
                raise ValueError("never")
            return 1.0

        with ThreadPoolExecutor(2) as executor:
            result = search(embed(chain(2)), moody, "random", 9, executor=executor, retries=2, max_failures=None)
        assert calls == {t.architecture: 1 if t.architecture.startswith("c") else 3 for t in result.trials}
        assert {t.architecture for t in result.trials if t.failed} == {"b|a", "b|b", "b|c"}
        assert "failed: ValueError: not yet; it is tried again (2 of 2)" in capsys.readouterr().err

    def test_too_many_failures_in_a_row_end_it(self, tmp_path: Path) -> None:
        def never(architecture: str) -> float:
            raise ValueError("never")

        with ThreadPoolExecutor(2) as executor, pytest.raises(InputError, match="gave up after 4 failed evaluations"):
            search(embed(chain(3)), never, "random", 20, executor=executor, max_failures=4, out=tmp_path)
        assert len(read_json(tmp_path / "study.json")["trials"]) == 4


def worth(architecture: str) -> float:
    return architecture.count("b") + architecture.index("a") / 10 if "a" in architecture else 0.5


class Later:
    """What an executor for a cluster returns: it tells nobody that it has ended."""

    def __init__(self, future: Future[Any]) -> None:
        self.done, self.result = future.done, future.result


class Cluster:
    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor

    def submit(self, function: Any, *arguments: Any) -> Later:
        return Later(self._executor.submit(function, *arguments))


class TestExecutors:
    def test_one_that_has_to_be_asked(self) -> None:
        with ThreadPoolExecutor(3) as executor:
            result = search(embed(chain(3)), worth, "random", 12, executor=Cluster(executor), workers=3)
            with pytest.raises(InputError, match="say how many evaluations a Cluster makes at once, as in workers=4"):
                search(embed(chain(3)), worth, "random", 12, executor=Cluster(executor))
        assert result.evaluations == 12
        with pytest.raises(InputError, match=r"an executor has a method submit\(function, \*arguments\)"):
            search(embed(chain(3)), worth, "random", 12, executor=3)

    def test_one_that_breaks_loses_nothing(self, tmp_path: Path) -> None:
        embedding, log = embed(chain(2)), tmp_path / "log"
        deadly = tmp_path / "deadly"
        deadly.touch()

        def train(architecture: str) -> float:
            if architecture == "b|b" and deadly.exists():
                deadly.unlink()
                os._exit(1)
            with log.open("a") as file:
                file.write(architecture + "\n")
            return float(architecture.count("b"))

        with ProcessPoolExecutor(1) as executor, pytest.raises(WorkerError, match="executor that evaluations were"):
            search(embedding, train, "random", 9, executor=executor, out=tmp_path / "out")
        with ProcessPoolExecutor(1) as executor:
            result = search(embedding, train, "random", 9, executor=executor, out=tmp_path / "out")
        assert sorted(log.read_text().split()) == sorted(t.architecture for t in result.trials)
        assert result.evaluations == 9 and not any(trial.failed for trial in result.trials)


class TestBooks:
    @pytest.mark.parametrize("storage", [None, "sqlite:///studies.db"])
    @pytest.mark.parametrize("changed", [False, True])
    def test_what_a_worker_had_finished_is_not_made_again(
        self, storage: str | None, changed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As if the search had been killed after its worker had ended a training, and before it took that in."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "cache"))
        log, embedding = tmp_path / "log", embed(chain(3))
        log.touch()
        code = """
            def train(architecture):
                with open("log", "a+") as log:
                    log.write(architecture + "\\n")
                    log.seek(0)
                    if len(log.read().split()) == 8:
                        raise KeyboardInterrupt
                return float(architecture.count("b"))
        """
        (tmp_path / "mine.py").write_text(dedent(code))
        more: dict[str, Any] = {"out": tmp_path / "out"} if storage is None else {"storage": storage}
        with pytest.raises(KeyboardInterrupt), ThreadPoolExecutor(1) as executor:
            search(embedding, "python:mine.py:train", "random", 12, executor=executor, **more)
        lost = log.read_text().split()[-1]
        (books,) = (tmp_path / "out" / BOOKS if storage is None else cache_folder() / BOOKS).glob("**/*.jsonl")
        books = books.parent
        parcel = pack(FunctionObjective(lambda architecture: 77.0), "an objective")
        perform(Job(parcel, Candidate(embedding.index_of(lost), lost), 0, books))
        if changed:
            (tmp_path / "mine.py").write_text(dedent(code).replace("count", "rfind"))
            more["accept_changes"] = True
        with ThreadPoolExecutor(1) as executor:
            result = search(embedding, "python:mine.py:train", "random", 12, executor=executor, **more)
        (trial,) = (trial for trial in result.trials if trial.architecture == lost)
        assert trial.validation == (lost.rfind("b") if changed else 77.0)
        assert log.read_text().split().count(lost) == (2 if changed else 1)
        assert not books.exists()

    def test_studies_of_one_name_and_place_have_their_own(self, tmp_path: Path) -> None:
        embedding = embed(chain(3))
        config = StudyConfig(embedding.space.name, embedding_digest(embedding), "train", "random", 0, 1, {"code": "1"})

        def books(place: str, code: str = "1") -> Path | None:
            record = InStorage(f"sqlite:///{tmp_path}/{place}.db", "mine", replace(config, marks={"code": code}), True)
            record.load(METHODS["random"](embedding, seed=0))
            return record.books

        first = books("one")
        assert books("one") == first != books("other")
        assert books("one", "2") != first == books("one")
        (tmp_path / "one.db").unlink()
        assert books("one") != first


class TestResources:
    def test_each_worker_has_cards_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-b,6,7")
        seen = [each["CUDA_VISIBLE_DEVICES"] for each in environments(4, {"gpu": 1})]
        assert seen == ["4", "GPU-b", "6", "7"]
        assert [each["CUDA_VISIBLE_DEVICES"] for each in environments(2, {"gpu": 2})] == ["4,GPU-b", "6,7"]
        assert [each["CUDA_VISIBLE_DEVICES"] for each in environments(3, {"gpu": 0.5})] == ["4", "4", "GPU-b"]
        with pytest.raises(InputError, match="5 workers with gpu=1 need 5 graphics cards, this machine shows 4"):
            environments(5, {"gpu": 1})
        assert environments(1, {"cpu": 3})[0] == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"}
        assert read_resources("gpu=0.5, cpu=2") == {"gpu": 0.5, "cpu": 2}

    @pytest.mark.parametrize("text", ["gpus=1", "gpu", "gpu=many", "gpu=-1", "cpu=0", "cpu=nan"])
    def test_what_makes_no_sense_is_refused(self, text: str) -> None:
        with pytest.raises(InputError, match="resource"):
            read_resources(text)

    def test_a_worker_sees_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")

        def card(architecture: str) -> float:
            return float(os.environ["CUDA_VISIBLE_DEVICES"] + os.environ["OMP_NUM_THREADS"])

        result = search(embed(chain(2)), card, "random", 2, resources={"gpu": 1, "cpu": 3})
        assert [trial.validation for trial in result.trials] == [53.0, 53.0]


class TestCommandLine:
    def test_search_with_workers(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        embed(chain(3)).save(tmp_path / "vectors.safetensors")
        (tmp_path / "a2v_apart.py").write_text(
            "import os\ndef train(a):\n    if a == 'a|b|c': os._exit(9)\n    return {'validation': a.count('b')}\n"
        )
        common = ["search", str(tmp_path / "vectors.safetensors"), "--method", "random", "--budget", "27"]
        common += ["--objective", f"python:{tmp_path}/a2v_apart.py:train", "--out", str(tmp_path / "out")]
        assert main([*common, "--workers", "2", "--retries", "1", "--json"]) == 0
        said = capsys.readouterr()
        assert '"evaluations": 27' in said.out and "b|b|b" in said.out
        assert "its process ended with exit code 9; it is tried again (1 of 1)" in said.err
        assert main([*common, "--workers", "0"]) == 2
        assert capsys.readouterr().err == "arch2vec: at least 1 worker is needed, got 0\n"

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--timeout-per-training", "0"], "a training's time-out is a number of seconds above 0, got 0.0"),
            (["--timeout-per-training", "nan"], "a training's time-out is a number of seconds above 0, got nan"),
            (["--retries", "-1"], "a failed evaluation is tried again 0 or more times, got -1"),
            (["--resources", "tpu=1"], "resources are gpu and cpu, as in gpu=1,cpu=4; got 'tpu=1'"),
        ],
    )
    def test_what_makes_no_sense_is_one_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
    ) -> None:
        embed(chain(2)).save(tmp_path / "vectors.safetensors")
        common = [
            "search",
            str(tmp_path / "vectors.safetensors"),
            "--objective",
            "cmd:echo {architecture}",
            "--budget",
            "5",
        ]
        assert main([*common, *options]) == 2
        assert capsys.readouterr().err == f"arch2vec: {told}\n"


def test_nan_is_no_value() -> None:
    with ThreadPoolExecutor(2) as executor:
        result = search(embed(chain(2)), lambda _: math.nan, "random", 9, executor=executor)
    assert all(trial.failed and trial.error is None for trial in result.trials)
