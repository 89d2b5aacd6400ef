"""How a learning rate goes down, for networks and autoencoders alike."""

from __future__ import annotations

import math


def cosine(learning_rate: float, step: float, steps: float) -> float:
    """The rate of a step, counted from 0: from ``learning_rate`` down to none (Loshchilov and Hutter, ICLR 2017)."""
    return learning_rate * (0.5 + 0.5 * math.cos(math.pi * step / steps))
