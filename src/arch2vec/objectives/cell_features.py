"""What a NAS-Bench-101 cell costs, as numbers that can be counted on its graph.

The benchmark's network repeats a cell nine times. Its convolutions and poolings
keep their number of channels; an edge from the cell's input passes a projection
(a 1x1 convolution to the channels of the vertex it leads to). The output
concatenates its inner predecessors, which share its channels equally; any other
inner vertex has the channels of its widest successor; an edge from input to
output is projected to all channels and added (Ying et al., ICML 2019, section
2.2 and supplement). Here the output has 1 channel and the others have fractions
of it, so that a vertex with fraction f costs f^2 of a full convolution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import GraphBatch
from arch2vec.spaces.nasbench101.cells import INNER, OPERATIONS

FEATURES = (
    *(f"{kind}_{operation}" for operation in INNER for kind in ("number", "channels", "squared_channels")),
    "projections",
    "projected_channels",
    "shortcut",
    "edges",
    "summed_channels",
    "concatenated",
    "depth",
    "width",
    "macs",
)
"""The names of the columns of :func:`cell_features`."""


def cell_features(cells: GraphBatch) -> NDArray[np.float64]:
    """(N, F) features of N pruned NAS-Bench-101 cells, in the order of :data:`FEATURES`.

    ``macs`` is in units of the multiply-adds of a 1x1 convolution over all channels.
    """
    channels = channel_fractions(cells)
    edges = cells.adjacency
    output = cells.ops == OPERATIONS.index("output")
    # (N, V): edges to a vertex from another inner vertex, and its projected input.
    to_output = (edges & output[:, None, :]).any(axis=2)
    projected = edges[:, 0, :] & ~output
    columns = []
    macs = (projected * channels).sum(axis=1)
    for operation in INNER:
        here = cells.ops == OPERATIONS.index(operation)
        squared = (here * channels**2).sum(axis=1)
        columns += [here.sum(axis=1), (here * channels).sum(axis=1), squared]
        macs += squared * {"conv3x3-bn-relu": 9, "conv1x1-bn-relu": 1}.get(operation, 0)
    shortcut = to_output[:, 0]
    inner = edges[:, 1:].sum(axis=1) * ~output  # additions at a vertex, of as many channels as it has
    depth, width = _depth_and_width(edges, cells.mask)
    columns += [
        projected.sum(axis=1),
        (projected * channels).sum(axis=1),
        shortcut,
        edges.sum(axis=(1, 2)),
        (inner * channels).sum(axis=1),
        to_output[:, 1:].sum(axis=1),
        depth,
        width,
        macs + shortcut,
    ]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def channel_fractions(cells: GraphBatch) -> NDArray[np.float64]:
    """(N, V) each inner vertex's channels as a fraction of the cell's output; 0 for input, output and padding."""
    n, v = cells.ops.shape
    output = cells.ops == OPERATIONS.index("output")
    to_output = (cells.adjacency & output[:, None, :]).any(axis=2)
    to_output[:, 0] = False
    shared = to_output / np.maximum(to_output.sum(axis=1, keepdims=True), 1)
    fractions = np.zeros((n, v))
    # Successors come later in topological order, so backwards every one is known when it is asked for.
    for vertex in range(v - 1, 0, -1):
        widest = (cells.adjacency[:, vertex] * fractions).max(axis=1)
        fractions[:, vertex] = np.where(to_output[:, vertex], shared[:, vertex], widest)
    return fractions


def _depth_and_width(edges: NDArray[np.bool_], mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(N,) edges of the longest path, and the most vertices at one distance (the longest) from the input."""
    n, v = mask.shape
    level = np.zeros((n, v), dtype=np.int64)
    for vertex in range(1, v):
        level[:, vertex] = ((level[:, :vertex] + 1) * edges[:, :vertex, vertex]).max(axis=1)
    at_level = [((level == number) & mask).sum(axis=1) for number in range(v)]
    return level.max(axis=1), np.max(at_level, axis=0)
