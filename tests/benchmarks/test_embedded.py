"""The benchmark that comes with the package: whole, what the real trainings give, and searched by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from arch2vec.benchmarks import load
from arch2vec.benchmarks.embedded import EMBEDDED
from arch2vec.cli import main
from arch2vec.common.threads import thread_count
from arch2vec.embedding import Embedding
from arch2vec.experiments import digits201
from arch2vec.networks.nasbench201 import NASBench201Network
from arch2vec.networks.weights import count_parameters
from arch2vec.objectives import resolve_objective
from arch2vec.objectives.benchmark import BenchmarkObjective
from arch2vec.objectives.digits import DigitsConfig, DigitsObjective
from arch2vec.spaces import NASBench201

SPACE = NASBench201()


@pytest.fixture(scope="module")
def objective() -> BenchmarkObjective:
    found = resolve_objective("digits-201")
    assert isinstance(found, BenchmarkObjective)
    return found


def test_is_small_and_complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARCH2VEC_DATA", str(tmp_path))  # nothing else is there
    assert EMBEDDED["digits-201"].stat().st_size < 2_000_000
    table = load("digits-201")
    assert table.architectures == SPACE.format(SPACE.enumerate())
    assert not table.schema.partial
    jobs = digits201.plan()
    assert table.schema.source["trainings"] == len(jobs)
    setting = dict(table.schema.source["setting"])
    assert DigitsConfig(**setting) == DigitsConfig()  # that of the objective
    classes = SPACE.function_classes(SPACE.enumerate())
    for seed in digits201.SEEDS:
        trained = np.isin(classes, classes[[job.row for job in jobs if job.seed == seed]])
        known = ~np.isnan(table.column(f"validation_1_seed{seed}"))
        assert not (known & ~trained).any()
        assert (known & trained).sum() > 0.99 * trained.sum()  # the others diverged


def test_counts_are_those_of_the_networks() -> None:
    table = load("digits-201")
    for row in range(0, 15_625, 1_500):
        network = NASBench201Network(table.architectures[row], DigitsConfig().skeleton(), None)
        assert table.column("parameters")[row] == count_parameters(network)


def test_holds_what_a_training_gives(objective: BenchmarkObjective) -> None:
    """Up to how processors round: sixty steps make a little of it a few images."""
    table = load("digits-201")
    for row in (8_711, 12_345, 15_000):
        architecture = table.architectures[row]
        looked_up = objective.evaluate(architecture)
        classes = SPACE.function_classes(SPACE.enumerate())
        first = int(np.flatnonzero(classes == classes[row])[0])  # the one that was trained
        with thread_count(1):
            trained = DigitsObjective().evaluate(table.architectures[first])
        assert looked_up.validation == pytest.approx(trained.validation, abs=4)
        assert looked_up.cost_s > 0


def test_signals_and_runs_are_options(objective: BenchmarkObjective) -> None:
    assert objective.name == "digits-201"
    assert objective.fidelities == (1, 2, 3, 4, 5, 6)
    early = resolve_objective("digits-201?signal=2")
    assert early.name == "digits-201-2epochs"
    architecture = load("digits-201").architectures[8_711]
    assert early.evaluate(architecture).validation == objective.evaluate(architecture, 2).validation
    assert early.evaluate(architecture).test == objective.evaluate(architecture).test
    assert resolve_objective("digits-201?seed=mean").name == "digits-201-mean"
    assert resolve_objective("digits-201?seed=random&noise_seed=4").evaluate(architecture).validation > 0


def test_is_searched_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graphs = SPACE.enumerate()[np.arange(0, 15_625, 5)]
    vectors = np.random.default_rng(0).normal(size=(len(graphs), 4)).astype(np.float32)
    Embedding(SPACE, graphs, vectors).save(tmp_path / "vectors.safetensors")
    command = ["search", str(tmp_path / "vectors.safetensors"), "--objective", "digits-201", "--method", "local-search"]
    main([*command, "--budget", "60", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["evaluations"] == 60
    table = load("digits-201")
    row = table.architectures.index(answer["best"]["architecture"])
    assert answer["best"]["validation"] == table.column("validation_6_seed0")[row]
    assert answer["best"]["validation"] > np.nanmedian(table.column("validation_6_seed0"))
