"""Layered drawing of small DAGs, left to right.

The scheme of Sugiyama, Tagawa and Toda (1981): a vertex's layer is the length
of the longest path to it; an edge that skips layers gets a bend in each of
them; the order within layers is chosen for few crossings; then the heights are
chosen for straight edges. Bends have a place of their own, so no edge runs
behind a vertex or along another edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_SWEEPS = 24
_COHESION = 0.01  # the pull of items that stand side by side: keeps separate parts of a graph together


@dataclass(frozen=True, eq=False)
class LayeredLayout:
    """Where a DAG's vertices and edges go.

    Attributes:
        layers: (V,) int, the longest path from a source to each vertex.
        heights: (V,) the vertical centre of each vertex.
        bends: for each edge (i, j), the vertical positions at which it passes
            the layers strictly between i's and j's, in order.
    """

    layers: NDArray[np.int64]
    heights: NDArray[np.float64]
    bends: dict[tuple[int, int], list[float]]


@dataclass(eq=False)
class _Net:
    """The DAG after bends were put in: every link joins neighbouring layers."""

    rows: list[list[int]]
    """Items by layer, in order: vertices 0..V-1, bends from V on."""
    links: list[tuple[int, int]]
    extents: list[float]
    """The height of every item, 0 for a bend."""
    chains: dict[tuple[int, int], list[int]]
    """The bends of each edge."""


def longest_paths(adjacency: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(V,) the number of edges on the longest path that ends at each vertex.

    Args:
        adjacency: (V, V) strictly upper triangular.
    """
    layers = np.zeros(len(adjacency), dtype=np.int64)
    for vertex in range(len(adjacency)):
        sources = np.flatnonzero(adjacency[:, vertex])
        if len(sources):
            layers[vertex] = layers[sources].max() + 1
    return layers


def layered_layout(
    adjacency: NDArray[np.bool_], extents: NDArray[np.float64], gap: float, bend_gap: float
) -> LayeredLayout:
    """Lay a DAG out.

    Args:
        adjacency: (V, V) strictly upper triangular.
        extents: (V,) how high each vertex is drawn.
        gap: the least distance between the borders of two vertices of a layer.
        bend_gap: the same where one or both are edges passing by.
    """
    layers = longest_paths(adjacency)
    net = _with_bends(adjacency, layers, extents)
    net.rows = _fewest_crossings(net)
    # Rows are ordered with low indices first: put those on top.
    heights = -_heights(net, gap, bend_gap)
    bends = {edge: [float(heights[item]) for item in chain] for edge, chain in net.chains.items()}
    return LayeredLayout(layers, heights[: len(adjacency)], bends)


def _with_bends(adjacency: NDArray[np.bool_], layers: NDArray[np.int64], extents: NDArray[np.float64]) -> _Net:
    rows: list[list[int]] = [[] for _ in range(int(layers.max(initial=0)) + 1)]
    for vertex, layer in enumerate(layers.tolist()):
        rows[layer].append(vertex)
    net = _Net(rows, [], extents.tolist(), {})
    for source, target in np.argwhere(adjacency).tolist():
        chain = []
        for layer in range(layers[source] + 1, layers[target]):
            chain.append(len(net.extents))
            rows[layer].append(len(net.extents))
            net.extents.append(0.0)
        net.links.extend(pairwise([source, *chain, target]))
        net.chains[source, target] = chain
    return net


def _neighbours(net: _Net) -> tuple[list[list[int]], list[list[int]]]:
    before: list[list[int]] = [[] for _ in net.extents]
    after: list[list[int]] = [[] for _ in net.extents]
    for left, right in net.links:
        before[right].append(left)
        after[left].append(right)
    return before, after


