"""Small spaces, and embeddings without a meaning, for tests of searches that don't look at vectors."""

from __future__ import annotations

import numpy as np

from arch2vec.embedding import Embedding
from arch2vec.graphs import GraphBatch
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.spaces.declared.fields import SpaceDeclaration
from arch2vec.spaces.declared.space import DeclaredSpace


def embed(space: SearchSpace, graphs: GraphBatch | None = None) -> Embedding:
    """An embedding of all architectures, or of some, at random points of the plane."""
    graphs = space.enumerate() if graphs is None else graphs
    return Embedding(space, graphs, np.random.default_rng(0).normal(size=(len(graphs), 2)).astype(np.float32))


def chain(length: int, operations: str = "abc") -> DeclaredSpace:
    """Cells of ``length`` vertices in a row, each with one of the operations."""
    edges = tuple((vertex, vertex + 1) for vertex in range(length + 1))
    return DeclaredSpace(SpaceDeclaration("chain", tuple(operations), "vertices", vertices=length + 2, edges=edges))


def some_of(name: str, n: int, seed: int = 0) -> Embedding:
    """An embedding of ``n`` random architectures of a built-in space."""
    space = get_space(name)
    return embed(space, space.sample(n, np.random.default_rng(seed)))
