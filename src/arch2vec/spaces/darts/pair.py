"""The full DARTS search space (Liu et al., ICLR 2019): a normal and a reduction cell.

An architecture is the disjoint union of two cells' graphs: vertices 0 to 10 are
the normal cell, 11 to 21 the reduction cell, whose output carries an operation
of its own so that exchanging the two cells gives another graph. It is written as
the two cells joined by ``+``, or as a published ``Genotype(...)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.common.arguments import Count, as_annotated
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.base import SearchSpace
from arch2vec.spaces.darts.cells import (
    OUTPUT,
    VERTICES,
    VOCABULARY,
    DARTSCells,
    is_cell,
    is_cell_as_released,
    most_likely_cells,
)
from arch2vec.spaces.darts.cost import CIFAR10, IMAGENET, DARTSCost, cost_of_cells
from arch2vec.spaces.darts.moves import (
    FUNCTIONS,
    GRAPHS,
    draw_cells,
    functions_of,
    mutate_cells,
    neighbor_cells,
    sample_distinct,
)
from arch2vec.spaces.darts.notation import (
    EXAMPLE,
    format_cells,
    format_genotype,
    parse_cells,
)
from arch2vec.spaces.darts.reading import cells_of
from arch2vec.spaces.darts.space import DARTS, darts_roles
from arch2vec.spaces.reading import Reading, read_texts
from arch2vec.spaces.roles import Roles

REDUCE_OUTPUT = len(VOCABULARY)
"""The operation of the reduction cell's output vertex."""


