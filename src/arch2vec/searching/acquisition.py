"""What a surrogate's prediction is worth: expected improvement, for maximisation.

With a Gaussian prediction of mean m and standard deviation s and the best value
seen so far f, the expected improvement (Jones, Schonlau and Welch, 1998, eq. 15) is

    E max(y - f, 0) = s h(u),   u = (m - f) / s,   h(u) = phi(u) + u Phi(u).

Since h(u) = u + h(-u), it equals max(m - f, 0) + s h(-|u|), a sum of two terms
that are not negative: nothing cancels but inside h at arguments below zero,
which :func:`_log_tail` computes from its scaled form (as Ament et al., NeurIPS
2023, do), exact where phi itself is zero in floating point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx
from typing_extensions import override

from arch2vec.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
_SQRT_HALF_PI, _SQRT_2 = np.sqrt(np.pi / 2), np.sqrt(2)
_FAR = 50.0  # from here on the asymptotic series is more exact than a difference


@runtime_checkable
class DeviceAcquisition(Protocol):
    """An acquisition function that can also be worked out on a device."""

    def on_device(self, mean: Tensor, std: Tensor, best: Tensor) -> Tensor:
        """The worth (R, N) of means and deviations (R, N) of R searches, whose best is (R,)."""
        ...  # pragma: no cover


class Acquisition(Protocol):
    """What a prediction is worth: only the order matters. Equal settings are equal objects."""

    def __call__(self, mean: ArrayLike, std: ArrayLike, best: float) -> NDArray[np.float64]:
        """The worth of predictions.

        Args:
            mean: predictive means.
            std: predictive standard deviations, of the same shape.
            best: the largest value seen, or believed.
        """
        ...  # pragma: no cover


@dataclass(frozen=True)
class ExpectedImprovement(Acquisition, DeviceAcquisition):
    """The logarithm of the expected improvement over the best value."""

    @override
    def __call__(self, mean: ArrayLike, std: ArrayLike, best: float) -> NDArray[np.float64]:
        return log_expected_improvement(mean, std, best)

    @override
    def on_device(self, mean: Tensor, std: Tensor, best: Tensor) -> Tensor:
        return log_expected_improvement_on_device(mean, std, best)


@dataclass(frozen=True)
class ReleasedExpectedImprovement(Acquisition):
    """What the paper's public release maximises, for comparison: two things differ.

    The predictive *variance* stands where the standard deviation belongs, and the
    incumbent is a constant. The release's accuracies are fractions, where variance
    and standard deviation differ by another factor than in percent: predictions in
    percent are turned into fractions first. (The logarithm orders a pool as the
    release's formula does where that does not underflow.)

    Attributes:
        incumbent: percent; 100 in the release's search of NAS-Bench-201, 95 elsewhere.
    """

    incumbent: float = 95.0

    @override
    def __call__(self, mean: ArrayLike, std: ArrayLike, best: float) -> NDArray[np.float64]:
        fraction = np.asarray(mean, dtype=np.float64) / 100
        variance = (np.asarray(std, dtype=np.float64) / 100) ** 2
        return log_expected_improvement(fraction, variance, self.incumbent / 100)


@dataclass(frozen=True)
class PredictedMean(Acquisition, DeviceAcquisition):
    """The mean itself: no exploration."""

    @override
    def __call__(self, mean: ArrayLike, std: ArrayLike, best: float) -> NDArray[np.float64]:
        return np.asarray(mean, dtype=np.float64)

    @override
    def on_device(self, mean: Tensor, std: Tensor, best: Tensor) -> Tensor:
        return mean


def expected_improvement(mean: ArrayLike, std: ArrayLike, best: ArrayLike) -> NDArray[np.float64]:
    """The expected improvement over ``best``, in the units of ``mean``.

    Args:
        mean: predictive means, any shape.
        std: predictive standard deviations (not variances), not negative,
            broadcast against ``mean``. Where zero, the result is max(mean - best, 0).
        best: the incumbent, the largest value seen, broadcast likewise.

    Returns:
        The broadcast shape; zero where the improvement is too small for a float,
        which :func:`log_expected_improvement` still tells apart.

    Raises:
        InputError: a standard deviation is negative or NaN.
    """
    gain, spread, log_tail = _parts(mean, std, best)
    return np.maximum(gain, 0.0) + spread * np.exp(log_tail)


def log_expected_improvement(mean: ArrayLike, std: ArrayLike, best: ArrayLike) -> NDArray[np.float64]:
    """The natural logarithm of :func:`expected_improvement`, without underflow.

    It orders a pool the same way, also where every improvement is as good as
    impossible. -inf where the standard deviation is zero and the mean is not
    above the incumbent.

    Raises:
        InputError: a standard deviation is negative or NaN.
    """
    gain, spread, log_tail = _parts(mean, std, best)
    with np.errstate(divide="ignore"):
        above = np.log(np.maximum(gain, 0.0) + spread * np.exp(log_tail))
        return np.where(gain > 0, above, np.log(spread) + log_tail)


def log_expected_improvement_on_device(mean: Tensor, std: Tensor, best: Tensor) -> Tensor:
    """:func:`log_expected_improvement` of R searches' predictions (R, N) with incumbents (R,), where they are."""
    import torch

    gain, spread = mean.double() - best.double()[:, None], std.double()
    distance = torch.where(gain == 0, 0.0, gain.abs() / spread)
    near = distance.clamp_max(_FAR)
    factor = torch.log1p(-near * (_SQRT_HALF_PI * torch.special.erfcx(near / _SQRT_2)))
    inverse = distance.clamp_min(_FAR).reciprocal().square()
    series = 1 - 3 * inverse * (1 - 5 * inverse * (1 - 7 * inverse * (1 - 9 * inverse)))
    factor = torch.where(distance < _FAR, factor, series.log() + inverse.log())
    log_tail = factor - 0.5 * distance.square() - _LOG_SQRT_2PI
    above = (gain.clamp_min(0) + spread * log_tail.exp()).log()
    return torch.where(gain > 0, above, spread.log() + log_tail)


def _parts(
    mean: ArrayLike, std: ArrayLike, best: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The gain m - f, the spread s and log h(-|m - f| / s), broadcast to one shape."""
    gain = np.asarray(mean, dtype=np.float64) - np.asarray(best, dtype=np.float64)
    spread = np.asarray(std, dtype=np.float64)
    if gain.shape != spread.shape:
        gain, spread = np.broadcast_arrays(gain, spread)
    if not (spread >= 0).all():
        raise InputError("a predictive standard deviation is negative or NaN")
    distance = np.zeros_like(gain)
    with np.errstate(over="ignore", divide="ignore"):
        np.divide(np.abs(gain), spread, out=distance, where=gain != 0)
    return gain, spread, _log_tail(distance)


def _log_tail(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of h(-d) = phi(d) - d Phi(-d) for d >= 0.

    phi(d) is taken out as a factor; what remains, 1 - d Phi(-d) / phi(d), is a
    difference up to d = 50 and its asymptotic series 1/d^2 - 3/d^4 + 15/d^6 ... beyond.
    """
    near = np.minimum(distance, _FAR)
    mills = _SQRT_HALF_PI * erfcx(near / _SQRT_2)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        factor = np.log1p(-near * mills)
        if (distance >= _FAR).any():
            far = np.maximum(distance, _FAR)
            inverse = 1.0 / far**2
            series = 1 - 3 * inverse * (1 - 5 * inverse * (1 - 7 * inverse * (1 - 9 * inverse)))
            factor = np.where(distance < _FAR, factor, np.log(series) - 2 * np.log(far))
        return factor - 0.5 * distance**2 - _LOG_SQRT_2PI
