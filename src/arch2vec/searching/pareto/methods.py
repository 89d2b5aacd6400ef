"""The multi-objective methods that need no other library: random search, EHVI and ParEGO."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import ndtri
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.searching.pareto.base import ParetoSearch
from arch2vec.searching.pareto.criteria import Array, Criterion
from arch2vec.searching.pareto.ehvi import expected_hypervolume_improvement
from arch2vec.searching.pareto.libraries import library
from arch2vec.searching.pareto.modelled import ModelledSearch


class RandomParetoSearch(ParetoSearch):
    """Every proposal is uniform over the architectures that are left. It does not use what is known."""

    name: ClassVar[str] = "random"

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[int]]:
        return [method.draw(n) for method in methods]


class EHVI(ModelledSearch):
    """Expected hypervolume improvement over all architectures, exact; settings as for :class:`ModelledSearch`.

    The hypervolume is that on the models' scale, on which an accuracy's worth is relative to its error.
    """

    name: ClassVar[str] = "ehvi"

    def __init__(self, embedding: Embedding, criteria: Sequence[Criterion], *, seed: int, **settings: Any) -> None:
        super().__init__(embedding, criteria, seed=seed, **settings)
        if len(self.criteria) > 2:
            library("botorch", "method ehvi with three or more criteria")  # before anything is evaluated

    @override
    def _worth(self, mean: Array, std: Array, seen: Array, reference: Array, ideal: Array) -> Array:
        worth = expected_hypervolume_improvement(mean, std, seen, reference)
        if worth.max() > 0:
            return worth
        return -_weighted_loss(mean, reference, ideal, np.full(len(ideal), 1 / len(ideal)))


class ParEGO(ModelledSearch):
    """Expected improvement of a scalarisation with random weights (Knowles, IEEE TEC 2006).

    Each proposal draws weights w, uniform on the simplex. With the losses l_j = (ideal_j -
    g_j) / (ideal_j - reference_j), the scalarisation to be minimised is the augmented
    Tchebycheff norm max_j w_j l_j + 0.05 sum_j w_j l_j. Unlike the original, which fits
    one process to the scalarised values, each criterion keeps its own process, so that
    known criteria can be used; the expectation is the mean over 64 fixed quasi-random
    points, taken for the 512 architectures that would be best one standard deviation
    above their means. Settings as for :class:`ModelledSearch`.
    """

    name: ClassVar[str] = "parego"

    @override
    def _worth(self, mean: Array, std: Array, seen: Array, reference: Array, ideal: Array) -> Array:
        weights = self._rng.dirichlet(np.ones(len(ideal)))
        best = float(_weighted_loss(seen, reference, ideal, weights).min())
        hopeful = np.argsort(_weighted_loss(mean + std, reference, ideal, weights), kind="stable")[:_HOPEFUL]
        total = np.zeros(len(hopeful))
        for point in _normal_points(len(ideal)):
            losses = _weighted_loss(mean[hopeful] + std[hopeful] * point, reference, ideal, weights)
            total += np.maximum(best - losses, 0.0)
        if not total.max() > 0:
            return -_weighted_loss(mean, reference, ideal, weights)
        worth = np.full(len(mean), -1.0)
        worth[hopeful] = total
        return worth


def _weighted_loss(points: Array, reference: Array, ideal: Array, weights: Array) -> Array:
    """(n,) the augmented Tchebycheff norm of losses of points (n, m)."""
    losses = weights * ((ideal - points) / np.maximum(ideal - reference, 1e-300))
    return np.asarray(losses.max(axis=1) + _AUGMENTATION * losses.sum(axis=1))


_AUGMENTATION = 0.05
_POINTS, _HOPEFUL = 64, 512


@cache
def _normal_points(m: int) -> Array:
    """(64, m) quasi-random standard normal points, always the same."""
    from scipy.stats import qmc

    points: Array = ndtri(qmc.Sobol(m, scramble=False).random(_POINTS) + 0.5 / _POINTS)
    points.setflags(write=False)
    return points
