"""How good architectures are that are decoded under their space's rules: valid, different, new, and like the space."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.encoder import Encoder
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.models.generation import LatentPrior
from arch2vec.pretraining.quality import PRIOR_DRAWS, Reconstruction, reconstruction


@dataclass(frozen=True)
class Distance:
    """Total variation distances between draws and training architectures.

    0 stands for equal distributions, 1 for disjoint ones. That of samples of some thousands
    is not 0 but up to about 0.02, even where the distributions are equal.

    Attributes:
        operations: of the frequencies of operations.
        vertices: of the frequencies of numbers of vertices.
        edges: of the frequencies of numbers of edges.
    """

    operations: float
    vertices: float
    edges: float


@dataclass(frozen=True)
class RuleGeneration:
    """What decoding under the space's rules gives, shares between 0 and 1.

    Attributes:
        validity: of the draws, architectures of the space, every edge checked; 1 unless something is wrong.
        uniqueness: distinct architectures (up to isomorphism) among the valid draws.
        novelty: of the valid draws, those that are not in the training split.
        distance: between the draws and the training split.
        reconstruction: of held-out architectures.
    """

    validity: float
    uniqueness: float
    novelty: float
    distance: Distance
    reconstruction: Reconstruction

    def to_dict(self) -> dict[str, Any]:
        """As printed with ``--json``."""
        return asdict(self)


def rule_generation(
    encoder: Encoder,
    held_out: GraphBatch,
    training: GraphBatch,
    known: NDArray[np.uint64],
    *,
    draws: int = PRIOR_DRAWS,
    seed: int = 0,
    temperature: float = 0.0,
    prior: LatentPrior | None = None,
) -> RuleGeneration:
    """Decode ``draws`` points of the prior under the space's rules and look at what comes out.

    Args:
        encoder: the encoder whose latent space is drawn from.
        held_out: architectures to reconstruct.
        training: architectures that it was trained on, some thousands of them.
        known: fingerprints of all that it was trained on.
        draws: how many points of the prior are decoded.
        seed: of the draws.
        temperature: of the noise in decoding, as for :meth:`arch2vec.Encoder.decode`.
        prior: where points are drawn from, as for :meth:`arch2vec.Encoder.generate`.
    """
    graphs = encoder.generate(draws, np.random.default_rng(seed), temperature=temperature, prior=prior)
    valid = encoder.space.is_valid(graphs)
    prints = fingerprint(graphs)[valid]
    number = max(1, len(prints))
    return RuleGeneration(
        validity=float(valid.mean()),
        uniqueness=len(np.unique(prints)) / number,
        novelty=float((~np.isin(prints, known)).sum() / number),
        distance=distance(graphs, training, encoder.space.num_operations),
        reconstruction=reconstruction(encoder, held_out, rules=True),
    )


def distance(graphs: GraphBatch, others: GraphBatch, num_operations: int) -> Distance:
    """How far two batches of graphs are from having the same operations, numbers of vertices and of edges."""
    first, second = (
        (batch.ops[batch.mask], batch.mask.sum(axis=1), batch.adjacency.sum(axis=(1, 2))) for batch in (graphs, others)
    )
    sizes = (num_operations, graphs.num_vertices + 1, graphs.num_vertices**2 + 1)
    return Distance(
        *(_total_variation(one, other, size) for one, other, size in zip(first, second, sizes, strict=True))
    )


def _total_variation(values: NDArray[np.integer], others: NDArray[np.integer], size: int) -> float:
    """Of the frequencies of 0 to ``size`` - 1 in two samples."""
    first, second = (np.bincount(sample, minlength=size) / max(1, len(sample)) for sample in (values, others))
    return float(np.abs(first - second).sum() / 2)
