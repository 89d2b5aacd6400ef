"""Numbers as tables show them."""

from __future__ import annotations

import math


def spread(mean: float | None, std: float | None = None, digits: int = 2, unknown: str = "") -> str:
    """``94.37 ± 0.02``: a mean with its standard deviation, as far as they are known.

    Args:
        mean: None or NaN where it is not known.
        std: left out where it is None or NaN.
        digits: after the point.
        unknown: what stands for a mean that is not known.

    >>> spread(94.368, 0.016), spread(94.368), spread(float("nan"), unknown="-")
    ('94.37 ± 0.02', '94.37', '-')
    """
    if mean is None or mean != mean:
        return unknown
    return f"{mean:.{digits}f}" + ("" if std is None or std != std else f" ± {std:.{digits}f}")


def digits_of(value: float, unit: str) -> int:
    """How many digits after the point a value has in a table: two of percent, else such that four count.

    >>> digits_of(94.4, "%"), digits_of(0.3012, ""), digits_of(123456.0, "")
    (2, 4, 0)
    """
    if unit == "%" or not math.isfinite(value) or value == 0:
        return 2
    return max(0, 3 - math.floor(math.log10(abs(value))))


def valued(value: float | None, unit: str) -> str:
    """A value with its unit: percent with two digits, others, which may be of any size, with six.

    >>> valued(94.368, "%"), valued(0.30125, ""), valued(1234567.8, "ms"), valued(None, "%")
    ('94.37 %', '0.30125', '1.23457e+06 ms', '')
    """
    if value is None or value != value:
        return ""
    text = number(value, unit)
    return f"{text} {unit}" if unit else text


def number(value: float, unit: str) -> str:
    """The same without the unit, for columns whose head has it."""
    return f"{value:.2f}" if unit == "%" else f"{value:,.6g}"
