"""What every multi-objective method must do, what is particular to some, and problems made of tables."""

from __future__ import annotations

import itertools
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.function import FunctionObjective
from arch2vec.objectives.table import TableObjective
from arch2vec.searching.base import Candidate
from arch2vec.searching.pareto import PARETO_METHODS, Criterion, ParetoSearch, get_pareto_method
from arch2vec.searching.pareto.criteria import Array, gains
from arch2vec.searching.pareto.methods import EHVI, ParEGO
from arch2vec.searching.pareto.models import CriteriaModels, on_model_scale
from arch2vec.searching.pareto.nsga2 import NSGA2
from arch2vec.searching.pareto.problem import HypervolumeReference, ParetoProblem, problem_of
from arch2vec.searching.pool import Sampled
from arch2vec.surrogates.gaussian_process import GaussianProcess
from made_tables import CELLS, SPACE
from one_line import error_of
from pareto_tables import CRITERIA, columns, embedding, objective, problem
from search_helpers import chain, embed


@pytest.fixture(scope="module")
def cells() -> Embedding:
    return embedding()


@pytest.fixture(params=sorted(PARETO_METHODS))
def method(request: pytest.FixtureRequest) -> type[ParetoSearch]:
    if request.param == "nsga2":
        pytest.importorskip("pymoo")
    return PARETO_METHODS[request.param]


def worth(cells: Embedding) -> Array:
    """(N, 2) a smooth accuracy, and a latency that grows with it but for some."""
    x = cells.vectors.astype(np.float64)
    accuracy = 70 + 8 * np.tanh(x[:, 0]) - 3 * np.abs(x[:, 1])
    return np.stack([accuracy, 5 + x[:, 0] + 2 * x[:, 1]], axis=1)


def run(search: ParetoSearch, values: Array, evaluations: int, batch: int = 1) -> list[int]:
    rows: list[int] = []
    while len(rows) < evaluations:
        asked = search.ask(min(batch, evaluations - len(rows)))
        search.tell_criteria(asked, values[[candidate.index for candidate in asked]])
        rows += [candidate.index for candidate in asked]
    return rows


