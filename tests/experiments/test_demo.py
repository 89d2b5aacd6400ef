"""The demo, killed again and again, ends as if nothing had happened."""

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
import pytest

from arch2vec.common.storage import read_arrays

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(out: Path) -> list[str]:
    return [sys.executable, "-m", "arch2vec", "demo", "--out", str(out), "--runs", "3", "--evaluations", "30", "--json"]


def result(out: Path) -> dict[str, Any]:
    done = subprocess.run(command(out), env=ENVIRONMENT, check=True, capture_output=True, text=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    expected = result(whole)
    rng = np.random.default_rng(0)
    kills = 0
    for _ in range(12):
        running = subprocess.Popen(command(cut), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.wait(timeout=float(rng.uniform(4, 14)))
            break
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
            kills += 1
            time.sleep(0.5)
    assert kills > 1
    found = result(cut)
    for document in (expected, found):
        del document["trained"]["seconds"]
        for row in document["rows"]:
            del row["seconds_per_run"]
    assert found == expected
    encoders = [read_arrays(out / "pretraining" / "encoder.safetensors")[0] for out in (whole, cut)]
    assert all(np.array_equal(encoders[0][name], encoders[1][name]) for name in encoders[0])
    assert [row["runs"] for row in found["rows"]] == [3, 3, 3]
    assert [row["evaluations"] for row in found["rows"]] == [30, 30, 30]
