"""Search spaces by name."""

from __future__ import annotations

from collections.abc import Callable

from arch2vec.errors import unknown
from arch2vec.spaces.base import SearchSpace
from arch2vec.spaces.nasbench201 import NASBench201

SPACES: dict[str, Callable[[], SearchSpace]] = {
    "nasbench201": NASBench201,
}


def get_space(name: str) -> SearchSpace:
    """The search space called ``name``.

    Raises:
        InputError: there is none of that name.
    """
    if name not in SPACES:
        raise unknown("search space", name, SPACES)
    return SPACES[name]()


__all__ = ["SPACES", "NASBench201", "SearchSpace", "get_space"]