class TestContract:
    @pytest.mark.parametrize("batch", [1, 7])
    def test_every_architecture_is_proposed_once(self, method: type[ParetoSearch], batch: int) -> None:
        """Those that compute the same function as another one too."""
        edges = np.array(list(itertools.product([4, 5], repeat=5)), dtype=np.uint8)
        cells = embed(SPACE, SPACE.from_edge_operations(np.concatenate([np.full((32, 1), 1, np.uint8), edges], axis=1)))
        assert len(np.unique(cells.function_classes)) < 16
        search = method(cells, CRITERIA, seed=0)
        assert sorted(run(search, worth(cells), len(cells), batch)) == list(range(len(cells)))
        assert search.remaining == 0
        assert "0 left to propose" in error_of(search.ask)

    def test_the_seed_decides(self, method: type[ParetoSearch], cells: Embedding) -> None:
        first, again, other = (run(method(cells, CRITERIA, seed=seed), worth(cells), 20) for seed in (1, 1, 2))
        assert first == again != other

    @pytest.mark.parametrize("known", [False, True])
    def test_goes_on_from_its_state(self, method: type[ParetoSearch], cells: Embedding, known: bool) -> None:
        values = worth(cells)
        table = np.where([False, known], values, np.nan)
        search = method(cells, CRITERIA, seed=3, known=table)
        rng = np.random.default_rng(0)
        waiting: list[Candidate] = []
        for number in range(14):  # answers are late, in any order, and some have failed
            waiting += search.ask(2)
            rng.shuffle(waiting)
            done, waiting = waiting[: number % 4], waiting[number % 4 :]
            told = values[[candidate.index for candidate in done]]
            told[[candidate.index % 5 == 0 for candidate in done]] = np.nan
            search.tell_criteria(done, told)
        resumed = method(cells, CRITERIA, seed=0, known=table)
        resumed.load_state_dict(json.loads(json.dumps(search.state_dict(), allow_nan=False)))
        assert sorted(resumed.pending, key=repr) == sorted(waiting, key=repr)
        for each in (search, resumed):
            each.tell_criteria(waiting, values[[candidate.index for candidate in waiting]])
        assert run(resumed, values, 15) == run(search, values, 15)
        assert resumed.state_dict() == search.state_dict()

    def test_a_damaged_state_is_refused(self, method: type[ParetoSearch], cells: Embedding) -> None:
        search = method(cells, CRITERIA, seed=0)
        run(search, worth(cells), 3)
        state = search.state_dict()
        changes: list[dict[str, Any]] = [
            {"gains": state["gains"][:2]}, {"gains": [[1.0]] * 3}, {"gains": None}, {"told": []}
        ]  # fmt: skip
        for change in changes:
            line = error_of(partial(method(cells, CRITERIA, seed=0).load_state_dict, state | change))
            assert f"damaged state of method {method.name!r}" in line
        other = (CRITERIA[0], Criterion("energy"))
        assert "criteria validation (max), latency (min)" in error_of(
            lambda: method(cells, other, seed=0).load_state_dict(state)
        )

    def test_finds_a_better_front_than_chance(self, method: type[ParetoSearch]) -> None:
        if method.name == "random":
            pytest.skip("is chance itself")
        space = chain(5, "abcd")  # 1,024 cells
        graphs = space.enumerate()
        many = Embedding(space, graphs, graphs.one_hot(space.num_operations)[:, 1:-1].reshape(len(graphs), -1))
        counts = graphs.one_hot(space.num_operations)[:, 1:-1]
        gain = counts @ np.arange(space.num_operations) * np.arange(1, 6)
        cost = counts @ np.arange(space.num_operations) ** 1.6 * np.array([5, 4, 3, 2, 1])
        values = np.stack([50 + gain.sum(axis=1) / 4, cost.sum(axis=1)], axis=1)
        stick = HypervolumeReference.of(gains(values, CRITERIA))
        evaluations, seeds, least = (80, 10, 0.02) if method.name == "nsga2" else (30, 2, 0.05)

        def share(kind: type[ParetoSearch], seed: int) -> float:
            rows = run(kind(many, CRITERIA, seed=seed), values, evaluations)
            return stick.share(gains(values[rows], CRITERIA))

        mine = np.mean([share(method, seed) for seed in range(seeds)])
        chance = np.mean([share(PARETO_METHODS["random"], seed) for seed in range(20)])
        assert mine > chance + least

    def test_three_criteria(self, method: type[ParetoSearch], cells: Embedding) -> None:
        if method.name == "ehvi":
            pytest.importorskip("botorch")
        criteria = (*CRITERIA, Criterion("energy"))
        values = np.concatenate([worth(cells), cells.vectors[:, 2:3]], axis=1)
        known = np.where([False, False, True], values, np.nan)
        assert len(set(run(method(cells, criteria, seed=0, known=known), values, 24))) == 24

    def test_is_told_all_criteria(self, method: type[ParetoSearch], cells: Embedding) -> None:
        search = method(cells, CRITERIA, seed=0)
        asked = search.ask(2)
        assert "tell_criteria" in error_of(lambda: search.tell(asked, [1.0, 2.0]))
        assert "values (n, 2), got (2, 1)" in error_of(lambda: search.tell_criteria(asked, [1.0, 2.0]))
        assert "infinite" in error_of(lambda: search.tell_criteria(asked, [[1.0, 2.0], [np.inf, 0.0]]))
        assert search.pending == asked
        search.tell_criteria([], [])
        search.tell_criteria(asked, [[1.0, 2.0], [np.nan, 0.0]])
        assert search.told_rows == [candidate.index for candidate in asked]
        rows, told = search.observations()
        assert rows == [asked[0].index] and told.tolist() == [[1.0, -2.0]]


@pytest.mark.parametrize("kind", [EHVI, ParEGO])
def test_what_is_known_guides_a_modelled_search(kind: type[ParetoSearch], cells: Embedding) -> None:
    """A cost without any structure can be known, but not learned."""
    values = worth(cells)
    values[:, 1] = np.random.default_rng(5).permutation(len(cells))
    stick = HypervolumeReference.of(gains(values, CRITERIA))
    known = np.where([False, True], values, np.nan)

    def shares(table: Array | None) -> Array:
        runs = [run(kind(cells, CRITERIA, seed=seed, known=table), values, 16) for seed in range(4)]
        return np.array([stick.share(gains(values[rows], CRITERIA)) for rows in runs])

    assert shares(known).mean() > shares(None).mean() + 0.02


