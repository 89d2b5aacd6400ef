"""Studies whose evaluations are of different fidelities: cost, incumbent, record, resuming."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from typing_extensions import override

from arch2vec.common.storage import read_json
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.searching.base import Candidate
from arch2vec.searching.random_search import RandomSearch
from arch2vec.searching.study import search
from arch2vec.searching.trials import SearchResult, Trial
from search_helpers import chain, embed

CHAIN = embed(chain(5))


class Epochs(Objective):
    """Costs a second an epoch; stops the process, so to speak, after some evaluations."""

    name = "epochs"
    space: str | None = None
    description = "made up"
    fidelities = (3, 10, 30)

    def __init__(self, stop: int | None = None) -> None:
        self.stop = stop
        self.made: list[tuple[str, int | None]] = []

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if len(self.made) == self.stop:
            raise KeyboardInterrupt
        self.made.append((architecture, fidelity))
        epochs = 30 if fidelity is None else fidelity
        validation = 60.0 + 3 * architecture.count("a") + math.log(epochs)
        return Outcome(validation, validation - 1, float(epochs))


def trial(number: int, validation: float, fidelity: int | None) -> Trial:
    return Trial(number, number, f"a{number}", validation, number / 10, 1.0, float(number), 0.0, {}, fidelity)


def test_an_evaluation_costs_what_its_fidelity_costs() -> None:
    objective = Epochs()
    result = search(CHAIN, objective, "bohb", 30)
    assert [trial.fidelity for trial in result.trials[:13]] == [3] * 9 + [10] * 3 + [30]
    assert [(trial.architecture, trial.fidelity) for trial in result.trials] == objective.made
    assert [trial.cost_s for trial in result.trials] == [float(trial.fidelity or 30) for trial in result.trials]
    assert result.cost_s == sum(trial.cost_s for trial in result.trials)
    frame = result.trajectory()
    assert frame.fidelity.tolist() == [trial.fidelity for trial in result.trials]
    assert search(CHAIN, Epochs(), "random", 3).trajectory().fidelity.isna().all()


def test_a_limit_on_cost_counts_them() -> None:
    result = search(CHAIN, Epochs(), "bohb", None, max_cost_s=60.0)
    assert result.cost_s >= 60 > result.trials[-1].cumulative_cost_s - result.trials[-1].cost_s


def test_the_incumbent_is_the_best_at_the_highest_fidelity_seen() -> None:
    low, other, failed, middle, worse, best, late = (
        trial(1, 90.0, 3),
        trial(2, 91.0, 3),
        trial(3, math.nan, 30),
        trial(4, 70.0, 10),
        trial(5, 60.0, 10),
        trial(6, 70.5, 10),
        trial(7, 95.0, 3),
    )
    result = SearchResult([low, other, failed, middle, worse, best, late])
    assert result.best is best
    assert result.trajectory().best_validation.tolist() == [90.0, 91.0, 91.0, 70.0, 70.0, 70.5, 70.5]
    assert result.trajectory().best_test.tolist() == [0.1, 0.2, 0.2, 0.4, 0.4, 0.6, 0.6]
    default = trial(8, 50.0, None)  # the objective's own default is its highest
    assert SearchResult([*result.trials, default]).best is default
    assert SearchResult([default, *result.trials]).best is default
    with pytest.raises(InputError, match="none of the 1"):
        _ = SearchResult([failed]).best


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("stop", [0, 5, 10, 14, 27])
def test_resumes_after_a_crash_at_any_point(tmp_path: Path, stop: int, batch: int) -> None:
    whole = search(CHAIN, Epochs(), "bohb", 40, batch=batch)
    with pytest.raises(KeyboardInterrupt):
        search(CHAIN, Epochs(stop), "bohb", 40, batch=batch, out=tmp_path)
    objective = Epochs()
    assert search(CHAIN, objective, "bohb", 40, batch=batch, out=tmp_path).trials == whole.trials
    assert len(objective.made) == 40 - stop
    path = tmp_path / "study.json"
    document = read_json(path)
    document["trials"][3]["fidelity"] = 10
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="knows of other evaluations"):
        search(CHAIN, Epochs(), "bohb", 41, batch=batch, out=tmp_path)


def test_a_study_from_before_there_were_fidelities_goes_on(tmp_path: Path) -> None:
    whole = search(CHAIN, Epochs(), "random", 12)
    search(CHAIN, Epochs(), "random", 7, out=tmp_path)
    path = tmp_path / "study.json"
    document = read_json(path)
    for entry in document["trials"]:
        assert entry.pop("fidelity") is None
    assert all(isinstance(row, int) for row in document["method"]["asked"])
    assert all(len(entry) == 2 for entry in document["method"]["told"])
    path.write_text(json.dumps(document))
    assert search(CHAIN, Epochs(), "random", 12, out=tmp_path).trials == whole.trials


def test_a_fidelity_that_is_not_offered_is_the_objectives_to_refuse() -> None:
    def plain(architecture: str) -> float:
        return float(len(architecture))

    assert search(CHAIN, plain, "bohb", 5).evaluations == 5  # no choice, so none is asked for


def test_pending_tells_fidelities_apart() -> None:
    method = RandomSearch(CHAIN, seed=0)
    (asked,) = method.ask()
    method.tell([Candidate(asked.index, asked.architecture, 3)], [1.0])
    assert method.pending == [asked]
    method.tell([asked], [2.0])
    assert method.pending == []
    state = json.loads(json.dumps(method.state_dict()))
    assert state["told"] == [[asked.index, 1.0, 3], [asked.index, 2.0]]
    resumed = RandomSearch(CHAIN, seed=0)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == method.state_dict()
    with pytest.raises(InputError, match="damaged state"):
        resumed.load_state_dict({**state, "told": [[0, 1.0, 3, 4]]})
