"""The settings of searches by a policy in the latent space, and what their steps are worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from arch2vec.errors import InputError, unknown

_SCALINGS = ("embedding", "centred", "unit")


@dataclass(frozen=True)
class RLConfig:
    """Settings of the search. Equal ones are equal objects.

    Attributes:
        hidden: units of the LSTM.
        learning_rate: of Adam.
        steps: of an episode.
        scaling: what the policy's coordinates are, see :class:`arch2vec.searching.latent_map.LatentMap`.
        sigma: the policy's standard deviation in these coordinates.
        rewards: normal scores of the ``ranks`` among all values told so far, or the ``values`` in percent.
        discount: of later rewards in a step's return; 0 for the step's own reward alone, as in the release.
        baseline: subtracted from returns: the mean of the episode's others
            (``leave-one-out``) or a constant in the rewards' unit.
        skip_nearest: whether the nearest architecture is passed over for the next one.
        pay_initial: whether the random architecture that the walk starts from is evaluated.
    """

    hidden: int = 128
    learning_rate: float = 0.01
    steps: int = 16
    scaling: Literal["embedding", "centred", "unit"] = "embedding"
    sigma: float = 2.0
    rewards: Literal["ranks", "values"] = "ranks"
    discount: float = 0.0
    baseline: float | Literal["leave-one-out"] = "leave-one-out"
    skip_nearest: bool = False
    pay_initial: bool = True

    def __post_init__(self) -> None:
        for name in ("hidden", "steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "sigma"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        if self.scaling not in _SCALINGS:
            raise unknown("scaling", self.scaling, _SCALINGS)
        if self.rewards not in ("ranks", "values"):
            raise unknown("kind of reward", self.rewards, ("ranks", "values"))
        if not 0 <= self.discount <= 1:
            raise InputError(f"discount must be between 0 and 1, got {self.discount}")
        if isinstance(self.baseline, str) and self.baseline != "leave-one-out":
            raise unknown("baseline", self.baseline, ("leave-one-out", "a number"))

    @classmethod
    def release(cls, space: str) -> RLConfig:
        """As in the paper's public release, for comparison: see the module's documentation for what that costs."""
        baseline = 40.0 if space == "nasbench201" else 95.0
        return cls(scaling="unit", sigma=1.0, rewards="values", baseline=baseline, skip_nearest=True, pay_initial=False)


@dataclass(frozen=True)
class SupervisedRLConfig:
    """Settings of the search.

    Attributes:
        policy: of the policy.
        hidden: width of the encoder's graph isomorphism layers.
        layers: how many there are.
        latent: dimensions of an architecture's vector.
        encoder_rate: the learning rate of the encoder, by Adam.
        pool: architectures embedded an episode, at most.
    """

    policy: RLConfig = field(default_factory=lambda: RLConfig(scaling="unit", sigma=1.0))
    hidden: int = 64
    layers: int = 4
    latent: int = 16
    encoder_rate: float = 1e-3
    pool: int = 2000

    def __post_init__(self) -> None:
        for name in ("hidden", "layers", "latent", "pool"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.encoder_rate > 0:
            raise InputError(f"encoder_rate must be positive, got {self.encoder_rate}")


def scores_among(values: NDArray[np.float64], told: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal quantiles of the ranks that values have among those told, to which they belong; NaN stays."""
    ordered = np.sort(told)
    below, up_to = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    # Equal values share their mean rank, (below + 1 + up_to) / 2.
    shares = (below + up_to) / (2 * max(1, len(ordered)))
    return np.where(np.isnan(values), np.nan, ndtri(np.where(np.isnan(values), 0.5, shares)))


def advantages(
    rewards: NDArray[np.float64], discount: float, baseline: float | Literal["leave-one-out"]
) -> NDArray[np.float64]:
    """What the steps of an episode are worth more than expected.

    A step's return is its reward plus ``discount`` times the return of the next
    step. Failed steps, whose reward is NaN, are passed over and have advantage 0.

    Args:
        rewards: (T,) the values of an episode's steps.
        discount: between 0 and 1.
        baseline: a constant, or for each step the mean return of the others; a
            single step then has advantage 0.

    Returns:
        (T,).
    """
    known = ~np.isnan(rewards)
    returns = rewards[known]
    for step in range(len(returns) - 2, -1, -1):
        returns[step] += discount * returns[step + 1]
    n = len(returns)
    result = np.zeros_like(rewards)
    if baseline != "leave-one-out":
        result[known] = returns - baseline
    elif n > 1:
        result[known] = (returns - returns.mean()) * n / (n - 1)
    return result