class DARTSPair(SearchSpace):
    """Pairs of a normal and a reduction cell of the space :class:`~arch2vec.spaces.darts.space.DARTS`.

    Args:
        max_macs: sample only pairs whose ImageNet network
            (:data:`arch2vec.spaces.darts.cost.IMAGENET`) has fewer multiply-adds.
    """

    name = "darts_pair"
    operations = (*VOCABULARY, "output_reduce")
    num_vertices = 2 * VERTICES
    size = DARTS.size**2
    enumerable = False

    def __init__(self, max_macs: int | None = None) -> None:
        self.max_macs = max_macs

    @property
    @override
    def reference(self) -> str:
        return self.name if self.max_macs is None else f"{self.name}?max_macs={self.max_macs}"

    def join(self, normal: GraphBatch, reduce: GraphBatch) -> GraphBatch:
        """Architectures from N normal cells and N reduction cells of the DARTS space.

        Raises:
            InputError: the numbers differ, or a graph is no cell.
        """
        if len(normal) != len(reduce):
            raise InputError(f"{len(normal)} normal cells need as many reduction cells, got {len(reduce)}")
        for cells in (normal, reduce):
            DARTS().check(cells)
        return _join(DARTSCells.of(normal), DARTSCells.of(reduce))

    def split(self, graphs: GraphBatch) -> tuple[GraphBatch, GraphBatch]:
        """The normal and the reduction cells of architectures, the inverse of :meth:`join`.

        Raises:
            InputError: a graph is no architecture of this space.
        """
        self.check(graphs)
        return _halves(graphs)

    @override
    def enumerate(self) -> GraphBatch:
        raise InputError(f"{self.name} has {self.size:,} architectures, too many to list; sample some")

    @override
    @as_annotated
    def sample(self, n: Count, rng: np.random.Generator) -> GraphBatch:
        """``n`` pairs that differ in one cell's graph at least, every such set equally likely.

        Raises:
            InputError: the space holds fewer, or so few are below the limit on
                multiply-adds that ``n`` cannot be found.
        """
        self.check_sample_size(n)

        def draw(attempts: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
            normal, normal_codes = draw_cells(attempts, rng)
            reduce, reduce_codes = draw_cells(attempts, rng)
            both = slice(min(len(normal), len(reduce)))
            normal, reduce = normal[both], reduce[both]
            rows = np.concatenate([normal.operations, normal.sources, reduce.operations, reduce.sources], axis=1)
            codes = normal_codes[both] * GRAPHS.genotypes + reduce_codes[both]
            if self.max_macs is None:
                return rows, codes
            kept = cost_of_cells(normal, reduce, IMAGENET).macs < self.max_macs
            return rows[kept], codes[kept]

        parts = np.split(sample_distinct(n, draw), 4, axis=1)
        return _join(DARTSCells(parts[0], parts[1]), DARTSCells(parts[2], parts[3]))

    @override
    def read(self, architectures: Sequence[str]) -> Reading:
        """Read ``normal+reduce`` with both cells in the compact form, or as other programs write them.

        See :mod:`arch2vec.spaces.darts.reading`.
        """
        return read_texts(_parse_own, _imported, architectures)

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        """Read architectures in any notation that :meth:`read` knows."""
        return self.read(architectures).graphs

    @override
    def format(self, graphs: GraphBatch) -> list[str]:
        return [f"{normal}+{reduce}" for normal, reduce in self._texts(graphs)]

    def to_genotype(self, graphs: GraphBatch) -> list[str]:
        """Write architectures as published genotypes.

        Raises:
            InputError: a graph is no architecture of this space.
        """
        return [format_genotype(normal, reduce) for normal, reduce in self._texts(graphs)]

    def _texts(self, graphs: GraphBatch) -> list[tuple[str, str]]:
        normal, reduce = self.split(graphs)
        return list(zip(format_cells(DARTSCells.of(normal)), format_cells(DARTSCells.of(reduce)), strict=True))

    @cached_property
    @override
    def roles(self) -> Roles:
        return darts_roles(self.operations, [OUTPUT, REDUCE_OUTPUT])

    @override
    def network_cost(self, graphs: GraphBatch) -> DARTSCost:
        normal, reduce = (DARTSCells.of(half) for half in _halves(graphs))
        return cost_of_cells(normal, reduce, CIFAR10)

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        if graphs.num_vertices != self.num_vertices:
            return np.zeros(len(graphs), dtype=np.bool_)
        normal, reduce = _halves(graphs)
        joined = graphs.adjacency[:, :VERTICES, VERTICES:] | graphs.adjacency[:, VERTICES:, :VERTICES].transpose(
            0, 2, 1
        )
        apart = ~joined.any(axis=(1, 2))
        return is_cell(normal) & is_cell(reduce) & apart & (graphs.ops[:, -1] == REDUCE_OUTPUT)

    @override
    def is_valid_as_released(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        """The released check of one cell, on both; the release itself has only one cell."""
        if graphs.num_vertices != self.num_vertices:
            return np.zeros(len(graphs), dtype=np.bool_)
        normal, reduce = _halves(graphs)
        labelled = graphs.ops[:, -1] == REDUCE_OUTPUT
        return is_cell_as_released(normal) & is_cell_as_released(reduce) & labelled

    @override
    def mutate(self, graphs: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """A mutation of the DARTS space, in either cell with the same chance."""
        normal, reduce = (DARTSCells.of(cells) for cells in self.split(graphs))
        edit_normal = rng.integers(2, size=len(graphs)) == 0
        return _join(
            _replaced(normal, edit_normal, mutate_cells(normal[edit_normal], rng)),
            _replaced(reduce, ~edit_normal, mutate_cells(reduce[~edit_normal], rng)),
        )

    @override
    def neighbors(self, graph: GraphBatch) -> GraphBatch:
        """The 120 architectures with one edit in one cell: 60 in the normal, then 60 in the reduction cell."""
        normal, reduce = (DARTSCells.of(cells) for cells in self.split(graph[:1]))
        edited_normal, edited_reduce = neighbor_cells(normal), neighbor_cells(reduce)
        return GraphBatch.concatenate(
            [
                _join(edited_normal, reduce[np.zeros(len(edited_normal), dtype=np.intp)]),
                _join(normal[np.zeros(len(edited_reduce), dtype=np.intp)], edited_reduce),
            ]
        )

    @override
    def _most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        normal, reduce = slice(VERTICES), slice(VERTICES, None)
        return _join(
            most_likely_cells(op_logits[:, normal], edge_logits[:, normal, normal]),
            most_likely_cells(op_logits[:, reduce], edge_logits[:, reduce, reduce]),
        )

    @override
    def function_classes(self, graphs: GraphBatch) -> NDArray[np.uint64]:
        """Labels, equal for pairs whose normal and whose reduction cells compute the same functions."""
        normal, reduce = (functions_of(DARTSCells.of(cells)).astype(np.uint64) for cells in self.split(graphs))
        return normal * np.uint64(FUNCTIONS.genotypes) + reduce


def _join(normal: DARTSCells, reduce: DARTSCells) -> GraphBatch:
    first, second = normal.graphs(), reduce.graphs()
    ops = np.concatenate([first.ops, second.ops], axis=1)
    ops[:, -1] = REDUCE_OUTPUT
    adjacency = np.zeros((len(ops), 2 * VERTICES, 2 * VERTICES), dtype=np.bool_)
    adjacency[:, :VERTICES, :VERTICES] = first.adjacency
    adjacency[:, VERTICES:, VERTICES:] = second.adjacency
    return GraphBatch(ops, adjacency)


def _halves(graphs: GraphBatch) -> tuple[GraphBatch, GraphBatch]:
    """Both halves as graphs of the DARTS space, whatever edges there are between them."""
    reduce_ops = graphs.ops[:, VERTICES:].copy()
    reduce_ops[:, -1] = OUTPUT
    return (
        GraphBatch(graphs.ops[:, :VERTICES], graphs.adjacency[:, :VERTICES, :VERTICES]),
        GraphBatch(reduce_ops, graphs.adjacency[:, VERTICES:, VERTICES:]),
    )


def _replaced(cells: DARTSCells, rows: NDArray[np.bool_], by: DARTSCells) -> DARTSCells:
    operations, sources = cells.operations.copy(), cells.sources.copy()
    operations[rows], sources[rows] = by.operations, by.sources
    return DARTSCells(operations, sources)


def _parse_own(texts: Sequence[str]) -> GraphBatch:
    pairs = []
    for text in texts:
        cells = text.split("+")
        if len(cells) != 2:
            raise InputError(f"not a pair of DARTS cells: {text[:200]!r}; one looks like {EXAMPLE}+{EXAMPLE}")
        pairs.append(cells)
    return _join(parse_cells([normal for normal, _ in pairs]), parse_cells([reduce for _, reduce in pairs]))


def _imported(text: str) -> tuple[str, str | None] | None:
    """See :data:`arch2vec.spaces.reading.Import`."""
    if "~" in text:
        return re.sub(r"\s+", "", text), None
    found = cells_of(text)
    if found is None:
        return None
    cells, notation = found
    if len(cells) == 1:
        raise InputError(f"{text[:120]!r} is one cell; the darts_pair space needs a normal and a reduction cell")
    return "+".join(cells), notation
