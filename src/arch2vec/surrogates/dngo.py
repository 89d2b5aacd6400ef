"""Deep networks for global optimisation (Snoek et al., ICML 2015): regression with uncertainty.

A network with tanh layers is trained on the targets; its last hidden layer,
and a constant, are the basis functions of a Bayesian linear regression. The
cost is linear in the number of predictions and cubic only in the width of the
basis, so a whole search space is scored in a fraction of a second.

Everything is batched over R independent runs with as many targets each; a
single one is R = 1. Networks compute in single precision, regressions in double,
and both in one thread: the matrices are too small for more to be faster, and so
no sum depends on how many cores there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.common.devices import CPU
from arch2vec.common.threads import thread_count
from arch2vec.errors import InputError
from arch2vec.surrogates.base import Array, Learned, Scale, Seed, checked
from arch2vec.surrogates.basis_network import BasisNetwork, BasisTraining
from arch2vec.surrogates.bayesian_linear import BayesianLinear
from arch2vec.surrogates.linear_belief import LinearBelief
from arch2vec.surrogates.pooled import PooledSurrogate
from arch2vec.surrogates.pooled_linear import PooledLinear

_TOGETHER = 16  # networks trained in one product: more, and their activations leave the cache
_ROWS = 1024  # points predicted at a time: their activations stay in the cache


@dataclass(frozen=True)
class DNGO(PooledSurrogate):
    """The surrogate's settings. It holds no data: :meth:`fit` returns what was learned."""

    training: BasisTraining = field(default_factory=BasisTraining)

    @override
    def learn_on(
        self, device: torch.device, features: Array, targets: Array, seeds: Sequence[Seed]
    ) -> Sequence[LearnedBasis]:
        features, targets = checked(features, targets, seeds)
        learned: list[LearnedBasis] = []
        together = _TOGETHER if device.type == "cpu" else len(seeds)
        for start in range(0, len(seeds), together):
            part = slice(start, start + together)
            posterior = self.fit(features[part], targets[part], seeds[part], device)
            learned += [LearnedBasis(posterior, run) for run in range(len(posterior.linear.mean))]
        return learned

    @override
    def pooled(
        self, learned: Sequence[Learned], observed: Array, targets: NDArray[np.float64], device: torch.device
    ) -> PooledLinear:
        own = [one for one in learned if isinstance(one, LearnedBasis)]
        return PooledLinear(_together(own), [one.ratio for one in own], observed, targets, device)

    def fit(self, features: Array, targets: Array, seeds: Sequence[Seed], device: torch.device = CPU) -> DNGOPosterior:
        """Learn from the data of R runs, each on its own.

        Args:
            features: (R, n, d).
            targets: (R, n), in any unit.
            seeds: R of them. A run's result follows from its data and its seed.
            device: where to learn, and where what was learned stays.

        Raises:
            InputError: shapes that do not fit, or a number that is not finite.
        """
        features, targets = checked(features, targets, seeds)
        inputs, outputs = Scale.of(features), Scale.of(targets)
        x = torch.from_numpy(inputs.standardise(features).astype(np.float32)).to(device)
        y = torch.from_numpy(outputs.standardise(targets)).to(device)
        with thread_count(1):
            network = BasisNetwork(features.shape[2], self.training, seeds, device)
            network.fit(x, y.float())
            basis = torch.stack([network.basis(run, rows) for run, rows in enumerate(x)])
            linear = BayesianLinear.fit(basis.double(), y)
        return DNGOPosterior(network, linear, inputs, outputs)


