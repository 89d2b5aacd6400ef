"""Isomorphism-invariant fingerprints of labelled DAGs.

Both fingerprints refine vertex colours as the Weisfeiler-Lehman test does, but
over in- and out-neighbours separately: a vertex starts from (out-degree,
in-degree, label) and is V times combined with the multisets of its
neighbours' colours; the graph's fingerprint combines the multiset of final
colours. :func:`module_hash` is the scheme published with NAS-Bench-101 (Ying
et al., ICML 2019), MD5 over text, one graph at a time. :func:`fingerprint`
replaces text by 64-bit integer mixing, in which a multiset is a sum, so that a
whole batch is refined by a few array operations. The two induce the same
equivalence but for chance collisions: with n different graphs, the chance of
any is about n^2 / 2^65 (n = 423,624: 5e-9).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt64
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch

_CHUNK = 4096  # graphs refined at a time: the working set of a chunk stays in the cache


def module_hash(adjacency: NDArray[np.generic], labels: Sequence[int]) -> str:
    """The published NAS-Bench-101 hash of one graph.

    Args:
        adjacency: (n, n), nonzero at [i, j] for an edge from i to j.
        labels: n integers; NAS-Bench-101 uses -1 input, -2 output, 0 conv3x3,
            1 conv1x1, 2 maxpool3x3.

    Returns:
        32 hexadecimal digits, equal for isomorphic graphs.
    """
    edges = np.asarray(adjacency) != 0
    n = len(labels)
    sources = [np.flatnonzero(edges[:, v]).tolist() for v in range(n)]
    targets = [np.flatnonzero(edges[v]).tolist() for v in range(n)]
    digests = [_md5(str((len(targets[v]), len(sources[v]), int(labels[v])))) for v in range(n)]
    for _ in range(n):
        digests = [
            _md5(
                "".join(sorted([digests[s] for s in sources[v]]))
                + "|"
                + "".join(sorted([digests[t] for t in targets[v]]))
                + "|"
                + digests[v]
            )
            for v in range(n)
        ]
    return _md5(str(sorted(digests)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def fingerprint(graphs: GraphBatch, *, stream: int = 0) -> UInt64[NDArray[np.uint64], " N"]:
    """A 64-bit fingerprint of every graph, equal for isomorphic ones.

    Padded vertices do not count: a cell has the same fingerprint however far it
    is padded, as long as the batch's V is at least its vertex count and both
    batches have the same V (V refinement rounds are made).

    Args:
        graphs: the N graphs to tell apart.
        stream: which of 2^32 independent hash functions; see :func:`fingerprint128`.

    Returns:
        (N,) uint64.
    """
    result = np.empty(len(graphs), dtype=np.uint64)
    for start in range(0, len(graphs), _CHUNK):
        part = slice(start, start + _CHUNK)
        # Vertices first: each vertex's colours are then contiguous, and so is every operation on them.
        ops = np.ascontiguousarray(graphs.ops[part].T)
        edges = np.ascontiguousarray(graphs.adjacency[part].transpose(1, 2, 0))
        result[part] = _refine(ops, edges, np.uint64(stream))
    return result


def fingerprint128(graphs: GraphBatch) -> UInt64[NDArray[np.uint64], "N 2"]:
    """(N, 2) uint64: two independent 64-bit fingerprints, for more graphs than 64 bits are safe for."""
    return np.stack([fingerprint(graphs, stream=0), fingerprint(graphs, stream=1)], axis=1)


def _refine(ops: NDArray[np.uint8], edges: NDArray[np.bool_], stream: np.uint64) -> NDArray[np.uint64]:
    """Fingerprints of graphs given as ops (V, n) and edges (V, V, n)."""
    num_vertices, n = ops.shape
    # All ones where there is an edge, so that masking is one bitwise and.
    masks = {
        (i, j): -edges[i, j].astype(np.int64)
        for i in range(num_vertices)
        for j in range(i + 1, num_vertices)
        if edges[i, j].any()
    }
    present = ops != PADDING
    out_degree = edges.sum(axis=1, dtype=np.uint64)
    in_degree = edges.sum(axis=0, dtype=np.uint64)
    start = ops.astype(np.uint64) + (out_degree << np.uint64(16)) + (in_degree << np.uint64(32))
    colours = mix(mix(start) + mix(np.full(1, stream, dtype=np.uint64) + np.uint64(0x51)))
    for _ in range(num_vertices):
        colours = mix(colours)
        incoming = np.zeros((num_vertices, n), dtype=np.uint64)
        outgoing = np.zeros((num_vertices, n), dtype=np.uint64)
        for (i, j), mask in masks.items():
            unsigned = mask.view(np.uint64)
            incoming[j] += colours[i] & unsigned
            outgoing[i] += colours[j] & unsigned
        # Different odd factors keep the three roles apart before they are mixed again.
        colours = colours * np.uint64(0x9E3779B97F4A7C15)
        colours += mix(incoming) * np.uint64(0xC2B2AE3D27D4EB4F)
        colours += mix(outgoing) * np.uint64(0x165667B19E3779F9)
    return mix((mix(colours) * present).sum(axis=0, dtype=np.uint64))


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A bijection of 64-bit integers in which every output bit depends on every input bit.

    The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
