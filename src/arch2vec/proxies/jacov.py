"""How differently a network responds to different images, by the correlation of its Jacobians."""

from __future__ import annotations

import numpy as np
import torch

from arch2vec.proxies.base import proxy
from arch2vec.proxies.passes import Passes

_K = 1e-5


@proxy("jacov", "Mellor et al., 2020, first version of arXiv:2006.04647")
def jacov(passes: Passes) -> float:
    """-sum_i [log(v_i + k) + 1 / (v_i + k)], k = 1e-5, v the eigenvalues of a correlation matrix.

    It is the (B, B) matrix of Pearson's correlations between the rows of the
    Jacobian (:attr:`Passes.jacobian`). At most -B, where all are uncorrelated. Without unit.
    NaN: a row of the Jacobian is constant, as where the scores do not depend on the image, or B is 1. A row
    counts as constant where it is rounding: moving the image by its own length along the row would change the
    sum of scores by less than that sum is exact. So it is where every unit after the last batch norm is on for all
    images or for none, since what batch norm gives sums to zero over the batch.
    Images should have more numbers than there are images: the matrix is singular otherwise,
    and 1 / k outweighs all else.
    """
    rows = passes.jacobian.to(torch.float64).cpu().numpy()
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scores = passes.scores
    exact = torch.finfo(scores.dtype).eps * float(scores.abs().sum())
    moved = lengths[:, 0] * passes.images.flatten(1).norm(dim=1).to(torch.float64).cpu().numpy()
    if len(rows) < 2 or not np.isfinite(lengths).all() or lengths.min() == 0 or (moved < exact).any():
        return float("nan")
    rows = rows / lengths
    # Correlation matrices have no negative eigenvalues; rounding can make them a little so.
    values = np.maximum(np.linalg.eigvalsh(rows @ rows.T), 0) + _K
    return float(-np.sum(np.log(values) + 1 / values))
