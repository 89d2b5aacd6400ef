"""BOHB: Hyperband's schedule, the densities against plain loops, and the two together."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.base import Candidate
from arch2vec.searching.bohb import BOHB
from arch2vec.searching.brackets import choose_levels, rung_sizes
from arch2vec.searching.kernel_densities import KernelDensity, Rule
from arch2vec.searching.random_search import RandomSearch
from search_helpers import chain, embed, some_of

CHAIN = embed(chain(6))  # 729 cells
EPOCHS = (4, 12, 36, 108)


def worth(embedding: Embedding, candidate: Candidate) -> float:
    """Better at a higher fidelity, and then with less noise that depends on the architecture."""
    epochs = 108 if candidate.fidelity is None else candidate.fidelity
    good = float((embedding.graphs.ops[candidate.index] == 3).sum())
    return good + math.log(epochs) + math.sin(37.0 * candidate.index) * 3 / math.sqrt(epochs)


def run(search: BOHB, evaluations: int, batch: int = 1) -> list[Candidate]:
    asked: list[Candidate] = []
    while len(asked) < evaluations:
        candidates = search.ask(batch)
        search.tell(candidates, [worth(search.embedding, candidate) for candidate in candidates])
        asked += candidates
    return asked


class TestSchedule:
    def test_rungs_are_hyperbands(self) -> None:
        """Li et al. (JMLR 2018), section 3.2: a maximum of 81 and eta = 3."""
        assert [rung_sizes(bracket, 4, 3) for bracket in (4, 3, 2, 1, 0)] == [
            [81, 27, 9, 3, 1],
            [34, 11, 3, 1],
            [15, 5, 1],
            [8, 2],
            [5],
        ]

    @given(st.integers(0, 6), st.integers(2, 5))
    def test_rungs_follow_the_formula(self, highest: int, eta: int) -> None:
        for bracket in range(highest + 1):
            first = math.ceil((highest + 1) * eta**bracket / (bracket + 1) - 1e-9)
            assert rung_sizes(bracket, highest, eta) == [math.floor(first / eta**i) for i in range(bracket + 1)]

    def test_levels_are_a_factor_apart(self) -> None:
        assert choose_levels(EPOCHS, 3) == [4, 12, 36, 108]
        assert choose_levels((12, 200), 3) == [12, 200]
        assert choose_levels(range(1, 201), 3) == [2, 7, 22, 66, 200]
        assert choose_levels((200, 150, 100), 3) == [200]
        assert choose_levels((), 3) == [None]
        with pytest.raises(InputError, match="positive, got 0"):
            choose_levels((0, 4), 3)

    def test_one_round_of_all_brackets(self) -> None:
        asked = run(BOHB(CHAIN, seed=0, fidelities=EPOCHS), 27 + 9 + 3 + 1 + 12 + 4 + 1 + 6 + 2 + 4)
        sizes = [(4, 27), (12, 9), (36, 3), (108, 1), (12, 12), (36, 4), (108, 1), (36, 6), (108, 2), (108, 4)]
        runs = [(level, len(list(same))) for level, same in itertools.groupby(c.fidelity for c in asked)]
        assert runs[:8] == sizes[:8]
        assert [c.fidelity for c in asked[-6:]] == [108] * 6

    def test_the_best_go_on_and_no_others(self) -> None:
        asked = run(BOHB(CHAIN, seed=1, fidelities=EPOCHS), 40)
        for size, start, end in ((9, 0, 27), (3, 27, 36), (1, 36, 39)):
            rung = sorted(asked[start:end], key=lambda candidate: -worth(CHAIN, candidate))
            promoted = asked[end : end + size]
            assert [c.index for c in promoted] == [c.index for c in rung[:size]]

    def test_what_failed_does_not_go_on(self) -> None:
        search = BOHB(CHAIN, seed=0, fidelities=(1, 3))  # 3 then 1, and 2
        first = search.ask(3)
        search.tell(first, [math.nan, 0.0, math.nan])
        assert search.ask() == [Candidate(first[1].index, first[1].architecture, 3)]
        search = BOHB(CHAIN, seed=0, fidelities=(1, 3))
        search.tell(search.ask(3), [math.nan] * 3)
        assert [candidate.fidelity for candidate in search.ask(2)] == [3, 3]  # on to the next bracket

    def test_the_next_bracket_begins_while_one_waits(self) -> None:
        search = BOHB(CHAIN, seed=0, fidelities=(1, 3))
        waiting = search.ask(4)
        assert [candidate.fidelity for candidate in waiting] == [1, 1, 1, 3]
        search.tell(waiting[:3], [1.0, 3.0, 2.0])
        assert search.ask() == [Candidate(waiting[1].index, waiting[1].architecture, 3)]

    def test_a_space_that_is_used_up_still_promotes(self) -> None:
        embedding = CHAIN.subset([0, 1, 2, 3, 5])
        search = BOHB(embedding, seed=0, fidelities=EPOCHS)
        seen: list[Candidate] = []
        while search.remaining:
            asked = search.ask(min(2, search.remaining))
            search.tell(asked, [worth(embedding, candidate) for candidate in asked])
            seen += asked
        assert Counter(candidate.fidelity for candidate in seen) == {4: 5, 12: 5, 36: 3, 108: 1}
        with pytest.raises(InputError, match="0 left"):
            search.ask()

    @pytest.mark.parametrize("batch", [1, 3])
    @pytest.mark.parametrize("stop", [0, 20, 33, 41, 58])
    def test_goes_on_from_its_state(self, stop: int, batch: int) -> None:
        whole = run(BOHB(CHAIN, seed=2, fidelities=EPOCHS), 75, batch)
        search = BOHB(CHAIN, seed=2, fidelities=EPOCHS)
        before = run(search, stop, batch)
        resumed = BOHB(CHAIN, seed=7, fidelities=EPOCHS)
        resumed.load_state_dict(json.loads(json.dumps(search.state_dict())))
        assert before + run(resumed, 75 - stop - (-stop % batch), batch) == whole

    def test_refuses_a_state_of_other_fidelities_or_with_strange_brackets(self) -> None:
        search = BOHB(CHAIN, seed=0, fidelities=(1, 3))
        run(search, 5)
        state = search.state_dict()
        with pytest.raises(InputError, match=r"at the fidelities \[1, 3\], not \[None\]"):
            BOHB(CHAIN, seed=0).load_state_dict(state)
        too_many, not_asked = {"number": 1, "rungs": [[0, 1, 2, 3, 4]]}, {"number": 0, "rungs": [[728]]}
        damaged: list[object] = [3, [{}], [too_many], [not_asked]]
        for brackets in damaged:
            with pytest.raises(InputError, match="damaged state"):
                search.load_state_dict({**state, "brackets": brackets})
        assert search.state_dict() == state


class TestDensity:
    SIZES = np.array([2, 5, 3])

    def points(self, n: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(self.SIZES, size=(n, 3))

    @pytest.mark.parametrize("rule", ["root", "reference"])
    @given(n=st.integers(1, 30), seed=st.integers(0, 1000))
    def test_is_the_mean_of_products_of_kernels(self, rule: Rule, n: int, seed: int) -> None:
        points = self.points(n, seed)
        density = KernelDensity(points, self.SIZES, rule)
        total = 0.0
        every = np.array(list(itertools.product(range(2), range(5), range(3))))
        for x, log_density in zip(every, density.log_density(every), strict=True):
            kernels = []
            for point in points:
                factors = [
                    1 - h if x[d] == point[d] else h / (self.SIZES[d] - 1) for d, h in enumerate(density.bandwidths)
                ]
                kernels.append(math.prod(factors))
            assert math.exp(log_density) == pytest.approx(np.mean(kernels))
            total += math.exp(log_density)
        assert total == pytest.approx(1)

    def test_bandwidths(self) -> None:
        points = np.array([[0, 0, 1], [0, 3, 1], [1, 4, 1], [0, 1, 1]])
        np.testing.assert_allclose(KernelDensity(points, self.SIZES).bandwidths, [0.25, 0.4, 1 / 3])
        spread = points.std(axis=0)
        expected = np.clip(1.06 * spread * 4 ** (-1 / 7), 0.001, [0.5, 0.8, 2 / 3])
        np.testing.assert_allclose(KernelDensity(points, self.SIZES, "reference").bandwidths, expected)

    @pytest.mark.parametrize("widening", [1.0, 3.0])
    def test_samples_follow_it(self, widening: float) -> None:
        points = self.points(9, 0)
        density = KernelDensity(points, self.SIZES)
        samples = density.sample(40_000, widening, np.random.default_rng(0))
        wide = KernelDensity(points, self.SIZES)
        wide.bandwidths = np.minimum(widening * density.bandwidths, (self.SIZES - 1) / self.SIZES)
        every = np.array(list(itertools.product(range(2), range(5), range(3))))
        counts = Counter(map(tuple, samples.tolist()))
        for x, log_density in zip(every.tolist(), wide.log_density(every), strict=True):
            chance = math.exp(log_density)
            assert abs(counts[tuple(x)] - 40_000 * chance) < 5 * math.sqrt(40_000 * chance)

    def test_refuses_another_rule(self) -> None:
        with pytest.raises(InputError, match="unknown rule for bandwidths 'scott'"):
            KernelDensity(self.points(3, 0), self.SIZES, "scott")  # type: ignore[arg-type]


class TestModel:
    def test_is_random_search_until_there_is_enough(self) -> None:
        model, random = BOHB(CHAIN, seed=0, random_share=0.0), RandomSearch(CHAIN, seed=0)
        rows = [candidate.index for candidate in run(model, 12)]
        expected = []
        for _ in range(12):
            (candidate,) = random.ask()
            random.tell([candidate], [0.0])
            expected.append(candidate.index)
        # Six decisions: the tenth is the first that nine evaluations are known for.
        assert rows[:9] == expected[:9]
        assert rows[9:] != expected[9:]

    def test_proposes_the_sample_of_the_highest_ratio(self) -> None:
        search = BOHB(CHAIN, seed=0, random_share=0.0)
        told = run(search, 40)
        best_first = sorted(told, key=lambda candidate: -worth(CHAIN, candidate))
        choices = CHAIN.graphs.ops[[candidate.index for candidate in best_first], 1:-1].astype(np.int64) - 1
        sizes = np.full(6, 3)
        good, bad = KernelDensity(choices[:7], sizes), KernelDensity(choices[7:], sizes)
        rng = np.random.default_rng()
        rng.bit_generator.state = search.state_dict()["rng"]
        rng.random()  # whether it is to be a random one
        samples = good.sample(64, 1.0, rng)
        rows = samples @ 3 ** np.arange(6)[::-1]
        left = ~np.isin(rows, [candidate.index for candidate in told])
        ratio = good.log_density(samples) - bad.log_density(samples)
        assert search.ask()[0].index == rows[left][np.argmax(ratio[left])]

    def test_uses_the_highest_fidelity_that_has_enough(self) -> None:
        search = BOHB(CHAIN, seed=0, fidelities=(1, 3), random_share=0.0)
        rows = iter(range(100))
        architectures = CHAIN.architectures

        def tell(fidelity: int | None, values: list[float]) -> list[int]:
            told = [Candidate(row, architectures[row], fidelity) for row in itertools.islice(rows, len(values))]
            search.tell(told, values)
            return [candidate.index for candidate in told]

        assert search._densities() is None
        low = tell(1, [*range(9, 0, -1)])
        densities = search._densities()
        assert densities is not None
        np.testing.assert_array_equal(densities[0]._points, CHAIN.graphs.ops[low[:7], 1:-1] - 1)
        tell(3, [1.0, math.nan] * 8)  # eight that did not fail
        densities = search._densities()
        assert densities is not None
        np.testing.assert_array_equal(densities[0]._points, CHAIN.graphs.ops[low[:7], 1:-1] - 1)
        default = tell(None, [5.0])  # counts as 3
        densities = search._densities()
        assert densities is not None
        np.testing.assert_array_equal(densities[0]._points[0], CHAIN.graphs.ops[default[0], 1:-1] - 1)

    def test_finds_better_architectures_than_random_search(self) -> None:
        for seed in range(3):
            found = run(BOHB(CHAIN, seed=seed), 70)
            random = RandomSearch(CHAIN, seed=seed).ask(200)
            late = [worth(CHAIN, candidate) for candidate in found[-30:]]  # ten of them random
            assert np.mean(late) > np.mean([worth(CHAIN, candidate) for candidate in random]) + 0.7

    @pytest.mark.parametrize("name", ["nasbench101", "darts"])
    def test_serves_spaces_in_which_most_decisions_make_nothing(self, name: str) -> None:
        embedding = some_of(name, 60)
        search = BOHB(embedding, seed=0, fidelities=(1, 3), random_share=0.0)
        rows = []
        while search.remaining:
            (candidate,) = search.ask()
            rows.append(candidate.index)
            search.tell([candidate], [float(candidate.architecture.count("3x3"))])
        assert set(rows) == set(range(60))


@pytest.mark.parametrize(
    "options",
    [{"eta": 1}, {"random_share": 1.5}, {"samples": 0}, {"widening": 0.0}, {"bandwidths": "x"}, {"fidelities": [-1]}],
)
def test_refuses_settings_that_make_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        BOHB(CHAIN, seed=0, **options)  # type: ignore[arg-type]