def _fewest_crossings(net: _Net) -> list[list[int]]:
    """The best of the orders met while sorting layers by their neighbours' mean place, to and fro."""
    before, after = _neighbours(net)
    rows = [list(row) for row in net.rows]
    best, fewest = [list(row) for row in rows], _crossings(rows, after)
    for sweep in range(_SWEEPS):
        forwards = sweep % 2 == 0
        beside = before if forwards else after
        order = range(1, len(rows)) if forwards else range(len(rows) - 2, -1, -1)
        for layer in order:
            place = {item: index for index, item in enumerate(rows[layer - 1 if forwards else layer + 1])}
            own = {item: float(index) for index, item in enumerate(rows[layer])}
            key = {
                item: float(np.mean([place[other] for other in beside[item]])) if beside[item] else own[item]
                for item in rows[layer]
            }
            rows[layer].sort(key=key.__getitem__)
        _exchange(rows, before, after)
        crossings = _crossings(rows, after)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _exchange(rows: list[list[int]], before: list[list[int]], after: list[list[int]]) -> None:
    """Swap items that stand side by side, in place, as long as that removes crossings."""
    place = {item: index for row in rows for index, item in enumerate(row)}
    improved = True
    while improved:
        improved = False
        for row in rows:
            for index in range(len(row) - 1):
                first, second = row[index], row[index + 1]
                gained = sum(
                    (place[one] > place[other]) - (place[one] < place[other])
                    for beside in (before, after)
                    for one in beside[first]
                    for other in beside[second]
                )
                if gained > 0:
                    row[index], row[index + 1] = second, first
                    place[first], place[second] = index + 1, index
                    improved = True


def _crossings(rows: list[list[int]], after: list[list[int]]) -> int:
    total = 0
    for left, right in pairwise(rows):
        place = {item: index for index, item in enumerate(right)}
        ends: list[int] = []
        for item in left:
            own = [place[other] for other in after[item]]
            total += sum(end > target for end in ends for target in own)
            ends.extend(own)
    return total


def _heights(net: _Net, gap: float, bend_gap: float) -> NDArray[np.float64]:
    """Vertical centres that keep the order and the distances and make the weighted climb of all links least.

    This is the linear programme of Gansner et al. (1993, section 4.2). Links
    between bends weigh most, so that long edges come out straight. Of all
    solutions it takes the one half way between the lowest and the highest,
    which puts a vertex amid its neighbours.
    """
    from scipy.optimize import linprog

    n, num_vertices = len(net.extents), len(net.extents) - sum(len(chain) for chain in net.chains.values())
    beside = [pair for row in net.rows for pair in pairwise(row)]
    pulls = [*net.links, *beside]
    weights = [(1.0, 2.0, 8.0)[(left >= num_vertices) + (right >= num_vertices)] for left, right in net.links]
    weights += [_COHESION] * len(beside)
    if not pulls:
        return np.zeros(n)
    # Unknowns: n heights, then the climb of each pull. All conditions have the form rows @ unknowns <= bounds.
    rows: list[NDArray[np.float64]] = []
    bounds: list[float] = []
    for low, high in beside:
        apart = gap if max(low, high) < num_vertices else bend_gap
        rows.append(_row(n + len(pulls), {low: 1.0, high: -1.0}))
        bounds.append(-apart - (net.extents[low] + net.extents[high]) / 2)
    for climb, (left, right) in enumerate(pulls, start=n):
        rows += [_row(n + len(pulls), {left: sign, right: -sign, climb: -1.0}) for sign in (1.0, -1.0)]
        bounds += [0.0, 0.0]
    cost = np.array([0.0] * n + weights)
    within = [(0.0, 0.0)] + [(None, None)] * (n - 1) + [(0.0, None)] * len(pulls)
    best = np.asarray(linprog(cost, A_ub=np.array(rows), b_ub=bounds, bounds=within).x)
    rows.append(cost)
    bounds.append(float(cost @ best) + 1e-6)
    total = np.array([1.0] * n + [0.0] * len(pulls))
    lowest, highest = (linprog(sign * total, A_ub=np.array(rows), b_ub=bounds, bounds=within).x for sign in (1, -1))
    return (np.asarray(lowest)[:n] + np.asarray(highest)[:n]) / 2


def _row(length: int, entries: dict[int, float]) -> NDArray[np.float64]:
    row = np.zeros(length)
    row[list(entries)] = list(entries.values())
    return row
