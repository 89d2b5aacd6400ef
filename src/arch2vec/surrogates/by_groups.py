"""The Gaussian process for vectors whose numbers stand in named groups, and what is expected of the groups at first."""

from __future__ import annotations

from arch2vec.representations.features import Groups
from arch2vec.representations.subtrees import holds_tokens
from arch2vec.surrogates.grouped_process import GroupedPrior, GroupedProcess

TOGETHER = ("paths", "walks", "neighbours", "costs")
"""The groups that have a term together, besides one each."""

PATHS_SHARE = 0.5
"""Of the prior variance that paths are expected to have among all terms. With ten labels the prior decides, and on
every space that we know the paths' numbers say most; with a hundred it makes no difference."""


def process_for(groups: Groups) -> GroupedProcess:
    """The surrogate for vectors of such groups: a term for each, and one for what an architecture computes.

    Raises:
        InputError: there is no group.
    """
    names = [name for name, _ in groups]
    together = tuple(place for place, name in enumerate(names) if name in TOGETHER)
    terms = [(place,) for place in range(len(names))] + ([together] if len(together) > 1 else [])
    shares = None
    if "paths" in names and len(terms) > 1:
        others = (1 - PATHS_SHARE) / (len(terms) - 1)
        shares = tuple(PATHS_SHARE if term == (names.index("paths"),) else others for term in terms)
    tokens = frozenset(place for place, name in enumerate(names) if holds_tokens(name))
    return GroupedProcess(
        tuple(size for _, size in groups), tuple(terms), tokens, GroupedPrior.wide(len(terms), shares)
    )
