"""The embedded benchmark: its trainings, its table, and what is left when it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arch2vec.benchmarks import load
from arch2vec.cli import main
from arch2vec.errors import InputError
from arch2vec.experiments import digits201
from arch2vec.experiments.digits201 import DigitsTraining, plan
from arch2vec.networks.nasbench201 import NASBench201Network
from arch2vec.networks.weights import count_parameters
from arch2vec.objectives.digits import DigitsConfig, DigitsObjective
from arch2vec.spaces import NASBench201

SPACE = NASBench201()
CONFIG = DigitsConfig(epochs=2, channels=2, cells_per_stage=1, train_images=100)


def test_every_function_is_trained_and_a_tenth_three_times() -> None:
    jobs = plan()
    classes = SPACE.function_classes(SPACE.enumerate())
    by_seed = {seed: [classes[job.row] for job in jobs if job.seed == seed] for seed in digits201.SEEDS}
    assert sorted(by_seed[0]) == sorted(np.unique(classes))
    assert len(by_seed[1]) == len(set(by_seed[1])) == round(len(by_seed[0]) / 10)
    assert by_seed[1] == by_seed[2]
    assert len(jobs) == len({(job.row, job.seed) for job in jobs})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("digits201")
    digits201.run(out, functions=6, config=CONFIG)
    return out


def test_the_table_holds_what_the_objective_measures(made: Path) -> None:
    table = load(made / digits201.TABLE)
    rows = {job.row for job in plan(6)}
    architectures = SPACE.format(SPACE.enumerate())
    for row in rows:
        place = table.architectures.index(architectures[row])
        outcome = DigitsObjective(CONFIG).evaluate(architectures[row])
        assert table.column("validation_2_seed0")[place] == pytest.approx(outcome.validation)
        assert table.column("test_2_seed0")[place] == pytest.approx(outcome.test)
        network = NASBench201Network(architectures[row], CONFIG.skeleton(), None)
        assert table.column("parameters")[place] == count_parameters(network)
        assert table.column("cost_s")[place] > 0


def test_all_architectures_of_a_function_have_its_accuracies(made: Path) -> None:
    table = load(made / digits201.TABLE)
    classes = SPACE.function_classes(SPACE.parse(table.architectures))
    trained = {job.row for job in plan(6)}
    every = SPACE.function_classes(SPACE.enumerate())
    assert len(table) == np.isin(every, every[sorted(trained)]).sum()
    assert table.schema.partial
    for name in ("validation_1_seed0", "test_2_seed0", "cost_s"):
        values = table.column(name)
        for number in np.unique(classes):
            assert len(np.unique(values[classes == number])) == 1
    (repeated,) = [job.row for job in plan(6) if job.seed == 1]
    known = ~np.isnan(table.column("validation_2_seed1"))
    assert set(classes[known]) == {every[repeated]}


def test_stopped_and_resumed_it_ends_the_same(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits201, "_PART", 3)
    parts = [plan(6)[start : start + 3] for start in range(0, len(plan(6)), 3)]
    digits201.run(tmp_path, functions=6, config=CONFIG)
    files = sorted((tmp_path / "parts").iterdir())
    assert len(files) == len(parts)
    files[1].unlink()
    (tmp_path / digits201.TABLE).unlink()
    kept = files[0].stat().st_mtime_ns
    seen: list[tuple[int, int]] = []
    digits201.run(tmp_path, functions=6, config=CONFIG, progress=lambda done, of: seen.append((done, of)))
    assert files[0].stat().st_mtime_ns == kept
    assert seen == [(8, 8)]
    one, two = load(made / digits201.TABLE), load(tmp_path / digits201.TABLE)
    assert one.architectures == two.architectures
    for metric in one.metrics:
        if metric.column != "cost_s":
            np.testing.assert_array_equal(one.column(metric), two.column(metric))


def test_another_setting_is_refused(made: Path) -> None:
    with pytest.raises(InputError, match="epochs"):
        digits201.run(made, functions=6, config=DigitsConfig(epochs=3, channels=2, cells_per_stage=1, train_images=100))


def test_failed_trainings_have_no_accuracy() -> None:
    jobs = [DigitsTraining(0, 0), DigitsTraining(1, 0)]
    right = np.array([[[70, 350], [70, -1]], [[60, 300], [60, -1]]], dtype=np.int16)
    config = DigitsConfig(epochs=2)
    parts: list[dict[str, Any]] = [{"right": right, "seconds": np.ones(2, dtype=np.float32)}]
    results = digits201.tabulate(jobs, parts, config)
    everything = slice(0, len(results.architectures))
    values = results.column("validation_2_seed0", everything)
    assert np.isnan(values).any() and np.nanmax(values) == 50
    assert not np.isnan(results.column("validation_1_seed0", everything)).any()


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["experiment", "digits-201", "--out", str(tmp_path), "--functions", "1", "--epochs", "1", "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trainings"] == 3
    assert len(load(found["file"])) == found["architectures"]
    assert main([*command[:-1], "--functions", "0"]) == 2
    assert "--functions must be at least 1" in capsys.readouterr().err


@pytest.mark.slow
def test_killed_it_goes_on_with_the_parts_that_are_missing(tmp_path: Path) -> None:
    def command(out: Path) -> list[str]:
        run = [sys.executable, "-m", "arch2vec", "experiment", "digits-201", "--out", str(out)]
        return [*run, "--functions", "120", "--epochs", "1"]

    parts = tmp_path / "cut" / "parts"
    for kill in range(1, 3):
        running = subprocess.Popen(command(tmp_path / "cut"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while running.poll() is None and len(list(parts.glob("*.safetensors"))) < kill:
            time.sleep(0.01)
        running.kill()
        assert running.wait() == -signal.SIGKILL
    assert not (tmp_path / "cut" / digits201.TABLE).exists()
    subprocess.run(command(tmp_path / "cut"), check=True, capture_output=True)
    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    one, two = (load(tmp_path / name / digits201.TABLE) for name in ("whole", "cut"))
    assert one.architectures == two.architectures
    for metric in one.metrics:
        if metric.column != "cost_s":
            np.testing.assert_array_equal(one.column(metric), two.column(metric))
