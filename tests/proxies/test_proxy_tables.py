"""Proxies of many architectures: as objectives, as tables on disk, as features."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import norm, spearmanr
from torch import nn

from arch2vec.cli import main
from arch2vec.common.threads import thread_count
from arch2vec.networks.digits_data import digits_splits
from arch2vec.networks.nasbench201 import NASBench201Network
from arch2vec.objectives import resolve_objective
from arch2vec.proxies.features import normal_scores, proxy_features
from arch2vec.proxies.networks import SpaceBuild, Streams, make_batch
from arch2vec.proxies.registry import evaluate
from arch2vec.proxies.settings import ProxySetting
from arch2vec.proxies.table import compute_table
from arch2vec.spaces import NASBench201, get_space
from arch2vec.spaces.nasbench101.notation import EXAMPLE
from arch2vec.spaces.nasbench201.cost import NASBench201Skeleton
from one_line import error_of

SPACE = NASBench201()
TINY = ProxySetting(batch_size=8, channels=2, cells=1)
NAMES = ["synflow", "naswot", "snip"]
UNCONNECTED = "|none~0|+|none~0|nor_conv_3x3~1|+|none~0|nor_conv_1x1~1|skip_connect~2|"


def architectures(count: int, seed: int = 0) -> list[str]:
    return SPACE.format(SPACE.sample(count, np.random.default_rng(seed)))


class Counting:
    """Builds networks, and counts them."""

    def __init__(self) -> None:
        self.built: list[str] = []

    def __call__(self, architecture: str, setting: ProxySetting, seed: int) -> nn.Module:
        self.built.append(architecture)
        return SpaceBuild("nasbench201")(architecture, setting, seed)


# Batches


def test_the_digits_are_a_draw_of_the_training_part() -> None:
    batch, known = make_batch(TINY), digits_splits(400, 700, 0).train
    assert batch.pixels.shape == (8, 1, 8, 8)
    for pixels, label in zip(batch.pixels, batch.labels, strict=True):
        same = (known.pixels == pixels).flatten(1).all(dim=1)
        assert (known.labels[same] == label).all()
        assert same.any()
    assert not torch.equal(make_batch(ProxySetting(batch_size=8, seed=1)).pixels, batch.pixels)


def test_a_random_batch_is_standard_normal() -> None:
    batch = make_batch(ProxySetting("random"))
    assert batch.pixels.shape == (64, 3, 32, 32)
    assert float(batch.pixels.mean()) == pytest.approx(0, abs=0.01)
    assert float(batch.pixels.std()) == pytest.approx(1, abs=0.01)
    assert set(batch.labels.tolist()) == set(range(10))


# Objectives


def test_an_objective_gives_the_proxy_of_the_network() -> None:
    (architecture,) = architectures(1)
    objective = resolve_objective("proxy:snip?batch_size=8&channels=2&cells=1&seed=3")
    setting = ProxySetting(batch_size=8, channels=2, cells=1, seed=3)
    batch, streams = make_batch(setting), Streams.of(setting)
    network = NASBench201Network(
        architecture, NASBench201Skeleton(2, 1, 1, 10), torch.Generator().manual_seed(streams.weights)
    )
    outcome = objective.evaluate(architecture)
    with thread_count(1):
        assert outcome.validation == evaluate(network, batch.pixels, batch.labels, ["snip"])["snip"]
    assert outcome.test is None
    assert 0 < outcome.cost_s < 10
    assert objective.evaluate(architecture).validation == outcome.validation
    assert objective.space == "nasbench201"
    assert "not accuracies" in objective.note
    assert objective.signal == "snip"
    assert resolve_objective("proxy:synflow").signal == "log of synflow"
    assert "8 images" in objective.description
    assert objective.description.endswith(f"; {objective.note}")  # as reports expect


def test_synflow_is_searched_by_its_logarithm() -> None:
    (architecture,) = architectures(1)
    objective = resolve_objective("proxy:synflow?batch_size=8&channels=2&cells=1")
    raw = compute_table(SPACE, [architecture], ["synflow"], TINY)["synflow"].item()
    assert objective.evaluate(architecture).validation == math.log(raw)
    assert "logarithm" in objective.note
    assert math.isnan(objective.evaluate(UNCONNECTED).validation)  # no path, no logarithm


def test_an_undefined_proxy_is_a_failed_evaluation() -> None:
    objective = resolve_objective("proxy:jacov?batch_size=8&channels=2&cells=1")
    assert math.isnan(objective.evaluate(UNCONNECTED).validation)


@pytest.mark.parametrize("space", ["nasbench101", "darts", "darts_pair"])
def test_networks_of_other_spaces(space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path))
    objective = resolve_objective(f"proxy:naswot?space={space}&batch_size=8&channels=8&cells=3")
    known = get_space(space)
    if space == "nasbench101":
        architecture = EXAMPLE
    else:
        (architecture,) = known.format(known.sample(1, np.random.default_rng(0)))
    assert math.isfinite(objective.evaluate(architecture).validation)
    assert not list(tmp_path.iterdir())  # nothing was listed for it


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("proxy", "objective proxy needs the name of a zero-cost proxy, as in proxy:synflow"),
        ("proxy:accuracy", "unknown zero-cost proxy 'accuracy'; known: "),
        ("proxy:snip?batch=cifar", "unknown batch 'cifar'; known: digits, random"),
        ("proxy:snip?batch_size=401", "proxies on digits need a batch_size of 2 to 400, got 401"),
        ("proxy:snip?batch=random&batch_size=1", "proxies on random need a batch_size of at least 2, got 1"),
        ("proxy:snip?cells=0", "proxies need cells of at least 1, got 0"),
        ("proxy:snip?seed=-1", "proxies need a seed in 0 .. 2^63 - 1, got -1"),
        ("proxy:snip?images=3", "objective proxy has no option 'images'; it has "),
        ("proxy:snip?space=nasbench", "unknown search space 'nasbench'"),
    ],
)
def test_bad_objectives_are_one_line(spec: str, message: str) -> None:
    assert error_of(lambda: resolve_objective(spec)).startswith(message)


def test_a_space_without_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from arch2vec.spaces import NASBench201\nclass Mine(NASBench201):\n    name = 'mine'\n"
    (tmp_path / "mine.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    assert "no networks are known" in error_of(lambda: resolve_objective("proxy:snip?space=python:mine.py:Mine"))
    with pytest.raises(ValueError, match="no fidelity"):
        resolve_objective("proxy:snip").evaluate(architectures(1)[0], fidelity=3)


# Tables


def test_a_table_computes_what_is_missing(tmp_path: Path) -> None:
    path, wanted = tmp_path / "proxies.parquet", architectures(6)
    build = Counting()
    first = compute_table(SPACE, wanted[:4], NAMES, TINY, path, build=build)
    assert first["architecture"].tolist() == wanted[:4] == build.built
    again = compute_table(SPACE, [*wanted[::-1], wanted[0]], NAMES, TINY, path, build=build)
    assert build.built == [*wanted[:4], wanted[5], wanted[4]]
    assert again["architecture"].tolist() == [*wanted[::-1], wanted[0]]
    assert again.iloc[::-1][NAMES].iloc[1:5].to_numpy().tolist() == first[NAMES].to_numpy().tolist()
    # Another proxy is computed for those asked for, and nothing else is.
    build.built.clear()
    more = compute_table(SPACE, wanted[:2], ["zen", "snip"], TINY, path, build=build)
    assert build.built == wanted[:2]
    assert more["snip"].tolist() == first["snip"].tolist()[:2]
    assert pq.read_table(path).column("zen").null_count == 4
    # Without a file everything is computed, to the same values.
    alone = compute_table(SPACE, wanted[:4], NAMES, TINY)
    assert alone[NAMES].to_numpy().tolist() == first[NAMES].to_numpy().tolist()


def test_undefined_values_are_not_computed_again(tmp_path: Path) -> None:
    path, build = tmp_path / "p.parquet", Counting()
    first = compute_table(SPACE, [UNCONNECTED], ["jacov"], TINY, path, build=build)
    again = compute_table(SPACE, [UNCONNECTED], ["jacov"], TINY, path, build=build)
    assert first["jacov"].isna().all() and again["jacov"].isna().all()
    assert len(build.built) == 1


def test_what_was_computed_before_a_failure_is_kept(tmp_path: Path) -> None:
    class Failing(Counting):
        def __call__(self, architecture: str, setting: ProxySetting, seed: int) -> nn.Module:
            if len(self.built) == 2:
                raise KeyboardInterrupt
            return super().__call__(architecture, setting, seed)

    path, wanted = tmp_path / "p.parquet", architectures(4)
    with pytest.raises(KeyboardInterrupt):
        compute_table(SPACE, wanted, NAMES, TINY, path, build=Failing())
    build = Counting()
    compute_table(SPACE, wanted, NAMES, TINY, path, build=build)
    assert build.built == wanted[2:]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path, wanted = tmp_path / "p.parquet", architectures(1)
    compute_table(SPACE, wanted, NAMES, TINY, path)
    other = ProxySetting(batch_size=8, channels=2, cells=1, seed=1)
    line = error_of(lambda: compute_table(SPACE, wanted, NAMES, other, path))
    assert line == f"{path} holds proxies with seed 0, not 1; choose another file"
    pq.write_table(pa.table({"architecture": wanted}), path)
    assert "is not a table of proxies" in error_of(lambda: compute_table(SPACE, wanted, NAMES, TINY, path))
    path.write_bytes(b"PAR1 and no more")
    assert "cannot read" in error_of(lambda: compute_table(SPACE, wanted, NAMES, TINY, path))
    assert "unknown operation" in error_of(lambda: compute_table(SPACE, ["|x~0|+|x~0|x~1|+|x~0|x~1|x~2|"], NAMES, TINY))


@pytest.mark.slow
def test_worker_processes_give_the_same(tmp_path: Path) -> None:
    wanted = architectures(9)
    seen: list[tuple[int, int]] = []
    there = compute_table(
        SPACE, wanted, None, TINY, tmp_path / "p.parquet", workers=2, progress=lambda d, t, _: seen.append((d, t))
    )
    here = compute_table(SPACE, wanted, None, TINY)
    columns = [name for name in here.columns if name != "seconds"]
    assert there[columns].equals(here[columns])
    assert seen == [(done, 9) for done in range(1, 10)]


# Features


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"


def test_features_are_standardised_ranks_and_cached(cache: Path) -> None:
    graphs = SPACE.sample(12, np.random.default_rng(1))
    features = proxy_features(graphs, SPACE, NAMES, TINY)
    assert features.shape == (12, 3)
    assert features.dtype == np.float32
    assert np.abs(features.mean(axis=0)).max() < 1e-6
    assert np.abs(features.std(axis=0) - 1).max() < 1e-6
    raw = compute_table(SPACE, SPACE.format(graphs), NAMES, TINY)
    assert spearmanr(raw["snip"], features[:, 2]).statistic == pytest.approx(1)
    (kept,) = cache.glob("proxies-nasbench201-*.parquet")
    written = kept.stat().st_mtime_ns
    assert np.array_equal(proxy_features(graphs, SPACE, NAMES, TINY), features)
    assert kept.stat().st_mtime_ns == written
    proxy_features(graphs[:2], SPACE, NAMES, ProxySetting(batch_size=8, channels=2, cells=1, seed=1))
    assert len(list(cache.iterdir())) == 2


def test_features_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "file" / "cache"))
    assert proxy_features(SPACE.sample(2, np.random.default_rng(0)), SPACE, ["snip"], TINY).shape == (2, 1)


@given(
    npst.arrays(
        np.float64,
        st.tuples(st.integers(1, 20), st.integers(1, 3)),
        elements=st.one_of(st.integers(-3, 3).map(float), st.just(math.nan)),
    )
)
@settings(max_examples=50, deadline=None)
def test_normal_scores_know_ranks_only(values: np.ndarray) -> None:
    scores = normal_scores(values)
    assert np.isfinite(scores).all()
    assert np.array_equal(normal_scores(np.exp(values) * 1e30), scores)
    for column, raw in zip(scores.T, values.T, strict=True):
        filled = np.where(np.isnan(raw), -99, raw)
        for i in range(len(raw)):
            for j in range(len(raw)):
                assert np.sign(column[i] - column[j]) == np.sign(filled[i] - filled[j])


def test_normal_scores_in_closed_form() -> None:
    quantiles = np.asarray(norm.ppf([1 / 6, 1 / 2, 5 / 6]))
    expected = quantiles / quantiles.std()
    assert normal_scores(np.array([[3.0], [1e30], [math.nan]]))[:, 0] == pytest.approx(expected[[1, 2, 0]])


# The command line


def test_the_command_writes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p.parquet"
    options = ["--names", "snip,macs", "--batch-size", "8", "--channels", "2", "--cells", "1"]
    command = ["proxies", "nasbench201", "--sample", "5", "--out", str(out), *options]
    assert main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["architectures"] == 5
    assert printed["proxies"] == ["snip", "macs"]
    table = pq.read_table(out)
    assert table.column_names == ["architecture", "snip", "macs", "seconds"]
    assert len(table) == 5
    written = out.stat().st_mtime_ns
    assert main(command) == 0
    assert out.stat().st_mtime_ns == written
    assert "undefined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nasbench201", "--names", "x"], "unknown zero-cost proxy 'x'"),
        (["nasbench201", "--batch", "x"], "unknown batch 'x'"),
        (["nasbench"], "unknown search space 'nasbench'"),
        (["darts"], "--sample"),
        (["nasbench201", "--sample", "0"], "--sample must be at least 1, got 0"),
        (["nasbench201", "--workers", "0"], "at least 1 worker is needed, got 0"),
        (["nasbench201", "--out", "{file}/p.parquet"], "cannot write"),
        (["nasbench201", "--out", "{file}.csv"], "must end in .parquet"),
    ],
)
def test_bad_commands_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    given_arguments = [argument.format(file=tmp_path / "file") for argument in arguments]
    if "--out" not in given_arguments:
        given_arguments += ["--out", str(tmp_path / "p.parquet")]
    assert main(["proxies", *given_arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


@pytest.mark.slow
def test_a_killed_command_resumes(tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"
    command = [sys.executable, "-m", "arch2vec", "proxies", "nasbench201", "--sample", "4000", "--out", str(out)]
    command += ["--names", "snip", "--batch-size", "4", "--channels", "2", "--cells", "1"]
    with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        deadline = time.monotonic() + 120
        while not out.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    done = pq.read_table(out)
    assert 0 < len(done) < 4000
    build = Counting()
    setting = ProxySetting(batch_size=4, channels=2, cells=1)
    wanted = architectures(4000)[: len(done) + 3]
    again = compute_table(SPACE, wanted, ["snip"], setting, out, build=build)
    assert build.built == wanted[-3:]
    assert again["snip"].tolist()[: len(done)] == done.column("snip").to_pylist()
