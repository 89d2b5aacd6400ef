"""Searches on a cluster of Ray's: two nodes on this machine, one of which is killed; our sampler within Ray Tune."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from search_helpers import chain, embed

pytestmark = pytest.mark.slow

ray = pytest.importorskip("ray", reason="Ray is not installed")

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


def test_a_node_that_is_killed_costs_what_it_was_training(cluster: tuple[str, Node], tmp_path: Path) -> None:
    from threading import Thread

    from arch2vec.searching.study import search
    from arch2vec.studies.ray import RayEngine

    address, other = cluster
    log = tmp_path / "log"
    (tmp_path / "a2v_on_ray.py").write_text(TRAINING.replace("LOG", str(log)))
    engine = RayEngine(address)
    assert engine.slots == 4

    def kill() -> None:
        until = time.time() + 120
        while time.time() < until:
            told = log.read_text() if log.exists() else ""
            if told.count("end") >= 6 and " other" in told:
                break
            time.sleep(0.1)
        other.kill()

    killer = Thread(target=kill)
    killer.start()
    url = f"sqlite:///{tmp_path}/s.db"
    objective = f"python:{tmp_path}/a2v_on_ray.py:train"
    result = search(
        embed(chain(4)), objective, "random", 30, executor=engine, retries=5, max_failures=None, storage=url
    )
    killer.join()
    lines = [line.split() for line in log.read_text().splitlines()]
    ended = [architecture for what, architecture, _ in lines if what == "end"]
    assert {node for _, _, node in lines} == {"head", "other"}
    assert result.evaluations == 30 == len({trial.architecture for trial in result.trials})
    assert not any(trial.failed for trial in result.trials)
    assert set(ended) == {trial.architecture for trial in result.trials}
    assert len(ended) - len(set(ended)) <= 2  # what had ended on the node and was not told before it died


def test_our_sampler_in_ray_tune(cluster: tuple[str, Node], tmp_path: Path) -> None:
    tune = pytest.importorskip("ray.tune", reason="Ray Tune is not installed")
    from ray.tune.search.optuna import OptunaSearch

    from arch2vec.studies.optuna.sampler import Arch2VecSampler

    sampler = Arch2VecSampler("nasbench201", method="evolution", seed=0)
    parameters = sampler.parameters

    def train(config: dict[str, str]) -> None:
        tune.report({"value": sum(choice == "nor_conv_3x3" for choice in config.values())})

    found = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(space=parameters.distributions(), sampler=sampler, metric="value", mode="max"),
            num_samples=12,
            max_concurrent_trials=2,
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
    ).fit()
    rows = [parameters.row(result.config) for result in found]
    assert None not in rows and len(set(rows)) == 12
