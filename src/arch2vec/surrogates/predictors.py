"""Predicting what architectures are worth from the vectors of a few that were evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, pearsonr, spearmanr

from arch2vec.errors import InputError
from arch2vec.representations.features import Groups, slices
from arch2vec.representations.subtrees import holds_tokens, token_columns
from arch2vec.surrogates.by_groups import process_for
from arch2vec.surrogates.gaussian_process import GaussianProcess
from arch2vec.surrogates.ranks import normal_scores

Values = NDArray[np.float64]
Vectors = NDArray[np.floating]

Predictor = Callable[[Vectors, Values, Vectors, int, Groups], Values]
"""From n vectors, their n values, m other vectors, a seed and the vectors' groups to m predicted values."""

_TREES = 200


def gaussian_process(vectors: Vectors, values: Values, others: Vectors, seed: int, groups: Groups) -> Values:  # noqa: ARG001
    """The posterior mean of :class:`arch2vec.surrogates.gaussian_process.GaussianProcess`, with an RBF covariance."""
    vectors, others = _numbers(groups, vectors, others)
    learned = GaussianProcess("rbf").fit(vectors[None].astype(np.float32), values[None])[0]
    return learned.posterior_mean(others.astype(np.float32), vectors.astype(np.float32), values)


def grouped_process(vectors: Vectors, values: Values, others: Vectors, seed: int, groups: Groups) -> Values:  # noqa: ARG001
    """The posterior mean of a process that weighs groups of numbers, the surrogate of the search ``group-bo``.

    It sees vectors standardised over all architectures, labelled or not, but for tokens
    (:mod:`arch2vec.representations.subtrees`), and labels as normal scores; its predictions have the labels' mean
    and spread.
    """
    centre, spread = others.mean(axis=0, dtype=np.float64), others.std(axis=0, dtype=np.float64)
    tokens = token_columns(groups)
    varies = (spread > 1e-6 * np.abs(others).max(axis=0, initial=0)) | tokens
    centre, spread = np.where(tokens, 0, centre), np.where(tokens, 1, spread)
    kept = tuple((name, int(varies[part].sum())) for name, part in slices(groups).items() if varies[part].any())
    if not kept:
        return np.full(len(others), values.mean())

    def shown(numbers: Vectors) -> NDArray[np.float32]:
        return ((numbers[:, varies] - centre[varies]) / spread[varies]).astype(np.float32)

    known, targets = shown(vectors), normal_scores(values)
    learned = process_for(kept).fit(known[None], targets[None])[0]
    return learned.posterior_mean(shown(others), known, targets) * values.std() + values.mean()


def process_and_trees(vectors: Vectors, values: Values, others: Vectors, seed: int, groups: Groups) -> Values:
    """Two parts of :func:`grouped_process` and one of :func:`extra_trees`, both fitted to normal scores.

    The one is smooth where the other jumps, so that their errors differ: the mean ranks better than either. It has
    the labels' mean and spread.
    """
    scores = normal_scores(values)
    smooth = grouped_process(vectors, values, others, seed, groups) - values.mean()
    if all(holds_tokens(name) for name, _ in groups):  # nothing that a tree could split
        return smooth + values.mean()
    steps = extra_trees(vectors, scores, others, seed, groups) * values.std()
    return (2 * smooth + steps) / 3 + values.mean()


def _numbers(groups: Groups, *tables: Vectors) -> list[Vectors]:
    """The columns that hold numbers, for models that take nothing else.

    Raises:
        InputError: there is none.
    """
    if not any(holds_tokens(name) for name, _ in groups):
        return list(tables)
    kept = ~token_columns(groups)
    if not kept.any():
        raise InputError("subtrees are no numbers: the predictor 'groups' weighs them, and no other")
    return [table[:, kept] for table in tables]


def random_forest(vectors: Vectors, values: Values, others: Vectors, seed: int, groups: Groups) -> Values:
    """The mean of 200 regression trees, each grown on a bootstrap sample and a third of the dimensions a split."""
    from sklearn.ensemble import RandomForestRegressor

    vectors, others = _numbers(groups, vectors, others)
    forest = RandomForestRegressor(_TREES, max_features=1 / 3, random_state=seed, n_jobs=1)
    return np.asarray(forest.fit(vectors, values).predict(others), dtype=np.float64)


def extra_trees(vectors: Vectors, values: Values, others: Vectors, seed: int, groups: Groups) -> Values:
    """The mean of 200 extremely randomised trees (Geurts, Ernst and Wehenkel, 2006), a third of dimensions a split."""
    from sklearn.ensemble import ExtraTreesRegressor

    vectors, others = _numbers(groups, vectors, others)
    forest = ExtraTreesRegressor(_TREES, max_features=1 / 3, random_state=seed, n_jobs=1)
    return np.asarray(forest.fit(vectors, values).predict(others), dtype=np.float64)


PREDICTORS: Mapping[str, Predictor] = {
    "gp": gaussian_process,
    "groups": grouped_process,
    "groups+trees": process_and_trees,
    "forest": random_forest,
    "extra-trees": extra_trees,
}
"""The predictors by name."""

BEST = 0.01
"""The share of architectures that are the best, for the precision of predictions."""


def score(predicted: Values, actual: Values) -> dict[str, float]:
    """How good predictions are.

    Args:
        predicted: (m,) predicted values.
        actual: (m,) true values, in the same unit.

    Returns:
        ``tau`` and ``rho``, the rank correlations of Kendall (tau-b) and
        Spearman; ``pearson``, the linear correlation; ``rmse``, in the unit of the values;
        ``precision``, how many of the predicted best 1 % are among the true best 1 %.
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
        "precision": _precision(predicted, actual),
    }


def _precision(predicted: Values, actual: Values) -> float:
    """The share of the predicted best that are among the true best; ties by place."""
    count = round(BEST * len(actual))
    if not count:
        return float("nan")
    best = [set(np.argsort(-values, kind="stable")[:count].tolist()) for values in (predicted, actual)]
    return len(best[0] & best[1]) / count


def _correlation(
    statistic: Callable[[Values, Values], tuple[float, float]], predicted: Values, actual: Values
) -> float:
    if len(actual) < 2 or np.ptp(actual) == 0:
        return float("nan")
    return 0.0 if np.ptp(predicted) == 0 else float(statistic(predicted, actual)[0])
