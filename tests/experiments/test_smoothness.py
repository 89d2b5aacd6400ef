"""The experiment on smoothness: what it measures, that it resumes, and what it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from arch2vec.encoder import Encoder
from arch2vec.experiments import smoothness, smoothness_report
from arch2vec.experiments.prediction_inputs import Columns, Target
from arch2vec.experiments.smoothness import Draw, SmoothnessSettings, measure, run_smoothness, vectors_of
from arch2vec.graphs import GraphBatch
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.representations.discrete import adjacency_one_hot
from arch2vec.spaces import NASBench201
from one_line import error_of

SPACE = NASBench201()
GRAPHS = SPACE.sample(200, np.random.default_rng(0))
TARGET = Target("nasbench201", "made", "made up")
SETTINGS = SmoothnessSettings(sample=120, k=5, labels=40, pairs=60, anchors=8, lines=4)


class MadeColumns(Columns):
    """Accuracies by the number of convolutions."""

    def __init__(self) -> None:
        self.space = SPACE

    def __len__(self) -> int:
        return len(GRAPHS)

    def graphs(self, rows: NDArray[np.int64]) -> GraphBatch:
        return GRAPHS[rows]

    def values(self, target: Target) -> NDArray[np.float64]:
        return np.array([text.count("nor_conv") + 0.01 * len(text) for text in SPACE.format(GRAPHS)])


@pytest.fixture(scope="module")
def encoders() -> Iterator[list[Encoder]]:
    small = PretrainConfig(model=ModelConfig(hidden=16, latent=4), epochs=1, batch_size=64)
    yield [pretrain(SPACE, small, seed=seed, graphs=GRAPHS) for seed in (0, 1)]


def test_what_is_measured(encoders: list[Encoder]) -> None:
    draw = Draw.of(MadeColumns(), TARGET, SETTINGS, seed=0)
    assert len(draw.graphs) == 120
    found = measure("adjacency", lambda graphs: adjacency_one_hot(graphs, SPACE), encoders[0], draw, SETTINGS, 0)
    assert set(found) == set(smoothness.METRICS)
    assert found["edit_walk"] > 0.95 and found["neighbours"] > 0.95 and np.isnan(found["line_valid"])
    assert found["line_detour"] >= 1  # the shortest way is the edit distance
    for encoding in smoothness.ENCODINGS:
        vectors = vectors_of(encoding, encoders[0], draw, 40, 0)
        numbers = measure(encoding, vectors, encoders[0], draw, SETTINGS, 0)
        assert numbers["line_detour"] >= 1 and -1 <= numbers["moran"] <= 1 and numbers["variance"] >= 0
        assert np.isfinite(numbers["line_valid"]) == (encoding in ("arch2vec", "untrained"))


def test_structure_and_learned_weigh_the_same(encoders: list[Encoder]) -> None:
    draw = Draw.of(MadeColumns(), TARGET, SETTINGS, seed=0)
    both = vectors_of("structure+arch2vec", encoders[0], draw, 40, 0)(draw.graphs)
    alone = vectors_of("structure", encoders[0], draw, 40, 0)(draw.graphs)
    assert (both[:, : alone.shape[1]] == alone).all()
    for part in (alone, both[:, alone.shape[1] :]):
        assert float(part.var(axis=0, dtype=np.float64).sum()) == pytest.approx(1, rel=1e-4)


def test_resumes_and_writes_tables_and_figures(encoders: list[Encoder], tmp_path: Path) -> None:
    columns, seen = MadeColumns(), []

    def progress(done: int, of: int, what: str) -> None:
        seen.append(what)

    def run(which: list[Encoder]) -> list[dict[str, Any]]:
        return run_smoothness(which, columns, TARGET, SETTINGS, tmp_path, encodings=ENCODINGS, progress=progress)

    ENCODINGS = ["arch2vec", "adjacency"]
    first = run(encoders[:1])
    assert seen == ["arch2vec, seed 0", "adjacency, seed 0"]
    both = run(encoders)
    assert both[:2] == first and seen[2:] == ["arch2vec, seed 1", "adjacency, seed 1"]
    assert "measured with another run" in error_of(lambda: run(encoders[::-1]))
    other = SmoothnessSettings(sample=0)
    assert "settings" in error_of(lambda: run_smoothness(encoders, columns, TARGET, other, tmp_path))
    assert "unknown encoding" in error_of(
        lambda: run_smoothness(encoders, columns, TARGET, SETTINGS, tmp_path, encodings=["x"])
    )

    table = smoothness_report.write_tables(both, TARGET, SETTINGS, tmp_path)
    assert table["seeds"].tolist() == [2, 2]
    mean = np.mean([row["moran"] for row in both if row["encoding"] == "arch2vec"])
    assert table["moran_mean"][0] == pytest.approx(mean)
    text = (tmp_path / "table.md").read_text()
    assert "one-hot" in text and "| Moran's I, accuracy |" in text and "2 seeds" in text
    assert json.dumps(smoothness_report.to_rows(table, TARGET)[0]["moran_mean"])
    draw = Draw.of(columns, TARGET, SETTINGS, 0)
    drawn = {name: vectors_of(name, encoders[0], draw, 40, 0) for name in ENCODINGS}
    smoothness_report.draw_edit_distances(drawn, draw, tmp_path / "edit.svg")
    smoothness_report.draw_maps(drawn, draw, tmp_path / "maps.png")
    assert (tmp_path / "edit.svg").stat().st_size > 1000 < (tmp_path / "maps.png").stat().st_size


def test_settings_that_cannot_be() -> None:
    assert (
        error_of(lambda: SmoothnessSettings(sample=10)) == "at least 50 architectures are needed, or 0 for all; got 10"
    )
    assert error_of(lambda: SmoothnessSettings(k=1)) == "k must be at least 2, got 1"
