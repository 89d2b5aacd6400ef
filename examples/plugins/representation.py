"""A representation of one's own: how often each operation occurs, and what stands at each vertex."""

import numpy as np
from numpy.typing import NDArray

from arch2vec import GraphBatch, SearchSpace


def counts(graphs: GraphBatch, space: SearchSpace, power: float = 1.0) -> dict[str, NDArray[np.floating]]:
    """Two named groups of numbers, a row an architecture; methods that weigh groups tell them apart."""
    one_hot = graphs.one_hot(space.num_operations)
    return {"counts": one_hot.sum(axis=1) ** power, "places": one_hot.reshape(len(graphs), -1)}
