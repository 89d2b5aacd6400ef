"""Rounds of many searches over one pool, computed together."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives import resolve_objective
from arch2vec.representations.ready import structure_embedding
from arch2vec.searching import METHODS, get_method
from arch2vec.searching.acquisition import (
    ExpectedImprovement,
    PredictedMean,
    log_expected_improvement,
    log_expected_improvement_on_device,
)
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.bo import BayesianOptimization
from arch2vec.searching.growing import for_study
from arch2vec.searching.pool import OnDevice, Pool, Sampled
from arch2vec.searching.spec import resolve_method
from arch2vec.searching.study import search
from arch2vec.searching.together import best_of
from arch2vec.spaces import get_space
from arch2vec.studies import Budget, run_study
from arch2vec.surrogates.base import Surrogate
from arch2vec.surrogates.dngo import DNGO
from arch2vec.surrogates.forest import Forest
from arch2vec.surrogates.gaussian_process import GaussianProcess
from arch2vec.surrogates.grouped_process import GroupedProcess
from arch2vec.surrogates.pooled import PooledSurrogate

CPU = torch.device("cpu")
SURROGATES: list[PooledSurrogate] = [
    DNGO(),
    GaussianProcess(),
    GaussianProcess(kernel="rbf"),
    GroupedProcess((2, 3, 1), ((0,), (1,), (2,), (0, 2))),
]


def data(runs: int = 3, n: int = 20, points: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(runs, n, 6))
    return x, np.sin(x.sum(2)) + 0.1 * rng.normal(size=(runs, n)), rng.normal(size=(points, 6)).astype(np.float32)


@pytest.mark.parametrize("surrogate", SURROGATES, ids=lambda surrogate: repr(surrogate)[:30])
def test_forecasts_of_many_are_those_of_each(surrogate: PooledSurrogate) -> None:
    x, y, points = data()
    learned = surrogate.learn(x[:, :15], y[:, :15], [0, 1, 2])
    mean, std = surrogate.pooled(learned, x, y, CPU).of(torch.from_numpy(points))
    for run, one in enumerate(learned):
        forecast = one.belief(points, x[run]).forecast(y[run])
        assert np.allclose(mean[run], forecast.mean, atol=2e-3)
        assert np.allclose(std[run], forecast.std, atol=2e-3)


@pytest.mark.parametrize("surrogate", SURROGATES, ids=lambda surrogate: repr(surrogate)[:30])
def test_believing_moves_no_mean_and_shrinks_uncertainty(surrogate: PooledSurrogate) -> None:
    x, y, points = data()
    learned = surrogate.learn(x, y, [0, 1, 2])
    before = surrogate.pooled(learned, x, y, CPU)
    chosen = np.stack([points[[3, 9]]] * 3)
    after, means = before.believe(chosen)
    mean, std = before.of(torch.from_numpy(points))
    same, less = after.of(torch.from_numpy(points))
    assert np.allclose(mean, same, atol=1e-4)
    assert np.allclose(means, mean[:, [3, 9]], atol=1e-3)
    assert (less <= std + 1e-3).all()
    assert (less[:, 3] < std[:, 3]).all()
    for run, one in enumerate(learned):
        forecast = one.belief(points, x[run]).forecast(y[run])
        forecast.believe(points[[3, 9]])
        assert np.allclose(less[run], forecast.std, atol=2e-3)


def test_the_improvement_on_a_device_is_the_improvement() -> None:
    rng = np.random.default_rng(0)
    mean, best = rng.normal(size=(4, 300)) * 5, rng.normal(size=4)
    std = 10 ** rng.uniform(-4, 1, size=(4, 300))
    expected = log_expected_improvement(mean, std, best[:, None])
    found = log_expected_improvement_on_device(*(torch.from_numpy(values) for values in (mean, std, best)))
    assert np.allclose(found, expected, rtol=1e-9)


class Fixed:
    """Means that are the points' first numbers, the same for all searches."""

    def __init__(self, runs: int, entries: int) -> None:
        self.runs, self.entries = runs, entries

    def of(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = points[:, 0].expand(self.runs, len(points))
        return mean, torch.ones_like(mean)


@pytest.mark.parametrize("entries", [1, 1 << 19, 1 << 22])
def test_the_best_that_is_free_is_found_in_whatever_part_it_is(entries: int) -> None:
    values = np.random.default_rng(1).permutation(101).astype(np.float32)
    order = np.argsort(-values)
    taken = [np.array([], dtype=np.int64), order[:1], order[:40], order[1:3]]
    pool = torch.from_numpy(values[:, None])
    found = best_of(Fixed(4, entries), pool, PredictedMean(), np.zeros(4), taken)  # type: ignore[arg-type]
    assert found.tolist() == [order[0], order[1], order[40], order[0]]


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    space = get_space("nasbench201")
    return structure_embedding(space, space.sample(400, np.random.default_rng(3)))


def test_a_search_on_a_device_proposes_no_function_twice_and_resumes(embedding: Embedding) -> None:
    kind = get_method("group-bo")
    method = resolve_method(kind).make(embedding, seed=1, pool=OnDevice("cpu"))
    worth = embedding.vectors.sum(axis=1)
    classes = embedding.function_classes
    seen: list[int] = []
    for n in (2, 3, 3, 4, 1, 5):
        asked = method.ask(n)
        seen += [int(classes[candidate.index]) for candidate in asked]
        told = asked[:-1] if n > 1 else asked  # one stays pending
        method.tell(told, [float(worth[candidate.index]) for candidate in told])
    assert len(set(seen)) == len(seen)
    other = resolve_method(kind).make(embedding, seed=5, pool=OnDevice("cpu"))
    other.load_state_dict(method.state_dict())
    assert other.ask(3) == method.ask(3)


@pytest.mark.parametrize(
    ("surrogate", "settings"), [(Forest(), {}), (None, {"around": 1}), (None, {"repeats": True})], ids=str
)
def test_what_does_not_compute_on_a_device_says_so(
    embedding: Embedding, surrogate: Surrogate | None, settings: dict[str, int]
) -> None:
    with pytest.raises(InputError, match="does not compute on a device"):
        BayesianOptimization(embedding, seed=0, surrogate=surrogate, pool=OnDevice("cpu"), **settings)  # type: ignore[arg-type]


def test_methods_that_compute_elsewhere_do_so_in_a_study(embedding: Embedding) -> None:
    on = {name for name, kind in METHODS.items() if kind.computes_on_device}
    assert on == {"bo", "gp-bo", "group-bo", "bo-adjacency"}
    for name, kind in METHODS.items():
        method = resolve_method(kind).make(embedding, seed=0, pool=OnDevice("cpu"))
        assert getattr(method, "device", None) == ("cpu" if name in on else None)


def test_a_pool_on_a_device_is_offered_to_those_that_take_it(embedding: Embedding) -> None:
    def factory(embedding: Embedding, *, seed: int, pool: Pool = None) -> SearchMethod:
        return BayesianOptimization(embedding, seed=seed, pool=pool)

    def without(embedding: Embedding, *, seed: int) -> SearchMethod:
        return BayesianOptimization(embedding, seed=seed)

    made = BayesianOptimization(embedding, seed=0)
    of_its_own = partial(BayesianOptimization, pool=OnDevice("cpu"))
    for method, offered, on in (
        (factory, True, "cpu"),
        (without, False, None),
        (partial(BayesianOptimization, pool=Sampled(50)), False, None),
        (of_its_own, False, "cpu"),  # whether one is offered or not
        (made, False, None),
    ):
        spec = resolve_method(method)
        assert spec.computes_on_device == offered
        assert for_study(spec, embedding, seed=0, pool=OnDevice("cpu"), anywhere=False).computed_on == on


def test_a_method_that_was_made_already_computes_where_it_was_made_for(embedding: Embedding, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="computes where it was made for"):
        search(embedding, "digits-201", BayesianOptimization(embedding, seed=0), budget=3, device="cpu")
    there = BayesianOptimization(embedding, seed=0, pool=OnDevice("cpu"))
    search(embedding, "digits-201", there, budget=3, device="cpu", out=tmp_path)
    with pytest.raises(InputError, match="with device 'cpu', not None"):
        search(embedding, "digits-201", BayesianOptimization(embedding, seed=0), budget=5, out=tmp_path)


def test_a_study_on_a_device(embedding: Embedding) -> None:
    objective = resolve_objective("digits-201")
    found = [
        run_study(embedding, objective, ["group-bo", "random"], 3, Budget(15), pool=pool).runs(
            "group-bo", objective.name
        )
        for pool in (None, OnDevice("cpu"))
    ]
    assert np.array_equal(found[0].rows, found[1].rows)


def test_a_search_goes_on_where_it_computed(embedding: Embedding, tmp_path: Path) -> None:
    search(embedding, "digits-201", method="gp-bo", budget=9, out=tmp_path, device="cpu")
    whole = search(embedding, "digits-201", method="gp-bo", budget=12, out=tmp_path, device="cpu")
    alone = search(embedding, "digits-201", method="gp-bo", budget=12, device="cpu")
    assert [trial.index for trial in whole.trials] == [trial.index for trial in alone.trials]
    with pytest.raises(InputError, match="with device 'cpu', not None"):
        search(embedding, "digits-201", method="gp-bo", budget=12, out=tmp_path)
    search(embedding, "digits-201", method="gp-bo", budget=3, out=tmp_path / "other")
    with pytest.raises(InputError, match="with device None, not 'cpu'"):
        search(embedding, "digits-201", method="gp-bo", budget=5, out=tmp_path / "other", device="cpu")


def test_settings_that_are_equal_learn_the_same_anywhere() -> None:
    assert ExpectedImprovement() == ExpectedImprovement()
    x, y, _ = data()
    for surrogate in SURROGATES:
        one, other = surrogate.learn(x, y, [0, 1, 2]), surrogate.learn_on(CPU, x, y, [0, 1, 2])
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a.belief(x[0], x[1]).forecast(y[1]).mean, b.belief(x[0], x[1]).forecast(y[1]).mean)
