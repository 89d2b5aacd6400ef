r"""Gaussian-process regression of a few hundred labels, fast enough to be repeated hundreds of times.

For standardised targets y of n architectures with vectors x the model is

    y = f(x) + noise,   f ~ GP(0, k),   k(x, x') = s exp(-|x - x'|^2 / (2 l^2)),   noise ~ N(0, v)

(Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section
2.2). Its marginal likelihood and the exact gradient (equations 5.8 and 5.9) are

    log p(y) = -1/2 y^T K^-1 y - 1/2 log |K| - n/2 log 2 pi,   K = k(X, X) + v I
    d log p(y) / dt = 1/2 tr((K^-1 y y^T K^-1 - K^-1) dK/dt)

and s, l and v are those of greatest posterior density under wide log-normal
priors: with 16 labels the likelihood alone often prefers a function without
any noise that is flat away from them. With hundreds the priors make no difference.

Scikit-learn's ``GaussianProcessRegressor`` is the same model, and is what the
tests compare with. It computes all distances anew for every value of l, which
in hundreds of dimensions takes ten times as long. The surrogate of the same name
in :mod:`arch2vec.surrogates` fits many small sets of labels at once, for searches; a
thousand labels take it four times as long as here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_solve, cholesky, lapack
from scipy.optimize import minimize

from arch2vec.errors import InputError

Array = NDArray[np.float64]

_FEW = 250  # labels that the hyper-parameters are first fitted to
_ROWS = 4096  # architectures predicted at a time
_RANGES = np.log([(1e-3, 1e3), (0.05, 50.0), (1e-5, 10.0)])  # of signal, length and noise
_PRIOR_MEAN, _PRIOR_STD = np.log([1.0, 1.0, 0.1]), np.array([1.0, 1.0, 1.5])  # of their logarithms
_STARTS = np.log([(1.0, length, noise) for length in (0.3, 1.0, 3.0) for noise in (0.01, 0.1, 0.5)])
"""Lengths are in units of the median distance between labelled vectors in all three."""


@dataclass(frozen=True)
class Hyperparameters:
    """Of the kernel and the noise, for standardised targets.

    Attributes:
        signal: s, the prior variance of f.
        length: l, the length scale, in the unit of the vectors.
        noise: v, the variance of the noise.
    """

    signal: float
    length: float
    noise: float


class GaussianProcess:
    """A Gaussian process conditioned on labels.

    Args:
        vectors: (n, d) of the labelled architectures.
        values: (n,) their labels, in any unit.
        hyperparameters: given ones instead of fitted ones.

    Attributes:
        hyperparameters: those used.

    Raises:
        InputError: no labels, not one for each vector, or a number that is not finite.
    """

    def __init__(
        self, vectors: NDArray[np.floating], values: ArrayLike, hyperparameters: Hyperparameters | None = None
    ) -> None:
        targets = np.asarray(values, dtype=np.float64)
        if vectors.ndim != 2 or targets.shape != (len(vectors),) or not len(targets):
            raise InputError(f"vectors (n, d) need values (n,), n at least 1; got {vectors.shape} and {targets.shape}")
        if not (np.isfinite(vectors).all() and np.isfinite(targets).all()):
            raise InputError("a Gaussian process cannot be fitted to numbers that are not finite")
        self._vectors = vectors.astype(np.float64)
        self._centre = float(targets.mean())
        self._spread = float(targets.std()) or 1.0
        standardised = (targets - self._centre) / self._spread
        squared = squared_distances(self._vectors, self._vectors)
        self.hyperparameters = hyperparameters or fit(squared, standardised)
        self._factor, self._weights = _solve(squared, standardised, self.hyperparameters)

    def predict(self, vectors: NDArray[np.floating]) -> Array:
        """(m,) posterior means of vectors (m, d), in the unit of the labels."""
        means = np.empty(len(vectors))
        for start in range(0, len(vectors), _ROWS):
            part = slice(start, start + _ROWS)
            means[part] = self._cross(vectors[part]) @ self._weights
        return means * self._spread + self._centre

    def variance(self, vectors: NDArray[np.floating]) -> Array:
        """(m,) posterior variances of a noisy label at vectors (m, d), in the unit of the labels squared."""
        cross = self._cross(vectors)
        explained = (cross.T * cho_solve((self._factor, True), cross.T)).sum(axis=0)
        prior = self.hyperparameters.signal + self.hyperparameters.noise
        return np.maximum(prior - explained, 0) * self._spread**2

    def _cross(self, vectors: NDArray[np.floating]) -> Array:
        squared = squared_distances(vectors.astype(np.float64), self._vectors)
        return self.hyperparameters.signal * np.exp(squared / (-2 * self.hyperparameters.length**2))


def squared_distances(a: Array, b: Array) -> Array:
    """(n, m) squared Euclidean distances between the rows of (n, d) and (m, d)."""
    # Centring keeps the cancellation in |a|^2 - 2ab + |b|^2 small.
    centre = b.mean(axis=0)
    a, b = a - centre, b - centre
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.maximum(squared, 0)


def fit(squared: Array, targets: Array) -> Hyperparameters:
    """The hyper-parameters of greatest posterior density.

    The first 250 labels, from the two best of nine starts, tell where about the maximum
    is; the search from there with all labels is then short.

    Args:
        squared: (n, n) squared distances between the labelled vectors.
        targets: (n,) standardised labels.
    """
    n = len(targets)
    apart = squared[np.triu_indices(n, 1)]
    unit = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
    squared = squared / unit
    few = slice(min(n, _FEW))
    part, labels = squared[few, few], targets[few]
    order = np.argsort([-log_posterior(part, labels, start)[0] for start in _STARTS], kind="stable")
    tops = [_climb(part, labels, _STARTS[number]) for number in order[:2]]
    theta = max(tops, key=lambda top: log_posterior(part, labels, top)[0])
    if n > _FEW:
        theta = _climb(squared, targets, theta)
    signal, length, noise = np.exp(theta).tolist()
    return Hyperparameters(signal, length * unit**0.5, noise)


def log_posterior(squared: Array, targets: Array, theta: Array) -> tuple[float, Array]:
    """:func:`log_marginal_likelihood` plus the log prior density (but for a constant), and the gradient.

    ``squared`` is in units of its median.
    """
    value, gradient = log_marginal_likelihood(squared, targets, theta)
    away = (theta - _PRIOR_MEAN) / _PRIOR_STD
    return value - 0.5 * float(away @ away), gradient - away / _PRIOR_STD


def log_marginal_likelihood(squared: Array, targets: Array, theta: Array) -> tuple[float, Array]:
    """The log marginal likelihood of n targets, and its gradient.

    Args:
        squared: (n, n) squared distances.
        targets: (n,) the labels of the n points.
        theta: (3,) logarithms of signal, length and noise.

    Returns:
        The value, and (3,) its derivatives by ``theta``.
    """
    signal, length, noise = np.exp(theta).tolist()
    kernel = signal * np.exp(squared / (-2 * length**2))
    factor, alpha = _solve(squared, targets, Hyperparameters(signal, length, noise), kernel)
    value = -0.5 * targets @ alpha - np.log(np.diag(factor)).sum() - 0.5 * len(targets) * np.log(2 * np.pi)
    inverse, _ = lapack.dpotri(factor, lower=1)  # its lower triangle
    # Of the symmetric W = alpha alpha^T - K^-1 only the lower triangle is known: count it twice.
    lower = np.tril(np.outer(alpha, alpha) - inverse)
    trace = np.trace(lower)
    weighted = lower * kernel
    by_signal = weighted.sum() - 0.5 * np.trace(weighted)
    by_length = np.einsum("ij,ij->", weighted, squared) / length**2
    return float(value), np.array([by_signal, by_length, 0.5 * noise * trace])


def _climb(squared: Array, targets: Array, start: Array) -> Array:
    def descend(theta: Array) -> tuple[float, Array]:
        value, gradient = log_posterior(squared, targets, theta)
        return -value, -gradient

    # The density of n labels is a sum of n terms: a relative change of 1e-6 is far below what matters.
    found = minimize(descend, start, jac=True, method="L-BFGS-B", bounds=_RANGES.tolist(), options={"ftol": 1e-6})
    return np.asarray(found.x)


def _solve(
    squared: Array, targets: Array, parameters: Hyperparameters, kernel: Array | None = None
) -> tuple[Array, Array]:
    """The lower Cholesky factor of K, and K^-1 y."""
    if kernel is None:
        kernel = parameters.signal * np.exp(squared / (-2 * parameters.length**2))
    K = kernel.copy()
    # Rounding can make a kernel matrix of equal rows slightly indefinite.
    K.flat[:: len(K) + 1] += parameters.noise + 1e-10 * parameters.signal
    factor = cholesky(K, lower=True, overwrite_a=True, check_finite=False)
    return factor, cho_solve((factor, True), targets, check_finite=False)
