"""Fronts, hypervolume and expected improvement of it, against slow definitions and two libraries."""

from __future__ import annotations

import itertools
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from arch2vec.searching.acquisition import expected_improvement
from arch2vec.searching.pareto.criteria import Array, Criterion, check_criteria, gains
from arch2vec.searching.pareto.ehvi import expected_excess, expected_hypervolume_improvement, improvement
from arch2vec.searching.pareto.fronts import hypervolume, hypervolumes, non_dominated, staircase
from arch2vec.searching.pareto.summary import median_attainment
from one_line import error_of

# Few different values, so that equal points and equal coordinates are common.
COARSE = st.integers(-3, 3).map(float)


def points(m: int, least: int = 1, most: int = 12) -> st.SearchStrategy[Array]:
    return st.integers(least, most).flatmap(lambda n: arrays(np.float64, (n, m), elements=COARSE))


def dominates(a: Array, b: Array) -> bool:
    return bool((a >= b).all() and (a > b).any())


def slow_volume(found: Array, reference: Array) -> float:
    """The volume of unit cells of an integer grid that some point dominates."""
    top = int(max(found.max(), reference.max()))
    axes = [range(int(low), top) for low in reference]
    cells = np.array(list(itertools.product(*axes)), dtype=np.float64).reshape(-1, len(reference))
    return float(sum((found >= cell + 1).all(axis=1).any() for cell in cells))


@settings(max_examples=40, deadline=None)
@given(found=st.one_of(points(1), points(2), points(3)), data=st.data())
def test_the_front_is_what_nothing_dominates(found: Array, data: st.DataObject) -> None:
    front = non_dominated(found)
    expected = [not any(dominates(other, point) for other in found) for point in found]
    assert front.tolist() == expected
    for point in found[~front]:
        assert any(dominates(other, point) for other in found[front])
    order = data.draw(st.permutations(range(len(found))))
    assert non_dominated(found[order]).tolist() == front[order].tolist()
    twice = np.concatenate([found, found])
    assert non_dominated(twice).tolist() == [*front, *front]


def test_the_front_of_many_points_is_that_of_a_library() -> None:
    moocore = pytest.importorskip("moocore")
    rng = np.random.default_rng(0)
    for found in (rng.normal(size=(20_000, 2)), rng.integers(0, 40, (5000, 2)).astype(np.float64)):
        assert (non_dominated(found) == moocore.is_nondominated(-found, keep_weakly=True)).all()


def test_a_failure_is_on_no_front() -> None:
    found = np.array([[1.0, 1.0], [np.nan, 9.0], [0.0, 2.0], [0.0, 1.0]])
    assert non_dominated(found).tolist() == [True, False, True, False]
    assert non_dominated(found[1:2]).tolist() == [False]
    assert hypervolume(found, [-1, -1]) == hypervolume(found[[0, 2]], [-1, -1]) == 2 * 2 + 1


@settings(max_examples=40, deadline=None)
@given(found=st.one_of(points(1), points(2), points(3)), extra=st.data())
def test_hypervolume_is_the_volume_dominated_and_grows(found: Array, extra: st.DataObject) -> None:
    m = found.shape[1]
    reference = np.array(extra.draw(st.lists(COARSE, min_size=m, max_size=m)))
    volume = hypervolume(found, reference)
    assert volume == pytest.approx(slow_volume(found, reference))
    more = np.concatenate([found, extra.draw(points(m))])
    assert hypervolume(more, reference) >= volume - 1e-12
    order = extra.draw(st.permutations(range(len(found))))
    assert hypervolume(np.concatenate([found[order], found]), reference) == pytest.approx(volume)
    lower = reference - 1
    assert hypervolume(found, lower) >= volume
    assert hypervolume(found[non_dominated(found)], reference) == pytest.approx(volume)


@settings(max_examples=30, deadline=None)
@given(found=points(2, most=20))
def test_hypervolumes_are_those_of_the_first_points(found: Array) -> None:
    reference = np.array([-1.0, -2.0])
    expected = [hypervolume(found[: k + 1], reference) for k in range(len(found))]
    assert hypervolumes(found, reference) == pytest.approx(np.array(expected))


