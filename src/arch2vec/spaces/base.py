"""What a search space is: which graphs are architectures, and how they are written.

A space is pure data and combinatorics. It knows nothing of models, tables or
searches, imports no PyTorch, and works on whole batches of graphs. All
randomness comes from the generator passed in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.likelihood import (
    checked_beliefs,
    free_decoding,
    improved,
    log_ratio,
    more_likely,
    most_likely_of,
)
from arch2vec.spaces.reading import Reading, texts_of
from arch2vec.spaces.roles import Roles, ends_of, roles_by_name

if TYPE_CHECKING:
    from arch2vec.reports.cells import Drawing
    from arch2vec.spaces.network_cost import NetworkCost

_LOOKED_AT = 1_000  # architectures that tell where a space's inputs and outputs are
_CANDIDATES = 20_000  # architectures that the most likely is looked for among, where a space knows no better way
_EDITS = 32  # random edits that these are then improved by


class SearchSpace(ABC):
    """A set of architectures, each a labelled DAG with an operation a vertex.

    >>> import arch2vec
    >>> space = arch2vec.get_space("nasbench201")
    >>> space.size, space.num_vertices, space.operations[:3]
    (15625, 8, ('input', 'nor_conv_1x1', 'nor_conv_3x3'))
    >>> cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
    >>> graphs = space.parse([cell])
    >>> graphs.ops.shape, graphs.adjacency.shape
    ((1, 8), (1, 8, 8))
    >>> space.format(graphs) == [cell]
    True
    """

    name: str
    operations: tuple[str, ...]
    """The operation vocabulary; ``graphs.ops`` holds indices into it."""
    num_vertices: int
    """V, the vertex count graphs are padded to."""
    size: int | None
    """How many architectures there are (up to isomorphism), None where that is not known."""
    enumerable: bool = True
    """Whether :meth:`enumerate` can list all of them in memory."""
    loaded_from: str | None = None
    """The ``python:`` reference that :func:`arch2vec.get_space` has loaded the space from, None for any other."""

    @property
    def reference(self) -> str:
        """Text from which :func:`arch2vec.get_space` makes an equal space in any process; files store it.

        A name for built-in spaces, ``python:WHERE:NAME`` for loaded classes, the
        whole declaration for declared spaces.
        """
        return self.loaded_from or self.name

    @property
    def own_code(self) -> object | None:
        """The user's code that says what the space is: its class or a function; None for a space that has none."""
        loaded = self.loaded_from
        return self if loaded is not None and loaded.startswith("python:") else None

    @property
    def given_edges(self) -> NDArray[np.bool_] | None:
        """(V, V) the edges of every architecture where they are declared to be the same: nothing needs to decode them.

        None where architectures differ in them, and in the built-in spaces, whose published figures are of edges that
        are decoded.
        """
        return None

    @property
    def num_operations(self) -> int:
        """K, the size of the vocabulary."""
        return len(self.operations)

    @abstractmethod
    def enumerate(self) -> GraphBatch:
        """Every architecture, in the space's published order.

        Raises:
            InputError: the space is too large to list; use :meth:`sample`.
        """

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> GraphBatch:
        """``n`` distinct architectures, uniformly at random.

        Raises:
            InputError: the space holds fewer than ``n``.
        """

    @abstractmethod
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        """Read architectures in the space's own notation, or in another that :meth:`read` knows.

        One text is one architecture.

        Raises:
            InputError: one is malformed; the line names it and shows a right one.
        """

    def read(self, architectures: Sequence[str]) -> Reading:
        """What :meth:`parse` reads, and which notation each architecture was in.

        The built-in and declared spaces read the notations of other programs too.

        Raises:
            InputError: one is malformed, or could mean two architectures.
        """
        texts = texts_of(architectures)
        return Reading(self.parse(texts), (None,) * len(texts))

    @abstractmethod
    def format(self, graphs: GraphBatch) -> list[str]:
        """Write architectures in the space's own notation, the inverse of :meth:`parse`.

        Raises:
            InputError: a graph is no architecture of this space.
        """

    @abstractmethod
    def is_valid(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        """(N,) whether each graph is an architecture of this space, every edge checked."""

    def is_valid_as_released(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        """(N,) validity by the definition behind the figures published for arch2vec.

        Looser than :meth:`is_valid` in the spaces that figures were published for; only
        for comparison with them.
        """
        return self.is_valid(graphs)

    @abstractmethod
    def mutate(self, graphs: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """One random edit of each graph; the results are architectures that differ from it."""

    @abstractmethod
    def neighbors(self, graph: GraphBatch) -> GraphBatch:
        """All architectures one edit away from a batch of one graph."""

    def neighbors_of_each(self, graphs: GraphBatch) -> tuple[GraphBatch, NDArray[np.intp]]:
        """What :meth:`neighbors` returns for each of N graphs, one after the other, and which graph each belongs to.

        Spaces in which that is faster for many graphs at once override this.
        """
        each = [self.neighbors(graphs[row]) for row in range(len(graphs))]
        return GraphBatch.concatenate(each), np.repeat(np.arange(len(each)), [len(batch) for batch in each])

    def function_classes(self, graphs: GraphBatch) -> NDArray[np.uint64]:
        """(N,) labels, equal for two architectures exactly if they compute the same function.

        Spaces in which different graphs can compute the same function override
        this; by default only isomorphic graphs do.
        """
        return fingerprint(graphs)

    @cached_property
    def roles(self) -> Roles:
        """What the operations do to the data, for :mod:`arch2vec.representations`.

        By default nothing is skipped or zero, inputs and outputs are what stands there in
        a thousand architectures, and names tell which operations have weights.
        """
        some = self.sample(min(self.size or _LOOKED_AT, _LOOKED_AT), np.random.default_rng(0))
        return roles_by_name(self.operations, *ends_of(some))

    def network_cost(self, graphs: GraphBatch) -> NetworkCost | None:
        """Parameters and multiply-adds of N architectures' networks; None where the space knows none, as this default.

        Limits on what a search may propose are on these numbers.
        """
        del graphs
        return None

    def costs(self, graphs: GraphBatch) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """What N architectures cost where the space knows: (N, C) numbers on a logarithmic scale, and their C names.

        By default those of :meth:`network_cost`; a space that knows nothing gives (N, 0).
        """
        cost = self.network_cost(graphs)
        return (np.empty((len(graphs), 0), dtype=np.float32), ()) if cost is None else cost.logarithms()

    def numbers(self, graphs: GraphBatch) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Ordered numbers that N architectures' operations are or have, widths for example: (N, C), and C names.

        They are on a scale on which distances mean something. A space whose operations are only names gives
        (N, 0), as does this default.
        """
        return np.empty((len(graphs), 0), dtype=np.float32), ()

    def most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        """For each of N beliefs of a decoder, the architecture that is most likely under them.

        What likely means is said in :mod:`arch2vec.spaces.likelihood`. The built-in and the declared spaces find the
        most likely architecture of all, given its number of vertices (:mod:`arch2vec.spaces.likely_cells`); for
        others see :meth:`_most_likely`.

        Args:
            op_logits: (N, V, K) logits of the operations at each vertex: their probabilities are the softmax.
            edge_logits: (N, V, V) log-odds of the edges, of which the strict upper triangle counts.

        Returns:
            N architectures of this space.

        Raises:
            InputError: shapes do not fit this space, numbers are missing, or the space has no
                architecture that it takes for one itself.
        """
        op_logits, edge_logits = checked_beliefs(op_logits, edge_logits, self.num_vertices, self.num_operations)
        graphs = self._most_likely(op_logits, edge_logits)
        if self._narrowed:
            rows = np.flatnonzero(~self.is_valid(graphs))
            nearest = self._nearest(op_logits[rows], edge_logits[rows]) if len(rows) else graphs[rows]
            graphs.ops[rows], graphs.adjacency[rows] = nearest.ops, nearest.adjacency
        return graphs

    @property
    def _narrowed(self) -> bool:
        """Whether a subclass has an :meth:`is_valid` of its own beside a :meth:`_most_likely` that it inherits."""
        order = type(self).__mro__
        is_valid, most_likely = (
            next(place for place, cls in enumerate(order) if name in vars(cls)) for name in ("is_valid", "_most_likely")
        )
        return is_valid < most_likely and order[most_likely] is not SearchSpace

    def _most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        """What :meth:`most_likely` returns, of beliefs that have been checked.

        Spaces that know how to find the most likely architecture override this. By default free decoding
        is kept where it gives an architecture that is as likely as the best one of these: all architectures, if they
        are 20,000 at most; of a larger space the most likely of 20,000 random ones (always the
        same), improved by 32 random edits (:meth:`mutate`), each of which is kept if it makes it more likely.
        """
        return self._nearest(op_logits, edge_logits)

    def _nearest(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        free = free_decoding(op_logits, edge_logits)
        candidates, listed = self._candidates
        found = most_likely_of(candidates, op_logits, edge_logits)
        if not listed:
            rng = np.random.default_rng(0)
            found = improved(found, op_logits, edge_logits, lambda graphs: self.mutate(graphs, rng), _EDITS)
        better = self.is_valid(free) & (
            log_ratio(free, op_logits, edge_logits) > log_ratio(found, op_logits, edge_logits)
        )
        graphs = more_likely(better, free, found)
        if not self.is_valid(graphs).all():
            raise InputError(
                f"{self.name}: its own architectures (of enumerate, sample or mutate) are none by its is_valid"
            )
        return graphs

    @cached_property
    def _candidates(self) -> tuple[GraphBatch, bool]:
        """Architectures to find the most likely one among, and whether they are all there are."""
        if self.enumerable and (self.size is None or self.size <= _CANDIDATES):
            listed = self.enumerate()
            if len(listed) <= _CANDIDATES:
                return listed, True
        number = _CANDIDATES if self.size is None else min(_CANDIDATES, self.size)
        while True:
            try:
                return self.sample(number, np.random.default_rng(0)), False
            except InputError:  # a space that does not say how few it has
                if number == 1:
                    raise
                number //= 2

    def draw(self, architecture: str | GraphBatch, title: str | None = None) -> Drawing:
        """A picture of an architecture: notebooks show it, ``save`` writes it to a file.

        Args:
            architecture: its text, in any notation that the space reads, or a batch of one graph.
            title: above the picture.

        Raises:
            InputError: it is malformed, or not one architecture of this space.
        """
        from arch2vec.reports.cells import Drawing

        graph = self.parse([architecture]) if isinstance(architecture, str) else architecture
        return Drawing(self, graph, title)

    def check_sample_size(self, n: int) -> None:
        """Raise :class:`InputError` if the space has fewer than ``n`` architectures."""
        if self.size is not None and n > self.size:
            raise InputError(f"{self.name} has {self.size:,} architectures, cannot sample {n:,} distinct ones")

    def check(self, graphs: GraphBatch) -> None:
        """Raise :class:`InputError` unless every graph is an architecture of this space."""
        if graphs.num_vertices != self.num_vertices:
            raise InputError(
                f"graphs of {graphs.num_vertices} vertices are no architectures of {self.name}, whose have "
                f"{self.num_vertices}"
            )
        valid = self.is_valid(graphs)
        if not valid.all():
            raise InputError(
                f"graph {int(np.flatnonzero(~valid)[0])} of {len(graphs)} is no architecture of {self.name}"
            )

    def __repr__(self) -> str:
        size = "too many to count" if self.size is None else f"{self.size:,}"
        shape = f"{self.num_vertices} vertices, {self.num_operations} operations"
        return f"{type(self).__name__}({shape}, {size} architectures)"
