from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.edit_distance import edit_distance
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces import get_space
from graph_strategies import dags, relabelled

SEEDS = st.integers(0, 2**32 - 1)


def random_graphs(n: int, vertices: int, operations: int, seed: int) -> GraphBatch:
    rng = np.random.default_rng(seed)
    mask = np.arange(vertices) < rng.integers(0, vertices + 1, size=n)[:, None]
    ops = np.where(mask, rng.integers(0, operations, size=(n, vertices)), PADDING)
    edges = np.triu(rng.random((n, vertices, vertices)) < rng.random((n, 1, 1)), 1)
    return GraphBatch.of(ops, edges & mask[:, :, None] & mask[:, None, :])


def by_definition(first: GraphBatch, second: GraphBatch) -> int:
    """The least cost of any injective partial map of the vertices, all of them tried."""
    n, m = int(first.mask.sum()), int(second.mask.sum())
    A, B = first.adjacency[0, :n, :n].astype(int), second.adjacency[0, :m, :m].astype(int)
    best = n + m + int(A.sum() + B.sum())
    for size in range(1, min(n, m) + 1):
        for sources in itertools.combinations(range(n), size):
            for targets in itertools.permutations(range(m), size):
                relabelled_vertices = sum(
                    first.ops[0, s] != second.ops[0, t] for s, t in zip(sources, targets, strict=True)
                )
                inside_a, inside_b = A[np.ix_(sources, sources)], B[np.ix_(targets, targets)]
                inside = np.abs(inside_a - inside_b).sum()
                outside = A.sum() - inside_a.sum() + B.sum() - inside_b.sum()
                best = min(best, int(relabelled_vertices + n + m - 2 * size + inside + outside))
    return best


def test_against_trying_all_maps_of_vertices() -> None:
    first, second = random_graphs(60, 4, 3, seed=0), random_graphs(60, 4, 3, seed=1)
    expected = [by_definition(first[n], second[n]) for n in range(60)]
    assert edit_distance(first, second).tolist() == expected


def test_against_networkx() -> None:
    networkx = pytest.importorskip("networkx")

    def graph(batch: GraphBatch, row: int) -> object:
        built = networkx.DiGraph()
        built.add_nodes_from((v, {"op": int(op)}) for v, op in enumerate(batch.ops[row]) if op != PADDING)
        built.add_edges_from(np.argwhere(batch.adjacency[row]).tolist())
        return built

    first, second = random_graphs(120, 5, 3, seed=2), random_graphs(120, 5, 3, seed=3)
    expected = [
        networkx.graph_edit_distance(graph(first, n), graph(second, n), node_match=lambda a, b: a["op"] == b["op"])
        for n in range(120)
    ]
    assert edit_distance(first, second).tolist() == expected


def over_all_permutations(first: GraphBatch, second: GraphBatch, size: int) -> int:
    """The formula of the module's text, without any pruning, a permutation a row."""
    order = np.array(list(itertools.permutations(range(size))))
    labels = (second.ops[0][order] != first.ops[0]).sum(axis=1)
    moved = second.adjacency[0][order[:, :, None], order[:, None, :]]
    return int((labels + (moved != first.adjacency[0]).sum(axis=(1, 2))).min())


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201"])
def test_pairs_of_cells_against_all_permutations(name: str) -> None:
    space = get_space(name)
    cells = space.sample(12, np.random.default_rng(5))
    first, second = cells[:6], cells[6:]
    expected = [over_all_permutations(first[n], second[n], space.num_vertices) for n in range(6)]
    assert edit_distance(first, second).tolist() == expected


def test_edits_counted_by_hand() -> None:
    chain = GraphBatch.of([[0, 1, 2]], [[[0, 1, 0], [0, 0, 1], [0, 0, 0]]])
    relabel = GraphBatch.of([[0, 2, 2]], chain.adjacency)
    shortcut = GraphBatch.of([[0, 1, 2]], [[[0, 1, 1], [0, 0, 1], [0, 0, 0]]])
    turned = GraphBatch.of([[2, 1, 0]], chain.adjacency)
    shorter = GraphBatch.of([[0, 2]], [[[0, 1], [0, 0]]])
    empty = GraphBatch.of([[PADDING]], [[[0]]])
    found = [int(edit_distance(chain, other)[0]) for other in (chain, relabel, shortcut, turned, shorter, empty)]
    # The turned chain: two edges turned round would be four edits, two vertices relabelled are two. The shorter
    # one: a vertex, its two edges, and the edge that then is missing; or two relabelled and one of them taken out.
    assert found == [0, 1, 1, 2, 3, 5]


