"""Regularised evolution against the algorithm in plain Python, and against exact probabilities."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.errors import InputError
from arch2vec.searching.evolution import RegularizedEvolution
from arch2vec.searching.moves import moves_of
from search_helpers import chain, embed, some_of

CHAIN = embed(chain(6))  # 729 cells


@given(
    seed=st.integers(0, 10_000),
    population=st.integers(1, 12),
    tournament=st.integers(1, 6),
    failures=st.sampled_from([0.0, 0.2]),
)
@settings(max_examples=12, deadline=None)
def test_is_the_published_algorithm(seed: int, population: int, tournament: int, failures: float) -> None:
    noise = np.random.default_rng(seed)
    worth = CHAIN.graphs.ops.astype(float).sum(axis=1) + noise.normal(size=len(CHAIN))
    worth[noise.random(len(CHAIN)) < failures] = np.nan
    search = RegularizedEvolution(CHAIN, seed=seed, population=population, tournament=tournament)
    random = np.random.default_rng(seed)

    living: list[int] = []
    seen: set[int] = set()
    for _ in range(50):
        # What the algorithm does next, with the same random numbers.
        if len(living) < population:
            expected = next(row for row in iter(lambda: int(random.integers(len(CHAIN))), None) if row not in seen)
        else:
            drawn = [living[member] for member in random.integers(population, size=tournament)]
            parent = max(drawn, key=lambda row: worth[row])
            start, size = 0, 4
            mutations: list[int] = []
            while not [row for row in mutations if row not in seen]:
                own = np.random.default_rng([seed, parent, start])
                mutations += moves_of(CHAIN).mutants(parent, size, own).tolist()
                start, size = len(mutations), len(mutations)
            expected = next(row for row in mutations if row not in seen)
            assert (CHAIN.graphs.ops[expected] != CHAIN.graphs.ops[parent]).sum() == 1
        (candidate,) = search.ask()
        assert candidate.index == expected
        search.tell([candidate], [worth[expected]])
        seen.add(expected)
        if not math.isnan(worth[expected]):
            living = [*living, expected][-population:]  # the oldest dies


def test_children_are_distributed_as_the_spaces_mutations_are() -> None:
    """A population of one: its children are its mutations, each as likely as another here."""
    start = CHAIN.architectures[100]
    counts: Counter[int] = Counter()
    for seed in range(1200):
        search = RegularizedEvolution(CHAIN, seed=seed, population=1, tournament=1)
        search.tell([search.candidate(start)], [1.0])
        counts[search.ask()[0].index] += 1
    assert sorted(counts) == sorted(moves_of(CHAIN).neighbours(100).tolist())
    # Twelve neighbours: binomial with mean 100 and standard deviation 9.6.
    assert all(abs(count - 100) < 4 * 9.6 for count in counts.values())


def test_a_parents_children_are_all_of_its_neighbours_before_the_rest() -> None:
    search = RegularizedEvolution(CHAIN, seed=0, population=1, tournament=1)
    search.tell([search.candidate(CHAIN.architectures[100])], [1.0])
    children = [candidate.index for candidate in search.ask(12)]
    assert sorted(children) == sorted(moves_of(CHAIN).neighbours(100).tolist())
    assert search.ask()  # none is left, so a random one


def test_an_embedding_without_neighbours_is_searched_at_random() -> None:
    embedding = some_of("darts", 25)
    search = RegularizedEvolution(embedding, seed=0, population=5, tournament=2)
    while search.remaining:
        asked = search.ask(min(4, search.remaining))
        search.tell(asked, [1.0] * len(asked))


def test_finds_better_architectures_than_its_random_start() -> None:
    worth = CHAIN.graphs.ops.astype(float).sum(axis=1)
    gains = []
    for seed in range(5):
        search = RegularizedEvolution(CHAIN, seed=seed, population=15, tournament=5)
        values = []
        for _ in range(90):
            (candidate,) = search.ask()
            search.tell([candidate], [worth[candidate.index]])
            values.append(worth[candidate.index])
        gains.append(np.mean(values[-20:]) - np.mean(values[:15]))
    assert min(gains) > 1.5


@pytest.mark.parametrize("options", [{"population": 0}, {"tournament": 0}])
def test_refuses_settings_that_make_no_sense(options: dict[str, int]) -> None:
    with pytest.raises(InputError):
        RegularizedEvolution(CHAIN, seed=0, **options)
