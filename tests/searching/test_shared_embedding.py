"""What processes that run blocks get is the embedding of the process that shares it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arch2vec.representations.ready import structure_embedding
from arch2vec.spaces import get_space
from arch2vec.studies.blocks import _shared, share


def test_groups_travel_with_the_vectors(tmp_path: Path) -> None:
    space = get_space("nasbench201")
    graphs = space.sample(40, np.random.default_rng(0))
    embedding = structure_embedding(space, graphs)
    share(embedding, tmp_path / "shared.safetensors")
    found = _shared(tmp_path / "shared.safetensors")
    assert len(embedding.groups) > 1
    assert found.groups == embedding.groups
    np.testing.assert_array_equal(found.vectors, embedding.vectors)
    np.testing.assert_array_equal(found.function_classes, embedding.function_classes)
    assert found.architectures == embedding.architectures
