"""What networks cost, by the formulas of the spaces whose cells they repeat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class NetworkCost:
    """What N networks cost.

    Attributes:
        parameters: (N,) int64, trainable numbers.
        macs: (N,) int64, multiply-adds of convolutions and the linear layer for one image.
    """

    parameters: NDArray[np.int64]
    macs: NDArray[np.int64]

    def logarithms(self) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """(N, 2) their natural logarithms, and the names of the two columns."""
        both = np.log(np.stack([self.parameters, self.macs], axis=1).astype(np.float64))
        return both.astype(np.float32), ("log parameters", "log multiply-adds")
