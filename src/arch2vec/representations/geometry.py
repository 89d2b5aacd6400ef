r"""How smooth vectors are, as numbers: two representations can be compared without looking at a picture.

All distances are Euclidean. With :math:`N_k(i)` the k nearest vectors of vector i and
:math:`y` a value of each architecture:

* :class:`EditPairs` and :func:`edit_correlation`: Spearman's rank correlation of the distance
  of two vectors with the edit distance of their architectures (the paper's figure 3).
* :func:`neighbours_closer`: how often an architecture one edit away is nearer than a random one;
  1 where all edits are the nearest, 1/2 where an edit is as far as anything else.
* :func:`local_variance`: the variance of :math:`y` within :math:`\{i\} \cup N_k(i)`, averaged over
  i, as a share of the variance of all; 0 where neighbours are worth the same, about 1 where being
  near says nothing.
* :func:`moran`: Moran's I on the graph of k nearest neighbours,
  :math:`\sum_i z_i \bar z_{N_k(i)} / \sum_i z_i^2` with :math:`z = y - \bar y`; near 1 where
  neighbours are alike, about 0 where they are not. (Moran, Biometrika 1950, rows of the weights
  scaled to sum to 1.)
* :func:`line`: the architectures nearest to the points of a straight line between two vectors, and
  :func:`walk`: from an architecture on and on to the nearest that has not been met (figure 5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.edit_distance import edit_distance
from arch2vec.spaces import SearchSpace

Vectors = Callable[[GraphBatch], NDArray[np.float32]]
"""(N, d) vectors of N architectures."""

WALK_STEPS = 10
"""How many edits the walks of :meth:`EditPairs.drawn` make."""
_TOGETHER = 4096  # vectors whose distance from a point is computed at a time


@dataclass(frozen=True, eq=False)
class EditPairs:
    """Pairs of architectures and their edit distances.

    Attributes:
        first: P architectures.
        second: P architectures.
        edits: (P,) their exact distances.
    """

    first: GraphBatch
    second: GraphBatch
    edits: NDArray[np.int64]

    @classmethod
    def of(cls, first: GraphBatch, second: GraphBatch) -> EditPairs:
        """Pairs of architectures; a second or two a thousand."""
        return cls(first, second, edit_distance(first, second))

    @classmethod
    def drawn(cls, space: SearchSpace, graphs: GraphBatch, pairs: int, seed: int) -> tuple[EditPairs, EditPairs]:
        """Random pairs, which are mostly far apart, and pairs that are up to ten edits apart.

        The latter are the start of a random walk of one edit (:meth:`SearchSpace.mutate`) a step
        with each of the ten architectures that follow; there are about as many.

        Args:
            space: the search space.
            graphs: architectures of it.
            pairs: how many pairs of architectures are drawn.
            seed: of the choice of pairs and of the walks.

        Raises:
            InputError: there are fewer than two graphs or pairs.
        """
        if len(graphs) < 2 or pairs < 2:
            raise InputError(f"a correlation needs at least 2 graphs and 2 pairs, got {len(graphs)} and {pairs}")
        rng = np.random.default_rng(seed)
        first = rng.integers(0, len(graphs), size=pairs)
        second = (first + rng.integers(1, len(graphs), size=pairs)) % len(graphs)
        starts = graphs[rng.integers(0, len(graphs), size=-(-pairs // WALK_STEPS))]
        walk = [starts]
        for _ in range(WALK_STEPS):
            walk.append(space.mutate(walk[-1], rng))
        before = GraphBatch.concatenate([starts] * WALK_STEPS)
        return cls.of(graphs[first], graphs[second]), cls.of(before, GraphBatch.concatenate(walk[1:]))

    def lengths(self, vectors: Vectors) -> NDArray[np.float64]:
        """(P,) distances of the pairs' vectors."""
        away = vectors(self.first).astype(np.float64) - vectors(self.second)
        return np.sqrt(np.square(away).sum(axis=1))


def edit_correlation(pairs: EditPairs, vectors: Vectors) -> float:
    """Spearman's rank correlation of vectors' and edit distances, 0 where one of them is always the same."""
    lengths = pairs.lengths(vectors)
    if (pairs.edits == pairs.edits[0]).all() or (lengths == lengths[0]).all():
        return 0.0
    return float(spearmanr(lengths, pairs.edits).statistic)


