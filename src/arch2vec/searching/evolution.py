"""Regularised evolution (Real, Aggarwal, Huang and Le, AAAI 2019, algorithm 1).

A population of random architectures is evaluated. Then, over and over: the best
of a few drawn from the population (with replacement, as in the algorithm) is
mutated, its child joins the population and the oldest member dies, however good
it is. Mutation is the space's own, drawn again until the child is in the
embedding and computes a function that has not been proposed or told: the
original would pay for it once more.

Settings in published comparisons: population 100 and tournament 25 (the method's
paper, 20,000 evaluations), 100 and 10 (on NAS-Bench-101, hundreds to thousands
of evaluations), 10 and 3 (on NATS-Bench, about a hundred). A population takes its
size in random evaluations before anything is learnt. The defaults are for
budgets of a hundred to a few hundred: on NAS-Bench-201 (CIFAR-10, 200-epoch
validation, 200 seeds) 30 and 10 reach the signal's optimum within 150 evaluations in
58 % of runs, 10 and 3 in 26 %, 100 and 10 in 12 %.

Batches are children of one population. A parent none of whose mutations is left
in the embedding is drawn again; after ten such parents, or in an embedding that holds
no neighbours, a random architecture takes the child's place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.moves import NONE, moves_of

_PARENTS = 10  # drawn before a random architecture takes the child's place
_FIRST_BLOCK, _MOST_MUTATIONS = 4, 128  # of one parent


class RegularizedEvolution(SearchMethod):
    """Evolution in which the oldest die.

    Args:
        embedding: the architectures to choose from; its vectors are not used.
        seed: of all random choices.
        population: how many architectures live; failed evaluations are not among them.
        tournament: how many are drawn, with replacement, for their best to be mutated.
    """

    name: ClassVar[str] = "evolution"
    goes_by_edits: ClassVar[bool] = True
    reads_rows: ClassVar[bool] = True

    def __init__(self, embedding: Embedding, *, seed: int, population: int = 30, tournament: int = 10) -> None:
        super().__init__(embedding, seed=seed)
        if population < 1:
            raise InputError(f"a population is at least 1 architecture, got {population}")
        if tournament < 1:
            raise InputError(f"a tournament is among at least 1 architecture, got {tournament}")
        self.population, self.tournament = population, tournament
        self._moves = moves_of(embedding)
        self._forget()

    @override
    def _forget(self) -> None:
        self._living: deque[tuple[int, float]] = deque(maxlen=self.population)  # rows and values, oldest first
        self._mutants: dict[int, NDArray[np.int64]] = {}

    @override
    def _learn(self, row: int, value: float, fidelity: int | None) -> None:
        if not np.isnan(value):
            self._living.append((row, value))

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[int]]:
        return [method._next(n) for method in methods]

    def _next(self, n: int) -> list[int]:
        rows: list[int] = []
        missing = self.population - len(self._living)
        if missing > 0:
            missing = n if not self._living else max(0, missing - len(self.pending))
        while len(rows) < n:
            child = None if len(rows) < missing else self._child(rows)
            rows.append(self.draw_besides(rows) if child is None else child)
        return rows

    def _child(self, besides: Sequence[int]) -> int | None:
        """A mutant that may be proposed together with ``besides``, None if ten parents had none."""
        taken = [int(self._function[row]) for row in besides]
        for _ in range(_PARENTS):
            drawn = self._rng.integers(len(self._living), size=self.tournament).tolist()
            parent, _ = max((self._living[member] for member in drawn), key=lambda member: member[1])
            child = self._first_mutant(parent, taken)
            if child is not None:
                return child
        return None

    def _first_mutant(self, parent: int, taken: Sequence[int]) -> int | None:
        """The first of a parent's mutations, in the order they are drawn, whose function is neither covered nor taken.

        Each parent has its own sequence of independent mutations, given by the seed.
        What has been proposed once is covered from then on, so looking from the
        start again is going on with the sequence: nothing about it needs storing.
        """
        neighbours = self._function[self._moves.neighbours(parent)]
        if not (~self._covered[neighbours] & ~np.isin(neighbours, taken)).any():
            return None  # without drawing all of them to see it
        drawn = self._mutants.get(parent, np.empty(0, dtype=np.int64))
        start = 0
        while True:
            for row in drawn[start:].tolist():
                if row != NONE and not self._covered[self._function[row]] and self._function[row] not in taken:
                    return int(row)
            start = len(drawn)
            if start >= _MOST_MUTATIONS:
                return None
            block = self._moves.mutants(
                parent, max(start, _FIRST_BLOCK), np.random.default_rng([self.seed, parent, start])
            )
            drawn = self._mutants[parent] = np.concatenate([drawn, block])
