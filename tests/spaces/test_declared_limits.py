"""Free topologies with several inputs and outputs, restricted positions, exact sizes, exempt outputs: brute force."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import declared_reference as slow
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces import DeclaredSpace, SpaceDeclaration
from arch2vec.spaces.declared.drawing import NumberedCells, num_symmetries, own_order_chances
from arch2vec.spaces.declared.limits import least_edges, limits_of
from graph_strategies import relabelled


def declared(vertices: int = 5, max_edges: int = 6, **fields: object) -> SpaceDeclaration:
    given: dict[str, object] = {"operations": ("a", "b"), "carries": "vertices", **fields}
    return SpaceDeclaration("small", vertices=vertices, max_edges=max_edges, **given)  # type: ignore[arg-type]


SPACES = {
    "exact": declared(min_vertices=5),
    "exact, as few edges as can be": declared(4, 4, min_vertices=4),
    "two inputs": declared(inputs=2),
    "two outputs": declared(outputs=2),
    "two of each": declared(max_edges=5, inputs=2, outputs=2),
    "the output is exempt": declared(max_edges=7, max_in_degree=1, max_output_in_degree=3),
    "the output is narrower": declared(max_edges=7, max_output_in_degree=1),
    "positions": declared(allowed={"1": ("a",), "3": ("b",)}),
    "positions, exact": declared(allowed={"1": ("a",), "2": ("b",)}, min_vertices=5, max_edges=7),
    "everything": declared(
        max_edges=6, inputs=2, max_in_degree=2, max_output_in_degree=3, min_vertices=4, allowed={"2": ("b",)}
    ),
}
FREE_TO_MOVE = [name for name, space in SPACES.items() if not space.allowed]


@pytest.fixture(scope="module", params=sorted(SPACES))
def declaration(request: pytest.FixtureRequest) -> SpaceDeclaration:
    return SPACES[request.param]


def form(graph: GraphBatch, declaration: SpaceDeclaration) -> tuple[object, ...]:
    return slow.canonical(graph, declaration.inputs, declaration.outputs)


def test_lists_every_class_once(declaration: SpaceDeclaration) -> None:
    space, limits = DeclaredSpace(declaration), limits_of(declaration)
    brute = GraphBatch.concatenate(list(slow.numbered_cells(limits)))
    assert space.is_valid(brute).all()
    assert NumberedCells(limits).number == len(brute)
    assert least_edges(limits) == brute.adjacency.sum(axis=(1, 2)).min()
    listed = space.enumerate()
    assert space.is_valid(listed).all()
    forms = [form(listed[row], declaration) for row in range(len(listed))]
    assert len(set(forms)) == len(forms) == space.size
    assert set(forms) == {form(brute[row], declaration) for row in range(len(brute))}
    texts = space.format(brute)
    assert len(set(texts)) == len(texts)
    again = space.parse(texts)
    np.testing.assert_array_equal(again.ops, brute.ops)
    np.testing.assert_array_equal(again.adjacency, brute.adjacency)


def test_cells_are_drawn_uniformly(declaration: SpaceDeclaration) -> None:
    space, limits = DeclaredSpace(declaration), limits_of(declaration)
    numbered = NumberedCells(limits)
    drawn = numbered.draw(25 * numbered.number, np.random.default_rng(0))
    assert space.is_valid(drawn).all()
    counts = np.unique(fingerprint(drawn), return_counts=True)[1]
    assert len(counts) == space.size
    expected = counts.mean()
    chi_square = float(((counts - expected) ** 2).sum() / expected)
    assert abs(chi_square - (len(counts) - 1)) < 5 * np.sqrt(2 * (len(counts) - 1))
    assert abs(numbered.estimated_classes() - len(counts)) < 0.08 * len(counts)


def test_chances_of_orders_add_up_to_one(declaration: SpaceDeclaration) -> None:
    """Over the numberings of a cell: what makes draws of large cells uniform, where no order leads into a dead end."""
    limits = limits_of(declaration)
    brute = GraphBatch.concatenate(list(slow.numbered_cells(limits)))
    weights = num_symmetries(brute) * own_order_chances(brute, limits)
    for value in np.unique(prints := fingerprint(brute)):
        total = weights[prints == value].sum()
        assert total == pytest.approx(1) or (declaration.allowed and total < 1)


@pytest.mark.parametrize("name", FREE_TO_MOVE)
def test_neighbours_are_mutual_and_lead_everywhere(name: str) -> None:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    space = DeclaredSpace(dataclasses.replace(SPACES[name], operations=("a",)))
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


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(sorted(SPACES)), st.integers(0, 10**6))
def test_mutants_are_neighbours_whatever_the_numbering(name: str, seed: int) -> None:
    space, rng = DeclaredSpace(SPACES[name]), np.random.default_rng(seed)
    start = space.sample(1, rng)
    mutants = space.mutate(start[[0] * 5], rng)
    assert space.is_valid(mutants).all()
    around = set(fingerprint(space.neighbors(start)).tolist())
    assert set(fingerprint(mutants).tolist()) <= around
    again = relabelled(start, rng)
    if space.is_valid(again).all():
        assert set(fingerprint(space.neighbors(again)).tolist()) == around


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(SPACES)), st.integers(0, 10**6))
def test_the_most_likely_cell_is_one_and_the_best_of_its_size(name: str, seed: int) -> None:
    space = DeclaredSpace(SPACES[name])
    limits, rng = limits_of(SPACES[name]), np.random.default_rng(seed)
    ops = rng.normal(size=(1, limits.vertices, len(space.operations)))
    edges = 3 * rng.normal(size=(1, limits.vertices, limits.vertices))
    found = space.most_likely(ops, edges)
    assert space.is_valid(found).all()
    brute = GraphBatch.concatenate(list(slow.numbered_cells(limits)))
    same = brute[brute.mask.sum(axis=1) == found.mask.sum()]
    worth = (same.adjacency * edges).sum(axis=(1, 2))
    assert (found.adjacency * edges).sum() == pytest.approx(worth.max())


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"min_vertices": 6}, "field 'min_vertices': got 6; a whole number from 2 to 5"),
        ({"min_vertices": 5, "max_edges": 3}, "field 'max_edges': got 3; such cells have 4 edges at least"),
        ({"inputs": 9}, "field 'inputs': got 9; a whole number from 1 to 8"),
        ({"inputs": 3, "max_in_degree": 1}, "field 'max_in_degree': no cell fits"),
        ({"max_output_in_degree": 0}, "field 'max_output_in_degree': got 0; a whole number from 1 to 4"),
        (
            {"skip": {"1": ["a"]}},
            "a free topology has no positions to name, so that a list of operations is needed; a ",
        ),
        ({"operations": ("a", "input1"), "inputs": 2}, "'input1' is reserved for the cell's input1"),
    ],
)
def test_what_makes_no_sense_gets_one_line(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        declared(**fields)  # type: ignore[arg-type]
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "0010;0011;0001;0000|input0,a,b,output",
            "operations run from input0, input1 at the start to output at the end",
        ),
        ("01;00|input0,input1", "2 vertices, a cell has 4 to 5"),
        ("0110;0011;0001;0000|input0,input1,b,output", "an edge into an input"),
        ("0010;0011;0001;0000|input0,input1,a,output", "'a' is not allowed at vertex 2, allowed: b"),
    ],
)
def test_architectures_with_mistakes_get_one_line(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        DeclaredSpace(SPACES["everything"]).parse([text])
    assert problem in str(caught.value)


def test_a_large_free_topology_with_several_inputs() -> None:
    space = DeclaredSpace(
        declared(20, 40, operations=("a", "b", "c"), inputs=3, max_in_degree=3, max_output_in_degree=19, skip=("c",))
    )
    assert not space.enumerable
    assert space.estimated_size > 1e20
    rng = np.random.default_rng(0)
    cells = space.sample(200, rng)
    assert space.is_valid(cells).all()
    assert len(np.unique(fingerprint(cells))) == 200
    np.testing.assert_array_equal(cells.ops, space.sample(200, np.random.default_rng(0)).ops)
    mutants = space.mutate(cells, rng)
    assert space.is_valid(mutants).all()
    assert (fingerprint(mutants) != fingerprint(cells)).all()
    around = space.neighbors(cells[0])
    assert len(around) > 100
    assert space.is_valid(around).all()
    assert len(space.parse(space.format(cells))) == 200
    # What nothing but skips stands between is the same function.
    assert len(np.unique(space.function_classes(cells))) <= 200


def test_forty_vertices() -> None:
    space = DeclaredSpace(declared(40, 45, min_vertices=40, max_in_degree=2))
    cells = space.sample(5, np.random.default_rng(0))
    assert space.is_valid(cells).all()
    assert (cells.mask.sum(axis=1) == 40).all()
    assert space.is_valid(space.mutate(cells, np.random.default_rng(1))).all()
