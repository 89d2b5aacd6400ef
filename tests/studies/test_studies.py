"""Studies: methods x objectives x seeds; blocks, processes, resuming after a crash at any point."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.objectives.table import TableObjective
from arch2vec.searching.base import Candidate
from arch2vec.searching.evaluation import evaluate
from arch2vec.searching.goal import Goal
from arch2vec.searching.gp_bo import GPBayesianOptimization
from arch2vec.searching.pool import Sampled
from arch2vec.searching.random_search import RandomSearch
from arch2vec.searching.released_bo import ReleasedBayesianOptimization
from arch2vec.searching.study import search
from arch2vec.searching.supervised_bo import ReleasedSupervisedBayesianOptimization
from arch2vec.searching.trials import Trial
from arch2vec.spaces import get_space
from arch2vec.studies import Budget, Trajectories, run_many, run_study, summarise
from arch2vec.studies.inspection import top
from arch2vec.studies.simulation import simulate
from arch2vec.studies.values import ObjectiveValues, TableValues, values_of
from one_line import error_of

EVALUATIONS = 19  # three rounds of the model
COLUMNS = ["method", "objective", "seed", "evaluation", "architecture", "validation", "test", "cost_s"]


class Worth(Objective):
    """Counts operations; validation and test disagree a little, and a few architectures fail.

    Args:
        crash_at: end the process instead of the n-th evaluation, counted from 0.
    """

    name = "worth"
    space: str | None = "nasbench201"
    description = "a made-up accuracy"

    def __init__(self, crash_at: int | None = None, name: str = "worth") -> None:
        self.crash_at = crash_at
        self.name = name
        self.evaluated = 0

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if self.evaluated == self.crash_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.evaluated += 1
        validation = 70.0 + 4 * architecture.count("nor_conv_3x3") - 3 * architecture.count("none")
        if architecture.count("avg_pool_3x3") == 3:
            validation = math.nan
        reported = {"reported_validation": validation + 1}
        return Outcome(validation, validation + architecture.count("skip") / 7, 0.1 * len(architecture), reported)


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return small_embedding()


def small_embedding() -> Embedding:
    space = get_space("nasbench201")
    graphs = space.sample(150, np.random.default_rng(0))
    return Embedding(space, graphs, graphs.one_hot(space.num_operations)[:, 1:-1].reshape(150, -1))


@pytest.fixture(scope="module")
def table(embedding: Embedding, tmp_path_factory: pytest.TempPathFactory) -> TableObjective:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"architecture": embedding.architectures[::-1]})
    frame["val"] = rng.normal(70, 10, len(frame))
    frame["test"] = frame["val"] + rng.normal(0, 1, len(frame))
    frame["seconds"] = rng.uniform(1, 5, len(frame))
    path = tmp_path_factory.mktemp("table") / "table.csv"
    frame.to_csv(path, index=False)
    return TableObjective(path, validation="val", test="test", cost="seconds", partial=True)


def plain(found: Trajectories) -> pd.DataFrame:
    """The rows that don't depend on the clock, in an order of their own."""
    frame = found.frame()[COLUMNS].astype({"method": str, "objective": str, "architecture": str})
    return frame.sort_values(COLUMNS[:4]).reset_index(drop=True)