def test_hypervolume_is_that_of_a_library() -> None:
    moocore = pytest.importorskip("moocore")
    rng = np.random.default_rng(1)
    for _ in range(20):
        found, reference = rng.normal(size=(60, 2)), rng.normal(size=2) - 1
        assert hypervolume(found, reference) == pytest.approx(moocore.hypervolume(-found, ref=-reference))


class TestExpectedImprovement:
    """The closed form in two dimensions, and the sum over boxes in three."""

    @pytest.fixture(params=[2, 3])
    def case(self, request: pytest.FixtureRequest) -> tuple[Array, Array, Array, Array]:
        """Means and deviations (40, m), a front with points that do not matter, a reference."""
        m = request.param
        if m > 2:
            pytest.importorskip("botorch")
        rng = np.random.default_rng(m)
        mean, std = rng.normal(size=(40, m)), rng.uniform(0.05, 1.5, (40, m))
        return mean, std, rng.normal(size=(12, m)), np.full(m, -1.0)

    def test_is_that_of_botorch(self, case: tuple[Array, Array, Array, Array]) -> None:
        import torch

        analytic = pytest.importorskip("botorch.acquisition.multi_objective.analytic")
        boxes_of = pytest.importorskip("botorch.utils.multi_objective.box_decompositions.non_dominated")
        testing = pytest.importorskip("botorch.utils.testing")
        mean, std, front, reference = case
        boxes = boxes_of.FastNondominatedPartitioning(torch.from_numpy(reference), Y=torch.from_numpy(front))
        for number in range(0, 40, 5):
            posterior = testing.MockPosterior(
                mean=torch.from_numpy(mean[number][None, None]), variance=torch.from_numpy(std[number][None, None] ** 2)
            )
            acquisition = analytic.ExpectedHypervolumeImprovement(
                testing.MockModel(posterior), reference.tolist(), boxes
            )
            theirs = acquisition(torch.zeros(1, 1, 1))
            ours = expected_hypervolume_improvement(mean[number][None], std[number][None], front, reference)
            assert ours == pytest.approx(theirs.numpy(), rel=1e-6, abs=1e-12)

    def test_is_the_mean_improvement_of_draws(self, case: tuple[Array, Array, Array, Array]) -> None:
        mean, std, front, reference = case
        rng = np.random.default_rng(0)
        before = hypervolume(front, reference)
        worth = expected_hypervolume_improvement(mean, std, front, reference)
        for number in np.argsort(-worth)[[0, 9]].tolist():
            draws = mean[number] + std[number] * rng.normal(size=(1500, mean.shape[1]))
            gained = np.array([hypervolume(np.concatenate([front, draw[None]]), reference) - before for draw in draws])
            error = gained.std() / np.sqrt(len(draws))
            assert worth[number] > 0.01
            assert abs(worth[number] - gained.mean()) < 4 * error

    def test_tends_to_the_improvement_itself(self, case: tuple[Array, Array, Array, Array]) -> None:
        mean, std, front, reference = case
        before = hypervolume(front, reference)
        exact = [hypervolume(np.concatenate([front, point[None]]), reference) - before for point in mean]
        assert improvement(mean, front, reference) == pytest.approx(np.array(exact), abs=1e-12)
        assert max(exact) > 0.1
        last = np.inf
        for scale in (1e-1, 1e-3, 1e-6):
            error = np.abs(expected_hypervolume_improvement(mean, scale * std, front, reference) - exact).max()
            assert error < last and error < 5 * scale
            last = error

    def test_one_known_criterion_is_the_limit_of_no_uncertainty(self, case: tuple[Array, Array, Array, Array]) -> None:
        mean, std, front, reference = case
        known, nearly = std.copy(), std.copy()
        known[:, 1], nearly[:, 1] = 0.0, 1e-9
        assert expected_hypervolume_improvement(mean, known, front, reference) == pytest.approx(
            expected_hypervolume_improvement(mean, nearly, front, reference), abs=1e-7
        )

    @settings(max_examples=40, deadline=None)
    @given(
        front=points(2, least=0), mean=points(2), scale=st.sampled_from([0.0, 1e-12, 1e-3, 0.5, 30.0]), data=st.data()
    )
    def test_laws(self, front: Array, mean: Array, scale: float, data: st.DataObject) -> None:
        reference = np.array([-2.0, -1.0])
        std = np.full(mean.shape, scale)
        worth = expected_hypervolume_improvement(mean, std, front, reference)
        assert (worth >= 0).all() and np.isfinite(worth).all()
        assert (worth + 1e-9 >= improvement(mean, front, reference)).all()  # the improvement is convex
        more = np.concatenate([front, data.draw(points(2))])
        assert (expected_hypervolume_improvement(mean, std, more, reference) <= worth + 1e-9 * (1 + worth)).all()
        order = data.draw(st.permutations(range(len(more))))
        assert expected_hypervolume_improvement(mean, std, more[order], reference) == pytest.approx(
            expected_hypervolume_improvement(mean, std, more, reference)
        )

    def test_without_a_front_criteria_are_independent(self) -> None:
        mean, std, reference = np.array([[0.3, -0.2]]), np.array([[0.5, 2.0]]), np.array([0.1, 0.4])
        separate = [expected_improvement(mean[0, j], std[0, j], reference[j]) for j in range(2)]
        worth = expected_hypervolume_improvement(mean, std, np.empty((0, 2)), reference)
        assert worth == pytest.approx([float(separate[0] * separate[1])])

    def test_excess_is_exact_far_out(self) -> None:
        mean, std = np.array([0.0, 0.0, 100.0, 0.0]), np.array([1.0, 1.0, 1e-3, 0.0])
        assert expected_excess(mean, std, 3.0)[0] == pytest.approx(stats.norm.pdf(3) - 3 * stats.norm.sf(3))
        assert expected_excess(mean, std, 60.0)[1] == 0.0
        assert expected_excess(mean, std, 1.0)[2:].tolist() == [99.0, 0.0]

    def test_bad_input(self) -> None:
        two = np.zeros((3, 2))
        assert "negative or NaN" in error_of(lambda: expected_hypervolume_improvement(two, two - 1, two, two[0]))
        assert "(3, 2), (3, 1)" in error_of(lambda: expected_hypervolume_improvement(two, two[:, :1], two, two[0]))


