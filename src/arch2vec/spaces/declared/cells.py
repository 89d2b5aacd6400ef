"""What the declared space asks of a topology, fixed or free."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import GraphBatch

MAX_LISTED = 1_000_000
"""Spaces of more architectures than this (by estimate, where it takes one) are not enumerated."""


class DeclaredCells(ABC):
    """The cells of a declared space. Those passed in have been checked."""

    num_vertices: int

    @abstractmethod
    def size(self) -> int | None:
        """How many there are up to isomorphism, None where only listing them tells."""

    @abstractmethod
    def estimated_size(self) -> int:
        """About how many there are."""

    @abstractmethod
    def can_list(self) -> bool:
        """Whether there are at most :data:`MAX_LISTED`."""

    @abstractmethod
    def all_cells(self) -> GraphBatch:
        """Every cell, one of each isomorphism class; asked for only where :meth:`can_list` says so."""

    @abstractmethod
    def draw(self, attempts: int, rng: np.random.Generator) -> GraphBatch:
        """About ``attempts`` or fewer independent cells, every isomorphism class equally likely."""

    @abstractmethod
    def is_cell(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        """(N,) whether each graph is one, its vertices numbered as they should be."""

    @abstractmethod
    def most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        """The most likely cell for each of N beliefs of a decoder (:meth:`arch2vec.SearchSpace.most_likely`)."""

    @abstractmethod
    def random_edit(self, cells: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """One random edit of each."""

    @abstractmethod
    def all_edits(self, cell: GraphBatch) -> GraphBatch:
        """The results of all edits of a batch of one, isomorphic ones once."""

    @abstractmethod
    def renumbered(self, cells: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """Each cell in another numbering, where it has one."""

    @abstractmethod
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        """Read the notation; raises InputError."""

    @abstractmethod
    def text_of(self, value: object) -> str | None:
        """The notation of a cell that is given as lists, a mapping or in another notation; None where it is not."""

    @abstractmethod
    def format(self, cells: GraphBatch) -> list[str]:
        """Write the notation."""
