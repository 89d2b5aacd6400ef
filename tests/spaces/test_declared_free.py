"""Declared spaces of any topology: the built-in NAS-Bench-101, and brute force."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import declared_reference as slow
from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces import DeclaredSpace, NASBench101, SpaceDeclaration
from arch2vec.spaces.declared.drawing import NumberedCells, num_orders, num_symmetries
from arch2vec.spaces.declared.labels import distinct
from arch2vec.spaces.declared.limits import TopologyLimits, all_cells, is_cell
from arch2vec.spaces.nasbench101.enumeration import enumerate_cells
from graph_strategies import dags, relabelled

SMALL = SpaceDeclaration(name="small", operations=("a", "b"), carries="vertices", vertices=5, max_edges=6)
NARROW = dataclasses.replace(SMALL, max_edges=10, max_in_degree=2)
CHAINS = dataclasses.replace(SMALL, max_edges=10, max_in_degree=1)
TIGHT = dataclasses.replace(SMALL, max_edges=2)
ALL = (SMALL, NARROW, CHAINS, TIGHT, dataclasses.replace(SMALL, operations=("a",), max_edges=8))


def nasbench101(vertices: int) -> DeclaredSpace:
    operations = NASBench101.operations[1:-1]
    return DeclaredSpace(
        SpaceDeclaration(name="my101", operations=operations, carries="vertices", vertices=vertices, max_edges=9)
    )


def limits_of(declaration: SpaceDeclaration) -> TopologyLimits:
    assert declaration.vertices is not None
    assert declaration.max_edges is not None
    return TopologyLimits(
        declaration.vertices, declaration.max_edges, declaration.max_in_degree or 99, len(declaration.operations)
    )


def widened(graphs: GraphBatch, vertices: int) -> GraphBatch:
    """The same graphs, padded to more vertices."""
    extra = vertices - graphs.num_vertices
    return GraphBatch(
        np.pad(graphs.ops, ((0, 0), (0, extra)), constant_values=PADDING),
        np.pad(graphs.adjacency, ((0, 0), (0, extra), (0, extra))),
    )


@pytest.mark.parametrize("vertices", [5, pytest.param(7, marks=pytest.mark.slow)])
def test_equals_the_built_in_nasbench101(vertices: int) -> None:
    space = nasbench101(vertices)
    ours, theirs = widened(space.enumerate(), 7), enumerate_cells(vertices)
    assert space.size == len(theirs) == {5: 2532, 7: 423_624}[vertices]
    np.testing.assert_array_equal(np.sort(fingerprint(ours)), np.sort(fingerprint(theirs)))
    assert NASBench101().is_valid(ours).all()
    some = space.enumerate()[:500]
    assert space.format(some) == NASBench101().format(ours[:500])


@pytest.mark.parametrize("declaration", ALL)
def test_lists_every_class_once(declaration: SpaceDeclaration) -> None:
    space, limits = DeclaredSpace(declaration), limits_of(declaration)
    brute = GraphBatch.concatenate(list(slow.numbered_cells(limits)))
    assert space.is_valid(brute).all()
    assert NumberedCells(limits).number == len(brute)
    listed = space.enumerate()
    assert space.is_valid(listed).all()
    forms = [slow.canonical(listed[row]) for row in range(len(listed))]
    assert len(set(forms)) == len(forms) == space.size
    assert set(forms) == {slow.canonical(brute[row]) for row in range(len(brute))}
    assert (np.diff(listed.mask.sum(axis=1)) >= 0).all()


@settings(max_examples=300, deadline=None)
@given(dags(vertices=5, operations=4))
def test_validity_against_paths(graph: GraphBatch) -> None:
    n = int(graph.mask.sum())
    graph.ops[0, 0], graph.ops[0, n - 1] = 0, 3
    right = (
        n >= 2
        and all(code in (1, 2) for code in graph.ops[0, 1 : n - 1])
        and all(slow.on_path(graph.adjacency[0], vertex, n - 1) for vertex in range(n))
        and graph.adjacency[0].sum(axis=0).max() <= 2
        and graph.adjacency.sum() <= 6
    )
    assert is_cell(graph, TopologyLimits(5, 6, 2, 2)).tolist() == [right]


def test_validity_looks_at_everything() -> None:
    space = DeclaredSpace(SMALL)
    graphs = space.parse(["0110;0001;0001;0000|input,a,b,output"] * 6)
    graphs.ops[0, 1] = 0
    graphs.ops[1, 3] = 1
    graphs.ops[2, 4] = 1  # on no path
    graphs.ops[3, 1] = PADDING
    graphs.adjacency[4, 3, 1] = True
    graphs.adjacency[5, 0, 4] = True  # an edge to padding
    assert not space.is_valid(graphs).any()
    assert not space.is_valid(widened(space.enumerate(), 6)).any()
    with pytest.raises(InputError, match="graph 0 of 6 is no architecture of small"):
        space.mutate(graphs, np.random.default_rng(0))


def hexagon_and_triangles() -> list[GraphBatch]:
    """Two cells of eight vertices and ten edges that colour refinement takes for the same.

    Three layers of two vertices, each joined to the others by two edges: all in all two
    triangles, or one hexagon.
    """
    cells = []
    for twist in (0, 1):
        edges = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (1, 5 + twist), (2, 6 - twist), (5, 7), (6, 7)]
        adjacency = np.zeros((1, 8, 8), dtype=np.bool_)
        adjacency[0][tuple(np.array(edges).T)] = True
        cells.append(GraphBatch.of([[0, 1, 1, 1, 1, 1, 1, 2]], adjacency))
    return cells


def test_graphs_that_colour_refinement_takes_for_the_same() -> None:
    triangles, hexagon = hexagon_and_triangles()
    assert fingerprint(triangles) == fingerprint(hexagon)
    assert slow.canonical(triangles) != slow.canonical(hexagon)
    both = GraphBatch.concatenate([triangles, relabelled(triangles, np.random.default_rng(0)), hexagon])
    assert len(distinct(both)) == 2


@pytest.mark.slow
def test_nothing_is_lost_to_them() -> None:
    """The number of classes is the sum over numbered cells of symmetries / orders, whatever the fingerprints say."""
    limits = TopologyLimits(8, 10, 7, 1)
    parts, beginnings = [], np.zeros((1, 8, 8), dtype=np.bool_)
    for j in range(1, 8):
        sets = (np.arange(1, 1 << j)[:, None] >> np.arange(j) & 1).astype(np.bool_)
        grown = np.repeat(beginnings, len(sets), axis=0)
        grown[:, :j, j] = np.tile(sets, (len(beginnings), 1))
        beginnings = grown[grown.sum(axis=(1, 2)) <= 10]
        done = beginnings[beginnings[:, :j].any(axis=2).all(axis=1)]
        ops = np.array([0, *[1] * (j - 1), 2, *[PADDING] * (7 - j)], dtype=np.uint8)
        parts.append(GraphBatch(np.tile(ops, (len(done), 1)), done))
    numbered = GraphBatch.concatenate(parts)
    assert is_cell(numbered, limits).all()
    assert len(numbered) == NumberedCells(limits).number
    number = float((num_symmetries(numbered) / num_orders(numbered)).sum())
    listed = all_cells(limits)
    assert len(listed) == round(number, 6) == 12_499
    assert len(np.unique(fingerprint(listed))) == 12_498


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_orders_and_symmetries_against_all_permutations(seed: int) -> None:
    cell = NumberedCells(TopologyLimits(6, 12, 5, 2)).draw_numbered(1, np.random.default_rng(seed))
    n = int(cell.mask.sum())
    assert num_orders(cell).tolist() == [slow.orders(cell)]
    found = slow.symmetries(cell.adjacency[0, :n, :n], cell.ops[0, :n].tolist())
    assert num_symmetries(cell).tolist() == [len(found)]


@pytest.mark.parametrize("declaration", [SMALL, NARROW])
def test_numbered_cells_are_drawn_uniformly(declaration: SpaceDeclaration) -> None:
    limits = limits_of(declaration)
    numbered = NumberedCells(limits)
    drawn = numbered.draw_numbered(60 * numbered.number, np.random.default_rng(0))
    assert is_cell(drawn, limits).all()
    rows = np.concatenate([drawn.ops, drawn.adjacency.reshape(len(drawn), -1)], axis=1)
    counts = np.unique(rows, axis=0, return_counts=True)[1]
    assert len(counts) == numbered.number
    assert_uniform(counts)


@pytest.mark.parametrize("declaration", [SMALL, NARROW, CHAINS])
def test_classes_are_drawn_uniformly(declaration: SpaceDeclaration) -> None:
    space, numbered = DeclaredSpace(declaration), NumberedCells(limits_of(declaration))
    assert space.size is not None
    drawn = numbered.draw(50 * numbered.number, np.random.default_rng(0))
    values, counts = np.unique(fingerprint(drawn), return_counts=True)
    assert set(values.tolist()) == set(fingerprint(space.enumerate()).tolist())
    assert_uniform(counts)
    assert abs(numbered.estimated_classes() - space.size) < 0.05 * space.size


def assert_uniform(counts: np.ndarray) -> None:
    expected, freedom = counts.mean(), len(counts) - 1
    chi_square = float(((counts - expected) ** 2).sum() / expected)
    assert abs(chi_square - freedom) < 5 * math.sqrt(2 * freedom)


def test_the_estimate_of_a_published_size() -> None:
    estimate = NumberedCells(limits_of(nasbench101(7).declaration)).estimated_classes()
    assert abs(estimate - 423_624) < 0.02 * 423_624


def test_samples_of_a_space_too_large_to_list() -> None:
    declaration = SpaceDeclaration(name="large", operations=tuple("abcd"), carries="vertices", vertices=9, max_edges=13)
    space = DeclaredSpace(declaration)
    assert space.size is None
    assert not space.enumerable
    assert space.estimated_size > 1e9
    with pytest.raises(InputError, match=r"large has about [\d,]+ architectures, more than the 1,000,000"):
        space.enumerate()
    graphs = space.sample(800, np.random.default_rng(0))
    assert space.is_valid(graphs).all()
    assert len(np.unique(fingerprint(graphs))) == 800
    again = space.sample(800, np.random.default_rng(0))
    np.testing.assert_array_equal(graphs.ops, again.ops)
    np.testing.assert_array_equal(graphs.adjacency, again.adjacency)


def test_samples_of_a_listed_space() -> None:
    space = DeclaredSpace(SMALL)
    assert space.size is not None
    graphs = space.sample(space.size, np.random.default_rng(0))
    assert set(fingerprint(graphs).tolist()) == set(fingerprint(space.enumerate()).tolist())
    with pytest.raises(InputError, match=f"cannot sample {space.size + 1} distinct"):
        space.sample(space.size + 1, np.random.default_rng(0))
    space.enumerate().ops[:] = 0
    assert space.is_valid(space.enumerate()).all()


@pytest.mark.parametrize("declaration", ALL)
def test_neighbours_are_mutual_and_lead_everywhere(declaration: SpaceDeclaration) -> None:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    space = DeclaredSpace(declaration)
    listed = space.enumerate()
    row_of = {value: row for row, value in enumerate(fingerprint(listed).tolist())}
    steps = set()
    for row in range(len(listed)):
        around = space.neighbors(listed[row])
        assert space.is_valid(around).all()
        found = [row_of[value] for value in fingerprint(around).tolist()]
        assert len(set(found)) == len(found)
        assert row not in found
        steps |= {(row, other) for other in found}
    assert steps == {(other, row) for row, other in steps}
    ends = np.array(sorted(steps)).T
    graph = coo_matrix((np.ones(len(steps)), tuple(ends)), shape=(len(listed), len(listed)))
    assert connected_components(graph.tocsr())[0] == 1


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(ALL), st.integers(0, 10**6))
def test_mutants_are_neighbours(declaration: SpaceDeclaration, seed: int) -> None:
    space, rng = DeclaredSpace(declaration), np.random.default_rng(seed)
    start = space.sample(1, rng)
    mutants = space.mutate(start[[0] * 20], rng)
    assert space.is_valid(mutants).all()
    around = set(fingerprint(space.neighbors(start)).tolist())
    assert set(fingerprint(mutants).tolist()) <= around
    assert set(fingerprint(space.neighbors(relabelled(start, rng))).tolist()) == around


def test_mutation_reaches_every_neighbour_by_every_kind_of_edit() -> None:
    space = DeclaredSpace(SMALL)
    start = space.parse(["01100;00010;00010;00001;00000|input,a,b,a,output"])
    drawn = fingerprint(space.mutate(start[[0] * 2000], np.random.default_rng(0)))
    assert set(drawn.tolist()) == set(fingerprint(space.neighbors(start)).tolist())
    by_hand = [
        "01100;00010;00010;00001;00000|input,b,b,a,output",  # an operation each
        "01100;00010;00010;00001;00000|input,a,a,a,output",
        "01100;00010;00010;00001;00000|input,a,b,b,output",
        "01100;00110;00010;00001;00000|input,a,b,a,output",  # an edge more: a to b, b to a, past the last a,
        "01100;00110;00010;00001;00000|input,b,a,a,output",
        "01110;00010;00010;00001;00000|input,a,b,a,output",
        "01101;00010;00010;00001;00000|input,a,b,a,output",
        "01100;00011;00010;00001;00000|input,a,b,a,output",
        "01100;00010;00011;00001;00000|input,a,b,a,output",
        "0100;0010;0001;0000|input,a,a,output",  # a vertex less: nothing in its place,
        "0100;0010;0001;0000|input,b,a,output",
        "0110;0010;0001;0000|input,a,a,output",  # or an edge
        "0110;0010;0001;0000|input,b,a,output",
    ]
    assert set(drawn.tolist()) == set(fingerprint(space.parse(by_hand)).tolist())


@pytest.mark.parametrize("declaration", ALL)
def test_parse_and_format_are_inverses(declaration: SpaceDeclaration) -> None:
    space = DeclaredSpace(declaration)
    brute = GraphBatch.concatenate(list(slow.numbered_cells(limits_of(declaration))))
    texts = space.format(brute)
    assert len(set(texts)) == len(texts)
    again = space.parse(texts)
    np.testing.assert_array_equal(again.ops, brute.ops)
    np.testing.assert_array_equal(again.adjacency, brute.adjacency)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no '|' between"),
        ("0|input", "1 vertices, a cell has 2 to 5"),
        ("01;0|input,output", "2 rows of 2 digits"),
        ("01;10|input,output", "below the diagonal"),
        ("01;00|input,a,output", "2 rows and 3 operations"),
        ("010;001;000|input,c,output", "unknown operation 'c', known: input, a, b, output"),
        ("010;001;000|input,output,output", "one input at the start"),
        ("0110;0001;0000;0000|input,a,a,output", "on no path"),
        ("01111;00111;00010;00001;00000|input,a,a,a,output", "9 edges, at most 6"),
        ("01110;00010;00010;00001;00000|input,a,a,a,output", "3 edges into one vertex, at most 2"),
    ],
)
def test_malformed_architectures_get_one_line(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        DeclaredSpace(dataclasses.replace(SMALL, max_in_degree=2)).parse([text])
    assert problem in str(caught.value)
    assert repr(text) in str(caught.value)
    assert str(caught.value).endswith("one looks like 010;001;000|input,a,output")
    assert "\n" not in str(caught.value)
