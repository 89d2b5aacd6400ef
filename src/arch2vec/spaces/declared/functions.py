"""Which cells compute the same function, given what skips and zeros do.

Every vertex reads the sum of what its predecessors give. A skip gives that sum
on, a zero nothing, and any other operation one new term, which is zero if the sum it
reads is empty. Sums are multisets of terms. Two cells compute the same function if
their outputs read equal sums. On NAS-Bench-201 this is
:func:`arch2vec.spaces.nasbench201.space.canonical_form`.

Terms are 64-bit numbers, mixed from the operation and the sum it is applied to, and sums are
added: as with fingerprints, the chance that n different functions are not told
apart is about n^2 / 2^65.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.graphs.fingerprints import mix

_INPUT_TERM = 0x9E3779B97F4A7C15  # any odd number: no number of paths below 2^64 makes its sum zero


def function_labels(
    graphs: GraphBatch, skip: Collection[int], zero: Collection[int], inputs: int = 1, output: int | None = None
) -> NDArray[np.uint64]:
    """(N,) labels, equal exactly for cells that compute the same function.

    Args:
        graphs: N cells of at most 64 vertices: the first are the inputs, the last that are there the outputs.
        skip: codes of the operations that give on what they read.
        zero: codes of the operations that give nothing.
        inputs: how many inputs.
        output: the code of the first output, from which on codes are outputs; None where there is one output.
    """
    n, v = graphs.ops.shape
    # Indexed by vertex first, so that each vertex's values are contiguous.
    given = np.zeros((v, n), dtype=np.uint64)
    given[0] = _INPUT_TERM
    for vertex in range(1, inputs):
        given[vertex] = mix(np.full(1, _INPUT_TERM + vertex, dtype=np.uint64))
    read = np.zeros(n, dtype=np.uint64)
    for vertex in range(inputs, v):
        ops = graphs.ops[:, vertex]
        total = (given[:vertex] * graphs.adjacency[:, :vertex, vertex].T).sum(axis=0, dtype=np.uint64)
        term = np.where(total == 0, np.uint64(0), mix(mix(total) + ops.astype(np.uint64)))
        given[vertex] = np.where(np.isin(ops, list(skip)), total, np.where(np.isin(ops, list(zero)), 0, term))
        if output is None:
            read = np.where(ops == PADDING, read, total)
        else:  # what every output reads counts
            own = mix(mix(total) + ops.astype(np.uint64))
            read = np.where((ops == PADDING) | (ops < output), read, read + own)
    return mix(read)
