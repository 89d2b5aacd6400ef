"""The shapes that a Gaussian process's covariance can have."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

Kernel = Literal["matern52", "rbf"]


def correlation(distances: Tensor, kernel: Kernel) -> Tensor:
    """The correlation k at distances r / l of any shape."""
    if kernel == "rbf":
        return distances.square().mul_(-0.5).exp_()
    u = distances * math.sqrt(5)
    return (1 + u + u.square() / 3).mul_((-u).exp_())
