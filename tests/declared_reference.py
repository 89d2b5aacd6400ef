"""Slow, obvious versions of what the declared spaces compute, for comparison."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.declared.limits import TopologyLimits


def canonical(graph: GraphBatch, inputs: int = 1, outputs: int = 1) -> tuple[object, ...]:
    """Equal exactly for isomorphic cells: the least of all numberings that keep the first and last vertices."""
    n = int(graph.mask.sum())
    ops, edges = graph.ops[0, :n], graph.adjacency[0, :n, :n]
    first, last = range(inputs), range(n - outputs, n)
    numberings = (np.array([*first, *inner, *last]) for inner in itertools.permutations(range(inputs, n - outputs)))
    return min((ops[order].tobytes(), edges[np.ix_(order, order)].tobytes()) for order in numberings)


def symmetries(adjacency: NDArray[np.bool_], colours: Sequence[int]) -> list[tuple[int, ...]]:
    """All permutations of vertices that keep edges and colours."""
    n = len(colours)
    return [
        image
        for image in itertools.permutations(range(n))
        if all(colours[image[v]] == colours[v] for v in range(n))
        and all(adjacency[image[u], image[v]] == adjacency[u, v] for u in range(n) for v in range(n))
    ]


def numbered_cells(limits: TopologyLimits) -> Iterator[GraphBatch]:
    """Every cell in every numbering, one at a time."""
    v, first = limits.vertices, limits.inputs
    for n in limits.counts:
        last = n - limits.outputs
        pairs = list(itertools.combinations(range(n), 2))
        for chosen in itertools.product((False, True), repeat=len(pairs)):
            adjacency = np.zeros((1, v, v), dtype=np.bool_)
            for i, j in itertools.compress(pairs, chosen):
                adjacency[0, i, j] = True
            into = adjacency[0].sum(axis=0)
            if adjacency.sum() > limits.edges or into[:last].max() > limits.in_degree:
                continue
            if into[last:n].max() > limits.into_output or into[:first].any() or adjacency[0, last:].any():
                continue
            ends = list(itertools.product(range(first), range(last, n)))
            if not all(
                any(on_path(adjacency[0], vertex, target, source) for source, target in ends) for vertex in range(n)
            ):
                continue
            for inner in itertools.product(*(limits.choice(vertex) for vertex in range(first, last))):
                outputs = range(limits.output, limits.output + limits.outputs)
                ops = [*range(first), *inner, *outputs] + [PADDING] * (v - n)
                yield GraphBatch(np.array([ops], dtype=np.uint8), adjacency)


def on_path(adjacency: NDArray[np.bool_], vertex: int, last: int, first: int = 0) -> bool:
    """Whether a vertex is on a path from the first vertex to the last one."""
    return reaches(adjacency, first, vertex) and reaches(adjacency, vertex, last)


def reaches(adjacency: NDArray[np.bool_], source: int, target: int) -> bool:
    """Whether there is a path."""
    return source == target or any(
        reaches(adjacency, middle, target) for middle in np.flatnonzero(adjacency[source]).tolist()
    )


def orders(graph: GraphBatch) -> int:
    """How many topological orders a cell has."""
    n = int(graph.mask.sum())
    edges = graph.adjacency[0]
    return sum(
        all(not edges[later, earlier] for k, later in enumerate(order) for earlier in order[:k])
        for order in itertools.permutations(range(n))
    )
