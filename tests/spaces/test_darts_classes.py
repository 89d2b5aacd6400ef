"""Classes of DARTS cells against brute force: every genotype, every renumbering, every fingerprint."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.darts.cells import FIRST, DARTSCells
from arch2vec.spaces.darts.classes import CellClasses
from arch2vec.spaces.darts.moves import FUNCTIONS, GRAPHS


def all_genotypes(classes: CellClasses) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    labels = np.array(list(product(range(classes.operations), repeat=2 * classes.nodes)), dtype=np.uint8)
    structures = np.array(classes.structures, dtype=np.uint8)
    return np.tile(labels, (len(structures), 1)), np.repeat(structures, len(labels), axis=0)


def assert_same_partition(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    pairs = np.unique(np.stack([np.unique(x, return_inverse=True)[1] for x in (first, second)], axis=1), axis=0)
    assert len(pairs) == len(np.unique(first)) == len(np.unique(second))


def check_graph_classes(operations: int) -> None:
    classes = CellClasses(4, operations, "graph")
    labels, sources = all_genotypes(classes)
    prints = fingerprint(DARTSCells(labels + np.uint8(FIRST), sources).graphs())
    codes, sizes = classes.code_and_size(labels, sources)
    assert_same_partition(codes, prints)
    assert classes.count() == len(np.unique(prints))
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    assert np.array_equal(sizes, counts[inverse])


@pytest.mark.parametrize("operations", [1, 2])
def test_graph_classes_are_isomorphism_classes(operations: int) -> None:
    check_graph_classes(operations)


@pytest.mark.slow
def test_graph_classes_are_isomorphism_classes_with_three_operations() -> None:
    check_graph_classes(3)


def renumberings(labels: tuple[int, ...], sources: tuple[int, ...]) -> set[tuple[tuple[int, int], ...]]:
    """Every way to write a genotype, found by trying every order of its nodes."""
    nodes = len(labels) // 2
    slots = [[(sources[2 * i + j], labels[2 * i + j]) for j in (0, 1)] for i in range(nodes)]
    found = set()
    for order in permutations(range(nodes)):
        place = {0: 0, 1: 1} | {node + 2: position + 2 for position, node in enumerate(order)}
        rewritten = [sorted((place[source], label) for source, label in slots[node]) for node in order]
        if all(source < position + 2 for position, pair in enumerate(rewritten) for source, _ in pair):
            found.add(tuple(entry for pair in rewritten for entry in pair))
    return found


@pytest.mark.parametrize(("nodes", "operations"), [(1, 3), (2, 3), (3, 2), (4, 1)])
def test_function_classes_are_renumberings(nodes: int, operations: int) -> None:
    classes = CellClasses(nodes, operations, "function")
    labels, sources = all_genotypes(classes)
    texts = [renumberings(tuple(a), tuple(b)) for a, b in zip(labels.tolist(), sources.tolist(), strict=True)]
    codes, sizes = classes.code_and_size(labels, sources)
    least = np.array([str(min(text)) for text in texts])
    assert_same_partition(codes, least)
    assert classes.count() == len(set(least.tolist()))
    assert sizes.tolist() == [len(text) for text in texts]


def test_a_code_is_the_position_of_its_class_first_genotype() -> None:
    classes = CellClasses(3, 2, "graph")
    labels, sources = all_genotypes(classes)
    codes = classes.code(labels, sources)
    first = {code: position for position, code in reversed(list(enumerate(codes.tolist())))}
    assert all(code == position for code, position in first.items())


def test_counts_of_the_darts_space() -> None:
    assert GRAPHS.genotypes == 1 * 3 * 6 * 10 * 7**8 == 1_037_664_180
    assert FUNCTIONS.count() == 382_128_166
    assert GRAPHS.count() == 275_473_100


def test_operations_of_unread_nodes_can_be_exchanged_in_the_graph_only() -> None:
    sources = np.array([[0, 1] * 4] * 2, dtype=np.uint8)
    labels = np.array([[0, 1, 2, 3, 4, 4, 5, 5], [0, 3, 2, 1, 4, 4, 5, 5]], dtype=np.uint8)
    graphs = fingerprint(DARTSCells(labels + np.uint8(FIRST), sources).graphs())
    assert graphs[0] == graphs[1]
    assert len(set(GRAPHS.code(labels, sources).tolist())) == 1
    assert len(set(FUNCTIONS.code(labels, sources).tolist())) == 2


def test_function_classes_refine_graph_classes() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=(20_000, 8))
    sources = np.array(GRAPHS.structures)[rng.integers(180, size=20_000)]
    both = np.stack([FUNCTIONS.code(labels, sources), GRAPHS.code(labels, sources)], axis=1)
    assert len(np.unique(both, axis=0)) == len(np.unique(both[:, 0])) > len(np.unique(both[:, 1]))
