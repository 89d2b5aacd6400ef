"""The most likely cell of a free topology under a decoder's beliefs.

The decoder's operations say where the output is, hence how many vertices a cell has. With vertices
drawn one after the other, and none but inner operations before the output, it has n with a probability in proportion to

    p_1(inner) p_2(inner) ... p_{n-2}(inner) p_{n-1}(output),

and the most probable n is chosen. Given n, operations and edges do not depend on one another:
each inner vertex carries its most probable inner operation, and
:func:`arch2vec.spaces.likely_edges.best_edges` finds the most likely edges, exactly.

The most likely cell of all numbers of vertices together would be another one, and a bad choice: the fewer
vertices, the fewer uncertain edges take part in its probability. On draws from the prior of a
NAS-Bench-101 decoder 44 % of cells would have two vertices, which 1 of 423,624 has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.declared.limits import INPUT, Limits
from arch2vec.spaces.likely_edges import best_edges


def most_likely_cells(op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating], limits: Limits) -> GraphBatch:
    """The most likely cell within ``limits`` for each of N beliefs (N, V, K) and (N, V, V)."""
    n, v = op_logits.shape[:2]
    by_operation = np.ascontiguousarray(op_logits.transpose(2, 1, 0))
    counts = _most_likely_counts(by_operation, limits)
    best, operations = by_operation[1], np.ones((v, n), dtype=np.uint8)
    for code in range(2, limits.output):
        operations[by_operation[code] > best] = code
        best = np.maximum(best, by_operation[code])
    ops = np.where(np.arange(v) < counts[:, None] - 1, operations.T, np.uint8(PADDING))
    ops[:, 0] = INPUT
    ops[np.arange(n), counts - 1] = limits.output
    return GraphBatch(ops, best_edges(edge_logits, counts, limits))


def _most_likely_counts(by_operation: NDArray[np.floating], limits: Limits) -> NDArray[np.intp]:
    """(N,) the most probable number of vertices under beliefs (K, V, N)."""
    most = min(limits.vertices, limits.edges + 1)  # a path through all of them has one edge fewer
    logits = by_operation[:, 1:most]
    log_inner, log_all = _log_sum(logits[1 : limits.output]), _log_sum(logits)
    scores = logits[limits.output] - log_all
    scores[1:] += (log_inner - log_all)[:-1].cumsum(axis=0)
    return scores.argmax(axis=0) + 2


def _log_sum(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """The logarithm of the sum of exp over the first axis."""
    largest = logits.max(axis=0)
    return np.add(largest, np.log(np.exp(logits - largest).sum(axis=0)))
