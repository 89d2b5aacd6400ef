"""Gaussian processes of criteria over an embedding, one a criterion, kept up as observations come in.

An accuracy belongs to the function: it is modelled over the mean vectors of the
architectures that compute it, as in single-objective search
(:mod:`arch2vec.searching.vectors`), and on the scale -log(100.5 % - accuracy), on
which failures near chance do not drown what tells good from best. Any other
criterion belongs to the form and is modelled as it is over the architectures' own
vectors. Hyper-parameters are learned whenever there are ``growth`` times as many
observations as the last time; in between the posterior takes every observation in
exactly. A known criterion is its own forecast, without uncertainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.searching.beliefs import Look, PoolBelief, RowsForecast, learning_size
from arch2vec.searching.pareto.criteria import Array, Criterion
from arch2vec.searching.pool import Rows
from arch2vec.searching.vectors import function_vectors

if TYPE_CHECKING:
    from arch2vec.surrogates.base import Surrogate


class CriterionModel:
    """What is believed of one criterion."""

    def __init__(self, vectors: NDArray[np.float32], surrogate: Surrogate, initial: int, growth: float) -> None:
        self._vectors, self._surrogate = vectors, surrogate
        self._initial, self._growth = initial, growth
        self.pool_belief: tuple[int, PoolBelief] | None = None  # and from how many values it was learned
        self._looked: tuple[int, list[Look]] | None = None  # of a stored state

    @property
    def looked(self) -> tuple[int, list[Look]] | None:
        """From how many values it has learned, and what was looked at since; part of a search's state."""
        return self._looked if self.pool_belief is None else (self.pool_belief[0], self.pool_belief[1].looks)

    def begin_from(self, looked: tuple[int, list[Look]] | None) -> None:
        """Build up the belief in the steps of a stored state."""
        self.pool_belief, self._looked = None, looked

    def forecast(self, scope: Rows, observed: Sequence[int], values: Array) -> RowsForecast:
        """The forecast of the scope's rows from the values (n,) of the observed rows."""
        size = learning_size(len(observed), self._initial, self._growth)
        if self.pool_belief is None or self.pool_belief[0] != size:
            shown = self._vectors[list(observed[:size])][None]
            (learned,) = self._surrogate.learn(shown, values[None, :size], [size])
            looked, self._looked = self._looked, None
            looks = looked[1] if looked is not None and looked[0] == size else ()
            self.pool_belief = size, PoolBelief(learned, self._vectors, np.arange(len(self._vectors)), looks)
        return self.pool_belief[1].forecast(scope, observed, values)


class CriteriaForecast:
    """Predictions of all criteria, as gains on the models' scale; see :func:`on_model_scale`."""

    def __init__(self, parts: Sequence[RowsForecast | None], known: Array) -> None:
        self._parts, self._known = parts, known

    def predictions(self, scope: Rows, places: Rows) -> tuple[Array, Array]:
        """Means and standard deviations (len(places), m) at places of the scope's rows."""
        mean = self._known[scope[places]].copy()
        std = np.zeros_like(mean)
        for j, part in enumerate(self._parts):
            if part is not None:
                mean[:, j], std[:, j] = part.mean[places], part.std[places]
        return mean, std

    def believe(self, rows: Sequence[int]) -> Array:
        """Condition on the forecast's own means at rows; returns these (len(rows), m)."""
        means = self._known[list(rows)].copy()
        for j, part in enumerate(self._parts):
            if part is not None:
                means[:, j] = part.believe(rows)
        return means


class CriteriaModels:
    """The models of all criteria that are not known.

    Args:
        embedding: the architectures and their vectors.
        criteria: m of them.
        known: (N, m) gains, columns of NaN for criteria to model.
        surrogate: of every criterion.
        initial: observations from which hyper-parameters are first learned.
        growth: how many times as many there are when they are learned again.
    """

    def __init__(
        self,
        embedding: Embedding,
        criteria: Sequence[Criterion],
        known: Array,
        surrogate: Surrogate,
        initial: int,
        growth: float,
    ) -> None:
        self._known = known
        vectors = [function_vectors(embedding) if c.accuracy else form_vectors(embedding) for c in criteria]
        self._models = [
            CriterionModel(seen, surrogate, initial, growth) if np.isnan(known[0, j]) else None
            for j, seen in enumerate(vectors)
        ]

    @property
    def looked(self) -> list[tuple[int, list[Look]] | None]:
        """Of every criterion that is modelled, see :attr:`CriterionModel.looked`."""
        return [model.looked for model in self._models if model is not None]

    def begin_from(self, looked: Sequence[tuple[int, list[Look]] | None]) -> None:
        """Build up beliefs in the steps of a stored state."""
        for model, one in zip((model for model in self._models if model is not None), looked, strict=True):
            model.begin_from(one)

    def forecast(self, scope: Rows, observed: Sequence[int], values: Array) -> CriteriaForecast:
        """What is believed of the scope's rows, given gains (n, m) on the models' scale."""
        parts = [
            None if model is None else model.forecast(scope, observed, np.ascontiguousarray(values[:, j]))
            for j, model in enumerate(self._models)
        ]
        return CriteriaForecast(parts, self._known)


def on_model_scale(points: Array, criteria: Sequence[Criterion]) -> Array:
    """Gains (n, m) on the scale they are modelled on: accuracies by their error, the others as they are.

    The order within each criterion stays, so that fronts stay what they are.
    """
    shown = points.copy()
    for j, criterion in enumerate(criteria):
        if criterion.accuracy:
            shown[:, j] = -np.log(np.maximum(_BEYOND - points[:, j], _BEYOND - 100))
    return shown


_BEYOND = 100.5  # percent; half a percent of error is as good as none


_VECTORS: WeakKeyDictionary[Embedding, NDArray[np.float32]] = WeakKeyDictionary()


def form_vectors(embedding: Embedding) -> NDArray[np.float32]:
    """(N, d) the architectures' own vectors, every dimension centred and scaled to standard deviation 1."""
    if embedding not in _VECTORS:
        vectors = embedding.vectors.astype(np.float64)
        size = np.abs(vectors).max(axis=0)
        vectors -= vectors.mean(axis=0)
        spread = vectors.std(axis=0)
        _VECTORS[embedding] = (vectors / np.where(spread > 1e-6 * size, spread, 1.0)).astype(np.float32)
    return _VECTORS[embedding]
