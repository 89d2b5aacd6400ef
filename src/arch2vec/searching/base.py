"""What a search method is: it proposes architectures and is told what they were worth.

A method never runs an evaluation itself (ask and tell), so the same one serves
a table look-up, a training on this machine and a cluster. It sees the embedding
and the values it is told, nothing else: no test accuracy can reach it.

Bookkeeping is the same for every method and lives here. An architecture is
*covered* once it, or another that computes the same function, has been
proposed or told; covered architectures are never proposed. A *failed*
evaluation is told as NaN: it is covered like any other and fits no model.

A method of one's own overrides :meth:`SearchMethod.propose` and nothing else, as long as what it proposes
follows from :attr:`SearchMethod.told` and :attr:`SearchMethod.rng`: everything that is told is there, so that
resuming works by itself. What it keeps besides is rebuilt by :meth:`SearchMethod._learn` or stored by
:meth:`SearchMethod._own_state`. :func:`arch2vec.testing.check_method` tells whether it keeps the rules.

A *fidelity* is how much an evaluation is spent on, in the objective's units
(training epochs); None is the objective's own default. Most methods never ask
for another. One that does may propose a covered architecture once more, the
very same one, at a higher fidelity than every time before.
"""

from __future__ import annotations

import math
import operator
from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.kinds import is_whole
from arch2vec.common.schemas import METHOD_STATE
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.pools.pool import Pool

LARGEST = 1e15
"""The largest size of a value that methods calculate with; squares of it still fit single precision."""

_TRIES = 32  # random rows looked at for one that is not covered, before those are listed


@dataclass(frozen=True)
class Candidate:
    """An architecture proposed for evaluation.

    Attributes:
        index: its row in the embedding.
        architecture: the same in the space's notation.
        fidelity: what to evaluate it at, None for the objective's default.
    """

    index: int
    architecture: str
    fidelity: int | None = None


Proposal = int | tuple[int, int]
"""A row of the embedding to evaluate at the default fidelity, or (row, fidelity)."""


