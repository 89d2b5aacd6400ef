"""Pareto fronts and the hypervolume they dominate, for numbers of which more is better.

Point a dominates b if it is nowhere less and somewhere more. The front of a set
is what no point of it dominates; equal points dominate neither each other. The
hypervolume of a set is the volume of all that lies between a reference point
and at least one of its points (Zitzler and Thiele, 1998).

Both are exact and take O(n log n) for two criteria: one sweep in the order of the
first. For more, moocore computes them (Fonseca, Paquete and Lopez-Ibanez, CEC 2006).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arch2vec.errors import InputError
from arch2vec.searching.pareto.criteria import Array
from arch2vec.searching.pareto.libraries import library


def non_dominated(points: ArrayLike) -> NDArray[np.bool_]:
    """Which points are on the front of all of them.

    Args:
        points: (n, m), more is better. A point with a NaN, a failed evaluation, is not on it.

    Returns:
        (n,); equal points are on it together or not at all.
    """
    found = _points(points)
    usable: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(found), axis=1)
    front = usable.copy()
    if usable.any():
        front[usable] = _of_numbers(found[usable])
    return front


def _of_numbers(points: Array) -> NDArray[np.bool_]:
    n, m = points.shape
    if m == 1:
        return np.asarray(points[:, 0] == points.max())
    if m > 2:
        moocore = library("moocore", "a front of three or more criteria")
        return np.asarray(moocore.is_nondominated(-points, keep_weakly=True), dtype=np.bool_)
    # From the best of the first criterion down, the best of the second first among equal ones.
    order = np.lexsort((-points[:, 1], -points[:, 0]))
    first, second = points[order].T
    starts = np.concatenate([[True], first[1:] != first[:-1]])
    group = np.flatnonzero(starts)[np.cumsum(starts) - 1]  # where each point's group of equal firsts begins
    before = np.concatenate([[-np.inf], np.maximum.accumulate(second)[:-1]])  # the best second before each place
    front = np.empty(n, dtype=np.bool_)
    front[order] = (second == second[group]) & (second[group] > before[group])
    return front


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """The volume between the reference point and the points; what is not better than it in all criteria has no part.

    Args:
        points: (n, m), more is better; rows with a NaN do not count.
        reference: (m,) the point that hypervolumes are measured from.

    Raises:
        InputError: the shapes do not fit.
    """
    found, corner = _points(points), np.asarray(reference, dtype=np.float64)
    if corner.shape != found.shape[1:]:
        raise InputError(f"points {found.shape} need a reference point ({found.shape[1]},), got {corner.shape}")
    beyond = found[(found > corner).all(axis=1)] - corner
    if not len(beyond):
        return 0.0
    if beyond.shape[1] == 1:
        return float(beyond.max())
    if beyond.shape[1] > 2:
        moocore = library("moocore", "a hypervolume of three or more criteria")
        return float(moocore.hypervolume(beyond, ref=np.zeros(beyond.shape[1]), maximise=True))
    widths, heights = staircase(beyond)
    return float(np.diff(widths, prepend=0.0) @ heights)


def hypervolumes(points: ArrayLike, reference: ArrayLike) -> Array:
    """(n,) the hypervolume of the first point, of the first two, and so on; arguments as for :func:`hypervolume`."""
    found, corner = _points(points), np.asarray(reference, dtype=np.float64)
    volumes = np.zeros(len(found))
    kept = np.empty((0, found.shape[1]))
    volume = 0.0
    for number, point in enumerate(found):
        adds = (point > corner).all() and not (kept >= point).all(axis=1).any()
        if adds:
            kept = np.concatenate([kept[~(kept <= point).all(axis=1)], point[None]])
            volume = max(volume, hypervolume(kept, corner))  # rounding must not make it shrink
        volumes[number] = volume
    return volumes


def staircase(points: Array) -> tuple[Array, Array]:
    """The front of points (n, 2) once each: first criterion (k,) ascending, second (k,) descending."""
    front = np.unique(points[non_dominated(points)], axis=0)
    return front[:, 0], front[:, 1]


def _points(points: ArrayLike) -> Array:
    found = np.asarray(points, dtype=np.float64)
    if found.ndim != 2 or not found.shape[1]:
        raise InputError(f"points have the shape (n, m) with m at least 1, got {found.shape}")
    return found