class TestRuns:
    def test_models_look_at_the_pool_that_a_study_names(self, embedding: Embedding) -> None:
        methods, pool = ["random", "gp-bo", "bo-release", "supervised-bo-release"], Sampled(15, 2, 0)
        found = run_study(embedding, Worth(), methods, 1, Budget(24), pool=pool)
        searches = {
            "random": RandomSearch(embedding, seed=0),
            "gp-bo": GPBayesianOptimization(embedding, seed=0, pool=pool),
            "bo-release": ReleasedBayesianOptimization(embedding, seed=0, pool=pool),
            "supervised-bo-release": ReleasedSupervisedBayesianOptimization(embedding, seed=0, pool=pool),
        }
        for method, alone in searches.items():
            for _ in range(24):
                (candidate,) = alone.ask()
                alone.tell([candidate], [Worth().evaluate(candidate.architecture).validation])
            assert found.runs(method, "worth").rows[0].tolist() == [row for row, _ in alone._told], method

    @pytest.mark.parametrize("batch", [1, 4])
    def test_each_run_is_the_search_it_would_be_alone(self, embedding: Embedding, batch: int) -> None:
        found = run_study(
            embedding,
            Worth(),
            ["random", "bo"],
            3,
            Budget(EVALUATIONS),
            seed0=4,
            batches={"random": batch, "bo": batch},
        )
        for method in ("random", "bo"):
            runs = found.runs(method, "worth")
            assert runs.seeds.tolist() == [4, 5, 6]
            for place, seed in enumerate((4, 5, 6)):
                trials = search(embedding, Worth(), method, EVALUATIONS, seed=seed, batch=batch).trials
                assert runs.rows[place].tolist() == [trial.index for trial in trials]
                np.testing.assert_array_equal(runs.validation[place], [trial.validation for trial in trials])
                np.testing.assert_array_equal(runs.reported[place], runs.validation[place] + 1)
                assert runs.cumulative_cost_s[place, -1] == trials[-1].cumulative_cost_s

    def test_a_table_is_looked_up_as_it_would_be_evaluated(self, embedding: Embedding, table: TableObjective) -> None:
        values = values_of(table, embedding)
        assert isinstance(values, TableValues)
        seeds, end = [0, 1, 2], Budget(None, 100.0)
        fast = simulate(RandomSearch, embedding, values, seeds, end)
        slow = simulate(RandomSearch, embedding, ObjectiveValues(table), seeds, end)
        for name in ("lengths", "rows", "fidelity", "validation", "test", "reported", "cost_s"):
            np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))
        assert len(set(fast.lengths.tolist())) > 1

    def test_limits(self, embedding: Embedding, table: TableObjective) -> None:
        for budget, cost, both in ((10, 60.0, False), (10, 60.0, True), (40, 60.0, False), (40, 60.0, True)):
            runs = run_study(embedding, table, ["random"], 5, Budget(budget, cost, both)).runs("random", table.name)
            spent = runs.cumulative_cost_s
            for length, costs in zip(runs.lengths.tolist(), spent, strict=True):
                by_cost = 1 + int(np.searchsorted(costs[:length], cost)) if costs[length - 1] >= cost else length + 1
                assert length == (max if both else min)(budget, by_cost)
        assert "40 evaluations and 60 s" in str(Budget(40, 60.0, True))
        assert "needs a budget" in error_of(lambda: Budget(None))

    def test_a_run_ends_when_nothing_is_left(self, embedding: Embedding) -> None:
        few = embedding.subset(range(20))
        functions = len(np.unique(few.function_classes))
        found = run_study(few, Worth(), ["random"], 2, Budget(None, 1e9), batches={"random": 3})
        assert found.runs("random", "worth").lengths.tolist() == [functions] * 2

    def test_an_architecture_that_the_table_lacks(self, embedding: Embedding, table: TableObjective) -> None:
        space = get_space("nasbench201")
        graphs = space.sample(150, np.random.default_rng(5))
        other = Embedding(space, graphs, graphs.one_hot(7)[:, 1:-1].reshape(150, -1))
        assert "is not among the architectures" in error_of(lambda: run_study(other, table, ["random"], 2, Budget(50)))

    def test_incumbents_are_the_trials_that_beat_all_before(self, embedding: Embedding) -> None:
        class Noisy(RandomSearch):
            """Proposes at one of three fidelities."""

            name = "noisy"

            @classmethod
            @override
            def _propose(cls, methods: Sequence[RandomSearch], n: int) -> list[list[int | tuple[int, int]]]:  # type: ignore[override]
                return [[(row, 10 + row % 3) if row % 4 else row for row in method.draw(n)] for method in methods]

        runs = simulate(Noisy, embedding, ObjectiveValues(Worth()), range(20), Budget(30))
        checked = 0
        for place, seed in enumerate(range(20)):
            method, best = Noisy(embedding, seed=seed), -1
            trials: list[Trial] = []
            for number in range(30):
                (candidate,) = method.ask()
                assert isinstance(candidate, Candidate)
                trials.append(evaluate(Worth(), candidate, trials))
                if Goal().beats(trials[-1], trials[best] if best >= 0 else None):
                    best = number
                assert runs.incumbents[place, number] == best
                checked += best >= 0
        assert checked > 500


