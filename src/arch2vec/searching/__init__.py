"""Search methods (ask and tell), and studies that run them against an objective.

Names are imported when they are first used, so that processes which only evaluate do not wait for the methods.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arch2vec.searching.base import Candidate, SearchMethod
    from arch2vec.searching.bo import BayesianOptimization
    from arch2vec.searching.bohb import BOHB
    from arch2vec.searching.evolution import RegularizedEvolution
    from arch2vec.searching.local_search import LocalSearch
    from arch2vec.searching.methods import METHODS, get_method
    from arch2vec.searching.random_search import RandomSearch
    from arch2vec.searching.reinforce import Reinforce

_HOMES = {
    "BOHB": "bohb",
    "METHODS": "methods",
    "BayesianOptimization": "bo",
    "Candidate": "base",
    "LocalSearch": "local_search",
    "RandomSearch": "random_search",
    "RegularizedEvolution": "evolution",
    "Reinforce": "reinforce",
    "SearchMethod": "base",
    "get_method": "methods",
}

__all__ = [
    "BOHB",
    "METHODS",
    "BayesianOptimization",
    "Candidate",
    "LocalSearch",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforce",
    "SearchMethod",
    "get_method",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
