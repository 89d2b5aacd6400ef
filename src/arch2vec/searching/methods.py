"""Every search method by its name. A method's module is imported when the method is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from arch2vec.errors import unknown
from arch2vec.searching.base import SearchMethod

_HOMES = {
    "random": "random_search.RandomSearch",
    "evolution": "evolution.RegularizedEvolution",
    "local-search": "local_search.LocalSearch",
    "reinforce": "reinforce.Reinforce",
    "bohb": "bohb.BOHB",
    "bo": "bo.BayesianOptimization",
    "gp-bo": "gp_bo.GPBayesianOptimization",
    "bo-local": "gp_bo.LocalBayesianOptimization",
    "group-bo": "group_bo.GroupedBayesianOptimization",
    "wl-bo": "group_bo.SubtreeBayesianOptimization",
    "group-wl-bo": "group_bo.StructureAndSubtreesBayesianOptimization",
    "bo-adjacency": "adjacency_bo.AdjacencyBayesianOptimization",
    "bo-release": "released_bo.ReleasedBayesianOptimization",
    "forest": "greedy_forest.GreedyForest",
    "arch2vec-rl": "arch2vec_rl.Arch2vecRL",
    "arch2vec-rl-release": "arch2vec_rl.ReleasedArch2vecRL",
    "supervised-rl": "supervised_rl.SupervisedRL",
    "supervised-bo": "supervised_bo.SupervisedBayesianOptimization",
    "supervised-bo-release": "supervised_bo.ReleasedSupervisedBayesianOptimization",
}


class _Methods(Mapping[str, type[SearchMethod]]):
    def __getitem__(self, name: str) -> type[SearchMethod]:
        module, _, kind = _HOMES[name].partition(".")
        found: type[SearchMethod] = getattr(import_module(f"arch2vec.searching.{module}"), kind)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


METHODS: Mapping[str, type[SearchMethod]] = _Methods()
"""Every search method by its name."""


def get_method(name: str) -> type[SearchMethod]:
    """The search method called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in METHODS:
        raise unknown("search method", name, METHODS)
    return METHODS[name]
