"""What every search method must do besides the contract in ``test_search``: tiny spaces, fidelities, late answers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from arch2vec.embedding import Embedding
from arch2vec.searching import METHODS, Candidate, SearchMethod
from arch2vec.searching.spec import resolve_method
from arch2vec.spaces import DeclaredSpace, SpaceDeclaration
from search_helpers import chain, embed, some_of

REPEATING = {name for name in METHODS if name.endswith("-release")}  # some pay for what is covered again
EPOCHS = (1, 3, 9)
TINY = {
    "one": lambda: embed(chain(2, "ab")).subset([2]),
    "four": lambda: embed(chain(2, "ab")),
    "free": lambda: embed(DeclaredSpace(SpaceDeclaration("free", ("conv",), "vertices", vertices=4, max_edges=4))),
    "darts": lambda: some_of("darts", 6),
    "nasbench101": lambda: some_of("nasbench101", 12),
}


@pytest.fixture(params=sorted(METHODS))
def method(request: pytest.FixtureRequest) -> type[SearchMethod]:
    return METHODS[request.param]


@pytest.fixture(params=sorted(TINY))
def tiny(request: pytest.FixtureRequest) -> Embedding:
    return TINY[request.param]()


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return embed(chain(4))  # 81 cells


def worth(candidate: Candidate) -> float:
    return 50.0 + candidate.architecture.count("a") - candidate.index / 1000


@pytest.mark.parametrize("batch", [1, 2])
def test_a_space_smaller_than_any_default_is_used_up(method: type[SearchMethod], tiny: Embedding, batch: int) -> None:
    if method.name in REPEATING:
        pytest.skip("may go on for ever")
    search = method(tiny, seed=0)
    rows: list[int] = []
    while search.remaining:
        asked = search.ask(min(batch, search.remaining))
        search.tell(asked, [worth(candidate) for candidate in asked])
        rows += [candidate.index for candidate in asked]
    assert len(rows) == search.functions
    assert len(np.unique(tiny.function_classes[rows])) == search.functions


def test_an_architecture_comes_again_only_at_a_higher_fidelity(
    method: type[SearchMethod], embedding: Embedding
) -> None:
    if method.name in REPEATING:
        pytest.skip("repeats are what this method is for")
    search = resolve_method(method).make(embedding, seed=0, fidelities=EPOCHS)
    levels: dict[int, float] = {}
    for _ in range(12):
        for candidate in (asked := search.ask(3)):
            level = math.inf if candidate.fidelity is None else candidate.fidelity
            assert level in (*EPOCHS, math.inf)
            assert level > levels.get(candidate.index, 0)
            levels[candidate.index] = level
        search.tell(asked, [worth(candidate) for candidate in asked])
    assert len(np.unique(embedding.function_classes[list(levels)])) == len(levels)
    resumed = resolve_method(method).make(embedding, seed=1, fidelities=EPOCHS)
    resumed.load_state_dict(json.loads(json.dumps(search.state_dict(), allow_nan=False)))
    assert resumed.ask(3) == search.ask(3)


def test_answers_may_come_late_and_in_any_order(method: type[SearchMethod], embedding: Embedding) -> None:
    rng = np.random.default_rng(0)
    search, repeated = (resolve_method(method).make(embedding, seed=3, fidelities=EPOCHS) for _ in range(2))
    waiting: list[Candidate] = []
    for number in range(20):
        asked = search.ask(2)
        assert repeated.ask(2) == asked
        waiting += asked
        rng.shuffle(waiting)
        done, waiting = waiting[: number % 4], waiting[number % 4 :]
        values = [math.nan if candidate.index % 5 == 0 else worth(candidate) for candidate in done]
        for each in (search, repeated):
            each.tell(done, values)
        if number == 11:  # goes on from its state with evaluations under way
            repeated = resolve_method(method).make(embedding, seed=0, fidelities=EPOCHS)
            repeated.load_state_dict(json.loads(json.dumps(search.state_dict(), allow_nan=False)))
    if method.name not in REPEATING:
        assert sorted(search.pending, key=repr) == sorted(waiting, key=repr)