class TestStudy:
    def test_the_number_of_processes_and_of_runs_at_a_time_changes_nothing(
        self, embedding: Embedding, table: TableObjective
    ) -> None:
        arguments = embedding, [Worth(), table], ["random"], {"random": 8}, Budget(EVALUATIONS)
        expected = plain(run_study(*arguments))
        assert len(expected) == 2 * 8 * EVALUATIONS
        calls: list[tuple[str, str, int]] = []
        found = run_study(*arguments, workers=2, block=2, progress=lambda *call: calls.append(call))
        pd.testing.assert_frame_equal(plain(found), expected)
        assert sum(count for _, _, count in calls) == len(expected)
        with ThreadPoolExecutor(1) as executor:
            pd.testing.assert_frame_equal(plain(run_study(*arguments, executor=executor)), expected)

    def test_budgets_by_objective(self, embedding: Embedding, table: TableObjective) -> None:
        ends = {"worth": Budget(5), table.name: Budget(7)}
        found = run_study(embedding, [Worth(), table], ["random"], 2, ends)
        assert found.keys() == [("random", "worth"), ("random", table.name)]
        assert found.runs("random", "worth").lengths.tolist() == [5, 5]
        assert found.runs("random", table.name).lengths.tolist() == [7, 7]

    def test_the_file_is_compact_and_for_any_program(self, embedding: Embedding, tmp_path: Path) -> None:
        found = run_study(embedding, Worth(), ["random"], 16, Budget(60), out=tmp_path)
        path = tmp_path / "trajectories.parquet"
        assert path.stat().st_size < 40 * len(found)
        names = ["asked.json", "comparison.json", "trajectories.parquet"]
        assert sorted(path.name for path in tmp_path.iterdir()) == names
        frame = pd.read_parquet(path).drop(columns="further")  # which no look-up in a table fills
        pd.testing.assert_frame_equal(frame, found.frame(), check_categorical=False)
        assert frame["architecture"].tolist() == [embedding.architectures[row] for row in frame["row"]]
        assert frame["fidelity"].isna().all()
        pd.testing.assert_frame_equal(plain(Trajectories.read(path)), plain(found))

    def test_what_a_function_tells_beside_its_value_is_kept(self, embedding: Embedding, tmp_path: Path) -> None:
        def worth(text: str) -> dict[str, float]:
            return {"validation": 50.0 + len(text), **({"macs": float(text.count("conv"))} if "conv" in text else {})}

        for runs in (2, 3):  # in blocks, put together, and added to
            found = run_many(embedding, worth, ["random", "evolution"], runs, 5, out=tmp_path)
        expected = [float(text.count("conv")) or np.nan for text in found["architecture"]]
        np.testing.assert_array_equal(found["macs"], expected)
        assert "further" not in found
        best = top(tmp_path, by="macs")
        assert best[0].extra["macs"] == np.nanmax(expected)

    def test_a_method_chooses_among_the_fidelities_it_is_given(self, embedding: Embedding) -> None:
        class Levels(Worth):
            fidelities = (4, 12)

        def levels(**given: object) -> set[float]:
            found = run_study(embedding, Levels(), ["bohb"], 2, Budget(30), **given)  # type: ignore[arg-type]
            return set(found.frame()["fidelity"].dropna())

        assert levels() == {4, 12}
        assert levels(fidelities={"worth": (12,)}) == {12}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"methods": []}, "at least one search method"),
            ({"methods": ["x"]}, "unknown search method 'x'"),
            ({"objectives": []}, "at least one objective"),
            ({"objectives": [Worth(), Worth()]}, "different names"),
            ({"runs": 0}, "at least 1 run"),
            ({"runs": {"bo": 2}}, "no runs given for 'random'"),
            ({"workers": 0}, "at least 1 worker"),
            ({"block": 0}, "at least 1 run in a block"),
            ({"batches": {"random": 0}}, "at least 1 architecture in a batch"),
            ({"budget": Budget(151)}, "more than the embedding's 150"),
            ({"seed0": -1}, "must not be negative"),
        ],
    )
    def test_refuses_what_cannot_be(self, embedding: Embedding, change: dict[str, object], message: str) -> None:
        arguments = {"objectives": Worth(), "methods": ["random"], "runs": 2, "budget": Budget(5)} | change
        assert message in error_of(lambda: run_study(embedding, **arguments))  # type: ignore[arg-type]