@settings(max_examples=30, deadline=None)
@given(fronts=st.lists(points(2, most=6), min_size=1, max_size=5))
def test_what_half_of_the_searches_attain(fronts: list[Array]) -> None:
    level = median_attainment(fronts)
    half = (len(fronts) + 1) // 2

    def attained(goal: Array) -> bool:
        return sum(bool((front >= goal).all(axis=1).any()) for front in fronts) >= half

    for goal in itertools.product(range(-3, 4), repeat=2):
        point = np.array(goal, dtype=np.float64)
        assert attained(point) == bool(len(level) and (level >= point).all(axis=1).any())


def test_staircase() -> None:
    firsts, seconds = staircase(np.array([[0.0, 3.0], [2.0, 1.0], [2.0, 0.5], [1.0, 1.0], [2.0, 1.0]]))
    assert firsts.tolist() == [0.0, 2.0] and seconds.tolist() == [3.0, 1.0]


def test_criteria() -> None:
    criteria = (Criterion("a", maximise=True), Criterion("b"))
    values = np.array([[1.0, 2.0], [3.0, np.nan]])
    assert gains(values, criteria)[0].tolist() == [1.0, -2.0]
    assert np.array_equal(gains(gains(values, criteria), criteria), values, equal_nan=True)
    assert "2 criteria" in error_of(lambda: gains(values[:, :1], criteria))
    assert "at least 2" in error_of(lambda: check_criteria(criteria[:1]))
    assert "'a' is named twice" in error_of(lambda: check_criteria([*criteria, criteria[0]]))


def test_shapes_are_checked() -> None:
    assert "shape (n, m)" in error_of(lambda: non_dominated([1.0, 2.0]))
    assert "reference point (2,)" in error_of(lambda: hypervolume([[1.0, 2.0]], [0.0]))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

    monkeypatch.setattr("arch2vec.searching.pareto.libraries.importlib.import_module", missing)
    three = np.eye(3)
    assert "needs moocore, which is not installed: pip install 'arch2vec[pareto]'" in error_of(
        lambda: hypervolume(three, [-1, -1, -1])
    )
    assert "needs botorch" in error_of(lambda: improvement(three, three, np.full(3, -1.0)))
    assert hypervolume(three[:, :2], [-1, -1]) == 3  # two criteria need neither
