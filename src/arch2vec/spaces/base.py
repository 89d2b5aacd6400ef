"""What a search space is: which graphs are architectures, and how they are written.

A space is pure data and combinatorics. It knows nothing of models, tables or
searches, imports no PyTorch, and works on whole batches of graphs. All
randomness comes from the generator passed in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.fingerprints import fingerprint
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.reading import Reading, texts_of


class SearchSpace(ABC):
    """A set of architectures, each a labelled DAG with an operation a vertex."""

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

    def check_sample_size(self, n: int) -> None:
        """Raise :class:`InputError` if the space has fewer than ``n`` architectures."""
        if self.size is not None and n > self.size:
            raise InputError(f"{self.name} has {self.size:,} architectures, cannot sample {n:,} distinct ones")

    def check(self, graphs: GraphBatch) -> None:
        """Raise :class:`InputError` unless every graph is an architecture of this space."""
        valid = self.is_valid(graphs)
        if not valid.all():
            raise InputError(
                f"graph {int(np.flatnonzero(~valid)[0])} of {len(graphs)} is no architecture of {self.name}"
            )

    def __repr__(self) -> str:
        size = "too many to count" if self.size is None else f"{self.size:,}"
        shape = f"{self.num_vertices} vertices, {self.num_operations} operations"
        return f"{type(self).__name__}({shape}, {size} architectures)"
