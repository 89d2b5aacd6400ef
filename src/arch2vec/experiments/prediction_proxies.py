"""Zero-cost proxies in the prediction experiment: by themselves, or appended to other vectors."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.representations.discrete import ENCODINGS
from arch2vec.spaces import SearchSpace

PROXIES = "proxies"
"""The encoding that consists of proxies."""
SUFFIX = f"+{PROXIES}"
"""What the name of an encoding ends in that has proxies appended."""


def proxy_vectors(graphs: GraphBatch, space: SearchSpace) -> NDArray[np.float32]:
    """(N, P) proxies of small networks as features; see :func:`arch2vec.proxies.features.proxy_features`."""
    from arch2vec.proxies.features import proxy_features

    return proxy_features(graphs, space)


def joined(vectors: NDArray[np.float32], proxies: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, D + P) both, each scaled so that its N rows have a mean squared distance of 2.

    Half of what a predictor sees of distances is then of the one, half of the other.
    """
    blocks = []
    for block in (vectors, proxies):
        variance = float(block.var(axis=0, dtype=np.float64).sum())
        blocks.append(block / np.sqrt(variance) if variance > 0 else block)
    return np.concatenate(blocks, axis=1).astype(np.float32)


def check_bases(encodings: Iterable[str], models: Iterable[str]) -> None:
    """Raise :class:`InputError` if proxies are to be appended to something that is not there.

    Args:
        encodings: by name; only those that end in :data:`SUFFIX` are looked at.
        models: of the pre-trained representations.
    """
    known = [*models, *ENCODINGS, "structure"]
    for name in encodings:
        if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) not in known:
            choices = ", ".join(f"{base}{SUFFIX}" for base in dict.fromkeys(known))
            raise InputError(
                f"encoding {name!r} appends proxies to something that is not compared; possible: {choices}"
            )
