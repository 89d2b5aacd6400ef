"""Vectors for TensorBoard's embedding projector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arch2vec.cli import main
from arch2vec.embedding import Embedding
from arch2vec.reports.projector import write_projector
from search_helpers import chain, embed


def test_tables_and_config(tmp_path: Path) -> None:
    out = tmp_path / "projector"
    file = tmp_path / "vectors.safetensors"
    asked = ["embed", "nasbench201", "--sample", "7", "--out", str(file), "--projector", str(out)]
    assert main(asked) == 0
    embedding = Embedding.load(file)
    vectors = pd.read_csv(out / "vectors.tsv", sep="\t", header=None).to_numpy()
    assert vectors == pytest.approx(embedding.vectors, rel=1e-5)
    metadata = pd.read_csv(out / "metadata.tsv", sep="\t")
    assert list(metadata.columns) == ["architecture", "parameters", "macs"]
    assert metadata["architecture"].tolist() == list(embedding.architectures)
    assert np.exp(embedding.space.costs(embedding.graphs)[0][:, 0]) == pytest.approx(metadata["parameters"], rel=1e-5)
    config = (out / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "vectors.tsv"' in config and 'metadata_path: "metadata.tsv"' in config


def test_a_single_column_has_no_head(tmp_path: Path) -> None:
    embedding = embed(chain(2))
    write_projector(embedding, tmp_path)
    assert (tmp_path / "metadata.tsv").read_text().splitlines() == list(embedding.architectures)


def test_the_plugin_reads_it(tmp_path: Path) -> None:
    plugin = pytest.importorskip("tensorboard.plugins.projector", reason="TensorBoard is not installed")
    from google.protobuf import text_format

    write_projector(embed(chain(2)), tmp_path)
    config = plugin.ProjectorConfig()
    text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), config)
    assert config.embeddings[0].tensor_path == "vectors.tsv"
