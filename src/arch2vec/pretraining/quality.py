"""How good a representation is: reconstruction, validity, uniqueness (paper, section 4.1), and its geometry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.encoder import Encoder
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.representations.geometry import EditPairs, edit_correlation

PRIOR_DRAWS = 10_000
"""How many draws from the prior the paper decodes."""


@dataclass(frozen=True)
class Reconstruction:
    """Shares of what is decoded right from the posterior mean, between 0 and 1.

    Attributes:
        operations: of the vertices, padded ones left out.
        edges: of the vertex pairs i < j, pairs with a padded vertex left out.
        graphs: of the graphs, with every operation and every edge right.
    """

    operations: float
    edges: float
    graphs: float


@dataclass(frozen=True)
class Generation:
    """What graphs decoded from the prior are like, shares between 0 and 1.

    Attributes:
        validity: of the draws, valid by the definition behind the published figures.
        uniqueness: distinct graphs (up to isomorphism) among the valid ones.
        strict_validity: of the draws, architectures of the space, every edge checked.
        strict_uniqueness: distinct ones among the strictly valid.
        novelty: of the strictly valid draws, those that are not in the training split.
    """

    validity: float
    uniqueness: float
    strict_validity: float
    strict_uniqueness: float
    novelty: float


@dataclass(frozen=True)
class Quality:
    """Both sides of an encoder's quality."""

    reconstruction: Reconstruction
    generation: Generation

    def to_dict(self) -> dict[str, Any]:
        """As printed with ``--json``."""
        return {"reconstruction": asdict(self.reconstruction), **asdict(self.generation)}


def quality(
    encoder: Encoder, held_out: GraphBatch, known: NDArray[np.uint64], *, draws: int = PRIOR_DRAWS, seed: int = 0
) -> Quality:
    """Reconstruction of ``held_out``, and what the prior decodes to; see the two functions below."""
    return Quality(reconstruction(encoder, held_out), generation(encoder, known, draws=draws, seed=seed))


def reconstruction(encoder: Encoder, graphs: GraphBatch, *, rules: bool = False) -> Reconstruction:
    """Encode and decode ``graphs`` (held-out ones, for the paper's metric), freely or under the space's rules.

    Of an encoder that reads what architectures compute, that is what must be decoded right.
    """
    decoded = encoder.decode(encoder.encode(graphs), rules=rules)
    graphs, decoded = encoder.read(graphs), encoder.read(decoded) if rules else decoded
    mask = graphs.mask
    upper = np.triu(np.ones((graphs.num_vertices, graphs.num_vertices), dtype=np.bool_), 1)
    pairs = mask[:, :, None] & mask[:, None, :] & upper
    right_ops = (decoded.ops == graphs.ops) & mask
    right_edges = (decoded.adjacency == graphs.adjacency) & pairs
    whole = (right_ops == mask).all(axis=1) & (right_edges == pairs).all(axis=(1, 2))
    return Reconstruction(
        operations=float(right_ops.sum() / mask.sum()),
        edges=float(right_edges.sum() / pairs.sum()),
        graphs=float(whole.mean()),
    )


def generation(encoder: Encoder, known: NDArray[np.uint64], *, draws: int = PRIOR_DRAWS, seed: int = 0) -> Generation:
    """Decode ``draws`` points of the prior and look at what comes out.

    Args:
        encoder: the encoder that is measured.
        known: fingerprints of the architectures it was trained on, for novelty.
        draws: how many points of the prior are decoded.
        seed: of the draws.
    """
    decoded = encoder.decode(encoder.sample_prior(draws, np.random.default_rng(seed)))
    prints = fingerprint(decoded)
    valid = encoder.space.is_valid_as_released(decoded)
    strict = encoder.space.is_valid(decoded)
    novel = ~np.isin(prints[strict], known)

    def distinct(chosen: np.ndarray) -> float:
        return len(np.unique(prints[chosen])) / max(1, int(chosen.sum()))

    return Generation(
        validity=float(valid.mean()),
        uniqueness=distinct(valid),
        strict_validity=float(strict.mean()),
        strict_uniqueness=distinct(strict),
        novelty=float(novel.mean()) if len(novel) else 0.0,
    )


@dataclass(frozen=True)
class DistanceCorrelation:
    """Spearman's rank correlation of vectors' Euclidean distance with edit distance, between -1 and 1.

    It is 0 where one of the two distances is the same for all pairs.

    Attributes:
        random: over pairs of random architectures, which are mostly far apart.
        walk: over pairs that are up to ten edits apart.
    """

    random: float
    walk: float


def distance_correlation(
    encoder: Encoder, graphs: GraphBatch, *, pairs: int = 1_000, seed: int = 0
) -> DistanceCorrelation:
    """Whether architectures that differ by little have vectors that differ by little (paper, figure 3).

    Distances between graphs are exact (:mod:`arch2vec.graphs.edit_distance`). ``random``
    compares ``pairs`` pairs of different rows of ``graphs``, drawn uniformly. ``walk``
    compares about as many along random walks of one edit (:meth:`SearchSpace.mutate`)
    a step: the start of each, a random row, with each of the ten cells that follow.
    The paper looks at pairs along one walk of 1,000 cells; short walks from many
    starts cover the same range of edit distances without hanging on one
    neighbourhood.

    Args:
        encoder: the encoder that is measured.
        graphs: architectures of its space, held-out ones for a fair measurement.
        pairs: how many; some seconds for 1,000.
        seed: of the choice of pairs and of the walks.

    Raises:
        InputError: there are fewer than two graphs or pairs.
    """
    random, walk = EditPairs.drawn(encoder.space, graphs, pairs, seed)
    return DistanceCorrelation(edit_correlation(random, encoder.vectors), edit_correlation(walk, encoder.vectors))
