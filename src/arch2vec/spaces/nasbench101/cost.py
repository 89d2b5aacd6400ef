"""Parameters and multiply-adds of networks built from NAS-Bench-101 cells, in closed form.

The networks are those of Ying et al. (ICML 2019, section 2.1 and the benchmark's
public code). How wide a vertex is depends on the cell's wiring: the vertices that
the output concatenates share its channels, the first of them getting one more
each where they do not divide; any other vertex is as wide as the widest that reads
it. So a cell's cost is not a sum over its operations.

With c channels of a vertex, P of the cell's input, Q of its output and s x s pixels:

====================================  ============  ==============
layer                                 parameters    multiply-adds
====================================  ============  ==============
conv1x1-bn-relu                       c^2 + 2 c     s^2 c^2
conv3x3-bn-relu                       9 c^2 + 2 c   9 s^2 c^2
maxpool3x3                            0             0
edge from the input to an operation   P c + 2 c     s^2 P c
edge from the input to the output     P Q + 2 Q     s^2 P Q
any other edge                        0             0
====================================  ============  ==============

Parameters are what the benchmark lists as trainable. Multiply-adds (MACs) are those
of convolutions and the linear layer for one image.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.nasbench101.cells import MAX_VERTICES, OPERATIONS, is_cell
from arch2vec.spaces.network_cost import NetworkCost

KERNELS = {OPERATIONS.index("conv1x1-bn-relu"): 1, OPERATIONS.index("conv3x3-bn-relu"): 3}
"""The kernels of those operations that are convolutions."""

_CHUNK = 4096  # cells at a time: what is worked on stays in the cache


@dataclass(frozen=True)
class NASBench101Skeleton:
    """What surrounds the cells; the defaults are the benchmark's.

    Attributes:
        channels: C, of the stem and the first stack; every further stack doubles them.
        stacks: of cells, with a 2x2 max pooling between two of them.
        cells_per_stack: cells in each.
        input_channels: of the images.
        classes: that the classifier tells apart.
        norm_momentum: the share of a batch in the moments that batch norms use in
            evaluation, in (0, 1]. The benchmark's needs thousands of steps; take 0.1
            for trainings of a few hundred.

    Raises:
        InputError: one of them is out of its range.
    """

    channels: int = 128
    stacks: int = 3
    cells_per_stack: int = 3
    input_channels: int = 3
    classes: int = 10
    norm_momentum: float = 0.003

    def __post_init__(self) -> None:
        for field in fields(self)[:-1]:
            least = MAX_VERTICES - 2 if field.name == "channels" else 1  # five vertices may share the channels
            value = getattr(self, field.name)
            if value < least:
                raise InputError(f"a NAS-Bench-101 network needs {field.name} of at least {least}, got {value}")
        if not 0 < self.norm_momentum <= 1:
            raise InputError(f"a norm_momentum is in (0, 1], got {self.norm_momentum}")

    @property
    def total_stride(self) -> int:
        """Pixels of the image for one of the last cell's output."""
        return 2 ** (self.stacks - 1)

    @property
    def widths(self) -> list[tuple[int, int, int]]:
        """Of each cell: channels of its input, channels of its output, pixels of the image for one of its own."""
        cells = []
        last = self.channels
        for stack in range(self.stacks):
            width = self.channels * 2**stack
            for _ in range(self.cells_per_stack):
                cells.append((last, width, 2**stack))
                last = width
        return cells


def count_cost(graphs: GraphBatch, skeleton: NASBench101Skeleton | None = None, image: int = 32) -> NetworkCost:
    """The cost of N networks.

    Args:
        graphs: N pruned cells.
        skeleton: the network around them, the benchmark's where None.
        image: height and width of the images in pixels, a multiple of the skeleton's total stride.

    Raises:
        InputError: a graph is no pruned cell, or the image cannot be halved as often as the network does.
    """
    skeleton = NASBench101Skeleton() if skeleton is None else skeleton
    valid = is_cell(graphs)
    if not valid.all():
        raise InputError(f"graph {int(np.flatnonzero(~valid)[0])} of {len(graphs)} is no NAS-Bench-101 cell")
    if image < 1 or image % skeleton.total_stride:
        raise InputError(f"the network needs images of a multiple of {skeleton.total_stride} pixels, got {image}")
    parts = [_cost_of_cells(graphs[start : start + _CHUNK], skeleton, image) for start in range(0, len(graphs), _CHUNK)]
    total = np.concatenate([*parts, np.zeros((2, 0), dtype=np.int64)], axis=1)
    return NetworkCost(total[0], total[1])


