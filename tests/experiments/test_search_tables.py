"""The paper's search tables and ``compare``, end to end through the command line, on small tables of results."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from arch2vec.cli import main
from arch2vec.embedding import Embedding
from arch2vec.experiments import search_report
from arch2vec.experiments.published import published_rows
from arch2vec.experiments.search_settings import EXPERIMENTS, LABELS, order
from arch2vec.objectives import resolve_objective
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.searching import METHODS
from arch2vec.studies import Budget, Trajectories, run_study
from made_tables import CELLS, SPACE, made_columns, write_table

CIFAR10 = "nasbench201-cifar10"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("made") / "made.parquet", made_columns()).path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedding of the table's 60 cells and 40 others."""
    others = SPACE.format(SPACE.sample(60, np.random.default_rng(3)))
    graphs = SPACE.parse(list(dict.fromkeys([*CELLS, *others]))[:100])
    path = tmp_path_factory.mktemp("embedding") / "embedding.parquet"
    Embedding(SPACE, graphs, graphs.one_hot(7)[:, 1:-1].reshape(len(graphs), -1)).save(path)
    return path


def command(source: Path, table: Path, out: Path, *more: object) -> list[str]:
    fixed = ["experiment", "nasbench201-search", source, "--objectives", "cifar10", "--data", table, "--out", out]
    return [str(part) for part in (*fixed, "--methods", "random,local-search,evolution", *more)]


