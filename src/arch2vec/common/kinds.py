"""Which kind of thing a value is, for what people pass in Python in place of what is annotated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from numbers import Integral, Real


def is_whole(value: object) -> bool:
    """Whether it is a whole number, NumPy's among them."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_real(value: object) -> bool:
    """Whether it is a real number."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_series(value: object) -> bool:
    """Whether it holds several things in an order: a list, an array, a generator, and neither a set nor bytes."""
    return isinstance(value, Iterable) and not isinstance(value, Set | Mapping | bytes)
