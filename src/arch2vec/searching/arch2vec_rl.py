"""REINFORCE in the latent space (paper, section 4.2 and appendix): a policy walks from architecture to architecture.

The policy, an LSTM, stands at the vector of the last architecture and gives the
mean of a Gaussian over the next point; the nearest architecture that is not
covered is evaluated. Sixteen steps make an episode. Then the policy learns
from their values (:mod:`arch2vec.searching.policy`) and its memory is cleared.

A step needs no value, only the update after sixteen does. Several architectures
asked for at once are therefore just the next steps of the walk. An episode is
learned from at the start of the first later episode at which all its values are
known, in whatever order they came: as long as some are missing the walk goes on with the
policy as it is. A failed evaluation is a step like any other that teaches
nothing. Evaluations told from elsewhere are covered and rank with the others,
but teach the policy nothing either: it did not choose them.

The state holds no weights. With what was asked and told, and how much had been
told whenever something was asked, the walk is repeated exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.pools.pool import Pool
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.rl_config import RLConfig, advantages, scores_among

if TYPE_CHECKING:
    from torch import Tensor

    from arch2vec.searching.latent_map import LatentMap
    from arch2vec.searching.policy import Policies


_DEFAULT = RLConfig()


class Arch2vecRL(SearchMethod):
    """A policy over points of the latent space, trained by policy gradient.

    Args:
        embedding: the architectures to choose from, and their vectors.
        seed: of all random choices.
        config: how the policy walks and learns.
    """

    name: ClassVar[str] = "arch2vec-rl"
    reads_rows: ClassVar[bool] = True

    def __init__(self, embedding: Embedding, *, seed: int, config: RLConfig = _DEFAULT) -> None:
        super().__init__(embedding, seed=seed)
        self.config = config
        self.told_before: list[int] = []  # a number for every step
        self._forget()

    @override
    def _forget(self) -> None:
        self.first_told: dict[int, tuple[int, float]] = {}  # row: when, and its value
        self._count = 0
        self.restart()

    def restart(self) -> None:
        """Go back to the start of the walk, to take it again."""
        self.walk: list[int] = []
        self.actions: list[Tensor] = []
        self.noise = np.empty((0, 0), dtype=np.float32)
        self.unlearned: list[int] = []  # episodes
        self.policies: tuple[Policies, int] | None = None
        self.latent_map: LatentMap | None = None

    @override
    def _learn(self, row: int, value: float, fidelity: int | None) -> None:
        self.first_told.setdefault(row, (self._count, value))
        self._count += 1

    @override
    def _expected(self, row: int, fidelity: int | None) -> None:
        del self.told_before[len(self._asked) - 1 :]
        self.told_before.append(len(self._told))

    @override
    def _own_state(self) -> dict[str, Any]:
        return {"told_when_asked": self.told_before[: len(self._asked)]}

    @override
    def _read_own_state(self, state: Mapping[str, Any]) -> list[int]:
        counts = [int(count) for count in state["told_when_asked"]]
        if len(counts) != len(state["asked"]) or counts != sorted(counts):
            raise ValueError("told_when_asked does not fit what was asked")
        if counts and not 0 <= counts[0] <= counts[-1] <= len(state["told"]):
            raise ValueError("told_when_asked does not fit what was told")
        return counts

    @override
    def _take_own_state(self, own: list[int]) -> None:
        self.told_before = own

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[int]]:
        from arch2vec.common.threads import thread_count

        proposals: list[list[int]] = [[] for _ in methods]
        with thread_count(1):
            for method in methods:
                del method.told_before[len(method._asked) :]
                if len(method.walk) > len(method._asked):  # a proposal was interrupted
                    method.restart()
            while behind := [method for method in methods if len(method.walk) < len(method._asked)]:
                cls._advance(behind, [method._asked[len(method.walk)] for method in behind])
            for _ in range(n):
                for method in methods:
                    method.told_before.append(len(method._told))
                for rows, row in zip(proposals, cls._advance(methods, None), strict=True):
                    rows.append(row)
        return proposals

    @classmethod
    def _advance(cls, methods: Sequence[Self], known: Sequence[int] | None) -> list[int]:
        """Take one step of every walk, to ``known`` rows where it is being repeated, and return the rows."""
        rows = [-1] * len(methods) if known is None else list(known)
        groups: dict[Hashable, list[int]] = defaultdict(list)
        for number, method in enumerate(methods):
            if method.walk or not method.config.pay_initial:
                groups[method.alike()].append(number)
            elif known is None:
                rows[number] = method.draw(1)[0]
        for numbers in groups.values():
            group = [methods[number] for number in numbers]
            actions = cls._act(group)
            if known is None:
                for number, arrived in zip(numbers, cls._arrive(group, actions), strict=True):
                    rows[number] = arrived
        for method, row in zip(methods, rows, strict=True):
            method.walk.append(row)
        return rows

    @classmethod
    def _act(cls, group: Sequence[Self]) -> Tensor:
        """The next action (R, d) of searches that are alike; at the start of an episode they learn first."""
        import torch

        policies = _together(group)
        starting = [run for run, method in enumerate(group) if method.position()[1] == 0]
        for run in starting:
            finished = group[run].position()[0] - 1
            group[run].unlearned += [finished] if finished >= 0 else []
        while due := [(run, episode) for run in starting if (episode := group[run].due()) is not None]:
            _learn_from(policies, group, due)
        policies.forget(starting)
        for run in starting:
            group[run].begin_episode()
        means = policies.step(group[0].states_of([method.standing_at(len(method.walk)) for method in group]))
        noise = torch.from_numpy(np.stack([method.noise[method.position()[1]] for method in group]))
        actions = means + group[0].config.sigma * noise
        for method, action in zip(group, actions, strict=True):
            method.actions.append(action)
        return actions

    @classmethod
    def _arrive(cls, group: Sequence[Self], actions: Tensor) -> list[int]:
        """The rows that actions lead to."""
        latent = group[0].latent_map
        assert latent is not None
        points = latent.points(actions)
        taken = [partial(method.taken, method.walk[len(method._asked) :]) for method in group]
        rows = latent.nearest(points, taken, skip=group[0].config.skip_nearest)
        return [
            method.elsewhere(point) if row is None else row
            for method, point, row in zip(group, points, rows, strict=True)
        ]

    @property
    def dimensions(self) -> int:
        """d, of the space that the policy walks in."""
        return self.embedding.dimensions

    def alike(self) -> Hashable:
        """Equal for searches that can advance together."""
        return self.embedding, self.config

    def begin_episode(self) -> None:
        """Start an episode."""
        episode, _ = self.position()
        rng = np.random.default_rng([self.seed, 1, episode])
        self.latent_map = self._new_map()
        self.noise = rng.standard_normal((self.config.steps, self.dimensions), dtype=np.float32)

    def _new_map(self) -> LatentMap:
        """The latent space of the episode that begins."""
        return _whole_map(self.embedding, self.config)

    def states_of(self, rows: Sequence[int]) -> Tensor:
        """(n, d) the policy's view of architectures."""
        assert self.latent_map is not None
        return self.latent_map.states(self.embedding.vectors[list(rows)])

    def pass_on(self, rows: Sequence[int], gradient: Tensor) -> None:
        """Take note of the gradient (n, d) with respect to what :meth:`states_of` made of ``rows``."""

    def elsewhere(self, point: Tensor) -> int:
        """A row for a point of whose map everything is taken."""
        del point
        raise AssertionError("the map holds the whole embedding, and something is left to propose")

    def taken(self, besides: Sequence[int], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) which of some rows may not be proposed, those of the functions of ``besides`` among them."""
        functions = self._function[rows]
        covered = self._covered[functions]
        return covered | np.isin(functions, self._function[list(besides)]) if besides else covered

    def position(self) -> tuple[int, int]:
        """The episode of the next step, and the step's number in it, both from 0."""
        return divmod(len(self.walk) - self.config.pay_initial, self.config.steps)

    def standing_at(self, step: int) -> int:
        """The row that a step of the walk starts from."""
        if step > 0:
            return self.walk[step - 1]
        return int(np.random.default_rng([self.seed, 2]).integers(len(self.embedding)))

    def steps_of(self, episode: int) -> range:
        """The steps of the walk that are an episode."""
        first = episode * self.config.steps + self.config.pay_initial
        return range(first, first + self.config.steps)

    def due(self) -> int | None:
        """The first episode that is not learned from although all of it was told before the next step."""
        told = self.told_before[len(self.walk)]
        for episode in self.unlearned:
            rows = [self.walk[step] for step in self.steps_of(episode)]
            if all(self.first_told.get(row, (told, 0.0))[0] < told for row in rows):
                return episode
        return None

    def advantages_of(self, episode: int) -> NDArray[np.float64]:
        """(steps,) how much better each step of an episode was than expected."""
        values = np.array([self.first_told[self.walk[step]][1] for step in self.steps_of(episode)])
        if self.config.rewards == "ranks":
            told = np.array([value for _, value in self._told[: self.told_before[len(self.walk)]]])
            values = scores_among(values, told[~np.isnan(told)])
        return advantages(values, self.config.discount, self.config.baseline)


