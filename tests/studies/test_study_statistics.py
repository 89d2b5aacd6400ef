"""Statistics of studies against closed forms, SciPy and slow definitions."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from arch2vec.searching.budget import Budget
from arch2vec.studies.at_budget import chosen, covered
from arch2vec.studies.curves import distribution, regret_curve
from arch2vec.studies.runs import SearchRuns, joined
from arch2vec.studies.significance import compare, holm, lead
from arch2vec.studies.statistics import bootstrap_interval, describe, optimum_share
from arch2vec.studies.summary import comparisons, summary_rows
from arch2vec.studies.table import Trajectories, to_runs, to_table
from one_line import error_of

NAN = math.nan


def made_up(seed: int, runs: int = 6, longest: int = 12, method: str = "m") -> SearchRuns:
    """Runs of different lengths with failures, of architectures 0 ... 99."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, longest + 1, runs)
    lengths[0] = longest
    made = np.arange(longest) < lengths[:, None]
    validation = np.where(made, np.round(rng.normal(80, 5, made.shape), 1), NAN)
    validation[rng.random(made.shape) < 0.15] = NAN
    validation[:, 0] = 60.0
    return SearchRuns(
        method,
        "o",
        np.arange(runs),
        lengths,
        np.where(made, rng.integers(0, 100, made.shape), -1).astype(np.int32),
        np.zeros(made.shape, dtype=np.int32),
        validation,
        np.where(made, rng.normal(80, 5, made.shape), NAN),
        validation + 1,
        np.where(made, rng.uniform(1, 10, made.shape), 0),
        np.where(made, 0.25, 0).astype(np.float32),
    )


def by_hand(runs: SearchRuns, budget: Budget) -> list[tuple[int, int]]:
    """For each run: how many evaluations are within the budget, and which is the best of them."""
    answers = []
    for run, length in enumerate(runs.lengths.tolist()):
        spent, count, best = 0.0, 0, -1
        for number in range(length):
            if count >= (budget.evaluations or np.inf) or spent >= (budget.max_cost_s or np.inf):
                break
            spent += runs.cost_s[run, number]
            count += 1
            value = runs.validation[run, number]
            if not np.isnan(value) and (best < 0 or value > runs.validation[run, best]):
                best = number
        answers.append((count, best))
    return answers


class TestAtABudget:
    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 10**6), st.sampled_from(["evaluations", "seconds"]), st.integers(1, 60))
    def test_the_choice_is_the_best_within_the_budget(self, seed: int, kind: str, at: int) -> None:
        runs = made_up(seed)
        budget = Budget(at) if kind == "evaluations" else Budget(max_cost_s=at)
        found = chosen(runs, budget)
        for run, (count, best) in enumerate(by_hand(runs, budget)):
            assert found.evaluations[run] == count
            assert found.rows[run] == runs.rows[run, best]
            assert found.signal[run] == runs.validation[run, best]
            assert found.validation[run] == runs.validation[run, best] + 1
            assert found.test[run] == runs.test[run, best]
            assert found.cost_s[run] == pytest.approx(runs.cost_s[run, :count].sum())
            assert found.method_s[run] == pytest.approx(0.25 * count)

    def test_whether_runs_go_so_far(self) -> None:
        runs = made_up(0)
        least = int(runs.lengths.min())
        assert covered(Budget(least), runs)
        assert not covered(Budget(least + 1), runs)
        cheapest = float(runs.cost_s.sum(axis=1).min())
        assert covered(Budget(max_cost_s=cheapest), runs)
        assert not covered(Budget(max_cost_s=cheapest + 0.1), runs)
        assert str(Budget(max_cost_s=12_000)) == "12,000 s"
        assert "above 0 seconds" in error_of(lambda: Budget(max_cost_s=0))

    def test_runs_survive_the_table(self) -> None:
        parts = [made_up(1), made_up(2, longest=20)]
        parts[1] = SearchRuns(**{**vars(parts[1]), "seeds": parts[1].seeds + 6})
        whole = joined(parts)
        names = [str(number) for number in range(100)]
        back = to_runs(to_table(whole, names))
        again = Trajectories(to_table(whole, names)).runs("m", "o")
        for name in ("seeds", "lengths", "rows", "fidelity", "validation", "test", "reported", "cost_s", "method_s"):
            np.testing.assert_array_equal(getattr(back, name), getattr(whole, name))
            np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
        assert "no runs of method 'x'" in error_of(lambda: Trajectories(to_table(whole, names)).runs("x", "o"))
        assert "was run twice" in error_of(lambda: joined([parts[0], parts[0]]))