@given(dags(), SEEDS)
@settings(deadline=None)
def test_isomorphic_graphs_have_distance_zero(graph: GraphBatch, seed: int) -> None:
    again = relabelled(graph, np.random.default_rng(seed))
    assert edit_distance(graph, again).tolist() == [0]


@given(dags(), dags())
@settings(deadline=None)
def test_zero_means_isomorphic_and_order_does_not_matter(first: GraphBatch, second: GraphBatch) -> None:
    distance = edit_distance(first, second)
    assert (distance[0] == 0) == (fingerprint(first)[0] == fingerprint(second)[0])
    assert np.array_equal(distance, edit_distance(second, first))


@given(dags(), dags(), dags())
@settings(deadline=None)
def test_triangle_inequality(first: GraphBatch, second: GraphBatch, third: GraphBatch) -> None:
    a, b, c = edit_distance(
        GraphBatch.concatenate([first, second, first]), GraphBatch.concatenate([second, third, third])
    ).tolist()
    assert c <= a + b


@given(SEEDS, st.integers(0, 12))
@settings(deadline=None, max_examples=20)
def test_a_limit_only_cuts_off(seed: int, limit: int) -> None:
    graphs = random_graphs(40, 6, 3, seed)
    distances = edit_distance(graphs[:20], graphs[20:])
    assert np.array_equal(edit_distance(graphs[:20], graphs[20:], limit=limit), np.minimum(distances, limit + 1))


def test_a_narrow_first_pass_leaves_the_result_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = get_space("nasbench101").sample(60, np.random.default_rng(0))
    distances = edit_distance(graphs[:30], graphs[30:])
    monkeypatch.setattr("arch2vec.graphs.edit_distance._BEAM", 1)
    monkeypatch.setattr("arch2vec.graphs.edit_distance._CHUNK", 50)
    assert np.array_equal(edit_distance(graphs[:30], graphs[30:]), distances)


def test_padding_and_sizes_do_not_matter() -> None:
    graphs = random_graphs(50, 6, 4, seed=7)
    wider = GraphBatch(
        np.pad(graphs.ops, ((0, 0), (2, 1)), constant_values=PADDING),
        np.pad(graphs.adjacency, ((0, 0), (2, 1), (2, 1))),
    )
    others = random_graphs(50, 5, 4, seed=8)
    assert np.array_equal(edit_distance(graphs, others), edit_distance(wider, others))
    assert not edit_distance(graphs, wider).any()
    assert edit_distance(graphs[:0], others[:0]).shape == (0,)


@pytest.mark.parametrize(("name", "most"), [("nasbench201", 1), ("darts", 4)])
def test_one_edit_of_a_cell(name: str, most: int) -> None:
    """One operation is one edit; another source in DARTS takes away and adds two edges where both are nodes."""
    space = get_space(name)
    cells = space.sample(40, np.random.default_rng(0))
    distances = edit_distance(cells, space.mutate(cells, np.random.default_rng(1)))
    assert distances.max() <= most
    assert (distances == 1).any()


def test_one_edit_of_a_nasbench101_cell() -> None:
    """An operation or an edge is one edit; what pruning takes along, or a new vertex brings, is more."""
    space = get_space("nasbench101")
    cells = space.sample(200, np.random.default_rng(0))
    edited = space.mutate(cells, np.random.default_rng(1))
    distances = edit_distance(cells, edited)
    same_size = cells.mask.sum(axis=1) == edited.mask.sum(axis=1)
    assert (distances[same_size] == 1).all()
    # A vertex added: itself and two edges; vertices pruned: each with at least one edge, beside the edge removed.
    change = np.abs(cells.mask.sum(axis=1) - edited.mask.sum(axis=1))
    assert (distances[~same_size] >= 2 * change[~same_size] + 1).all()


def test_wrong_input() -> None:
    graphs = random_graphs(3, 4, 2, seed=0)
    with pytest.raises(InputError, match="got 3 and 2"):
        edit_distance(graphs, graphs[:2])
    with pytest.raises(InputError, match="at least 0, got -1"):
        edit_distance(graphs, graphs, limit=-1)
