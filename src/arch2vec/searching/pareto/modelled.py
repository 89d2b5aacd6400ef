"""Multi-objective searches that model the criteria: random architectures first, then the best by an acquisition.

Each round the criteria's Gaussian processes predict all architectures that are
left (of a large embedding a sample and the surroundings of the front, see
:mod:`arch2vec.searching.pool`), and the one of highest worth is proposed. For a batch, or with
evaluations under way, the models are conditioned on their own predictions
of these, which also join the front that is to be improved on.

The worth of a prediction depends on where gains begin to count. That *reference
point* is found anew each round from what the models predict. For an accuracy it is
the worst of the front of all predicted and observed architectures, and a tenth of
that front's range more: counted from chance, the cheap end of the front would be
nearly all that counts. For other criteria it is the worst of all architectures: counted from the
front found so far, what lies beyond its costly end would count nothing. On
NAS-Bench-201 (accuracy after 12 epochs against known parameters, 10 seeds) 25 / 50 / 100
evaluations reach 86 / 94 / 97 % of the hypervolume; with the accuracy's rule for both
criteria it is 73 / 89 / 96 %.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.beliefs import Look, learning_size, read_looks
from arch2vec.searching.pareto.base import ParetoSearch
from arch2vec.searching.pareto.criteria import Array, Criterion
from arch2vec.searching.pareto.fronts import non_dominated
from arch2vec.searching.pareto.models import CriteriaForecast, CriteriaModels, on_model_scale
from arch2vec.searching.pool import Rows, Sampled, gather, pool_for, sampled

if TYPE_CHECKING:
    from arch2vec.surrogates.base import Surrogate

_SHORT_LIST = 256  # rows of a sampled pool that a batch is chosen from
_MARGIN = 0.1


class ModelledSearch(ParetoSearch):
    """Gaussian processes and an acquisition; subclasses say which.

    Args:
        embedding: the architectures to choose from, and their vectors.
        criteria: what they are judged by.
        seed: of all random choices.
        known: as for :class:`ParetoSearch`.
        initial: random architectures before the first model; failures do not count.
        surrogate: of each criterion; None for a Gaussian process with its default settings.
        growth: how many times as many observations there are when hyper-parameters are learned again.
        pool: the architectures looked at in a round, as for :func:`arch2vec.searching.pool.pool_for`.
    """

    def __init__(
        self,
        embedding: Embedding,
        criteria: Sequence[Criterion],
        *,
        seed: int,
        known: ArrayLike | None = None,
        initial: int = 8,
        surrogate: Surrogate | None = None,
        growth: float = 1.25,
        pool: int | Sampled | None = None,
    ) -> None:
        super().__init__(embedding, criteria, seed=seed, known=known)
        if initial < 2:
            raise InputError(f"a first model needs at least 2 initial architectures, got {initial}")
        if not growth >= 1:
            raise InputError(f"growth must be at least 1, got {growth}")
        if surrogate is None:
            from arch2vec.surrogates.gaussian_process import GaussianProcess

            surrogate = GaussianProcess()
        self.initial, self.growth, self.surrogate = initial, growth, surrogate
        self.pool = pool_for(embedding, pool)
        self._known = on_model_scale(self._known, self.criteria)
        self._looked: list[tuple[int, list[Look]] | None] | None = None  # of a state that is being loaded
        self._forget()

    @override
    def _forget(self) -> None:
        self._models = CriteriaModels(
            self.embedding, self.criteria, self._known, self.surrogate, self.initial, self.growth
        )
        looked, self._looked = self._looked, None
        if looked is not None:
            self._models.begin_from(looked)

    @override
    def _own_state(self) -> dict[str, Any]:
        return {**super()._own_state(), "looked": self._models.looked}

    @override
    def _read_own_state(self, state: Mapping[str, Any]) -> Any:
        looked: list[tuple[int, list[Look]] | None] | None = None
        if "looked" in state:  # states from before do not say
            count = len(self.embedding)
            told = len(state["told"])
            looked = [
                None if one is None else (int(one[0]), read_looks(one[1], count, True, told)) for one in state["looked"]
            ]
            if len(looked) != len(self._models.looked):
                raise ValueError("not as many models as criteria")
        return super()._read_own_state(state), looked

    @override
    def _take_own_state(self, own: Any) -> None:
        told, self._looked = own
        super()._take_own_state(told)

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[int]]:
        return [method.next_proposals(n) for method in methods]

    @abstractmethod
    def _worth(self, mean: Array, std: Array, seen: Array, reference: Array, ideal: Array) -> Array:
        """(N,) what predictions are worth, more is better.

        Args:
            mean: (N, m) on the models' scale.
            std: (N, m), 0 for what is known.
            seen: (n, m) observed, or believed of what is under way.
            reference: (m,) where gains begin to count.
            ideal: (m,) the best of the predicted front by each criterion.
        """

    def next_proposals(self, n: int) -> list[int]:
        """The next ``n`` rows to evaluate."""
        observed, told = self.observations()
        pending = [candidate.index for candidate in self.pending]
        missing = n if len(observed) < 2 else max(0, self.initial - len(observed) - len(pending))
        rows = self.draw(min(n, missing))
        if len(rows) < n:
            self._fill(rows, n, pending, observed, on_model_scale(told, self.criteria))
        return rows

    def _fill(self, rows: list[int], n: int, pending: list[int], observed: list[int], seen: Array) -> None:
        """Bring proposals to ``n`` rows."""
        scope = self._scope(rows, n - len(rows), observed, seen)
        forecast = self._models.forecast(scope, observed, seen)
        believed = [*pending, *rows]
        while True:
            if believed:
                seen = np.concatenate([seen, forecast.believe(believed)])
            places = np.flatnonzero(self._free(scope, rows))
            rows.append(int(scope[places[np.argmax(self._score(forecast, scope, places, seen))]]))
            if len(rows) == n:
                return
            believed = rows[-1:]

    def _score(self, forecast: CriteriaForecast, scope: Rows, places: Rows, seen: Array) -> Array:
        mean, std = forecast.predictions(scope, places)
        everything = np.concatenate([seen, mean])
        front = everything[non_dominated(everything)]
        ideal, nadir = front.max(axis=0), front.min(axis=0)
        accuracy = [criterion.accuracy for criterion in self.criteria]
        reference = np.where(accuracy, nadir - _MARGIN * (ideal - nadir), everything.min(axis=0))
        return self._worth(mean, std, seen, reference, ideal)

    def _free(self, rows: Rows, taken: Sequence[int]) -> NDArray[np.bool_]:
        return ~self._covered[rows] & ~np.isin(rows, taken)

    def _scope(self, taken: Sequence[int], n: int, observed: list[int], seen: Array) -> Rows:
        """The rows to choose ``n`` from."""
        if self.pool is None:
            return np.arange(len(self.embedding))

        def free(rows: Rows) -> NDArray[np.bool_]:
            return self._free(rows, taken)

        def score(rows: Rows) -> Array:
            forecast = self._models.forecast(rows, observed, seen)
            return self._score(forecast, rows, np.arange(len(rows)), seen)

        best = [observed[place] for place in np.flatnonzero(non_dominated(seen)).tolist()]
        learned_from = learning_size(len(observed), self.initial, self.growth)
        sample = sampled(self.embedding, self.pool, (self.seed, learned_from))
        rows, _ = gather(self.embedding, self.pool, best, free, score, _SHORT_LIST + n, sample)
        return rows if len(rows) >= n else self.uncovered(taken)