class TestResume:
    def test_a_killed_study_goes_on_where_it_stopped(self, embedding: Embedding, tmp_path: Path) -> None:
        """Killed, with the signal that nothing can catch, in the third of its five blocks."""
        code = f"""
            from pathlib import Path
            from arch2vec.studies import Budget, run_study
            from test_studies import Worth, small_embedding
            out = Path({str(tmp_path)!r})
            run_study(small_embedding(), Worth(crash_at=45), ["random"], 9, Budget(10), block=2, out=out)
        """
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, Path(__file__).parents[:2]))}
        killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment)
        assert killed.returncode == -signal.SIGKILL
        assert len(list((tmp_path / "blocks").glob("*.parquet"))) == 2
        objective = Worth()
        found = run_study(embedding, objective, ["random"], 9, Budget(10), block=2, out=tmp_path)
        assert objective.evaluated == 45  # of 90: what the unfinished block had evaluated is in its journal
        pd.testing.assert_frame_equal(plain(found), plain(run_study(embedding, Worth(), ["random"], 9, Budget(10))))

    def test_a_crash_while_the_blocks_are_put_together(self, embedding: Embedding, tmp_path: Path) -> None:
        """At worst every run is in the file and in a block, and a temporary file is left."""
        with pytest.raises(InputError, match="gave up after 3 failed evaluations in a row, the last with ZeroDivision"):
            run_study(embedding, lambda _: 1 / 0, ["random"], 1, Budget(10), out=tmp_path, max_failures=3)
        shutil.rmtree(tmp_path)
        expected = run_study(embedding, Worth(), ["random"], 4, Budget(10), block=2, out=tmp_path)
        blocks = tmp_path / "blocks"
        blocks.mkdir()
        pq.write_table(expected.table.slice(0, 20), blocks / "worth--random--0-2.parquet")
        (blocks / ".worth--random--2-2.x.tmp.parquet").write_text("half")
        objective = Worth()
        found = run_study(embedding, objective, ["random"], 5, Budget(10), block=2, out=tmp_path)
        assert objective.evaluated == 10
        assert len(found) == 50
        assert not blocks.exists()
        pd.testing.assert_frame_equal(plain(found).head(40), plain(expected))

    def test_a_study_may_grow_but_not_change(self, embedding: Embedding, tmp_path: Path) -> None:
        run_study(embedding, Worth(), ["random"], 2, Budget(10), out=tmp_path)
        more = run_study(embedding, [Worth(), Worth(name="two")], ["random", "bo"], 3, Budget(10), out=tmp_path)
        assert len(more) == 2 * 2 * 3 * 10
        assert len(run_study(embedding, Worth(crash_at=0), ["bo"], 1, Budget(10), out=tmp_path)) == len(more)

        def refusal(objective: Objective, budget: Budget, **others: object) -> str:
            return error_of(
                lambda: run_study(embedding, objective, ["random"], 2, budget, out=tmp_path, **others)  # type: ignore[arg-type]
            )

        assert "holds runs of 'worth' with budget 10, not 11" in refusal(Worth(), Budget(11))
        assert "with both limits False, not True" in refusal(Worth(), Budget(10, None, True))
        assert "holds runs of 'random' with batch 1, not 2" in refusal(Worth(), Budget(10), batches={"random": 2})
        assert "holds runs with pool None" in refusal(Worth(), Budget(10), pool=Sampled(20))
        changed = Worth()
        changed.description = "another"
        told = "what is measured has changed from 'a made-up accuracy' to 'another'"
        assert told in refusal(changed, Budget(10))
        other = Embedding(embedding.space, embedding.graphs, embedding.vectors + 1)
        assert "holds runs with embedding" in error_of(
            lambda: run_study(other, Worth(), ["random"], 2, Budget(10), out=tmp_path)
        )

    def test_damaged_files(self, embedding: Embedding, tmp_path: Path) -> None:
        def again() -> str:
            return error_of(lambda: run_study(embedding, Worth(), ["random"], 1, Budget(10), out=tmp_path))

        run_study(embedding, Worth(), ["random"], 1, Budget(10), out=tmp_path)
        path = tmp_path / "trajectories.parquet"
        path.write_bytes(path.read_bytes()[:-20])
        assert "cannot read" in again()
        pd.DataFrame({"a": [1]}).to_parquet(path)
        assert "not written by a comparison" in again()
        (tmp_path / "comparison.json").write_text(json.dumps(["x"]))
        assert "does not describe a comparison" in again()


