"""Arrays that others give, checked before anything is made of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError


def checked_array(values: object, n: int, source: str) -> NDArray[np.float32]:
    """Values as (N, d) float32, d at least 1.

    Args:
        values: an array, or anything that becomes one.
        n: how many architectures there are, N.
        source: where they are from, for messages: ``representation mine gave``.

    Raises:
        InputError: they are no numbers, of another shape, or not finite; the line names the first wrong row.
    """
    try:
        # What a mask hides is no number.
        array = (
            np.ma.filled(np.ma.asarray(values, np.float64), np.nan)
            if np.ma.isMaskedArray(values)
            else np.asarray(values)
        )
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{source} a {type(values).__name__}, which is no array: {reason}") from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"{source} {array.dtype} and not numbers; an array ({n}, d) is needed")
    if array.ndim != 2 or array.shape[0] != n or not array.shape[1]:
        hint = "; a single number each is an array (N, 1)" if array.shape == (n,) else ""
        raise InputError(f"{source} an array {array.shape} for {n} architectures; ({n}, d) is needed{hint}")
    with np.errstate(over="ignore"):
        numbers: NDArray[np.float32] = array.astype(np.float32)
    if not np.isfinite(numbers).all():
        row, column = np.argwhere(~np.isfinite(numbers))[0].tolist()
        raise InputError(
            f"{source} {array[row, column]} in row {row}, column {column}; finite numbers in single precision "
            "are needed"
        )
    return numbers
