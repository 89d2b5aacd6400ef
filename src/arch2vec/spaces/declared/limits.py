"""Cells of a free topology: any DAG within limits, its inner vertices labelled.

A cell has so many vertices, padded at the end to the largest number. The first are the inputs, the last that
are there the outputs, one each as a rule, and every vertex is on a path
from an input to an output. For one of each, there is one cell of two vertices, input to output.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.declared.labels import distinct, labelled
from arch2vec.spaces.nasbench101.cells import is_well_formed

if TYPE_CHECKING:
    from arch2vec.spaces.declared.fields import SpaceDeclaration

INPUT = 0
"""The code of the first input vertex; operations come after the inputs, and the outputs after them."""

MAX_SETS = 5_000  # sets of vertices that a vertex may read, beyond which cells are not listed

_CHUNK = 100_000  # graphs made at a time


@dataclass(frozen=True)
class TopologyLimits:
    """What a free topology allows.

    Attributes:
        vertices: the largest number of vertices, V.
        edges: the largest number of edges.
        in_degree: the largest number of edges into one vertex.
        operations: how many operations there are, K.
        inputs: how many inputs.
        outputs: how many outputs.
        least: the smallest number of vertices.
        output_in_degree: the largest number of edges into an output, None for ``in_degree``.
        choices: the codes that each inner vertex allows, by its number less that of the inputs; None for all.
    """

    vertices: int
    edges: int
    in_degree: int
    operations: int
    inputs: int = 1
    outputs: int = 1
    least: int = 2
    output_in_degree: int | None = None
    choices: tuple[tuple[int, ...], ...] | None = None

    @property
    def output(self) -> int:
        """The code of the first output vertex."""
        return self.operations + self.inputs

    @property
    def codes(self) -> range:
        """The codes of operations."""
        return range(self.inputs, self.output)

    @property
    def counts(self) -> range:
        """How many vertices a cell may have."""
        return range(max(self.least, self.inputs + self.outputs), self.vertices + 1)

    @property
    def into_output(self) -> int:
        """The largest number of edges into an output."""
        return self.in_degree if self.output_in_degree is None else self.output_in_degree

    def choice(self, vertex: int) -> Sequence[int]:
        """The codes that an inner vertex allows."""
        return self.codes if self.choices is None else self.choices[vertex - self.inputs]

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """(V, 256) whether a vertex allows a code, if it is an inner one."""
        table = np.zeros((self.vertices, 256), dtype=np.bool_)
        for vertex in range(self.inputs, self.vertices - self.outputs):
            table[vertex, list(self.choice(vertex))] = True
        return table


def limits_of(declaration: SpaceDeclaration) -> TopologyLimits:
    """The limits that a declaration with ``max_edges`` has."""
    v = declaration.count
    code_of = {name: code for code, name in enumerate(declaration.names, start=declaration.inputs)}
    choices = tuple(tuple(code_of[name] for name in choice) for choice in declaration.choices)
    return TopologyLimits(
        vertices=v,
        edges=v * (v - 1) // 2 if declaration.max_edges is None else declaration.max_edges,
        in_degree=declaration.max_in_degree or v - 1,
        operations=len(declaration.names),
        inputs=declaration.inputs,
        outputs=declaration.outputs,
        least=declaration.min_vertices or 2,
        output_in_degree=declaration.max_output_in_degree,
        choices=choices if declaration.allowed else None,
    )


def least_edges(limits: TopologyLimits) -> int | None:
    """The fewest edges that a cell has; None if there is none, whatever the number of edges.

    Of n vertices all but the inputs need an edge into them and all but the outputs one out of them. Each inner vertex
    that reads several others leaves fewer for the outputs to read, who read all that nobody else does.
    """
    for count in limits.counts:
        inner = count - limits.inputs - limits.outputs
        if limits.inputs - inner * (limits.in_degree - 1) <= limits.outputs * limits.into_output:
            return inner + max(limits.inputs, limits.outputs)
    return None


def is_cell(graphs: GraphBatch, limits: TopologyLimits) -> NDArray[np.bool_]:
    """(N,) whether each graph is a cell whose edges go from lower to higher vertices."""
    n, v = graphs.ops.shape
    if v != limits.vertices:
        return np.zeros(n, dtype=np.bool_)
    mask, position = graphs.mask, np.arange(v)
    count = mask.sum(axis=1)[:, None]
    first = np.broadcast_to(position < limits.inputs, mask.shape)
    last = mask & (position >= count - limits.outputs)
    inner = mask & ~last & ~first
    ends = np.where(last, limits.output + position - (count - limits.outputs), position)
    operation = (graphs.ops >= limits.inputs) & (graphs.ops < limits.output)
    if limits.choices is not None:
        operation &= limits.allowed[position, graphs.ops]
    labelled_right = np.where(inner, operation, ~mask | (graphs.ops == ends))
    # As edges go upwards, a vertex is on a path from the first to the last exactly if
    # every one but the inputs has a predecessor and every one but the outputs a successor.
    in_degree = graphs.adjacency.sum(axis=1)
    reads = (in_degree > 0) == (mask & ~first)
    is_read = graphs.adjacency.any(axis=2) == (mask & ~last)
    most = np.where(last, limits.into_output, limits.in_degree)
    return (
        is_well_formed(graphs)
        & (count[:, 0] >= limits.counts[0])
        & labelled_right.all(axis=1)
        & reads.all(axis=1)
        & is_read.all(axis=1)
        & (in_degree <= most).all(axis=1)
        & (graphs.adjacency.sum(axis=(1, 2)) <= limits.edges)
    )


def can_list(limits: TopologyLimits) -> bool:
    """Whether :func:`all_cells` tries a bearable number of sets of vertices for every vertex."""
    last = limits.vertices - 1
    most = max(limits.in_degree, limits.into_output)
    return sum(math.comb(last, size) for size in range(1, min(most, last) + 1)) <= MAX_SETS


def all_cells(limits: TopologyLimits) -> GraphBatch:
    """Every cell, one of each isomorphism class, by vertex count, then by shape, then by operations."""
    shapes = _shapes(limits)
    if limits.choices is None:
        inner = [n - limits.inputs - limits.outputs for n in limits.counts]
        found = [
            labelled(graphs, [limits.codes] * number, first=limits.inputs)
            for number, graphs in zip(inner, shapes, strict=True)
        ]
        shapes = [graphs for graphs in found if graphs is not None]
    return GraphBatch.concatenate(shapes)


def _shapes(limits: TopologyLimits) -> list[GraphBatch]:
    """The cells of every number of vertices with all inner vertices alike; with operations where vertices differ.

    The first j vertices of a cell form a beginning, a DAG in which all but the inputs have a
    predecessor. Beginnings grow by a vertex that reads any set of those
    before it, or are completed by the outputs, which must read all that nobody has read.
    Isomorphic beginnings have isomorphic continuations, so that one of each is kept.
    """
    inputs, outputs = limits.inputs, limits.outputs
    start = [*range(inputs)] + [PADDING] * (limits.vertices - inputs)
    beginnings = GraphBatch.of([start], np.zeros((1, *[limits.vertices] * 2)))
    shapes = []
    for j in range(inputs, limits.vertices - outputs + 1):
        if j + outputs in limits.counts:
            done = beginnings
            for number in range(outputs):
                done = _extended(done, j, limits, j + number, limits.output + number)
            shapes.append(done)
        if j < limits.vertices - outputs:
            codes = [limits.inputs] if limits.choices is None else limits.choice(j)
            grown = [_extended(beginnings, j, limits, j, code) for code in codes]
            beginnings = distinct(GraphBatch.concatenate(grown))
    return shapes


def _extended(beginnings: GraphBatch, j: int, limits: TopologyLimits, vertex: int, code: int) -> GraphBatch:
    """The beginnings with every possible next vertex, reading some of the first j; one of each isomorphism class."""
    is_output = code >= limits.output
    most = limits.into_output if is_output else limits.in_degree
    sets = _sets(j, min(most, j))
    parts = [beginnings[:0]]
    step = max(1, _CHUNK // max(1, len(sets)))
    for start in range(0, len(beginnings), step):
        part = beginnings[start : start + step]
        unread = ~part.adjacency[:, :j].any(axis=2)
        num_edges = part.adjacency.sum(axis=(1, 2))[:, None] + sets.sum(axis=1)
        left = unread.sum(axis=1)[:, None] - unread.astype(np.int64) @ sets.T
        if is_output:
            further = limits.output + limits.outputs - 1 - code  # outputs that may read the rest
            possible = (left <= further * limits.into_output) & (num_edges + np.maximum(left, further) <= limits.edges)
        else:
            # The new vertex is unread too. Each further one can lessen their number by in_degree - 1.
            left = left + 1
            further = limits.vertices - limits.outputs - 1 - j
            possible = (num_edges + left <= limits.edges) & (
                left - further * (limits.in_degree - 1) <= limits.outputs * limits.into_output
            )
        rows, chosen = np.nonzero(possible)
        ops, adjacency = part.ops[rows], part.adjacency[rows]
        ops[:, vertex] = code
        adjacency[:, :j, vertex] = sets[chosen]
        parts.append(distinct(GraphBatch(ops, adjacency)))
    return distinct(GraphBatch.concatenate(parts))


def _sets(j: int, most: int) -> NDArray[np.bool_]:
    """(M, j) the sets of 1 to ``most`` of j vertices, in the order of the numbers whose binary digits they are."""
    if j <= 12:
        sets = (np.arange(1, 1 << j)[:, None] >> np.arange(j) & 1).astype(np.bool_)
        return sets[sets.sum(axis=1) <= most]
    chosen = [members for size in range(1, most + 1) for members in itertools.combinations(range(j), size)]
    sets = np.zeros((len(chosen), j), dtype=np.bool_)
    for row, members in enumerate(chosen):
        sets[row, list(members)] = True
    return sets
