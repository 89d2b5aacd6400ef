"""Cells that compute the same function, against computing the functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces import DeclaredSpace, SpaceDeclaration
from arch2vec.spaces.declared.limits import TopologyLimits
from declared_reference import numbered_cells

# Nonlinear, and 0 at 0.
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "a": lambda value: math.sin(value) * 1.7,
    "b": lambda value: math.expm1(0.31 * value),
    "zero": lambda value: 0.0,
}

FREE = SpaceDeclaration(
    name="free",
    operations=("a", "b", "skip", "zero"),
    carries="vertices",
    vertices=5,
    max_edges=8,
    skip=("skip",),
    zero=("zero",),
)
FIXED = SpaceDeclaration(
    name="fixed",
    operations=("zero", "skip", "b", "a"),
    carries="edges",
    nodes=4,
    edges=((0, 1), (1, 2), (0, 2), (2, 3), (0, 3)),
    skip=("skip",),
    zero=("zero",),
)


def computed(space: DeclaredSpace, graphs: GraphBatch) -> list[float]:
    """The output of every cell for one input, to twelve digits."""
    results = []
    for ops, adjacency, n in zip(graphs.ops, graphs.adjacency, graphs.mask.sum(axis=1).tolist(), strict=True):
        terms: list[list[float]] = [[0.7316]]
        for vertex in range(1, n):
            read = [term for source in np.flatnonzero(adjacency[:, vertex]) for term in terms[source]]
            name = space.operations[ops[vertex]]
            terms.append(read if name in ("skip", "output") else [FUNCTIONS[name](math.fsum(read))])
        results.append(float(f"{math.fsum(terms[-1]):.12g}"))
    return results


@pytest.mark.parametrize("declaration", [FREE, FIXED])
def test_classes_are_those_of_equal_outputs(declaration: SpaceDeclaration) -> None:
    space = DeclaredSpace(declaration)
    graphs = space.enumerate()
    labels, outputs = space.function_classes(graphs).tolist(), computed(space, graphs)
    pairs = set(zip(labels, outputs, strict=True))
    assert len(pairs) == len(set(labels)) == len(set(outputs)) < len(graphs)


def test_isomorphic_cells_compute_the_same() -> None:
    space = DeclaredSpace(FREE)
    brute = GraphBatch.concatenate(list(numbered_cells(TopologyLimits(4, 8, 4, 4))))
    wide = space.parse(
        DeclaredSpace(SpaceDeclaration(**{**FREE.__dict__, "vertices": 4, "max_edges": 6})).format(brute)
    )
    pairs = set(zip(fingerprint(wide).tolist(), space.function_classes(wide).tolist(), strict=True))
    assert len(pairs) == len({graph for graph, _ in pairs})


def test_labels_do_not_depend_on_the_batch() -> None:
    space = DeclaredSpace(FREE)
    graphs = space.enumerate()
    rows = np.random.default_rng(0).permutation(len(graphs))[:200]
    np.testing.assert_array_equal(space.function_classes(graphs)[rows], space.function_classes(graphs[rows]))


def test_without_skips_and_zeros_only_isomorphic_cells_compute_the_same() -> None:
    declaration = SpaceDeclaration(name="x", operations=("a", "skip"), carries="vertices", vertices=5, max_edges=6)
    space = DeclaredSpace(declaration)
    graphs = space.enumerate()
    np.testing.assert_array_equal(space.function_classes(graphs), fingerprint(graphs))


def test_terms_count_as_often_as_they_occur() -> None:
    """Skips only: the output is the input times the number of paths."""
    space = DeclaredSpace(
        SpaceDeclaration(
            name="x", operations=("skip", "a"), carries="vertices", vertices=6, max_edges=15, skip=("skip",)
        )
    )
    graphs = space.enumerate()
    graphs = graphs[(graphs.ops != 2).all(axis=1)]
    powers = graphs.adjacency.astype(np.int64)
    paths = np.sum([np.linalg.matrix_power(powers, length)[:, 0] for length in range(1, 6)], axis=0)
    numbers = paths[np.arange(len(graphs)), graphs.mask.sum(axis=1) - 1].tolist()
    pairs = set(zip(space.function_classes(graphs).tolist(), numbers, strict=True))
    assert len(pairs) == len(set(numbers)) == len({label for label, _ in pairs})
    assert max(numbers) == 16
