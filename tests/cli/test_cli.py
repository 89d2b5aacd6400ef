"""Each main job, end to end through the real command line."""

from __future__ import annotations

import json
import os
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
from arch2vec.spaces import NASBench201

ARCHITECTURE = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A representation after one epoch: poor, and made in seconds."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["pretrain", "nasbench201", "--epochs", "1", "--batch-size", "256", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of all architectures with made-up but smooth accuracies."""
    space = NASBench201()
    graphs = space.enumerate()
    worth = np.array([0.0, 4, 6, 1, 3, -5, 0])[graphs.ops].sum(1)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"architecture": space.format(graphs)})
    frame["val"] = 60 + worth + rng.normal(0, 0.5, len(frame))
    frame["test"] = frame["val"] + rng.normal(0, 0.2, len(frame))
    frame["seconds"] = 100.0
    path = tmp_path_factory.mktemp("tables") / "table.csv"
    frame.to_csv(path, index=False)
    return path


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """What a command prints with ``--json``."""
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line with which a command refuses its input."""
    try:
        code = main([*map(str, arguments)])
    except SystemExit as stop:  # argparse
        code = int(str(stop.code))
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def test_help_answers_at_once_and_without_pytorch() -> None:
    code = "import sys; from arch2vec.cli.main import build_parser; build_parser().format_help(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "numpy", "sklearn", "matplotlib"} & set(modules)


def test_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    spaces = {space["name"]: space for space in answer(capsys, "spaces")["spaces"]}
    assert spaces["nasbench201"]["size"] == 15_625
    assert spaces["nasbench201"]["vertices"] == 8
    assert spaces["nasbench101"]["size"] == 423_624


def test_pretrain_again_loads_and_evaluate_agrees(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("pretrain", "nasbench201", "--epochs", 1, "--batch-size", 256, "--out", run)
    first = answer(capsys, *command)
    assert set(first) >= {"reconstruction", "validity", "strict_validity", "uniqueness", "novelty", "seconds"}
    again = answer(capsys, "evaluate", run)
    assert again["reconstruction"] == first["reconstruction"]
    assert again["validity"] == first["validity"]
    assert all(0 <= share <= 1 for share in again["reconstruction"].values())


def test_embed_and_nearest(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("vectors.parquet", "vectors.safetensors"):
        made = answer(capsys, "embed", run, "--out", tmp_path / name)
        assert (made["architectures"], made["dimensions"]) == (15_625, 16)
    frame = pd.read_parquet(tmp_path / "vectors.parquet")
    assert list(frame.columns) == ["architecture", *(f"v{i}" for i in range(16))]
    found = answer(capsys, "nearest", run, ARCHITECTURE, "-k", 3)["nearest"]
    assert found[0] == {"architecture": ARCHITECTURE, "distance": 0.0}
    vectors = frame.set_index("architecture")
    distance = np.linalg.norm(vectors.loc[ARCHITECTURE] - vectors.loc[found[2]["architecture"]])
    assert found[2]["distance"] == pytest.approx(distance, abs=1e-4)


def test_a_sample_that_no_memory_holds_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, way in (("embed", "--pool"), ("pretrain", "--stream")):
        assert main([command, "darts", "--sample", str(10**12), "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err
        assert "1,000,000,000,000 architectures of darts need" in said and way in said


def test_a_sample_of_a_space_too_large_to_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--sample" in complaint(capsys, "pretrain", "darts", "--out", tmp_path / "all")
    run = tmp_path / "run"
    command = ("pretrain", "darts", "--sample", 3000, "--epochs", 1, "--batch-size", 256, "--out", run)
    first = answer(capsys, *command)
    assert answer(capsys, "evaluate", run)["reconstruction"] == first["reconstruction"]
    assert answer(capsys, "embed", run)["architectures"] == 3000
    assert answer(capsys, "embed", run, "--sample", 500, "--seed", 1)["architectures"] == 500


@pytest.mark.parametrize("method", ["bo"])
def test_search_resumes(
    run: Path, table: Path, tmp_path: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    objective = f"table:{table}?validation=val&test=test&cost=seconds"
    common = ("search", run, "--objective", objective, "--method", method, "--seed", 3)
    whole = answer(capsys, *common, "--budget", 25)
    assert whole["evaluations"] == 25
    assert whole["cost_s"] == 2500
    answer(capsys, *common, "--budget", 18, "--out", tmp_path)
    assert answer(capsys, *common, "--budget", 25, "--out", tmp_path) == whole
    frame = pd.read_csv(table).set_index("architecture")
    best = whole["best"]
    assert best["validation"] == pytest.approx(frame.loc[best["architecture"], "val"])
    assert best["test"] == pytest.approx(frame.loc[best["architecture"], "test"])


def test_a_study_is_of_one_setting(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ("search", run, "--method", "random", "--budget", 1, "--out", tmp_path)
    answer(capsys, *common, "--objective", "digits?epochs=1")
    assert "after 2 epochs" in complaint(capsys, *common, "--objective", "digits?epochs=2")


def test_compare(run: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = answer(
        capsys, "compare", run, "--objective", f"table:{table}?validation=val&test=test", "--methods", "random,bo",
        "--runs", 3, "--budget", 40, "--out", tmp_path,
    )["rows"]  # fmt: skip
    assert [row["method"] for row in rows] == ["random", "bo"]
    assert all(row["runs"] == 3 and row["evaluations"] == 40 for row in rows)
    assert rows[1]["validation_mean"] > rows[0]["validation_mean"]
    frame = pd.read_parquet(tmp_path / "trajectories.parquet")
    assert len(frame) == 2 * 3 * 40
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_a_python_function_as_objective(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("def worth(architecture):\n    return 10.0 * architecture.count('3x3')\n")
    found = answer(
        capsys, "search", run, "--objective", f"python:{tmp_path}/mine.py:worth", "--method", "random", "--budget", 30
    )
    assert found["best"]["validation"] == 10.0 * found["best"]["architecture"].count("3x3")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("pretrain", "nasbench999", "--out", "OUT"), "unknown search space 'nasbench999'"),
        (("pretrain", "nasbench201", "--out", "OUT", "--model", "x"), "unknown model 'x'"),
        (("pretrain", "nasbench201", "--out", "OUT", "--protocol", "x"), "unknown protocol 'x'"),
        (("pretrain", "nasbench201", "--out", "OUT", "--epochs", "0"), "epochs must be at least 1"),
        (("pretrain", "nasbench201", "--out", "OUT", "--sample", "20000"), "cannot sample 20,000"),
        (("pretrain", "nasbench201", "--out", "OUT", "--epochs", "two"), "invalid int value: 'two'"),
        (("pretrain", "nasbench201", "--out", "OUT", "--epoch", "2"), "unrecognized arguments: --epoch"),
        (("pretrain", "nasbench201", "--out", "FILE/run"), "cannot write to the output folder"),
        (("pretrain", "nasbench201"), "--out"),
        (("serve",), "invalid choice: 'serve'"),
        (("evaluate", "OUT"), "no run in"),
        (("nearest", "RUN", "|conv~0|"), "not a nasbench201 architecture: '|conv~0|'"),
        (("nearest", "RUN", ARCHITECTURE, "-k", "0"), "k must be between 1 and 15,625"),
        (("search", "RUN", "--objective", "TABLE", "--method", "x"), "unknown search method 'x'"),
        (("search", "RUN", "--objective", "cifar"), "cifar"),
        (("search", "RUN", "--objective", "TABLE&test=tset"), "tset"),
        (("search", "RUN", "--objective", "TABLE", "--budget", "0"), "budget"),
        (("search", "RUN", "--objective", "TABLE", "--budget", "20000"), "20,000"),
        (("search", "RUN", "--objective", "TABLE", "--out", "FILE"), "cannot write to the output folder"),
        (("embed", "RUN", "--out", "FILE/v.parquet"), "cannot write"),
    ],
)
def test_bad_input_is_answered_in_one_line(
    run: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "file").write_text("")
    places = {"RUN": str(run), "OUT": str(tmp_path / "out"), "FILE": str(tmp_path / "file")}

    def fill(text: str) -> str:
        if text.startswith("TABLE"):
            return f"table:{table}?validation=val" + text.removeprefix("TABLE")
        first, _, rest = text.partition("/")
        return places.get(first, first) + ("/" + rest if rest else "")

    assert says in complaint(capsys, *(argument if "~" in argument else fill(argument) for argument in arguments))
    assert not (tmp_path / "out" / "config.json").exists()


@pytest.mark.parametrize("damage", ["duplicate", "missing", "nan"])
def test_unusable_tables(
    run: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    frame = pd.read_csv(table)
    if damage == "duplicate":
        frame = pd.concat([frame, frame.iloc[[7]]])
    elif damage == "missing":
        frame = frame.drop(index=[7])
    else:
        frame.loc[7, "val"] = np.nan
    path = tmp_path / "broken.csv"
    frame.to_csv(path, index=False)
    says = complaint(capsys, "search", run, "--objective", f"table:{path}?validation=val")
    assert "broken.csv" in says
    assert str(pd.read_csv(table)["architecture"][7]) in says


def test_a_run_that_is_not_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert "is not finished" in complaint(capsys, "evaluate", tmp_path)


@pytest.mark.slow
def test_pretraining_survives_being_killed(tmp_path: Path) -> None:
    """SIGKILL in the middle of training; the same command then ends as if nothing had happened."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "arch2vec", "pretrain", "nasbench201", "--sample", "2000", "--epochs", "3"]
    subprocess.run([*command, "--out", tmp_path / "whole"], env=environment, check=True, capture_output=True)
    cut = subprocess.Popen([*command, "--out", tmp_path / "cut"], env=environment, stdout=subprocess.DEVNULL)
    checkpoint = tmp_path / "cut" / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    cut.send_signal(signal.SIGKILL)
    assert cut.wait() == -signal.SIGKILL
    assert not (tmp_path / "cut" / "encoder.safetensors").exists()
    subprocess.run([*command, "--out", tmp_path / "cut"], env=environment, check=True, capture_output=True)
    from arch2vec.common.storage import read_arrays

    encoders = [read_arrays(tmp_path / name / "encoder.safetensors")[0] for name in ("whole", "cut")]
    assert encoders[0].keys() == encoders[1].keys()
    assert all(np.array_equal(encoders[0][name], encoders[1][name]) for name in encoders[0])
