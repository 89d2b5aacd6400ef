"""A signal that random weights send through a graph and back: what computation looks like, without any training.

Every vertex has random numbers of its operation, P x. The inputs begin with random numbers r.
Forwards, a vertex's state is

    h = m / 2 + ReLU([P x, m] W) / 2,    m = the sum of the states of what it reads,

and backwards likewise, from the forward states of the outputs, with the sum over what reads
the vertex. What comes back to the inputs is the graph's flow. It depends on how operations follow
each other on all paths, and is the target of pre-training in FGP (flow-based graph
pre-training); r, P and W are drawn anew for each of several flows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs.function import FunctionGraphs

Floats = NDArray[np.float32]

WIDTH, DEVIATION, DRAWS = 7, 0.1, 8
"""Numbers of a state, the deviation of P and W (both are those of FGP for NAS-Bench-201), and how many flows."""


def random_flow(
    graphs: FunctionGraphs,
    operations: int,
    *,
    width: int = WIDTH,
    deviation: float = DEVIATION,
    draws: int = DRAWS,
    seed: int = 0,
) -> Floats:
    """(N, draws width) the flows of N graphs.

    They follow from the graphs, the number of operations and the seed: those of different batches can be compared.

    Args:
        graphs: the N graphs that values flow through.
        operations: how many operations there are.
        width: numbers of a state.
        deviation: of the random weights.
        draws: how many flows.
        seed: of the random weights.
    """
    found = np.empty((graphs.ops.shape[1], draws * width), dtype=np.float32)
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        own = rng.normal(0, deviation, (operations + 1, width)).astype(np.float32)
        own[-1] = 0  # of places without a vertex
        weights = rng.normal(0, deviation, (2 * width, width)).astype(np.float32)
        start = rng.uniform(size=width).astype(np.float32)
        found[:, draw * width : (draw + 1) * width] = _flow(graphs, own, weights, start)
    return found


def _flow(graphs: FunctionGraphs, own: Floats, weights: Floats, start: Floats) -> Floats:
    """(N, width) what comes back, the mean over the inputs."""
    count, number = graphs.ops.shape
    width = len(start)
    # ReLU([P x, m] W) with the part of P x worked out once an operation.
    shifts = (own @ weights[:width])[np.minimum(graphs.ops, len(own) - 1)]
    mix = weights[width:]
    states = np.zeros((count, number, width), dtype=np.float32)
    for vertex in range(count):
        states[vertex] = _moved(graphs.edges[:vertex, vertex], states[:vertex], shifts[vertex], mix)
        states[vertex][graphs.starts[vertex]] = start
    back = np.zeros_like(states)
    for vertex in range(count - 1, -1, -1):
        moved = _moved(graphs.edges[vertex, vertex + 1 :], back[vertex + 1 :], shifts[vertex], mix)
        back[vertex] = np.where(graphs.ends[vertex][:, None], states[vertex], moved)
    inputs = graphs.starts.astype(np.float32)
    total: Floats = np.einsum("vn,vnw->nw", inputs, back)
    found: Floats = (total / np.maximum(inputs.sum(axis=0), 1)[:, None]).astype(np.float32)
    return found


def _moved(edges: Floats, states: Floats, shift: Floats, mix: Floats) -> Floats:
    """(N, width) a vertex's state from the states (U, N, width) of vertices joined to it by edges (U, N)."""
    message = np.zeros_like(shift)
    for edge, state in zip(edges, states, strict=True):
        if edge.any():
            message += edge[:, None] * state
    return np.asarray(message / 2 + np.maximum(shift + message @ mix, 0) / 2, dtype=np.float32)
