"""Declared spaces of one topology: the built-in NAS-Bench-201, and brute force."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import declared_reference as slow
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces import DeclaredSpace, NASBench201, SpaceDeclaration
from arch2vec.spaces.automorphisms import automorphisms, group_order
from arch2vec.spaces.declared.symmetry import Labellings

NAMES = ("a", "b", "c", "d", "e")

CELL_201 = DeclaredSpace(
    SpaceDeclaration(
        name="my201",
        operations=NASBench201.operations[1:-1],
        carries="edges",
        nodes=4,
        edges=((2, 3), (0, 1), (0, 2), (0, 3), (1, 2), (1, 3)),
        skip=("skip_connect",),
        zero=("none",),
    )
)


@st.composite
def declarations(draw: st.DrawFn) -> SpaceDeclaration:
    """Small fixed topologies of either kind; edges are added until every vertex is on a path."""
    carries: Literal["vertices", "edges"] = "vertices" if draw(st.booleans()) else "edges"
    count = draw(st.integers(3, 6 if carries == "vertices" else 4))
    pairs = list(itertools.combinations(range(count), 2))
    edges = set(draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=7)))
    for vertex in range(count):
        if vertex > 0 and not any(target == vertex for _, target in edges):
            edges.add((draw(st.integers(0, vertex - 1)), vertex))
        if vertex < count - 1 and not any(source == vertex for source, _ in edges):
            edges.add((vertex, draw(st.integers(vertex + 1, count - 1))))
    operations = NAMES[: draw(st.integers(2, 3))]
    plain = SpaceDeclaration(
        name="small",
        operations=operations,
        carries=carries,
        vertices=count if carries == "vertices" else None,
        nodes=count if carries == "edges" else None,
        edges=tuple(edges),
    )
    some = st.lists(st.sampled_from(operations), min_size=1, max_size=2, unique=True).map(tuple)
    restricted = draw(st.dictionaries(st.sampled_from(plain.positions[1:] or plain.positions), some, max_size=2))
    if len(restricted) == len(plain.positions):
        return plain
    return dataclasses.replace(plain, allowed=restricted)


def every_labelling(space: DeclaredSpace) -> GraphBatch:
    adjacency = space.enumerate().adjacency[0]
    codes = [[space.operations.index(name) for name in choice] for choice in space.declaration.choices]
    ops = [[0, *row, len(space.operations) - 1] for row in itertools.product(*codes)]
    return GraphBatch.of(ops, np.tile(adjacency, (len(ops), 1, 1)))


def classes(graphs: GraphBatch) -> list[tuple[object, ...]]:
    return [slow.canonical(graphs[row]) for row in range(len(graphs))]


def test_equals_the_built_in_nasbench201() -> None:
    built_in = NASBench201()
    ours, theirs = CELL_201.enumerate(), built_in.enumerate()
    assert CELL_201.operations == built_in.operations
    assert CELL_201.size == len(ours) == 15_625
    assert CELL_201.enumerable
    texts = CELL_201.format(ours)
    assert sorted(texts) == sorted(built_in.format(theirs))
    same = built_in.parse(texts)
    np.testing.assert_array_equal(ours.ops, same.ops)
    np.testing.assert_array_equal(ours.adjacency, same.adjacency)
    pairs = set(zip(CELL_201.function_classes(ours).tolist(), built_in.function_classes(ours).tolist(), strict=True))
    assert len(pairs) == len({mine for mine, _ in pairs}) == len({other for _, other in pairs}) == 4930


@settings(max_examples=25, deadline=None)
@given(declarations())
def test_lists_every_class_once(declaration: SpaceDeclaration) -> None:
    space = DeclaredSpace(declaration)
    listed, brute = space.enumerate(), every_labelling(space)
    assert space.is_valid(brute).all()
    forms = classes(listed)
    assert len(set(forms)) == len(forms) == space.size
    assert set(forms) == set(classes(brute))
    order = [tuple(row) for row in listed.ops.tolist()]
    assert order == sorted(order)


@settings(max_examples=30, deadline=None)
@given(declarations())
def test_burnside_counts_what_the_list_holds(declaration: SpaceDeclaration) -> None:
    space = DeclaredSpace(declaration)
    choices = [[NAMES.index(name) for name in choice] for choice in declaration.choices]
    labellings = Labellings(space.enumerate().adjacency[0], choices)
    assert labellings.counted
    assert labellings.product() == math.prod(map(len, choices))
    assert labellings.number() in (None, space.size)
    if not declaration.allowed:
        assert labellings.number() == space.size
    # An estimate of a number so small may be off by the noise of 4,096 draws.
    assert space.size is not None
    assert abs(labellings.estimate() - space.size) <= 0.2 * space.size


@settings(max_examples=25, deadline=None)
@given(declarations(), st.integers(0, 100))
def test_edits_are_one_operation_and_change_the_class(declaration: SpaceDeclaration, seed: int) -> None:
    space = DeclaredSpace(declaration)
    everything = every_labelling(space)
    mutants = space.mutate(everything, np.random.default_rng(seed))
    assert space.is_valid(mutants).all()
    assert ((mutants.ops != everything.ops).sum(axis=1) == 1).all()
    assert (fingerprint(mutants) != fingerprint(everything)).all()
    start = everything[seed % len(everything)]
    edits = everything[(everything.ops != start.ops).sum(axis=1) == 1]
    around = classes(space.neighbors(start))
    assert len(set(around)) == len(around)
    assert set(around) == set(classes(edits))


def test_mutation_is_uniform_over_edits() -> None:
    start = CELL_201.enumerate()[[7] * 24_000]
    counts = np.unique(fingerprint(CELL_201.mutate(start, np.random.default_rng(0))), return_counts=True)[1]
    assert len(counts) == 24
    assert (np.abs(counts - 1000) < 5 * math.sqrt(1000)).all()


@settings(max_examples=40, deadline=None)
@given(declarations())
def test_parse_and_format_are_inverses(declaration: SpaceDeclaration) -> None:
    space = DeclaredSpace(declaration)
    everything = every_labelling(space)
    texts = space.format(everything)
    assert len(set(texts)) == len(texts)
    again = space.parse(texts)
    np.testing.assert_array_equal(again.ops, everything.ops)
    np.testing.assert_array_equal(again.adjacency, everything.adjacency)
    assert space.format(again) == texts


# Two interchangeable chains of two vertices and a fifth vertex of its own.
TWINS = SpaceDeclaration(
    name="twins",
    operations=NAMES[:3],
    carries="vertices",
    vertices=7,
    edges=((0, 1), (1, 3), (0, 2), (2, 4), (3, 5), (4, 5), (5, 6)),
)


def test_notation_of_both_kinds() -> None:
    assert DeclaredSpace(TWINS).format(DeclaredSpace(TWINS).enumerate()[:1]) == ["a|a|a|a|a"]
    text = "|none~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
    assert CELL_201.format(CELL_201.parse([f" {text} "])) == [text]


@pytest.mark.parametrize(
    ("allowed", "number"),
    [
        ({}, 3 * (9 * 10 // 2)),  # multisets of two chains, times the fifth vertex
        ({"3": ("a",), "4": ("a",)}, 3 * (3 * 4 // 2)),
        # Pairs of a chain (two first operations) with one of (three): 6 * 9 of them less 15 that are the same.
        ({"1": ("a", "b")}, 3 * (6 * 9 - 15)),
    ],
)
def test_size_with_symmetries(allowed: dict[str, tuple[str, ...]], number: int) -> None:
    space = DeclaredSpace(dataclasses.replace(TWINS, allowed=allowed))
    assert space.size == space.estimated_size == number


@pytest.mark.parametrize("allowed", [{}, {"1": ("a", "b")}, {"1": ("a", "b"), "2": ("b", "c"), "5": ("c",)}])
def test_drawing_is_uniform_over_classes(allowed: dict[str, tuple[str, ...]]) -> None:
    space = DeclaredSpace(dataclasses.replace(TWINS, allowed=allowed))
    assert space.size is not None
    codes = [[space.operations.index(name) for name in choice] for choice in space.declaration.choices]
    listed = space.enumerate()
    labels = Labellings(listed.adjacency[0], codes).draw(400 * space.size, np.random.default_rng(0))
    assert all(np.isin(labels[:, position], choice).all() for position, choice in enumerate(codes))
    ops = np.insert(labels, [0, labels.shape[1]], [0, len(space.operations) - 1], axis=1)
    drawn = fingerprint(GraphBatch(ops, np.tile(listed.adjacency[0], (len(ops), 1, 1))))
    values, counts = np.unique(drawn, return_counts=True)
    assert set(values.tolist()) == set(fingerprint(listed).tolist())
    expected = len(drawn) / space.size
    chi_square = float(((counts - expected) ** 2).sum() / expected)
    assert abs(chi_square - (space.size - 1)) < 5 * math.sqrt(2 * (space.size - 1))


@pytest.mark.parametrize("seed", range(30))
def test_symmetries_against_all_permutations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    adjacency = np.triu(rng.random((n, n)) < rng.choice([0.1, 0.4, 0.8]), 1)
    colours = rng.integers(0, 2, size=n).tolist()
    brute = slow.symmetries(adjacency, colours)
    found = automorphisms(adjacency, colours, limit=1000)
    assert found is not None
    assert [tuple(row) for row in found.tolist()] == sorted(brute)
    assert found[0].tolist() == list(range(n))
    assert group_order(adjacency, colours) == len(brute)
    assert (automorphisms(adjacency, colours, limit=1) is None) == (len(brute) > 1)


def parallel(branches: int, operations: int) -> DeclaredSpace:
    last = branches + 1
    edges = tuple((0, vertex) for vertex in range(1, last)) + tuple((vertex, last) for vertex in range(1, last))
    names = tuple(f"op{k}" for k in range(operations))
    return DeclaredSpace(
        SpaceDeclaration(name="parallel", operations=names, carries="vertices", vertices=branches + 2, edges=edges)
    )


def test_more_symmetries_than_can_be_listed() -> None:
    space = parallel(10, 5)  # 10! symmetries, 9,765,625 labellings
    assert space.size == space.estimated_size == len(space.enumerate()) == math.comb(14, 4)
    assert len(np.unique(fingerprint(space.sample(1001, np.random.default_rng(0))))) == 1001
    with pytest.raises(InputError, match="has 1,001 architectures, cannot sample 1,002"):
        space.sample(1002, np.random.default_rng(0))


def test_a_space_too_large_to_list() -> None:
    space = parallel(8, 20)
    assert space.size == math.comb(27, 8) == 2_220_075
    assert not space.enumerable
    with pytest.raises(InputError, match="about 2,220,075 architectures, more than the 1,000,000"):
        space.enumerate()
    graphs = space.sample(3000, np.random.default_rng(0))
    assert space.is_valid(graphs).all()
    assert len(np.unique(fingerprint(graphs))) == 3000
    np.testing.assert_array_equal(graphs.ops, space.sample(3000, np.random.default_rng(0)).ops)
    # Of all multisets of eight, the share without repetition.
    different = np.array([len(set(row)) == 8 for row in graphs.ops[:, 1:-1].tolist()]).mean()
    assert abs(different - math.comb(20, 8) / 2_220_075) < 0.02


def test_the_largest_cells() -> None:
    """62 operations at 30 positions; 30! symmetries, which are not listed."""
    space = parallel(30, 62)
    assert space.size is None
    assert not space.enumerable
    graphs = space.sample(50, np.random.default_rng(0))
    assert space.is_valid(graphs).all()
    np.testing.assert_array_equal(space.parse(space.format(graphs)).ops, graphs.ops)
    assert space.is_valid(space.mutate(graphs, np.random.default_rng(1))).all()
    assert len(space.neighbors(graphs[:1])) > 61


def test_restricted_positions_in_a_space_too_large_to_list() -> None:
    """Two interchangeable chains of six vertices, a first vertex restricted: the size can only be estimated."""
    chains = [[0, 1, 2, 3, 4, 5, 6, 13], [0, 7, 8, 9, 10, 11, 12, 13]]
    edges = tuple(pair for chain in chains for pair in itertools.pairwise(chain))
    plain = SpaceDeclaration(name="chains", operations=NAMES, carries="vertices", vertices=14, edges=edges)
    assert DeclaredSpace(plain).size == 5**6 * (5**6 + 1) // 2
    space = DeclaredSpace(dataclasses.replace(plain, allowed={"1": ("a", "b")}))
    assert space.size is None
    number = 2 * 5**5 * 5**6 - math.comb(2 * 5**5, 2)
    assert abs(space.estimated_size - number) < 0.05 * number
    graphs = space.sample(2000, np.random.default_rng(0))
    assert space.is_valid(graphs).all()
    # Pairs of which both chains begin with a or b.
    both = np.isin(graphs.ops[:, 7], (1, 2)).mean()
    assert abs(both - math.comb(2 * 5**5 + 1, 2) / number) < 0.03


def test_validity_looks_at_everything() -> None:
    space = DeclaredSpace(dataclasses.replace(TWINS, allowed={"5": ("a", "b")}))
    graphs = space.parse(["a|a|a|a|a"] * 5)
    graphs.ops[0, 5] = 3  # not allowed there
    graphs.ops[1, 0] = 1
    graphs.ops[2, 6] = 255
    graphs.adjacency[3, 0, 6] = True
    graphs.ops[4, 1] = 4  # an output in the middle
    assert not space.is_valid(graphs).any()
    assert not space.is_valid_as_released(graphs).any()
    assert not space.is_valid(CELL_201.enumerate()[:2]).any()
    with pytest.raises(InputError, match="graph 0 of 5 is no architecture of twins"):
        space.format(graphs)
    with pytest.raises(InputError, match="those of one architecture"):
        space.neighbors(space.enumerate()[:2])


@pytest.mark.parametrize(
    ("space", "text", "problem"),
    [
        (DeclaredSpace(TWINS), "a|a|a|a", "one looks like a|a|a|a|a"),
        (DeclaredSpace(TWINS), "", "one looks like a|a|a|a|a"),
        (DeclaredSpace(TWINS), "a|a|a|a|d", "unknown operation 'd' in 'a|a|a|a|d'; known: a, b, c"),
        (DeclaredSpace(TWINS), "a|a|a|a|input", "unknown operation 'input'"),
        (CELL_201, "|none~0|", "one looks like |nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+"),
        (CELL_201, "|none~0|+|none~1|none~0|+|none~0|none~1|none~2|", "not a my201 architecture"),
        (CELL_201, "|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|", "unknown operation 'conv'"),
        (
            DeclaredSpace(dataclasses.replace(TWINS, allowed={"5": ("a", "b")})),
            "a|a|a|a|c",
            "operation 'c' is not allowed at vertex 5 in 'a|a|a|a|c'; allowed: a, b",
        ),
        (
            DeclaredSpace(
                SpaceDeclaration(
                    name="x", operations=NAMES, carries="edges", nodes=2, edges=((0, 1),), allowed={"0-1": ("a", "b")}
                )
            ),
            "|c~0|",
            "operation 'c' is not allowed at edge 0-1",
        ),
    ],
)
def test_malformed_architectures_get_one_line(space: DeclaredSpace, text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        space.parse([text])
    assert problem in str(caught.value)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)
