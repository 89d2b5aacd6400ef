"""How likely a graph is under a decoder's beliefs, and the most likely of a list.

A decoder believes, independently for each vertex, in operations, and for each pair of
vertices in an edge. What freely decoding does, taking the best of each on its own, gives the most
probable of all graphs. How far another graph is from that is the logarithm of the ratio of their
probabilities,

    sum over its vertices v of log p_v(op_v) - max log p_v
      - sum over its pairs i < j of |w_ij|, where it has an edge that free decoding has not, or lacks one,

which is 0 at most. Vertices that a graph does not have are left out on both sides, so that graphs of different
numbers of vertices can be compared. A vertex's independent sigmoids, given that exactly one operation is on, are
the softmax of the same logits: the formula serves both kinds of decoder.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch

_LARGEST = 1e5
"""Logits beyond this are as good as certain."""

_SCORES = 20_000_000  # scores of pairs (draw, candidate) held at a time


def checked_beliefs(
    op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating], num_vertices: int, num_operations: int
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """The beliefs, finite.

    Raises:
        InputError: their shapes do not fit the space, or they hold what is no number.
    """
    n = len(op_logits)
    return (
        _checked("operation logits", op_logits, (n, num_vertices, num_operations)),
        _checked("edge logits", edge_logits, (n, num_vertices, num_vertices)),
    )


def _checked(what: str, logits: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.floating]:
    if logits.shape != shape:
        raise InputError(f"{what} must be of shape {shape}, got {logits.shape}")
    if not logits.size or (logits.min() >= -_LARGEST and logits.max() <= _LARGEST):
        return logits
    missing = np.flatnonzero(np.isnan(logits).any(axis=(1, 2)))
    if len(missing):
        raise InputError(f"{what} of graph {int(missing[0])} of {len(logits)} are not numbers")
    return np.clip(logits, -_LARGEST, _LARGEST)


def log_ratio(
    graphs: GraphBatch, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]
) -> NDArray[np.float64]:
    """(N,) each graph's log-likelihood, less that of the most probable graph on the same vertices.

    Args:
        graphs: the N graphs whose likelihood is asked for.
        op_logits: (N, V, K).
        edge_logits: (N, V, V).
    """
    mask = graphs.mask
    chosen = np.take_along_axis(op_logits, np.where(mask, graphs.ops, 0)[:, :, None].astype(np.intp), axis=2)
    operations = ((chosen[:, :, 0] - op_logits.max(axis=2)) * mask).sum(axis=1, dtype=np.float64)
    differ = np.triu(mask[:, :, None] & mask[:, None, :] & (graphs.adjacency != (edge_logits > 0)), 1)
    return np.subtract(operations, (np.abs(edge_logits) * differ).sum(axis=(1, 2), dtype=np.float64))


def free_decoding(op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
    """The most probable operation of each vertex and edge of each pair, on their own: often no architecture."""
    return GraphBatch(op_logits.argmax(axis=2).astype(np.uint8), np.triu(edge_logits > 0, 1))


def most_likely_of(
    candidates: GraphBatch, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]
) -> GraphBatch:
    """For each of N beliefs, the most likely of C candidates (the first of them, where several are)."""
    n, v, k = op_logits.shape
    first, second = np.triu_indices(v, 1)
    # The logarithm of the ratio is linear in these: an operation at a vertex, an edge at a pair, a pair at all.
    mask = candidates.mask
    features = np.concatenate(
        [
            candidates.one_hot(k).reshape(-1, v * k),
            candidates.adjacency[:, first, second],
            mask[:, first] & mask[:, second],
        ],
        axis=1,
    ).astype(np.float32)
    best = np.empty(n, dtype=np.intp)
    step = max(1, _SCORES // max(1, len(candidates)))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        logits = edge_logits[rows][:, first, second]
        lost = op_logits[rows] - op_logits[rows].max(axis=2, keepdims=True)
        weights = np.concatenate([lost.reshape(-1, v * k), logits, -np.maximum(logits, 0)], axis=1)
        best[rows] = (weights.astype(np.float32) @ features.T).argmax(axis=1)
    return candidates[best]


def improved(
    graphs: GraphBatch,
    op_logits: NDArray[np.floating],
    edge_logits: NDArray[np.floating],
    edit: Callable[[GraphBatch], GraphBatch],
    rounds: int,
) -> GraphBatch:
    """Graphs after ``rounds`` random edits of each, those that make it less likely undone."""
    ratio = log_ratio(graphs, op_logits, edge_logits)
    for _ in range(rounds):
        edited = edit(graphs)
        after = log_ratio(edited, op_logits, edge_logits)
        better = after > ratio
        ratio = np.where(better, after, ratio)
        graphs = more_likely(better, edited, graphs)
    return graphs


def more_likely(better: NDArray[np.bool_], graphs: GraphBatch, others: GraphBatch) -> GraphBatch:
    """Row by row, the first graph where it is ``better`` (N,), else the other."""
    return GraphBatch(
        np.where(better[:, None], graphs.ops, others.ops),
        np.where(better[:, None, None], graphs.adjacency, others.adjacency),
    )