class SearchMethod(ABC):
    """Proposes architectures of an embedding so as to find one of high value.

    Everything it does follows from the embedding, the seed and what it was
    told, in order: :meth:`state_dict` holds all three but the embedding, and a
    method that loads it goes on as if it had never stopped.

    >>> import arch2vec
    >>> class First(arch2vec.SearchMethod):
    ...     name = "first"
    ...
    ...     def propose(self, n):
    ...         return self.uncovered()[:n]
    >>> cells = arch2vec.represent("nasbench201", "adjacency", sample=20)
    >>> [candidate.index for candidate in First(cells, seed=0).ask(2)]
    [0, 1]

    Args:
        embedding: the architectures to choose from, and their vectors.
        seed: of all its random choices.

    Attributes:
        made_with: the settings that it was made with, keyword arguments besides the seed.
        repeats: whether it may propose, and have paid for, what is covered already.
    """

    name: ClassVar[str]
    computes_on_device: ClassVar[bool] = False
    goes_by_edits: ClassVar[bool] = False
    """Whether it goes from an architecture to those one edit away."""
    """Whether it takes :class:`arch2vec.searching.pool.OnDevice` for a pool."""
    reads_rows: ClassVar[bool] = False
    """Whether it only looks at some rows of an embedding, and so can search a :class:`arch2vec.pools.Pool`. What a
    class says counts for itself and not for those derived from it."""
    repeats: bool = False
    made_with: Mapping[str, Any]

    def __new__(cls, *_: Any, **settings: Any) -> Self:
        """Note the settings before any constructor changes them."""
        made = super().__new__(cls)
        made.made_with = {name: value for name, value in settings.items() if name not in ("embedding", "seed")}
        return made

    def __init__(self, embedding: Embedding, *, seed: int) -> None:
        if not is_whole(seed) or seed < 0:
            raise InputError(f"a seed is a whole number and must not be negative, got {seed!r}")
        if isinstance(embedding, Pool) and not reads_rows(type(self)):
            raise InputError(
                f"search method {self.name} looks at all architectures at once, and those of a pool lie on disk; give "
                "it the pool's reduced embedding, or take another method"
            )
        self.embedding = embedding
        self.seed = seed
        self._rng = np.random.default_rng(seed)
        self._function, self._num_functions = _functions(embedding)
        self._covered = self._none_covered()
        self._num_covered = 0
        self._asked: list[int] = []
        self._asked_at: list[int | None] = []  # their fidelities
        self._waiting: dict[tuple[int, int | None], None] = {}  # asked and not told, in order
        self._told: list[tuple[int, float]] = []
        self._told_at: list[int | None] = []

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}"[:80] for name, value in self.made_with.items())
        if not hasattr(self, "_told"):  # not set up yet
            return f"{type(self).__name__}({settings.removeprefix(', ')})"
        space, told = self.embedding.space.name, len(self._told)
        return f"{type(self).__name__}({len(self.embedding):,} of {space}, seed={self.seed}{settings}; told {told})"

    @property
    def computed_on(self) -> str | None:
        """The kind of device that its model computes on, such as ``cuda``; None for the processor as methods do."""
        return None

    @property
    def functions(self) -> int:
        """How many different functions the embedding's architectures compute."""
        return len(self.embedding) if isinstance(self.embedding, Pool) else self._num_functions

    def counts_as_one(self, one: int, other: int) -> bool:
        """Whether two rows are evaluated once for both: architectures that compute the same function."""
        return bool(self._function[one] == self._function[other])

    @property
    def remaining(self) -> int:
        """How many more architectures can be proposed: the functions that are not covered."""
        return self.functions - self._num_covered

    @property
    def told(self) -> Sequence[tuple[int, float]]:
        """Rows and values of all evaluations, in the order told; NaN for a failure."""
        return self._told

    @property
    def rng(self) -> np.random.Generator:
        """The source of its random choices, which is part of its state."""
        return self._rng

    @property
    def pending(self) -> list[Candidate]:
        """What was proposed and has not been told yet, in the order of proposal."""
        return [self._candidate(row, fidelity) for row, fidelity in self._waiting]

    def ask(self, n: int = 1) -> list[Candidate]:
        """Propose ``n`` evaluations, no two of them of architectures that compute the same function.

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
        asked: list[list[Candidate]] = []
        for method, proposals in zip(methods, cls._propose(methods, n), strict=True):
            pairs = method._checked(proposals, n)
            asked.append([method._candidate(row, fidelity) for row, fidelity in pairs])
            for row, fidelity in pairs:
                method._asked.append(row)
                method._asked_at.append(fidelity)
                method._waiting[row, fidelity] = None
                method._cover(row)
        return asked

    def propose(self, n: int) -> Sequence[Proposal]:
        """``n`` rows of the embedding to evaluate, or (row, fidelity); what a method of one's own overrides.

        No two of the same function, and none that is covered, but for one at a higher fidelity than
        all evaluations of the same architecture before. At least n functions are not covered.
        """
        raise InputError(
            f"search method {type(self).__name__} was asked for {n} architectures and does not override propose()"
        )

    @classmethod
    def _propose(cls, methods: Sequence[Self], n: int) -> Sequence[Sequence[Proposal]]:
        """What :meth:`propose` says, for several searches at once, which methods that fit models override."""
        return [method.propose(n) for method in methods]

    def _checked(self, proposals: Sequence[Proposal], n: int) -> list[tuple[int, int | None]]:
        """Proposals as pairs of a row and a fidelity.

        Raises:
            InputError: they break the rules, which is a mistake of the method's.
        """
        pairs = [_pair(self.name, proposal) for proposal in proposals]
        if len(pairs) != n:
            raise InputError(f"search method {self.name} proposed {len(pairs)} architectures, asked for {n}")
        functions: set[int] = set()
        for row, fidelity in pairs:
            if not 0 <= row < len(self.embedding):
                raise InputError(f"search method {self.name} proposed row {row} of {len(self.embedding):,}")
            function = int(self._function[row])
            covered = fidelity is None and bool(self._covered[function])
            if not self.repeats and (covered or function in functions):
                raise InputError(
                    f"search method {self.name} proposed row {row} though it, or one that computes the same, was "
                    "proposed or told before; uncovered() has the rows that are left"
                )
            functions.add(function)
        return pairs

    def _learn(self, row: int, value: float, fidelity: int | None) -> None:  # noqa: B027
        """Take one evaluation in, after it has been noted; NaN is a failure. By default there is nothing to do.

        A method that keeps what it has learnt must arrive at the same by :meth:`_forget`
        and being told all again in the same order: that is how its state is loaded.
        """

    def _forget(self) -> None:  # noqa: B027
        """Go back to knowing of no evaluation."""

    def _own_state(self) -> dict[str, Any]:
        """What a method has to add to its state because it does not follow from what it was told; plain JSON."""
        return {}

    def _read_own_state(self, state: Mapping[str, Any]) -> Any:  # noqa: B027
        """Check what :meth:`_own_state` added, changing nothing, and return it as :meth:`_take_own_state` needs it.

        Raises:
            InputError, KeyError, TypeError, ValueError: it is damaged.
        """

    def _take_own_state(self, own: Any) -> None:  # noqa: B027
        """Take over what :meth:`_read_own_state` returned; evaluations are learnt afterwards."""

    def tell(self, candidates: Sequence[Candidate], values: Iterable[float]) -> None:
        """Take note of evaluations, whether this method proposed them or not.

        Args:
            candidates: what was evaluated.
            values: their validation accuracies in percent, to be maximised; NaN
                for an evaluation that failed.

        Raises:
            InputError: a candidate is not of this embedding, a value is infinite or too large
                to calculate with, or there are not as many values as candidates.
        """
        numbers = [float(value) for value in values]
        if len(numbers) != len(candidates):
            raise InputError(f"{len(candidates)} candidates need as many values, got {len(numbers)}")
        for candidate, value in zip(candidates, numbers, strict=True):
            self._check(candidate)
            if abs(value) > LARGEST:
                raise InputError(
                    f"the value of {candidate.architecture!r} is {value}; give a finite one of at most {LARGEST:g} in "
                    "size, or NaN for a failure"
                )
        for candidate, value in zip(candidates, numbers, strict=True):
            self._told.append((candidate.index, value))
            self._told_at.append(candidate.fidelity)
            self._waiting.pop((candidate.index, candidate.fidelity), None)
            self._cover(candidate.index)
            self._learn(candidate.index, value, candidate.fidelity)

    def expect(self, candidates: Sequence[Candidate]) -> None:
        """Take note that somebody else, or an earlier process, is evaluating these: they are pending here too.

        Raises:
            InputError: one is not of this embedding.
        """
        for candidate in candidates:
            self._check(candidate)
        for candidate in candidates:
            row, fidelity = pair = candidate.index, candidate.fidelity
            if pair in self._waiting:
                continue
            if pair not in zip(self._asked, self._asked_at, strict=True):
                self._asked.append(row)
                self._asked_at.append(fidelity)
                self._expected(row, fidelity)
            if pair not in zip((row for row, _ in self._told), self._told_at, strict=True):
                self._waiting[pair] = None
            self._cover(row)

    def withdraw(self, candidates: Sequence[Candidate]) -> None:
        """Take note that nobody is evaluating these any more: they may be proposed again."""
        told = {int(self._function[row]) for row, _ in self._told}
        for candidate in candidates:
            self._check(candidate)
            self._waiting.pop((candidate.index, candidate.fidelity), None)
            function = int(self._function[candidate.index])
            others = {int(self._function[row]) for row, _ in self._waiting}
            if self._covered[function] and function not in told | others:
                self._covered[function] = False
                self._num_covered -= 1

    def reseed(self, *numbers: int) -> None:
        """Let random choices from here on follow from some numbers instead of the choices before."""
        self._rng = np.random.default_rng(numbers)

    def _expected(self, row: int, fidelity: int | None) -> None:  # noqa: B027
        """Take in a proposal that was made elsewhere, after it has been noted."""

    def candidate(self, architecture: str) -> Candidate:
        """The candidate of an architecture, to tell what was evaluated elsewhere.

        Raises:
            InputError: it is malformed or not in the embedding.
        """
        return self._candidate(self.embedding.index_of(architecture))

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on from here, as plain JSON (a failure's NaN becomes null).

        ``asked`` are rows, ``told`` pairs of a row and a value; those of other fidelities
        than the default have the fidelity as one element more.
        """
        asked = zip(self._asked, self._asked_at, strict=True)
        told = zip(self._told, self._told_at, strict=True)
        return {
            "method": self.name,
            "seed": self.seed,
            "rng": self._rng.bit_generator.state,
            "asked": [row if fidelity is None else [row, fidelity] for row, fidelity in asked],
            "told": [_told_entry(row, value, fidelity) for (row, value), fidelity in told],
            **self._own_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned for the same embedding.

        Raises:
            InputError: it is of another method, or damaged; this method is then unchanged.
        """
        if state.get("method") != self.name:
            raise InputError(f"this is the state of method {state.get('method')!r}, not of {self.name!r}")
        try:
            METHOD_STATE(dict(state), "")
        except InputError as error:
            raise InputError(f"damaged state of method {self.name!r}: {error}") from error
        try:
            seed = int(state["seed"])
            rng = np.random.default_rng(seed)
            rng.bit_generator.state = state["rng"]
            asked = [_with_fidelity(entry if isinstance(entry, list) else [entry], 1) for entry in state["asked"]]
            told = [_with_fidelity(entry, 2) for entry in state["told"]]
            asked_rows = [int(row) for (row,), _ in asked]
            told_pairs = [(int(row), math.nan if value is None else float(value)) for (row, value), _ in told]
            own = self._read_own_state(state)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            raise InputError(f"damaged state of method {self.name!r}: {type(error).__name__} {error}") from error
        rows = np.array([*asked_rows, *(row for row, _ in told_pairs)], dtype=np.int64)
        if ((rows < 0) | (rows >= len(self.embedding))).any():
            raise InputError(
                f"the state of method {self.name!r} names rows beyond the embedding's {len(self.embedding):,}"
            )
        self.seed, self._rng, self._asked, self._told = seed, rng, asked_rows, told_pairs
        self._asked_at, self._told_at = ([fidelity for _, fidelity in entries] for entries in (asked, told))
        answered = {(row, fidelity) for (row, _), fidelity in zip(self._told, self._told_at, strict=True)}
        asked_for = dict.fromkeys(zip(self._asked, self._asked_at, strict=True))
        self._waiting = {pair: None for pair in asked_for if pair not in answered}
        self._covered = self._none_covered()
        self._covered[self._function[rows]] = True
        self._num_covered = int(self._covered.sum())
        self._take_own_state(own)
        self._forget()
        for (row, value), fidelity in zip(self._told, self._told_at, strict=True):
            self._learn(row, value, fidelity)

    def architectures_of(self, state: Mapping[str, Any]) -> Sequence[str]:
        """The architectures whose rows a state names.

        Raises:
            InputError: the state is damaged.
        """
        del state
        return self.embedding.architectures

    def _candidate(self, row: int, fidelity: int | None = None) -> Candidate:
        return Candidate(row, self.embedding.architectures[row], fidelity)

    def _none_covered(self) -> NDArray[np.bool_]:
        """A truth value for each function, also of those that a pool may grow by."""
        size = self.embedding.room if isinstance(self.embedding, Pool) else self._num_functions
        return np.zeros(size, dtype=np.bool_)

    def _cover(self, row: int) -> None:
        function = self._function[row]
        if not self._covered[function]:
            self._covered[function] = True
            self._num_covered += 1

    def uncovered(self, besides: Sequence[int] = ()) -> NDArray[np.int64]:
        """The rows left to propose: whose function is not covered, nor that of any row in ``besides``; ascending."""
        covered = self._covered.copy()
        covered[self._function[list(besides)]] = True
        return np.flatnonzero(~covered[self._function])

    def draw(self, n: int) -> list[int]:
        """``n`` rows, each uniform over what the earlier ones leave uncovered."""
        rows: list[int] = []
        for _ in range(n):
            rows.append(self.draw_besides(rows))
        return rows

    def draw_besides(self, rows: Sequence[int]) -> int:
        """A row, uniform over those whose function is not covered, nor that of any of ``rows``."""
        taken = {int(self._function[row]) for row in rows}
        for _ in range(_TRIES):  # listing what is left takes as long as thousands of tries in a large space
            row = int(self._rng.integers(self.embedding.drawn_from))
            if not self._covered[self._function[row]] and int(self._function[row]) not in taken:
                return row
        return int(self._rng.choice(self.uncovered(besides=rows)))

    def _require(self, n: int) -> None:
        if n < 1:
            raise InputError(f"ask for at least 1 architecture, got {n}")
        if n > self.remaining:
            raise InputError(
                f"asked for {n:,} more architectures with {self.remaining:,} left to propose: the embedding holds "
                f"{len(self.embedding):,} architectures that compute {self.functions:,} different functions"
            )

    def _check(self, candidate: Candidate) -> None:
        known = 0 <= candidate.index < len(self.embedding)
        if not known or self.embedding.architectures[candidate.index] != candidate.architecture:
            raise InputError(
                f"row {candidate.index} of the embedding is not {candidate.architecture!r}; "
                "make candidates with the method's candidate()"
            )


def reads_rows(kind: object) -> bool:
    """Whether a class of search methods says that it only looks at some rows."""
    return isinstance(kind, type) and bool(vars(kind).get("reads_rows", False))


_FUNCTIONS: WeakKeyDictionary[Embedding, tuple[NDArray[np.int64], int]] = WeakKeyDictionary()


def _functions(embedding: Embedding) -> tuple[NDArray[np.int64], int]:
    """(N,) the number of each architecture's function, from 0, and how many there are; worked out once."""
    if isinstance(embedding, Pool):
        return embedding.functions, len(embedding)
    if embedding not in _FUNCTIONS:
        different, numbers = np.unique(embedding.function_classes, return_inverse=True)
        _FUNCTIONS[embedding] = numbers.astype(np.int64), len(different)
    return _FUNCTIONS[embedding]


def _pair(method: str, proposal: Proposal) -> tuple[int, int | None]:
    row, fidelity = proposal if isinstance(proposal, tuple) else (proposal, None)
    try:
        return operator.index(row), None if fidelity is None else operator.index(fidelity)
    except TypeError:
        raise InputError(f"search method {method} proposed {proposal!r}, not a row or (row, fidelity)") from None


def _told_entry(row: int, value: float, fidelity: int | None) -> list[int | float | None]:
    entry: list[int | float | None] = [row, None if math.isnan(value) else value]
    return entry if fidelity is None else [*entry, fidelity]


def _with_fidelity(entry: Sequence[Any], length: int) -> tuple[Sequence[Any], int | None]:
    """An entry of a stored state without its fidelity, and the fidelity."""
    if len(entry) == length:
        return entry, None
    if len(entry) != length + 1:
        raise ValueError(f"{entry!r} is no entry")
    return entry[:length], int(entry[length])
