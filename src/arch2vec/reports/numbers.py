"""Numbers as tables show them."""

from __future__ import annotations


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
