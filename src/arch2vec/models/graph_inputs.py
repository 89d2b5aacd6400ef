"""What an encoder is given of architectures: the graphs as they are written, or those of what they compute."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.function import function_graphs
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.models.inputs import GraphStore
from arch2vec.representations.structure import structure
from arch2vec.spaces import SearchSpace

TARGETS = ("structure",)
"""What a head can learn to predict from an architecture's vector, without a label."""

_MOST_EDGES = 255  # a vertex that reads another more often than this reads it this often
_FARTHEST = 5.0  # deviations from the mean that a target may be: rare giants would rule the loss
_CONSTANT = 1e-6


def read_graphs(graphs: GraphBatch, space: SearchSpace, model: ModelConfig) -> tuple[GraphBatch, NDArray[np.uint8]]:
    """The graphs that a model reads and reconstructs, and (N, V, V) how often each vertex reads each other.

    Vertices of a function graph (:mod:`arch2vec.graphs.function`) keep their places in the
    cell; those that are not in it are padding, wherever they are.
    """
    if not model.function_graph:
        return graphs, graphs.adjacency.view(np.uint8)
    found = function_graphs(graphs, space.roles.skip, space.roles.zero)
    ops = np.ascontiguousarray(found.ops.T)
    edges = np.minimum(found.edges.transpose(2, 0, 1), _MOST_EDGES).astype(np.uint8)
    return GraphBatch(ops, edges > 0), edges


def graph_store(
    graphs: GraphBatch,
    space: SearchSpace,
    model: ModelConfig,
    device: torch.device,
    targets: StructureTargets | None = None,
) -> GraphStore:
    """N architectures, ready to be read by a model, with their targets where there are any."""
    read, edges = read_graphs(graphs, space, model)
    values = None if targets is None else targets.of(graphs)
    return GraphStore(read, space.num_operations, device, edges=edges if model.function_graph else None, targets=values)


class StructureTargets:
    """The structure of architectures, standardised, as numbers to be predicted.

    Args:
        space: of the architectures.
        sample: architectures whose mean and deviation make the scale; numbers in which
            they are all alike are left out.
    """

    def __init__(self, space: SearchSpace, sample: GraphBatch) -> None:
        self._space = space
        values = structure(sample, space).values
        deviation = values.std(axis=0)
        self._kept = deviation > _CONSTANT
        self._mean, self._deviation = values.mean(axis=0)[self._kept], deviation[self._kept]

    @property
    def count(self) -> int:
        """How many numbers an architecture has."""
        return int(self._kept.sum())

    def of(self, graphs: GraphBatch) -> NDArray[np.float16]:
        """(N, count) the numbers of N architectures, short ones: a million architectures are hundreds of megabytes."""
        values = structure(graphs, self._space).values[:, self._kept]
        return np.clip((values - self._mean) / self._deviation, -_FARTHEST, _FARTHEST).astype(np.float16)