@pytest.mark.parametrize("kind", [EHVI, ParEGO])
def test_a_sampled_pool(kind: type[EHVI | ParEGO], cells: Embedding) -> None:
    search = kind(cells, CRITERIA, seed=0, pool=Sampled(size=10, parents=2, steps=1), initial=4)
    assert sorted(run(search, worth(cells), len(cells), batch=3)) == list(range(len(cells)))


def test_nothing_is_gained_by_what_is_dominated_for_certain(cells: Embedding) -> None:
    values = worth(cells)
    search = EHVI(cells, CRITERIA, seed=0, known=np.where([False, True], values, np.nan))
    mean, std = np.array([[80.0, -3.0], [80.0, -5.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    seen, reference, ideal = np.array([[90.0, -4.0]]), np.array([0.0, -9.0]), np.array([90.0, -1.0])
    first, second = search._worth(mean, std, seen, reference, ideal)
    assert first > 1 and second < 1e-12  # ten standard deviations below a cheaper one


def test_scales_of_models() -> None:
    told = np.array([[10.0, -5.0], [90.0, -7.0], [95.0, -7.0], [100.0, 0.0]])
    shown = on_model_scale(told, CRITERIA)
    assert (np.diff(shown[:, 0]) > 0).all() and np.array_equal(shown[:, 1], told[:, 1])
    assert shown[2, 0] - shown[1, 0] > 0.5 * (shown[1, 0] - shown[0, 0]) / 2  # 5 % at the top count like many below
    assert told[0, 0] == 10.0


def test_models_keep_up_with_observations(cells: Embedding) -> None:
    """The forecast after many small steps is that of one model that has seen it all."""
    values = gains(worth(cells), CRITERIA)
    known = np.full(values.shape, np.nan)
    everything = np.arange(len(cells))
    slow = CriteriaModels(cells, CRITERIA, known, GaussianProcess(), 8, 1.25)
    for n in range(8, 13):
        slow.forecast(everything, list(range(n)), values[:n])
    fast = CriteriaModels(cells, CRITERIA, known, GaussianProcess(), 8, 1.25)
    pairs = [
        model.forecast(everything, list(range(12)), values[:12]).predictions(everything, everything)
        for model in (slow, fast)
    ]
    for ours, theirs in zip(*pairs, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-4)
    part = fast.forecast(everything[20:], list(range(12)), values[:12]).predictions(everything[20:], np.arange(5))
    assert part[0] == pytest.approx(pairs[1][0][20:25], rel=1e-3, abs=1e-4)


def test_bad_settings(cells: Embedding) -> None:
    table = np.full((len(cells), 2), np.nan)
    table[:5, 1] = 1.0
    assert "'latency' is known of some" in error_of(lambda: EHVI(cells, CRITERIA, seed=0, known=table))
    assert "got (3, 2)" in error_of(lambda: EHVI(cells, CRITERIA, seed=0, known=table[:3]))
    assert "at least 2 initial" in error_of(lambda: EHVI(cells, CRITERIA, seed=0, initial=1))
    assert "growth" in error_of(lambda: EHVI(cells, CRITERIA, seed=0, growth=0.5))
    assert "known: ehvi, nsga2, parego, random" in error_of(lambda: get_pareto_method("bo"))
    pytest.importorskip("pymoo")
    assert "at least 4" in error_of(lambda: NSGA2(cells, CRITERIA, seed=0, population=2))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables") / "table.parquet"


class TestProblem:
    def test_accuracy_against_columns_of_a_table(self, made: Path, cells: Embedding) -> None:
        target, table = objective(made), columns()
        found, kept = problem_of(target, cells, ["latency:phone", "params", "max:nrg"])
        assert [str(c) for c in found.criteria] == ["validation (max)", "lat (min)", "size (min)", "nrg (max)"]
        assert found.known == ("size",) and found.units[1] == "inference latency, milliseconds"
        rows = np.delete(np.arange(len(CELLS)), 7)  # cell 7 has no energy
        assert kept.architectures == [CELLS[row] for row in rows]
        expected = [table[name][1][rows] for name in ("validation_12", "lat", "size", "nrg")]
        assert np.array_equal(found.values, np.stack(expected, axis=1))
        assert np.array_equal(found.test, table["test_200"][1][rows])
        assert np.isnan(found.known_values[:, [0, 1, 3]]).all() and (found.known_values[:, 2] > 0).all()
        assert found.gains[:, 1].max() < 0 < found.gains[:, 0].min()

    def test_what_is_known_can_be_said(self, made: Path, cells: Embedding) -> None:
        target = objective(made)
        assert problem_of(target, cells, ["latency:phone", "params"], ["latency:phone"])[0].known == ("lat",)
        assert problem_of(target, cells, ["latency:lat100", "params"], ["lat100", "size"])[0].known == (
            "lat100",
            "size",
        )
        assert problem_of(target, cells, ["params"], [])[0].known == ()
        assert "none of the criteria params" in error_of(lambda: problem_of(target, cells, ["params"], ["macs"]))

    def test_refuses_what_is_no_criterion(self, made: Path, cells: Embedding) -> None:
        target = objective(made)
        for spec, words in (
            ("latency", "names no column"),
            ("speed:phone", "unknown criterion 'speed:phone'"),
            ("min:test_200", "accuracy is the objective's own criterion"),
            ("max:validation_12", "accuracy is the objective's own criterion"),
            ("latency:nrg", "is a energy_mj, not a latency_ms"),
            ("latency:phnoe", "devices by name: phone"),
            ("macs", "has no macs on cifar10"),
        ):
            assert words in error_of(partial(problem_of, target, cells, [spec]))
        assert "named twice" in error_of(lambda: problem_of(target, cells, ["params", "min:size"]))
        own = FunctionObjective(lambda architecture: 1.0)
        assert "is no table" in error_of(lambda: problem_of(own, cells, ["params"]))
        with pytest.raises(InputError, match="cannot be known"):
            problem(np.ones((3, 2)), known=("validation",))

    def test_a_table_of_your_own(self, tmp_path: Path, cells: Embedding) -> None:
        lines = [f'"{cell}",{70 + number / 10},{60 + number},{5 + number}' for number, cell in enumerate(CELLS)]
        (tmp_path / "mine.csv").write_text("\n".join(["architecture,val,tst,ms", *lines]))
        target = TableObjective(tmp_path / "mine.csv", validation="val", test="tst", unit="points", partial=True)
        found, _ = problem_of(target, cells, ["latency:ms"])
        assert found.values[:, 1].tolist() == [5.0 + number for number in range(len(CELLS))]
        assert problem_of(target, cells, ["params:ms"])[0].known == ("ms",)
        assert "own accuracy" in error_of(lambda: problem_of(target, cells, ["max:tst"]))
        assert "name the column" in error_of(lambda: problem_of(target, cells, ["params"]))

    def test_the_yardstick_runs_from_the_fronts_worst_to_its_best(self) -> None:
        found = np.array([[1.0, 10.0], [3.0, 6.0], [2.0, 6.0], [0.0, 0.0]])
        stick = HypervolumeReference.of(found)
        assert stick.scaled(found)[:2].tolist() == [[0.0, 1.0], [1.0, 0.0]]
        assert stick.total == pytest.approx(1.1 * 0.1 + 0.1 * 1.0)
        assert stick.shares(found)[-3:] == pytest.approx([1.0, 1.0, 1.0])
        assert stick.share(found[2:]) == pytest.approx(0.6 * 0.1 / stick.total)
        assert HypervolumeReference.of(found[:1]).share(found[:1]) == 1.0


def test_embeddings_of_chains_have_no_known_criteria() -> None:
    small = embed(chain(2, "ab"))
    assert len(run(EHVI(small, CRITERIA, seed=0, initial=2), np.arange(8.0).reshape(4, 2), 4)) == 4
    assert isinstance(problem(np.ones((3, 2))), ParetoProblem)
    assert SPACE.name == "nasbench201"
