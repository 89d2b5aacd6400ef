"""The NAS-Bench-101 search space (Ying et al., ICML 2019).

A cell is a DAG of two to seven vertices and at most nine edges whose inner
vertices carry a 1x1 convolution, a 3x3 convolution or a 3x3 max pooling; see
:mod:`arch2vec.spaces.nasbench101.cells`. Smaller cells are padded at the end,
so the output is a cell's last vertex that is there, not vertex six.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from arch2vec.common.arguments import Count, as_annotated
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.base import SearchSpace
from arch2vec.spaces.declared.limits import TopologyLimits
from arch2vec.spaces.likely_cells import most_likely_cells
from arch2vec.spaces.nasbench101 import edits, notation
from arch2vec.spaces.nasbench101.cells import INNER, MAX_EDGES, MAX_VERTICES, OPERATIONS, is_cell, is_well_formed, prune
from arch2vec.spaces.nasbench101.cost import count_cost, operation_widths
from arch2vec.spaces.nasbench101.enumeration import NUM_CELLS, published_cells
from arch2vec.spaces.nasbench101.hashes import module_hashes
from arch2vec.spaces.nasbench101.reading import imported, is_hash
from arch2vec.spaces.network_cost import NetworkCost
from arch2vec.spaces.reading import Reading, published_index, read_texts
from arch2vec.spaces.roles import Roles, roles_by_name

_LIMITS = TopologyLimits(vertices=MAX_VERTICES, edges=MAX_EDGES, in_degree=MAX_VERTICES - 1, operations=len(INNER))


class NASBench101(SearchSpace):
    """423,624 cells, one of each isomorphism class.

    The first use of the list computes it, which takes about ten seconds, and
    keeps it on disk; see :mod:`arch2vec.common.cache`.
    """

    name = "nasbench101"
    operations = OPERATIONS
    num_vertices = MAX_VERTICES
    size = NUM_CELLS

    @override
    def enumerate(self) -> GraphBatch:
        """All 423,624, sorted by published module hash, which is the order of the published tables."""
        cells = _cells()
        return GraphBatch(cells.ops.copy(), cells.adjacency.copy())

    @override
    @as_annotated
    def sample(self, n: Count, rng: np.random.Generator) -> GraphBatch:
        self.check_sample_size(n)
        return _cells()[rng.choice(self.size, size=n, replace=False)]

    def index_of(self, graphs: GraphBatch) -> NDArray[np.int64]:
        """(N,) the row of each graph's isomorphism class in :meth:`enumerate`, -1 for one that is no cell.

        Graphs are taken as they are; :func:`prune` first what may have idle vertices.
        """
        rows = np.full(len(graphs), -1, dtype=np.int64)
        valid = np.flatnonzero(self.is_valid(graphs))
        known, row_of = _index()
        rows[valid] = row_of[np.searchsorted(known, fingerprint(graphs[valid]))]
        return rows

    def module_hashes(self, graphs: GraphBatch) -> list[str]:
        """The published hash of each graph, 32 hexadecimal digits, the key of the published tables.

        Raises:
            InputError: a graph is no pruned cell.
        """
        self.check(graphs)
        return module_hashes(graphs)

    @override
    def read(self, architectures: Sequence[str]) -> Reading:
        """Read cells in the space's own notation or as other programs write them.

        See :mod:`arch2vec.spaces.nasbench101.reading` for the notations; a number is an index in the
        published order, and 32 hexadecimal digits are the published hash.
        """
        return read_texts(notation.parse, self._imported, architectures)

    def _imported(self, text: str) -> tuple[str, str | None] | None:
        if is_hash(text):
            return self._of_hash(text.lower()), "a published hash"
        index = published_index(text, self.size, "the order of the published hashes")
        if index is not None:
            return self.format(_cells()[[index]])[0], "an index in the order of the published hashes"
        return imported(text)

    def _of_hash(self, wanted: str) -> str:
        """The cell of a published hash. Cells are sorted by it, so that few hashes have to be worked out."""
        low, high = 0, self.size
        while low < high:
            middle = (low + high) // 2
            if module_hashes(_cells()[[middle]])[0] < wanted:
                low = middle + 1
            else:
                high = middle
        if low == self.size or module_hashes(_cells()[[low]])[0] != wanted:
            raise InputError(f"no nasbench101 cell has the published hash {wanted}")
        return self.format(_cells()[[low]])[0]

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        """Read cells in any notation that :meth:`read` knows.

        The own one is ``ROWS|OPERATIONS``: adjacency rows joined by ``;`` and operations joined by ``,``.

        Cells are pruned, as the benchmark does; vertices keep their order, so
        that a pruned cell comes back as it is written. Isomorphic cells written
        differently stay different; :meth:`index_of` tells that they are the same.

        Raises:
            InputError: see :func:`arch2vec.spaces.nasbench101.notation.parse`.
        """
        return self.read(architectures).graphs

    @override
    def format(self, graphs: GraphBatch) -> list[str]:
        self.check(graphs)
        return notation.format_cells(graphs)

    def from_matrix(self, matrix: ArrayLike, operations: Sequence[str] | Sequence[int]) -> GraphBatch:
        """A batch of one pruned cell from the benchmark's (n, n) 0/1 matrix and n operations.

        These are names, or numbers as :mod:`arch2vec.spaces.nasbench101.reading` knows them.

        Raises:
            InputError: they are no cell.
        """
        return notation.from_matrix(matrix, operations)

    def to_matrix(self, graphs: GraphBatch) -> list[tuple[NDArray[np.int8], list[str]]]:
        """Each cell as the benchmark's (matrix (n, n), n operation names), without padding.

        Raises:
            InputError: a graph is no pruned cell.
        """
        self.check(graphs)
        return notation.to_matrix(graphs)

    @override
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        """(N,) whether each graph is a pruned cell: one with a vertex on no path from input to output is not."""
        return is_cell(graphs)

    @override
    def is_valid_as_released(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        """The benchmark's own check, which prunes first.

        The first and the last vertex must be input and output and connected;
        once vertices on no path between them are removed, at most nine edges may be left
        and inner vertices must carry inner operations. Removed vertices may carry anything.
        """
        pruned, connected = prune(graphs)
        return is_well_formed(graphs) & connected & is_cell(pruned)

    @cached_property
    @override
    def roles(self) -> Roles:
        return roles_by_name(self.operations, [0], [len(self.operations) - 1])

    @override
    def network_cost(self, graphs: GraphBatch) -> NetworkCost:
        return count_cost(graphs)

    @override
    def costs(self, graphs: GraphBatch) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Parameters and multiply-adds, and how wide the last stack's operations of each kind are."""
        values, names = super().costs(graphs)
        widths, width_names = operation_widths(graphs)
        return np.concatenate([values, widths], axis=1), (*names, *width_names)

    @override
    def mutate(self, graphs: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """One random edit of each cell: of an operation, an edge or, below seven vertices, a new vertex.

        See :mod:`arch2vec.spaces.nasbench101.edits` for what an edit is and how it is drawn.

        Raises:
            InputError: a graph is no pruned cell.
        """
        self.check(graphs)
        return edits.random_edit(graphs, rng)

    @override
    def neighbors(self, graph: GraphBatch) -> GraphBatch:
        """All cells one edit away, one of each isomorphism class; the cell itself is none of them.

        Raises:
            InputError: the graph is no pruned cell, or not one graph.
        """
        if len(graph) != 1:
            raise InputError(f"neighbors are those of one architecture, got {len(graph)}")
        return self.neighbors_of_each(graph)[0]

    @override
    def _most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        return most_likely_cells(op_logits, edge_logits, _LIMITS)

    @override
    def neighbors_of_each(self, graphs: GraphBatch) -> tuple[GraphBatch, NDArray[np.intp]]:
        self.check(graphs)
        return edits.all_edits(graphs)


@cache
def _cells() -> GraphBatch:
    """The list, read or computed once a process. Never handed out, only copies of it."""
    return published_cells()


@cache
def _index() -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """Fingerprints of all cells in ascending order, and the row that each belongs to."""
    fingerprints = fingerprint(_cells())
    order = np.argsort(fingerprints)
    return fingerprints[order], order


__all__ = ["NASBench101", "prune"]
