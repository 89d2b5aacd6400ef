"""Bayesian optimisation over a pool: a surrogate and expected improvement (paper, section 4.2).

After some random architectures, each round proposes the architecture of highest
expected improvement among all that are left (or a part of them, see
:mod:`arch2vec.searching.pool`), given everything told so far.

Four choices are ours.

*The surrogate sees normal scores.* Accuracies are far from Gaussian: a tenth of
NAS-Bench-201 stays near chance while its best thousand lie within one percent.
On such a scale the network fits the failures and hardly tells good from best.
Values are therefore replaced by the normal quantiles of their ranks, which any
monotone change of scale leaves alone. With the learned embedding and the
200-epoch validation accuracy, the best of 100 evaluations has a test accuracy
of 94.32 % with ranks and 94.13 % without (20 seeds; random search: 93.88 %).

*Architectures that compute the same function are one point*, their mean vector
(:mod:`arch2vec.searching.vectors`), and one of them stands for all in the pool. On
NAS-Bench-201 after 25 / 50 / 100 evaluations, 64 seeds, that gives 93.73 / 94.15 /
94.32 % with the 12-epoch signal, against 93.62 / 94.08 / 94.28 % when every one of
them has its own vector; on CIFAR-100 71.62 / 72.70 / 73.37 % against 71.46 / 72.68 /
73.34 %. It takes half the time.

*The network is trained on a schedule.* What is expensive, training a network or
finding hyper-parameters, is done whenever there are ``growth`` times as many
values as the last time. In between every value is taken in all the same: given
the network, the posterior has a closed form. ``growth=1`` trains at every round,
as the paper does.

*Batches are diverse by belief.* When several architectures are asked for, or
earlier ones are still being evaluated, the surrogate is conditioned on its own
predictions for these (Ginsbourger, Le Riche and Carraro, 2010, "kriging
believer"; the means stay as in Desautels, Krause and Burdick, JMLR 2014): its
uncertainty around them goes, so that the next choice lies elsewhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError, unknown
from arch2vec.searching.acquisition import Acquisition, ExpectedImprovement
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.beliefs import Look, PoolBelief, RowsForecast, learning_size, read_looks
from arch2vec.searching.moves import moves_of
from arch2vec.searching.pool import OnDevice, Pool, Rows, Sampled, Scores, around_best, gather, pool_for, sampled
from arch2vec.searching.vectors import function_vectors
from arch2vec.surrogates.ranks import normal_scores

if TYPE_CHECKING:
    from arch2vec.surrogates.base import Learned, Surrogate

_SHORT_LIST = 256  # architectures of a sampled pool that a batch is chosen from, besides those found by refinement


class BayesianOptimization(SearchMethod):
    """DNGO with expected improvement.

    What is learned depends on the first values told and on (seed, how many they
    are), so the state holds no networks, and several searches learn at once in
    :meth:`ask_together`.

    Args:
        embedding: the architectures to choose from, and their vectors.
        seed: of all random choices.
        initial: how many random architectures are evaluated before the first
            model; failures do not count.
        surrogate: None for the method's own with its default settings.
        targets: what the surrogate is fitted to, normal scores of the values'
            ``ranks`` or the ``values`` as they are.
        growth: how many times as many values there are when it learns again; 1 for
            every round.
        acquisition: what a prediction is worth.
        pool: the architectures looked at in a round, as for :func:`arch2vec.searching.pool.pool_for`;
            or all of them on a device, not with ``around`` or ``repeats``.
        around: if positive, a round looks only at the neighbours of so many of the best
            evaluated architectures, and at the pool when too few of these are left.
        repeats: whether evaluated architectures may be proposed, and paid for, again.
    """

    name: ClassVar[str] = "bo"
    reads_rows: ClassVar[bool] = True
    computes_on_device: ClassVar[bool] = True

    def __init__(
        self,
        embedding: Embedding,
        *,
        seed: int,
        initial: int = 16,
        surrogate: Surrogate | None = None,
        targets: Literal["ranks", "values"] = "ranks",
        growth: float = 1.25,
        acquisition: Acquisition | None = None,
        pool: Pool = None,
        around: int = 0,
        repeats: bool = False,
    ) -> None:
        super().__init__(embedding, seed=seed)
        if initial < 2:
            raise InputError(f"a first model needs at least 2 initial architectures, got {initial}")
        if targets not in ("ranks", "values"):
            raise unknown("kind of target", targets, ("ranks", "values"))
        if not growth >= 1:
            raise InputError(f"growth must be at least 1, got {growth}")
        if around < 0:
            raise InputError(f"around is a number of architectures, got {around}")
        self.initial = initial
        self.surrogate = surrogate if surrogate is not None else self._default_surrogate()
        self.targets = targets
        self.growth = growth
        self.acquisition = acquisition if acquisition is not None else ExpectedImprovement()
        self.device: str | None = None
        self.pool: Sampled | None = None
        if isinstance(pool, OnDevice):
            from arch2vec.searching.together import check_settings

            self.device = pool.device
            check_settings(self.name, self.surrogate, self.acquisition, bool(around or repeats))
        else:
            self.pool = pool_for(embedding, pool)
        self.around = around
        self.repeats = repeats
        one_each = self.pool is None and not repeats
        self.pool_rows = self._one_a_function() if one_each else np.arange(len(embedding))
        self.looked: tuple[int, list[Look]] | None = None  # of a loaded state whose belief is not made yet
        self._forget()

    @classmethod
    def _default_surrogate(cls) -> Surrogate:
        from arch2vec.surrogates.dngo import DNGO

        return DNGO()

    @classmethod
    def surrogate_vectors(cls, embedding: Embedding) -> NDArray[np.float32]:
        """What the surrogate sees of the architectures, (N, d)."""
        return function_vectors(embedding)

    def _one_a_function(self) -> Rows:
        """The first row of each function."""
        return np.sort(np.unique(self._function, return_index=True)[1])

    @override
    def _forget(self) -> None:
        self.pool_belief: tuple[int, PoolBelief] | None = None  # and from how many values it was learned
        self.learned: tuple[int, Learned] | None = None  # likewise, of a search on a device
        self._sampled: tuple[tuple[int, int], Rows] | None = None  # and what it was drawn for
        self.observed_rows: list[int] = []  # rows of the evaluations that did not fail, in the order told
        self.observed_values: list[float] = []

    @override
    def _learn(self, row: int, value: float, fidelity: int | None) -> None:
        if not np.isnan(value):
            self.observed_rows.append(row)
            self.observed_values.append(value)

    @override
    def _own_state(self) -> dict[str, Any]:
        looked = self.looked if self.pool_belief is None else (self.pool_belief[0], self.pool_belief[1].looks)
        return (
            {"learned_from": None, "looks": []} if looked is None else {"learned_from": looked[0], "looks": looked[1]}
        )

    @override
    def _read_own_state(self, state: Mapping[str, Any]) -> tuple[int, list[Look]] | None:
        size = state.get("learned_from")  # states from before do not say
        observed = sum(entry[1] is not None for entry in state["told"])
        return None if size is None else (int(size), read_looks(state["looks"], len(self.embedding), True, observed))

    @override
    def _take_own_state(self, own: tuple[int, list[Look]] | None) -> None:
        self.looked = own

    @property
    @override
    def computed_on(self) -> str | None:
        return None if self.device is None else self.device.partition(":")[0]

    @property
    @override
    def remaining(self) -> int:
        return self.functions if self.repeats else super().remaining

    @property
    @override
    def pending(self) -> list[Candidate]:
        if not self.repeats:
            return super().pending
        told, waiting = Counter(row for row, _ in self._told), []
        for row in self._asked:
            told[row] -= 1
            if told[row] < 0:
                waiting.append(self._candidate(row))
        return waiting

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[int]]:
        proposals = [method.draw(method.random_share(n)) for method in methods]
        modelling = [(method, rows) for method, rows in zip(methods, proposals, strict=True) if len(rows) < n]
        alike: dict[Hashable, list[BayesianOptimization]] = defaultdict(list)
        for method, _ in modelling:
            size = method.learned_size()
            known = method.pool_belief if method.device is None else method.learned
            if known is None or known[0] != size:
                alike[method.embedding, method.surrogate, method.targets, size, method.device].append(method)
        for group in alike.values():
            _learn_together(group)
        surroundings: dict[Embedding, list[int]] = defaultdict(list)
        for method, _ in modelling:
            surroundings[method.embedding] += method.best_told()
        for embedding, best in surroundings.items():
            moves_of(embedding).explore(best)  # of all searches at once
        on_device = [(method, rows) for method, rows in modelling if method.device is not None]
        if on_device:
            from arch2vec.searching.together import fill

            fill(on_device, n)
        for method, rows in modelling:
            if method.device is None:
                method.fill_up(rows, n)
        return proposals

    def best_told(self) -> list[int]:
        """The evaluated architectures whose surroundings a round looks at, the best first."""
        count = max(self.around, self.pool.parents if self.pool else 0)
        if not count:
            return []
        order = sorted(range(len(self.observed_values)), key=self.observed_values.__getitem__, reverse=True)
        return [self.observed_rows[place] for place in order[:count]]

    def random_share(self, n: int) -> int:
        """How many of the next ``n`` proposals are random."""
        if len(self.observed_rows) < 2:
            return n
        if len(self.observed_rows) >= self.initial:
            return 0
        return min(n, max(0, self.initial - len(self.observed_rows) - len(self.pending)))

    def learned_size(self) -> int:
        """How many of the values told, the first ones, the surrogate is to have learned from."""
        return learning_size(len(self.observed_rows), self.initial, self.growth)

    def shown(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values as the surrogate sees them."""
        return normal_scores(values) if self.targets == "ranks" else values

    def fill_up(self, rows: list[int], n: int) -> None:
        """Bring proposals to ``n`` rows."""
        observed = self.observed_rows
        targets = self.shown(np.array(self.observed_values))
        best = float(targets.max())
        believed = [*(candidate.index for candidate in self.pending), *rows]
        scope, worth = self._scope(observed, targets, believed, n - len(rows))
        if worth is not None and n == 1 and not believed:
            rows.append(int(scope[np.argmax(worth)]))
            return
        forecast = self._forecast(scope, observed, targets)
        taken = list(rows)
        while True:
            if believed:
                best = max(best, float(forecast.believe(believed).max()))
            free = np.flatnonzero(self._may_propose(scope, taken))
            worth = self.acquisition(forecast.mean[free], forecast.std[free], best)
            chosen = int(scope[free[np.argmax(worth)]])
            rows.append(chosen)
            if len(rows) == n:
                return
            believed = [chosen]
            taken.append(chosen)

    def _may_propose(self, rows: Rows, taken: Sequence[int]) -> NDArray[np.bool_]:
        if self.repeats:
            return ~np.isin(rows, taken)
        functions = self._function[rows]
        free: NDArray[np.bool_] = ~self._covered[functions]
        return free & ~np.isin(functions, self._function[list(taken)]) if taken else free

    def _forecast(self, rows: Rows, observed: Sequence[int], targets: NDArray[np.float64]) -> RowsForecast:
        assert self.pool_belief is not None
        return self.pool_belief[1].forecast(rows, observed, targets)

    def _scope(
        self, observed: Sequence[int], targets: NDArray[np.float64], believed: Sequence[int], n: int
    ) -> tuple[Rows, Scores | None]:
        """The rows to choose ``n`` from, everything unless something narrows it; where known, what they are worth."""
        ranked = self.best_told()
        taken = list(believed)

        def free(rows: Rows) -> NDArray[np.bool_]:
            return self._may_propose(rows, taken)

        def score(rows: Rows) -> Scores:
            forecast = self._forecast(rows, observed, targets)
            return self.acquisition(forecast.mean, forecast.std, float(targets.max()))

        if self.around:
            rows = around_best(self.embedding, ranked[: self.around], free)
            if self._different(rows) >= n:
                return rows, None
        if self.pool is None:
            return self.pool_rows, None
        rows, worth = gather(self.embedding, self.pool, ranked, free, score, _SHORT_LIST + n, self._sample())
        return (rows, worth) if self._different(rows) >= n else (self.uncovered(taken), None)

    def _sample(self) -> Rows:
        """The pool's random rows, others whenever the surrogate learns."""
        assert self.pool is not None
        key = self.seed, self.learned_size()
        if self._sampled is None or self._sampled[0] != key:
            self._sampled = key, sampled(self.embedding, self.pool, key)
        return self._sampled[1]

    def _different(self, rows: Rows) -> int:
        """How many of free rows one batch could propose."""
        return len(rows) if self.repeats else len(set(self._function[rows].tolist()))


def _learn_together(methods: Sequence[BayesianOptimization]) -> None:
    """Let searches of one embedding learn from equally many values."""
    first = methods[0]
    size = first.learned_size()
    vectors = first.surrogate_vectors(first.embedding)
    features = np.stack([vectors[method.observed_rows[:size]] for method in methods])
    targets = np.stack([first.shown(np.array(method.observed_values[:size])) for method in methods])
    seeds = [(method.seed, size) for method in methods]
    if first.device is not None:
        from arch2vec.searching.together import learn

        for method, result in zip(methods, learn(first.surrogate, first.device, features, targets, seeds), strict=True):
            method.learned = size, result
        return
    learned = first.surrogate.learn(features, targets, seeds)
    for method, result in zip(methods, learned, strict=True):
        looked, method.looked = method.looked, None
        looks = looked[1] if looked is not None and looked[0] == size else ()
        method.pool_belief = size, PoolBelief(result, vectors, method.pool_rows, looks)
