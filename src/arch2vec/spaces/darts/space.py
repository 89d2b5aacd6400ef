"""The DARTS search space (Liu et al., ICLR 2019) as arch2vec uses it: one cell.

The normal and the reduction cell are the same (arch2vec paper, section 4.1);
:mod:`arch2vec.spaces.darts.pair` is the space in which they differ. What a cell
is and how it becomes a graph is in :mod:`arch2vec.spaces.darts.cells`.

How many cells there are depends on what counts as different, see
:mod:`arch2vec.spaces.darts.classes`: 1,037,664,180 genotypes (180 choices of
sources times 7^8 of operations), 382,128,166 that compute different functions,
275,473,100 graphs that are not isomorphic. arch2vec's public release samples
the operation ``none`` as well, which no finished DARTS cell has; this space
does not.
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
    NONE,
    OUTPUT,
    SLOTS,
    VERTICES,
    VOCABULARY,
    DARTSCells,
    is_cell,
    is_cell_as_released,
    most_likely_cells,
)
from arch2vec.spaces.darts.cost import CIFAR10, IMAGENET, DARTSCost, cost_of_cells
from arch2vec.spaces.darts.moves import draw_cells, functions_of, mutate_cells, neighbor_cells, sample_distinct
from arch2vec.spaces.darts.notation import format_cells, format_genotype, parse_cells
from arch2vec.spaces.darts.reading import cells_of
from arch2vec.spaces.reading import Reading, read_texts
from arch2vec.spaces.roles import Roles, roles_by_name


class DARTS(SearchSpace):
    """275,473,100 cells of four nodes, each the sum of two of seven operations.

    Args:
        max_macs: sample only cells whose ImageNet network
            (:data:`arch2vec.spaces.darts.cost.IMAGENET`) has fewer multiply-adds;
            the mobile setting, in which the paper samples, is 600,000,000 (the authors count two more for each
            normalised number, some 8 million in all). Nothing but :meth:`sample` is restricted.
    """

    name = "darts"
    operations = VOCABULARY
    num_vertices = VERTICES
    size = 275_473_100
    enumerable = False

    def __init__(self, max_macs: int | None = None) -> None:
        self.max_macs = max_macs

    @property
    @override
    def reference(self) -> str:
        return self.name if self.max_macs is None else f"{self.name}?max_macs={self.max_macs}"

    @override
    def enumerate(self) -> GraphBatch:
        raise InputError(f"{self.name} has {self.size:,} architectures, too many to list; sample some")

    @override
    @as_annotated
    def sample(self, n: Count, rng: np.random.Generator) -> GraphBatch:
        """``n`` cells, no two with isomorphic graphs, every such set equally likely.

        Raises:
            InputError: the space holds fewer, or so few are below the limit on
                multiply-adds that ``n`` cannot be found.
        """
        self.check_sample_size(n)

        def draw(attempts: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
            cells, codes = draw_cells(attempts, rng, None if self.max_macs is None else self._within_limit)
            return np.concatenate([cells.operations, cells.sources], axis=1), codes

        rows = sample_distinct(n, draw)
        return DARTSCells(rows[:, :SLOTS], rows[:, SLOTS:]).graphs()

    def _within_limit(self, cells: DARTSCells) -> NDArray[np.bool_]:
        assert self.max_macs is not None
        return cost_of_cells(cells, cells, IMAGENET).macs < self.max_macs

    @override
    def read(self, architectures: Sequence[str]) -> Reading:
        """Read cells in the compact form or as other programs write them, if their two cells are the same.

        See :mod:`arch2vec.spaces.darts.notation` and :mod:`arch2vec.spaces.darts.reading`.
        """
        return read_texts(lambda texts: parse_cells(texts).graphs(), _imported, architectures)

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        """Read cells in any notation that :meth:`read` knows."""
        return self.read(architectures).graphs

    @override
    def format(self, graphs: GraphBatch) -> list[str]:
        """Write cells in the compact form."""
        self.check(graphs)
        return format_cells(DARTSCells.of(graphs))

    def to_genotype(self, graphs: GraphBatch) -> list[str]:
        """Write cells as published genotypes, the cell being normal and reduction cell.

        Raises:
            InputError: a graph is no architecture of this space.
        """
        return [format_genotype(text, text) for text in self.format(graphs)]

    @cached_property
    @override
    def roles(self) -> Roles:
        return darts_roles(VOCABULARY, [OUTPUT])

    @override
    def network_cost(self, graphs: GraphBatch) -> DARTSCost:
        cells = DARTSCells.of(graphs)
        return cost_of_cells(cells, cells, CIFAR10)

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        return is_cell(graphs)

    @override
    def is_valid_as_released(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        return is_cell_as_released(graphs)

    @override
    def mutate(self, graphs: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """Another operation in a slot or, as likely, another source; never the same function."""
        self.check(graphs)
        return mutate_cells(DARTSCells.of(graphs), rng).graphs()

    @override
    def neighbors(self, graph: GraphBatch) -> GraphBatch:
        """The 60 cells with another operation (48) or another source (12) in one slot.

        They are different as genotypes; some can have the same graph as each other.
        """
        self.check(graph)
        return neighbor_cells(DARTSCells.of(graph[:1])).graphs()

    @override
    def _most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        return most_likely_cells(op_logits, edge_logits).graphs()

    @override
    def function_classes(self, graphs: GraphBatch) -> NDArray[np.uint64]:
        """Labels, equal for two cells exactly if renumbering nodes makes their genotypes equal.

        Cells with isomorphic graphs can differ in this
        (:mod:`arch2vec.spaces.darts.classes`).
        """
        self.check(graphs)
        return functions_of(DARTSCells.of(graphs)).astype(np.uint64)


def _imported(text: str) -> tuple[str, str | None] | None:
    """See :data:`arch2vec.spaces.reading.Import`.

    Raises:
        InputError: it is malformed, or its normal and reduction cell differ.
    """
    bare = re.sub(r"\s+", "", text)
    if "~" in bare:
        pair = bare.split("+")
        return (pair[0], None) if len(pair) == 1 else (_same(pair, text), "a pair of equal cells")
    found = cells_of(text)
    if found is None:
        return None
    cells, notation = found
    return cells[0] if len(cells) == 1 else _same(cells, text), notation


def _same(pair: list[str], text: str) -> str:
    cells = parse_cells(pair).by_source()
    if (cells.operations != cells.operations[0]).any() or (cells.sources != cells.sources[0]).any():
        raise InputError(
            "the normal and the reduction cell differ, but the darts space has one cell for both; "
            f"use the space darts_pair for {text[:200]!r}"
        )
    return pair[0]


def darts_roles(operations: Sequence[str], outputs: Sequence[int]) -> Roles:
    """What DARTS' operations do; ``none`` stays in the vocabulary and in no finished cell."""
    return roles_by_name(operations, [0, 1], outputs, ["skip_connect"], [VOCABULARY[NONE]])
