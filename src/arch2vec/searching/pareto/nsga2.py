"""NSGA-II (Deb, Pratap, Agarwal and Meyarivan, IEEE TEC 2002) from pymoo, the evolutionary baseline.

Genes are the integer decisions that tell the embedding's architectures apart
(:mod:`arch2vec.searching.decisions`): on NAS-Bench-201 the six edges' operations,
on NAS-Bench-101 edges and operations. Parents are crossed uniformly and a child's
every gene is redrawn with probability 1 / (number of genes). pymoo ranks, selects
and mates.

What is evaluated once is looked up when it is bred again; a child that is no
architecture of the embedding, or whose evaluation failed, violates a constraint
and loses against every other. Generations are bred as soon as the last one is
evaluated. Asked for more before that, or when ten generations breed nothing new,
the method proposes random architectures. It does not use what is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.decisions import UNMADE, decisions_of
from arch2vec.searching.moves import NONE
from arch2vec.searching.pareto.base import ParetoSearch
from arch2vec.searching.pareto.criteria import Criterion
from arch2vec.searching.pareto.libraries import library

_BARREN = 10  # generations without anything new before a random architecture is proposed


class NSGA2(ParetoSearch):
    """Non-dominated sorting, crowding distances and binary tournaments.

    Args:
        embedding: the architectures to choose from; its vectors are not used.
        criteria: what they are judged by.
        seed: of all random choices.
        known: is not used.
        population: architectures of a generation, and children bred of it.

    Raises:
        InputError: pymoo is not installed, or the population is too small.
    """

    name: ClassVar[str] = "nsga2"

    def __init__(
        self,
        embedding: Embedding,
        criteria: Sequence[Criterion],
        *,
        seed: int,
        known: ArrayLike | None = None,
        population: int = 20,
    ) -> None:
        super().__init__(embedding, criteria, seed=seed, known=known)
        if population < 4:
            raise InputError(f"a population is at least 4 architectures, got {population}")
        self.population = population
        self.decisions = decisions_of(embedding)
        self._resume_at = 0
        self._forget()

    @override
    def _forget(self) -> None:
        self._algorithm = _algorithm(self)
        self._generation: Any = None  # pymoo's population that is being evaluated
        self._rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # its architectures
        self._generations = 0

    @override
    def _own_state(self) -> dict[str, Any]:
        return {**super()._own_state(), "generations": max(self._generations, self._resume_at)}

    @override
    def _read_own_state(self, state: Mapping[str, Any]) -> Any:
        return super()._read_own_state(state), int(state["generations"])

    @override
    def _take_own_state(self, own: Any) -> None:
        told, self._resume_at = own
        super()._take_own_state(told)

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[int]]:
        return [method.next_children(n) for method in methods]

    def next_children(self, n: int) -> list[int]:
        """The next ``n`` rows to evaluate."""
        while self._generations < self._resume_at:  # all but the last were evaluated, and follow from that
            if not self._breed():
                raise InputError("damaged state of method 'nsga2': it lacks evaluations of its earlier generations")
        rows: list[int] = []
        barren = 0
        while len(rows) < n:
            new = [row for row in dict.fromkeys(self._rows.tolist()) if row != NONE and not self._covered[row]]
            if new := [row for row in new if row not in rows]:
                rows.append(new[0])
            elif not rows and barren < _BARREN and self._breed():
                barren += 1
            else:
                rows.append(self.draw_besides(rows))
        return rows

    def _breed(self) -> bool:
        """Go on to the next generation, if this one is evaluated."""
        told = {row: values for (row, _), values in zip(self._told, self._criteria_told, strict=True)}
        if self._generation is not None:
            if any(row != NONE and row not in told for row in self._rows.tolist()):
                return False
            results = np.array([told.get(row, (np.nan,) * len(self.criteria)) for row in self._rows.tolist()])
            failed = np.isnan(results).any(axis=1)
            self._generation.set("F", np.where(failed[:, None], 0.0, -results))
            self._generation.set("G", failed[:, None].astype(np.float64))
            self._algorithm.tell(infills=self._generation)
        self._generation = self._algorithm.ask()
        if self._generation is None or not len(self._generation):
            return False
        self._rows = self.decisions.rows(self._generation.get("X").astype(np.int64))
        self._generations += 1
        return True


def _algorithm(search: NSGA2) -> Any:
    """Pymoo's NSGA-II for a search, at its start."""
    purpose = "method nsga2"
    nsga2 = library("pymoo.algorithms.moo.nsga2", purpose)
    problem = library("pymoo.core.problem", purpose)
    crossover = library("pymoo.operators.crossover.ux", purpose)
    mutation = library("pymoo.core.mutation", purpose)
    termination = library("pymoo.core.termination", purpose)
    sizes, choices = search.decisions.sizes, search.decisions.choices

    class Redraw(mutation.Mutation):  # type: ignore[misc, name-defined]
        """Every gene is drawn anew with probability 1 / (number of genes), to another value."""

        def _do(self, _: Any, X: NDArray[Any], *, random_state: np.random.Generator, **__: Any) -> NDArray[Any]:
            drawn = random_state.random(X.shape) < 1 / X.shape[1]
            return np.where(drawn, (X + random_state.integers(1, np.maximum(sizes, 2), X.shape)) % sizes, X)

    first = np.random.default_rng([search.seed, 0]).choice(len(choices), min(search.population, len(choices)), False)
    # The operation of a vertex that is not there is anything.
    genes = np.where(choices[first] == UNMADE, 0, choices[first]).astype(np.int64)
    algorithm = nsga2.NSGA2(
        pop_size=search.population,
        sampling=genes,
        crossover=crossover.UniformCrossover(prob=0.9),
        mutation=Redraw(prob=1.0),
        eliminate_duplicates=True,
        seed=search.seed,
    )
    shape = problem.Problem(n_var=len(sizes), n_obj=len(search.criteria), n_ieq_constr=1, xl=0, xu=sizes - 1, vtype=int)
    algorithm.setup(shape, termination=termination.NoTermination(), verbose=False)
    return algorithm
