"""Every search method by its name."""

from __future__ import annotations

from arch2vec.errors import unknown
from arch2vec.searching.adjacency_bo import AdjacencyBayesianOptimization
from arch2vec.searching.arch2vec_rl import Arch2vecRL, ReleasedArch2vecRL
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.bohb import BOHB
from arch2vec.searching.evolution import RegularizedEvolution
from arch2vec.searching.gp_bo import GPBayesianOptimization, LocalBayesianOptimization
from arch2vec.searching.greedy_forest import GreedyForest
from arch2vec.searching.group_bo import (
    GroupedBayesianOptimization,
    StructureAndSubtreesBayesianOptimization,
    SubtreeBayesianOptimization,
)
from arch2vec.searching.local_search import LocalSearch
from arch2vec.searching.random_search import RandomSearch
from arch2vec.searching.reinforce import Reinforce
from arch2vec.searching.released_bo import ReleasedBayesianOptimization
from arch2vec.searching.supervised_bo import ReleasedSupervisedBayesianOptimization, SupervisedBayesianOptimization
from arch2vec.searching.supervised_rl import SupervisedRL

METHODS: dict[str, type[SearchMethod]] = {
    method.name: method
    for method in (
        RandomSearch,
        RegularizedEvolution,
        LocalSearch,
        Reinforce,
        BOHB,
        BayesianOptimization,
        GPBayesianOptimization,
        LocalBayesianOptimization,
        GroupedBayesianOptimization,
        SubtreeBayesianOptimization,
        StructureAndSubtreesBayesianOptimization,
        AdjacencyBayesianOptimization,
        ReleasedBayesianOptimization,
        GreedyForest,
        Arch2vecRL,
        ReleasedArch2vecRL,
        SupervisedRL,
        SupervisedBayesianOptimization,
        ReleasedSupervisedBayesianOptimization,
    )
}
"""Every search method by its name."""


def get_method(name: str) -> type[SearchMethod]:
    """The search method called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in METHODS:
        raise unknown("search method", name, METHODS)
    return METHODS[name]
