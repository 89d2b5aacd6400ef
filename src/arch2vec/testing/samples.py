"""Small embeddings that search methods are tried on."""

from __future__ import annotations

from functools import cache

import numpy as np

from arch2vec.embedding import Embedding
from arch2vec.graphs import GraphBatch
from arch2vec.searching.base import Candidate
from arch2vec.spaces import DeclaredSpace, SearchSpace, SpaceDeclaration, get_space


@cache
def cells(number: int = 200) -> Embedding:
    """So many random cells of NAS-Bench-201 with their operations one-hot; some compute the same function.

    >>> from arch2vec.testing import cells
    >>> cells(30).vectors.shape
    (30, 42)
    """
    space = get_space("nasbench201")
    graphs = space.sample(number, np.random.default_rng(0))
    return Embedding(space, graphs, graphs.one_hot(space.num_operations)[:, 1:-1].reshape(number, -1))


@cache
def chains(length: int = 4, operations: str = "abc") -> Embedding:
    """All cells of ``length`` vertices in a row, each with one of the operations, at random points of the plane."""
    edges = tuple((vertex, vertex + 1) for vertex in range(length + 1))
    declared = SpaceDeclaration("chain", tuple(operations), "vertices", vertices=length + 2, edges=edges)
    space = DeclaredSpace(declared)
    return _anywhere(space, space.enumerate())


@cache
def tiny() -> tuple[Embedding, ...]:
    """Embeddings of 1 to 12 architectures of several spaces: fewer than any method's initial ones."""
    free = DeclaredSpace(SpaceDeclaration("free", ("conv",), "vertices", vertices=4, max_edges=4))
    few = [(get_space("darts"), 6), (get_space("nasbench101"), 12)]
    return (
        chains(2, "ab").subset([2]),
        chains(2, "ab"),
        _anywhere(free, free.enumerate()),
        *(_anywhere(space, space.sample(n, np.random.default_rng(0))) for space, n in few),
    )


def _anywhere(space: SearchSpace, graphs: GraphBatch) -> Embedding:
    points = np.random.default_rng(0).normal(size=(len(graphs), 2)).astype(np.float32)
    return Embedding(space, graphs, points)


def worth(candidate: Candidate, embedding: Embedding) -> float:
    """A smooth objective with many ties: what the operations of an architecture are worth, each by its number."""
    operations = embedding.space.operations
    weights = [3 * ((7 * place) % 5) - 6 for place in range(len(operations))]
    return 70.0 + sum(
        weight * candidate.architecture.count(name) for weight, name in zip(weights, operations, strict=True)
    )