class ReleasedArch2vecRL(Arch2vecRL):
    """The search with the quirks of the paper's public release, to measure what they cost.

    Args:
        embedding: the architectures to choose from, and their vectors.
        seed: of all random choices.
    """

    name: ClassVar[str] = "arch2vec-rl-release"
    reads_rows: ClassVar[bool] = True

    def __init__(self, embedding: Embedding, *, seed: int) -> None:
        super().__init__(embedding, seed=seed, config=RLConfig.release(embedding.space.name))


def _together(group: Sequence[Arch2vecRL]) -> Policies:
    """The policies of searches as one batch, in their order."""
    from arch2vec.searching.policy import Policies

    first = group[0].policies
    if first is not None and len(first[0]) == len(group):
        batch = first[0]
        if all(method.policies == (batch, run) for run, method in enumerate(group)):
            return batch
    dimensions, hidden = group[0].dimensions, group[0].config.hidden
    parts = [method.policies or (Policies(dimensions, hidden, [method.seed]), 0) for method in group]
    batch = Policies.gather(parts)
    for run, method in enumerate(group):
        method.policies = batch, run
    return batch


def _learn_from(policies: Policies, group: Sequence[Arch2vecRL], due: Sequence[tuple[int, int]]) -> None:
    """Let each of some runs of the group learn from one of its episodes."""
    import torch

    rows = [[group[run].standing_at(step) for step in group[run].steps_of(episode)] for run, episode in due]
    states = torch.stack([group[run].states_of(stood) for (run, _), stood in zip(due, rows, strict=True)])
    actions, worth = [], []
    for run, episode in due:
        method = group[run]
        first = episode * method.config.steps
        actions.append(torch.stack(method.actions[first : first + method.config.steps]))
        worth.append(torch.from_numpy(method.advantages_of(episode)).float())
    config = group[0].config
    runs = [run for run, _ in due]
    gradients = policies.update(
        runs, states, torch.stack(actions), torch.stack(worth), config.sigma, config.learning_rate
    )
    for (run, episode), stood, gradient in zip(due, rows, gradients, strict=True):
        group[run].pass_on(stood, gradient)
        group[run].unlearned.remove(episode)


_MAPS: WeakKeyDictionary[Embedding, dict[str, LatentMap]] = WeakKeyDictionary()


def _whole_map(embedding: Embedding, config: RLConfig) -> LatentMap:
    """The map of a whole embedding; worked out once."""
    from arch2vec.searching.latent_map import IndexedMap, LatentMap

    if isinstance(embedding, Pool):
        return IndexedMap(embedding, config.scaling)
    maps = _MAPS.setdefault(embedding, {})
    if config.scaling not in maps:
        maps[config.scaling] = LatentMap(embedding.vectors, np.arange(len(embedding)), config.scaling)
    return maps[config.scaling]
