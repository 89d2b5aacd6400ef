"""A random forest as surrogate: the mean over its trees, and how much they differ.

It has no closed form: what is observed after it was fitted counts from the next
fit on, and believing in a prediction changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.surrogates.base import Array, Belief, Forecast, Learned, Seed, Surrogate, checked

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor


@dataclass(frozen=True)
class Forest(Surrogate):
    """The surrogate's settings: scikit-learn's, at their defaults besides.

    Attributes:
        trees: how many.
        least: targets in a leaf at least.
    """

    trees: int = 50
    least: int = 1

    def __post_init__(self) -> None:
        if self.trees < 1 or self.least < 1:
            raise InputError(f"a forest needs at least 1 tree and 1 target a leaf, got {self.trees} and {self.least}")

    @override
    def learn(self, features: Array, targets: Array, seeds: Sequence[Seed]) -> list[Learned]:
        from sklearn.ensemble import RandomForestRegressor

        features, targets = checked(features, targets, seeds)
        learned: list[Learned] = []
        for x, y, seed in zip(features, targets, seeds, strict=True):
            state = int(np.random.SeedSequence(seed).generate_state(1)[0])
            forest = RandomForestRegressor(self.trees, min_samples_leaf=self.least, random_state=state, n_jobs=1)
            learned.append(LearnedForest(forest.fit(x.astype(np.float32), y)))
        return learned


@dataclass(frozen=True, eq=False)
class LearnedForest(Learned):
    """One run's forest."""

    forest: RandomForestRegressor

    @override
    def belief(self, points: Array, observed: Array) -> ForestBelief:
        mean, std = self.predict(points)
        return ForestBelief(self, mean, std)

    def predict(self, points: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean (N,) and standard deviation (N,) of the trees' predictions at points (N, d)."""
        points = np.ascontiguousarray(points, dtype=np.float32)
        trees = [tree.tree_.predict(points)[:, 0] for tree in self.forest.estimators_]
        return np.mean(trees, axis=0), np.std(trees, axis=0)


@dataclass(eq=False)
class ForestBelief(Belief):
    """Predictions at N points."""

    learned: LearnedForest
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @override
    def observe(self, observed: Array) -> None:
        """Nothing: the forest takes it in at its next fit."""

    @override
    def extend(self, points: Array) -> None:
        mean, spread = self.learned.predict(points)
        self.mean, self.spread = np.concatenate([self.mean, mean]), np.concatenate([self.spread, spread])

    @override
    def forecast(self, targets: NDArray[np.float64]) -> ForestForecast:
        return ForestForecast(self)


class ForestForecast(Forecast):
    """The forest's predictions, whatever the targets are by now."""

    def __init__(self, belief: ForestBelief) -> None:
        self._belief = belief
        self.mean = belief.mean.astype(np.float32)

    @property
    @override
    def std(self) -> NDArray[np.float32]:
        return self._belief.spread.astype(np.float32)

    @override
    def extend(self) -> None:
        self.mean = self._belief.mean.astype(np.float32)

    @override
    def believe(self, points: Array) -> NDArray[np.float64]:
        return self._belief.learned.predict(points)[0]
