"""The subtrees of an architecture's function graph, as groups of tokens for a kernel on graphs.

Columns hold no numbers that could be added or scaled, but tokens (:mod:`arch2vec.graphs.subtrees`);
only a model that takes them as such (:class:`arch2vec.surrogates.grouped_process.GroupedProcess`)
can use them. Their groups' names begin with :data:`SUBTREES`, which tells them from others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.function import function_graphs
from arch2vec.graphs.subtrees import subtree_tokens
from arch2vec.representations.features import Groups
from arch2vec.spaces.base import SearchSpace

SUBTREES = "subtrees"
"""What the names of groups of tokens begin with."""
DEPTHS = (0, 1, 2, 3)
"""Depths that are weighed, each by itself: deeper subtrees are hardly ever shared by two cells."""
BESIDE = (1, 2, 3)
"""Depths of the one group beside numbers, which say of single operations all there is to say."""

_CHUNK = 16_384


def subtrees(
    graphs: GraphBatch, space: SearchSpace, depths: Sequence[int] = DEPTHS, *, apart: bool = True
) -> tuple[NDArray[np.float32], Groups]:
    """The tokens of N architectures.

    Args:
        graphs: the N architectures to describe.
        space: they belong to.
        depths: of the subtrees.
        apart: a group for every depth, or one for all of them.

    Returns:
        (N, D) tokens and their groups.

    Raises:
        InputError: a graph is no architecture of the space, or there is no depth.
    """
    space.check(graphs)
    if not depths or min(depths) < 0 or len(set(depths)) < len(depths):
        raise InputError(f"subtrees need different depths from 0 on, got {tuple(depths)}")
    parts = [
        subtree_tokens(function_graphs(graphs[start : start + _CHUNK], space.roles.skip, space.roles.zero), depths)
        for start in range(0, max(1, len(graphs)), _CHUNK)
    ]
    tokens = np.concatenate(parts)
    size = tokens.shape[1] // len(depths)
    if not apart:
        return tokens, ((SUBTREES, tokens.shape[1]),)
    return tokens, tuple((f"{SUBTREES} of depth {depth}", size) for depth in depths)


def holds_tokens(name: str) -> bool:
    """Whether a group of this name holds tokens."""
    return name.startswith(SUBTREES)


def token_columns(groups: Groups) -> NDArray[np.bool_]:
    """(D,) which columns hold tokens."""
    return np.repeat([holds_tokens(name) for name, _ in groups], [size for _, size in groups])