@dataclass(frozen=True, eq=False)
class DNGOPosterior:
    """What R fitted surrogates believe.

    Attributes:
        network: the trained basis networks.
        linear: the regressions on their last hidden layers, in standardised units.
        inputs: the standardisation of the features.
        outputs: the standardisation of the targets.
    """

    network: BasisNetwork
    linear: BayesianLinear
    inputs: Scale
    outputs: Scale

    def predict(self, points: Array, *, noise: bool = False) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predictive means and standard deviations, in the targets' units.

        Args:
            points: (N, d), the same for all runs, or (R, N, d).
            noise: whether the standard deviation is that of another noisy
                observation, or (default) of the function without its noise, which
                is what an acquisition function asks for.

        Returns:
            Mean (R, N) and standard deviation (R, N).

        Raises:
            InputError: the points have another shape.
        """
        pool = self._pool(points)
        runs, n, _ = pool.shape
        mean, variance = np.empty((runs, n)), np.empty((runs, n))
        with thread_count(1):
            for run in range(runs):
                linear = self.linear.run(run)
                for start in range(0, n, _ROWS):
                    rows = slice(start, start + _ROWS)
                    m, v = linear.predict(self._basis(run, pool[run, rows]).unsqueeze(0))
                    mean[run, rows], variance[run, rows] = m[0].cpu().numpy(), v[0].cpu().numpy()
        if noise:
            variance += 1 / self.linear.beta.cpu().numpy()[:, None]
        return self.outputs.restore(mean), np.sqrt(variance) * self.outputs.spread

    def condition(self, points: Array) -> DNGOPosterior:
        """What they would believe after seeing their own predictions come true at q more points.

        Means stay, uncertainty shrinks around the points; nothing is trained.

        Args:
            points: (R, q, d).
        """
        pool = self._pool(points)
        with thread_count(1):
            basis = torch.stack([self._basis(run, rows) for run, rows in enumerate(pool)])
            return replace(self, linear=self.linear.condition(basis.double()))

    def _basis(self, run: int, points: Array) -> torch.Tensor:
        standardised = (points - self.inputs.centre[run]) / self.inputs.spread[run]
        place = self.network.parameters.device
        return self.network.basis(run, torch.from_numpy(standardised.astype(np.float32)).to(place))

    @cached_property
    def ratios(self) -> NDArray[np.float64]:
        """(R,) each run's noise's variance relative to that of a weight's prior."""
        found: NDArray[np.float64] = (self.linear.alpha / self.linear.beta).cpu().numpy()
        return found

    def _pool(self, points: Array) -> Array:
        """The points as (R, N, d), a view."""
        runs, d = len(self.linear.mean), self.inputs.centre.shape[2]
        points = np.asarray(points)
        if points.ndim == 2:
            points = np.broadcast_to(points, (runs, *points.shape))
        if points.ndim != 3 or points.shape[0] != runs or points.shape[2] != d:
            raise InputError(f"points to predict have shape (N, {d}) or ({runs}, N, {d}), got {points.shape}")
        return points


@dataclass(frozen=True, eq=False)
class LearnedBasis(Learned):
    """One run's basis functions, and the ratio of its noise's to its weights' variance.

    Attributes:
        posterior: of several runs.
        run: which of them.
    """

    posterior: DNGOPosterior
    run: int

    @override
    def belief(self, points: Array, observed: Array) -> LinearBelief:
        return LinearBelief(self._basis, self.ratio, points, observed)

    @property
    def ratio(self) -> float:
        """The noise's variance relative to that of a weight's prior."""
        return float(self.posterior.ratios[self.run])

    def _basis(self, points: Array) -> torch.Tensor:
        """(N, m) on the processor."""
        chunks = [points[start : start + _ROWS] for start in range(0, len(points), _ROWS)]
        return torch.cat([self.posterior._basis(self.run, chunk) for chunk in chunks]).cpu()


def _together(learned: Sequence[LearnedBasis]) -> Callable[[torch.Tensor], torch.Tensor]:
    """What maps points, (N, d) of all runs or (R, N, d), to the basis functions (R, N, m) of each run."""
    posteriors = list({id(one.posterior): one.posterior for one in learned}.values())
    device = posteriors[0].network.parameters.device
    parts = []
    for posterior in posteriors:
        places = [place for place, one in enumerate(learned) if one.posterior is posterior]
        runs = [learned[place].run for place in places]
        scale = [
            torch.from_numpy(values[runs]).float().to(device)
            for values in (posterior.inputs.centre, posterior.inputs.spread)
        ]
        parts.append((posterior.network, torch.tensor(places, device=device), torch.tensor(runs, device=device), scale))

    def bases(points: torch.Tensor) -> torch.Tensor:
        points, home = points.to(device), points.device
        found: list[tuple[torch.Tensor, torch.Tensor]] = []
        for network, places, runs, (centre, spread) in parts:
            own = points if points.ndim == 2 else points[places]
            found.append((places, network.bases(runs, (own - centre) / spread)))
        if len(found) == 1:
            return found[0][1].to(home)
        result = found[0][1].new_empty(len(learned), *found[0][1].shape[1:])
        for places, values in found:
            result[places] = values
        return result.to(home)

    return bases
