"""The script for a GPU goes through all of its steps on a processor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "gpu.py"


def run(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--device", "cpu", "--out", str(out), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)


@pytest.mark.slow
def test_the_small_script_runs_whole_and_does_nothing_twice(tmp_path: Path) -> None:
    done = run(tmp_path, "--small")
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "gpu.json").read_text())
    assert results["about"]["device"] == "cpu"
    assert len(results["steps"]) == 10
    for name, step in results["steps"].items():
        assert "error" not in step, name
        for row in step.get("rows", []):
            assert "error" not in row, (name, row)
    tables = (tmp_path / "gpu.md").read_text()
    assert all(f"## {name}" in tables for name in results["steps"])
    again = run(tmp_path, "--small")
    assert "..." not in again.stdout.splitlines()[0]


@pytest.mark.slow
def test_a_step_of_the_script(tmp_path: Path) -> None:
    done = run(tmp_path, "--small", "--only", "tests")
    assert done.returncode == 0, done.stderr
    assert "no GPU" in json.loads((tmp_path / "gpu.json").read_text())["steps"]["tests"]["skipped"]
    wrong = run(tmp_path, "--only", "nothing")
    assert wrong.returncode == 2
    assert "no step is called nothing" in wrong.stderr
