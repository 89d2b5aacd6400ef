"""What many searches believe of one pool, worked out together on a device.

A :class:`~arch2vec.surrogates.base.Belief` is one search's: it is kept up observation by observation,
which is what a processor does best. A GPU does best what is large and alike, so here the beliefs of R
searches with as many observations each are formed anew in every round, and what they say of a part of the
pool is worked out in a few batched products. Nothing is kept from round to round: memory is that of
one part of the pool, however many searches there are and however long they have run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from arch2vec.common.devices import CPU
from arch2vec.surrogates.base import Array, Learned, Seed, Surrogate


class PooledSurrogate(Surrogate):
    """A surrogate that can also compute on a device, for many searches at once."""

    @override
    def learn(self, features: Array, targets: Array, seeds: Sequence[Seed]) -> list[Learned]:
        return list(self.learn_on(CPU, features, targets, seeds))

    @abstractmethod
    def learn_on(
        self, device: torch.device, features: Array, targets: Array, seeds: Sequence[Seed]
    ) -> Sequence[Learned]:
        """:meth:`learn`, computed on ``device``."""

    @abstractmethod
    def pooled(
        self, learned: Sequence[Learned], observed: Array, targets: NDArray[np.float64], device: torch.device
    ) -> PooledForecast:
        """What R searches believe of any points.

        Args:
            learned: R of them, of this surrogate.
            observed: (R, n, d) the points that each has observed the function at.
            targets: (R, n) the values there.
            device: where to compute.
        """


class PooledForecast(ABC):
    """Means and standard deviations of R noise-free functions, in the targets' units.

    Attributes:
        entries: numbers that a forecast about one point makes for all searches together: what memory
            is planned by.
    """

    entries: int

    @abstractmethod
    def of(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations, each (R, N) float32, at N points (N, d) float32 on the device."""

    @abstractmethod
    def believe(self, points: Array) -> tuple[PooledForecast, NDArray[np.float64]]:
        """The forecast once each search's own means at q more points (R, q, d) have come true.

        Returns:
            The forecast, whose means are the same, and these means (R, q).
        """
