"""Subtree labels and their optimal assignment, against GraKeL, a slow obvious version and dense algebra."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import arch2vec
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.function import FunctionGraphs, function_graphs
from arch2vec.graphs.subtrees import NOTHING, subtree_tokens
from arch2vec.representations.structure import structure
from arch2vec.representations.subtrees import BESIDE, SUBTREES, subtrees
from arch2vec.searching import get_method
from arch2vec.searching.vectors import grouped_vectors, subtree_vectors, with_subtrees
from arch2vec.spaces import NASBench101, NASBench201, SearchSpace
from arch2vec.surrogates.assignment import token_squares
from arch2vec.surrogates.grouped_process import GroupedProcess
from arch2vec.surrogates.predictors import PREDICTORS
from graph_strategies import dags, relabelled
from one_line import error_of

SPACE = NASBench201()


def common(graphs: FunctionGraphs, depth: int, directed: bool = True) -> NDArray[np.float64]:
    """(N, N) how many tokens any two graphs have in common at one depth, by the squared distances."""
    tokens = torch.from_numpy(subtree_tokens(graphs, [depth], directed=directed)).double()
    sizes = (tokens >= 0).sum(1)
    return ((sizes[:, None] + sizes - token_squares(tokens, tokens)) / 2).numpy()


def labels_of(graphs: FunctionGraphs, row: int, depth: int, directed: bool) -> list[object]:
    """The labels of one graph's vertices as nested tuples, by recursion."""
    ops, edges = graphs.ops[:, row], graphs.edges[:, :, row]
    there: list[int] = np.flatnonzero(graphs.alive[:, row]).tolist()

    def label(vertex: int, depth: int) -> object:
        if depth == 0:
            return int(ops[vertex]), bool(graphs.starts[vertex, row]), bool(graphs.ends[vertex, row])
        read = [label(v, depth - 1) for v in there for _ in range(int(edges[v, vertex]))]
        readers = [label(v, depth - 1) for v in there for _ in range(int(edges[vertex, v]))]
        around = [sorted(read, key=str), sorted(readers, key=str)] if directed else [sorted(read + readers, key=str)]
        return (label(vertex, depth - 1), *map(tuple, around))

    return [label(vertex, depth) for vertex in there]


@settings(max_examples=40, deadline=None)
@given(st.lists(dags(), min_size=2, max_size=4), st.integers(0, 3), st.booleans())
def test_common_tokens_are_the_intersection_of_multisets(some: list[GraphBatch], depth: int, directed: bool) -> None:
    graphs = GraphBatch.concatenate(some)
    functions = function_graphs(graphs, {1}, {2})
    counts = [Counter(map(str, labels_of(functions, row, depth, directed))) for row in range(len(graphs))]
    expected = [[(one & other).total() for other in counts] for one in counts]
    np.testing.assert_array_equal(common(functions, depth, directed), expected)


def test_undirected_labels_give_grakels_kernel() -> None:
    grakel = pytest.importorskip("grakel")
    graphs = NASBench101().sample(30, np.random.default_rng(0))
    written = function_graphs(graphs)
    known = []
    for ops, edges in zip(graphs.ops.tolist(), graphs.adjacency, strict=True):
        pairs = {(int(a), int(b)): 1 for a, b in np.argwhere(edges | edges.T)}
        known.append(grakel.Graph(pairs, node_labels={v: ops[v] for v in np.flatnonzero(edges.any(0) | edges.any(1))}))
    expected = grakel.kernels.WeisfeilerLehmanOptimalAssignment(n_iter=3).fit_transform(known)
    found = sum(common(written, depth, directed=False) for depth in range(4))
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("space", [NASBench101(), SPACE], ids=lambda space: space.name)
def test_tokens_do_not_depend_on_numbering_or_company(space: SearchSpace) -> None:
    rng = np.random.default_rng(1)
    graphs = space.sample(40, rng)
    tokens, groups = subtrees(graphs, space)
    assert dict(groups) == {f"{SUBTREES} of depth {depth}": space.num_vertices for depth in range(4)}
    np.testing.assert_array_equal(subtrees(graphs[np.arange(5, 9)], space)[0], tokens[5:9])
    assert (tokens == np.round(tokens)).all()
    assert tokens.max() < 1 << 24
    if space.name == "nasbench101":
        renamed = GraphBatch.concatenate([relabelled(graphs[row], rng) for row in range(len(graphs))])
        np.testing.assert_array_equal(subtrees(renamed, space)[0], tokens)
    alone = subtrees(graphs, space, (2,))[0]
    v = space.num_vertices
    np.testing.assert_array_equal(alone, tokens[:, 2 * v : 3 * v])
    assert subtrees(graphs[np.arange(0)], space)[0].shape == (0, 4 * v)
    wrong: tuple[int, ...]
    for wrong in ((), (-1,), (1, 1)):
        with pytest.raises(InputError, match="depths"):
            subtrees(graphs, space, wrong)


