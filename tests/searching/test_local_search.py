"""Local search against one written without any bookkeeping, and what it is for."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.local_search import LocalSearch
from search_helpers import chain, embed, some_of

CHAIN = embed(chain(5))  # 243 cells
SOME = some_of("nasbench201", 800)  # some of the same function, not all neighbours there
Step = Literal["first", "best"]
AtOptimum = Literal["restart", "continue"]


def naive(
    embedding: Embedding, values: list[float], seed: int, initial: int, step: Step, at_optimum: AtOptimum
) -> list[int]:
    """Rows in the order that local search evaluates them until none is left, from the description."""
    reference = LocalSearch(embedding, seed=seed)  # for its source of randomness and nothing else
    rng = reference._rng
    functions = embedding.function_classes.tolist()
    index = {text: row for row, text in enumerate(embedding.architectures)}
    space, visited, evaluated = embedding.space, set[int](), list[int]()

    def is_new(row: int) -> bool:
        return functions[row] not in [functions[other] for other in evaluated]

    def new_neighbours(row: int) -> list[int]:
        texts = space.format(space.neighbors(embedding.graphs[row]))
        return [index[text] for text in texts if text in index]

    def random_row() -> int:
        for _ in range(32):
            row = int(rng.integers(len(functions)))
            if is_new(row):
                return row
        return int(rng.choice([row for row in range(len(functions)) if is_new(row)]))

    def start() -> int | None:
        drawn: list[int] = []
        while len(drawn) < initial:
            if not any(is_new(row) for row in range(len(functions))):
                return None
            row = random_row()
            evaluated.append(row)
            if not math.isnan(values[row]):
                drawn.append(row)
        return max(drawn, key=lambda row: values[row])

    current = start()
    while current is not None:
        visited.add(current)
        better = None
        while True:
            shuffled = (
                rng.permutation(new_neighbours(current)).tolist() if any(map(is_new, new_neighbours(current))) else []
            )
            row = next((row for row in shuffled if is_new(row)), None)
            if row is None:
                break
            evaluated.append(row)
            if values[row] > values[current if better is None else better]:
                better = row
                if step == "first":
                    break
        if better is not None:
            current = better
            continue
        open_ends = [row for row in evaluated if row not in visited and not math.isnan(values[row])]
        going_on = at_optimum == "continue" and bool(open_ends)
        current = max(open_ends, key=lambda row: values[row]) if going_on else start()
    return evaluated


@pytest.mark.parametrize("at_optimum", ["restart", "continue"])
@pytest.mark.parametrize("step", ["first", "best"])
@given(seed=st.integers(0, 10_000), initial=st.integers(1, 4), rugged=st.booleans(), failing=st.booleans())
@settings(max_examples=6, deadline=None)
def test_visits_what_the_naive_one_does(
    step: Step, at_optimum: AtOptimum, seed: int, initial: int, rugged: bool, failing: bool
) -> None:
    embedding = CHAIN.subset(range(0, 243, 2)) if rugged else CHAIN
    rng = np.random.default_rng(seed)
    values = rng.normal(size=len(embedding)) * (1 if rugged else 0.3) + embedding.graphs.ops.sum(axis=1)
    if failing:
        values[rng.random(len(values)) < 0.2] = np.nan
    expected = naive(embedding, values.tolist(), seed, initial, step, at_optimum)
    search = LocalSearch(embedding, seed=seed, initial=initial, step=step, at_optimum=at_optimum)
    rows: list[int] = []
    while search.remaining and len(rows) < len(expected):
        (candidate,) = search.ask()
        search.tell([candidate], [values[candidate.index]])
        rows.append(candidate.index)
    assert rows == expected


def test_no_function_is_paid_for_twice_however_often_it_starts_anew() -> None:
    search = LocalSearch(SOME, seed=0)
    rows = []
    while search.remaining:
        (candidate,) = search.ask()
        rows.append(candidate.index)
        search.tell([candidate], [float(candidate.architecture.count("conv"))])
    assert len(np.unique(SOME.function_classes[rows])) == len(rows) == search.functions


def test_climbs_straight_up_a_hill() -> None:
    worth = CHAIN.graphs.ops.astype(float).sum(axis=1)
    for seed in range(10):
        search = LocalSearch(CHAIN, seed=seed, initial=1)
        values: list[float] = []
        while max(values, default=0.0) < worth.max():
            (candidate,) = search.ask()
            values.append(worth[candidate.index])
            search.tell([candidate], values[-1:])
        assert len(values) < 55  # 243 cells; at most ten steps up, of ten neighbours that get fewer


def test_a_batch_is_of_neighbours_and_then_of_random_architectures() -> None:
    search = LocalSearch(CHAIN, seed=0, initial=1)
    first = search.ask(1)
    search.tell(first, [1.0])
    batch = search.ask(14)
    differing = [(CHAIN.graphs.ops[c.index] != CHAIN.graphs.ops[first[0].index]).sum() for c in batch]
    assert differing[:10] == [1] * 10
    assert max(differing[10:]) > 1
    # A random one that turns out better becomes the current architecture.
    search.tell(batch, [0.0] * 13 + [2.0])
    (following,) = search.ask()
    assert (CHAIN.graphs.ops[following.index] != CHAIN.graphs.ops[batch[-1].index]).sum() == 1


@pytest.mark.parametrize("options", [{"initial": 0}, {"step": "second"}, {"at_optimum": "stop"}])
def test_refuses_settings_that_make_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        LocalSearch(CHAIN, seed=0, **options)  # type: ignore[arg-type]
