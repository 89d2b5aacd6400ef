"""What is better: less instead of more, within limits, in several criteria; the same everywhere that a value goes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.cli import main
from arch2vec.errors import InputError
from arch2vec.objectives.spec import resolve_objective
from arch2vec.searching.goal import Goal
from arch2vec.searching.goals import known_numbers, read_limits
from arch2vec.searching.random_search import RandomSearch
from arch2vec.searching.study import search
from arch2vec.searching.trials import SearchResult, Trial
from arch2vec.spaces import get_space
from arch2vec.studies.optuna import storage
from one_line import error_of
from search_helpers import chain, embed, some_of

METHODS = ["random", "evolution", "local-search", "gp-bo"]


def gain(architecture: str) -> dict[str, float]:
    if architecture.startswith("c|c"):
        return {"validation": math.nan}
    return {"validation": 3.0 + architecture.count("b") - 0.25 * architecture.count("c"), "cost_s": 1.0}


def loss(architecture: str) -> dict[str, float]:
    return {**gain(architecture), "validation": -gain(architecture)["validation"]}


def sized(architecture: str) -> dict[str, float]:
    return {
        "validation": float(architecture.count("b")),
        "size": float(architecture.count("b") + architecture.count("a")),
    }


def trial(value: float, number: int = 1, **more: Any) -> Trial:
    return Trial(number, number - 1, f"a{number}", value, None, 1.0, float(number), 0.0, **more)


class TestDirection:
    @pytest.mark.parametrize("method", METHODS)
    def test_least_of_a_loss_is_most_of_minus_it(self, method: str, tmp_path: Path) -> None:
        embedding = embed(chain(4))
        more = search(embedding, gain, method, 30)
        less = search(embedding, loss, method, 30, minimise=True, out=tmp_path)
        assert [t.architecture for t in less.trials] == [t.architecture for t in more.trials]
        assert less.best.architecture == more.best.architecture
        assert less.best.validation == -more.best.validation == min(t.validation for t in less.trials if not t.failed)
        assert less.to_pandas()["best_validation"].min() == less.best.validation
        assert search(embedding, loss, method, 30, minimise=True, out=tmp_path) == less

    def test_a_stored_study_says_which(self, tmp_path: Path) -> None:
        embedding = embed(chain(3))
        search(embedding, loss, "random", 5, minimise=True, out=tmp_path)
        study = json.loads((tmp_path / "study.json").read_text())
        assert study["minimise"] is True and study["config"]["goal"] == "minimise"
        with pytest.raises(InputError, match="is a study with goal 'minimise', not None"):
            search(embedding, loss, "random", 5, out=tmp_path)

    def test_optuna_knows_the_direction_and_the_value(self, tmp_path: Path) -> None:
        url = f"journal:///{tmp_path}/study.log"
        result = search(embed(chain(3)), "cmd?minimise=true:sh -c 'echo ${#ARCHITECTURE}'", "random", 2, storage=url)
        study = optuna.load_study(study_name=None, storage=storage.open_storage(url))
        assert study.direction == optuna.study.StudyDirection.MINIMIZE
        assert study.best_value == result.best.validation == 5.0

    def test_kinds_that_are_maximised_are_refused(self) -> None:
        assert "of which more is better" in error_of(lambda: resolve_objective("digits-201", minimise=True))
        assert resolve_objective("cmd:echo {architecture}", minimise=True).minimise
        assert not resolve_objective("cmd?minimise=false:echo {architecture}", minimise=True).minimise

    @pytest.mark.parametrize(
        "command", [["search", "--method", "random"], ["compare", "--methods", "random", "--runs", "2"]]
    )
    def test_the_whole_path_of_the_command_line(
        self, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        space = get_space("nasbench201")
        cells = space.format(space.sample(12, np.random.default_rng(0)))
        losses = [0.9 - 0.05 * cell.count("nor_conv_3x3") - 0.001 * number for number, cell in enumerate(cells)]
        pd.DataFrame({"architecture": cells, "val_loss": losses}).to_csv(tmp_path / "t.csv", index=False)
        best = min(losses)
        out = str(tmp_path / "out")
        objective = f"table:{tmp_path}/t.csv?validation=val_loss&partial=true"
        asked = [command[0], "nasbench201", "--objective", objective, *command[1:], "--budget", "12", "--out", out]
        assert main([*asked, "--minimise"]) == 0
        shown = capsys.readouterr().out
        assert f"{best:.4g}" in shown and "%" not in shown.replace("95 %", "").replace("optimum, %", "")
        assert main(["top", out, "-k", "3", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["rows"]
        assert [row["validation"] for row in rows] == pytest.approx(sorted(losses)[:3])
        assert rows[0]["minimise"] is True and rows[0]["unit"] == ""
        assert main(["status", out]) == 0
        assert f"validation {best:,.6g} (least): {cells[losses.index(best)]}" in capsys.readouterr().out
        assert main(["status", out, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["best"]["validation"] == pytest.approx(best)


class TestLimits:
    def test_what_the_space_knows_is_never_proposed(self) -> None:
        embedding = some_of("nasbench201", 60)
        macs = known_numbers(embedding.space, embedding.graphs)["macs"]
        limit = float(np.sort(macs)[20])
        within = {text for text, size in zip(embedding.architectures, macs.tolist(), strict=True) if size <= limit}
        result = search(embedding, lambda a: float(a.count("conv")), "random", 15, at_most={"flops": limit})
        assert {trial.architecture for trial in result.trials} <= within
        assert result.goal.most == {"macs": limit} and all(result.goal.within(trial) for trial in result.trials)
        with pytest.raises(InputError, match="none of the 60 architectures has macs <= 1; the least there is: macs"):
            search(embedding, lambda a: 1.0, "random", 5, at_most={"macs": 1})

    def test_known_numbers_are_those_of_the_structure(self) -> None:
        for name in ("nasbench101", "nasbench201", "darts"):
            space = get_space(name)
            graphs = space.sample(5, np.random.default_rng(0))
            logarithms, names = space.costs(graphs)
            known = known_numbers(space, graphs)
            assert np.exp(logarithms[:, names.index("log parameters")]) == pytest.approx(known["parameters"], rel=1e-5)

    def test_what_a_function_returns_is_found_out(self, tmp_path: Path) -> None:
        embedding, told = embed(chain(3)), []

        class Told(RandomSearch):
            name = "told"

            def tell(self, candidates: Any, values: Any) -> None:
                told.extend(values := list(values))
                super().tell(candidates, values)

        result = search(embedding, sized, Told, 27, at_most={"size": 2.0})
        assert result.best.validation == 2.0 and result.best.extra["size"] == 2.0
        assert max(value for value in told if not math.isnan(value)) == 2.0  # not 3, which is beyond
        url = f"journal:///{tmp_path}/s.log"
        (tmp_path / "sized.py").write_text(
            "def f(a): return {'validation': a.count('b'), 'size': a.count('b') + a.count('a')}\n"
        )
        objective = f"python:{tmp_path}/sized.py:f"
        kept = search(embedding, objective, "random", 27, at_most={"size": 2.0}, storage=url)
        study = optuna.load_study(study_name=None, storage=storage.open_storage(url))
        assert study.best_trial.user_attrs["architecture"] == kept.best.architecture

    def test_what_lacks_the_number_is_never_the_best(self, capsys: pytest.CaptureFixture[str]) -> None:
        def some(architecture: str) -> dict[str, float]:
            return sized(architecture) if "a" in architecture else {"validation": 9.0}

        result = search(embed(chain(2)), some, "random", 9, at_most={"size": 5})
        assert result.best.validation == 1.0
        assert capsys.readouterr().err.count("what lacks it is never the best") == 1

    def test_nothing_within_is_said(self) -> None:
        result = search(embed(chain(2)), sized, "random", 9, at_most={"size": -1})
        with pytest.raises(InputError, match="none of the 9 evaluations succeeded within the limits"):
            _ = result.best

    @pytest.mark.parametrize("text", ["macs", "=3", "macs=", "macs=much", "macs=nan", "macs=inf"])
    def test_malformed(self, text: str) -> None:
        assert error_of(lambda: read_limits([text])).startswith("a limit is a name and a number, as in macs=300e6")

    def test_status_and_top_leave_out_what_is_beyond(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        search(embed(chain(3)), sized, "random", 27, at_most={"size": 2.0}, out=tmp_path)
        assert main(["top", str(tmp_path), "-k", "1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["rows"][0]["validation"] == 2.0
        assert main(["status", str(tmp_path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["best"]["validation"] == 2.0


class TestSeveralCriteria:
    @pytest.mark.parametrize("method", ["random", "nsga2", "parego", "ehvi"])
    def test_the_front(self, method: str, tmp_path: Path) -> None:
        if method == "nsga2":
            pytest.importorskip("pymoo")
        if method == "ehvi":
            pytest.importorskip("botorch")
        embedding = embed(chain(3))
        result = search(embedding, sized, method, 20, against=["size"], out=tmp_path)
        pairs = {(t.validation, t.extra["size"]) for t in result.trials}
        front = {(t.validation, t.extra["size"]) for t in result.front}
        assert front == {
            (value, size)
            for value, size in pairs
            if not any(v >= value and s <= size and (v, s) != (value, size) for v, s in pairs)
        }
        assert search(embedding, sized, method, 20, against=["size"], out=tmp_path) == result

    def test_known_numbers_and_workers_and_a_storage(self, tmp_path: Path) -> None:
        embedding = some_of("nasbench201", 30)
        url = f"journal:///{tmp_path}/s.log"
        objective = "cmd:sh -c 'echo ${#ARCHITECTURE}'"
        result = search(embedding, objective, "random", 6, against=["params"], storage=url, workers=2)
        parameters = known_numbers(embedding.space, embedding.graphs)["parameters"]
        study = optuna.load_study(study_name=None, storage=storage.open_storage(url))
        assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
        by_text = dict(zip(embedding.architectures, parameters.tolist(), strict=True))
        for each in study.trials:
            architecture = each.user_attrs["architecture"]
            assert each.values == [float(len(architecture)), by_text[architecture]]
        assert {t.architecture for t in result.front} == {t.user_attrs["architecture"] for t in study.best_trials}

    def test_on_a_table_as_pareto_has_it(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        space = get_space("nasbench201")
        cells = space.format(space.sample(12, np.random.default_rng(0)))
        columns = {"architecture": cells, "accuracy": np.linspace(50, 90, 12), "ms": np.linspace(1, 9, 12) % 3}
        pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
        asked = ["search", "nasbench201", "--objective", f"table:{tmp_path}/t.csv?validation=accuracy&partial=true"]
        assert main([*asked, "--against", "min:ms", "--method", "random", "--budget", "12", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["criteria"] == [{"column": "validation", "maximise": True}, {"column": "ms", "maximise": False}]
        values = [(row["validation"], row["ms"]) for row in document["front"]]
        assert values[0][0] == 90.0 and sorted(values, reverse=True) == values
        assert main([*asked, "--max", "ms=1.5", "--method", "random", "--budget", "12"]) == 0
        assert "ms" in capsys.readouterr().out
        assert main([*asked, "--against", "accuracy"]) == 2


@given(values=st.lists(st.floats(-100, 100) | st.just(math.nan), min_size=1, max_size=12), least=st.booleans())
def test_what_is_told_is_in_the_order_of_what_is_best(values: list[float], least: bool) -> None:
    goal = Goal(minimise=least)
    trials = [trial(value, number) for number, value in enumerate(values, start=1)]
    told = [goal.told(each, trials[:place]) for place, each in enumerate(trials)]
    assert [goal.gain(goal.gain(value)) for value in values] == pytest.approx(values, nan_ok=True)
    known = [value for value in told if not math.isnan(value)]
    if known:
        assert SearchResult(trials, goal).best is trials[told.index(max(known))]


def test_a_training_that_was_given_up_is_told_as_it_would_have_gone_on() -> None:
    goal = Goal(minimise=True)
    whole = [trial(0.3, 1, reports=((1, 0.9), (2, 0.5))), trial(0.4, 2, reports=((1, 0.8), (2, 0.6)))]
    given_up = trial(0.9, 3, reports=((1, 0.95), (2, 0.9)), pruned=True)
    assert goal.told(given_up, whole) == pytest.approx(-(0.9 - 0.2))
    assert goal.told(given_up, []) == -0.9
    assert SearchResult([*whole, trial(0.1, 4, reports=((1, 0.1),), pruned=True)], goal).best is whole[0]
