"""The contract that every search method keeps, and what is particular to each."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching import METHODS, Candidate, SearchMethod, get_method
from arch2vec.searching.bo import BayesianOptimization, normal_scores
from arch2vec.searching.random_search import RandomSearch
from arch2vec.spaces import get_space
from arch2vec.surrogates.basis_network import Training
from arch2vec.surrogates.dngo import DNGO

POOL = 200
REPEATING = {"bo-release"}  # proposes what is covered again, as the public release does


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    """200 architectures, their operations one-hot as vectors; some compute the same function."""
    space = get_space("nasbench201")
    graphs = space.sample(POOL, np.random.default_rng(0))
    return Embedding(space, graphs, graphs.one_hot(space.num_operations)[:, 1:-1].reshape(POOL, -1))


@pytest.fixture(params=sorted(METHODS))
def method(request: pytest.FixtureRequest) -> type[SearchMethod]:
    return METHODS[request.param]


def worth(candidate: Candidate) -> float:
    """A smooth objective: the more 3x3 convolutions and the fewer zeroed edges, the better."""
    text = candidate.architecture
    return 70 + 4 * text.count("nor_conv_3x3") + 2 * text.count("nor_conv_1x1") - 3 * text.count("none")


def run(search: SearchMethod, evaluations: int, batch: int = 1) -> list[int]:
    rows: list[int] = []
    while len(rows) < evaluations:
        candidates = search.ask(batch)
        search.tell(candidates, [worth(candidate) for candidate in candidates])
        rows += [candidate.index for candidate in candidates]
    return rows


class TestContract:
    """What every method must do; a new one only needs its name in METHODS."""

    def test_candidates_are_rows_of_the_embedding(self, method: type[SearchMethod], embedding: Embedding) -> None:
        for candidate in method(embedding, seed=0).ask(5):
            assert embedding.architectures[candidate.index] == candidate.architecture

    @pytest.mark.parametrize("batch", [1, 7])
    def test_no_function_is_proposed_twice_until_none_is_left(
        self, method: type[SearchMethod], embedding: Embedding, batch: int
    ) -> None:
        if method.name in REPEATING:
            pytest.skip("repeats are what this method is for")
        small = embedding.subset(range(40))
        functions = len(np.unique(small.function_classes))
        assert functions < 40
        search, rows = method(small, seed=0), []
        while search.remaining:
            asked = search.ask(min(batch, search.remaining))
            search.tell(asked, [worth(candidate) for candidate in asked])
            rows += [candidate.index for candidate in asked]
            assert search.remaining == functions - len(rows)
        assert len(rows) == functions
        assert len(np.unique(small.function_classes[rows])) == functions
        with pytest.raises(InputError, match=f"40 architectures that compute {functions} different functions"):
            search.ask()

    def test_refuses_to_propose_more_than_there_is(self, method: type[SearchMethod], embedding: Embedding) -> None:
        search = method(embedding.subset([0, 1, 2]), seed=0)
        with pytest.raises(InputError, match="asked for 4 more architectures with 3 left"):
            search.ask(4)
        with pytest.raises(InputError, match="at least 1"):
            search.ask(0)
        assert search.remaining == 3

    def test_repeats_with_the_seed(self, method: type[SearchMethod], embedding: Embedding) -> None:
        first = run(method(embedding, seed=3), 20)
        assert run(method(embedding, seed=3), 20) == first
        assert run(method(embedding, seed=4), 20) != first

    def test_leaves_global_randomness_alone(self, method: type[SearchMethod], embedding: Embedding) -> None:
        before = np.random.get_state(legacy=False)  # noqa: NPY002
        run(method(embedding, seed=0), 18)
        after = np.random.get_state(legacy=False)  # noqa: NPY002
        assert str(before) == str(after)

    @pytest.mark.parametrize("stop", [0, 5, 19])
    def test_goes_on_from_its_state_as_if_it_had_not_stopped(
        self, method: type[SearchMethod], embedding: Embedding, stop: int
    ) -> None:
        whole = run(method(embedding, seed=1), 22)
        search = method(embedding, seed=1)
        assert run(search, stop) == whole[:stop]
        resumed = method(embedding, seed=99)
        resumed.load_state_dict(json.loads(json.dumps(search.state_dict())))
        assert run(resumed, 22 - stop) == whole[stop:]

    def test_state_keeps_what_is_pending(self, method: type[SearchMethod], embedding: Embedding) -> None:
        search = method(embedding, seed=0)
        asked = search.ask(3)
        search.tell(asked[1:2], [90.0])
        resumed = method(embedding, seed=0)
        resumed.load_state_dict(json.loads(json.dumps(search.state_dict(), allow_nan=False)))
        assert resumed.pending == search.pending == [asked[0], asked[2]]
        assert resumed.ask(2) == search.ask(2)

    def test_failures_are_recorded_and_never_proposed_again(
        self, method: type[SearchMethod], embedding: Embedding
    ) -> None:
        if method.name in REPEATING:
            pytest.skip("repeats are what this method is for")
        search = method(embedding.subset(range(60)), seed=0)
        seen: set[int] = set()
        for number in range(24):
            (candidate,) = search.ask()
            assert candidate.index not in seen
            seen.add(candidate.index)
            search.tell([candidate], [math.nan if number % 2 else worth(candidate)])
        state = json.loads(json.dumps(search.state_dict(), allow_nan=False))
        assert sum(value is None for _, value in state["told"]) == 12
        assert not search.pending

    def test_nothing_but_failures_is_no_trouble(self, method: type[SearchMethod], embedding: Embedding) -> None:
        search = method(embedding, seed=0)
        for _ in range(20):
            search.tell(search.ask(), [math.nan])
        assert search.ask()

    def test_learns_of_evaluations_it_did_not_ask_for(self, method: type[SearchMethod], embedding: Embedding) -> None:
        if method.name in REPEATING:
            pytest.skip("repeats are what this method is for")
        small = embedding.subset(range(30))
        search = method(small, seed=0)
        prior = [search.candidate(architecture) for architecture in small.architectures[:10]]
        search.tell(prior, [worth(candidate) for candidate in prior])
        covered = set(small.function_classes[:10].tolist())
        assert search.remaining == len(np.unique(small.function_classes)) - len(covered)
        for candidate in search.ask(search.remaining):
            assert int(small.function_classes[candidate.index]) not in covered

    def test_equal_values_are_no_trouble(self, method: type[SearchMethod], embedding: Embedding) -> None:
        search = method(embedding, seed=0)
        for _ in range(20):
            search.tell(search.ask(), [10.0])

    def test_together_is_as_alone(self, method: type[SearchMethod], embedding: Embedding) -> None:
        alone = [run(method(embedding, seed=seed), 22) for seed in range(3)]
        searches = [method(embedding, seed=seed) for seed in range(3)]
        rows: list[list[int]] = [[], [], []]
        for _ in range(22):
            for number, (candidate,) in enumerate(method.ask_together(searches)):
                searches[number].tell([candidate], [worth(candidate)])
                rows[number].append(candidate.index)
        assert rows == alone

    def test_together_serves_searches_at_different_points(
        self, method: type[SearchMethod], embedding: Embedding
    ) -> None:
        def at_different_points() -> list[SearchMethod]:
            searches = [method(embedding, seed=seed) for seed in range(4)]
            for search, count in zip(searches, (0, 15, 17, 17), strict=True):
                run(search, count)
            searches[3].ask()
            return searches

        together = method.ask_together(at_different_points(), 3)
        assert together == [search.ask(3) for search in at_different_points()]

    def test_refuses_what_is_not_of_its_embedding(self, method: type[SearchMethod], embedding: Embedding) -> None:
        search = method(embedding, seed=0)
        real = search.candidate(embedding.architectures[0])
        for wrong in (Candidate(-1, real.architecture), Candidate(POOL, real.architecture), Candidate(1, "|none~0|")):
            with pytest.raises(InputError, match="of the embedding is not"):
                search.tell([real, wrong], [1.0, 2.0])
        with pytest.raises(InputError, match="give a finite one"):
            search.tell([real], [math.inf])
        with pytest.raises(InputError, match="1 candidates need as many values, got 2"):
            search.tell([real], [1.0, 2.0])
        with pytest.raises(InputError, match="not among"):
            method(embedding.subset([0]), seed=0).candidate(embedding.architectures[1])
        assert search.remaining == method(embedding, seed=0).remaining  # nothing of this was noted
        with pytest.raises(InputError, match="seed"):
            method(embedding, seed=-1)

    @pytest.mark.parametrize(
        "damage",
        [
            {"method": "another"},
            {"rng": None},
            {"rng": {"bit_generator": "PCG64"}},
            {"asked": [POOL]},
            {"told": [[0]]},
            {"told": [["x", 1.0]]},
            {"seed": None},
        ],
    )
    def test_refuses_a_damaged_state(
        self, method: type[SearchMethod], embedding: Embedding, damage: dict[str, Any]
    ) -> None:
        search = method(embedding, seed=0)
        before = search.state_dict()
        with pytest.raises(InputError) as caught:
            search.load_state_dict({**before, **damage})
        assert "\n" not in str(caught.value)
        assert search.state_dict() == before


def test_methods_go_by_their_names() -> None:
    for name, method in METHODS.items():
        assert get_method(name) is method
        assert method.name == name
    with pytest.raises(InputError, match=r"unknown search method 'hyperband'; known: .*random"):
        get_method("hyperband")


def test_random_search_is_uniform_over_architectures(embedding: Embedding) -> None:
    small = embedding.subset(range(10))
    counts = np.zeros(10)
    for seed in range(2000):
        counts[RandomSearch(small, seed=seed).ask()[0].index] += 1
    # Binomial with mean 200 and standard deviation 13.4.
    assert (np.abs(counts - 200) < 4 * 13.5).all()


class TestBayesianOptimization:
    def test_starts_as_random_search_does(self, embedding: Embedding) -> None:
        assert run(BayesianOptimization(embedding, seed=5), 16) == run(RandomSearch(embedding, seed=5), 16)

    def test_finds_better_architectures_than_random_search(self, embedding: Embedding) -> None:
        def found(method: type[SearchMethod], seed: int) -> float:
            search = method(embedding, seed=seed)
            rows = run(search, 24)
            return float(np.mean([worth(search.candidate(embedding.architectures[row])) for row in rows[16:]]))

        for seed in range(3):
            assert found(BayesianOptimization, seed) > found(RandomSearch, seed) + 5

    def test_prior_results_replace_the_random_start(self, embedding: Embedding) -> None:
        search = BayesianOptimization(embedding, seed=0)
        prior = [search.candidate(architecture) for architecture in embedding.architectures[:40]]
        search.tell(prior, [worth(candidate) for candidate in prior])
        rng = search.state_dict()["rng"]
        (chosen,) = search.ask()
        assert search.state_dict()["rng"] == rng
        values = [worth(search.candidate(architecture)) for architecture in embedding.architectures]
        assert worth(chosen) >= np.quantile(values, 0.9)

    def test_failures_do_not_count_as_initial(self, embedding: Embedding) -> None:
        search = BayesianOptimization(embedding, seed=0, initial=4)
        reference = RandomSearch(embedding, seed=0)
        for number in range(7):
            asked = search.ask()
            assert asked == reference.ask()
            search.tell(asked, [math.nan if number < 3 else worth(asked[0])])
        assert search.ask() != reference.ask()

    def test_a_batch_is_what_asking_one_by_one_gives(self, embedding: Embedding) -> None:
        whole, parts = (BayesianOptimization(embedding, seed=0) for _ in range(2))
        run(whole, 16)
        run(parts, 16)
        assert whole.ask(6) == [candidate for _ in range(6) for candidate in parts.ask()]

    def test_believes_in_pending_ones(self, embedding: Embedding) -> None:
        waiting, forgetful = (BayesianOptimization(embedding, seed=0) for _ in range(2))
        for search in (waiting, forgetful):
            run(search, 16)
        first = waiting.ask(5)
        forgetful.tell(first, [math.nan] * 5)  # covered as well, but nothing is believed of them
        assert waiting.ask(5) != forgetful.ask(5)

    def test_a_monotone_change_of_scale_changes_nothing(self, embedding: Embedding) -> None:
        plain, warped = (BayesianOptimization(embedding, seed=0) for _ in range(2))
        for _ in range(22):
            (a,), (b,) = plain.ask(), warped.ask()
            assert a == b
            plain.tell([a], [worth(a)])
            warped.tell([b], [math.exp(worth(b) / 10)])

    def test_values_as_they_are_make_another_search(self, embedding: Embedding) -> None:
        ranks = run(BayesianOptimization(embedding, seed=0), 22)
        values = run(BayesianOptimization(embedding, seed=0, targets="values"), 22)
        assert ranks[:16] == values[:16]
        assert ranks != values
        with pytest.raises(InputError, match="unknown kind of target 'x'; known: ranks, values"):
            BayesianOptimization(embedding, seed=0, targets="x")  # type: ignore[arg-type]

    def test_together_keeps_different_settings_apart(self, embedding: Embedding) -> None:
        def searches() -> list[BayesianOptimization]:
            made = [
                BayesianOptimization(embedding, seed=0),
                BayesianOptimization(embedding, seed=0, targets="values"),
                BayesianOptimization(embedding, seed=0, surrogate=DNGO(Training(width=32))),
            ]
            for search in made:
                run(search, 16)
            return made

        assert BayesianOptimization.ask_together(searches(), 2) == [search.ask(2) for search in searches()]

    def test_needs_two_initial_points(self, embedding: Embedding) -> None:
        with pytest.raises(InputError, match="at least 2"):
            BayesianOptimization(embedding, seed=0, initial=1)


def test_normal_scores_are_quantiles_of_ranks() -> None:
    scores = normal_scores(np.array([[10.0, 94.0, 90.0, 93.0], [5.0, 5.0, 7.0, 1.0]]))
    np.testing.assert_allclose(scores[0], [-1.150349, 1.150349, -0.318639, 0.318639], atol=1e-6)
    np.testing.assert_allclose(scores[1], [0, 0, 1.150349, -1.150349], atol=1e-6)
