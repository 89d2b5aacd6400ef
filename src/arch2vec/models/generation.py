"""Architectures out of a latent space: priors to draw points from, noise on beliefs, what to keep of many draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError, unknown
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint

if TYPE_CHECKING:
    from arch2vec.encoder import Encoder

PriorName = Literal["independent", "joint"]
PRIORS: tuple[PriorName, ...] = ("independent", "joint")

_IDLE_DRAWS = 50_000  # draws of which fewer than one in a thousand was kept, after which no more are made


class LatentPrior(Protocol):
    """Where points of the latent space are drawn from."""

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """(n, V, latent) points."""


@dataclass(frozen=True, eq=False)
class _Group:
    """The architectures of one number of vertices: their share, and a normal distribution of their points."""

    share: float
    vertices: int
    mean: NDArray[np.float64]
    factor: NDArray[np.float64]


class JointPrior:
    """A normal distribution of all of an architecture's vertices together, for each number of vertices.

    The prior of the paper takes every number of a point for independent of all others. In the
    embedding they are not: an architecture's vertices know of one another, as the encoder has passed
    messages between them. Here a point of n vertices has the mean and the covariance, (n latent)
    squared, of the architectures with n; n is drawn with the share of these. Vertices that there are
    not are drawn from the encoder's own prior.
    """

    def __init__(self, encoder: Encoder, graphs: GraphBatch) -> None:
        """Fit it to ``graphs``, which the encoder has learned from; 5,000 are enough."""
        self._others = encoder.sample_prior
        points, counts = encoder.encode(graphs).astype(np.float64), graphs.mask.sum(axis=1)
        self._groups = []
        for n in np.unique(counts).tolist():
            rows = points[counts == n, :n].reshape(int((counts == n).sum()), -1)
            mean = rows.mean(axis=0)
            # A square root of the covariance, with no more rows than it has columns.
            root: NDArray[np.float64] = np.asarray(
                np.linalg.qr((rows - mean) / np.sqrt(max(1, len(rows) - 1)), mode="r"), dtype=np.float64
            )
            self._groups.append(_Group(len(rows) / len(points), n, mean, root))

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """(n, V, latent) points."""
        points = self._others(n, rng)
        chosen = rng.choice(len(self._groups), size=n, p=[group.share for group in self._groups])
        for index, group in enumerate(self._groups):
            rows = np.flatnonzero(chosen == index)
            drawn = group.mean + rng.standard_normal((len(rows), len(group.factor))) @ group.factor
            points[rows, : group.vertices] = drawn.reshape(len(rows), group.vertices, points.shape[2])
        return points


def check_prior(name: str) -> None:
    """Raise :class:`InputError` unless ``name`` is one of :data:`PRIORS`."""
    if name not in PRIORS:
        raise unknown("prior", name, PRIORS)


def check_temperature(temperature: float) -> None:
    """Raise :class:`InputError` unless ``temperature`` is 0 or a positive number."""
    if not (math.isfinite(temperature) and temperature >= 0):
        raise InputError(f"temperature must be 0 or a positive number, got {temperature}")


def prior_named(name: str, encoder: Encoder, graphs: GraphBatch) -> LatentPrior | None:
    """The prior of a name, one of :data:`PRIORS`; None for the encoder's own.

    Raises:
        InputError: there is none of that name.
    """
    check_prior(name)
    return JointPrior(encoder, graphs) if name == "joint" else None


def perturbed(
    op_logits: NDArray[np.float32], edge_logits: NDArray[np.float32], temperature: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Beliefs with noise, so that what is most likely under them is a random architecture.

    At temperature 1, Gumbel noise makes the most probable operation a draw from the
    probabilities of operations, and logistic noise the more probable of edge and no edge one from theirs
    (Papandreou and Yuille, "Perturb-and-MAP random fields", ICCV 2011). On a fixed topology this is
    exact, elsewhere up to what rules then have to change.
    """
    gumbel = rng.gumbel(size=op_logits.shape).astype(np.float32)
    logistic = rng.logistic(size=edge_logits.shape).astype(np.float32)
    return op_logits + np.float32(temperature) * gumbel, edge_logits + np.float32(temperature) * logistic


def collected(
    draw: Callable[[int], GraphBatch], n: int, distinct: bool, known: NDArray[np.uint64] | None
) -> GraphBatch:
    """The first ``n`` of as many draws as it takes.

    Args:
        draw: makes so many graphs.
        n: how many to keep.
        distinct: whether to keep only the first of isomorphic ones.
        known: fingerprints of graphs that are not kept.

    Raises:
        InputError: of 50,000 draws in a row fewer than one in a thousand could be kept.
    """
    parts: list[GraphBatch] = []
    prints = np.empty(0, dtype=np.uint64)
    found, drawn, idle = 0, 0, 0
    while found < n:
        graphs = draw(max(256, min(10_000, n)))
        own = fingerprint(graphs)
        kept = np.arange(len(graphs))
        if known is not None:
            kept = kept[~np.isin(own, known)]
        if distinct:
            _, first = np.unique(own[kept], return_index=True)
            kept = kept[np.sort(first)]
            kept = kept[~np.isin(own[kept], prints)]
            prints = np.concatenate([prints, own[kept]])
        parts.append(graphs[kept])
        found, drawn = found + len(kept), drawn + len(graphs)
        idle = 0 if 1000 * len(kept) >= len(graphs) else idle + len(graphs)
        if idle >= _IDLE_DRAWS and found < n:
            wanted = " and ".join((["different"] if distinct else []) + (["new"] if known is not None else []))
            raise InputError(
                f"only {found:,} {wanted} architectures in {drawn:,} draws, {n:,} are asked for; "
                "a higher temperature gives more"
            )
    return GraphBatch.concatenate(parts)[:n]


def without_repeats(graphs: GraphBatch) -> GraphBatch:
    """The graphs without those isomorphic to the one before them; of those at the end the last one stays."""
    prints = fingerprint(graphs)
    # The end of a run of equal ones is kept if it is the last graph of all, otherwise its beginning.
    starts = np.flatnonzero(np.append(True, prints[1:] != prints[:-1]))
    if len(starts) > 1:
        starts[-1] = len(graphs) - 1
    return graphs[starts]
