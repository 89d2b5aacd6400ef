"""Trainings that report on their way: given up where they are not worth going on with, wherever they are made."""

from __future__ import annotations

import json
import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import pytest

from arch2vec.cli import main
from arch2vec.common.storage import read_json
from arch2vec.errors import InputError
from arch2vec.objectives.reporting import Pruned, Report, Reports
from arch2vec.searching.study import SearchResult, search
from arch2vec.searching.trials import Trial
from arch2vec.studies.optuna import storage
from arch2vec.studies.pruning import PRUNERS, TrialJudge, make_pruner
from one_line import error_of
from search_helpers import chain, embed

EPOCHS = 5
MINE = """
import sys

def train(architecture, report):
    for epoch in range(1, 6):
        report(epoch, architecture.count("b") * epoch)
    return {"validation": 6.0 * architecture.count("b")}

def least(architecture, report):
    for epoch in range(1, 6):
        report(epoch, 10 - architecture.count("b") * epoch / 6)
    return 10 - architecture.count("b")

if __name__ == "__main__":
    for epoch in range(1, 6):
        print('{"epoch": %d, "value": %d}' % (epoch, sys.argv[1].count("b") * epoch), flush=True)
    print('{"validation": %d}' % (6 * sys.argv[1].count("b")))
"""


def train(architecture: str, report: Report) -> float:
    for epoch in range(1, EPOCHS + 1):
        report(epoch, architecture.count("b") * epoch)
    return 6.0 * architecture.count("b")


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "a2v_mine.py").write_text(MINE)
    return f"{tmp_path}/a2v_mine.py"


def check(result: SearchResult, least: bool = False) -> list[Trial]:
    """What holds of every search of these trainings; those that were given up."""
    pruned = [trial for trial in result.trials if trial.pruned]
    assert pruned and not any(trial.failed for trial in result.trials)
    for trial in result.trials:
        epochs = [epoch for epoch, _ in trial.reports]
        assert epochs == list(range(1, len(epochs) + 1))
        if trial.pruned:
            assert trial.validation == trial.reports[-1][1]
        assert trial.cost_s > 0
    assert not result.best.pruned
    ends = [trial.validation for trial in result.trials if not trial.pruned]
    assert result.best.validation == (min(ends) if least else max(ends))
    return pruned


@pytest.mark.parametrize(
    "pruner", ["median?trials=3", "percentile?percentile=50&trials=3", "successive-halving?factor=2"]
)
def test_in_this_process(pruner: str) -> None:
    pruned = check(search(embed(chain(4)), train, "random", 40, pruner=pruner))
    assert any(len(trial.reports) < EPOCHS for trial in pruned)


def test_hyperband_gives_up_at_its_rungs() -> None:
    result = search(embed(chain(4)), train, "random", 60, pruner="hyperband?least=1&most=5&factor=2")
    assert {len(trial.reports) for trial in check(result)} <= {1, 2, 4}


def test_less_can_be_better(mine: str) -> None:
    check(search(embed(chain(4)), f"python:{mine}:least", "random", 40, minimise=True, pruner="median?trials=3"), True)


@pytest.mark.slow
def test_by_workers_and_kept(mine: str, tmp_path: Path) -> None:
    embedding, out, objective = embed(chain(4)), tmp_path / "out", f"python:{mine}:train"
    result = search(embedding, objective, "random", 24, workers=2, out=out, pruner="median?trials=3")
    check(result)
    stored = read_json(out / "study.json")["trials"]
    assert [bool(entry.get("pruned")) for entry in stored] == [trial.pruned for trial in result.trials]
    again = search(embedding, objective, "random", 24, workers=2, out=out, pruner="median?trials=3")
    assert again == result
    check(search(embedding, objective, "random", 40, workers=2, out=out, pruner="median?trials=3"))


@pytest.mark.parametrize("pruner", ["median?trials=3", "successive-halving?factor=2"])
def test_a_search_that_goes_on_gives_up_what_it_would_have(pruner: str, tmp_path: Path) -> None:
    embedding = embed(chain(4))
    whole = search(embedding, train, "evolution", 40, pruner=pruner)
    for budget in (13, 27, 40):
        parts = search(embedding, train, "evolution", budget, pruner=pruner, out=tmp_path)
    assert [(t.architecture, t.reports, t.pruned) for t in parts.trials] == [
        (t.architecture, t.reports, t.pruned) for t in whole.trials
    ]


