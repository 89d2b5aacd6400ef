"""Vectors in two dimensions, for maps: principal components, or t-SNE where openTSNE is installed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError, unknown

PROJECTIONS = ("pca", "tsne")
"""The ways by name."""

_FEWEST = 10  # points of a t-SNE map


@dataclass(frozen=True, eq=False)
class Projection:
    """N points of the plane.

    Attributes:
        points: (N, 2) float32.
        axes: what the two axes are.
        note: one line on how the points came to lie where they do.
    """

    points: NDArray[np.float32]
    axes: tuple[str, str]
    note: str


def project(vectors: NDArray[np.float32], way: str = "pca", seed: int = 0) -> Projection:
    """Put N vectors on a plane.

    Args:
        vectors: (N, d), finite.
        way: ``pca``, the two directions of largest variance, or ``tsne``, which keeps neighbours together
            and says nothing of distances (needs the extra ``maps``).
        seed: of what t-SNE draws at random.

    Raises:
        InputError: there is no such way, too few vectors for it, or a package is missing.
    """
    if way not in PROJECTIONS:
        raise unknown("projection", way, PROJECTIONS)
    return _principal(vectors) if way == "pca" else _neighbours(vectors, seed)


def _principal(vectors: NDArray[np.float32]) -> Projection:
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    if centred.shape[1] < 2:
        centred = np.pad(centred, ((0, 0), (0, 2 - centred.shape[1])))
    variances, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, [-1, -2]]
    # A direction and its opposite are the same component: the largest entry is made positive.
    chosen = chosen * np.sign(np.take_along_axis(chosen, np.abs(chosen).argmax(axis=0)[None], axis=0))
    total = float(variances.clip(0).sum()) or 1.0
    shares = [max(0.0, float(variances[place])) / total for place in (-1, -2)]
    axes = tuple(f"component {place} ({100 * share:.0f} % of variance)" for place, share in enumerate(shares, start=1))
    note = f"Principal components of {vectors.shape[1]} numbers; they hold {100 * sum(shares):.0f} % of the variance."
    return Projection((centred @ chosen).astype(np.float32), (axes[0], axes[1]), note)


def _neighbours(vectors: NDArray[np.float32], seed: int) -> Projection:
    try:
        from openTSNE import TSNE
    except ImportError as error:
        raise InputError(
            "a t-SNE map needs the package openTSNE: pip install 'arch2vec[maps]'; 'pca' needs nothing"
        ) from error
    if len(vectors) < _FEWEST:
        raise InputError(f"a t-SNE map needs at least {_FEWEST} architectures, got {len(vectors)}")
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    found = TSNE(perplexity=perplexity, initialization="pca", random_state=seed, n_jobs=1).fit(
        vectors.astype(np.float64)
    )
    note = (
        f"t-SNE of {vectors.shape[1]} numbers, perplexity {perplexity:g}, seed {seed}: neighbours lie together, "
        "distances across the map mean nothing."
    )
    return Projection(np.asarray(found, dtype=np.float32), ("t-SNE 1", "t-SNE 2"), note)
