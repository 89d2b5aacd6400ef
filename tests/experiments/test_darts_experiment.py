"""The DARTS experiment end to end on the digits, interrupted and not, and its table."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from arch2vec.cli.main import main
from arch2vec.experiments.darts import run_experiment
from arch2vec.experiments.darts_settings import DartsSettings
from arch2vec.experiments.darts_table import PUBLISHED, figure, to_markdown
from one_line import error_of

SMALL = DartsSettings(
    data="digits",
    limit=110,
    sample=60,
    pretrain_epochs=1,
    budget=2,
    inner_epochs=1,
    final_epochs=2,
    final_seeds=1,
    layers=3,
    channels=2,
)
COMMAND = [
    "--data",
    "digits",
    "--limit",
    "110",
    "--sample",
    "60",
    "--epochs",
    "1",
    "--budget",
    "2",
    "--inner-epochs",
    "1",
]
COMMAND += ["--final-epochs", "2", "--seeds", "2", "--layers", "3", "--channels", "2"]


class KilledError(Exception):
    """Raised by the experiment's note to interrupt it."""


def interrupted(after: int) -> Callable[[str, int, int, str], None]:
    calls = 0

    def stop(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise KilledError

    return stop


def without_seconds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What must be the same whenever the experiment is run. A deviation that is not known is None."""
    return [
        {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in row.items()
            if "seconds" not in key
        }
        for row in rows
    ]


@pytest.mark.slow
def test_it_runs_end_to_end_and_interruptions_leave_no_trace(tmp_path: Path) -> None:
    settings = replace(SMALL, published=("ARCH2VEC_BO",))
    steps: list[str] = []
    rows = run_experiment(settings, tmp_path / "whole", lambda step, *_: steps.append(step))
    assert list(dict.fromkeys(steps)) == [
        "pre-training",
        "search by arch2vec-rl",
        "final training of arch2vec-rl",
        "search by bo",
        "final training of bo",
        "final training of ARCH2VEC_BO",
    ]
    for after in (1, 6):  # in the first search, and in the second epoch of a final training
        with pytest.raises(KilledError):
            run_experiment(settings, tmp_path / "torn", interrupted(after))
    again = run_experiment(settings, tmp_path / "torn")
    assert without_seconds(again) == without_seconds(rows)

    assert [(row["name"], row["runs"], row["failed_runs"]) for row in rows] == [
        ("arch2vec-rl", 1, 0),
        ("bo", 1, 0),
        ("ARCH2VEC_BO", 1, 0),
    ]
    for row in rows[:2]:
        assert row["evaluations"] == 2
        assert 0 <= row["validation_mean"] <= 100 and 0 <= row["test_mean"] <= row["test_best"] <= 100
    assert rows[1]["published"]["label"] == rows[2]["published"]["label"] == "arch2vec-BO"
    assert rows[2]["method"] == "published cell" and "Genotype" in rows[2]["architecture"]
    for name in ("arch2vec-rl", "bo", "ARCH2VEC_BO"):
        assert (tmp_path / "whole" / "cells" / f"{name}.svg").exists()
        assert len(list((tmp_path / "whole" / "final" / name).glob("*/weights.safetensors"))) == 1
    written = json.loads((tmp_path / "whole" / "results.json").read_text())["rows"]
    assert without_seconds(written) == without_seconds(rows)

    more = run_experiment(replace(SMALL, budget=3), tmp_path / "whole")  # more trainings go on from these
    assert [row["evaluations"] for row in more] == [3, 3]
    assert len(list((tmp_path / "whole" / "trainings").iterdir())) <= 6
    line = error_of(lambda: run_experiment(replace(SMALL, sample=61), tmp_path / "whole"))
    assert "DARTS experiment with sample 60, not 61" in line


def test_the_command_prints_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["experiment", "darts", "--out", str(tmp_path), *COMMAND, "--methods", "random", "--json"]
    assert main(command) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["name"], row["runs"]) for row in rows] == [("random", 2)]
    assert rows[0]["test_std"] >= 0
    assert rows[0]["imagenet_test"] is None
    assert main(command[:-1]) == 0
    printed = capsys.readouterr()
    assert "published on" in printed.out and "results.json" in printed.err
    text = (tmp_path / "table.md").read_text()
    assert "| arch2vec-BO (published) | 5 | 2.56 ± 0.05 | 2.48 | 3.6 |" in text
    assert "ours on digits after 2 epochs" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "imagenet"], "unknown data set of the DARTS experiment 'imagenet'"),
        (["--limit", "1"], "at least 2"),
        (["--methods", "bo,b"], "unknown search method 'b'"),
        (["--channels", "3"], "channels must be even"),
        (["--data", "cifar10", "--data-dir", "nowhere"], "put the file into nowhere"),
        (["--imagenet", "nowhere"], "nowhere/train is no folder of images"),
        (["--budget", "0"], "budget of at least 1"),
        (["--seeds", "0"], "final_seeds of at least 1"),
        (["--methods", ""], "a search or a published genotype"),
        (["--published", "DARTS_V3"], "unknown published genotype 'DARTS_V3'"),
        (["--inner-epochs", "0"], "epochs of at least 1, got 0"),
        (["--seed", "-1"], "seed of at least 0"),
    ],
)
def test_bad_arguments_get_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", "darts", "--out", str(tmp_path / "out"), *COMMAND, *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert not (tmp_path / "out" / "pretraining").exists()


def test_published_figures_and_the_papers_settings() -> None:
    by_label = {line.label: line for line in PUBLISHED}
    assert len(by_label) == 8
    assert (by_label["arch2vec-RL"].error, by_label["arch2vec-BO"].imagenet_error) == (2.65, 25.5)
    paper = DartsSettings()
    search, final, imagenet = (paper.recipe(step) for step in ("search", "final", "imagenet"))
    assert (search.epochs, final.epochs, imagenet.epochs) == (50, 600, 250)
    plan, large = paper.plan("final"), paper.plan("imagenet")
    assert (plan.cells, plan.channels, plan.auxiliary) == (20, 36, True)
    assert (large.data, large.cells, large.channels) == ("imagenet", 14, 48)
    assert (paper.images(0.1).validation, paper.images(0.0).validation) == (0.1, 0.0)


def test_the_table_shows_failures_and_what_is_not_known() -> None:
    row = {
        "name": "bo",
        "objective": "train-cifar10",
        "runs": 3,
        "failed_runs": 1,
        "test_mean": 97.5,
        "test_std": 0.25,
        "test_best": 98.0,
        "parameters": 3_600_000,
        "macs": 575_000_000,
        "evaluations": 100,
        "validation_mean": 93.21,
        "imagenet_test": math.nan,
    }
    text = to_markdown([row], 600)
    assert "| bo | 3 (1 failed) | 2.50 ± 0.25 | 2.00 | 3.6 | 575 | 100, 93.21 | - |" in text
    assert text.count("(published)") == len(PUBLISHED)
    assert [figure(None), figure(math.nan), figure(1.0, math.nan)] == ["-", "-", "1.00"]


@pytest.mark.slow
def test_the_best_is_transferred_to_images_in_folders(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("train/a", "train/b", "val/a", "val/b"):
        (tmp_path / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, size=(40, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    settings = replace(SMALL, methods=("random",), imagenet=str(tmp_path), imagenet_epochs=1, workers=0)
    rows = run_experiment(settings, tmp_path / "out")
    assert rows[0]["imagenet_test"] in [100 * right / 6 for right in range(7)]
    assert list((tmp_path / "out" / "imagenet" / "random").glob("*/weights.safetensors"))


@pytest.mark.slow
def test_killed_twice_the_command_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    def start(folder: Path) -> subprocess.Popen[str]:
        code = "import sys; from arch2vec.cli.main import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", code, "experiment", "darts", "--out", str(folder), *COMMAND]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    whole = start(tmp_path / "whole")
    assert whole.communicate() is not None and whole.returncode == 0
    for landmark in ("trainings/*/config.json", "final/*/*/checkpoint.safetensors"):
        process = start(tmp_path / "torn")
        while process.poll() is None and not list((tmp_path / "torn").glob(landmark)):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    resumed = start(tmp_path / "torn")
    assert resumed.communicate() is not None and resumed.returncode == 0
    rows = [json.loads((tmp_path / name / "results.json").read_text())["rows"] for name in ("whole", "torn")]
    assert without_seconds(rows[0]) == without_seconds(rows[1])