class TestStatistics:
    def test_location_and_spread(self) -> None:
        values = np.array([1.0, 2.0, 4.0, 9.0, NAN])
        found = describe(values)
        assert (found.runs, found.mean, found.median) == (4, 4.0, 3.0)
        assert found.std == pytest.approx(math.sqrt((9 + 4 + 0 + 25) / 3))
        assert (found.q1, found.q3) == (1.75, 5.25)
        assert found.low < 4 < found.high
        assert describe(values) == found
        assert describe(np.array([NAN])).runs == 0
        single = describe(np.array([3.0]))
        assert (single.mean, single.low, single.high) == (3.0, 3.0, 3.0) and math.isnan(single.std)

    def test_the_interval_is_that_of_drawing_runs_anew(self) -> None:
        """All 27 resamples of three runs, exactly; and SciPy's bootstrap on a larger sample."""
        values = np.array([0.0, 1.0, 5.0])
        means = sorted(np.mean(draw) for draw in product(values, repeat=3))
        low, high = bootstrap_interval(values[:, None], level=0.8, draws=200_000)
        assert low[0] == pytest.approx(means[2]) and high[0] == pytest.approx(means[24])  # 10 % is the third of 27
        sample = np.random.default_rng(0).gamma(2, size=80)
        ours = bootstrap_interval(sample[:, None], draws=20_000)
        theirs = stats.bootstrap((sample,), np.mean, method="percentile", n_resamples=20_000, rng=1)
        assert ours[0][0] == pytest.approx(theirs.confidence_interval.low, abs=0.01)
        assert ours[1][0] == pytest.approx(theirs.confidence_interval.high, abs=0.01)

    def test_columns_are_independent_of_how_many_are_done_at_once(self) -> None:
        values = np.random.default_rng(1).normal(size=(9, 4))
        together = bootstrap_interval(values, draws=500)
        for column in range(4):
            alone = bootstrap_interval(values[:, column : column + 1], draws=500)
            np.testing.assert_allclose([end[column] for end in together], [end[0] for end in alone], rtol=1e-12)
        constant = bootstrap_interval(np.full((7, 1), 0.1))
        assert constant[0][0] == constant[1][0] == pytest.approx(0.1)
        assert "between 0 and 1" in error_of(lambda: bootstrap_interval(values, level=1.0))

    def test_the_interval_covers_the_mean_as_often_as_it_says(self) -> None:
        rng = np.random.default_rng(3)
        samples = rng.normal(2.0, 1.0, size=(60, 400))
        low, high = bootstrap_interval(samples, draws=1000)
        assert 0.90 < np.mean((low < 2) & (high > 2)) < 0.98

    def test_share_at_the_optimum(self) -> None:
        assert optimum_share(np.array([91.5, 91.5 - 1e-12, 91.4, NAN]), 91.5) == 0.5


class TestSignificance:
    def test_signed_ranks_against_every_choice_of_signs(self) -> None:
        """The exact distribution of the statistic, which the normal one approximates."""
        rng = np.random.default_rng(0)
        pairs = rng.normal(0.35, 1.0, size=12)
        ranks = stats.rankdata(np.abs(pairs))
        observed = abs((np.sign(pairs) * ranks).sum())
        sums = [abs(np.dot(signs, ranks)) for signs in product((-1, 1), repeat=12)]
        exact = np.mean(np.array(sums) >= observed - 1e-9)
        (found,) = compare({"a": dict(enumerate(pairs + 5)), "b": dict.fromkeys(range(12), 5.0)})
        assert found.p_wilcoxon == pytest.approx(exact, abs=0.02)
        assert found.p_holm == found.p_wilcoxon
        assert found.difference == pytest.approx(pairs.mean())
        assert found.low < found.difference < found.high
        t = pairs.mean() / (pairs.std(ddof=1) / math.sqrt(12))
        assert found.p_t == pytest.approx(2 * stats.t.sf(abs(t), 11))

    def test_only_common_seeds_take_part(self) -> None:
        (found,) = compare({"a": {0: 1.0, 1: 2.0, 2: NAN, 3: 4.0}, "b": {1: 1.0, 2: 5.0, 3: 2.0, 9: 0.0}})
        assert (found.pairs, found.difference) == (2, 1.5)
        assert "no seed in common" in error_of(lambda: compare({"a": {0: 1.0}, "b": {1: 1.0}}))

    def test_equal_methods(self) -> None:
        (found,) = compare({"a": {0: 1.0, 1: 2.0}, "b": {0: 1.0, 1: 2.0}})
        assert (found.p_wilcoxon, found.p_t, found.low, found.high) == (1.0, 1.0, 0.0, 0.0)

    def test_holm(self) -> None:
        assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
        assert holm([0.5, 0.9]) == [1.0, 1.0]
        assert holm([]) == []

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
    def test_holm_rejects_what_its_definition_rejects(self, p_values: list[float]) -> None:
        corrected = holm(p_values)
        ordered = sorted(p_values)
        for level in (0.01, 0.05, 0.3):
            kept = 0
            while kept < len(ordered) and (len(ordered) - kept) * ordered[kept] <= level:
                kept += 1
            assert sum(p <= level for p in corrected) == kept

    def test_ahead_of_published_is_welch(self) -> None:
        ours = np.random.default_rng(0).normal(94.2, 0.2, 40)
        theirs = np.random.default_rng(1).normal(94.1, 0.3, 500)
        expected = stats.ttest_ind(ours, theirs, equal_var=False, alternative="greater").pvalue
        found = lead(ours, float(theirs.mean()), float(theirs.std(ddof=1)))
        assert found.p == pytest.approx(expected)
        assert found.difference == pytest.approx(ours.mean() - theirs.mean())
        assert lead(ours, 94.0, None).assumed_std and not found.assumed_std
        assert lead(np.full(5, 94.37), 94.18, 0.0).p == 0.0
        assert "at least 2 runs" in error_of(lambda: lead(ours[:1], 94, 0.1))


