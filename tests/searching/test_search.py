"""What is particular to search methods; what they have in common is in ``test_methods_contract``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching import METHODS, Candidate, SearchMethod, get_method
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.random_search import RandomSearch
from arch2vec.spaces import get_space
from arch2vec.surrogates.basis_network import BasisTraining
from arch2vec.surrogates.dngo import DNGO
from arch2vec.surrogates.ranks import normal_scores

POOL = 200


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    """200 architectures, their operations one-hot as vectors; some compute the same function."""
    space = get_space("nasbench201")
    graphs = space.sample(POOL, np.random.default_rng(0))
    return Embedding(space, graphs, graphs.one_hot(space.num_operations)[:, 1:-1].reshape(POOL, -1))


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


@pytest.mark.parametrize("method", sorted(METHODS))
def test_another_seed_is_another_search(method: str, embedding: Embedding) -> None:
    assert run(METHODS[method](embedding, seed=3), 20) != run(METHODS[method](embedding, seed=4), 20)


def test_messages_say_what_is_left(embedding: Embedding) -> None:
    search = RandomSearch(embedding.subset([0, 1, 2]), seed=0)
    with pytest.raises(InputError, match="asked for 4 more architectures with 3 left"):
        search.ask(4)
    with pytest.raises(InputError, match="at least 1"):
        search.ask(0)
    with pytest.raises(InputError, match="1 candidates need as many values, got 2"):
        search.tell(search.ask(), [1.0, 2.0])
    with pytest.raises(InputError, match="3 architectures that compute 3 different functions"):
        search.ask(3)


class Proposing(SearchMethod):
    """Proposes what it is told to."""

    name = "proposing"
    rows: Sequence[Any] = ()

    def propose(self, n: int) -> Sequence[Any]:
        return self.rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([3], "proposed row 3 though it, or one that computes the same"),
        ([POOL], "proposed row 200 of 200"),
        ([-1], "proposed row -1 of 200"),
        ([], "proposed 0 architectures, asked for 1"),
        (["3"], "proposed '3', not a row"),
        ([4.0], "proposed 4.0, not a row"),
        ([(5, "x")], "not a row or"),
    ],
)
def test_proposals_that_break_the_rules_are_named(rows: list[Any], message: str, embedding: Embedding) -> None:
    search = Proposing(embedding, seed=0)
    search.tell([search.candidate(embedding.architectures[3])], [1.0])
    search.rows = rows
    with pytest.raises(InputError, match=message):
        search.ask()
    search.rows = list(np.array([4]))
    assert [candidate.index for candidate in search.ask()] == [4]


def test_a_method_without_proposals_is_told_so(embedding: Embedding) -> None:
    with pytest.raises(InputError, match="does not override propose"):
        SearchMethod(embedding, seed=0).ask()


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
                BayesianOptimization(embedding, seed=0, surrogate=DNGO(BasisTraining(width=32))),
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