def test_in_a_storage_from_other_processes(mine: str, tmp_path: Path) -> None:
    url, embedding = f"sqlite:///{tmp_path}/s.db", embed(chain(4))
    more: dict[str, Any] = {"pruner": "median?trials=3", "storage": url}
    with ProcessPoolExecutor(1) as executor:
        first = search(embedding, f"python:{mine}:train", "random", 12, executor=executor, **more)
    result = search(embedding, f"python:{mine}:train", "random", 20, workers=2, **more)
    check(result)
    assert result.trials[:12] == first.trials
    study = optuna.load_study(study_name=None, storage=storage.open_storage(url))
    states = {trial.user_attrs["architecture"]: trial for trial in study.trials}
    for trial in result.trials:
        kept = states[trial.architecture]
        assert kept.state.name == ("PRUNED" if trial.pruned else "COMPLETE")
        assert tuple(kept.intermediate_values.items()) == trial.reports
        assert kept.value == trial.validation


def test_a_command_is_ended(mine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    embed(chain(3)).save(tmp_path / "vectors.safetensors")
    command = f"cmd:python {mine} {{architecture}}"
    asked = ["search", str(tmp_path / "vectors.safetensors"), "--objective", command, "--method", "random"]
    out = str(tmp_path / "out")
    assert main([*asked, "--budget", "9", "--out", out, "--pruner", "median?trials=2"]) == 0
    trials = read_json(tmp_path / "out" / "study.json")["trials"]
    assert any(trial.get("pruned") for trial in trials) and not any(trial["error"] for trial in trials)
    capsys.readouterr()
    assert main(["top", out, "-k", "1", "--json"]) == 0
    best = json.loads(capsys.readouterr().out)["rows"][0]
    assert best["validation"] == max(trial["validation"] for trial in trials if not trial.get("pruned"))
    assert main(["status", out]) == 0
    assert f"pruned       {sum(bool(trial.get('pruned')) for trial in trials)}" in capsys.readouterr().out


def test_without_a_pruner_reports_are_kept(mine: str, tmp_path: Path) -> None:
    url = f"journal:///{tmp_path}/s.log"
    result = search(embed(chain(2)), f"python:{mine}:train", "random", 4, storage=url)
    assert all(len(trial.reports) == EPOCHS and not trial.pruned for trial in result.trials)
    study = optuna.load_study(study_name=None, storage=storage.open_storage(url))
    assert all(len(trial.intermediate_values) == EPOCHS for trial in study.trials)


def test_what_is_given_up_cannot_be_caught_by_except_exception() -> None:
    def stubborn(architecture: str, report: Report) -> float:
        for epoch in range(1, 4):
            try:
                report(epoch, architecture.count("b"))
            except Exception:
                return 99.0
        return float(architecture.count("b"))

    result = search(embed(chain(3)), stubborn, "random", 20, pruner="median?trials=3")
    assert result.best.validation <= 3 and any(trial.pruned for trial in result.trials)


def test_an_odd_report_is_a_failed_trial() -> None:
    def odd(architecture: str, report: Report) -> float:
        report(1, "much")  # type: ignore[arg-type]
        return 1.0

    result = search(embed(chain(2)), odd, "random", 3, max_failures=None)
    assert result.trials[0].error == "a report at epoch 1 has the value 'much'; a number is needed"
    reports = Reports()
    reports(1, 2.0)
    reports(1, math.nan)
    assert "epochs ascend" in error_of(lambda: reports(0, 1.0))
    assert "finite or NaN" in error_of(lambda: reports(2, math.inf))
    assert "a whole number" in error_of(lambda: reports(1.5, 1.0))  # type: ignore[arg-type]
    with pytest.raises(Pruned):
        Reports(lambda epoch, value: value < 3)(1, 2.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("best", f"unknown pruner 'best'; known: {', '.join(sorted(PRUNERS))}"),
        ("median?warm=3", "pruner median has no setting 'warm'"),
        ("median?trials=x", "pruner median: setting 'trials' must be a whole number, got 'x'"),
        ("successive-halving?factor=1", "pruner successive-halving?factor=1: "),
    ],
)
def test_pruners_that_cannot_be(text: str, told: str) -> None:
    assert error_of(lambda: make_pruner(text)).startswith(told)


def test_where_nothing_can_be_asked_it_is_refused() -> None:
    embedding = embed(chain(2))
    assert "reports nothing on the way" in error_of(
        lambda: search(embedding, lambda a: 1.0, "random", 3, pruner="median")
    )
    with ProcessPoolExecutor(1) as executor, pytest.raises(InputError, match="keep the search in a storage"):
        search(embedding, train, "random", 3, pruner="median", executor=executor)
    with pytest.raises(InputError, match="given up by one value"):
        search(embedding, train, "random", 3, pruner="median", against=["size"])
    with ThreadPoolExecutor(2) as executor:
        check(search(embed(chain(4)), train, "random", 40, pruner="median?trials=3", executor=executor))


def test_a_storage_that_does_not_answer_gives_nothing_up(tmp_path: Path) -> None:
    assert TrialJudge(f"sqlite:///{tmp_path}/none.db", "s", 1, "median")(1, 2.0) is False
