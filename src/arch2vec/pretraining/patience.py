"""When a pre-training is good enough to stop, and what to say when it is not.

Small spaces have few steps an epoch, and large cells much to tell apart: the paper's number of epochs, meant for
hundreds of thousands of small cells, can leave a decoder that hardly gets a whole cell right. What a search is worth
depends on it less than one would think, as vectors are made by the encoder; drawing and interpolating do fully.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GOOD = 0.9
"""The share of held-out architectures, decoded right as a whole, from which on reconstruction is good."""

PATIENCE = 10
"""Epochs without a better reconstruction after which there are no further ones."""

FURTHER = 90
"""Further epochs by default where nobody asked for a number."""

STEPS = 10_000
"""Steps after which there are no further epochs: large spaces have made more in the epochs they are given."""


def within_steps(epochs: int, further: int, steps: int) -> int:
    """How many of the further epochs there can be, given the steps of an epoch."""
    return max(0, min(further, STEPS // max(1, steps) - epochs))


def goes_on(history: Sequence[Mapping[str, Any]], epochs: int, further: int) -> bool:
    """Whether there is another epoch after those of the history.

    Args:
        history: a record an epoch, with the reconstruction measured after it.
        epochs: that are made in any case.
        further: that may follow.
    """
    done = len(history)
    if done < epochs:
        return True
    if done >= epochs + further or is_good(history[-1]):
        return False
    worth = [_worth(record) for record in history]
    return done - 1 - worth.index(max(worth)) < PATIENCE


def is_good(record: Mapping[str, Any]) -> bool:
    """Whether what was measured after an epoch is good."""
    return float(record["reconstruction"]["graphs"]) >= GOOD


def _worth(record: Mapping[str, Any]) -> tuple[float, float]:
    measured = record["reconstruction"]
    return float(measured["graphs"]), float(measured["operations"]) + float(measured["edges"])


def advice(measured: Mapping[str, Any], epochs: int | None, sampled: bool) -> str | None:
    """One line on a reconstruction that is not good, and what to do about it; None where it is good.

    Args:
        measured: a record with the reconstruction.
        epochs: that it has taken, None where they are not known.
        sampled: whether a sample was learned from.
    """
    if is_good(measured):
        return None
    found = measured["reconstruction"]
    more = "more epochs (--epochs in the same folder goes on)"
    if epochs is not None:
        more = f"more epochs (the same command with --epochs {max(2 * epochs, epochs + 10)} goes on from here)"
    ways = [more, *(["a larger --sample"] if sampled else []), "--latent 32"]
    return (
        f"reconstruction is not good: of {found['graphs']:.0%} of the held-out architectures every operation and every "
        f"edge is decoded right ({found['operations']:.0%} of operations, {found['edges']:.0%} of edges); "
        f"{', '.join(ways[:-1])} or {ways[-1]} may help; a search needs none of it (arch2vec search SPACE)"
    )
