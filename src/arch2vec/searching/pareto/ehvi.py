"""Expected hypervolume improvement of independent Gaussian predictions, in closed form.

What a new point adds to the hypervolume of a front is a sum over the cells of the
region that the front does not dominate. With predictions independent between criteria,
the expectation of each cell's share is a product of one-dimensional integrals

    E[(min(g, u) - l)+] = psi(l) - psi(u),   psi(t) = E[(g - t)+] = s (phi(z) + z Phi(z)),  z = (mean - t) / s

(Emmerich, Deutz and Klinkenberg, CEC 2011; Yang et al., 2019). For two criteria the
cells are the k + 1 strips between the firsts of the k points of the front, each
unbounded above, so that N predictions take O(N k). For more, BoTorch divides the
region into boxes (Lacour, Klamroth and Fonseca, 2017).

A standard deviation of zero is a number that is known: psi is then max(g - t, 0).
A criterion that is known of all architectures costs no integral at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from arch2vec.errors import InputError
from arch2vec.searching.pareto.criteria import Array
from arch2vec.searching.pareto.fronts import non_dominated, staircase
from arch2vec.searching.pareto.libraries import library

_DENSITY = 1 / np.sqrt(2 * np.pi)


def expected_hypervolume_improvement(mean: Array, std: Array, front: Array, reference: Array) -> Array:
    """What observing each of N points is expected to add to the hypervolume.

    Args:
        mean: (N, m) of the predictions, more is better.
        std: (N, m) standard deviations, not negative; 0 for what is known.
        front: (k, m) what was observed; what is dominated or not beyond the reference does not matter.
        reference: (m,) the point that hypervolumes are measured from.

    Returns:
        (N,), not negative.

    Raises:
        InputError: shapes that do not fit, a standard deviation that is negative or NaN, or
            BoTorch is missing where there are more than two criteria.
    """
    m = mean.shape[-1]
    if mean.ndim != 2 or std.shape != mean.shape or front.shape[1:] != (m,) or reference.shape != (m,) or m < 2:
        raise InputError(
            "expected hypervolume improvement needs means and standard deviations (N, m), a front (k, m) and a "
            f"reference (m,), m at least 2; got {mean.shape}, {std.shape}, {front.shape} and {reference.shape}"
        )
    if not (std >= 0).all():
        raise InputError("a predictive standard deviation is negative or NaN")
    beyond = front[(front > reference).all(axis=1)]
    return _strips(mean, std, beyond, reference) if m == 2 else _boxes(mean, std, beyond, reference)


def expected_excess(mean: Array, std: Array, threshold: float) -> Array:
    """psi(t) = E[(g - t)+] of Gaussians (N,), max(mean - t, 0) where the standard deviation is zero."""
    gain = mean - threshold
    if not std.any():
        return np.maximum(gain, 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = gain / std
        excess = std * (_DENSITY * np.exp(-0.5 * z * z) + z * ndtr(z))
    # Far below the threshold the two terms cancel to rounding, which may be negative.
    return np.where(std > 0, np.maximum(excess, 0.0), np.maximum(gain, 0.0))


def _strips(mean: Array, std: Array, front: Array, reference: Array) -> Array:
    firsts, seconds = staircase(front) if len(front) else (np.empty(0), np.empty(0))
    edges = np.concatenate([reference[:1], firsts])
    floors = np.concatenate([seconds, reference[1:]])  # the height of the front over each strip
    total = np.zeros(len(mean))
    beyond = expected_excess(mean[:, 0], std[:, 0], float(edges[0]))
    for strip, floor in enumerate(floors.tolist()):
        after = np.zeros(1)
        if strip + 1 < len(edges):
            after = expected_excess(mean[:, 0], std[:, 0], float(edges[strip + 1]))
        total += np.maximum(beyond - after, 0.0) * expected_excess(mean[:, 1], std[:, 1], floor)
        beyond = after
    return total


def _boxes(mean: Array, std: Array, front: Array, reference: Array) -> Array:
    lower, upper = free_boxes(front, reference)
    total = np.zeros(len(mean))
    excess = [
        {edge: expected_excess(mean[:, j], std[:, j], edge) for edge in _edges(lower[:, j], upper[:, j])}
        for j in range(mean.shape[1])
    ]
    for low, high in zip(lower.tolist(), upper.tolist(), strict=True):
        share = np.ones(len(mean))
        for j, (start, end) in enumerate(zip(low, high, strict=True)):
            over = excess[j].get(end, 0.0)  # nothing is beyond a box without an end
            share *= np.maximum(excess[j][start] - over, 0.0)
        total += share
    return total


def _edges(lower: Array, upper: Array) -> Sequence[float]:
    edges = np.unique(np.concatenate([lower, upper]))
    return edges[np.isfinite(edges)].tolist()


def free_boxes(front: Array, reference: Array) -> tuple[Array, Array]:
    """Boxes that together are all beyond the reference and not dominated by the front: corners (c, m), (c, m).

    Raises:
        InputError: BoTorch is not installed.
    """
    boxes = library(
        "botorch.utils.multi_objective.box_decompositions.non_dominated",
        "expected hypervolume improvement of three or more criteria",
    )
    import torch

    kept = np.unique(front[non_dominated(front)], axis=0)
    corner = torch.from_numpy(np.array(reference, dtype=np.float64))
    bounds = boxes.FastNondominatedPartitioning(ref_point=corner, Y=torch.from_numpy(kept)).get_hypercell_bounds()
    lower, upper = bounds.numpy().astype(np.float64)
    return lower, upper


def improvement(points: Array, front: Array, reference: Array) -> Array:
    """(N,) what each of N points (N, m), known for certain, adds to the hypervolume."""
    return expected_hypervolume_improvement(points, np.zeros_like(points), front, reference)


__all__ = ["expected_excess", "expected_hypervolume_improvement", "free_boxes", "improvement"]
