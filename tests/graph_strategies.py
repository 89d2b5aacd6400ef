"""Random labelled DAGs for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from arch2vec.graphs import PADDING, GraphBatch


@st.composite
def dags(draw: st.DrawFn, vertices: int = 7, operations: int = 4) -> GraphBatch:
    """One graph of up to ``vertices`` vertices, padded to that count."""
    n = draw(st.integers(1, vertices))
    ops = np.full((1, vertices), PADDING, dtype=np.uint8)
    ops[0, :n] = draw(st.lists(st.integers(0, operations - 1), min_size=n, max_size=n))
    adjacency = np.zeros((1, vertices, vertices), dtype=np.bool_)
    for i in range(n):
        for j in range(i + 1, n):
            adjacency[0, i, j] = draw(st.booleans())
    return GraphBatch(ops, adjacency)


def relabelled(graph: GraphBatch, rng: np.random.Generator) -> GraphBatch:
    """The same graph with its vertices numbered in another random topological order."""
    n = int(graph.mask[0].sum())
    edges = graph.adjacency[0]
    waiting, order = set(range(n)), []
    while waiting:
        ready = [v for v in sorted(waiting) if not any(edges[u, v] for u in waiting)]
        order.append(int(rng.choice(ready)))
        waiting.remove(order[-1])
    ops, adjacency = graph.ops.copy(), np.zeros_like(graph.adjacency)
    ops[0, :n] = graph.ops[0, order]
    adjacency[0, :n, :n] = edges[np.ix_(order, order)]
    return GraphBatch(ops, adjacency)
