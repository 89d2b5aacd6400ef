"""REINFORCE in the latent space: what steps are worth, when is learned, and that a walk is repeated exactly."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.embedding import Embedding
from arch2vec.searching.arch2vec_rl import Arch2vecRL, ReleasedArch2vecRL
from arch2vec.searching.base import Candidate
from arch2vec.searching.rl_config import RLConfig, advantages, scores_among
from arch2vec.spaces import get_space
from arch2vec.surrogates.ranks import normal_scores
from one_line import error_of

SHORT = RLConfig(hidden=8, steps=4, sigma=1.0)


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    """300 architectures; the first dimension says how many convolutions they have."""
    space = get_space("nasbench201")
    graphs = space.sample(300, np.random.default_rng(0))
    vectors = np.random.default_rng(1).standard_normal((300, 4), dtype=np.float32)
    vectors[:, 0] = ((graphs.ops == 1) | (graphs.ops == 2)).sum(axis=1)
    return Embedding(space, graphs, vectors)


def worth(embedding: Embedding, candidate: Candidate) -> float:
    return 50 + 5 * float(embedding.vectors[candidate.index, 0])


def walk(search: Arch2vecRL, evaluations: int) -> list[int]:
    rows = []
    for _ in range(evaluations):
        (candidate,) = search.ask()
        search.tell([candidate], [worth(search.embedding, candidate)])
        rows.append(candidate.index)
    return rows


def resumed(search: Arch2vecRL) -> Arch2vecRL:
    other = type(search)(search.embedding, seed=99, config=search.config)
    other.load_state_dict(json.loads(json.dumps(search.state_dict(), allow_nan=False)))
    return other


@settings(max_examples=50, deadline=None)
@given(
    rewards=st.lists(st.one_of(st.floats(-10, 10), st.just(math.nan)), min_size=1, max_size=8),
    discount=st.sampled_from([0.0, 0.5, 1.0]),
    baseline=st.sampled_from(["leave-one-out", 0.0, 3.0]),
)
def test_advantages_are_those_of_the_definition(rewards: list[float], discount: float, baseline: object) -> None:
    known = [reward for reward in rewards if not math.isnan(reward)]
    returns = [sum(discount**k * later for k, later in enumerate(known[step:])) for step in range(len(known))]
    expected, place = [], 0
    for reward in rewards:
        if math.isnan(reward):
            expected.append(0.0)
            continue
        others = [value for number, value in enumerate(returns) if number != place]
        if isinstance(baseline, float):
            expected.append(returns[place] - baseline)
        else:
            expected.append(returns[place] - sum(others) / len(others) if others else 0.0)
        place += 1
    found = advantages(np.array(rewards), discount, baseline if isinstance(baseline, float) else "leave-one-out")
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_scores_are_normal_scores_of_ranks() -> None:
    told = np.array([3.0, 1.0, 1.0, 7.0, 5.0, 3.0])
    np.testing.assert_allclose(scores_among(told, told), normal_scores(told))
    np.testing.assert_allclose(scores_among(told[2:4], told), normal_scores(told)[2:4])
    assert np.isnan(scores_among(np.array([math.nan, 3.0]), told)).tolist() == [True, False]
    assert np.isnan(scores_among(np.array([math.nan]), np.array([]))).all()


def test_finds_where_values_are_high(embedding: Embedding) -> None:
    values = embedding.vectors[:, 0]
    ends = [values[walk(Arch2vecRL(embedding, seed=seed), 97)[-32:]].mean() for seed in range(6)]
    # Sampling without replacement could take none of the best before: compare with what is average.
    assert np.mean(ends) > values.mean() + 0.5


def test_walks_near_what_it_draws(embedding: Embedding) -> None:
    """A step is evaluated at the nearest architecture that is left."""
    search = Arch2vecRL(embedding, seed=0, config=replace(SHORT, sigma=0.01))
    rows = walk(search, 2)
    spread = embedding.vectors.std(axis=0)
    point = spread * search.actions[0].numpy()
    covered = search._function == search._function[rows[0]]
    distances = np.where(covered, np.inf, np.linalg.norm(embedding.vectors - point, axis=1))
    assert rows[1] == int(np.argmin(distances))


def updates(search: Arch2vecRL) -> int:
    assert search.policies is not None
    batch, run = search.policies
    return int(batch.updates[run])


def test_learns_after_an_episode_whose_values_are_all_known(embedding: Embedding) -> None:
    search = Arch2vecRL(embedding, seed=0, config=SHORT)
    first = search.ask(5)  # the start and one episode
    second = search.ask(4)
    assert updates(search) == 0
    search.tell(second, [60.0, 50.0, 70.0, 40.0])
    search.tell(first[:4], [55.0] * 4)
    search.ask(2)
    assert updates(search) == 1  # from the second episode: a value of the first is missing
    search.tell(first[4:], [80.0])
    search.ask(2)
    assert updates(search) == 1  # not within an episode
    search.ask(1)
    assert updates(search) == 2


def test_a_failed_step_teaches_nothing(embedding: Embedding) -> None:
    """The weights after an episode with failures follow from the other steps alone."""
    search = Arch2vecRL(embedding, seed=0, config=replace(SHORT, rewards="values", baseline=60.0))
    asked = search.ask(5)
    search.tell(asked, [50.0, math.nan, 70.0, math.nan, 40.0])
    before, run = search.policies or (None, 0)
    assert before is not None
    expected, _ = before.gradient(
        before.parameters[run : run + 1].clone(),
        search.states_of([search.standing_at(step) for step in range(1, 5)]).unsqueeze(0),
        torch.stack(search.actions).unsqueeze(0),
        torch.tensor([[0.0, 10.0, 0.0, -20.0]]),
        1.0,
    )
    search.ask()
    torch.testing.assert_close(before.moments[0, run], 0.1 * expected[0])


@pytest.mark.parametrize("config", [SHORT, RLConfig.release("nasbench201"), replace(SHORT, discount=0.5, sigma=0.5)])
def test_is_repeated_exactly_from_its_state(embedding: Embedding, config: RLConfig) -> None:
    """Whatever was told late, in another order, from elsewhere or as a failure."""
    search = Arch2vecRL(embedding, seed=5, config=config)
    rng = np.random.default_rng(0)
    waiting: list[Candidate] = []
    for round_ in range(30):
        waiting += search.ask(int(rng.integers(1, 4)))
        waiting = [waiting[place] for place in rng.permutation(len(waiting))]
        while len(waiting) > 5:
            candidate = waiting.pop()
            search.tell([candidate], [math.nan if rng.random() < 0.1 else worth(embedding, candidate)])
        if round_ % 10 == 3:
            row = int(rng.choice(search.uncovered()))
            search.tell([search.candidate(embedding.architectures[row])], [75.0])
        if round_ % 7 == 0:
            assert resumed(search).ask(6) == resumed(resumed(search)).ask(6)
    other = resumed(search)
    assert other.ask(9) == search.ask(9)
    assert updates(other) == updates(search) > 0
    for mine, theirs in zip(search.actions, other.actions, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


def test_many_at_once_are_what_they_are_alone(embedding: Embedding) -> None:
    alone = [walk(Arch2vecRL(embedding, seed=seed), 40) for seed in range(12)]
    searches = [Arch2vecRL(embedding, seed=seed) for seed in range(12)]
    for _ in range(40):
        for search, (candidate,) in zip(searches, Arch2vecRL.ask_together(searches), strict=True):
            search.tell([candidate], [worth(embedding, candidate)])
    assert [[row for row, _ in search._told] for search in searches] == alone


def test_searches_that_differ_are_asked_together(embedding: Embedding) -> None:
    def searches() -> list[Arch2vecRL]:
        other = embedding.subset(range(0, 300, 2))
        made = [Arch2vecRL(e, seed=1, config=c) for e in (embedding, other) for c in (SHORT, RLConfig(steps=3))]
        walk(made[1], 5)
        return made

    assert Arch2vecRL.ask_together(searches(), 6) == [search.ask(6) for search in searches()]


def test_goes_on_after_an_interrupted_proposal(embedding: Embedding, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Arch2vecRL(embedding, seed=2, config=SHORT)
    walk(whole, 11)
    search = Arch2vecRL(embedding, seed=2, config=SHORT)
    walk(search, 7)
    step, calls = Arch2vecRL._arrive.__func__, 0  # type: ignore[attr-defined]

    def interrupted(cls: type[Arch2vecRL], *arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return step(cls, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Arch2vecRL, "_arrive", classmethod(interrupted))
        with pytest.raises(KeyboardInterrupt):
            search.ask(4)
    json.dumps(search.state_dict())
    resumed(search)
    walk(search, 4)
    assert [row for row, _ in search._told] == [row for row, _ in whole._told]


def test_the_start_can_be_free(embedding: Embedding) -> None:
    paid, free = (Arch2vecRL(embedding, seed=3, config=replace(SHORT, pay_initial=pay)) for pay in (True, False))
    assert paid.position() == (-1, SHORT.steps - 1) and free.position() == (0, 0)
    walk(paid, 1)
    assert not paid.actions
    walk(free, 1)
    assert len(free.actions) == 1


def test_release_differs_in_its_settings_only(embedding: Embedding) -> None:
    released = ReleasedArch2vecRL(embedding, seed=0)
    expected = {
        "scaling": "unit",
        "sigma": 1.0,
        "baseline": 40.0,
        "discount": 0.0,
        "skip_nearest": True,
        "pay_initial": False,
    }
    assert all(getattr(released.config, name) == value for name, value in expected.items())
    assert RLConfig.release("nasbench101").baseline == 95.0
    assert walk(released, 20) == walk(Arch2vecRL(embedding, seed=0, config=released.config), 20)


def test_settings_that_cannot_be_are_refused() -> None:
    wrong: list[dict[str, Any]] = [{"steps": 0}, {"hidden": 0}, {"sigma": 0.0}, {"learning_rate": -1.0}]
    for one in [*wrong, {"discount": 1.5}, {"scaling": "a"}, {"rewards": "a"}, {"baseline": "a"}]:
        (name,) = one
        assert name.removesuffix("s") in error_of(partial(RLConfig, **one))


def test_a_damaged_state_is_refused(embedding: Embedding) -> None:
    search = Arch2vecRL(embedding, seed=0, config=SHORT)
    walk(search, 6)
    state = search.state_dict()
    for damage in ([0, 1], [0, 1, 2, 3, 5, 4], [0, 1, 2, 3, 4, 7], [-1, 1, 2, 3, 4, 5], None, ["x"] * 6):
        damaged = {**state, "told_when_asked": damage}
        assert "damaged state" in error_of(partial(search.load_state_dict, damaged))
    assert search.state_dict() == state
