"""Numbering the vertices of a cell of a free topology: inputs first, outputs last, all edges upwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.declared.limits import TopologyLimits

_STEPS = 20_000  # partial orders of one cell that are looked at


def ordered(graphs: GraphBatch, limits: TopologyLimits) -> GraphBatch:
    """Renumber acyclic graphs so that all edges go upwards and every vertex allows what stands there.

    Of several possible vertices the one of the lowest number comes first. A graph for which
    no order is allowed gets another one, which :func:`arch2vec.spaces.declared.limits.is_cell` refuses.

    Args:
        graphs: N graphs; operations tell inputs and outputs.
        limits: of the space.
    """
    order = _greedy(graphs, limits, limits.allowed)
    if limits.choices is not None:
        for row in np.flatnonzero((order < 0).any(axis=1)).tolist():
            found = _searched(graphs[row], limits)
            if found is not None:
                order[row] = found
    wrong = np.flatnonzero((order < 0).any(axis=1))
    if len(wrong):
        order[wrong] = _greedy(graphs[wrong], limits, np.ones((limits.vertices, 256), dtype=np.bool_))
    rows = np.arange(len(graphs))[:, None]
    adjacency = graphs.adjacency[rows[:, :, None], order[:, :, None], order[:, None, :]]
    return GraphBatch(graphs.ops[rows, order], adjacency)


def _greedy(graphs: GraphBatch, limits: TopologyLimits, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N, V) the first vertex that is possible, place by place; -1 where there is none."""
    n, v = graphs.ops.shape
    count = graphs.mask.sum(axis=1)
    is_output = (graphs.ops >= limits.output) & graphs.mask
    order = np.full((n, v), -1, dtype=np.int64)
    placed = ~graphs.mask
    sources = graphs.adjacency.sum(axis=1)
    rows = np.arange(n)
    for place in range(v):
        inner = (place >= limits.inputs) & (place < count - limits.outputs)
        right = np.where(
            inner[:, None],
            allowed[place, graphs.ops] & ~is_output,
            np.where((place < limits.inputs), graphs.ops == place, is_output),
        )
        ready = ~placed & (sources == 0) & right
        # Outputs are in the order of their operations, everything else in that of their numbers.
        key = np.where(is_output, graphs.ops.astype(np.int64), np.arange(v))
        vertex = np.where(ready, key, np.iinfo(np.int64).max).argmin(axis=1)
        possible = ready[rows, vertex]
        order[possible, place] = vertex[possible]
        placed[rows[possible], vertex[possible]] = True
        sources -= np.where(possible[:, None], graphs.adjacency[rows, vertex], False)
    padding = np.where(graphs.mask, v, np.arange(v))
    padding.sort(axis=1)
    beyond = np.arange(v) >= count[:, None]
    spare = padding[rows[:, None], np.maximum(np.arange(v) - count[:, None], 0)]
    return np.where(beyond, spare, order)


def _searched(graph: GraphBatch, limits: TopologyLimits) -> NDArray[np.int64] | None:
    """An allowed order of one graph, by depth first; None where there is none, or none was found in time."""
    ops, adjacency, allowed = graph.ops[0], graph.adjacency[0], limits.allowed
    mask = ops != PADDING
    count, v = int(mask.sum()), len(ops)
    first = [int(np.flatnonzero(ops == code)[0]) for code in range(limits.inputs)]
    last = sorted(np.flatnonzero(mask & (ops >= limits.output)).tolist(), key=lambda vertex: int(ops[vertex]))
    inner = [vertex for vertex in np.flatnonzero(mask).tolist() if vertex not in {*first, *last}]
    before = {vertex: set(np.flatnonzero(adjacency[:, vertex]).tolist()) - set(first) for vertex in inner}
    hopeless: set[frozenset[int]] = set()
    looked = 0

    def continued(placed: list[int]) -> list[int] | None:
        nonlocal looked
        if len(placed) == len(inner):
            return placed
        looked += 1
        members = frozenset(placed)
        if members in hopeless or looked > _STEPS:
            return None
        for vertex in inner:
            fits = allowed[limits.inputs + len(placed), ops[vertex]]
            if fits and vertex not in members and before[vertex] <= members:
                found = continued([*placed, vertex])
                if found is not None:
                    return found
        hopeless.add(members)
        return None

    found = continued([])
    if found is None:
        return None
    spare = np.flatnonzero(~mask)
    return np.array([*first, *found, *last, *spare.tolist()][:v], dtype=np.int64) if count else None
