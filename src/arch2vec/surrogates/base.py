"""What a surrogate is to a search: something learned now and then, and a belief kept up at every observation.

What is expensive, a network or hyper-parameters, is *learned* from all
observations at some rounds of a search. Every observation since is taken in
exactly and in closed form, at the price of one pass over the points that the
search chooses among. The three objects are

- :class:`Surrogate`: settings; learns from many runs at once;
- :class:`Learned`: what was learned for one run;
- :class:`Belief`: what that run, having observed the function at some points,
  believes of others.

The function's scale is not learned: it follows in closed form from the targets
at every forecast, as does their mean. Targets may therefore change from one
round to the next, as ranks do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError

Array = NDArray[np.floating]
Seed = int | Sequence[int]


class Surrogate(ABC):
    """Settings of a model of regression with uncertainty; hashable, and equal if they learn the same."""

    @abstractmethod
    def learn(self, features: Array, targets: Array, seeds: Sequence[Seed]) -> list[Learned]:
        """Learn from the data of R runs, each on its own.

        Args:
            features: (R, n, d).
            targets: (R, n), in any unit.
            seeds: R of them. A run's result follows from its data and its seed.

        Raises:
            InputError: shapes that do not fit, or a number that is not finite.
        """


class Learned(ABC):
    """What was learned for one run: enough to believe, once points are observed."""

    @abstractmethod
    def belief(self, points: Array, observed: Array) -> Belief:
        """What the function is believed to be at N points, once observed at n others.

        Args:
            points: (N, d) float32.
            observed: (n, d) the points at which the function was observed.
        """


class Belief(ABC):
    """What one run believes of N points, having observed the function at n others."""

    @abstractmethod
    def observe(self, observed: Array) -> None:
        """Take in that it is observed at q more points (q, d). Their values come with :meth:`forecast`."""

    @abstractmethod
    def extend(self, points: Array) -> None:
        """Be about M more points (M, d) as well, after the N that it is about."""

    @abstractmethod
    def forecast(self, targets: NDArray[np.float64]) -> Forecast:
        """What is believed of the N points.

        Args:
            targets: (n,) the values at all observed points, in the order observed.
        """


class Forecast(ABC):
    """Means and standard deviations of the noise-free function at N points, in the targets' unit.

    Valid until the belief that it came from observes more. Where that is extended,
    :meth:`extend` has to follow.

    Attributes:
        mean: (N,) float32.
    """

    mean: NDArray[np.float32]

    @property
    @abstractmethod
    def std(self) -> NDArray[np.float32]:
        """(N,)."""

    @abstractmethod
    def extend(self) -> None:
        """Be about the points as well that the belief was extended by. Not after :meth:`believe`."""

    @abstractmethod
    def believe(self, points: Array) -> NDArray[np.float64]:
        """Condition on the forecast's own means at q more points (q, d): no mean moves, uncertainty shrinks.

        Returns:
            (q,) these means.
        """


def checked(features: Array, targets: Array, seeds: Sequence[Seed]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The data of R runs in double precision.

    Raises:
        InputError: shapes that do not fit, or a number that is not finite.
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    if x.ndim != 3 or y.shape != x.shape[:2] or len(seeds) != len(y) or not y.size:
        raise InputError(
            "a surrogate needs features (R, n, d), targets (R, n) and R seeds with R, n >= 1, "
            f"got {x.shape}, {y.shape} and {len(seeds)}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("a surrogate's features and targets must be finite")
    return x, y


@dataclass(frozen=True, eq=False)
class Scale:
    """Standardisation along axis 1: centre and spread, each (R, 1, ...).

    What does not vary is only centred.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, values: Array) -> Scale:
        """Of values (R, n, ...)."""
        centre = values.mean(axis=1, keepdims=True)
        spread = values.std(axis=1, keepdims=True)
        # Equal values can differ from their mean by rounding.
        constant = spread <= 1e-12 * np.abs(values).max(axis=1, keepdims=True)
        return cls(centre, np.where(constant, 1.0, spread))

    def standardise(self, values: Array) -> NDArray[np.float64]:
        """Values (R, n, ...) with mean 0 and standard deviation 1."""
        return (values - self.centre) / self.spread

    def restore(self, values: Array) -> NDArray[np.float64]:
        """The inverse of :meth:`standardise`."""
        return values * self.spread + self.centre
