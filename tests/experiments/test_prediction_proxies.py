"""Zero-cost proxies as encodings in the prediction experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_prediction import untrained

from arch2vec.experiments.prediction import Settings, run_prediction
from arch2vec.experiments.prediction_inputs import TARGETS, sources_of
from arch2vec.experiments.prediction_proxies import joined
from arch2vec.proxies.features import FEATURES, proxy_features, small_setting
from arch2vec.representations.discrete import adjacency_one_hot
from arch2vec.spaces import NASBench201, get_space
from arch2vec.surrogates.predictors import gaussian_process, score
from one_line import error_of


def test_predictions_from_proxies(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "cache"))
    encoder, name = untrained(NASBench201()), "nasbench201-cifar10"
    encodings = ["proxies", "adjacency+proxies", "arch2vec+proxies"]
    settings = Settings(labels=[8], seeds=[1], encodings=encodings, test_points=12)
    sources = sources_of([("run", encoder)])
    frame = run_prediction({name: TARGETS[name]}, sources, settings, tmp_path / "out")
    assert frame["encoding"].tolist() == ["arch2vec", *encodings]

    table = pd.read_parquet(shared_data / "nasbench201.parquet", columns=["arch_str", "c10_test_200_nats"])
    order = np.random.default_rng(1).permutation(len(table))
    rows = np.unique(np.concatenate([order[:8], order[-12:]]))
    graphs = encoder.space.parse(table["arch_str"].iloc[rows].tolist())
    values = table["c10_test_200_nats"].to_numpy()[rows]
    labelled, tested = np.searchsorted(rows, order[:8]), np.searchsorted(rows, order[:-13:-1])
    proxies = proxy_features(graphs, encoder.space)
    assert proxies.shape == (20, len(FEATURES))
    for encoding, vectors in (
        ("proxies", proxies),
        ("adjacency+proxies", joined(adjacency_one_hot(graphs, encoder.space), proxies)),
        ("arch2vec+proxies", joined(encoder.vectors(graphs), proxies)),
    ):
        predicted = gaussian_process(vectors[labelled], values[labelled], vectors[tested], 0, ())
        (row,) = frame[frame["encoding"] == encoding].to_dict("records")
        assert row["rmse"] == pytest.approx(score(predicted, values[tested])["rmse"], rel=1e-4)


def test_both_parts_of_joined_vectors_count_the_same() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((30, 4)).astype(np.float32) * 1e-2
    proxies = rng.standard_normal((30, 7)).astype(np.float32) * 10
    both = joined(vectors, proxies)
    assert both.dtype == np.float32
    for block in (both[:, :4], both[:, 4:]):
        squares = [float(((x - y) ** 2).sum()) for x in block for y in block]
        assert np.mean(squares) == pytest.approx(2, rel=1e-4)
    assert np.isfinite(joined(np.ones_like(vectors), proxies)).all()


@pytest.mark.parametrize("name", ["nasbench201", "darts", "darts_pair"])
def test_small_networks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path))
    space = get_space(name)
    graphs = space.sample(3, np.random.default_rng(0))
    features = proxy_features(graphs, space, ["naswot", "zen"])
    assert small_setting(space).channels == 8
    assert np.isfinite(features).all() and features.std(axis=0).min() > 0.9


def test_encodings_that_are_refused(tmp_path: Path) -> None:
    chosen = {"nasbench201-cifar10": TARGETS["nasbench201-cifar10"]}
    settings = Settings(labels=[8], seeds=[1], encodings=["gae+proxies"], test_points=12)
    line = error_of(lambda: run_prediction(chosen, sources_of([("run", untrained(NASBench201()))]), settings, tmp_path))
    assert "'gae+proxies'" in line and "arch2vec+proxies, adjacency+proxies" in line
    assert "unknown encoding 'proxy'" in error_of(lambda: Settings(encodings=["proxy"]))
