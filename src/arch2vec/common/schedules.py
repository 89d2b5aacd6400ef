"""How learning rates and weights go up and down, for networks and autoencoders alike."""

from __future__ import annotations

import math


def cosine(learning_rate: float, step: float, steps: float) -> float:
    """The rate of a step, counted from 0: from ``learning_rate`` down to none (Loshchilov and Hutter, ICLR 2017)."""
    return learning_rate * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def risen(done: float, share: float) -> float:
    """How far something has risen, along a line from 0 to 1, that is to be all there after a share of the way.

    Args:
        done: the part of the way that lies behind, 0 to 1.
        share: the part of the way that the rise takes; 0 for none.
    """
    return 1.0 if done >= share else done / share
