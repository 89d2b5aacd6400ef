"""The most likely architecture under a decoder's beliefs, against brute force and linear programming."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog
from typing_extensions import override

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces import DeclaredSpace, SearchSpace, SpaceDeclaration, get_space
from arch2vec.spaces.darts.cells import DARTSCells
from arch2vec.spaces.declared.limits import TopologyLimits
from arch2vec.spaces.likelihood import free_decoding, log_ratio, most_likely_of
from arch2vec.spaces.likely_cells import most_likely_cells
from arch2vec.spaces.likely_edges import best_edges
from declared_reference import numbered_cells
from one_line import error_of

FIXED = SpaceDeclaration(
    "fixed",
    ("a", "b", "c"),
    "vertices",
    vertices=5,
    edges=((0, 1), (0, 2), (1, 3), (2, 3), (3, 4)),
    allowed={"2": ("a", "c")},
)
ON_EDGES = SpaceDeclaration("on_edges", ("a", "none"), "edges", nodes=3, edges=((0, 1), (0, 2), (1, 2)))


def free_space(vertices: int, edges: int, in_degree: int | None = None, operations: int = 2) -> DeclaredSpace:
    names = tuple("abcdef"[:operations])
    return DeclaredSpace(
        SpaceDeclaration("free", names, "vertices", vertices=vertices, max_edges=edges, max_in_degree=in_degree)
    )


class Own(SearchSpace):
    """The NAS-Bench-201 cells with at most one convolution, by somebody who wrote a class of their own."""

    name = "own"
    operations = get_space("nasbench201").operations
    num_vertices = 8
    size = None

    def __init__(self, enumerable: bool) -> None:
        self.enumerable = enumerable
        self._whole = get_space("nasbench201")

    @override
    def enumerate(self) -> GraphBatch:
        assert self.enumerable
        return self._all()

    @cache  # noqa: B019
    def _all(self) -> GraphBatch:
        graphs = self._whole.enumerate()
        return graphs[self.is_valid(graphs)]

    @override
    def sample(self, n: int, rng: np.random.Generator) -> GraphBatch:
        self.check_sample_size(n)
        return self._all()[rng.choice(len(self._all()), size=min(n, 50), replace=False)]

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        return self._whole.parse(architectures)

    @override
    def format(self, graphs: GraphBatch) -> list[str]:
        self.check(graphs)
        return self._whole.format(graphs)

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        return self._whole.is_valid(graphs) & (np.isin(graphs.ops, [1, 2]).sum(axis=1) <= 1)

    @override
    def mutate(self, graphs: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        edited = self._whole.mutate(graphs, rng)
        valid = self.is_valid(edited)
        return GraphBatch(
            np.where(valid[:, None], edited.ops, graphs.ops),
            np.where(valid[:, None, None], edited.adjacency, graphs.adjacency),
        )

    @override
    def neighbors(self, graph: GraphBatch) -> GraphBatch:
        near = self._whole.neighbors(graph)
        return near[self.is_valid(near)]


class Narrow(DeclaredSpace):
    """A declared space whose author allows cells of three vertices or more only."""

    def __init__(self) -> None:
        super().__init__(SpaceDeclaration("narrow", ("a", "b"), "vertices", vertices=4, max_edges=5))

    @override
    def enumerate(self) -> GraphBatch:
        graphs = super().enumerate()
        return graphs[self.is_valid(graphs)]

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        return super().is_valid(graphs) & (graphs.mask.sum(axis=1) >= 3)


SPACES: dict[str, SearchSpace] = {
    **{
        name: get_space(name)
        for name in ("nasbench101", "nasbench201", "darts", "darts_pair", "darts?max_macs=600000000")
    },
    "fixed": DeclaredSpace(FIXED),
    "on edges": DeclaredSpace(ON_EDGES),
    "free": free_space(6, 7),
    "in-degree 1": free_space(6, 9, 1),
    "fewer edges than vertices": free_space(6, 3),
    "twelve vertices": free_space(12, 20, 3, operations=4),
    "three vertices": free_space(3, 2),
    "own, listed": Own(enumerable=True),
    "own, sampled": Own(enumerable=False),
    "narrow": Narrow(),
}


def beliefs(
    rng: np.random.Generator, n: int, space: SearchSpace, scale: float = 3.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    v, k = space.num_vertices, space.num_operations
    return rng.normal(size=(n, v, k)) * scale, rng.normal(size=(n, v, v)) * scale


def certain(graphs: GraphBatch, k: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Beliefs in just these graphs; what comes after the output is undecided."""
    return 20 * graphs.one_hot(k), np.where(graphs.adjacency, np.float32(9), np.float32(-9))


