"""Intermediate values of a training: ``report(epoch, value)``, which ends it where it is not worth going on with.

A function that has a parameter ``report`` is handed it; a command prints ``{"epoch": 3, "value": 61.2}`` on a line
of its own; an objective of one's own class calls :func:`report`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from arch2vec.errors import EvaluationError
from arch2vec.objectives.returned import real_number

Report = Callable[[int, float], None]
Judge = Callable[[int, float], bool]
"""Told of an epoch and the value there, says whether the training is to be given up."""


class Pruned(BaseException):  # no error, and not for ``except Exception``
    """Ends a training that is not worth going on with."""


_CURRENT: ContextVar[Report | None] = ContextVar("report", default=None)


def report(epoch: int, value: float) -> None:
    """Say what a training has reached; the search may end it here by raising :class:`Pruned`.

    Outside of an evaluation this does nothing.

    Args:
        epoch: how far it is, from 0 or 1, ascending.
        value: the validation value by then, in the same unit as at the end.
    """
    current = _CURRENT.get()
    if current is not None:
        current(epoch, value)


def current_report() -> Report:
    """What a training is handed, which may call it from any thread."""
    return _CURRENT.get() or report


class Reports:
    """What one evaluation reports.

    Attributes:
        made: the values by their epochs, in order.
    """

    def __init__(self, judge: Judge | None = None) -> None:
        self._judge = judge
        self.made: dict[int, float] = {}

    @property
    def pairs(self) -> tuple[tuple[int, float], ...]:
        """Epochs and values."""
        return tuple(self.made.items())

    def __call__(self, epoch: int, value: float) -> None:
        """Take note of a value.

        Raises:
            EvaluationError: the epoch or the value cannot be.
            Pruned: the training is to be given up.
        """
        try:
            at = operator.index(epoch)
        except TypeError:
            raise EvaluationError(f"a report is of an epoch, a whole number; got {epoch!r}") from None
        try:
            number = real_number(value)
        except ValueError as error:
            raise EvaluationError(f"a report at epoch {at} has the value {value!r}; {error}") from None
        if at < 0 or math.isinf(number) or (self.made and at < next(reversed(self.made))):
            raise EvaluationError(
                f"a report at epoch {at} with value {number:g}: epochs ascend from 0, values are finite or NaN"
            )
        self.made[at] = number
        if self._judge is not None and self._judge(at, number):
            raise Pruned

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Within the block, :func:`report` reports here."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)
