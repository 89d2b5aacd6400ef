"""Searches for the best trade-offs: accuracy against latency, energy, parameters or multiply-adds."""

from __future__ import annotations

from arch2vec.errors import unknown
from arch2vec.searching.pareto.base import ParetoSearch
from arch2vec.searching.pareto.criteria import Criterion, gains
from arch2vec.searching.pareto.fronts import hypervolume, hypervolumes, non_dominated
from arch2vec.searching.pareto.methods import EHVI, ParEGO, RandomParetoSearch
from arch2vec.searching.pareto.nsga2 import NSGA2

__all__ = [
    "EHVI",
    "NSGA2",
    "PARETO_METHODS",
    "Criterion",
    "ParEGO",
    "ParetoSearch",
    "gains",
    "get_pareto_method",
    "hypervolume",
    "hypervolumes",
    "non_dominated",
]

PARETO_METHODS: dict[str, type[ParetoSearch]] = {
    method.name: method for method in (RandomParetoSearch, NSGA2, ParEGO, EHVI)
}
"""Every multi-objective method by its name."""


def get_pareto_method(name: str) -> type[ParetoSearch]:
    """The multi-objective method called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in PARETO_METHODS:
        raise unknown("multi-objective method", name, PARETO_METHODS)
    return PARETO_METHODS[name]
