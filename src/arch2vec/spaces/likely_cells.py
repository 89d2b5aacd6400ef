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

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.declared_limits import INPUT, Limits
from arch2vec.spaces.likely_edges import best_edges


def most_likely_cells(op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating], limits: Limits) -> GraphBatch:
    """The most likely cell within ``limits`` for each of N beliefs (N, V, K) and (N, V, V)."""
    n, v = op_logits.shape[:2]
    counts = most_likely_counts(op_logits, limits)
    operations = op_logits[:, :, 1 : limits.output].argmax(axis=2).astype(np.uint8) + np.uint8(1)
    ops = np.where(np.arange(v) < counts[:, None] - 1, operations, np.uint8(PADDING))
    ops[:, 0] = INPUT
    ops[np.arange(n), counts - 1] = limits.output
    return GraphBatch(ops, best_edges(edge_logits, counts, limits))


def most_likely_counts(op_logits: NDArray[np.floating], limits: Limits) -> NDArray[np.intp]:
    """(N,) the most probable number of vertices."""
    most = min(limits.vertices, limits.edges + 1)  # a path through all of them has one edge fewer
    logits = op_logits[:, 1:most]
    log_inner, log_all = _log_sum(logits[:, :, 1 : limits.output]), _log_sum(logits)
    scores = logits[:, :, limits.output] - log_all
    scores[:, 1:] += (log_inner - log_all)[:, :-1].cumsum(axis=1)
    return scores.argmax(axis=1) + 2


def _log_sum(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """The logarithm of the sum of exp over the last axis, which is short."""
    columns = [logits[..., column] for column in range(logits.shape[-1])]
    largest = reduce(np.maximum, columns)
    shares: NDArray[np.floating] = reduce(np.add, [np.exp(column - largest) for column in columns])
    return np.add(largest, np.log(shares))
