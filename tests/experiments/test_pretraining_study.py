from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from arch2vec.cli.main import main
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError
from arch2vec.experiments.pretraining import ROWS, SETTINGS, plan
from arch2vec.experiments.pretraining_table import METRICS, PUBLISHED, tabulate, to_markdown, to_rows
from arch2vec.pretraining import quality

SMALL = ["--spaces", "nasbench201,darts", "--models", "vgae:release,arch2vec:paper", "--epochs", "1", "--sample", "150"]


def _complaint(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def _record(seed: int, **changes: object) -> dict[str, object]:
    row = {"space": "nasbench201", "model": "gae", "protocol": "release", "seed": seed, "seconds": 1.0}
    return {**row, **dict.fromkeys(METRICS, 50.0 + seed), **changes}


def test_the_plan_is_the_papers() -> None:
    runs = plan(list(SETTINGS), ROWS, [0])
    assert len(runs) == 15
    by_space = {run.space: run for run in runs}
    assert [(name, run.config.epochs, run.config.sample) for name, run in by_space.items()] == [
        ("nasbench101", 8, None),
        ("nasbench201", 10, None),
        ("darts", 10, 600_000),
    ]
    assert by_space["darts"].reference == "darts?max_macs=600000000"
    assert {run.config.batch_size for run in runs} == {32}
    assert len({run.folder for run in runs}) == len(runs)


def test_every_model_and_space_has_its_published_figures() -> None:
    assert set(PUBLISHED) == {(model, space) for model, _ in ROWS for space in SETTINGS}


@pytest.mark.parametrize(
    ("spaces", "rows", "message"),
    [
        (["nasbench"], [("gae", "paper")], "unknown search space of the study 'nasbench'"),
        (["darts"], [("gea", "paper")], "unknown model 'gea'"),
        (["darts"], [("gae", "papers")], "unknown protocol 'papers'"),
        ([], [("gae", "paper")], "at least one search space"),
    ],
)
def test_a_plan_of_unknown_things_is_refused(spaces: list[str], rows: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(spaces, rows, [0])


def test_the_table_has_means_deviations_and_the_published_figures() -> None:
    frame = pd.DataFrame([_record(0), _record(2), _record(4), _record(0, model="vgae")])
    table = tabulate(frame)
    gae, vgae = table.to_dict("records")
    assert (gae["runs"], gae["validity_mean"], gae["validity_std"]) == (3, 52.0, 2.0)
    assert (gae["published_reconstruction"], gae["published_validity"], gae["published_uniqueness"]) == (
        99.52,
        79.28,
        78.42,
    )
    assert math.isnan(vgae["validity_std"])
    text = to_markdown(table)
    assert "| gae | release | 3 | 52.00 ± 2.00 |" in text
    assert "| vgae | release | 1 | 50.00 |" in text
    assert "| vgae | published | | 98.32 | | | 79.30 | 88.42 | | | | |" in text
    assert to_rows(table)[0]["published"] == {"reconstruction": 99.52, "validity": 79.28, "uniqueness": 78.42}


def test_the_study_runs_resumes_and_leaves_usable_encoders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "distance_correlation", partial(quality.distance_correlation, pairs=60))
    command = ["experiment", "pretraining", "--out", str(tmp_path), *SMALL, "--runs", "2", "--json"]
    assert main(command) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["space"], row["model"], row["protocol"], row["runs"]) for row in rows] == [
        ("nasbench201", "vgae", "release", 2),
        ("nasbench201", "arch2vec", "paper", 2),
        ("darts", "vgae", "release", 2),
        ("darts", "arch2vec", "paper", 2),
    ]
    assert all(0 <= row["operations_mean"] <= 100 and -1 <= row["correlation_walk_mean"] <= 1 for row in rows)
    runs = pd.read_parquet(tmp_path / "runs.parquet")
    assert len(runs) == 8
    pd.testing.assert_frame_equal(
        runs[list(METRICS)], pd.read_csv(tmp_path / "runs.csv")[list(METRICS)], rtol=1e-5, check_dtype=False
    )
    encoder = Encoder.load(tmp_path / "darts" / "arch2vec-paper" / "seed-1" / "encoder.safetensors")
    assert encoder.space.reference == "darts?max_macs=600000000"

    written = (tmp_path / "table.md").read_text()
    kept = (tmp_path / "darts" / "arch2vec-paper" / "seed-1" / "record.json").stat().st_mtime_ns
    assert main(command) == 0
    assert (tmp_path / "table.md").read_text() == written
    assert (tmp_path / "darts" / "arch2vec-paper" / "seed-1" / "record.json").stat().st_mtime_ns == kept


@pytest.mark.slow
def test_two_workers_measure_what_one_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["experiment", "pretraining", "--spaces", "nasbench201", "--models", "gae:paper,arch2vec:paper"]
    command += ["--epochs", "1", "--sample", "100"]
    for workers in ("1", "2"):
        assert main([*command, "--out", str(tmp_path / workers), "--workers", workers]) == 0
    capsys.readouterr()
    one, two = (pd.read_parquet(tmp_path / workers / "runs.parquet") for workers in ("1", "2"))
    pd.testing.assert_frame_equal(one[list(METRICS)], two[list(METRICS)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "arch2vec"], "model:protocol pairs"),
        (["--runs", "0"], "at least 1 run"),
        (["--workers", "0"], "at least 1 worker"),
        (["--batch-size", "0"], "batch_size must be at least 1"),
    ],
)
def test_bad_arguments_get_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["experiment", "pretraining", "--out", str(tmp_path / "out"), *SMALL, *arguments]) == 2
    assert message in _complaint(capsys)
    assert not (tmp_path / "out" / "runs.csv").exists()


def test_a_folder_with_another_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["experiment", "pretraining", "--out", str(tmp_path), "--spaces", "nasbench201"]
    command += ["--models", "gae:paper", "--sample", "100", "--epochs"]
    assert main([*command, "2"]) == 0
    capsys.readouterr()
    assert main([*command, "1"]) == 2
    assert "epochs" in _complaint(capsys)


def test_runs_with_more_epochs_go_on_and_are_measured_again(tmp_path: Path) -> None:
    command = ["experiment", "pretraining", "--out", str(tmp_path), "--spaces", "nasbench201"]
    command += ["--models", "gae:paper", "--sample", "100", "--epochs"]
    assert main([*command, "1"]) == 0
    before = pd.read_csv(tmp_path / "runs.csv")
    assert main([*command, "2"]) == 0
    after = pd.read_csv(tmp_path / "runs.csv")
    assert before["epochs"].tolist() == [1] and after["epochs"].tolist() == [2]
    assert before["operations"].tolist() != after["operations"].tolist()
