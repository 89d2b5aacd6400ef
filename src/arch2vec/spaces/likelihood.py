"""How likely a graph is under a decoder's beliefs, and the most likely of a list.

A decoder believes, independently for each vertex, in operations, and for each pair of
vertices in an edge. With vertices generated one after the other until the
output is drawn, a graph of n vertices has the log-likelihood

    sum over its vertices v of log p_v(op_v)
      + sum over its pairs i < j of log sigmoid(w_ij) with an edge, log sigmoid(-w_ij) without one,

and graphs of different vertex counts can be compared: what comes after the output is not part
of the graph. A vertex's independent sigmoids, given that exactly one operation is on, are
the softmax of the same logits, so that one formula serves both kinds of decoder.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch

_LARGEST = 1e5
"""Log-odds and log-probabilities beyond this are as good as certain."""

_SCORES = 20_000_000  # scores of pairs (draw, candidate) held at a time


def checked_beliefs(
    op_log_probs: NDArray[np.floating], edge_logits: NDArray[np.floating], num_vertices: int, num_operations: int
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """The beliefs, finite.

    Raises:
        InputError: their shapes do not fit the space, or they hold what is no number.
    """
    n = len(op_log_probs)
    for what, array, shape in (
        ("operation log-probabilities", op_log_probs, (n, num_vertices, num_operations)),
        ("edge logits", edge_logits, (n, num_vertices, num_vertices)),
    ):
        if array.shape != shape:
            raise InputError(f"{what} must be of shape {shape}, got {array.shape}")
        # A sum is finite or infinite, or the array holds NaN (or both infinities, and is looked at).
        if not np.isfinite(array.sum(dtype=np.float64)) and np.isnan(array).any():
            row = int(np.flatnonzero(np.isnan(array).any(axis=(1, 2)))[0])
            raise InputError(f"{what} of graph {row} of {n} are not numbers")
    return np.clip(op_log_probs, -_LARGEST, _LARGEST), np.clip(edge_logits, -_LARGEST, _LARGEST)


def log_sigmoid(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """log(1 / (1 + exp(-x))), without overflow."""
    return np.minimum(logits, 0) - np.log1p(np.exp(-np.abs(logits)))


def log_likelihood(
    graphs: GraphBatch, op_log_probs: NDArray[np.floating], edge_logits: NDArray[np.floating]
) -> NDArray[np.float64]:
    """(N,) the log-likelihood of each graph under its own beliefs (N, V, K) and (N, V, V); see the module's text."""
    mask = graphs.mask
    chosen = np.take_along_axis(op_log_probs, np.where(mask, graphs.ops, 0)[:, :, None].astype(np.intp), axis=2)
    operations = (chosen[:, :, 0] * mask).sum(axis=1, dtype=np.float64)
    pairs = np.triu(mask[:, :, None] & mask[:, None, :], 1)
    edges = log_sigmoid(np.where(graphs.adjacency, edge_logits, -edge_logits))
    return np.add(operations, (edges * pairs).sum(axis=(1, 2), dtype=np.float64))


def free_decoding(op_log_probs: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
    """The most probable operation of each vertex and edge of each pair, on their own: often no architecture."""
    return GraphBatch(op_log_probs.argmax(axis=2).astype(np.uint8), np.triu(edge_logits > 0, 1))


def most_likely_of(
    candidates: GraphBatch, op_log_probs: NDArray[np.floating], edge_logits: NDArray[np.floating]
) -> GraphBatch:
    """For each of N beliefs, the most likely of C candidates (the first of them, where several are)."""
    n, v, k = op_log_probs.shape
    first, second = np.triu_indices(v, 1)
    # The log-likelihood is linear in these: an operation at a vertex, an edge at a pair, a pair at all.
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
        weights = np.concatenate([op_log_probs[rows].reshape(-1, v * k), logits, log_sigmoid(-logits)], axis=1)
        best[rows] = (weights.astype(np.float32) @ features.T).argmax(axis=1)
    return candidates[best]


def improved(
    graphs: GraphBatch,
    op_log_probs: NDArray[np.floating],
    edge_logits: NDArray[np.floating],
    edit: Callable[[GraphBatch], GraphBatch],
    rounds: int,
) -> GraphBatch:
    """Graphs after ``rounds`` random edits of each, those that make it less likely undone."""
    likelihood = log_likelihood(graphs, op_log_probs, edge_logits)
    for _ in range(rounds):
        edited = edit(graphs)
        after = log_likelihood(edited, op_log_probs, edge_logits)
        better = after > likelihood
        likelihood = np.where(better, after, likelihood)
        graphs = more_likely(better, edited, graphs)
    return graphs


def more_likely(better: NDArray[np.bool_], graphs: GraphBatch, others: GraphBatch) -> GraphBatch:
    """Row by row, the first graph where it is ``better`` (N,), else the other."""
    return GraphBatch(
        np.where(better[:, None], graphs.ops, others.ops),
        np.where(better[:, None, None], graphs.adjacency, others.adjacency),
    )