def test_nasbench201_against_all_its_cells() -> None:
    space = get_space("nasbench201")
    op_logits, edge_logits = beliefs(np.random.default_rng(0), 100, space)
    found = space.most_likely(op_logits, edge_logits)
    best = most_likely_of(space.enumerate(), op_logits, edge_logits)
    assert (found.ops == best.ops).all()


@pytest.mark.parametrize("declaration", [FIXED, ON_EDGES], ids=["vertices", "edges"])
def test_fixed_topologies_against_every_labelling(declaration: SpaceDeclaration) -> None:
    """Of all numberings of a cell, of which the space lists one."""
    space = DeclaredSpace(declaration)
    v, k = space.num_vertices, space.num_operations
    rows = [[0, *inner, k - 1] for inner in itertools.product(range(1, k - 1), repeat=v - 2)]
    adjacency = np.tile(space.enumerate().adjacency[:1], (len(rows), 1, 1))
    labelled = GraphBatch(np.array(rows, dtype=np.uint8), adjacency)
    labelled = labelled[space.is_valid(labelled)]
    op_logits, edge_logits = beliefs(np.random.default_rng(1), 200, space)
    found = space.most_likely(op_logits, edge_logits)
    assert (found.ops == most_likely_of(labelled, op_logits, edge_logits).ops).all()


@pytest.mark.parametrize(
    ("vertices", "edges", "in_degree"), [(5, 7, None), (5, 5, 2), (5, 4, 1), (5, 10, 3), (5, 3, None)]
)
def test_free_topologies_against_every_numbered_cell(vertices: int, edges: int, in_degree: int | None) -> None:
    """The most probable number of vertices, and of the cells with as many the most likely."""
    space = free_space(vertices, edges, in_degree)
    limits = TopologyLimits(vertices, edges, in_degree or vertices - 1, 2)
    cells = GraphBatch.concatenate(list(numbered_cells(limits)))
    sizes = cells.mask.sum(axis=1)
    rng = np.random.default_rng(edges)
    for scale, whole in ((0.3, False), (4.0, False), (1.0, True)):  # rounded ones have ties
        op_logits, edge_logits = beliefs(rng, 60, space, scale)
        if whole:
            op_logits, edge_logits = op_logits.round(), edge_logits.round()
        found = space.most_likely(op_logits, edge_logits)
        counts = found.mask.sum(axis=1)
        assert space.is_valid(found).all()
        chances = np.exp(op_logits) / np.exp(op_logits).sum(axis=2, keepdims=True)
        for row in range(len(found)):
            of_count = [
                sum(
                    np.prod([chances[row, v, op] for v, op in enumerate(inner, start=1)]) * chances[row, n - 1, 3]
                    for inner in itertools.product((1, 2), repeat=n - 2)
                )
                for n in range(2, min(vertices, edges + 1) + 1)
            ]
            assert of_count[counts[row] - 2] == pytest.approx(max(of_count), rel=1e-9)
            same = cells[np.flatnonzero(sizes == counts[row])]
            mine = op_logits[row : row + 1], edge_logits[row : row + 1]
            best = log_ratio(most_likely_of(same, *mine), *mine)
            assert log_ratio(found[row], *mine) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_edges_against_linear_programming(seed: int) -> None:
    """The constraints' matrix is totally unimodular, so that the programme's optimum is that of whole edges."""
    rng = np.random.default_rng(seed)
    for _ in range(8):
        v = int(rng.integers(3, 13))
        most = v * (v - 1) // 2
        limits = TopologyLimits(v, int(rng.integers(v - 1, min(most, v + 3) + 1)), int(rng.integers(1, v)), 2)
        points = rng.normal(size=(8, v, 4))
        logits = rng.normal(size=(8, v, v)) * 3 if rng.random() < 0.5 else points @ points.transpose(0, 2, 1)
        logits = logits.round() if rng.random() < 0.3 else logits + rng.normal()
        counts = rng.integers(2, v + 1, size=8)
        edges = best_edges(logits, counts, limits)
        worth = (logits * edges).sum(axis=(1, 2))
        for row, n in enumerate(counts.tolist()):
            pairs = list(itertools.combinations(range(n), 2))
            out = np.array([[source == vertex for source, _ in pairs] for vertex in range(n - 1)], dtype=float)
            into = np.array([[target == vertex for _, target in pairs] for vertex in range(1, n)], dtype=float)
            solved = linprog(
                [-logits[row, source, target] for source, target in pairs],
                A_ub=np.concatenate([-out, -into, into, np.ones((1, len(pairs)))]),
                b_ub=[-1] * (2 * n - 2) + [limits.in_degree] * (n - 1) + [limits.edges],
                bounds=(0, 1),
            )
            assert solved.fun is not None
            assert worth[row] == pytest.approx(-solved.fun, abs=1e-5)


