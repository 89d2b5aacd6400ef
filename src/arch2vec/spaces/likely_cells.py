"""The most likely cell of a free topology under a decoder's beliefs.

The decoder's operations say where the output is, hence how many vertices a cell has. With vertices
drawn one after the other, and none but inner operations before the output, it has n with a probability in proportion to

    p_1(inner) p_2(inner) ... p_{n-2}(inner) p_{n-1}(output),

and the most probable n is chosen. Given n, operations and edges do not depend on one another:
each inner vertex carries its most probable inner operation (of those that it allows), and
:func:`arch2vec.spaces.likely_edges.best_edges` finds the most likely edges, exactly.

The most likely cell of all numbers of vertices together would be another one, and a bad choice: the fewer
vertices, the fewer uncertain edges take part in its probability. On draws from the prior of a
NAS-Bench-101 decoder 44 % of cells would have two vertices, which 1 of 423,624 has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.declared.limits import TopologyLimits, least_edges
from arch2vec.spaces.likely_edges import best_edges


def most_likely_cells(
    op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating], limits: TopologyLimits
) -> GraphBatch:
    """The most likely cell within ``limits`` for each of N beliefs (N, V, K) and (N, V, V)."""
    n, v = op_logits.shape[:2]
    by_operation = np.ascontiguousarray(op_logits.transpose(2, 1, 0))
    counts = _most_likely_counts(by_operation, limits)
    operations = np.zeros((v, n), dtype=np.uint8)
    if limits.choices is None:
        operations[:] = _best_of(by_operation, limits.codes)
    else:
        for vertex in range(limits.inputs, v - limits.outputs):
            operations[vertex] = _best_of(by_operation[:, vertex], limits.choice(vertex))
    ops = np.where(np.arange(v) < counts[:, None] - limits.outputs, operations.T, np.uint8(PADDING))
    ops[:, : limits.inputs] = np.arange(limits.inputs)
    for number in range(limits.outputs):
        ops[np.arange(n), counts - limits.outputs + number] = limits.output + number
    return GraphBatch(ops, best_edges(edge_logits, counts, limits))


def _best_of(by_operation: NDArray[np.floating], codes: Sequence[int]) -> NDArray[np.uint8]:
    """The first of the codes of the greatest logit in (K, ...)."""
    best = by_operation[codes[0]]
    operations = np.full(best.shape, codes[0], dtype=np.uint8)
    for code in codes[1:]:
        operations[by_operation[code] > best] = code
        best = np.maximum(best, by_operation[code])
    return operations


def _most_likely_counts(by_operation: NDArray[np.floating], limits: TopologyLimits) -> NDArray[np.intp]:
    """(N,) the most probable number of vertices under beliefs (K, V, N): where the first output is."""
    # A path through all of them has so few edges; below that there is no cell.
    most = min(limits.vertices, limits.edges + min(limits.inputs, limits.outputs))
    first = limits.inputs  # the vertex that may be an output at the earliest
    logits = by_operation[:, first : most - limits.outputs + 1]
    log_inner, log_all = _log_sum(logits[limits.inputs : limits.output]), _log_sum(logits)
    scores = logits[limits.output] - log_all
    scores[1:] += (log_inner - log_all)[:-1].cumsum(axis=0)
    fewest = first + limits.outputs
    for place, count in enumerate(range(fewest, most + 1)):
        if count not in limits.counts or least_edges(replace(limits, least=count, vertices=count)) is None:
            scores[place] = -np.inf
    return scores.argmax(axis=0) + fewest


def _log_sum(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """The logarithm of the sum of exp over the first axis."""
    largest = logits.max(axis=0)
    return np.add(largest, np.log(np.exp(logits - largest).sum(axis=0)))
