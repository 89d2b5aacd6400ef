"""Architecture graphs as tensors, kept compact and expanded a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arch2vec.graphs import PADDING, GraphBatch


class GraphTensors(NamedTuple):
    """B graphs as an encoder takes them.

    Attributes:
        X: (B, V, K) float, operations one-hot, zero rows at padded vertices.
        A: (B, V, V) float, the adjacency matrix, strictly upper triangular; above 1 where
            a vertex of a function graph reads another several times.
        mask: (B, V) float, 1 where there is a vertex; None if there is one everywhere.
        targets: (B, T) float, what is to be predicted of each graph; None for nothing.
    """

    X: Tensor
    A: Tensor
    mask: Tensor | None
    targets: Tensor | None = None

    @property
    def symmetrised(self) -> Tensor:
        """(B, V, V) float, A + A^T (paper, section 3.1)."""
        return self.A + self.A.transpose(1, 2)


class Share(NamedTuple):
    """The part of a batch that one of several processes computes.

    Means over its part times these shares, summed over the processes, are means
    over the whole batch.

    Attributes:
        graphs: in the whole batch.
        first: the first of the part's graphs.
        vertices: share of the batch's vertices, padded ones left out; a scalar on the batch's device
            where that has to be counted.
        pairs: share of the batch's pairs of vertices.
        own_graphs: share of the batch's graphs.
    """

    graphs: int
    first: int
    vertices: float | Tensor
    pairs: float | Tensor
    own_graphs: float

    def whole(self, part: Tensor) -> Tensor:
        """Memory of the shape that ``part`` has for the whole batch, in which noise is drawn."""
        return part.new_empty(self.graphs, *part.shape[1:])

    def own(self, whole: Tensor, part: Tensor) -> Tensor:
        """The rows of ``whole`` that belong to ``part``."""
        return whole[self.first : self.first + len(part)]


def divided(batch: GraphTensors, process: int, processes: int) -> tuple[GraphTensors, Share]:
    """The part of a batch that is for one of ``processes`` processes, counted from 0.

    A batch of fewer graphs than processes is computed by all of them.
    """
    graphs = len(batch.X)
    if graphs < processes:
        return batch, Share(graphs, 0, 1 / processes, 1 / processes, 1 / processes)
    first, stop = graphs * process // processes, graphs * (process + 1) // processes
    own = slice(first, stop)
    mask = None if batch.mask is None else batch.mask[own]
    vertices: float | Tensor
    pairs: float | Tensor
    if batch.mask is None or mask is None:
        vertices = pairs = (stop - first) / graphs
    else:
        present, all_present = mask.sum(1), batch.mask.sum(1)
        vertices = present.sum() / all_present.sum()
        pairs = present.square().sum() / all_present.square().sum()
    targets = None if batch.targets is None else batch.targets[own]
    part = GraphTensors(batch.X[own], batch.A[own], mask, targets)
    return part, Share(graphs, first, vertices, pairs, (stop - first) / graphs)


class GraphStore:
    """N graphs in compact integer form on a device.

    A million 8-vertex graphs take 72 MB; only the batch at hand is expanded to floats.

    Args:
        graphs: the N graphs to store.
        num_operations: K, the number of operations in the space's vocabulary.
        device: where they are to be.
        edges: (N, V, V), the weights of the graphs' edges; None for 1 each.
        targets: (N, T), what is to be predicted of each graph; None for nothing.
    """

    def __init__(
        self,
        graphs: GraphBatch,
        num_operations: int,
        device: torch.device,
        *,
        edges: NDArray[np.uint8] | None = None,
        targets: NDArray[np.float16] | None = None,
    ) -> None:
        self.num_operations = num_operations
        self.ops = torch.from_numpy(np.ascontiguousarray(graphs.ops)).to(device)
        adjacency = np.ascontiguousarray(graphs.adjacency if edges is None else edges)
        self.adjacency = torch.from_numpy(adjacency).to(device)
        self.targets = None if targets is None else torch.from_numpy(targets).to(device)
        self.padded = bool((graphs.ops == PADDING).any())
        self._codes = torch.arange(num_operations, dtype=torch.uint8, device=device)

    def __len__(self) -> int:
        return len(self.ops)

    @property
    def num_vertices(self) -> int:
        """V."""
        return self.ops.shape[1]

    def expand(self, rows: Tensor | slice) -> GraphTensors:
        """The graphs at ``rows`` as floats."""
        ops = self.ops[rows]
        X = (ops.unsqueeze(-1) == self._codes).float()
        mask = (ops != PADDING).float() if self.padded else None
        targets = None if self.targets is None else self.targets[rows].float()
        return GraphTensors(X, self.adjacency[rows].float(), mask, targets)

    def batches(self, batch_size: int, order: Tensor | None = None) -> Iterator[GraphTensors]:
        """Graphs, ``batch_size`` at a time: those at the rows ``order``, or all as stored.

        Many batches are expanded at once and handed out as views: at small
        batch sizes, expanding each on its own would cost as much as encoding it.
        """
        ahead = batch_size * max(1, 4096 // batch_size)
        total = len(self) if order is None else len(order)
        for start in range(0, total, ahead):
            stop = min(start + ahead, total)
            chunk = self.expand(slice(start, stop) if order is None else order[start:stop])
            for first in range(0, stop - start, batch_size):
                part = slice(first, first + batch_size)
                mask = None if chunk.mask is None else chunk.mask[part]
                targets = None if chunk.targets is None else chunk.targets[part]
                yield GraphTensors(chunk.X[part], chunk.A[part], mask, targets)
