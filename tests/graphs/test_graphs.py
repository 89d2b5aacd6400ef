from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from graph_strategies import dags

CHAIN = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_one_hot_leaves_padding_empty() -> None:
    batch = GraphBatch.of([[0, 2, PADDING]], [[[0, 1, 0], [0, 0, 0], [0, 0, 0]]])
    assert batch.one_hot(3)[0].tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert batch.mask.tolist() == [[True, True, False]]


def test_symmetrised_is_adjacency_plus_transpose() -> None:
    batch = GraphBatch.of([[0, 1, 2]], [CHAIN])
    assert np.array_equal(batch.symmetrised()[0], CHAIN + CHAIN.T)


@pytest.mark.parametrize(
    ("ops", "adjacency", "complaint"),
    [
        ([[0, 1]], np.zeros((1, 3, 3)), "N, V, V"),
        ([[0, 1, 2]], [CHAIN.T], "topologically"),
        ([[0, 1, 2]], [np.eye(3)], "diagonal"),
        ([[0, 1, PADDING]], [CHAIN], "padded"),
    ],
)
def test_what_is_no_dag_is_refused(ops: list[list[int]], adjacency: np.ndarray, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        GraphBatch.of(ops, adjacency)


def test_indexing_and_concatenation() -> None:
    batch = GraphBatch.of([[0, 1, 2], [2, 1, 0]], [CHAIN, CHAIN])
    assert batch[1].ops.tolist() == [[2, 1, 0]]
    both = GraphBatch.concatenate([batch[1], batch[:1]])
    assert both.ops.tolist() == [[2, 1, 0], [0, 1, 2]]
    assert len(batch[[0, 0, 1]]) == 3


@given(dags())
def test_arrays_round_trip(graph: GraphBatch) -> None:
    again = GraphBatch.from_arrays(graph.arrays())
    assert np.array_equal(again.ops, graph.ops)
    assert np.array_equal(again.adjacency, graph.adjacency)


def test_save_and_load(tmp_path: Path) -> None:
    batch = GraphBatch.of([[0, 1, 2]], [CHAIN])
    batch.save(tmp_path / "graphs.safetensors")
    assert np.array_equal(GraphBatch.load(tmp_path / "graphs.safetensors").adjacency, batch.adjacency)
    assert [path.name for path in tmp_path.iterdir()] == ["graphs.safetensors"]
    content = (tmp_path / "graphs.safetensors").read_bytes()
    (tmp_path / "graphs.safetensors").write_bytes(content[:-3])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        GraphBatch.load(tmp_path / "graphs.safetensors")
