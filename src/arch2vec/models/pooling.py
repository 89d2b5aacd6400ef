"""From the vectors of a graph's vertices to one vector of the graph.

Each pool gives as many numbers as a vertex has; several side by side give their
concatenation, in the order in which they are named. Padded vertices are in none of them:
a largest value is one that a vertex has, even where all are below zero.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from numpy.typing import NDArray
from torch import Tensor

from arch2vec.errors import InputError, unknown

POOLS = ("sum", "mean", "max", "min")
"""The pools there are; each may be named once."""


def pools_of(text: str) -> tuple[str, ...]:
    """The pools that comma-separated names say.

    Raises:
        InputError: there is none of a name, or one is named twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    for place, name in enumerate(names):
        if name not in POOLS:
            raise unknown("pool", name, POOLS)
        if name in names[:place]:
            raise InputError(f"the pool {name!r} is named twice in {text!r}")
    return names


def pooled(Z: Float[Tensor, "B V d"], mask: Float[Tensor, "B V"] | None, pooling: str) -> Float[Tensor, "B pools"]:
    """(B, pools x d) one vector a graph, for training.

    Args:
        Z: (B, V, d), anything at padded vertices.
        mask: (B, V), 1 where there is a vertex, None if everywhere.
        pooling: comma-separated names of pools.
    """
    present = None if mask is None else mask.unsqueeze(2)
    kept = Z if present is None else torch.where(present > 0, Z, 0)
    parts = []
    for name in pools_of(pooling):
        if name == "sum":
            parts.append(kept.sum(1))
        elif name == "mean":
            parts.append(kept.mean(1) if present is None else kept.sum(1) / present.sum(1))
        else:
            sign = 1 if name == "max" else -1
            signed = sign * Z if present is None else torch.where(present > 0, sign * Z, -torch.inf)
            parts.append(sign * signed.amax(1))
    return torch.cat(parts, dim=1)


def pooled_arrays(
    Z: Float32[NDArray[np.float32], "N V d"], mask: Bool[NDArray[np.bool_], "N V"], pooling: str
) -> Float32[NDArray[np.float32], "N pools"]:
    """What :func:`pooled` computes, for vectors that are kept.

    Apart from it because NumPy and PyTorch add in different orders: vectors of encoders
    that are there already keep their last bits.

    Args:
        Z: (N, V, d), zero at padded vertices.
        mask: (N, V), true where there is a vertex.
        pooling: comma-separated names of pools.
    """
    parts = []
    for name in pools_of(pooling):
        if name == "sum":
            parts.append(Z.sum(axis=1))
        elif name == "mean":
            parts.append((Z.sum(axis=1) / mask.sum(axis=1, keepdims=True)).astype(np.float32))
        else:
            extreme, none = (np.max, -np.inf) if name == "max" else (np.min, np.inf)
            parts.append(extreme(np.where(mask[:, :, None], Z, np.float32(none)), axis=1))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