def test_cells_of_one_function_have_the_same_tokens() -> None:
    texts = [
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|",
        "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_1x1~2|",
        "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|nor_conv_3x3~2|",
    ]
    first, second, other = subtrees(SPACE.parse(texts), SPACE)[0]
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_distances_are_of_the_textbook_whichever_side_is_longer() -> None:
    rng = np.random.default_rng(2)

    def sets(count: int) -> torch.Tensor:
        rows = np.full((count, 6), NOTHING)
        for row in rows:
            some = rng.choice(12, size=rng.integers(0, 7), replace=False)
            row[: len(some)] = some
        return torch.from_numpy(rng.permuted(rows, axis=1)).double()

    a, b = sets(9), sets(30)
    own = [[set(row[row >= 0].tolist()) for row in table.numpy()] for table in (a, b)]
    expected = [[len(one ^ other) for other in own[1]] for one in own[0]]
    np.testing.assert_array_equal(token_squares(a, b), expected)
    np.testing.assert_array_equal(token_squares(b, a), np.transpose(expected))
    np.testing.assert_array_equal(token_squares(a[:1].float(), b.float()), expected[:1])


def test_the_process_weighs_tokens_beside_numbers() -> None:
    graphs = SPACE.sample(60, np.random.default_rng(3))
    tokens, groups = subtrees(graphs, SPACE, BESIDE, apart=False)
    known = structure(graphs, SPACE, ["paths"])
    x = np.concatenate([known.values, tokens], axis=1).astype(np.float64)
    sizes = (known.values.shape[1], tokens.shape[1])
    process = GroupedProcess(sizes, ((0,), (1,)), tokens=frozenset({1}))
    y = tokens[:, :8].sum(1)[None] % 7
    (learned,) = process.fit(x[None, :40], y[:, :40])
    point = torch.from_numpy(x)
    squares = token_squares(point[:, sizes[0] :], point[:, sizes[0] :]).numpy()
    away = np.linalg.norm(x[:, None, : sizes[0]] - x[None, :, : sizes[0]], axis=2)

    def matern(distance: NDArray[np.float64]) -> NDArray[np.float64]:
        u = math.sqrt(5) * distance
        return (1 + u + u**2 / 3) * np.exp(-u)

    expected = learned.weights[0] * matern(away / learned.lengths[0])
    expected += learned.weights[1] * matern(np.sqrt(squares) / learned.lengths[1])
    for size in (1, 60):  # one point takes another way
        np.testing.assert_allclose(learned.covariance(point[:size], point).numpy(), expected[:size], atol=1e-6)
    belief = learned.belief(x.astype(np.float32), x[:39])
    belief.observe(x[39:40])
    again = learned.belief(x.astype(np.float32), x[:40]).forecast(y[0, :40])
    np.testing.assert_allclose(belief.forecast(y[0, :40]).mean, again.mean, atol=1e-4)
    assert "tokens are in" in error_of(lambda: GroupedProcess(sizes, ((0,),), tokens=frozenset({2})))
    del groups


def test_predictors_take_tokens_or_say_that_they_cannot() -> None:
    graphs = SPACE.sample(120, np.random.default_rng(4))
    worth = (graphs.ops == SPACE.operations.index("nor_conv_3x3")).sum(axis=1).astype(float)
    tokens, groups = subtrees(graphs, SPACE)
    for name in ("groups", "groups+trees"):
        found = PREDICTORS[name](tokens[:60], worth[:60], tokens, 0, groups)
        assert np.corrcoef(found[60:], worth[60:])[0, 1] > 0.6
    known = structure(graphs, SPACE)
    both = np.concatenate([known.values, tokens], axis=1)
    for name in ("gp", "forest", "extra-trees"):
        with pytest.raises(InputError, match="subtrees"):
            PREDICTORS[name](tokens[:60], worth[:60], tokens, 0, groups)
        np.testing.assert_array_equal(
            PREDICTORS[name](both[:60], worth[:60], both, 0, (*known.groups, *groups)),
            PREDICTORS[name](known.values[:60], worth[:60], known.values, 0, known.groups),
        )


@pytest.mark.parametrize("method", ["wl-bo", "group-wl-bo"])
def test_searches_on_subtrees(method: str) -> None:
    embedding = arch2vec.structure_embedding(SPACE)
    wanted = (embedding.graphs.ops == SPACE.operations.index("nor_conv_3x3")).sum(axis=1).astype(float)
    tokens = subtree_vectors(embedding).vectors
    np.testing.assert_array_equal(
        with_subtrees(embedding).vectors[:, : grouped_vectors(embedding).vectors.shape[1]],
        grouped_vectors(embedding).vectors,
    )
    _, first, function = np.unique(embedding.function_classes, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(tokens, tokens[first][function])
    assert get_method(method).name == method
    result = arch2vec.search(
        embedding,
        lambda architecture: float(wanted[embedding.index_of(architecture)]),
        method=method,
        budget=25,
        seed=0,
    )
    assert result.best.validation >= 5


def test_the_yardstick_knows_them(shared_data: Path, tmp_path: Path) -> None:
    from arch2vec.experiments.prediction import Settings, run_prediction
    from arch2vec.experiments.prediction_inputs import BOTH, STRUCTURE, TARGETS

    del shared_data
    chosen = {"nasbench201-cifar10": TARGETS["nasbench201-cifar10"]}
    settings_ = Settings(
        labels=[40], seeds=[0], predictors=["groups"], encodings=[STRUCTURE, SUBTREES, BOTH], test_points=1000
    )
    frame = run_prediction(chosen, [], settings_, tmp_path)
    assert frame["tau"].tolist() == pytest.approx([0.75, 0.7, 0.75], abs=0.12)
    with pytest.raises(InputError, match="subtree"):
        Settings(encodings=["subtree"])
