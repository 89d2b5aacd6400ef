"""Discrete encodings against slow references and the sizes in the literature."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.graphs import GraphBatch
from arch2vec.representations.discrete import ENCODINGS, adjacency_one_hot, path_encoding, short_path_encoding
from arch2vec.spaces import DARTS, DARTSPair, DeclaredSpace, NASBench101, NASBench201, SearchSpace, SpaceDeclaration
from arch2vec.spaces.nasbench201.space import OPERATIONS
from graph_strategies import relabelled
from one_line import error_of

SMALL_FREE = DeclaredSpace(
    SpaceDeclaration(name="small", operations=("a", "b"), carries="vertices", vertices=5, max_edges=6, max_in_degree=3)
)
SPACES: list[SearchSpace] = [NASBench101(), NASBench201(), DARTS(), DARTSPair(), SMALL_FREE]


Path = tuple[int, int, tuple[int, ...]]


def paths_of(ops: list[int], edges: np.ndarray, inputs: tuple[int, ...]) -> Iterator[Path]:
    """The (output operation, input operation, operations) of every path of one graph, by plain recursion."""

    def walk(vertex: int, so_far: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if not edges[vertex].any():
            yield so_far
        for following in np.flatnonzero(edges[vertex]).tolist():
            yield from walk(following, (*so_far, ops[following]))

    for start in inputs:
        for path in walk(start, ()):
            yield path[-1], ops[start], path[:-1]


def slow_path_encoding(
    graphs: GraphBatch, inputs: tuple[int, ...], outputs: list[int], alphabet: list[int], lengths: range
) -> np.ndarray:
    listed: list[Path] = []
    for length in lengths:
        starts = sorted({int(graphs.ops[0, vertex]) for vertex in inputs})
        listed += itertools.product(outputs, starts, itertools.product(alphabet, repeat=length))
    column = {key: number for number, key in enumerate(listed)}
    encoded = np.zeros((len(graphs), len(column)), dtype=np.float32)
    for row in range(len(graphs)):
        count = int(graphs.mask[row].sum())
        for key in paths_of(graphs.ops[row, :count].tolist(), graphs.adjacency[row, :count, :count], inputs):
            if len(key[2]) in lengths:
                encoded[row, column[key]] = 1
    return encoded


DARTS_OPERATIONS = [3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("space", "inputs", "outputs", "alphabet", "lengths"),
    [
        (NASBench101(), (0,), [4], [1, 2, 3], range(6)),
        (NASBench201(), (0,), [6], [1, 2, 3, 4, 5], range(1, 4)),
        (DARTS(), (0, 1), [10], DARTS_OPERATIONS, range(1, 5)),
        (DARTSPair(), (0, 1, 11, 12), [10, 11], DARTS_OPERATIONS, range(1, 4)),
        (SMALL_FREE, (0,), [3], [1, 2], range(4)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_paths_are_those_of_plain_recursion(
    space: SearchSpace, inputs: tuple[int, ...], outputs: list[int], alphabet: list[int], lengths: range
) -> None:
    graphs = space.sample(min(300, space.size or 300), np.random.default_rng(1))
    expected = slow_path_encoding(graphs, inputs, outputs, alphabet, lengths)
    np.testing.assert_array_equal(path_encoding(graphs, space), expected)
    for longest in lengths[1:]:
        shorter = slow_path_encoding(graphs, inputs, outputs, alphabet, range(lengths[0], longest + 1))
        np.testing.assert_array_equal(path_encoding(graphs, space, longest), shorter)
        np.testing.assert_array_equal(shorter, expected[:, : shorter.shape[1]])


def test_sizes_are_those_of_the_literature() -> None:
    graphs = {space.name: space.sample(2, np.random.default_rng(0)) for space in SPACES}
    sizes = {
        space.name: [ENCODINGS[name](graphs[space.name], space).shape[1] for name in ("adjacency", "path")]
        for space in SPACES
    }
    assert sizes["nasbench101"] == [21 + 5 * 3, sum(3**i for i in range(6))] == [36, 364]
    assert sizes["nasbench201"] == [6 * 5, 5 + 25 + 125]
    assert sizes["darts"] == [2 * (1 + 1 + 2 + 2 + 3 + 3 + 4 + 4) + 8 * 7, 2 * (7 + 49 + 343 + 2401)]
    assert sizes["darts_pair"] == [2 * 96, 2 * 2 * (7 + 49 + 343)]
    assert short_path_encoding(graphs["nasbench101"], NASBench101()).shape[1] == 1 + 3 + 9 + 27


def test_a_cell_written_out() -> None:
    space = NASBench101()
    # input -> conv3x3 -> output, and input -> maxpool -> output: two paths of one operation.
    graph = space.parse(["0110;0001;0001;0000|input,conv3x3-bn-relu,maxpool3x3,output"])
    paths = path_encoding(graph, space)[0]
    assert np.flatnonzero(paths).tolist() == [1 + 1, 1 + 2]  # after the empty path: conv1x1, conv3x3, maxpool
    encoded = adjacency_one_hot(graph, space)[0]
    pairs = [(i, j) for i in range(7) for j in range(i + 1, 7)]
    assert [pairs[k] for k in np.flatnonzero(encoded[:21])] == [(0, 1), (0, 2), (1, 6), (2, 6)]
    np.testing.assert_array_equal(encoded[21:].reshape(5, 3), [[0, 1, 0], [0, 0, 1], [0] * 3, [0] * 3, [0] * 3])


def test_nasbench201_is_its_operations_one_hot() -> None:
    space = NASBench201()
    graphs = space.enumerate()
    inner = graphs.ops[:, 1:-1, None] == np.arange(1, len(OPERATIONS) - 1)
    np.testing.assert_array_equal(adjacency_one_hot(graphs, space), inner.reshape(len(graphs), 30))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_adjacency_tells_architectures_apart_and_wastes_no_column(space: SearchSpace) -> None:
    graphs = space.sample(min(2000, space.size or 2000), np.random.default_rng(3))
    encoded = adjacency_one_hot(graphs, space)
    assert len(np.unique(encoded, axis=0)) == len(graphs)
    assert set(np.unique(encoded)) == {0, 1}
    constant = np.flatnonzero(encoded.min(axis=0) == encoded.max(axis=0))
    # All NASBench-101 cells but the one of two vertices have the edge 0 -> 1.
    assert constant.tolist() == ([0] if space.name == "nasbench101" else [])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), which=st.sampled_from(range(len(SPACES))))
def test_a_row_does_not_depend_on_the_rest_of_the_batch(seed: int, which: int) -> None:
    space = SPACES[which]
    graphs = space.sample(6, np.random.default_rng(seed))
    for encode in ENCODINGS.values():
        whole = encode(graphs, space)
        np.testing.assert_array_equal(whole[4:], encode(graphs[4:], space))
        assert encode(graphs[:0], space).shape == (0, whole.shape[1])


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_paths_do_not_change_with_the_numbering(seed: int) -> None:
    space, rng = NASBench101(), np.random.default_rng(seed)
    graph = space.sample(1, rng)
    np.testing.assert_array_equal(path_encoding(graph, space), path_encoding(relabelled(graph, rng), space))


def test_input_that_is_refused() -> None:
    space = NASBench201()
    graphs = space.enumerate()[:3]
    wrong = GraphBatch(graphs.ops, np.zeros_like(graphs.adjacency))
    for encode in ENCODINGS.values():
        assert "graph 0 of 3 is no architecture of nasbench201" in error_of(lambda e=encode: e(wrong, space))  # type: ignore[misc]
    assert "its paths have 1 to 3" in error_of(lambda: path_encoding(graphs, space, 0))
