"""Batches of labelled directed acyclic graphs, the data every other module exchanges.

An architecture is a graph whose vertices carry operations and whose edges carry
tensors. Vertices are numbered in topological order, so the adjacency matrix is
strictly upper triangular. Graphs of one batch share a vertex count V; smaller
graphs are padded at the end with vertices whose operation is :data:`PADDING`
and which have no edges. Everything is a NumPy array of the smallest type that
holds it: a million seven-vertex graphs take 56 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from numpy.typing import ArrayLike, NDArray

from arch2vec.common.storage import read_arrays, write_arrays
from arch2vec.errors import InputError

PADDING = 255
"""The operation code of a vertex that is not there."""


@dataclass(frozen=True, eq=False, repr=False)
class GraphBatch:
    """N labelled DAGs of up to V vertices.

    >>> import arch2vec
    >>> chain = arch2vec.GraphBatch.of([[0, 1, 2]], [[[0, 1, 0], [0, 0, 1], [0, 0, 0]]])
    >>> len(chain), chain.num_vertices, chain.ops.dtype, chain.adjacency.dtype
    (1, 3, dtype('uint8'), dtype('bool'))

    Attributes:
        ops: (N, V) uint8, the operation of each vertex as an index into a
            vocabulary, :data:`PADDING` where there is no vertex.
        adjacency: (N, V, V) bool, strictly upper triangular; ``adjacency[n, i, j]``
            is an edge from vertex i to vertex j.
    """

    ops: NDArray[np.uint8]
    adjacency: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.ops.dtype != np.uint8 or self.adjacency.dtype != np.bool_:
            raise InputError(
                f"graphs need uint8 operations and bool adjacency, got {self.ops.dtype} and {self.adjacency.dtype}"
            )
        n, v = self.ops.shape if self.ops.ndim == 2 else (-1, -1)
        if self.adjacency.shape != (n, v, v):
            raise InputError(
                "graphs need operations (N, V) and adjacency (N, V, V), "
                f"got {self.ops.shape} and {self.adjacency.shape}"
            )

    @classmethod
    def of(cls, ops: ArrayLike, adjacency: ArrayLike) -> GraphBatch:
        """Build a batch from anything array-like, checking that it holds DAGs in topological order.

        Raises:
            InputError: wrong shapes, an edge on or below the diagonal, or an edge
                at a padded vertex.
        """
        batch = cls(np.asarray(ops, dtype=np.uint8), np.asarray(adjacency, dtype=np.bool_))
        lower = np.tril(np.ones((batch.num_vertices, batch.num_vertices), dtype=np.bool_))
        if (batch.adjacency & lower).any():
            raise InputError("an adjacency matrix has an edge on or below its diagonal; order vertices topologically")
        absent = ~batch.mask
        if (batch.adjacency & (absent[:, :, None] | absent[:, None, :])).any():
            raise InputError("an adjacency matrix has an edge at a padded vertex")
        return batch

    @classmethod
    def concatenate(cls, batches: Sequence[GraphBatch]) -> GraphBatch:
        """Join batches of the same vertex count."""
        return cls(
            np.concatenate([batch.ops for batch in batches]),
            np.concatenate([batch.adjacency for batch in batches]),
        )

    def __len__(self) -> int:
        return len(self.ops)

    def __repr__(self) -> str:
        graphs = "graph" if len(self) == 1 else "graphs"
        return f"GraphBatch({len(self):,} {graphs} of up to {self.num_vertices} vertices)"

    def __getitem__(self, index: int | slice | NDArray[np.generic] | Sequence[int]) -> GraphBatch:
        """A sub-batch; an integer gives a batch of one."""
        if isinstance(index, int | np.integer):
            index = [int(index)]
        return GraphBatch(self.ops[index], self.adjacency[index])

    @property
    def num_vertices(self) -> int:
        """V, the vertex count that smaller graphs are padded to."""
        return self.ops.shape[1]

    @property
    def mask(self) -> Bool[NDArray[np.bool_], "N V"]:
        """(N, V), true where there is a vertex."""
        return np.not_equal(self.ops, PADDING)

    def one_hot(self, num_operations: int) -> Float32[NDArray[np.float32], "N V K"]:
        """(N, V, K) operations one-hot; a padded vertex is a row of zeros."""
        codes = np.arange(num_operations, dtype=np.uint8)
        return (self.ops[:, :, None] == codes).astype(np.float32)

    def symmetrised(self) -> Float32[NDArray[np.float32], "N V V"]:
        """(N, V, V) A + A^T, the adjacency the encoder sees (paper, section 3.1)."""
        return (self.adjacency | self.adjacency.transpose(0, 2, 1)).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the batch as a safetensors file, atomically."""
        write_arrays(path, self.arrays(), {"kind": "graphs"})

    def arrays(self) -> dict[str, np.ndarray]:
        """The batch as named arrays, the adjacency packed to a bit an entry."""
        n, v = self.ops.shape
        packed = np.packbits(self.adjacency.reshape(n, v * v), axis=1)
        return {"ops": self.ops, "adjacency_bits": packed}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> GraphBatch:
        """The inverse of :meth:`arrays`.

        Raises:
            InputError: an array is missing or of the wrong shape.
        """
        try:
            ops, packed = arrays["ops"], arrays["adjacency_bits"]
            n, v = ops.shape
            if ops.dtype != np.uint8 or packed.dtype != np.uint8 or packed.shape != (n, -(-v * v // 8)):
                raise ValueError(f"operations {ops.shape} {ops.dtype}, edges {packed.shape} {packed.dtype}")
            bits = np.unpackbits(packed, axis=1, count=v * v)
            return cls.of(ops, bits.reshape(n, v, v).astype(np.bool_))
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(f"not stored graphs: {error}") from error

    @classmethod
    def load(cls, path: Path) -> GraphBatch:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: the file is missing, damaged or holds something else.
        """
        arrays, _ = read_arrays(path)
        try:
            return cls.from_arrays(arrays)
        except InputError as error:
            raise InputError(f"cannot read {path}: {error}") from error
