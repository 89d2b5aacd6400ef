"""Cells of a free topology: any DAG within limits, its inner vertices labelled.

A cell has two to so many vertices, padded at the end to that number. The first
is the input, the last that is there the output, and every vertex is on a path
between them. For two vertices there is one cell, input to output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.declared.labels import distinct, labelled
from arch2vec.spaces.nasbench101.cells import is_well_formed

INPUT = 0
"""The code of the input vertex; operations are 1, 2, ..., the output comes after them."""

_CHUNK = 100_000  # graphs made at a time


@dataclass(frozen=True)
class Limits:
    """What a free topology allows.

    Attributes:
        vertices: the largest number of vertices, V.
        edges: the largest number of edges.
        in_degree: the largest number of edges into one vertex.
        operations: how many operations there are, K.
    """

    vertices: int
    edges: int
    in_degree: int
    operations: int

    @property
    def output(self) -> int:
        """The code of the output vertex."""
        return self.operations + 1


def is_cell(graphs: GraphBatch, limits: Limits) -> NDArray[np.bool_]:
    """(N,) whether each graph is a cell whose edges go from lower to higher vertices."""
    n, v = graphs.ops.shape
    if v != limits.vertices:
        return np.zeros(n, dtype=np.bool_)
    mask, position = graphs.mask, np.arange(v)
    last = position == mask.sum(axis=1)[:, None] - 1
    inner = mask & ~last & (position > 0)
    operation = (graphs.ops > INPUT) & (graphs.ops < limits.output)
    labelled_right = (operation == inner) & ((graphs.ops == limits.output) == last)
    # As edges go upwards, a vertex is on a path from the first to the last exactly if
    # every one but the first has a predecessor and every one but the last a successor.
    in_degree = graphs.adjacency.sum(axis=1)
    reads = (in_degree > 0) == (mask & (position > 0))
    is_read = graphs.adjacency.any(axis=2) == (mask & ~last)
    return (
        is_well_formed(graphs)
        & (mask.sum(axis=1) >= 2)
        & (graphs.ops[:, 0] == INPUT)
        & labelled_right.all(axis=1)
        & reads.all(axis=1)
        & is_read.all(axis=1)
        & (in_degree <= limits.in_degree).all(axis=1)
        & (graphs.adjacency.sum(axis=(1, 2)) <= limits.edges)
    )


def all_cells(limits: Limits) -> GraphBatch:
    """Every cell, one of each isomorphism class, by vertex count, then by shape, then by operations."""
    choice = range(1, limits.output)
    parts = [labelled(shapes, [choice] * (n - 2)) for n, shapes in enumerate(_shapes(limits), start=2)]
    return GraphBatch.concatenate([part for part in parts if part is not None])


def _shapes(limits: Limits) -> list[GraphBatch]:
    """The cells of 2, 3, ... vertices with all inner vertices alike.

    The first j vertices of a cell form a beginning, a DAG in which all but the input have a
    predecessor. Beginnings grow by a vertex that reads any set of those
    before it, or are completed by the output, which must read all that nobody has read.
    Isomorphic beginnings have isomorphic continuations, so that one of each is kept.
    """
    beginnings = GraphBatch.of([[INPUT] + [PADDING] * (limits.vertices - 1)], np.zeros((1, *[limits.vertices] * 2)))
    shapes = []
    for j in range(1, limits.vertices):
        shapes.append(_extended(beginnings, j, limits, is_output=True))
        if j < limits.vertices - 1:
            beginnings = _extended(beginnings, j, limits, is_output=False)
    return shapes


def _extended(beginnings: GraphBatch, j: int, limits: Limits, *, is_output: bool) -> GraphBatch:
    """The beginnings of j vertices with every possible vertex j added, one of each isomorphism class."""
    sets = (np.arange(1, 1 << j)[:, None] >> np.arange(j) & 1).astype(np.bool_)
    sets = sets[sets.sum(axis=1) <= limits.in_degree]
    parts = [beginnings[:0]]
    step = max(1, _CHUNK // max(1, len(sets)))
    for start in range(0, len(beginnings), step):
        part = beginnings[start : start + step]
        unread = ~part.adjacency[:, :j, :j].any(axis=2)
        num_edges = part.adjacency.sum(axis=(1, 2))[:, None] + sets.sum(axis=1)
        left = unread.sum(axis=1)[:, None] - unread.astype(np.int64) @ sets.T
        if is_output:
            possible = (left == 0) & (num_edges <= limits.edges)
        else:
            # The new vertex is unread too. Each further one can lessen their number by in_degree - 1.
            left = left + 1
            further = limits.vertices - 2 - j
            possible = (num_edges + left <= limits.edges) & (
                left - further * (limits.in_degree - 1) <= limits.in_degree
            )
        rows, chosen = np.nonzero(possible)
        ops, adjacency = part.ops[rows], part.adjacency[rows]
        ops[:, j] = limits.output if is_output else 1
        adjacency[:, :j, j] = sets[chosen]
        parts.append(distinct(GraphBatch(ops, adjacency)))
    return distinct(GraphBatch.concatenate(parts))
