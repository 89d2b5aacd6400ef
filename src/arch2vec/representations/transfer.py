"""What was learned of other architectures, on another data set or in another space, as one number an architecture.

Architectures that were good elsewhere are likely to be good here. A process is fitted to what
was evaluated there and says of every architecture here what it expects of it. That expectation
is one more group of numbers, ``transfer``: a model that weighs groups finds out from the
first evaluations what it is worth, and a search begins with what it is highest for.

Within one space the process sees the structure of architectures. Between two it sees what they
have in common (:func:`arch2vec.representations.structure.shared_structure`), each number
standardised within its own space.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.representations.features import Features
from arch2vec.representations.ready import structure_embedding
from arch2vec.representations.structure import GROUPS, VERSION, shared_structure, structure
from arch2vec.spaces import SearchSpace

TRANSFER = "transfer"
"""The name of the group."""

_USUAL = 5_000  # architectures that a space's scale is found from


def with_transfer(target: Embedding, source: Embedding, rows: Sequence[int], values: Sequence[float]) -> Embedding:
    """The target with one group more: what evaluations of some of the source's architectures let expect of its own.

    Args:
        target: architectures to be searched; its structure is added where it has none.
        source: architectures of the same space or of another.
        rows: of the source that were evaluated.
        values: what they were worth, in any unit, the higher the better.

    Raises:
        InputError: fewer than two evaluations, or one that is not finite; the target has such a group already.
    """
    expected = transferred(target, source, rows, values)
    if TRANSFER in dict(target.groups):
        raise InputError("this embedding holds what was learned elsewhere already")
    vectors, groups, version = target.vectors, target.groups, target.structure_version
    if not version:
        known = structure(target.graphs, target.space)
        vectors, groups = np.concatenate([known.values, vectors], axis=1), (*known.groups, *groups)
    joined = np.concatenate([vectors, expected[:, None]], axis=1)
    return Embedding(target.space, target.graphs, joined, (*groups, (TRANSFER, 1)))


def evaluated_elsewhere(space: SearchSpace, graphs: GraphBatch) -> Embedding:
    """Evaluated architectures, and after them others of their space that tell what is usual there."""
    rng = np.random.default_rng(0)
    usual = space.sample(min(_USUAL, space.size or _USUAL), rng)
    return structure_embedding(space, GraphBatch.concatenate([graphs, usual]))


def transferred(
    target: Embedding, source: Embedding, rows: Sequence[int], values: Sequence[float]
) -> NDArray[np.float32]:
    """(N,) what evaluations of the source let expect of the target's architectures, as standard scores.

    Args:
        target: the N architectures that knowledge is brought to.
        source: as for :func:`with_transfer`.
        rows: of the architectures that were evaluated, of each source.
        values: what these are worth, of each source.
    """
    # A representation may not import a model of it at import time: models weigh groups of representations.
    from arch2vec.surrogates.by_groups import process_for
    from arch2vec.surrogates.ranks import normal_scores

    index, worth = np.asarray(rows, dtype=np.int64), np.asarray(values, dtype=np.float64)
    if index.ndim != 1 or worth.shape != index.shape or len(index) < 2:
        raise InputError(f"at least two evaluated rows and as many values are needed, got {len(index)}, {len(worth)}")
    if not np.isfinite(worth).all():
        raise InputError("a value to learn from is not finite: leave failures out")
    there, here = _seen(source, target)
    known, others, groups = _standardised(there, here)
    scores = normal_scores(worth)
    learned = process_for(groups).fit(known[index][None], scores[None])[0]
    expected = learned.posterior_mean(others, known[index], scores)
    return expected.astype(np.float32)


def _seen(source: Embedding, target: Embedding) -> list[Features]:
    """The structure of both, as they hold it or counted; of two spaces, what they share of it."""
    both = (source, target)
    if source.space.reference != target.space.reference:
        return [shared_structure(embedding.graphs, embedding.space) for embedding in both]
    held = [tuple(group for group in embedding.groups if group[0] in GROUPS) for embedding in both]
    if held[0] != held[1] or any(embedding.structure_version != VERSION for embedding in both):
        return [structure(embedding.graphs, embedding.space) for embedding in both]
    return [_held(embedding) for embedding in both]


def _held(embedding: Embedding) -> Features:
    kept = np.concatenate([np.full(size, name in GROUPS) for name, size in embedding.groups])
    groups = tuple(group for group in embedding.groups if group[0] in GROUPS)
    return Features(embedding.vectors[:, kept], tuple(map(str, np.flatnonzero(kept))), groups)


def _standardised(
    there: Features, here: Features
) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[tuple[str, int], ...]]:
    """The numbers of both that vary there and here, each on the scale of its own space."""
    tables, varying = [], []
    for table in (there.values, here.values):
        values = table.astype(np.float64)
        spread = values.std(axis=0)
        varies = spread > 1e-6 * np.abs(values).max(axis=0, initial=0)
        tables.append((values - values.mean(axis=0)) / np.where(varies, spread, 1.0))
        varying.append(varies)
    kept = varying[0] & varying[1]
    groups, start = [], 0
    for name, size in there.groups:
        count = int(kept[start : start + size].sum())
        groups += [(name, count)] if count else []
        start += size
    if not groups:
        raise InputError("the two have no number in common that varies in both: nothing can be transferred")
    known, others = (table[:, kept].astype(np.float32) for table in tables)
    return known, others, tuple(groups)
