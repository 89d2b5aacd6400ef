"""The experiment that says what proxies are worth."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from arch2vec.cli import main
from arch2vec.experiments.prediction_inputs import TARGETS
from arch2vec.experiments.proxies import correlations, figure, run_proxies, to_rows, write_tables
from arch2vec.experiments.proxy_published import DATASETS, PUBLISHED, published
from arch2vec.proxies.registry import PROXIES
from arch2vec.proxies.settings import ProxySetting
from one_line import error_of

TINY = {"batch_size": 8, "channels": 2, "cells": 1}
SETTINGS = [ProxySetting("digits", **TINY), ProxySetting("random", **TINY)]
NAMES = ["parameters", "naswot", "zen"]


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 5)), min_size=3, max_size=12))
@settings(max_examples=60, deadline=None)
def test_correlations_from_their_definitions(pairs: list[tuple[int, int]]) -> None:
    values = np.array([math.nan if x == -4 else x * 1e40 for x, _ in pairs])
    accuracies = np.array([float(y) for _, y in pairs])
    found = correlations(values, accuracies, seed=0)
    filled = np.where(np.isnan(values), -1e300, values)
    x, y = rankdata(filled), rankdata(accuracies)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert all(map(math.isnan, found.values()))
        return
    assert found["spearman"] == pytest.approx(float(np.corrcoef(x, y)[0, 1]), abs=1e-12)
    concordance = ties_x = ties_y = 0
    for i in range(len(x)):
        for j in range(i):
            concordance += int(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]))
            ties_x += x[i] != x[j]
            ties_y += y[i] != y[j]
    assert found["kendall"] == pytest.approx(concordance / math.sqrt(ties_x * ties_y), abs=1e-12)


def test_standard_errors_are_those_of_theory() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(400)
    y = 0.6 * x + 0.8 * rng.standard_normal(400)
    found = correlations(x, y, seed=1)
    # Bonett and Wright (2000): sqrt((1 + rho^2 / 2) / (n - 3)) on Fisher's scale.
    rho = found["spearman"]
    theory = (1 - rho**2) * math.sqrt((1 + rho**2 / 2) / 397)
    assert found["spearman_se"] == pytest.approx(theory, rel=0.2)
    assert correlations(x, y, seed=1) == found


def test_published_figures_are_attributed() -> None:
    assert set(PUBLISHED) < set(PROXIES)
    assert published("synflow", "imagenet16-120") == (0.75, None)
    assert published("naswot", "cifar10") == (None, 0.574)
    assert published("zen", "cifar10") == published("synflow", "digits") == (None, None)
    for known in PUBLISHED.values():
        assert "20" in known.source and known.source.split(" et al.")[0].isalpha()
        assert all(0 < value < 1 for figures in (known.spearman, known.kendall) for value in figures or ())


def test_the_experiment_adds_to_what_is_there(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    seen: list[tuple[int, int, str]] = []
    first = run_proxies("nasbench201", SETTINGS, 6, tmp_path, names=NAMES, progress=lambda *at: seen.append(at))
    assert len(first) == 2 * 3 * 3
    assert seen[0] == (1, 12, "digits")
    assert seen[-1] == (12, 12, "random")
    proxies = pd.read_parquet(tmp_path / "proxies-random.parquet").set_index("architecture")
    table = pd.read_parquet(shared_data / "nasbench201.parquet").set_index("arch_str").loc[proxies.index]
    row = first[(first["batch"] == "random") & (first["proxy"] == "zen") & (first["dataset"] == "cifar100")].iloc[0]
    accuracies = table[TARGETS["nasbench201-cifar100"].column]
    assert row["kendall"] == pytest.approx(kendalltau(proxies["zen"].fillna(-np.inf).rank(), accuracies).statistic)
    # Parameters are the benchmark's, up to the width; more architectures add to the ones there are.
    seen.clear()
    more = run_proxies("nasbench201", SETTINGS, 8, tmp_path, names=NAMES, progress=lambda *at: seen.append(at))
    assert [at[0] for at in seen] == [7, 8, 15, 16]
    assert set(more["architectures"]) == {8}
    write_tables(more, "nasbench201", SETTINGS, tmp_path)
    text = (tmp_path / "table.md").read_text()
    assert text.count("\n| parameters |") == 3
    assert "0.75 / 0.56 [1]" in text
    assert "[1] Akhauri et al., NeurIPS 2022" in text
    assert "/ 0.574" in text
    assert len(pd.read_csv(tmp_path / "table.csv")) == len(pd.read_parquet(tmp_path / "table.parquet")) == 18
    rows = to_rows(more)
    assert rows[0]["published"] == {"spearman": 0.75, "kendall": 0.56, "source": PUBLISHED["parameters"].source}
    assert next(row for row in rows if row["proxy"] == "zen")["published"] == {}


def test_figures_for_reading() -> None:
    row = {"spearman": 0.51234, "spearman_se": 0.0712, "kendall": 0.4}
    assert figure(row) == "0.512 ± 0.071 / 0.400"
    assert figure({**row, "spearman": math.nan}) == "- / 0.400"
    assert figure({"published_spearman": 0.58, "published_kendall": math.nan}, "published_") == "0.58 / -"
    assert figure({"published_spearman": math.nan, "published_kendall": 0.574}, "published_") == "- / 0.574"
    assert figure({"published_spearman": math.nan, "published_kendall": math.nan}, "published_") == ""


def test_the_command(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    options = ["--sample", "5", "--batches", "digits", "--names", "macs", "--batch-size", "4", "--channels", "2"]
    command = ["experiment", "proxies", "--out", str(tmp_path), "--cells", "1", *options]
    assert main([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["dataset"] for row in rows] == list(DATASETS)
    assert main(command) == 0
    assert "0.75 / 0.56" in capsys.readouterr().out


def test_bad_input_is_one_line(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    assert "known for the space 'darts'" in error_of(lambda: run_proxies("darts", SETTINGS, 5, tmp_path))
    assert "3 to 15,625 architectures, got 20,000" in error_of(
        lambda: run_proxies("nasbench201", SETTINGS, 20_000, tmp_path)
    )
    assert "unknown zero-cost proxy" in error_of(lambda: run_proxies("nasbench201", SETTINGS, 5, tmp_path, names=["x"]))
    assert "at least one batch" in error_of(lambda: run_proxies("nasbench201", [], 5, tmp_path))
    run_proxies("nasbench201", SETTINGS[:1], 3, tmp_path, names=["macs"])
    assert "seed 0, not 1" in error_of(lambda: run_proxies("nasbench201", SETTINGS, 5, tmp_path, seed=1))


@pytest.mark.parametrize("arguments", [["--batches", "x"], ["--names", "x"], ["--sample", "1"], ["--workers", "0"]])
def test_bad_commands_are_one_line(
    arguments: list[str],
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    defaults = ["experiment", "proxies", "--out", str(tmp_path), "--sample", "3", "--names", "macs", "--cells", "1"]
    assert main([*defaults, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
