"""What a search method is: it proposes architectures and is told what they were worth.

A method never runs an evaluation itself (ask and tell), so the same one serves
a table look-up, a training on this machine and a cluster. It sees the embedding
and the values it is told, nothing else: no test accuracy can reach it.

Bookkeeping is the same for every method and lives here. An architecture is
*covered* once it, or another that computes the same function, has been
proposed or told; covered architectures are never proposed. A *failed*
evaluation is told as NaN: it is covered like any other and fits no model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError


@dataclass(frozen=True)
class Candidate:
    """An architecture proposed for evaluation.

    Attributes:
        index: its row in the embedding.
        architecture: the same in the space's notation.
    """

    index: int
    architecture: str


class SearchMethod(ABC):
    """Proposes architectures of an embedding so as to find one of high value.

    Everything it does follows from the embedding, the seed and what it was
    told, in order: :meth:`state_dict` holds all three but the embedding, and a
    method that loads it goes on as if it had never stopped.

    Args:
        embedding: the architectures to choose from, and their vectors.
        seed: of all its random choices.
    """

    name: ClassVar[str]

    def __init__(self, embedding: Embedding, *, seed: int) -> None:
        if seed < 0:
            raise InputError(f"a seed must not be negative, got {seed}")
        self.embedding = embedding
        self.seed = seed
        self._rng = np.random.default_rng(seed)
        _, self._function = np.unique(embedding.function_classes, return_inverse=True)
        self._num_functions = int(self._function.max()) + 1 if len(embedding) else 0
        self._covered = np.zeros(self._num_functions, dtype=np.bool_)
        self._asked: list[int] = []
        self._told: list[tuple[int, float]] = []

    @property
    def functions(self) -> int:
        """How many different functions the embedding's architectures compute."""
        return self._num_functions

    @property
    def remaining(self) -> int:
        """How many more architectures can be proposed: the functions that are not covered."""
        return self._num_functions - int(self._covered.sum())

    @property
    def pending(self) -> list[Candidate]:
        """What was proposed and has not been told yet, in the order of proposal."""
        told = {row for row, _ in self._told}
        return [self._candidate(row) for row in self._asked if row not in told]

    def ask(self, n: int = 1) -> list[Candidate]:
        """Propose ``n`` architectures to evaluate, no two of them computing the same function.

        Raises:
            InputError: n is not positive, or fewer than n functions are left.
        """
        return self.ask_together([self], n)[0]

    @classmethod
    def ask_together(cls, methods: Sequence[Self], n: int = 1) -> list[list[Candidate]]:
        """``ask(n)`` of several independent searches at once, which may be much cheaper.

        Every method proposes what it would propose on its own (for methods that
        fit models, as far as floating-point sums in another order allow).
        """
        for method in methods:
            method._require(n)
        proposals = cls._propose(methods, n)
        for method, rows in zip(methods, proposals, strict=True):
            for row in rows:
                method._asked.append(row)
                method._covered[method._function[row]] = True
        return [[method._candidate(row) for row in rows] for method, rows in zip(methods, proposals, strict=True)]

    @classmethod
    @abstractmethod
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[int]]:
        """Rows of ``n`` architectures for each method, none covered, no two of the same function."""

    def tell(self, candidates: Sequence[Candidate], values: Iterable[float]) -> None:
        """Take note of evaluations, whether this method proposed them or not.

        Args:
            candidates: what was evaluated.
            values: their validation accuracies in percent, to be maximised; NaN
                for an evaluation that failed.

        Raises:
            InputError: a candidate is not of this embedding, a value is infinite,
                or there are not as many values as candidates.
        """
        numbers = [float(value) for value in values]
        if len(numbers) != len(candidates):
            raise InputError(f"{len(candidates)} candidates need as many values, got {len(numbers)}")
        for candidate, value in zip(candidates, numbers, strict=True):
            self._check(candidate)
            if np.isinf(value):
                raise InputError(
                    f"the value of {candidate.architecture!r} is {value}; give a finite one, or NaN for a failure"
                )
        for candidate, value in zip(candidates, numbers, strict=True):
            self._told.append((candidate.index, value))
            self._covered[self._function[candidate.index]] = True

    def candidate(self, architecture: str) -> Candidate:
        """The candidate of an architecture, to tell what was evaluated elsewhere.

        Raises:
            InputError: it is malformed or not in the embedding.
        """
        return self._candidate(self.embedding.index_of(architecture))

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on from here, as plain JSON (a failure's NaN becomes null)."""
        return {
            "method": self.name,
            "seed": self.seed,
            "rng": self._rng.bit_generator.state,
            "asked": list(self._asked),
            "told": [[row, None if np.isnan(value) else value] for row, value in self._told],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned for the same embedding.

        Raises:
            InputError: it is of another method, or damaged; this method is then unchanged.
        """
        if state.get("method") != self.name:
            raise InputError(f"this is the state of method {state.get('method')!r}, not of {self.name!r}")
        try:
            seed = int(state["seed"])
            rng = np.random.default_rng(seed)
            rng.bit_generator.state = state["rng"]
            asked = [int(row) for row in state["asked"]]
            told = [(int(row), float("nan") if value is None else float(value)) for row, value in state["told"]]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"damaged state of method {self.name!r}: {type(error).__name__} {error}") from error
        rows = np.array([*asked, *(row for row, _ in told)], dtype=np.int64)
        if ((rows < 0) | (rows >= len(self.embedding))).any():
            raise InputError(
                f"the state of method {self.name!r} names rows beyond the embedding's {len(self.embedding):,}"
            )
        self.seed, self._rng, self._asked, self._told = seed, rng, asked, told
        self._covered = np.zeros(self._num_functions, dtype=np.bool_)
        self._covered[self._function[rows]] = True

    def _candidate(self, row: int) -> Candidate:
        return Candidate(row, self.embedding.architectures[row])

    def _uncovered(self, besides: Sequence[int] = ()) -> NDArray[np.int64]:
        """Rows whose function is not covered, nor that of any row in ``besides``, ascending."""
        covered = self._covered.copy()
        covered[self._function[list(besides)]] = True
        return np.flatnonzero(~covered[self._function])

    def _draw(self, n: int) -> list[int]:
        """``n`` rows, each uniform over what the earlier ones leave uncovered."""
        rows: list[int] = []
        for _ in range(n):
            rows.append(int(self._rng.choice(self._uncovered(besides=rows))))
        return rows

    def _require(self, n: int) -> None:
        if n < 1:
            raise InputError(f"ask for at least 1 architecture, got {n}")
        if n > self.remaining:
            raise InputError(
                f"asked for {n:,} more architectures with {self.remaining:,} left to propose: the embedding holds "
                f"{len(self.embedding):,} architectures that compute {self._num_functions:,} different functions"
            )

    def _check(self, candidate: Candidate) -> None:
        known = 0 <= candidate.index < len(self.embedding)
        if not known or self.embedding.architectures[candidate.index] != candidate.architecture:
            raise InputError(
                f"row {candidate.index} of the embedding is not {candidate.architecture!r}; "
                "make candidates with the method's candidate()"
            )
