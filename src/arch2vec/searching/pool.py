"""Which architectures a model is asked about: all of them, or a sample and the surroundings of the best.

A model scores a small space in milliseconds. Of a large one it scores random
rows, and from the most promising it walks on by single edits, so that what is
proposed is a maximiser of the acquisition function among its neighbours and not
only the best of a sample. Only architectures of the embedding are proposed: for
a space too large to embed, that is a sample of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.moves import moves_of

Rows = NDArray[np.int64]
Scores = NDArray[np.floating]

WHOLE = 50_000
"""Embeddings of up to so many architectures are scored as a whole unless told otherwise.

It is worth its time where neighbours are missing: among 30,001 cells of NAS-Bench-101, of whose neighbours
nine in ten are not there, the best of 150 / 300 evaluations by a Gaussian process has a validation accuracy
of 94.85 / 94.90 % so (60 runs), and of 94.81 / 94.83 % with a sampled pool (500 runs).
"""


@dataclass(frozen=True)
class Sampled:
    """A sampled pool with local refinement.

    On all of NAS-Bench-101 (108 epochs, a Gaussian process, 12 seeds) the best of 50 / 150 / 300
    evaluations has 94.10 / 94.23 / 94.23 % by default. With other rows in every round it was
    94.06 / 94.22 / 94.23 %, and 94.04 / 94.22 / 94.23 % with 5,000 rows, 5 parents and 3 steps at
    several times the cost: what matters are the neighbours of the best, not the size of the sample.

    Attributes:
        size: random rows, others whenever the surrogate learns.
        parents: so many of the best evaluated, and of the most promising, have their
            neighbours looked at; 0 for a plain sample.
        steps: how often that is repeated from what was found.
    """

    size: int = 1_000
    parents: int = 5
    steps: int = 1

    def __post_init__(self) -> None:
        if self.size < 1 or self.parents < 0 or self.steps < 0:
            raise InputError(
                "a sampled pool has a size of at least 1 and parents and steps of at least 0, "
                f"got {self.size}, {self.parents} and {self.steps}"
            )


@dataclass(frozen=True)
class OnDevice:
    """The whole embedding, however large, looked at by all searches together on a device.

    What every search believes of every architecture is worked out anew in each round
    (:mod:`arch2vec.searching.together`): on a GPU that takes less than keeping it up.

    Attributes:
        device: such as ``cuda``.
    """

    device: str = "cuda"

    def __post_init__(self) -> None:
        from arch2vec.common.devices import get_device

        get_device(self.device)


Pool = int | Sampled | OnDevice | None
"""The architectures that a model is asked about in a round."""


def pool_for(embedding: Embedding, pool: int | Sampled | None) -> Sampled | None:
    """What a method's ``pool`` means: None for the whole embedding.

    Args:
        embedding: what to choose from.
        pool: a sampled pool, or only its size; None for the whole embedding where it
            has up to :data:`WHOLE` architectures, and a default sample of a larger one.
    """
    if pool is None:
        return Sampled() if len(embedding) > WHOLE else None
    return Sampled(pool) if isinstance(pool, int) else pool


def sampled(embedding: Embedding, pool: Sampled, seed: int | Sequence[int]) -> Rows:
    """The random rows of a pool, all of them where there are no more."""
    if pool.size >= embedding.drawn_from:
        return np.arange(embedding.drawn_from)
    return np.random.default_rng(seed).integers(embedding.drawn_from, size=pool.size)


def gather(
    embedding: Embedding,
    pool: Sampled,
    best: Sequence[int],
    free: Callable[[Rows], NDArray[np.bool_]],
    score: Callable[[Rows], Scores],
    keep: int,
    sample: Rows,
) -> tuple[Rows, Scores]:
    """The most promising rows of a sample and of the surroundings of the best.

    Args:
        embedding: what to choose from.
        pool: how many rows are sampled, and how their surroundings are followed.
        best: evaluated rows, the best first.
        free: which rows may be proposed.
        score: what rows are worth, more is better.
        keep: how many rows to return at least, where there are as many.
        sample: rows to look at besides, see :func:`sampled`.

    Returns:
        Free rows, ascending, and their scores: the ``keep`` of highest score and those found on the way.
    """
    looked = np.unique(np.concatenate([sample, around_best(embedding, best[: pool.parents], free)]))
    rows = looked[free(looked)]
    if not len(rows):
        return rows, np.empty(0)
    scores = score(rows)
    order = np.argsort(-scores, kind="stable")
    kept, worth = rows[order[:keep]], scores[order[:keep]]
    for _ in range(pool.steps if pool.parents else 0):
        parents = kept[np.argsort(-worth, kind="stable")[: pool.parents]]
        found = around_best(embedding, parents.tolist(), free)
        found = found[~np.isin(found, looked)]
        if not len(found):
            break
        looked = np.concatenate([looked, found])
        kept, worth = np.concatenate([kept, found]), np.concatenate([worth, score(found)])
    ascending = np.argsort(kept, kind="stable")
    return kept[ascending], worth[ascending]


def around_best(embedding: Embedding, parents: Sequence[int], free: Callable[[Rows], NDArray[np.bool_]]) -> Rows:
    """The free neighbours of rows, ascending."""
    if not parents:
        return np.empty(0, dtype=np.int64)
    moves = moves_of(embedding)
    moves.explore(parents)
    rows = np.array(sorted({row for parent in parents for row in moves.neighbours(parent).tolist()}), dtype=np.int64)
    return rows[free(rows)]
