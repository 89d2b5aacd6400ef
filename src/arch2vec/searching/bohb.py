"""BOHB (Falkner, Klein and Hutter, ICML 2018): Hyperband whose new architectures come from a model.

:mod:`arch2vec.searching.brackets` says how many architectures are evaluated at which
fidelity. A third of the new ones are random; the others maximise l(x) / g(x) among 64
samples of l, where l and g are kernel densities
(:mod:`arch2vec.searching.kernel_densities`) of the good and the bad evaluations
at the highest fidelity that has enough of them: with D decisions and n successful
evaluations, n must be at least D + 3, l has the best max(D + 1, 0.15 n) and g the worst
max(D + 1, n - that). x are an architecture's discrete decisions
(:mod:`arch2vec.searching.decisions`).

As published, bandwidths are the normal reference's, and samples are drawn from l with
its bandwidths tripled (``bandwidths="reference", widening=3``). On NAS-Bench-201
(CIFAR-10, 200-epoch validation, one fidelity, 50 seeds) that is hardly better than
random search: 93.91 % mean test accuracy after 100 evaluations and 94.04 after 150.
Our rule without widening, the default, gives 94.25 and 94.34.

Samples that make no architecture of the embedding or a covered function are left out;
where none of 256 remains, a random architecture takes their place. An architecture is
promoted as it is, so an evaluation at a higher fidelity is of the same one, paid in full.
While a bracket waits for evaluations (batches), the next is begun.

Without a choice of fidelities every bracket is one evaluation, and the method is TPE
with a joint density. An evaluation told at fidelity None counts for the highest.
NATS-Bench's comparison has BOHB with 4 samples instead of 64 and no random share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.base import Proposal, SearchMethod
from arch2vec.searching.brackets import Bracket, Fidelity, choose_levels
from arch2vec.searching.decisions import UNMADE, decisions_of
from arch2vec.searching.kernel_densities import KernelDensity, Rule, check_rule
from arch2vec.searching.moves import NONE

_GOOD, _ROUNDS = 0.15, 4


class BOHB(SearchMethod):
    """Hyperband with kernel densities.

    Args:
        embedding: the architectures to choose from; its vectors are not used.
        seed: of all random choices.
        fidelities: what the objective offers; see :func:`arch2vec.searching.brackets.choose_levels`
            for which are used. None or empty for no choice.
        eta: one in how many goes on to the next fidelity.
        random_share: of the new architectures, how many don't come from the model.
        samples: how many are drawn from l for one to be proposed.
        bandwidths: the rule for the kernels' widths.
        widening: what l's bandwidths are multiplied by for samples.

    Attributes:
        levels: the fidelities used, ascending.
    """

    name: ClassVar[str] = "bohb"

    def __init__(
        self,
        embedding: Embedding,
        *,
        seed: int,
        fidelities: Sequence[int] | None = None,
        eta: int = 3,
        random_share: float = 1 / 3,
        samples: int = 64,
        bandwidths: Rule = "root",
        widening: float = 1.0,
    ) -> None:
        super().__init__(embedding, seed=seed)
        if eta < 2:
            raise InputError(f"one in at least 2 goes on to the next fidelity, got eta {eta}")
        if not 0 <= random_share <= 1:
            raise InputError(f"the random share must be between 0 and 1, got {random_share}")
        if samples < 1:
            raise InputError(f"at least 1 sample is needed, got {samples}")
        if not (np.isfinite(widening) and widening > 0):
            raise InputError(f"the widening is a positive number, got {widening}")
        check_rule(bandwidths)
        self.bandwidths, self.widening = bandwidths, widening
        self.levels = choose_levels(fidelities or (), eta)
        self.eta, self.random_share, self.samples = eta, random_share, samples
        self._decisions = decisions_of(embedding)
        self._sizes = self._decisions.sizes + self._decisions.has_unmade  # an unmade decision is a choice of its own
        self._brackets: list[Bracket] = []
        self._begun = 0
        self._forget()

    @override
    def _forget(self) -> None:
        self._values: dict[tuple[int, Fidelity], float] = {}
        self._observed: dict[Fidelity, list[tuple[int, float]]] = defaultdict(list)  # successes, rows and values

    @override
    def _learn(self, row: int, value: float, fidelity: int | None) -> None:
        level = self.levels[-1] if fidelity is None else fidelity
        if (row, level) not in self._values:
            self._values[row, level] = value
            if not np.isnan(value):
                self._observed[level].append((row, value))

    @property
    @override
    def remaining(self) -> int:
        """How many evaluations can be proposed: new functions, and promotions that are due."""
        new = super().remaining
        return new + sum(len(bracket.promotions(self._values, new == 0) or []) for bracket in self._brackets)

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[Proposal]]:
        return [method._next(n) for method in methods]

    def _next(self, n: int) -> list[Proposal]:
        proposals: list[tuple[int, Fidelity]] = []
        new: list[int] = []
        densities = self._densities()
        while len(proposals) < n:
            closed = super().remaining == len(new)
            self._brackets = [b for b in self._brackets if b.promotions(self._values, closed) is not None]
            for bracket in self._brackets:
                promoted = bracket.promotions(self._values, closed)
                if promoted:
                    row = promoted[0]
                elif bracket.wants_new and not closed:
                    row = self._new(new, densities)
                    new.append(row)
                else:
                    continue
                proposals.append((row, bracket.fidelity))
                bracket.rungs[-1].append(row)
                break
            else:
                self._begin()
        return [row if fidelity is None else (row, fidelity) for row, fidelity in proposals]

    def _begin(self) -> None:
        """Start another bracket."""
        number = len(self.levels) - 1 - self._begun % len(self.levels)
        self._brackets.append(Bracket(number, self.levels, self.eta))
        self._begun += 1

    def _densities(self) -> tuple[KernelDensity, KernelDensity] | None:
        """The densities l and g, None where no fidelity has enough evaluations."""
        least = len(self._sizes) + 1
        enough = [fidelity for fidelity, pairs in self._observed.items() if len(pairs) >= least + 2]
        if not enough or not len(self._sizes):
            return None
        pairs = self._observed[max(enough, key=lambda fidelity: np.inf if fidelity is None else fidelity)]
        best_first = np.array([row for row, _ in sorted(pairs, key=lambda pair: -pair[1])])
        good = max(least, int(_GOOD * len(pairs)))
        bad = max(least, len(pairs) - good)
        points = self._points(best_first)
        return (
            KernelDensity(points[:good], self._sizes, self.bandwidths),
            KernelDensity(points[-bad:], self._sizes, self.bandwidths),
        )

    def _points(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        choices = self._decisions.choices[rows].astype(np.int64)
        return np.where(choices == UNMADE, self._decisions.sizes, choices)

    def _new(self, besides: Sequence[int], densities: tuple[KernelDensity, KernelDensity] | None) -> int:
        if densities is None or self._rng.random() < self.random_share:
            return self.draw_besides(besides)
        good, bad = densities
        taken = [int(self._function[row]) for row in besides]
        for _ in range(_ROUNDS):
            samples = good.sample(self.samples, self.widening, self._rng)
            # What is not said of a vertex is left to chance, should it be there.
            anything = self._rng.integers(self._decisions.sizes, size=samples.shape)
            rows = self._decisions.rows(np.where(samples == self._decisions.sizes, anything, samples))
            functions = self._function[rows]
            rows = rows[(rows != NONE) & ~self._covered[functions] & ~np.isin(functions, taken)]
            if len(rows):
                points = self._points(rows)
                return int(rows[np.argmax(good.log_density(points) - bad.log_density(points))])
        return self.draw_besides(besides)

    @override
    def _expected(self, row: int, fidelity: int | None) -> None:
        level = fidelity if fidelity is not None or self.levels[-1] is None else self.levels[-1]
        for _ in range(len(self.levels) + 1):
            for bracket in self._brackets:
                promoted = bracket.promotions(self._values, False) or []
                if bracket.fidelity == level and (row in promoted or (bracket.wants_new and not promoted)):
                    bracket.rungs[-1].append(row)
                    return
            self._begin()

    @override
    def _own_state(self) -> dict[str, Any]:
        brackets = [bracket.to_json() for bracket in self._brackets]
        return {"levels": list(self.levels), "begun": self._begun, "brackets": brackets}

    @override
    def _read_own_state(self, state: Mapping[str, Any]) -> tuple[int, list[Bracket]]:
        if state["levels"] != self.levels:
            raise InputError(f"this is the state of a search at the fidelities {state['levels']}, not {self.levels}")
        brackets = [Bracket(int(entry["number"]), self.levels, self.eta, entry["rungs"]) for entry in state["brackets"]]
        asked = {tuple(entry) if isinstance(entry, list) else (entry, None) for entry in state["asked"]}
        if not {pair for bracket in brackets for pair in bracket.evaluations()} <= asked:
            raise ValueError("its brackets hold what was not asked for")
        return int(state["begun"]), brackets

    @override
    def _take_own_state(self, own: tuple[int, list[Bracket]]) -> None:
        self._begun, self._brackets = own