def test_equal_edges_and_certain_ones_end() -> None:
    """No chain of exchanges goes in circles, whatever is equal, and huge numbers keep their order."""
    limits = TopologyLimits(9, 10, 2, 1)
    for logits in (np.zeros((3, 9, 9)), np.full((3, 9, 9), 1e5), np.full((3, 9, 9), -1e5)):
        edges = best_edges(logits, np.array([2, 8, 9]), limits)
        assert (edges.sum(axis=(1, 2)) <= 10).all()
    space = free_space(9, 10, 2, operations=1)
    op_logits = np.zeros((1, 9, 3))
    edge_logits = np.full((1, 9, 9), -np.inf)
    op_logits[0, 1:4, 1], op_logits[0, 4, 2], edge_logits[0, 0, 4] = np.inf, np.inf, np.inf
    found = space.most_likely(op_logits, edge_logits)
    assert found.mask.sum() == 5
    assert found.adjacency[0, 0, 4]


def test_the_number_of_vertices_follows_the_output() -> None:
    """Uncertain edges, of which larger cells have more, do not make cells small."""
    space = get_space("nasbench101")
    op_logits, edge_logits = np.zeros((6, 7, 5)), np.full((6, 7, 7), 0.1)
    for row, n in enumerate(range(2, 8)):
        op_logits[row, n - 1, 4], op_logits[row, 1 : n - 1, 1:4] = 8, 2
    counts = space.most_likely(op_logits, edge_logits).mask.sum(axis=1)
    assert counts.tolist() == [2, 3, 4, 5, 6, 7]
    short = most_likely_cells(op_logits, edge_logits, TopologyLimits(7, 3, 6, 3))
    assert short.mask.sum(axis=1).max() == 4  # no path of four edges


def test_darts_against_every_choice_of_sources() -> None:
    space = get_space("darts")
    pairs = [list(itertools.permutations(range(node + 2), 2)) for node in range(4)]
    sources = np.array([sum(chosen, ()) for chosen in itertools.product(*pairs)], dtype=np.uint8)
    assert len(sources) == 2 * 6 * 12 * 20
    op_logits, edge_logits = beliefs(np.random.default_rng(2), 20, space)
    found = space.most_likely(op_logits, edge_logits)
    assert (found.ops[:, 2:-1] == op_logits[:, 2:-1, 3:10].argmax(axis=2) + 3).all()
    for row in range(20):
        mine = op_logits[row : row + 1], edge_logits[row : row + 1]
        all_of_them = DARTSCells(np.tile(found.ops[row, 2:-1], (len(sources), 1)), sources).graphs()
        assert (most_likely_of(all_of_them, *mine).adjacency == found.adjacency[row]).all()


def test_darts_pairs_are_two_cells() -> None:
    pair, one = get_space("darts_pair"), get_space("darts")
    op_logits, edge_logits = beliefs(np.random.default_rng(3), 50, pair)
    normal, reduce = pair.split(pair.most_likely(op_logits, edge_logits))  # type: ignore[attr-defined]
    for cells, part in ((normal, slice(0, 11)), (reduce, slice(11, 22))):
        alone = one.most_likely(op_logits[:, part, :11], edge_logits[:, part, part])
        assert (alone.ops == cells.ops).all() and (alone.adjacency == cells.adjacency).all()


@pytest.mark.parametrize("name", sorted(SPACES))
def test_what_is_certain_comes_back(name: str) -> None:
    space = SPACES[name]
    graphs = space.sample(min(20, space.size or 20), np.random.default_rng(0))
    graphs = graphs[space.is_valid(graphs)]
    found = space.most_likely(*certain(graphs, space.num_operations))
    assert (found.ops == graphs.ops).all()
    assert (found.adjacency == graphs.adjacency).all()


numbers = st.one_of(st.floats(-20, 20), st.sampled_from([0.0, 1.0, -np.inf, np.inf, 1e30, -1e30]))


@pytest.mark.parametrize("name", sorted(SPACES))
@settings(max_examples=15, deadline=None)
@given(values=st.lists(numbers, min_size=1, max_size=12), seed=st.integers(0, 2**32 - 1))
def test_any_beliefs_give_an_architecture(name: str, values: list[float], seed: int) -> None:
    space = SPACES[name]
    rng = np.random.default_rng(seed)
    v, k = space.num_vertices, space.num_operations
    op_logits = rng.choice(values, size=(3, v, k)).astype(np.float32)
    edge_logits = rng.choice(values, size=(3, v, v)).astype(np.float32)
    found = space.most_likely(op_logits, edge_logits)
    assert len(found) == 3
    assert space.is_valid(found).all()
    again = space.most_likely(op_logits, edge_logits)
    assert (found.ops == again.ops).all() and (found.adjacency == again.adjacency).all()