class TestExperiment:
    def test_tables_and_figures(
        self, source: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        more = ("--runs", 6, "--runs-of", "evolution=3", "--budget", 30)
        assert main([*command(source, table, tmp_path, *more), "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["rows"]
        assert [(row["method"], row["budget"]) for row in rows] == [
            (method, f"{budget} evaluations")
            for budget in (25, 30)
            for method in ("random", "local-search", "evolution")
        ]
        assert [row["runs"] for row in rows] == [6, 6, 3] * 2
        assert rows[0]["published"] == {}
        assert rows[3]["published"] == {
            "label": "random search", "budget": "12,000 s", "runs": 500,
            "validation_mean": 90.94, "validation_std": 0.38, "test_mean": 93.75, "test_std": 0.37,
        }  # fmt: skip
        self.check_against_the_trajectories(rows, table, tmp_path / CIFAR10)

        text = (tmp_path / "tables.md").read_text()
        assert "| random search |" in text and "*published*: random search, 12,000 s" in text
        assert text.count("*published*") == 1 + 6  # in the introduction, and the paper's six rows
        assert set(pd.read_parquet(tmp_path / "table.parquet")["budget"]) == {"25 evaluations", "30 evaluations"}
        assert len(pd.read_csv(tmp_path / "table.csv")) == len(rows)
        assert len(pd.read_csv(tmp_path / "comparisons.csv")) == 3
        leads = pd.read_csv(tmp_path / "leads.csv")
        assert len(leads) == 3 * 6 * 2
        assert (leads["p_holm"] >= leads["p"]).all()
        for figure in ("regret-evaluations", "regret-seconds", "distribution", "budgets"):
            for suffix in ("png", "svg"):
                assert (tmp_path / f"{CIFAR10}-{figure}.{suffix}").stat().st_size > 10_000

    @staticmethod
    def check_against_the_trajectories(rows: list[dict[str, Any]], table: Path, study: Path) -> None:
        """The signal is of 12 epochs, the reported validation of 200, and the choice by the signal alone."""
        values = {name: column for name, (_, column) in made_columns().items()}
        signals = dict(zip(CELLS, values["validation_12"], strict=True))
        reported = dict(zip(CELLS, values["validation_200"], strict=True))
        tests = dict(zip(CELLS, values["test_200"], strict=True))
        frame = Trajectories.read(study / "trajectories.parquet").frame()
        for row in rows:
            at = int(row["budget"].split()[0])
            part = frame[(frame.method == row["method"]) & (frame.evaluation <= at)]
            best = [max(run.architecture, key=signals.__getitem__) for _, run in part.groupby("seed")]
            assert row["signal_mean"] == pytest.approx(np.mean([signals[cell] for cell in best]))
            assert row["validation_mean"] == pytest.approx(np.mean([reported[cell] for cell in best]))
            assert row["test_mean"] == pytest.approx(np.mean([tests[cell] for cell in best]))
            assert row["optimum_share"] == np.mean([signals[cell] == max(signals.values()) for cell in best])
        objective = resolve_objective(f"nasbench201?data={table}")
        assert {objective.name} == set(frame.objective)

    @pytest.mark.slow
    def test_more_runs_add_to_those_there_are(
        self, source: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(command(source, table, tmp_path, "--runs", 2, "--budget", 10)) == 0
        first = Trajectories.read(tmp_path / CIFAR10 / "trajectories.parquet").frame()
        assert main(command(source, table, tmp_path, "--runs", 4, "--budget", 10)) == 0
        more = Trajectories.read(tmp_path / CIFAR10 / "trajectories.parquet").frame()
        assert len(first) == 60 and len(more) == 120
        kept = more[more.seed < 2].sort_values(["method", "seed", "evaluation"])
        assert kept["method_s"].tolist() == first.sort_values(["method", "seed", "evaluation"])["method_s"].tolist()
        printed = capsys.readouterr().out
        assert "published:" in printed and "94.18" in printed
        assert main(command(source, table, tmp_path, "--runs", 2, "--budget", 11)) == 2
        assert "budget 10, not 11" in capsys.readouterr().err

    @pytest.mark.slow
    def test_killed_and_resumed(self, source: Path, table: Path, tmp_path: Path) -> None:
        """Killed with the signal that nothing can catch once a block is finished, again and again."""
        arguments = command(source, table, tmp_path, "--runs", 80, "--budget", 40)
        kills = 0
        for _ in range(2):
            process = subprocess.Popen([sys.executable, "-m", "arch2vec", *arguments], stderr=subprocess.DEVNULL)
            before = blocks(tmp_path)
            while process.poll() is None and blocks(tmp_path) == before:
                time.sleep(0.002)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
            process.wait()
        assert kills
        assert main(arguments) == 0
        objective = resolve_objective(f"nasbench201?data={table}")
        assert isinstance(objective, LookupObjective)
        embedding = objective.restrict(Embedding.load(source))
        whole = run_study(embedding, objective, ["random", "local-search", "evolution"], 80, Budget(40))
        columns = ["method", "seed", "evaluation", "architecture", "validation", "test", "cost_s"]
        texts = {"method": str, "architecture": str}
        killed = Trajectories.read(tmp_path / CIFAR10 / "trajectories.parquet")
        pd.testing.assert_frame_equal(
            killed.frame()[columns].astype(texts).sort_values(columns[:3], ignore_index=True),
            whole.frame()[columns].astype(texts).sort_values(columns[:3], ignore_index=True),
        )
        assert not (tmp_path / CIFAR10 / "blocks").exists()

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            (("--methods", "x"), "unknown search method 'x'"),
            (("--runs", "0"), "at least 1 run"),
            (("--runs-of", "bo=2"), "none of the methods that are run"),
            (("--runs-of", "random=x"), "NAME=NUMBER"),
            (("--budget", "0"), "at least 1 evaluation"),
            (
                ("--objectives", "svhn"),
                "no objective 'svhn'; it has cifar10, cifar100, imagenet16-120, cifar10&signal=200",
            ),
            (("--data", "nothing.parquet"), "nothing.parquet"),
        ],
    )
    def test_refuses(
        self, source: Path, table: Path, tmp_path: Path, more: tuple[str, str], says: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        assert main([*command(source, table, tmp_path), *more]) == 2
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1

    def test_published_results_of_nasbench201(
        self, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Random search on all three data sets, at the paper's budgets: its published means within their error."""
        monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
        monkeypatch.setattr(search_report, "draw", lambda *_: None)  # figures are another test's, and take most of it
        graphs = SPACE.enumerate()
        Embedding(SPACE, graphs, np.zeros((len(graphs), 1), dtype=np.float32)).save(tmp_path / "all.safetensors")
        out = tmp_path / "out"
        arguments = [
            "nasbench201-search",
            tmp_path / "all.safetensors",
            "--out",
            out,
            "--methods",
            "random",
            "--runs",
            30,
        ]
        assert main(["experiment", *map(str, arguments), "--json"]) == 0
        rows = [row for row in json.loads(capsys.readouterr().out)["rows"] if row["published"]]
        assert [row["objective"] for row in rows] == [CIFAR10, "nasbench201-cifar100", "nasbench201-imagenet16-120"]
        for row in rows:
            known = row["published"]
            assert 80 < row["evaluations"] < 140 and row["complete"]
            for name in ("validation", "test"):
                error = (row[f"{name}_std"] ** 2 / 30 + known[f"{name}_std"] ** 2 / 500) ** 0.5
                assert abs(row[f"{name}_mean"] - known[f"{name}_mean"]) < 4 * error + 0.1, row


def blocks(out: Path) -> int:
    return len(list((out / CIFAR10 / "blocks").glob("[!.]*.parquet")))


def test_every_method_has_a_name_in_the_tables_and_published_rows_name_real_ones() -> None:
    assert set(METHODS) <= set(LABELS)
    assert order({"new": 1, "bo": 2, "random": 3}) == ["random", "bo", "new"]
    for settings in EXPERIMENTS.values():
        for setting in settings:
            name = setting.spec.replace("?dataset=", "-").partition("?")[0]
            for row in published_rows(name):
                assert set(row.methods) <= set(METHODS)
    assert [len(published_rows(name)) for name in (CIFAR10, "nasbench101", "nasbench101-measured")] == [6, 10, 0]
    best = published_rows("nasbench201-imagenet16-120")[-1]
    assert (best.label, best.validation, best.test) == ("arch2vec-BO", (46.34, 0.18), (46.27, 0.37))


class TestCompare:
    def test_several_objectives_and_budgets(
        self, source: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        objectives = [f"nasbench201?data={table}", f"nasbench201?data={table}&signal=200"]
        arguments = [
            "compare", str(source), "--objective", objectives[0], "--objective", objectives[1],
            "--methods", "random,local-search", "--runs", "4", "--budgets", "5,20", "--out", str(tmp_path),
        ]  # fmt: skip
        assert main([*arguments, "--json"]) == 0
        captured = capsys.readouterr()
        rows = json.loads(captured.out)["rows"]
        assert "40 of 100 architectures are left out" in captured.err
        assert [row["objective"] for row in rows] == [CIFAR10] * 4 + [f"{CIFAR10}-200epochs"] * 4
        assert [row["budget"] for row in rows[:4]] == ["5 evaluations"] * 2 + ["20 evaluations"] * 2
        assert all(row["validation_low"] <= row["validation_mean"] <= row["validation_high"] for row in rows)
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {
            "asked.json", "comparison.json", "trajectories.parquet", "table.csv",
            f"figure-{CIFAR10}.png", f"figure-{CIFAR10}-200epochs.png",
            f"figure-{CIFAR10}.svg", f"figure-{CIFAR10}-200epochs.svg",
        }  # fmt: skip
        assert main(arguments) == 0
        assert "Methods on the same seeds" in capsys.readouterr().out

    @pytest.mark.slow
    def test_workers_change_nothing(self, source: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ["compare", str(source), "--objective", f"nasbench201?data={table}", "--methods", "random"]
        answers = []
        for workers in ("1", "2"):
            assert main([*arguments, "--runs", "3", "--max-cost", "1000", "--workers", workers, "--json"]) == 0
            (row,) = json.loads(capsys.readouterr().out)["rows"]
            answers.append({name: value for name, value in row.items() if name != "seconds_per_run"})
        assert answers[0] == answers[1]
        assert answers[0]["budget"] == "1,000 s"

    @pytest.mark.parametrize(
        ("more", "says"),
        [
            (("--budgets", "5,x"), "--budgets takes whole numbers"),
            (("--budgets", "50", "--budget", "20"), "--budgets names more evaluations than a run's 20"),
            (("--budgets", "0"), "at least 1 evaluation"),
            (("--workers", "0"), "at least 1 worker"),
        ],
    )
    def test_refuses(
        self, source: Path, table: Path, more: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        objective = f"nasbench201?data={table}"
        assert main(["compare", str(source), "--objective", objective, "--methods", "random", *more]) == 2
        assert says in capsys.readouterr().err