def _cost_of_cells(graphs: GraphBatch, skeleton: NASBench101Skeleton, image: int) -> NDArray[np.int64]:
    """(2, n) parameters and multiply-adds of the networks of n valid cells."""
    stem = 9 * skeleton.input_channels * skeleton.channels
    last = skeleton.widths[-1][1]
    parameters = np.full(len(graphs), stem + 2 * skeleton.channels + (last + 1) * skeleton.classes, dtype=np.int64)
    macs = np.full(len(graphs), image**2 * stem + last * skeleton.classes, dtype=np.int64)
    known: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    for before, after, stride in skeleton.widths:
        if (before, after) not in known:
            known[before, after] = _cell_cost(graphs, before, after)
        weights, normalised = known[before, after]
        parameters += weights + 2 * normalised
        macs += (image // stride) ** 2 * weights
    return np.stack([parameters, macs])


def vertex_channels(graphs: GraphBatch, after: int) -> NDArray[np.int64]:
    """(N, V) how many channels each operation of a cell has; zero for input, output and padding.

    Args:
        graphs: N pruned cells.
        after: channels of the cell's output.
    """
    position = np.arange(graphs.num_vertices)
    last = graphs.mask.sum(axis=1) - 1
    inner = (position > 0) & (position < last[:, None])
    concatenated = inner & graphs.adjacency[np.arange(len(graphs)), :, last]
    sharing = np.maximum(concatenated.sum(axis=1), 1)[:, None]
    rank = concatenated.cumsum(axis=1) - 1
    channels = np.where(concatenated, after // sharing + (rank < after % sharing), 0)
    for vertex in range(graphs.num_vertices - 3, 0, -1):
        read_by = np.where(graphs.adjacency[:, vertex], channels, 0).max(axis=1)
        channels[:, vertex] = np.where(concatenated[:, vertex] | ~inner[:, vertex], channels[:, vertex], read_by)
    return channels


def operation_widths(graphs: GraphBatch) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """(N, 9) channels of the operations in a cell of the benchmark's last stack, and what the columns are.

    For each operation: the channels of its vertices together, the root of the sum of their squares (to which
    the square root of its weights is proportional), and those of the widest.
    """
    channels = vertex_channels(graphs, NASBench101Skeleton().widths[-1][1]).astype(np.float32)
    columns, names = [], []
    for code, operation in enumerate(OPERATIONS[1:-1], start=1):
        wide = np.where(graphs.ops == code, channels, 0)
        columns += [wide.sum(axis=1), np.sqrt((wide**2).sum(axis=1)), wide.max(axis=1)]
        names += [f"{operation} {what}" for what in ("channels", "root of squared channels", "widest")]
    return np.stack(columns, axis=1), tuple(names)


def _cell_cost(graphs: GraphBatch, before: int, after: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(N,) weights of a cell's convolutions, and (N,) channels that pass a batch norm."""
    channels = vertex_channels(graphs, after)
    read_input = graphs.adjacency[:, 0]
    projected = np.where(read_input, channels, 0).sum(axis=1)
    direct = after * read_input[np.arange(len(graphs)), graphs.mask.sum(axis=1) - 1]
    weights, normalised = before * (projected + direct), projected + direct
    for code, kernel in KERNELS.items():
        wide = np.where(graphs.ops == code, channels, 0)
        weights = weights + kernel**2 * (wide**2).sum(axis=1)
        normalised = normalised + wide.sum(axis=1)
    return weights, normalised
