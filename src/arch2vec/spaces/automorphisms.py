"""Symmetries of a labelled DAG: the renumberings of its vertices that leave it the same.

Two labellings of one DAG are isomorphic exactly if a symmetry of the DAG
carries one into the other, which is what counts architectures and draws them
uniformly (:mod:`arch2vec.spaces.declared.fixed`, :mod:`arch2vec.spaces.declared.drawing`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def automorphisms(adjacency: NDArray[np.bool_], colours: Sequence[int], limit: int) -> NDArray[np.int64] | None:
    """All symmetries of a DAG that map every vertex to one of the same colour.

    Args:
        adjacency: (V, V) edges.
        colours: V numbers that vertices must share to be exchanged.
        limit: how many to list at most.

    Returns:
        (G, V), row g mapping vertex v to ``[g, v]``, the identity first; None where
        there are more than ``limit``.
    """
    looks = np.concatenate([adjacency, adjacency.T, np.asarray(colours)[:, None]], axis=1)
    twins = np.unique(looks, axis=0, return_counts=True)[1]
    if math.prod(map(math.factorial, twins.tolist())) > limit:
        return None  # vertices with the same neighbours can be permuted in any way
    found: list[list[int]] = []
    for image in _extensions(_Search(adjacency, colours), []):
        if len(found) == limit:
            return None
        found.append(image)
    return np.array(found, dtype=np.int64)


def group_order(adjacency: NDArray[np.bool_], colours: Sequence[int]) -> int:
    """How many symmetries a DAG has, without listing them.

    By the orbit-stabiliser theorem the order of a group is the size of a
    vertex's orbit times the order of the subgroup that fixes it; the vertices
    are fixed one after another.
    """
    search = _Search(adjacency, colours)
    order = 1
    for vertex in range(len(colours)):
        fixed = list(range(vertex))
        orbit = sum(
            next(_extensions(search, [*fixed, image]), None) is not None
            for image in search.candidates[vertex]
            if image >= vertex and search.fits(fixed, image)
        )
        order *= orbit
    return order


class _Search:
    """What a backtracking search over partial symmetries asks for."""

    def __init__(self, adjacency: NDArray[np.bool_], colours: Sequence[int]) -> None:
        self.edges = np.asarray(adjacency, dtype=np.bool_).tolist()
        refined = _refined(np.asarray(adjacency, dtype=np.bool_), colours)
        self.candidates = [[w for w, colour in enumerate(refined) if colour == own] for own in refined]

    def fits(self, images: Sequence[int], image: int) -> bool:
        """Whether vertex ``len(images)`` can be mapped to ``image`` when those before it are mapped to ``images``."""
        vertex, edges = len(images), self.edges
        return image not in images and all(
            edges[u][vertex] == edges[w][image] and edges[vertex][u] == edges[image][w] for u, w in enumerate(images)
        )


def _extensions(search: _Search, images: list[int]) -> Iterator[list[int]]:
    """All symmetries that map vertices 0, 1, ... to ``images``, in lexicographic order."""
    if len(images) == len(search.candidates):
        yield images
        return
    for image in search.candidates[len(images)]:
        if search.fits(images, image):
            yield from _extensions(search, [*images, image])


def _refined(adjacency: NDArray[np.bool_], colours: Sequence[int]) -> list[int]:
    """Colours refined until vertices of one colour have equally many neighbours of every colour."""
    classes = np.unique(np.asarray(colours), return_inverse=True)[1]
    while True:
        one_hot = np.eye(classes.max() + 1, dtype=np.int64)[classes]
        seen = np.concatenate([classes[:, None], adjacency @ one_hot, adjacency.T @ one_hot], axis=1)
        finer = np.unique(seen, axis=0, return_inverse=True)[1].ravel()
        if finer.max() == classes.max():
            return [int(colour) for colour in classes]
        classes = finer
