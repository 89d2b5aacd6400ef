from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import fingerprint, fingerprint128, module_hash
from graph_strategies import dags, relabelled

CODES = {"input": 0, "conv1x1-bn-relu": 1, "conv3x3-bn-relu": 2, "maxpool3x3": 3, "output": 4}
PUBLISHED_LABELS = {0: -1, 1: 1, 2: 0, 3: 2, 4: -2}


def published_cells(folder: Path) -> tuple[GraphBatch, pd.Series]:
    """All NAS-Bench-101 cells of the published table and their published hashes."""
    table = pd.read_parquet(folder / "nasbench101.parquet", columns=["adjacency", "ops", "hash"])
    ops = np.full((len(table), 7), PADDING, dtype=np.uint8)
    adjacency = np.zeros((len(table), 7, 7), dtype=np.bool_)
    for row, (matrix, names) in enumerate(zip(table["adjacency"], table["ops"], strict=True)):
        codes = [CODES[name] for name in names.split(",")]
        n = len(codes)
        ops[row, :n] = codes
        adjacency[row, :n, :n] = np.frombuffer(matrix.replace(";", "").encode(), dtype=np.uint8).reshape(n, n) == 49
    return GraphBatch.of(ops, adjacency), table["hash"]


def hash_of(cells: GraphBatch, row: int) -> str:
    n = int(cells.mask[row].sum())
    return module_hash(cells.adjacency[row, :n, :n], [PUBLISHED_LABELS[code] for code in cells.ops[row, :n].tolist()])


def test_published_hashes_and_equivalence(shared_data: Path) -> None:
    cells, hashes = published_cells(shared_data)
    assert len(cells) == 423_624
    for row in range(0, len(cells), 400):
        assert hash_of(cells, row) == hashes[row]
    # The published hashes are all different, so the same equivalence is: all fingerprints are.
    assert hashes.is_unique
    assert len(np.unique(fingerprint(cells))) == len(cells)


@given(dags(), st.integers(0, 2**32))
def test_invariant_under_relabelling(graph: GraphBatch, seed: int) -> None:
    other = relabelled(graph, np.random.default_rng(seed))
    assert fingerprint(graph) == fingerprint(other)
    n = int(graph.mask[0].sum())
    hashes = [module_hash(g.adjacency[0, :n, :n], g.ops[0, :n].tolist()) for g in (graph, other)]
    assert hashes[0] == hashes[1]


@given(dags(vertices=5, operations=2), dags(vertices=5, operations=2))
def test_same_equivalence_as_the_published_hash(first: GraphBatch, second: GraphBatch) -> None:
    sizes = [int(g.mask[0].sum()) for g in (first, second)]
    hashes = [
        module_hash(g.adjacency[0, :n, :n], g.ops[0, :n].tolist()) for g, n in zip((first, second), sizes, strict=True)
    ]
    assert (fingerprint(first)[0] == fingerprint(second)[0]) == (hashes[0] == hashes[1])


def test_distinguishes_exactly_the_isomorphism_classes_of_small_graphs() -> None:
    """Against trying all relabellings, on every DAG of four vertices with two labels."""
    graphs = []
    for bits in range(2**6):
        adjacency = np.zeros((4, 4), dtype=np.bool_)
        adjacency[np.triu_indices(4, 1)] = [bits >> k & 1 for k in range(6)]
        graphs += [(adjacency, [labels >> k & 1 for k in range(4)]) for labels in range(16)]
    batch = GraphBatch.of([labels for _, labels in graphs], np.stack([adjacency for adjacency, _ in graphs]))

    def smallest(adjacency: np.ndarray, labels: list[int]) -> bytes:
        forms = []
        for order in permutations(range(4)):
            index = list(order)
            forms.append(adjacency[np.ix_(index, index)].tobytes() + bytes(labels[v] for v in index))
        return min(forms)

    forms = [smallest(adjacency, labels) for adjacency, labels in graphs]
    pairs = set(zip(forms, fingerprint(batch).tolist(), strict=True))
    assert len(pairs) == len(set(forms)) == len(set(fingerprint(batch).tolist()))


def test_streams_differ_and_padding_does_not_count() -> None:
    adjacency = np.zeros((1, 4, 4), dtype=np.bool_)
    adjacency[0, 0, 1] = True
    graph = GraphBatch.of([[0, 1, PADDING, PADDING]], adjacency)
    both = fingerprint128(graph)
    assert both.shape == (1, 2)
    assert both[0, 0] != both[0, 1]
    longer = GraphBatch.of([[0, 1, 2, PADDING]], adjacency)
    assert fingerprint(longer) != fingerprint(graph)


@pytest.mark.slow
def test_every_published_hash(shared_data: Path) -> None:
    cells, hashes = published_cells(shared_data)
    assert all(hash_of(cells, row) == hashes[row] for row in range(len(cells)))
