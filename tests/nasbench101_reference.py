"""Slow, obvious versions of what the NAS-Bench-101 modules compute, on plain lists.

A cell here is (ops, edges): operation codes and a set of (source, target) pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import module_hash

Cell = tuple[tuple[int, ...], frozenset[tuple[int, int]]]
LABELS = {0: -1, 1: 1, 2: 0, 3: 2, 4: -2}


def to_graphs(cells: list[Cell]) -> GraphBatch:
    """The cells as a batch, padded to seven vertices."""
    ops = np.full((len(cells), 7), PADDING, dtype=np.uint8)
    adjacency = np.zeros((len(cells), 7, 7), dtype=np.bool_)
    for row, (codes, edges) in enumerate(cells):
        ops[row, : len(codes)] = codes
        for source, target in edges:
            adjacency[row, source, target] = True
    return GraphBatch(ops, adjacency)


def from_graphs(graphs: GraphBatch) -> list[Cell]:
    """The inverse of :func:`to_graphs`."""
    cells = []
    for ops, adjacency in zip(graphs.ops.tolist(), graphs.adjacency, strict=True):
        edges = frozenset((int(i), int(j)) for i, j in np.argwhere(adjacency))
        cells.append((tuple(code for code in ops if code != PADDING), edges))
    return cells


def hash_of(cell: Cell) -> str:
    """The published hash."""
    ops, edges = cell
    matrix = np.zeros((len(ops), len(ops)), dtype=np.int64)
    for source, target in edges:
        matrix[source, target] = 1
    return module_hash(matrix, [LABELS[code] for code in ops])


def paths(cell: Cell, start: int = 0) -> Iterator[list[int]]:
    """Every path from vertex ``start`` to the last vertex."""
    ops, edges = cell
    if start == len(ops) - 1:
        yield [start]
    for source, target in edges:
        if source == start:
            for rest in paths(cell, target):
                yield [start, *rest]


def pruned(cell: Cell) -> Cell | None:
    """The cell without the vertices on no path; None where there is no path."""
    kept = sorted(set(itertools.chain.from_iterable(paths(cell))))
    if not kept:
        return None
    ops, edges = cell
    number = {old: new for new, old in enumerate(kept)}
    return (
        tuple(ops[old] for old in kept),
        frozenset((number[i], number[j]) for i, j in edges if i in number and j in number),
    )


def is_allowed(cell: Cell) -> bool:
    """The benchmark's limits on a pruned cell."""
    ops, edges = cell
    return (
        2 <= len(ops) <= 7
        and len(edges) <= 9
        and ops[0] == 0
        and ops[-1] == 4
        and all(code in (1, 2, 3) for code in ops[1:-1])
    )


def has_cycle(cell: Cell) -> bool:
    """Whether sources cannot be taken away one by one until nothing is left."""
    ops, edges = cell
    left, remaining = set(range(len(ops))), set(edges)
    while left:
        sources = left - {target for _, target in remaining}
        if not sources:
            return True
        left -= sources
        remaining = {(i, j) for i, j in remaining if i in left and j in left}
    return False


def one_edit_away(cell: Cell) -> set[str]:
    """The hashes of all cells one edit away."""
    ops, edges = cell
    n = len(ops)
    edited: list[Cell] = []
    for vertex, code in itertools.product(range(1, n - 1), (1, 2, 3)):
        edited.append(((*ops[:vertex], code, *ops[vertex + 1 :]), edges))
    for pair in itertools.permutations(range(n), 2):
        edited.append((ops, edges ^ {pair}))
        if n < 7:
            # The new vertex takes the output's number, the output moves up.
            moved = [(i, n if j == n - 1 else j) for i, j in edges]
            source, target = (n if vertex == n - 1 else vertex for vertex in pair)
            more = frozenset([*moved, (source, n - 1), (n - 1, target)])
            edited += [((*ops[:-1], code, ops[-1]), more) for code in (1, 2, 3)]
    hashes = set()
    for candidate in edited:
        if not has_cycle(candidate):
            result = pruned(candidate)
            if result is not None and is_allowed(result):
                hashes.add(hash_of(result))
    return hashes - {hash_of(cell)}


def relabelled(cell: Cell, rng: np.random.Generator) -> Cell:
    """The same cell with its vertices in another random topological order."""
    ops, edges = cell
    order: list[int] = []
    while len(order) < len(ops):
        ready = [
            vertex
            for vertex in range(len(ops))
            if vertex not in order and all(source in order for source, target in edges if target == vertex)
        ]
        order.append(int(rng.choice(ready)))
    number = {old: new for new, old in enumerate(order)}
    return tuple(ops[old] for old in order), frozenset((number[i], number[j]) for i, j in edges)
