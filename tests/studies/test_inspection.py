"""``status`` and ``top``: on every kind of folder, while it is written, and on what is none."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from arch2vec.cli import main
from arch2vec.common.ownership import owning
from arch2vec.common.request import ASKED, note_start
from arch2vec.common.storage import read_json, write_json
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.searching.pareto.problem import problem_of
from arch2vec.searching.pareto.study import pareto_study
from arch2vec.searching.study import search
from arch2vec.searching.trials import Trial
from arch2vec.studies import Budget, run_study
from arch2vec.studies.inspection import inspect, readers, top
from arch2vec.studies.inspection.status import Pace, status_of
from one_line import error_of
from pareto_tables import embedding, objective

CELLS = embedding()


class Made(Objective):
    """Worth by the length of the text; fidelities 1 and 9, of which the lower one lies; every 7th fails."""

    name = "made"
    space = "nasbench201"
    description = "made up"
    fidelities = (1, 9)

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        row = CELLS.index_of(architecture)
        if row % 7 == 0:
            return Outcome(float("nan"), None, 1.0)
        return Outcome(90.0 - row if fidelity != 1 else 99.0, 50.0 + row, 2.0, {"parameters": 10.0 * row})


class StoppedError(Exception):
    pass


def stop_at(number: int) -> Any:
    def stop(trial: Trial) -> None:
        if trial.number == number:
            raise StoppedError

    return stop


@pytest.fixture
def half_done(tmp_path: Path) -> Path:
    """A search of 20 evaluations, stopped after 8."""
    with pytest.raises(StoppedError):
        search(CELLS, Made(), "random", budget=20, out=tmp_path / "half", on_evaluation=stop_at(8))
    return tmp_path / "half"


class TestSearch:
    def test_how_far_and_the_best(self, half_done: Path) -> None:
        found = inspect(half_done)
        assert (found.kind, found.unit, found.done, found.of) == ("search", "evaluations", 8, 20)
        assert found.what == "random on made, nasbench201, seed 0"
        trials = json.loads((half_done / "study.json").read_text())["trials"]
        best = max(
            (trial for trial in trials if trial["validation"] is not None), key=lambda trial: trial["validation"]
        )
        assert found.best is not None
        assert (found.best.architecture, found.best.validation) == (best["architecture"], best["validation"])
        assert (found.best.test, found.best.cost_s) == (best["test"], 2.0)
        failed = sum(trial["validation"] is None for trial in trials)
        assert found.figures == {"evaluations": 8, "failed": failed, "cost_s": 2.0 * (8 - failed) + failed}

    def test_speed_and_end_count_from_the_last_start(self, half_done: Path) -> None:
        now = time.time()
        write_json(half_done / ASKED, {"started_at": now - 60, "done_at_start": 2, "budget": 20})
        os.utime(half_done / "study.json", (now, now))
        assert inspect(half_done).state == "idle"  # nobody owns it: it was killed
        with owning(half_done):
            found = inspect(half_done)
        assert found.state == "running" and found.step_s == pytest.approx(10, rel=0.01)
        assert found.remaining_s == pytest.approx(120, abs=3)
        os.utime(half_done / "study.json", (now - 40, now - 40))
        assert inspect(half_done).step_s == pytest.approx(20 / 6, rel=0.01)

    def test_states(self, half_done: Path) -> None:
        old = time.time() - 5000
        os.utime(half_done / "study.json", (old, old))
        write_json(half_done / ASKED, {"started_at": old - 60, "done_at_start": 0, "budget": 20})
        assert inspect(half_done).state == "idle" and inspect(half_done).remaining_s is None
        (half_done / ASKED).unlink()
        assert inspect(half_done).state == "unknown" and inspect(half_done).of is None
        (half_done / ASKED).write_text("no JSON")  # it only helps
        assert inspect(half_done).state == "unknown"
        search(CELLS, Made(), "random", budget=20, out=half_done)
        assert inspect(half_done).state == "finished"

    def test_nothing_is_written(self, half_done: Path) -> None:
        def contents() -> dict[str, tuple[bytes, int]]:
            return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in half_done.iterdir()}

        before = contents()
        inspect(half_done)
        top(half_done)
        assert contents() == before

    def test_results_do_not_depend_on_the_note(self, half_done: Path, tmp_path: Path) -> None:
        (half_done / ASKED).unlink()
        resumed = search(CELLS, Made(), "random", budget=20, out=half_done).trials
        assert resumed == search(CELLS, Made(), "random", budget=20).trials

    def test_top(self, half_done: Path) -> None:
        best = top(half_done, 3)
        rows = [CELLS.index_of(entry.architecture) for entry in best]
        assert rows == sorted(rows) and len(set(rows)) == 3  # worth falls with the row
        assert [entry.validation for entry in best] == [90.0 - row for row in rows]
        assert [entry.test for entry in best] == [50.0 + row for row in rows]
        assert [entry.extra for entry in best] == [{"parameters": 10.0 * row} for row in rows]
        assert len(top(half_done, 100)) <= 8
        assert "at least 1" in error_of(lambda: top(half_done, 0))

    def test_lower_fidelities_do_not_compete(self, tmp_path: Path) -> None:
        result = search(CELLS, Made(), "bohb", budget=30, out=tmp_path)
        assert {trial.fidelity for trial in result.trials} > {1}
        assert max(trial.validation for trial in result.trials if not trial.failed) == 99.0
        assert top(tmp_path, 1)[0].validation == result.best.validation < 99.0
        found = inspect(tmp_path).best
        assert found is not None and found.architecture == result.best.architecture


def test_a_comparison_while_it_is_made_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int | None, str]] = []

    def look(method: str, name: str, evaluations: int) -> None:
        status = inspect(tmp_path)
        seen.append((status.done, status.of, status.state))

    budget = Budget(5)
    found = run_study(CELLS, Made(), ["random", "evolution"], 4, budget, block=2, out=tmp_path, progress=look)
    assert {of for _, of, _ in seen} == {8} and {state for *_, state in seen} == {"running"}
    assert [done for done, *_ in seen] == sorted(done for done, *_ in seen) and seen[-1][0] == 6
    status = inspect(tmp_path)
    assert (status.kind, status.done, status.of, status.state) == ("comparison", 8, 8, "finished")
    frame = found.frame()
    assert status.best is not None and status.best.validation == frame["validation"].max()
    assert status.figures is not None and status.figures["evaluations"] == 40
    assert top(tmp_path, 1)[0].architecture == status.best.architecture
    # Put together, and its blocks not yet removed: nothing counts twice.
    (tmp_path / "blocks").mkdir()
    shutil.copy(tmp_path / "trajectories.parquet", tmp_path / "blocks" / "b.parquet")
    (tmp_path / "blocks" / ".half.parquet").write_bytes(b"half of a file")
    assert inspect(tmp_path).done == 8
    (tmp_path / ASKED).unlink()
    assert inspect(tmp_path).state == "unknown"
    # A file that goes while it is read is looked for again.
    plain, calls = readers._typed, []

    def once(frame: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise FileNotFoundError("gone")
        return plain(frame)

    monkeypatch.setattr(readers, "_typed", once)
    assert inspect(tmp_path).done == 8 and len(calls) == 2


def test_a_multi_objective_study(tmp_path: Path) -> None:
    problem, _ = problem_of(objective(tmp_path / "t.parquet"), CELLS, ["latency:phone", "params"])
    frame = pareto_study(CELLS, problem, ["random"], 2, 6, out=tmp_path / "study")
    status = inspect(tmp_path / "study")
    assert (status.kind, status.done, status.of, status.state) == ("multi-objective study", 12, 12, "finished")
    assert "validation (max), lat (min), size (min); known: size" in status.what
    best = top(tmp_path / "study", 2)
    assert best[0].validation == frame["validation"].max() and set(best[0].extra) == {"lat", "size"}
    row = frame.iloc[int(frame["validation"].argmax())]
    assert best[0].extra["lat"] == row["lat"] and best[0].test == row["test"]
    assert best[0].unit == "%"
    pareto_study(CELLS, replace(problem, unit="mm"), ["random"], 1, 3, out=tmp_path / "millimetres")
    assert top(tmp_path / "millimetres", 1)[0].unit == "mm"


def test_a_training(tmp_path: Path) -> None:
    write_json(
        tmp_path / "config.json",
        {"space": "nasbench201", "model": {"name": "gae"}, "protocol": "paper", "epochs": 4, "seed": 3},
    )
    records = [{"epoch": n, "loss": 1 / n, "seconds_training": 2.0, "seconds_measuring": 1.0} for n in (1, 2, 3)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    with owning(tmp_path):
        status = inspect(tmp_path)
    assert status.what == "gae on nasbench201, paper, seed 3"
    assert (status.kind, status.unit, status.done, status.of, status.state) == ("training", "epochs", 3, 4, "running")
    assert status.step_s == 3.0 and status.remaining_s == pytest.approx(3.0, abs=2.9)
    assert dict(status.figures or {}) == {"loss": 1 / 3}
    assert "no evaluated architectures" in error_of(lambda: top(tmp_path))
    (tmp_path / "metrics.jsonl").write_text("{")
    assert "metrics.jsonl" in error_of(lambda: inspect(tmp_path))


def test_a_folder_of_several(half_done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = half_done.parent
    search(CELLS, Made(), "random", budget=5, seed=1, out=folder / "deep" / "other")
    status = inspect(folder)
    assert (status.kind, status.done, status.of) == ("folder", 1, 2)
    assert [Path(part.folder).name for part in status.parts] == ["other", "half"]
    assert len({entry.seed for entry in top(folder, 13)}) == 2
    assert inspect(folder / "deep").folder == folder / "deep" / "other"
    assert main(["status", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "1 of 2 parts finished" in shown and "deep/other" in shown


def test_the_command_line(half_done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(half_done)]) == 0
    shown = capsys.readouterr().out
    best = top(half_done, 1)[0]
    assert "8 of 20 evaluations (40 %)" in shown and best.architecture in shown and "running" in shown
    assert main(["status", str(half_done), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["done"] == 8 and document["best"]["architecture"] == best.architecture
    assert main(["top", str(half_done), "-k", "2"]) == 0
    shown = capsys.readouterr().out
    assert "the best 2 by validation" in shown and f"parameters {best.extra['parameters']:g}" in shown
    assert main(["top", str(half_done), "-k", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["architecture"] for row in rows] == [entry.architecture for entry in top(half_done, 2)]


@pytest.mark.parametrize("command", ["status", "top"])
def test_bad_input_is_one_line(command: str, half_done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def complaint(folder: Path) -> str:
        assert main([command, str(folder)]) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        return line

    empty = half_done.parent / "empty"
    assert "is no folder" in complaint(empty)
    empty.mkdir()
    assert f"{empty} holds no" in complaint(empty)
    (half_done / "study.json").write_text('{"kind": "arch2vec study 1", "config": {}, "trials": [{}]}')
    assert "study.json is damaged" in complaint(half_done)
    (half_done / "study.json").write_text("{")
    assert "not a JSON document" in complaint(half_done)


def test_estimates() -> None:
    now = time.time()
    assert status_of(Path(), "k", "w", "u", Pace(9, 8, 1.0, now)).done == 8
    waiting = status_of(Path(), "k", "w", "u", Pace(0, 8, None, now - 600))
    assert waiting.state == "running" and waiting.remaining_s is None  # the first step may take long
    slow = status_of(Path(), "k", "w", "u", Pace(2, 8, 1000.0, now - 600))
    assert slow.state == "running" and slow.remaining_s == pytest.approx(5400, abs=5)


def test_the_note_says_what_was_asked_for(tmp_path: Path) -> None:
    note_start(tmp_path, done=3, budget=5, runs={"a": 2})
    document = read_json(tmp_path / ASKED)
    assert document.pop("started_at") == pytest.approx(time.time(), abs=60)
    assert document == {"done_at_start": 3, "budget": 5, "runs": {"a": 2}}
    assert np.isfinite(inspect_time(tmp_path))


def inspect_time(folder: Path) -> float:
    from arch2vec.studies.inspection.status import changed_at

    assert changed_at(folder / "gone") == 0.0
    return changed_at(folder / ASKED, folder / "gone")


def test_values_are_shown_in_their_own_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "chain.yaml").write_text(
        "name: chain\ncarries: vertices\noperations: [a, b]\nvertices: 5\nedges: [[0, 1], [1, 2], [2, 3], [3, 4]]\n"
    )
    (tmp_path / "mine.py").write_text(
        "def f(a):\n    return {'validation': 1234.5 * a.count('a'), 'extra': {'size': a.count('b')}}\n"
    )
    space, objective = str(tmp_path / "chain.yaml"), f"python:{tmp_path}/mine.py:f"
    for command in (["search"], ["compare", "--methods", "random", "--runs", "2"]):
        out = str(tmp_path / command[0])
        arguments = [command[0], space, "--objective", objective, *command[1:], "--budget", "4", "--out", out]
        assert main(arguments) == 0
        (tmp_path / command[0] / "asked.json").unlink()  # no result depends on it
        capsys.readouterr()
        assert main(["top", out]) == 0
        shown = capsys.readouterr().out
        assert "%" not in shown
        assert "validation 3,703.5 " in shown or "validation 2,469 " in shown
        assert main(["status", out]) == 0
        assert "best so far  validation" in (shown := capsys.readouterr().out)
        assert "%" not in shown.partition("best so far")[2].splitlines()[0]
    assert main(["top", str(tmp_path / "search"), "--by", "min:size", "-k", "1", "--json"]) == 0
    (best,) = json.loads(capsys.readouterr().out)["rows"]
    assert best["unit"] == ""
    assert best["extra"]["size"] == best["architecture"].count("b")


def test_evaluations_of_runs_in_progress_are_counted(tmp_path: Path) -> None:
    from arch2vec.representations.ready import structure_embedding
    from arch2vec.spaces import DeclaredSpace, SpaceDeclaration
    from arch2vec.studies import run_many

    edges = tuple((vertex, vertex + 1) for vertex in range(5))
    space = DeclaredSpace(SpaceDeclaration("chain", ("a", "b"), vertices=6, edges=edges))
    calls = 0

    def f(architecture: str) -> float:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return float(architecture.count("a"))

    with pytest.raises(KeyboardInterrupt):
        run_many(structure_embedding(space), f, methods=["random"], runs=2, budget=8, out=tmp_path / "study")
    found = inspect(tmp_path / "study")
    assert (found.done, found.of) == (0, 2)
    assert dict(found.figures or {})["evaluations of runs in progress"] == 5
