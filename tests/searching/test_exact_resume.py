"""A search that goes on from its stored state is the one that never stopped, to the last bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from arch2vec.embedding import Embedding
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.representations.ready import structure_embedding
from arch2vec.searching import METHODS
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.beliefs import PoolBelief, read_looks
from arch2vec.searching.growing import for_study
from arch2vec.searching.pool import Sampled
from arch2vec.searching.spec import resolve_method
from arch2vec.searching.supervised_bo import SupervisedBayesianOptimization
from arch2vec.spaces import DeclaredSpace, SpaceDeclaration
from arch2vec.surrogates.base import Surrogate
from arch2vec.surrogates.dngo import DNGO
from arch2vec.surrogates.forest import Forest
from arch2vec.surrogates.gaussian_process import GaussianProcess
from arch2vec.surrogates.grouped_process import GroupedProcess
from search_helpers import chain, embed, some_of

MODELLED = ["bo", "bo-local", "gp-bo", "group-bo"]
TRIALS = 30
Row = tuple[int, int | None]


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return embed(chain(5))


def worth(row: int) -> float:
    """Of a tenth, so that many are equal; some fail."""
    return float("nan") if row % 11 == 3 else float(np.round(70 + 10 * np.sin(row), 1))


def run(make: Callable[[], SearchMethod], batch: int) -> tuple[list[Row], list[Any]]:
    """Proposals of a search, and its state as it was stored after each evaluation."""
    method = make()
    proposals: list[Row] = []
    states = [json.dumps(method.state_dict())]
    while len(proposals) < TRIALS:
        for candidate in method.ask(min(batch, TRIALS - len(proposals))):
            method.tell([candidate], [worth(candidate.index)])
            proposals.append((candidate.index, candidate.fidelity))
            states.append(json.dumps(method.state_dict()))
    return proposals, states


def check(name: str, embedding: Embedding, batch: int, pool: Sampled | None, cuts: Sequence[int]) -> None:
    check_made(lambda: resolve_method(name).make(embedding, seed=3, pool=pool), batch, cuts)


def check_made(make: Callable[[], SearchMethod], batch: int, cuts: Sequence[int]) -> None:
    """From each stored state the next evaluations up to a whole batch lead to the very same states."""
    proposals, states = run(make, batch)
    for cut in cuts:
        method = make()
        method.load_state_dict(json.loads(states[cut]))
        following = method.pending or method.ask(min(batch, TRIALS - cut))
        for number, candidate in enumerate(following, start=cut):
            assert (candidate.index, candidate.fidelity) == proposals[number]
            method.tell([candidate], [worth(candidate.index)])
            assert json.dumps(method.state_dict()) == states[number + 1]


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_goes_on_where_it_stopped(name: str, embedding: Embedding) -> None:
    check(name, embedding, 1, None, (27,) if name == "forest" else (19, 27))


@pytest.mark.parametrize("pool", [None, Sampled(20)], ids=["whole", "sampled"])
@pytest.mark.parametrize("name", MODELLED)
def test_batches_and_samples(name: str, pool: Sampled | None, embedding: Embedding) -> None:
    check(name, embedding, 3, pool, (19, 24, 26))


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_at_every_evaluation(name: str, batch: int, embedding: Embedding) -> None:
    check(name, embedding, batch, None, range(TRIALS))
    if name in MODELLED:
        check(name, embedding, batch, Sampled(30), range(TRIALS))


@cache
def of(space: str) -> Embedding:
    """A listed space, one with operations on edges, and one too large to list, whose embedding grows."""
    if space == "nasbench201":
        return some_of("nasbench201", 300)
    if space == "edges":
        edges = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
        declaration = SpaceDeclaration(
            "reducing",
            ("conv3x3", "skip", "none"),
            "edges",
            nodes=4,
            edges=edges,
            skip={"*": ("skip",), "0-2": (), "1-2": ()},
            zero=("none",),
        )
        return structure_embedding(DeclaredSpace(declaration))
    return structure_embedding(chain(18, "abcd"), sample=60)


@pytest.mark.slow
@pytest.mark.parametrize("space", ["nasbench201", "edges", "too large"])
@pytest.mark.parametrize("name", [*sorted(METHODS), "fine-tuned"])
def test_every_method_at_every_evaluation_of_three_spaces(name: str, space: str) -> None:
    embedding = of(space)
    kind: Any = name
    if name == "fine-tuned":
        config = PretrainConfig(epochs=1, model=ModelConfig(hidden=16))
        encoder = pretrain(embedding.space, config, graphs=embedding.graphs, device="cpu")

        def kind(embedding: Embedding, *, seed: int) -> SearchMethod:
            return SupervisedBayesianOptimization(embedding, seed=seed, start=encoder)

    fidelities = (1, 3, 9) if name == "bohb" else ()
    anywhere = space == "too large"
    check_made(lambda: for_study(kind, embedding, seed=3, fidelities=fidelities, anywhere=anywhere), 1, range(TRIALS))


@pytest.mark.parametrize(
    "surrogate",
    [DNGO(), GaussianProcess(), Forest(), GroupedProcess((2, 4), ((0,), (1,), (0, 1)))],
    ids=["dngo", "gp", "forest", "grouped"],
)
def test_a_belief_is_built_up_again_in_the_same_steps(surrogate: Surrogate) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 6)).astype(np.float32)
    observed, values = rng.permutation(300)[:40].tolist(), rng.normal(size=40)
    (learned,) = surrogate.learn(vectors[None, observed[:16]], values[None, :16], [0])
    everything = np.arange(100)
    belief = PoolBelief(learned, vectors, everything)
    count = 16
    for rows in (everything, *(rng.permutation(300)[:30] for _ in range(9))):
        targets = values[:count].copy()
        forecast = belief.forecast(rows, observed[:count], targets)
        forecast.believe(rows[:2].tolist())  # as for a batch
        stored = read_looks(json.loads(json.dumps(belief.looks)), 300, True, count)
        again = PoolBelief(learned, vectors, everything, stored)
        one, other = (each.forecast(rows, observed[:count], values[:count].copy()) for each in (belief, again))
        np.testing.assert_array_equal(one.mean, other.mean)
        np.testing.assert_array_equal(one.std, other.std)
        count += int(rng.integers(4))


@pytest.mark.parametrize(
    "looks",
    [[[3, "1 2"], [2, "4"]], [[3, "1 400"]], [[3, "1"], [3, "1"]], [[9, "1"]], [[1, "1"], [2, None]], [[1, 5]], 3],
)
def test_damaged_looks_are_refused(looks: Any) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        read_looks(looks, 300, True, 8)
