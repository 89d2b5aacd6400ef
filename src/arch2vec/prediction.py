"""Predicting what architectures are worth from the vectors of a few that were evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, pearsonr, spearmanr

from arch2vec.errors import InputError
from arch2vec.gp_regression import GaussianProcess

Values = NDArray[np.float64]
Vectors = NDArray[np.floating]

Predictor = Callable[[Vectors, Values, Vectors, int], Values]
"""From n vectors, their n values, m other vectors and a seed to m predicted values."""

_TREES = 200


def gaussian_process(vectors: Vectors, values: Values, others: Vectors, seed: int) -> Values:  # noqa: ARG001
    """The posterior mean of :class:`arch2vec.gp_regression.GaussianProcess`."""
    return GaussianProcess(vectors, values).predict(others)


def random_forest(vectors: Vectors, values: Values, others: Vectors, seed: int) -> Values:
    """The mean of 200 regression trees, each grown on a bootstrap sample and a third of the dimensions a split."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(_TREES, max_features=1 / 3, random_state=seed, n_jobs=1)
    return np.asarray(forest.fit(vectors, values).predict(others), dtype=np.float64)


PREDICTORS: Mapping[str, Predictor] = {"gp": gaussian_process, "forest": random_forest}
"""The predictors by name."""


def score(predicted: Values, actual: Values) -> dict[str, float]:
    """How good predictions are.

    Args:
        predicted: (m,) predicted values.
        actual: (m,) true values, in the same unit.

    Returns:
        ``tau`` and ``rho``, the rank correlations of Kendall (tau-b) and
        Spearman; ``pearson``, the linear correlation; ``rmse``, in the unit of the values.
        Predictions that are all the same have no correlation with anything: 0. Fewer
        than two points, or points whose true values are all the same, have none that
        could be told: NaN.

    Raises:
        InputError: not as many predictions as true values.
    """
    if predicted.shape != actual.shape or predicted.ndim != 1:
        raise InputError(f"predictions {predicted.shape} and true values {actual.shape} must be as many")
    return {
        "tau": _correlation(kendalltau, predicted, actual),
        "rho": _correlation(spearmanr, predicted, actual),
        "pearson": _correlation(pearsonr, predicted, actual),
        "rmse": float(np.sqrt(np.mean((predicted - actual) ** 2))) if len(actual) else float("nan"),
    }


def _correlation(
    statistic: Callable[[Values, Values], tuple[float, float]], predicted: Values, actual: Values
) -> float:
    if len(actual) < 2 or np.ptp(actual) == 0:
        return float("nan")
    return 0.0 if np.ptp(predicted) == 0 else float(statistic(predicted, actual)[0])
