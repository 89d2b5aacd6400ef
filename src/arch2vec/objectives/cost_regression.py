"""Training times of NAS-Bench-101 cells that nobody has timed, from those that somebody has.

Gradient-boosted regression trees predict the logarithm of the seconds from what
can be counted on a cell (:mod:`arch2vec.objectives.cell_features`). What they
get wrong is measured by cross-validation, on cells that the trees have not seen,
and goes with every number that is estimated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.cache import cached_arrays
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.objectives.cell_features import FEATURES, cell_features

FOLDS = 5
FEWEST = 50  # measured cells to fit trees on
_TREES, _STEP = 100, 0.2
_VERSION = 1  # of what the cache holds


@dataclass(frozen=True, eq=False)
class CostEstimate:
    """Seconds of N cells, measured where they were and predicted elsewhere.

    Attributes:
        seconds: (N,) float64.
        error: mean relative error |predicted - measured| / measured over the measured
            cells, each predicted by trees fitted without its fold; 0 if nothing is estimated.
    """

    seconds: NDArray[np.float64]
    error: float


def complete_costs(cells: GraphBatch, seconds: NDArray[np.float64]) -> CostEstimate:
    """Predict the seconds of those cells that have none.

    The result follows from the arguments alone; it is kept on disk, see :mod:`arch2vec.common.cache`.

    Args:
        cells: N pruned NAS-Bench-101 cells.
        seconds: (N,) measured training times, NaN where there is none.

    Raises:
        InputError: a time is negative or infinite, or there are too few to fit anything to.
    """
    known = ~np.isnan(seconds)
    if not (np.isfinite(seconds[known]) & (seconds[known] > 0)).all():
        row = int(np.flatnonzero(known & ~((seconds > 0) & np.isfinite(seconds)))[0])
        raise InputError(f"the training time of cell {row} is {seconds[row]} s; a positive finite one is needed")
    if known.all():
        return CostEstimate(seconds, 0.0)
    if known.sum() < FEWEST:
        raise InputError(
            f"{int(known.sum())} of {len(cells):,} cells have a training time; "
            f"at least {FEWEST} are needed to estimate the others"
        )

    def build() -> dict[str, np.ndarray]:
        return _fit(cell_features(cells), seconds)

    def accept(arrays: Mapping[str, np.ndarray]) -> bool:
        return set(arrays) == {"seconds", "error"} and arrays["seconds"].shape == seconds.shape

    arrays = cached_arrays(f"nasbench101-costs-{_digest(cells, seconds)}", _VERSION, build, accept)
    return CostEstimate(arrays["seconds"], float(arrays["error"][0]))


def _fit(features: NDArray[np.float64], seconds: NDArray[np.float64]) -> dict[str, np.ndarray]:
    """``seconds`` (N,) with predictions where they were NaN, and the ``error`` (1,) of predictions."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.model_selection import KFold

    def trees() -> HistGradientBoostingRegressor:
        return HistGradientBoostingRegressor(max_iter=_TREES, learning_rate=_STEP, early_stopping=False, random_state=0)

    known = np.flatnonzero(~np.isnan(seconds))
    inputs, logarithms = features[known], np.log(seconds[known])
    predicted = np.empty(len(known))
    for fitted, left_out in KFold(FOLDS, shuffle=True, random_state=0).split(inputs):
        predicted[left_out] = trees().fit(inputs[fitted], logarithms[fitted]).predict(inputs[left_out])
    error = np.mean(np.abs(np.exp(predicted - logarithms) - 1))
    completed = seconds.copy()
    unknown = np.flatnonzero(np.isnan(seconds))
    completed[unknown] = np.exp(trees().fit(inputs, logarithms).predict(features[unknown]))
    return {"seconds": completed, "error": np.array([error])}


def _digest(cells: GraphBatch, seconds: NDArray[np.float64]) -> str:
    """Equal for equal cells, times and features: what the prediction depends on."""
    digest = hashlib.sha256(",".join(FEATURES).encode())
    for array in (cells.ops, np.packbits(cells.adjacency), seconds):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