def neighbours_closer(space: SearchSpace, graphs: GraphBatch, pool: NDArray[np.float32], vectors: Vectors) -> float:
    """The probability that an architecture one edit away is nearer than one of the pool; ties count half.

    Averaged over the graphs.

    Args:
        space: the search space.
        graphs: the n architectures that vectors are of.
        pool: (N, d) vectors of random architectures.
        vectors: (n, d) vectors of any representation.
    """
    edited, owner = space.neighbors_of_each(graphs)
    own = vectors(graphs).astype(np.float64)
    near = np.sqrt(np.square(vectors(edited).astype(np.float64) - own[owner]).sum(axis=1))
    shares = []
    for row, one in enumerate(own):
        others = np.sort(np.sqrt(np.square(pool.astype(np.float64) - one).sum(axis=1)))
        mine = near[owner == row]
        below, above = np.searchsorted(others, mine, side="left"), np.searchsorted(others, mine, side="right")
        shares.append(float((1 - (below + above) / (2 * len(others))).mean()))
    return float(np.mean(shares))


def local_variance(neighbours: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    """The mean variance of values among vectors and their k nearest, as a share of the variance of all.

    Args:
        neighbours: (n, k), from :func:`arch2vec.representations.nearest.nearest_neighbours`, of the first n
            architectures.
        values: (N,) what the N architectures are worth.
    """
    total = float(values.var(ddof=1))
    if total == 0:
        return 0.0
    own = np.arange(len(neighbours))[:, None]
    return float(values[np.concatenate([own, neighbours], axis=1)].var(axis=1, ddof=1).mean()) / total


def moran(neighbours: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    """Moran's I of values on the graph of nearest neighbours, 0 where all values are the same.

    Args:
        neighbours: (n, k), from :func:`arch2vec.representations.nearest.nearest_neighbours`, of the first n
            architectures; both sums of I are over these.
        values: (N,) what the N architectures are worth.
    """
    centred = values - values.mean()
    own = centred[: len(neighbours)]
    squares = float(np.square(own).sum())
    return float((own * centred[neighbours].mean(axis=1)).sum()) / squares if squares else 0.0


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of values, ties in the middle: what is left when a few very bad values are not to decide."""
    return np.asarray(rankdata(values), dtype=np.float64)


def line(pool: NDArray[np.float32], first: int, last: int, steps: int = 10) -> list[int]:
    """The rows whose vectors are nearest to the points of a line, from ``first`` to ``last``, none twice in a row.

    Args:
        pool: (N, d) vectors.
        first: the row that the line begins at.
        last: the row that the line ends at.
        steps: into how many equal parts the line is divided.
    """
    ends = pool[[first, last]].astype(np.float64)
    rows = [first]
    for step in range(1, steps):
        point = ends[0] + (ends[1] - ends[0]) * (step / steps)
        row = int(_squares(pool, point.astype(np.float32)).argmin())
        if row != rows[-1]:
            rows.append(row)
    return rows if rows[-1] == last else [*rows, last]


def walk(pool: NDArray[np.float32], start: int, steps: int = 15) -> list[int]:
    """The rows of a walk that goes on to the nearest vector that it has not met; ties to the first row.

    Args:
        pool: (N, d) vectors.
        start: the row that the walk begins at.
        steps: at most N - 1.
    """
    met = np.zeros(len(pool), dtype=np.bool_)
    rows = [start]
    met[start] = True
    for _ in range(min(steps, len(pool) - 1)):
        away = _squares(pool, pool[rows[-1]])
        away[met] = np.inf
        rows.append(int(away.argmin()))
        met[rows[-1]] = True
    return rows


def _squares(pool: NDArray[np.float32], point: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) squared distances from a point, in parts that stay in the processor's cache."""
    found = np.empty(len(pool), dtype=np.float32)
    for start in range(0, len(pool), _TOGETHER):
        away = pool[start : start + _TOGETHER] - point
        np.square(away, out=away).sum(axis=1, out=found[start : start + _TOGETHER])
    return found
