"""REINFORCE on the discrete encoding (Williams, 1992), the baseline of the tabular benchmarks.

The policy is a table of logits: an independent softmax for every decision of
:mod:`arch2vec.searching.decisions`. With choices x_d, value r of the architecture
they make and baseline b, logits theta follow the gradient of (r - b) log pi(x),

    d log pi(x) / d theta_dc = [x_d = c] - pi_d(c),

by Adam at a rate of 0.01, as in NAS-Bench-201's and NATS-Bench's baseline; b is
the moving average, momentum 0.9, of the values before. One evaluation is one
update. A decision that the architecture says nothing about gets no gradient.

A sample that makes no architecture of the embedding, or one whose function is
covered, costs nothing and is drawn again, so that proposals follow the
policy's distribution over what is left. After 512 samples in vain, a row is drawn
with the probability that the policy gives to its decisions as it is written
in the embedding: the same distribution, as long as decisions and architectures are
one to one.

The published baseline pays for repeats, and it moves slowly: a hundred updates
of 0.01 change probabilities by a factor of at most e.
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
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.decisions import UNMADE, Decisions, decisions_of
from arch2vec.searching.moves import NONE

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8  # Adam's
_BLOCKS = 8, 24, 96, 384  # samples drawn at a time, as long as none will do


class Reinforce(SearchMethod):
    """A softmax policy a decision, trained by policy gradient.

    Args:
        embedding: the architectures to choose from; its vectors are not used.
        seed: of all random choices.
        learning_rate: of Adam, which changes the logits.
        momentum: of the baseline, the share of it that stays at an update; at least 0, below 1.
    """

    name: ClassVar[str] = "reinforce"

    def __init__(self, embedding: Embedding, *, seed: int, learning_rate: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(embedding, seed=seed)
        if not (np.isfinite(learning_rate) and learning_rate > 0):
            raise InputError(f"a learning rate is a positive number, got {learning_rate}")
        if not 0 <= momentum < 1:
            raise InputError(f"the baseline's momentum is at least 0 and below 1, got {momentum}")
        self.learning_rate, self.momentum = learning_rate, momentum
        self.decisions = decisions_of(embedding)
        self.samples: dict[int, list[int]] = {}  # the choices by which a row was proposed
        self._forget()

    @override
    def _forget(self) -> None:
        sizes = self.decisions.sizes
        exists = np.arange(sizes.max(initial=0)) < sizes[:, None]
        self.logits = np.where(exists, 0.0, -np.inf)  # (D, most choices)
        self._moments = np.zeros((2, *exists.shape))
        self._updates = 0
        self._baseline: float | None = None

    @override
    def _learn(self, row: int, value: float, fidelity: int | None) -> None:
        if np.isnan(value):
            return
        if self._baseline is None:
            self._baseline = value
        choices = np.array(self.samples.get(row, self.decisions.choices[row]), dtype=np.int64)
        gradient = (value - self._baseline) * score(self.logits, choices)
        self._baseline = self.momentum * self._baseline + (1 - self.momentum) * value
        self._updates += 1
        first, second = self._moments
        first += (1 - _BETA1) * (gradient - first)
        second += (1 - _BETA2) * (gradient**2 - second)
        step = first / (1 - _BETA1**self._updates) / (np.sqrt(second / (1 - _BETA2**self._updates)) + _EPS)
        self.logits += self.learning_rate * step

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[int]]:
        proposals: list[list[int]] = [[] for _ in methods]
        cumulative = [softmax(method.logits).cumsum(axis=1) for method in methods]
        for block in _BLOCKS:
            # Samples of all searches are turned into rows together, which takes hardly longer than those of one.
            waiting = [number for number, rows in enumerate(proposals) if len(rows) < n]
            alike: dict[Decisions, list[int]] = defaultdict(list)
            for number in waiting:
                alike[methods[number].decisions].append(number)
            for decisions, numbers in alike.items():
                samples = np.stack([methods[number].sample(cumulative[number], block) for number in numbers])
                found = decisions.rows(samples.reshape(len(numbers) * block, -1)).reshape(len(numbers), block)
                for number, sampled, choices in zip(numbers, found.tolist(), samples, strict=True):
                    methods[number].take(proposals[number], n, sampled, choices)
        for method, rows in zip(methods, proposals, strict=True):
            while len(rows) < n:
                row = method.choose(rows)
                method.samples[row] = method.decisions.choices[row].tolist()
                rows.append(row)
        return proposals

    def sample(self, cumulative: NDArray[np.float64], block: int) -> NDArray[np.int64]:
        """(block, D) independent samples of the policy whose probabilities have these cumulative sums (D, C)."""
        draws = self._rng.random((block, len(cumulative), 1))
        # The last choice takes what rounding leaves of the sum; choices that don't exist come after it.
        return np.minimum((draws >= cumulative).sum(axis=2), self.decisions.sizes - 1)

    def take(self, rows: list[int], n: int, found: Sequence[int], choices: NDArray[np.int64]) -> None:
        """Bring ``rows`` up to ``n`` by those of the samples found that may be proposed."""
        taken = {int(self._function[row]) for row in rows}
        for number, row in enumerate(found):
            function = int(self._function[row])  # of any row where none was found
            if len(rows) < n and row != NONE and not self._covered[function] and function not in taken:
                self.samples[row] = choices[number].tolist()
                rows.append(row)
                taken.add(function)

    def choose(self, besides: Sequence[int]) -> int:
        """A row by the probabilities of choices as they are in the embedding, of those left besides ``besides``."""
        free = self.uncovered(besides)
        with np.errstate(divide="ignore"):
            logs = np.log(softmax(self.logits))
        log_probabilities = np.zeros(len(free))
        for decision, chosen in enumerate(self.decisions.choices[free].T):
            log_probabilities += np.where(chosen == UNMADE, 0.0, logs[decision, chosen])
        weights = np.exp(log_probabilities - log_probabilities.max()).cumsum()
        return int(free[np.searchsorted(weights, self._rng.random() * weights[-1], side="right")])

    @override
    def _own_state(self) -> dict[str, Any]:
        return {"samples": [[row, *choices] for row, choices in self.samples.items()]}

    @override
    def _read_own_state(self, state: Mapping[str, Any]) -> dict[int, list[int]]:
        sizes = self.decisions.sizes
        samples = {int(row): [int(choice) for choice in choices] for row, *choices in state["samples"]}
        for choices in samples.values():
            if len(choices) != len(sizes) or (np.array(choices) < UNMADE).any() or (choices >= sizes).any():
                raise ValueError("its samples are none of this embedding")
        return samples

    @override
    def _take_own_state(self, own: dict[int, list[int]]) -> None:
        self.samples = own


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(D, C) probabilities of each decision's choices; those that don't exist have a logit of -inf."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=1, keepdims=True)


def score(logits: NDArray[np.float64], choices: NDArray[np.int64]) -> NDArray[np.float64]:
    """(D, C) the gradient of log pi(choices), (D,), with respect to the logits; see the module's text."""
    gradient = -softmax(logits)
    made = np.flatnonzero(choices != UNMADE)
    gradient[made, choices[made]] += 1
    gradient[choices == UNMADE] = 0
    return gradient