def test_beliefs_of_no_points() -> None:
    for space in SPACES.values():
        v, k = space.num_vertices, space.num_operations
        assert len(space.most_likely(np.zeros((0, v, k)), np.zeros((0, v, v)))) == 0


def test_a_space_of_ones_own_takes_the_most_likely_of_its_list() -> None:
    space = Own(enumerable=True)
    op_logits, edge_logits = beliefs(np.random.default_rng(4), 50, space)
    found = log_ratio(space.most_likely(op_logits, edge_logits), op_logits, edge_logits)
    every = space.enumerate()
    for row in range(50):
        mine = [np.repeat(part[row : row + 1], len(every), axis=0) for part in (op_logits, edge_logits)]
        assert found[row] == pytest.approx(log_ratio(every, *mine).max(), abs=1e-4)


def test_a_larger_space_of_ones_own_is_at_least_as_good_as_its_sample() -> None:
    listed, sampled = Own(enumerable=True), Own(enumerable=False)
    mine = beliefs(np.random.default_rng(5), 200, listed)
    best, drawn, edited = (
        log_ratio(graphs, *mine)
        for graphs in (
            listed.most_likely(*mine),
            most_likely_of(sampled.sample(50, np.random.default_rng(0)), *mine),
            sampled.most_likely(*mine),
        )
    )
    assert (edited >= drawn - 1e-4).all() and (edited <= best + 1e-4).all()
    assert (best - edited).mean() < 0.5 * (best - drawn).mean()


def test_free_decoding_is_kept_where_it_is_an_architecture() -> None:
    """A numbering that the space does not list is one of its architectures all the same."""
    space = Narrow()
    rng = np.random.default_rng(6)
    free = free_space(4, 5, operations=2)
    mine = beliefs(rng, 5000, free)
    graphs = free_decoding(*mine)
    valid = space.is_valid(graphs)
    assert valid.sum() > 3
    found = SearchSpace._most_likely(space, *mine)
    assert (found.ops[valid] == graphs.ops[valid]).all() and (found.adjacency[valid] == graphs.adjacency[valid]).all()
    narrowed = space.most_likely(*mine).mask.sum(axis=1)
    assert narrowed.min() == 3
    assert free.most_likely(*mine).mask.sum(axis=1).min() == 2


def test_ratios_by_hand() -> None:
    op_logits = np.array([[[2.0, 0, 1], [0, 3, 1], [0, 0, 5]]])
    edge_logits = np.array([[[0, 2.0, -1], [0, 0, -4], [0, 0, 0]]])
    graphs = GraphBatch.of([[0, 2, PADDING]], [[[0, 0, 0], [0, 0, 0], [0, 0, 0]]])
    assert log_ratio(graphs, op_logits, edge_logits) == pytest.approx([-2 - 2])
    graphs = GraphBatch.of([[2, 1, 2]], [[[0, 1, 1], [0, 0, 1], [0, 0, 0]]])
    assert log_ratio(graphs, op_logits, edge_logits) == pytest.approx([-1 - 1 - 4])
    assert log_ratio(free_decoding(op_logits, edge_logits), op_logits, edge_logits) == pytest.approx([0])


def test_bad_beliefs() -> None:
    space = get_space("nasbench101")
    op_logits, edge_logits = np.zeros((2, 7, 5)), np.zeros((2, 7, 7))
    assert "(2, 7, 7)" in error_of(lambda: space.most_likely(op_logits, edge_logits[:, :6]))
    assert "(2, 7, 5)" in error_of(lambda: space.most_likely(op_logits[:, :, :4], edge_logits))
    edge_logits[1, 0, 3] = np.nan
    assert "graph 1 of 2" in error_of(lambda: space.most_likely(op_logits, edge_logits))

    class Nothing(Own):
        @override
        def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
            return np.zeros(len(graphs), dtype=np.bool_)

        @override
        def enumerate(self) -> GraphBatch:
            return self._whole.enumerate()

    assert "is_valid" in error_of(
        lambda: Nothing(enumerable=True).most_likely(np.zeros((1, 8, 7)), np.zeros((1, 8, 8)))
    )


def test_many_at_once_are_the_same_as_alone() -> None:
    """Cells do not influence one another, whatever chunk they are in."""
    space = get_space("nasbench101")
    op_logits, edge_logits = beliefs(np.random.default_rng(7), 4200, space)
    together = most_likely_cells(op_logits, edge_logits, TopologyLimits(7, 9, 6, 3))
    for row in (0, 1, 4095, 4096, 4199):
        alone = most_likely_cells(op_logits[row : row + 1], edge_logits[row : row + 1], TopologyLimits(7, 9, 6, 3))
        assert (alone.ops[0] == together.ops[row]).all()
        assert (alone.adjacency[0] == together.adjacency[row]).all()
