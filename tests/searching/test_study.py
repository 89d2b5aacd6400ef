"""Single searches: limits, records, resuming after a crash at any point."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from arch2vec.common.storage import read_json
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.searching import METHODS
from arch2vec.searching.study import SearchResult, Trial, search
from arch2vec.spaces import get_space

EVALUATIONS = 21  # five rounds of the model
BOTH = pytest.mark.parametrize("method", sorted(METHODS))
# Processes of one that has loaded what they need and computed nothing: PyTorch cannot be forked once it has.
CLEAN = multiprocessing.get_context("forkserver")
LOADED = ("torch", "torch._dynamo", "sklearn.ensemble", "arch2vec.searching.study", "arch2vec.surrogates.graph_network")
CLEAN.set_forkserver_preload(list(LOADED))


class Worth(Objective):
    """Counts operations; validation and test disagree a little, and a few architectures fail.

    Args:
        crash_at: raise KeyboardInterrupt instead of the n-th evaluation, counted from 0.
    """

    name = "worth"
    space: str | None = "nasbench201"
    description = "a made-up accuracy"

    def __init__(self, crash_at: int | None = None) -> None:
        self.crash_at = crash_at
        self.evaluated: list[str] = []

    @property
    @override
    def identity(self) -> dict[str, str]:
        """The same of all that are interrupted somewhere."""
        return {"measured": self.description}

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if len(self.evaluated) == self.crash_at:
            raise KeyboardInterrupt
        self.evaluated.append(architecture)
        validation = 70.0 + 4 * architecture.count("nor_conv_3x3") - 3 * architecture.count("none")
        if architecture.count("avg_pool_3x3") == 3:
            validation = math.nan
        return Outcome(validation, validation + architecture.count("skip") / 7, 0.1 * len(architecture), {"macs": 2.0})


class Deadly(Worth):
    """Ends the process instead of the 19th evaluation."""

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if len(self.evaluated) == 18:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(architecture, fidelity)


def search_until_killed(folder: Path, method: str, budget: int, batch: int) -> None:
    embedding = Embedding.load(folder / "embedding.safetensors")
    search(embedding, Deadly(), method, budget, batch=batch, out=folder / "study")


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    space = get_space("nasbench201")
    graphs = space.sample(150, np.random.default_rng(0))
    return Embedding(space, graphs, graphs.one_hot(space.num_operations)[:, 1:-1].reshape(150, -1))


class TestResult:
    @BOTH
    def test_trials_are_what_the_objective_gave(self, embedding: Embedding, method: str) -> None:
        objective = Worth()
        seen: list[Trial] = []
        result = search(embedding, objective, method, EVALUATIONS, on_evaluation=seen.append)
        assert result.trials == seen
        assert [trial.architecture for trial in result.trials] == objective.evaluated
        assert result.evaluations == EVALUATIONS
        total = 0.0
        for number, trial in enumerate(result.trials, start=1):
            outcome = Worth().evaluate(trial.architecture)
            total += outcome.cost_s
            assert trial.number == number
            assert embedding.architectures[trial.index] == trial.architecture
            assert trial.failed or (trial.validation, trial.test) == (outcome.validation, outcome.test)
            assert (trial.cost_s, trial.cumulative_cost_s, trial.extra) == (outcome.cost_s, total, {"macs": 2.0})
            assert trial.method_s > 0
        assert result.cost_s == total

    def test_the_trajectory_follows_the_best_by_validation(self) -> None:
        validations, tests = [math.nan, 90.0, 80.0, 95.0, 95.0, math.nan], [1.0, 92.0, 99.0, 91.0, 98.0, None]
        trials = [
            Trial(i + 1, i, f"a{i}", validation, test, 2.0, 2.0 * (i + 1), 0.5)
            for i, (validation, test) in enumerate(zip(validations, tests, strict=True))
        ]
        result = SearchResult(trials)
        assert result.best.architecture == "a3"  # the first of equal ones, whatever the test says
        frame = result.trajectory()
        np.testing.assert_array_equal(frame.best_validation, [math.nan, 90, 90, 95, 95, 95])
        np.testing.assert_array_equal(frame.best_test, [math.nan, 92, 92, 91, 91, 91])
        np.testing.assert_array_equal(frame.evaluation, range(1, 7))
        np.testing.assert_array_equal(frame.cumulative_cost_s, np.arange(1, 7) * 2.0)
        with pytest.raises(InputError, match="none of the 1 evaluations succeeded"):
            _ = SearchResult(trials[:1]).best

    def test_a_plain_function_will_do(self, embedding: Embedding) -> None:
        result = search(embedding, lambda text: float(text.count("skip")), "random", 10)
        assert result.best.validation == max(text.count("skip") for text in (t.architecture for t in result.trials))
        assert result.best.test is None
        assert result.trajectory().best_test.isna().all()


class TestLimits:
    def test_no_evaluation_starts_beyond_the_cost(self, embedding: Embedding) -> None:
        trials = search(embedding, Worth(), "random", None, max_cost_s=50.0).trials
        assert trials[-2].cumulative_cost_s < 50.0 <= trials[-1].cumulative_cost_s
        both = search(embedding, Worth(), "random", 3, max_cost_s=50.0).trials
        assert both == trials[:3]

    def test_ends_when_every_function_is_evaluated(self, embedding: Embedding) -> None:
        small = embedding.subset(range(30))
        functions = len(np.unique(small.function_classes))
        assert search(small, Worth(), "bo", None, max_cost_s=1e9, batch=4).evaluations == functions
        assert search(small, Worth(), "bo", functions).evaluations == functions

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"budget": 0}, "budget must be at least 1"),
            ({"budget": 10, "max_cost_s": 0.0}, "maximum cost must be above 0"),
            ({"budget": 10, "max_cost_s": math.nan}, "maximum cost must be above 0"),
            ({"budget": None}, "needs a budget"),
            ({"budget": 151}, "151 evaluations is more than the embedding's 150 architectures"),
            ({"budget": 150}, r"150 evaluations is more than the \d+ different functions .* 150 architectures"),
            ({"budget": 10, "batch": 0}, "at least 1 architecture"),
            ({"budget": 10, "method": "nothing"}, "unknown search method 'nothing'"),
            ({"budget": 10, "seed": -1}, "seed"),
            ({"budget": 10, "objective": 3}, "needed, got int"),
        ],
    )
    def test_refuses_what_cannot_be(self, embedding: Embedding, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            search(embedding, **{"objective": Worth(), "method": "random", **arguments})

    def test_refuses_an_objective_of_another_space(self, embedding: Embedding) -> None:
        objective = Worth()
        objective.space = "darts"
        with pytest.raises(InputError, match="for the space 'darts', the embedding's architectures are of"):
            search(embedding, objective, "random", 10)
        objective.space = None
        assert search(embedding, objective, "random", 10).evaluations == 10

    @pytest.mark.parametrize("outcome", [Outcome(math.inf, None, 1.0), Outcome(1, None, math.nan), Outcome(1, 1, -1.0)])
    def test_refuses_outcomes_that_cannot_be(self, embedding: Embedding, outcome: Outcome) -> None:
        class Odd(Worth):
            @override
            def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
                return outcome

        assert search(embedding, Odd(), "random", 1).trials[0].failed
        with pytest.raises(InputError, match=r"gave up after 4 failed .* objective worth gave"):
            search(embedding, Odd(), "random", 10, max_failures=4)


class TestResume:
    @BOTH
    @pytest.mark.parametrize(("batch", "crash_at"), [(1, 0), (3, 17)])
    def test_an_interrupted_study_ends_as_one_that_was_not(
        self, embedding: Embedding, tmp_path: Path, method: str, batch: int, crash_at: int
    ) -> None:
        whole = search(embedding, Worth(), method, EVALUATIONS, batch=batch)
        with pytest.raises(KeyboardInterrupt):
            search(embedding, Worth(crash_at), method, EVALUATIONS, batch=batch, out=tmp_path)
        objective = Worth()
        resumed = search(embedding, objective, method, EVALUATIONS, batch=batch, out=tmp_path)
        assert resumed.trials == whole.trials
        assert len(objective.evaluated) == EVALUATIONS - crash_at  # nothing is paid for twice

    @pytest.mark.parametrize(("method", "batch"), [("random", 1), ("bo", 3), ("group-bo", 1), ("arch2vec-rl", 3)])
    def test_killed_at_any_moment_it_loses_at_most_the_running_evaluation(
        self, embedding: Embedding, tmp_path: Path, method: str, batch: int
    ) -> None:
        """The process is ended by SIGKILL within the 19th evaluation, when the 18th has been stored."""
        embedding.save(tmp_path / "embedding.safetensors")
        child = CLEAN.Process(target=search_until_killed, args=(tmp_path, method, EVALUATIONS, batch))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        assert len(json.loads((tmp_path / "study/study.json").read_text())["trials"]) == 18
        resumed = search(embedding, Worth(), method, EVALUATIONS, batch=batch, out=tmp_path / "study")
        assert resumed.trials == search(embedding, Worth(), method, EVALUATIONS, batch=batch).trials

    @BOTH
    def test_a_larger_budget_continues_and_a_smaller_one_looks_back(
        self, embedding: Embedding, tmp_path: Path, method: str
    ) -> None:
        whole = search(embedding, Worth(), method, EVALUATIONS, batch=3)
        search(embedding, Worth(), method, 17, batch=3, out=tmp_path)  # 17 ends within a batch
        objective = Worth()
        assert search(embedding, objective, method, EVALUATIONS, batch=3, out=tmp_path).trials == whole.trials
        assert len(objective.evaluated) == EVALUATIONS - 17
        before = (tmp_path / "study.json").read_bytes()
        assert search(embedding, Worth(), method, 5, batch=3, out=tmp_path).trials == whole.trials[:5]
        assert (tmp_path / "study.json").read_bytes() == before

    @pytest.mark.parametrize(
        ("field", "change"),
        [("method", {"method": "bo"}), ("seed", {"seed": 1}), ("batch", {"batch": 2})],
    )
    def test_refuses_another_studys_folder(
        self, embedding: Embedding, tmp_path: Path, field: str, change: dict[str, Any]
    ) -> None:
        search(embedding, Worth(), "random", 3, out=tmp_path)
        with pytest.raises(InputError, match=f"study with {field} "):
            search(embedding, Worth(), **{"method": "random", "budget": 3, "out": tmp_path, **change})

    def test_refuses_another_objective_or_embedding(self, embedding: Embedding, tmp_path: Path) -> None:
        search(embedding, Worth(), "random", 3, out=tmp_path)
        other = Worth()
        other.name = "other"
        with pytest.raises(InputError, match="study with objective 'worth', not 'other'"):
            search(embedding, other, "random", 3, out=tmp_path)
        moved = Embedding(embedding.space, embedding.graphs, embedding.vectors + 1)
        for changed in (moved, embedding.subset(range(100))):
            with pytest.raises(InputError, match="study with embedding "):
                search(changed, Worth(), "random", 3, out=tmp_path)

    def test_refuses_a_damaged_file(self, embedding: Embedding, tmp_path: Path) -> None:
        search(embedding, Worth(), "random", 5, out=tmp_path)
        path = tmp_path / "study.json"
        text = path.read_text()
        document, wrong_row, no_cost = read_json(path), read_json(path), read_json(path)
        wrong_row["trials"][2]["index"] += 1
        del no_cost["trials"][1]["cost_s"]
        damaged = [
            text[: len(text) // 2],
            "\x00\x01",
            "",
            "[]",
            "{}",
            text.replace('"seed": 0', '"seed": 8'),
            json.dumps({**document, "trials": None}),
            json.dumps({**document, "config": {}}),
            json.dumps({**document, "method": {}}),
            json.dumps({**document, "method": 3}),
            json.dumps({**document, "trials": document["trials"][:-1]}),
            json.dumps(wrong_row),
            json.dumps(no_cost),
        ]
        for content in damaged:
            path.write_text(content)
            with pytest.raises(InputError, match=r"study\.json") as caught:
                search(embedding, Worth(), "random", 6, out=tmp_path)
            assert "\n" not in str(caught.value)
        path.write_text(text)
        assert search(embedding, Worth(), "random", 6, out=tmp_path).evaluations == 6

    def test_refuses_a_folder_that_is_a_file_before_evaluating(self, embedding: Embedding, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        objective = Worth()
        with pytest.raises(InputError, match="cannot write to the output folder"):
            search(embedding, objective, "random", 3, out=tmp_path / "file")
        assert not objective.evaluated


def test_a_space_of_the_same_name_is_told_apart_in_words(tmp_path: Path) -> None:
    from arch2vec.representations.ready import structure_embedding
    from arch2vec.spaces import DeclaredSpace, SpaceDeclaration

    def of(*operations: str) -> Embedding:
        edges = tuple((vertex, vertex + 1) for vertex in range(3))
        return structure_embedding(DeclaredSpace(SpaceDeclaration("mine", operations, vertices=4, edges=edges)))

    search(of("a", "b"), len, "random", 3, out=tmp_path)
    with pytest.raises(InputError, match=r"or of another space of this name: trial 1, '[ab]\|[ab]', is not one"):
        search(of("c", "d"), len, "random", 4, out=tmp_path)
    with pytest.raises(InputError, match="is a study with embedding of other vectors, of other architectures"):
        search(of("a", "b", "c"), len, "random", 4, out=tmp_path)
