"""The paper's pictures: what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_smoothness import MadeColumns

from arch2vec.cli import main
from arch2vec.embedding import Embedding
from arch2vec.experiments import figures
from arch2vec.experiments.prediction_inputs import Target
from arch2vec.experiments.smoothness import Draw, SmoothnessSettings
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.edit_distance import edit_distance
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.representations.discrete import adjacency_one_hot
from arch2vec.spaces import get_space

COLUMNS = MadeColumns()
DRAW = Draw.of(COLUMNS, Target("nasbench201", "made", ""), SmoothnessSettings(sample=0, pairs=2), 0)


def one_hot(graphs: GraphBatch) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return adjacency_one_hot(graphs, COLUMNS.space)


def test_a_walk_says_its_edits() -> None:
    strip = figures.walk_strip("adjacency", one_hot, DRAW, 3, steps=6)
    edits = edit_distance(strip.graphs[:6], strip.graphs[1:]).tolist()
    assert len(strip.graphs) == 7 and strip.captions[0] == "start"
    assert [caption.split(": ")[1].split()[0] for caption in strip.captions[1:]] == [str(edit) for edit in edits]
    assert f"{np.mean(edits):.1f} edits a step" in strip.heading and "one-hot" in strip.heading


def test_a_line_goes_from_one_to_the_other() -> None:
    small = PretrainConfig(model=ModelConfig(hidden=16, latent=4), epochs=1, batch_size=64)
    encoder = pretrain(COLUMNS.space, small, graphs=DRAW.graphs)
    strip = figures.line_strip(encoder, DRAW.graphs[0], DRAW.graphs[1])
    assert len(strip.captions) == len(strip.graphs) >= 2
    assert strip.captions[0] == "from" and strip.captions[-1].startswith("to: ")
    assert COLUMNS.space.is_valid(strip.graphs).all()
    alone = figures.line_strip(encoder, DRAW.graphs[0], DRAW.graphs[0])
    assert alone.captions == ["from"]


def test_predictions_are_of_what_is_not_labelled(tmp_path: Path) -> None:
    found = figures.predictions({"adjacency": one_hot}, DRAW, labels=80, seed=0)
    assert found["adjacency"].shape == (120,)
    assert np.corrcoef(found["adjacency"], DRAW.values[80:])[0, 1] > 0.7  # a sum over operations
    figures.draw_predictions(found, DRAW.values[80:], tmp_path / "predicted.png", "made")
    assert (tmp_path / "predicted.png").stat().st_size > 3000


def test_groups_worth(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(len(DRAW.graphs), 3)).astype(np.float32)
    embedding = Embedding(COLUMNS.space, DRAW.graphs, noise)
    terms, weights = figures.group_weights(embedding, DRAW.values, [10, 60], draws=2, seed=0)
    assert weights.shape == (2, len(terms)) and weights.sum(axis=1) == pytest.approx(1)
    assert terms[-1] == figures.TOGETHER_NAME and "learned" in terms and "paths" in terms
    assert weights[1, terms.index("learned")] < 0.1  # noise is worth nothing
    figures.draw_group_weights(terms, weights, [10, 60], tmp_path / "groups.svg", "made")
    assert "labelled architectures" in (tmp_path / "groups.svg").read_text()


@pytest.mark.slow
def test_a_space_without_a_benchmark_has_walks_and_a_line(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(
        "name: small\ncarries: vertices\noperations: [relu, tanh]\nvertices: 5\nmax_edges: 7\n"
    )
    small = PretrainConfig(model=ModelConfig(hidden=8, latent=4), epochs=1, batch_size=64, sample=100)
    pretrain(get_space(str(tmp_path / "small.yaml")), small, out=tmp_path / "run")
    assert main(["experiment", "figures", str(tmp_path / "run"), "--sample", "60", "--out", str(tmp_path / "out")]) == 0
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"walk.png", "walk.svg", "line.png", "line.svg"}
    text = (tmp_path / "out" / "walk.svg").read_text()
    assert "arch2vec: " in text and "untrained: " in text
