"""The published NAS-Bench-101 module hash for many cells at once.

The same digests as :func:`arch2vec.graphs.fingerprints.module_hash` gives one cell at
a time. The published tables are keyed by it and sorted by it.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.md5 import hexadecimal, md5

LABELS = (-1, 1, 0, 2, -2)
"""The published label of every operation of our vocabulary."""

_MEMBERS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)
"""How many members a set of vertices has, by the bits that stand for it."""
_POSITIONS = np.argsort(
    1 - np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little"), axis=1, kind="stable"
)
"""(256, 8) the members of a set of vertices in ascending order, then the others."""

_CHUNK = 8192  # cells hashed at a time: their texts are small enough to stay near the processor


def module_hashes(graphs: GraphBatch) -> list[str]:
    """The published hash of each of N pruned cells, 32 hexadecimal digits, equal for isomorphic ones."""
    return [text.tobytes().decode() for text in hexadecimal(module_digests(graphs))]


def module_digests(graphs: GraphBatch) -> NDArray[np.uint8]:
    """(N, 16) uint8, the bytes that the published hash writes in hexadecimal."""
    digests = np.empty((len(graphs), 16), dtype=np.uint8)
    counts = graphs.mask.sum(axis=1)
    for count in np.unique(counts):
        same = np.flatnonzero(counts == count)
        for start in range(0, len(same), _CHUNK):
            rows = same[start : start + _CHUNK]
            digests[rows] = _digests(graphs.ops[rows, :count], graphs.adjacency[rows, :count, :count])
    return digests


def order_of(digests: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The order along the last but one axis that sorts (..., 16) digests as their texts sort."""
    halves = np.ascontiguousarray(digests).view(">u8").astype(np.uint64)
    return np.lexsort((halves[..., 1], halves[..., 0]), axis=-1)


def _digests(ops: NDArray[np.uint8], adjacency: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(n, 16) digests of cells of v vertices each, ops (n, v) and adjacency (n, v, v)."""
    n, v = ops.shape
    graph = np.arange(n)[:, None]
    digests = _first_digests(ops, adjacency)
    for _ in range(v):
        # With a cell's vertices sorted by their digests, neighbours in the order of their numbers are sorted too.
        order = order_of(digests)
        digests = digests[graph, order]
        adjacency = adjacency[graph[:, :, None], order[:, :, None], order[:, None, :]]
        digests = _next_digests(digests, adjacency)
    digests = digests[graph, order_of(digests)]
    texts = hexadecimal(digests.reshape(-1, 16)).reshape(n, v, 32)
    listed = np.frombuffer(str(["?" * 32] * v).encode(), dtype=np.uint8)
    message = np.broadcast_to(listed, (n, len(listed))).copy()
    for vertex in range(v):
        start = 2 + 36 * vertex
        message[:, start : start + 32] = texts[:, vertex]
    return md5(message)


def _first_digests(ops: NDArray[np.uint8], adjacency: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(n, v, 16) digests of ``(out_degree, in_degree, label)``."""
    out_degree, in_degree = adjacency.sum(axis=2), adjacency.sum(axis=1)
    base = ops.shape[1]
    codes = (out_degree * base + in_degree) * len(LABELS) + ops
    distinct, inverse = np.unique(codes, return_inverse=True)
    texts = [
        str((code // len(LABELS) // base, code // len(LABELS) % base, LABELS[code % len(LABELS)]))
        for code in distinct.tolist()
    ]
    table = np.array([list(hashlib.md5(t.encode(), usedforsecurity=False).digest()) for t in texts], dtype=np.uint8)
    return table[inverse.reshape(codes.shape)]


def _next_digests(digests: NDArray[np.uint8], adjacency: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """One round: the digests of in-neighbours | out-neighbours | the vertex itself, vertices sorted by digest."""
    n, v, _ = digests.shape
    texts = hexadecimal(digests.reshape(-1, 16))
    sources = np.packbits(adjacency.transpose(0, 2, 1), axis=2, bitorder="little").ravel()
    targets = np.packbits(adjacency, axis=2, bitorder="little").ravel()
    in_degree, out_degree = _MEMBERS[sources], _MEMBERS[targets]
    first = np.repeat(np.arange(n) * v, v)  # the number of a vertex's cell's first vertex
    result = np.empty((n * v, 16), dtype=np.uint8)
    for degree in range(1, v):
        # Vertices with as many neighbours have texts of the same length.
        rows = np.flatnonzero(in_degree + out_degree == degree)
        message = np.full((len(rows), 32 * (degree + 1) + 2), ord("|"), dtype=np.uint8)
        for before in range(degree + 1):
            part = np.flatnonzero(in_degree[rows] == before)
            some = rows[part]
            read = _POSITIONS[sources[some], :before] + first[some, None]
            fed = _POSITIONS[targets[some], : degree - before] + first[some, None]
            middle = 32 * before
            message[part, :middle] = texts[read].reshape(len(some), middle)
            message[part, middle + 1 : -33] = texts[fed].reshape(len(some), 32 * degree - middle)
        message[:, -32:] = texts[rows]
        result[rows] = md5(message)
    return result.reshape(n, v, 16)