class TestMany:
    def test_each_run_is_what_it_would_be_alone(self, embedding: Embedding) -> None:
        counted = {"random": 0, "bo": 0}

        def progress(method: str, evaluations: int) -> None:
            counted[method] += evaluations

        frame = run_many(embedding, Worth(), ["random", "bo"], 3, EVALUATIONS, seed0=4, progress=progress)
        assert counted == {"random": 3 * EVALUATIONS, "bo": 3 * EVALUATIONS}
        assert list(frame)[:2] == ["method", "seed"]
        for (method, seed), part in frame.groupby(["method", "seed"]):
            alone = search(embedding, Worth(), str(method), EVALUATIONS, seed=int(str(seed))).trajectory()
            pd.testing.assert_frame_equal(
                part.drop(columns=["method", "seed", "method_s"]).reset_index(drop=True), alone.drop(columns="method_s")
            )
        assert set(frame.seed) == {4, 5, 6}

    def test_finished_runs_are_kept(self, embedding: Embedding, tmp_path: Path) -> None:
        first = run_many(embedding, Worth(), ["random"], 2, 10, out=tmp_path)
        objective = Worth()
        counted: list[int] = []
        more = run_many(
            embedding, objective, ["random"], 3, 10, out=tmp_path, progress=lambda _, count: counted.append(count)
        )
        assert objective.evaluated == 10
        assert sum(counted) == 30
        pd.testing.assert_frame_equal(more[more.seed < 2], first)
        pd.testing.assert_frame_equal(run_many(embedding, Worth(0), ["random"], 3, 10, out=tmp_path), more)
        pd.testing.assert_frame_equal(run_many(embedding, Worth(0), ["random"], 2, 10, out=tmp_path), first)

    def test_summary_is_of_the_last_row_of_each_run(self, embedding: Embedding) -> None:
        frame = run_many(embedding, Worth(), ["random"], 4, 12)
        results = [search(embedding, Worth(), "random", 12, seed=seed) for seed in range(4)]
        (row,) = summarise(frame).to_dict("records")
        assert (row["method"], row["runs"], row["evaluations"]) == ("random", 4, 12)
        assert row["validation_mean"] == pytest.approx(np.mean([result.best.validation for result in results]))
        tests = [result.best.test or math.nan for result in results]
        assert row["test_mean"] == pytest.approx(np.mean(tests))
        assert row["test_std"] == pytest.approx(np.std(tests, ddof=1))
        assert row["cost_s"] == pytest.approx(np.mean([result.cost_s for result in results]))
        assert row["seconds_per_run"] == pytest.approx(frame.method_s.sum() / 4)


def test_bo_beats_random_search_on_published_results(shared_data: Path) -> None:
    """NAS-Bench-201, operations one-hot as vectors, 6 runs of 48 evaluations: a little of what bo is for."""
    objective = TableObjective(
        shared_data / "nasbench201.parquet", validation="c10valid_val_200", test="c10_test_200_nats"
    )
    space = get_space("nasbench201")
    graphs = space.enumerate()
    embedding = Embedding(space, graphs, graphs.one_hot(space.num_operations)[:, 1:-1].reshape(len(graphs), -1))
    summary = summarise(run_many(embedding, objective, ["random", "gp-bo"], 6, 48)).set_index("method")
    assert summary.validation_mean["gp-bo"] > summary.validation_mean["random"] + 0.1
    assert summary.validation_mean["gp-bo"] > 91.2
