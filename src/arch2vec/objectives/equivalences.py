"""Whether a table bears out what a space calls the same function.

A declaration says which operations are skips and which are zeros, and cells that differ in nothing else are taken for
one function. Where an operation has parameters after all, such cells differ in their values by much more than trainings
do. On NAS-Bench-201 the deviation within functions, in ranks, is 0.09 to 0.11 of that of all
cells (six columns of the table); with any one operation declared wrongly, be it on one edge only, 0.25 to 0.67.
"""

from __future__ import annotations

import numpy as np

from arch2vec.embedding import Embedding
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.spaces import DeclaredSpace

_DOUBTFUL = 0.2  # of the deviation of all ranks
_ENOUGH = 5  # functions of several cells that are needed to tell


def doubt(objective: LookupObjective, embedding: Embedding) -> str | None:
    """A line with an example where a table contradicts a declared space's equivalences, None where it does not."""
    space = embedding.space
    if not isinstance(space, DeclaredSpace) or not (space.roles.skip or space.roles.zero):
        return None
    values = objective.view(embedding).validation
    rows = np.flatnonzero(~np.isnan(values))
    _, function, sizes = np.unique(embedding.function_classes[rows], return_inverse=True, return_counts=True)
    several = sizes > 1
    if several.sum() < _ENOUGH:
        return None
    values = values[rows]
    # Middle ranks, so that ties (all the cells that predict by chance) are no difference.
    distinct, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = ((np.cumsum(counts) - (counts - 1) / 2) / len(values))[place]
    if len(distinct) < 2:
        return None
    deviations = ranks - (np.bincount(function, ranks) / sizes)[function]
    within = np.sqrt((deviations**2).sum() / (sizes - 1).sum())
    if within < _DOUBTFUL * ranks.std():
        return None
    low, high = np.full(len(sizes), np.inf), np.full(len(sizes), -np.inf)
    np.minimum.at(low, function, values)
    np.maximum.at(high, function, values)
    worst = int(np.where(several, high - low, -1.0).argmax())
    members = np.flatnonzero(function == worst)
    pair = [members[values[members].argmin()], members[values[members].argmax()]]
    texts = space.format(embedding.graphs[rows[pair]])
    return (
        f"{space.name} calls {texts[0]} and {texts[1]} the same function, but their values in {objective.name} are "
        f"{values[pair[0]]:.4g} and {values[pair[1]]:.4g}, and the {int(sizes[several].sum()):,} cells that share a "
        f"function differ by {within / ranks.std():.0%} as much as any cells do: either trainings are that noisy, or "
        "an operation under 'skip' or 'zero' does more than that (say so by position, or leave it out)"
    )
