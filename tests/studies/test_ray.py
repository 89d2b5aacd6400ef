"""Searches on a cluster of Ray's: two nodes on this machine, one of which is killed; our sampler within Ray Tune."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ray = pytest.importorskip("ray", reason="Ray is not installed")

CHAIN = """
name: chain4
carries: vertices
operations: [a, b, c]
vertices: 6
edges: [[0,1],[1,2],[2,3],[3,4],[4,5]]
"""
TRAINING = """
import os, time
def train(architecture):
    log = os.open("LOG", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    node = os.environ.get("A2V_NODE", "?")
    os.write(log, f"begin {architecture} {node}\\n".encode())
    time.sleep(1.0)
    os.write(log, f"end {architecture} {node}\\n".encode())
    return float(architecture.count("b"))
"""


class Node:
    """One ``ray start`` of its own session, so that all of it can be killed."""

    def __init__(self, name: str, *options: str) -> None:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", *options]
        path = os.pathsep.join(sys.path)
        environment = {**os.environ, "A2V_NODE": name, "PYTHONPATH": path, "RAY_DISABLE_IMPORT_WARNING": "1"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env=environment, start_new_session=True, **quiet)  # type: ignore[call-overload]

    def kill(self) -> None:
        for process in self._descendants(self.process.pid):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()

    @classmethod
    def _descendants(cls, process: int) -> list[int]:
        found = [process]
        try:
            tasks = list(Path(f"/proc/{process}/task").iterdir())
            children = {int(child) for task in tasks for child in (task / "children").read_text().split()}
        except OSError:
            return found
        return [*found, *(below for child in children for below in cls._descendants(child))]


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, Node]]:
    import socket

    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_AUTH_MODE", "disabled")  # a token would have to be where every process of Ray's looks for it
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    small = ("--object-store-memory", "100000000", "--num-cpus", "2")
    head = Node(
        "head", "--head", "--port", str(port), "--include-dashboard", "false", "--node-ip-address", "127.0.0.1", *small
    )
    time.sleep(5)
    other = Node("other", "--address", address, *small)
    try:
        until = time.time() + 120
        while time.time() < until:
            try:
                ray.init(address=address, logging_level="ERROR")
                if ray.cluster_resources().get("CPU", 0) >= 4:
                    break
                ray.shutdown()
            except (ConnectionError, RuntimeError):
                pass
            time.sleep(2)
        else:
            pytest.fail("the cluster has not come up")
        yield address, other
    finally:
        ray.shutdown()
        other.kill()
        head.kill()
        patch.undo()


def test_two_drivers_and_a_node_that_is_killed(cluster: tuple[str, Node], tmp_path: Path) -> None:
    """One storage, one budget: each architecture is trained once, but for what the node had begun."""
    address, other = cluster
    log = tmp_path / "log"
    (tmp_path / "a2v_on_ray.py").write_text(TRAINING.replace("LOG", str(log)))
    (tmp_path / "chain.yaml").write_text(CHAIN)
    command = [sys.executable, "-m", "arch2vec", "search", "chain.yaml", "--objective", "python:a2v_on_ray.py:train"]
    command += ["--method", "random", "--budget", "30", "--storage", "sqlite:///s.db", "--retries", "5"]
    command += ["--engine", "ray", "--address", address, "--json"]
    drivers = [
        subprocess.Popen(
            [*command, "--workers", "2"], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    until = time.time() + 180
    while time.time() < until and any(driver.poll() is None for driver in drivers):
        told = log.read_text() if log.exists() else ""
        if told.count("end") >= 6 and " other" in told:
            break
        time.sleep(0.1)
    other.kill()
    told_by = [driver.communicate(timeout=300) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], told_by
    answers = [json.loads(output) for output, _ in told_by]
    assert [answer["evaluations"] for answer in answers] == [30, 30]

    from arch2vec.studies.inspection.top import top

    architectures = [row.architecture for row in top(f"sqlite:///{tmp_path}/s.db", k=100)]
    lines = [line.split() for line in log.read_text().splitlines()]
    ended = [architecture for what, architecture, _ in lines if what == "end"]
    assert {node for _, _, node in lines} == {"head", "other"}
    assert len(architectures) == 30 == len(set(architectures))
    assert set(ended) == set(architectures)
    assert len(ended) - len(set(ended)) <= 2  # what had ended on the node and was not told before it died


def test_our_sampler_in_ray_tune(cluster: tuple[str, Node], tmp_path: Path) -> None:
    pytest.importorskip("ray.tune", reason="Ray Tune is not installed")
    example = Path(__file__).parents[2] / "examples" / "ray_tune.py"
    environment = {**os.environ, "RAY_ADDRESS": cluster[0], "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, example], env=environment, cwd=tmp_path, text=True, capture_output=True, check=True
    )
    lines = ran.stdout.splitlines()[-2:]
    assert lines[0] == "20 architectures"
    best = re.fullmatch(r"best: (.*) with (\d)", lines[1])
    assert best is not None and best.group(1).count("nor_conv_3x3") == int(best.group(2)) >= 2