class TestCurves:
    @pytest.mark.parametrize("x", ["evaluations", "seconds"])
    def test_regret_is_that_of_the_best_by_validation(self, x: str) -> None:
        runs = made_up(4)
        curve = regret_curve(runs, 95.0, x=x, points=25)
        for at, mean, low, high in zip(curve.x, curve.mean, curve.low, curve.high, strict=True):
            regrets = []
            for run, length in enumerate(runs.lengths.tolist()):
                best = -1
                for number in range(length):
                    reached = number + 1 if x == "evaluations" else runs.cost_s[run, : number + 1].sum()
                    value = runs.validation[run, number]
                    if reached <= at + 1e-9 and value == value and (best < 0 or value > runs.validation[run, best]):
                        best = number
                regrets.append(95.0 - runs.test[run, best])
            assert mean == pytest.approx(np.mean(regrets))
            assert low <= mean <= high
        assert curve.runs == 6

    def test_regret_of_the_signal_never_rises(self) -> None:
        curve = regret_curve(made_up(5, runs=30), 100.0, column="validation", end=8)
        assert curve.x.tolist() == list(range(1, 9))
        assert (np.diff(curve.mean) <= 1e-12).all()
        assert "unknown column" in error_of(lambda: regret_curve(made_up(0), 100.0, column="x"))
        assert "unknown horizontal axis" in error_of(lambda: regret_curve(made_up(0), 100.0, x="x"))
        assert "has chosen nothing" in error_of(lambda: regret_curve(made_up(0), 100.0, x="seconds", end=0.1))

    def test_distribution(self) -> None:
        x, height = distribution(np.array([3.0, 1.0, 3.0, NAN]))
        assert x.tolist() == [1.0, 3.0] and height.tolist() == [0.25, 0.75]
        values = np.random.default_rng(0).normal(size=50)
        theirs = stats.ecdf(values).cdf
        x, height = distribution(values)
        np.testing.assert_allclose(x, theirs.quantiles)
        np.testing.assert_allclose(height, theirs.probabilities)


def test_summary_rows() -> None:
    runs = [made_up(1), made_up(2, method="n")]
    signal = np.arange(100.0)
    rows = summary_rows(runs, [Budget(2), Budget(max_cost_s=20)], signal)
    assert [(row["method"], row["budget"]) for row in rows] == [
        ("m", "2 evaluations"), ("n", "2 evaluations"), ("m", "20 s"), ("n", "20 s")
    ]  # fmt: skip
    found = chosen(runs[0], Budget(2))
    assert rows[0]["validation_mean"] == pytest.approx(found.validation.mean())
    assert rows[0]["signal_mean"] == pytest.approx(found.signal.mean())
    assert rows[0]["test_std"] == pytest.approx(found.test.std(ddof=1))
    assert rows[0]["optimum_share"] == np.mean(found.rows == 99)
    assert (rows[0]["evaluations"], rows[0]["complete"]) == (2, True)
    (comparison,) = comparisons(runs, Budget(2))
    other = chosen(runs[1], Budget(2))
    assert comparison.difference == pytest.approx((found.test - other.test).mean())
