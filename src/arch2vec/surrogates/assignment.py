"""How far apart sets of tokens are: the distance of an optimal-assignment kernel.

With k(x, y) the number of tokens (:mod:`arch2vec.graphs.subtrees`) that two graphs have in common,
an inner product of their indicator vectors, the squared distance is

    d(x, y)^2 = k(x, x) + k(y, y) - 2 k(x, y),

the number of tokens that one of them has and the other has not. Any covariance of a
Euclidean distance can be taken of it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def token_squares(a: Tensor, b: Tensor) -> Tensor:
    """(p, q) squared distances of sets of tokens (p, T) and (q, T), of the tensors' own precision.

    Tokens are whole numbers from 0 on, different within a set; negative ones are none.
    """
    if len(a) > len(b):
        return token_squares(b, a).T
    sizes = (a >= 0).sum(1, keepdim=True) + (b >= 0).sum(1)
    known, place = torch.unique(a, return_inverse=True)
    # Which of the few have each of their tokens; one row more for what none of them has.
    has = torch.zeros(len(known) + 1, len(a), dtype=a.dtype)
    has[place, torch.arange(len(a)).unsqueeze(1)] = 1
    has[:-1][known < 0] = 0
    found = torch.searchsorted(known, b.contiguous()).clamp_max(len(known) - 1)
    found[known[found] != b] = len(known)
    common = torch.zeros(len(b), len(a), dtype=a.dtype)
    for column in found.T:
        common += has[column]
    return sizes - 2 * common.T
