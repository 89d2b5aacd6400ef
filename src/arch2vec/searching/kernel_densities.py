"""Densities over discrete decisions by kernels, and where one is high and another low.

The model of BOHB (Falkner, Klein and Hutter, ICML 2018), which is that of TPE
(Bergstra et al., NeurIPS 2011) with one multi-dimensional density instead of many
one-dimensional ones. A density over D decisions of c_d choices, from n points, is

    p(x) = 1/n sum_i prod_d k_d(x_d, x_id),   k_d(x, y) = 1 - h_d if x = y, else h_d / (c_d - 1)

with the kernel of Aitchison and Aitken (1976) for choices without an order. A
bandwidth h_d lies between 0.001 and (c_d - 1) / c_d, where the kernel is uniform.
There are two rules for it:

* ``reference``: 1.06 s n^(-1/(4 + D)), s the standard deviation of the choices as
  numbers, the normal reference that the authors' implementation uses. What number a
  choice has means nothing, and with few points it makes most kernels uniform.
* ``root``: (c_d - 1) / c_d n^(-1/2), ours: uniform for one point, and narrower as the
  sampling error of a share does.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import unknown

Rule = Literal["root", "reference"]

_LEAST_BANDWIDTH = 1e-3


class KernelDensity:
    """A density over discrete decisions.

    Args:
        points: (n, D) choices, n at least 1; numbers from 0 up to the decision's size.
        sizes: (D,) how many choices each decision has.
        rule: for the bandwidths.

    Attributes:
        bandwidths: (D,) h.

    Raises:
        InputError: there is no such rule.
    """

    def __init__(self, points: NDArray[np.int64], sizes: NDArray[np.int64], rule: Rule = "root") -> None:
        check_rule(rule)
        n, dimensions = points.shape
        self._points, self._sizes = points, sizes
        if rule == "reference":
            bandwidths = 1.06 * points.std(axis=0) * n ** (-1 / (4 + dimensions))
        else:
            bandwidths = (sizes - 1) / sizes / np.sqrt(n)
        self.bandwidths = np.clip(bandwidths, _LEAST_BANDWIDTH, (sizes - 1) / sizes)

    def log_density(self, points: NDArray[np.int64]) -> NDArray[np.float64]:
        """(m,) the natural logarithm of the density at (m, D) choices."""
        same = points[:, None, :] == self._points
        stays, goes = np.log1p(-self.bandwidths), np.log(self.bandwidths / np.maximum(self._sizes - 1, 1))
        exponents = same @ (stays - goes) + goes.sum()
        highest = exponents.max(axis=1)
        return highest + np.log(np.exp(exponents - highest[:, None]).mean(axis=1))

    def sample(self, n: int, widening: float, rng: np.random.Generator) -> NDArray[np.int64]:
        """(n, D) independent samples of the density with its bandwidths multiplied by ``widening``, up to uniform."""
        bandwidths = np.minimum(widening * self.bandwidths, (self._sizes - 1) / self._sizes)
        samples = self._points[rng.integers(len(self._points), size=n)]
        others = (samples + rng.integers(1, np.maximum(self._sizes, 2), size=samples.shape)) % self._sizes
        return np.where(rng.random(samples.shape) < bandwidths, others, samples)


def check_rule(rule: str) -> None:
    """Raise :class:`InputError` unless ``rule`` is one for bandwidths."""
    if rule not in get_args(Rule):
        raise unknown("rule for bandwidths", rule, get_args(Rule))
