"""Studies of multi-objective searches: resuming, what is reported, no decision by test accuracy, the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from arch2vec.cli import main
from arch2vec.common.storage import read_json
from arch2vec.errors import InputError
from arch2vec.reports.pareto import draw_fronts
from arch2vec.searching.pareto import PARETO_METHODS
from arch2vec.searching.pareto.criteria import gains
from arch2vec.searching.pareto.fronts import non_dominated
from arch2vec.searching.pareto.problem import HypervolumeReference, ParetoProblem, problem_of
from arch2vec.searching.pareto.run import ParetoTrial, pareto_search
from arch2vec.searching.pareto.study import front_spans, pareto_study
from arch2vec.searching.pareto.summary import budgets_for, fronts_frame, summary_rows, to_markdown, write_tables
from one_line import error_of
from pareto_tables import CRITERIA, columns, embedding, objective

CELLS = embedding()
METHODS = ["random", "ehvi"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "table.parquet"
    objective(path)
    return path


@pytest.fixture(scope="module")
def made(table: Path) -> ParetoProblem:
    return problem_of(objective(table), CELLS, ["latency:phone"])[0]


def same(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    return bool(first.drop(columns="method_s").equals(second.drop(columns="method_s")))


@pytest.mark.parametrize("method", sorted(PARETO_METHODS))
def test_a_search_that_was_killed_ends_as_if_it_never_was(method: str, made: ParetoProblem, tmp_path: Path) -> None:
    if method == "nsga2":
        pytest.importorskip("pymoo")
    whole = pareto_search(CELLS, made, method, seed=1, budget=20, batch=3)
    file = tmp_path / "run.json"

    def stop(trial: ParetoTrial) -> None:
        if trial.number in (5, 17):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            pareto_search(CELLS, made, method, seed=1, budget=20, batch=3, file=file, on_evaluation=stop)
    assert pareto_search(CELLS, made, method, seed=1, budget=20, batch=3, file=file) == whole
    assert pareto_search(CELLS, made, method, seed=1, budget=5, batch=3, file=file) == whole[:5]
    longer = pareto_search(CELLS, made, method, seed=1, budget=23, batch=3, file=file)
    assert longer[:20] == whole and len(longer) == 23


@pytest.mark.parametrize("method", sorted(PARETO_METHODS))
def test_permuting_test_accuracies_changes_no_decision(method: str, tmp_path: Path) -> None:
    if method == "nsga2":
        pytest.importorskip("pymoo")
    plain = columns()
    order = np.random.default_rng(0).permutation(len(CELLS))
    turned = {name: (m, v[order] if m.split == "test" else v) for name, (m, v) in plain.items()}
    swapped = {name: (m, v[::-1] if m.split == "validation" else v) for name, (m, v) in plain.items()}
    trials = [
        pareto_search(
            CELLS,
            problem_of(objective(tmp_path / f"{number}.parquet", made), CELLS, ["latency:phone"])[0],
            method,
            seed=2,
            budget=28,
        )
        for number, made in enumerate((plain, turned, swapped))
    ]
    rows = [[trial.index for trial in each] for each in trials]
    assert rows[0] == rows[1]
    assert [t.criteria for t in trials[0]] == [t.criteria for t in trials[1]]
    assert [t.test for t in trials[1]] == plain["test_200"][1][order][rows[1]].tolist()
    assert [t.test for t in trials[1]] != [t.test for t in trials[0]]
    assert (rows[0] == rows[2]) == (method == "random")  # the signal does matter


def test_a_study_resumes_and_grows(made: ParetoProblem, tmp_path: Path) -> None:
    seen: list[int] = []
    small = pareto_study(CELLS, made, METHODS, 2, 12, out=tmp_path, progress=lambda _, n: seen.append(n))
    assert sum(seen) == 48
    seen.clear()
    again = pareto_study(CELLS, made, METHODS, 2, 12, out=tmp_path, progress=lambda _, n: seen.append(n))
    assert same(again, small) and sum(seen) == 48  # what was found counts as done
    larger = pareto_study(CELLS, made, METHODS, 3, 16, out=tmp_path)
    fresh = pareto_study(CELLS, made, METHODS, 3, 16)
    assert same(larger, fresh) and len(fresh) == 2 * 3 * 16
    kept = larger[(larger["evaluation"] <= 12) & (larger["seed"] < 2)].reset_index(drop=True)
    assert kept["row"].tolist() == small["row"].tolist()
    assert same(pd.read_parquet(tmp_path / "trials.parquet"), larger)


@pytest.mark.slow
def test_processes_change_nothing(made: ParetoProblem) -> None:
    alone = pareto_study(CELLS, made, ["random"], 2, 6)
    assert same(pareto_study(CELLS, made, ["random"], 2, 6, workers=2), alone)


def test_columns_of_the_trials(made: ParetoProblem) -> None:
    frame = pareto_study(CELLS, made, ["random"], 1, 20)
    rows = frame["row"].to_numpy()
    assert np.array_equal(frame[["validation", "lat"]].to_numpy(), made.values[rows])
    assert np.array_equal(frame["test"], made.test[rows])
    assert frame["cumulative_cost_s"].iloc[-1] == pytest.approx(made.cost_s[rows].sum())
    share = frame["hypervolume_share"].to_numpy()
    assert (np.diff(share) >= 0).all() and share[-1] == pytest.approx(
        HypervolumeReference.of(made.gains).share(made.gains[rows])
    )
    for at in (1, 7, 20):  # the front over time
        on = (frame["front_from"] <= at) & ~(frame["front_until"] <= at)
        assert np.array_equal(np.flatnonzero(on), np.flatnonzero(non_dominated(made.gains[rows[:at]])))


def test_front_spans() -> None:
    points = np.array([[1.0, 1.0], [0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [2.0, 2.0]])
    joined, left = front_spans(points)
    assert np.array_equal(joined, [1, np.nan, 3, 4, 5], equal_nan=True)
    assert np.array_equal(left, [4, np.nan, 4, np.nan, np.nan], equal_nan=True)


def test_summaries(made: ParetoProblem, tmp_path: Path) -> None:
    frame = pareto_study(CELLS, made, METHODS, 3, 30)
    assert budgets_for(30) == [25, 30] and budgets_for(100) == [25, 50, 100]
    rows = summary_rows(frame, made, budgets_for(30))
    assert [(row["method"], row["evaluations"], row["runs"]) for row in rows] == [
        ("random", 25, 3), ("random", 30, 3), ("ehvi", 25, 3), ("ehvi", 30, 3)
    ]  # fmt: skip
    mine = frame[(frame["method"] == "ehvi") & (frame["evaluation"] == 25)]["hypervolume_share"]
    assert rows[2]["hypervolume_mean"] == pytest.approx(mine.mean())
    assert rows[2]["hypervolume_std"] == pytest.approx(mine.std())
    by_test = np.stack([made.test, -made.values[:, 1]], axis=1)
    shares = []
    for seed in range(3):  # chosen by validation, reported by test
        run = frame[(frame["method"] == "ehvi") & (frame["seed"] == seed) & (frame["evaluation"] <= 25)][
            "row"
        ].to_numpy()
        chosen = run[non_dominated(made.gains[run])]
        shares.append(HypervolumeReference.of(by_test).share(by_test[chosen]))
    assert rows[2]["test_hypervolume_mean"] == pytest.approx(np.mean(shares))
    ends = fronts_frame(frame, made)
    for _, front in ends.groupby(["method", "seed"]):
        assert non_dominated(gains(front[["validation", "lat"]], CRITERIA)).all()
        assert front["validation"].is_monotonic_decreasing
    text = to_markdown(rows, made)
    assert "| ehvi |" in text and "By test accuracy" in text and "reference point validation" in text
    write_tables(frame, made, rows, tmp_path)
    assert len(pd.read_csv(tmp_path / "table.csv")) == len(pd.read_parquet(tmp_path / "table.parquet")) == 4


def test_bad_input(made: ParetoProblem, tmp_path: Path) -> None:
    assert "fit 59 embedded" in error_of(
        lambda: pareto_search(CELLS.subset(range(59)), made, "random", seed=0, budget=3)
    )
    assert "between 1 and the 60" in error_of(lambda: pareto_search(CELLS, made, "random", seed=0, budget=61))
    assert "at least 1 architecture" in error_of(
        lambda: pareto_search(CELLS, made, "random", seed=0, budget=6, batch=0)
    )
    assert "at least one method" in error_of(lambda: pareto_study(CELLS, made, [], 1, 3))
    pareto_study(CELLS, made, ["random"], 1, 3, out=tmp_path)
    assert "batch 1, not 2" in error_of(lambda: pareto_study(CELLS, made, ["random"], 1, 3, out=tmp_path, batch=2))
    file = tmp_path / "runs" / "random--seed-0.json"
    whole = read_json(file)
    changes: list[dict[str, Any]] = [
        {"kind": "other"}, {"seed": 4}, {"trials": whole["trials"][:2]}, {"trials": 3}, {"state": {}}
    ]  # fmt: skip
    for change in changes:
        file.write_text(json.dumps(whole | change))
        line = error_of(lambda: pareto_study(CELLS, made, ["random"], 1, 5, out=tmp_path))
        assert str(file) in line
    other = ParetoProblem(
        made.name, made.criteria, made.units, made.values + 1, made.test, made.cost_s, made.known, made.description
    )
    file.write_text(json.dumps(whole))
    assert "the numbers in the objective's table have changed since" in error_of(
        lambda: pareto_study(CELLS, other, ["random"], 1, 5, out=tmp_path)
    )
    # Unless that is accepted: what was measured stays, what follows is of the other numbers, and the study says so.
    before = pareto_study(CELLS, made, ["random"], 1, 3, out=tmp_path)
    after = pareto_study(CELLS, other, ["random"], 1, 5, out=tmp_path, accept_changes=True)
    names = [criterion.column for criterion in made.criteria]
    np.testing.assert_array_equal(after[names].to_numpy()[:3], before[names].to_numpy())
    np.testing.assert_array_equal(after[names].to_numpy()[3:], other.values[after["row"].to_numpy()[3:]])
    assert [change["what"] for change in read_json(tmp_path / "pareto.json")["changes"]] == [
        "the numbers in the objective's table"
    ]
    again = pareto_study(CELLS, other, ["random"], 1, 5, out=tmp_path, accept_changes=True)
    assert again["row"].tolist() == after["row"].tolist()


class TestCommand:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        path = tmp_path / "embedding.safetensors"
        CELLS.save(path)
        return path

    def call(self, source: Path, *arguments: object) -> list[str]:
        words = ["pareto", source, "--runs", 2, "--budget", 10, "--method", "random,ehvi", *arguments]
        return [str(word) for word in words]

    @pytest.fixture
    def spec(self, tmp_path: Path) -> str:
        made = columns()
        cells = pd.DataFrame({"architecture": CELLS.architectures})
        for name, source in (("val", "validation_12"), ("tst", "test_200"), ("ms", "lat"), ("bytes", "size")):
            cells[name] = made[source][1]
        cells.to_csv(tmp_path / "mine.csv", index=False)
        return f"table:{tmp_path / 'mine.csv'}?validation=val&test=tst&partial=true"

    def test_tables_figures_and_json(
        self, source: Path, spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "study"
        command = self.call(source, "--objective", spec, "--against", "latency:ms", "--out", out)
        assert main(command) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert "share of the best possible hypervolume" in shown and "│ ehvi │" in shown
        figures = {name: (out / name).read_bytes() for name in ("fronts.png", "hypervolume.png")}
        assert main([*command, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert [row["method"] for row in document["rows"]] == METHODS
        assert document["criteria"][1] == {"column": "ms", "maximise": False, "known": False}
        assert {entry["seed"] for entry in document["fronts"]} == {0, 1}
        assert figures == {name: (out / name).read_bytes() for name in figures}
        names = {"pareto.json", "asked.json", "trials.parquet", "table.md", "table.csv", "table.parquet", "fronts.csv"}
        assert names <= {path.name for path in out.iterdir()}
        assert (
            main(self.call(source, "--objective", spec, "--against", "latency:ms", "--known", "all", "--out", out)) == 2
        )
        assert "known" in capsys.readouterr().err

    def test_three_criteria_have_a_figure_each(self, source: Path, spec: str, tmp_path: Path) -> None:
        pytest.importorskip("moocore")
        out = tmp_path / "study"
        words = ("--objective", spec, "--against", "min:ms,max:bytes", "--method", "random", "--out", out)
        assert main(self.call(source, *words)) == 0
        assert (out / "fronts-ms.png").exists() and (out / "fronts-bytes.png").exists()

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("--against", "latency:none"), "none"),
            (("--against", "speed"), "unknown criterion 'speed'"),
            (("--against", "latency:ms", "--method", "bo"), "unknown multi-objective method 'bo'"),
            (("--against", "latency:ms", "--known", "tst"), "none of the criteria"),
            (("--against", "latency:ms", "--budget", "0"), "between 1 and"),
            (("--against", "max:tst"), "own accuracy"),
        ],
    )
    def test_bad_input_is_one_line(
        self, source: Path, spec: str, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(self.call(source, "--objective", spec, *words)) == 2
        line = capsys.readouterr().err
        assert told in line and line.count("\n") == 1


def test_a_figure_needs_a_front(tmp_path: Path) -> None:
    empty = np.empty((0, 2))
    with pytest.raises(InputError, match="no front"):
        draw_fronts(empty, empty, {}, tmp_path / "a.png", labels=["a", "b"])
    with pytest.raises(InputError, match="png"):
        draw_fronts(empty, empty, {}, tmp_path / "a.gif", labels=["a", "b"])
    draw_fronts(np.ones((2, 2)), np.ones((1, 2)), {"m": empty}, tmp_path / "a.svg", labels=["$", "b"], maximise=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.svg"]
