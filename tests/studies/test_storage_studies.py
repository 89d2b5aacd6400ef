"""Searches in Optuna's storages: made again from trials alone, by several drivers, whatever becomes of one."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import numpy as np
import optuna
import pytest

from arch2vec.cli import main
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.base import Candidate, SearchMethod
from arch2vec.searching.methods import METHODS, get_method
from arch2vec.searching.patience import patiently
from arch2vec.searching.store import StudyConfig, embedding_digest
from arch2vec.searching.study import SearchResult, search
from arch2vec.searching.trials import Trial
from arch2vec.studies.inspection import top
from arch2vec.studies.optuna import drivers, storage
from arch2vec.studies.optuna.parameters import Parameters
from arch2vec.studies.optuna.record import InStorage
from arch2vec.studies.optuna.trials import STUDY, VOID
from mutations import flipped
from one_line import error_of
from search_helpers import chain, embed, some_of

QUICK = {"random", "evolution", "local-search", "group-bo", "gp-bo", "bohb"}


def worth(architecture: str) -> dict[str, float]:
    if architecture.startswith("c|c"):
        raise ValueError("no luck")
    return {"validation": float(architecture.count("b")), "macs": 3.0, "test": 1.0, "cost_s": 2.0}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"journal:///{tmp_path}/studies.log"


def run(
    embedding: Embedding, objective: Callable[[str], Any], method: str, budget: int, url: str, **more: Any
) -> SearchResult:
    with ThreadPoolExecutor(more.pop("workers", 1)) as executor:
        return search(embedding, objective, method, budget, executor=executor, storage=url, **more)


def paths(result: SearchResult) -> list[tuple[str, str]]:
    return [(trial.architecture, repr(trial.validation)) for trial in result.trials]


def trials_of(url: str, name: str | None = None) -> list[optuna.trial.FrozenTrial]:
    opened = storage.open_storage(url)
    return optuna.load_study(study_name=name, storage=opened).trials


def counted(url: str, name: str | None = None) -> list[optuna.trial.FrozenTrial]:
    return [trial for trial in trials_of(url, name) if VOID not in trial.system_attrs]


def record_of(embedding: Embedding, url: str, method: str = "random") -> tuple[InStorage, SearchMethod]:
    config = StudyConfig(embedding.space.name, embedding_digest(embedding), "an objective", method, 0, 1, {"code": "1"})
    record, searcher = InStorage(url, "a study", config), get_method(method)(embedding, seed=0)
    record.load(searcher)
    return record, searcher


class TestMadeAgain:
    @pytest.mark.parametrize(
        "method",
        [
            pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
            for name in sorted(set(METHODS) - {"bo-release", "supervised-bo-release", "forest"})
        ],
    )
    def test_a_stopped_search_goes_on_as_if_it_had_not(self, method: str, url: str) -> None:
        embedding, calls = embed(chain(4)), 0

        def stopping(architecture: str) -> dict[str, float]:
            nonlocal calls
            calls += 1
            if calls in (5, 14, 20):
                raise KeyboardInterrupt
            return worth(architecture)

        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                run(embedding, stopping, method, 22, url, study_name="stopped", accept_changes=True)
        stopped = run(embedding, worth, method, 22, url, study_name="stopped", accept_changes=True)
        whole = run(embedding, worth, method, 22, url, study_name="whole")
        assert paths(stopped) == paths(whole)
        assert calls == 20
        if method != "bohb":
            assert len({trial.architecture for trial in whole.trials}) == 22

    def test_clocks_that_differ_change_nothing(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Begun on one machine and gone on with on others, whose clocks are hours off."""
        embedding, method, hours = embed(chain(4)), "evolution?population=5&tournament=2", 0.0

        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return super().now(tz) + timedelta(hours=hours)

        whole = run(embedding, worth, method, 40, url, study_name="whole")
        monkeypatch.setattr("optuna.storages.journal._storage.datetime", Clock)
        for off, budget in ((9.0, 10), (-8.0, 20), (3.0, 30), (-8.0, 40)):
            hours = off
            parts = run(embedding, worth, method, budget, url, study_name="parts")
        assert paths(parts) == paths(whole)

    def test_trials_say_all(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/new/studies.db"
        embedding = embed(chain(3))
        result = run(embedding, worth, "random", 27, url)
        (name,) = optuna.get_all_study_names(url)
        study = optuna.load_study(study_name=name, storage=url)
        frame = study.trials_dataframe()
        assert len(frame) == 27 and study.direction == optuna.study.StudyDirection.MAXIMIZE
        assert name == "worth random on chain seed 0" or name == "function random on chain seed 0"
        for trial, row in zip(result.trials, frame.to_dict("records"), strict=True):
            assert row["user_attrs_architecture"] == trial.architecture
            assert [row[f"params_vertex {vertex}"] for vertex in (1, 2, 3)] == trial.architecture.split("|")
            assert (row["state"] == "FAIL") == trial.failed
            assert trial.failed or (row["value"], row["user_attrs_cost_s"]) == (trial.validation, 2.0)
            assert trial.failed or (row["user_attrs_test"], row["user_attrs_extra macs"]) == (1.0, 3.0)
            assert not trial.failed or row["user_attrs_error"] == "ValueError: no luck"
        assert study.best_params == {f"vertex {vertex}": "b" for vertex in (1, 2, 3)}
        importances = optuna.importance.get_param_importances(study)
        assert set(importances) == set(study.best_params)
        optuna.visualization.matplotlib.plot_optimization_history(study)
        again = run(embedding, worth, "random", 27, url)
        assert paths(again) == paths(result)

    def test_several_values_have_their_names_in_plots(self, url: str) -> None:
        run(embed(chain(3)), worth, "random", 3, url, study_name="study", against=["macs"])
        study = optuna.load_study(study_name="study", storage=storage.open_storage(url))
        assert study.metric_names == ["validation", "macs"]
        assert set(study.trials_dataframe()["values_macs"].dropna()) == {3.0}

    @pytest.mark.parametrize("name", ["nasbench101", "nasbench201", "darts_pair"])
    def test_parameters_make_the_architecture_again(self, name: str) -> None:
        embedding = some_of(name, 40)
        parameters = Parameters(embedding)
        distributions = parameters.distributions()
        for row in range(len(embedding)):
            given = parameters.of(row)
            assert all(distributions[key]._contains(distributions[key].to_internal_repr(v)) for key, v in given.items())
            found = parameters.row(given)
            assert found is not None and parameters.of(found) == given
        assert parameters.row({}) is None


class TestSeveralDrivers:
    def test_nothing_is_evaluated_twice(self, tmp_path: Path) -> None:
        url, embedding, calls, lock = f"journal:///{tmp_path}/studies.log", embed(chain(4)), [], threading.Lock()

        def train(architecture: str) -> float:
            with lock:
                calls.append(architecture)
            time.sleep(0.02)
            return float(architecture.count("b"))

        results: list[SearchResult] = []
        threads = [
            threading.Thread(target=lambda: results.append(run(embedding, train, "gp-bo", 30, url, workers=2)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(calls) == len(set(calls)) == 30
        ended = counted(url)
        assert len(ended) == 30 and all(trial.state == optuna.trial.TrialState.COMPLETE for trial in ended)
        assert [sorted(trial.architecture for trial in result.trials) for result in results] == [sorted(calls)] * 3

    def test_many_may_be_the_first(self, tmp_path: Path) -> None:
        together = threading.Barrier(6)

        def begin(_: int) -> object:
            together.wait()
            return storage.open_storage(f"sqlite:///{tmp_path}/studies.db")

        with ThreadPoolExecutor(6) as pool:
            assert len(list(pool.map(begin, range(6)))) == 6

    def test_of_two_claims_the_first_counts(self, url: str) -> None:
        embedding = some_of("nasbench201", 400)
        one, _ = record_of(embedding, url)
        other, _ = record_of(embedding, url)
        classes = embedding.function_classes
        row = next(row for row in range(400) if (classes == classes[row]).sum() > 1)
        twin = int(np.flatnonzero(classes == classes[row])[1])
        candidates = [Candidate(each, embedding.architectures[each]) for each in (row, twin)]
        assert one.claim(candidates[0], 2) == "ours"
        assert other.claim(candidates[0], 2) == "taken"
        assert other.claim(candidates[1], 2) == "taken"  # computes the same
        third = Candidate(
            free := next(r for r in range(400) if classes[r] != classes[row]), embedding.architectures[free]
        )
        assert other.claim(third, 1) == "full"
        assert other.claim(third, 2) == "ours"
        assert other.others() == 1 and one.abandoned() == []
        assert len(counted(url)) == 2
        one.close()
        assert other.abandoned() == [candidates[0]]  # it has taken leave
        assert other.claim(candidates[0], 2) == "ours"
        other.close()

    def test_the_dead_are_told_from_the_living(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        embedding = embed(chain(3))
        one, _ = record_of(embedding, url)
        candidate = Candidate(3, embedding.architectures[3])
        one.claim(candidate, None)
        assert one._drivers is not None
        one._drivers._stop.set()  # as if it were killed
        other, _ = record_of(embedding, url)
        assert other.abandoned() == []  # a process of this machine that lives
        name, about = one._drivers.name, dict(one._drivers._about)

        def say(beat: int, **more: object) -> None:
            one._storage.set_study_user_attr(one._study, f"{drivers.PREFIX}{name}", {**about, "beat": beat, **more})

        monkeypatch.setattr(drivers, "SILENT_S", 0.4)
        say(1, machine="another")
        assert other.abandoned() == []
        time.sleep(0.5)
        say(2, machine="another")
        assert other.abandoned() == []  # it was heard of
        time.sleep(0.5)
        assert other.abandoned() == [candidate]
        assert other.claim(candidate, None) == "ours"
        one.settle([Trial(1, 3, candidate.architecture, 7.0, None, 1.0, 1.0, 0.0)])  # it comes back to life
        assert [trial.state.name for trial in trials_of(url)] == ["FAIL", "RUNNING"]
        say(3, process=2**22 + 5)
        other._ours.clear()
        third, _ = record_of(embedding, url)
        assert third.abandoned() == []  # of a living one

    def test_what_drivers_see_of_each_other_is_believed(self, url: str) -> None:
        embedding = embed(chain(3))
        one, first = record_of(embedding, url)
        other, second = record_of(embedding, url)
        candidate = Candidate(5, embedding.architectures[5])
        one.claim(candidate, None)
        assert other._news() == [] and second.pending == [candidate] and second.remaining == 26
        one._void(one._ours.pop((5, None)), "it is given up")
        assert other._news() == [] and second.pending == [] and second.remaining == 27
        one.claim(candidate, None)
        first.tell([candidate], [4.0])
        one.settle([Trial(1, 5, candidate.architecture, 4.0, None, 1.0, 1.0, 0.0)])
        (told,) = other._news()
        assert (told.architecture, told.validation) == (candidate.architecture, 4.0)
        one.close()
        other.close()


class TestRefusals:
    def test_another_study_is_none_of_ours(self, url: str) -> None:
        embedding = embed(chain(2))
        optuna.create_study(study_name="theirs", storage=storage.open_storage(url)).add_trial(
            optuna.trial.create_trial(value=1.0)
        )
        told = error_of(lambda: run(embedding, worth, "random", 5, url, study_name="theirs"))
        assert told == f"study 'theirs' in {url} is another program's; name another study (--study)"
        run(embedding, worth, "random", 3, url, study_name="ours")
        told = error_of(lambda: run(embedding, worth, "evolution", 3, url, study_name="ours"))
        assert told.endswith(
            "is a study with method 'random', not 'evolution'; repeat its method or name another study"
        )

    def test_a_changed_objective_is_refused_or_marked(self, url: str) -> None:
        embedding = embed(chain(2))
        run(embedding, worth, "random", 3, url, study_name="ours")
        told = error_of(lambda: run(embedding, lambda a: 1.0, "random", 5, url, study_name="ours"))
        assert "holds 3 evaluations, and the objective's code has changed since: name another study, or accept" in told
        run(embedding, lambda a: 1.0, "random", 5, url, study_name="ours", accept_changes=True)
        about = optuna.load_study(study_name="ours", storage=storage.open_storage(url)).user_attrs[STUDY]
        assert [(each["what"], each["after_trial"]) for each in about["changes"]] == [("the objective's code", 3)]

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("redis://here", "'redis://here' names no storage; write sqlite:///FILE, journal:///FILE, postgresql://"),
            ("sqlite:///", "'sqlite:///' names no file; write sqlite:///FILE"),
            ("sqlite:////dev/null/x.db", "cannot write the storage sqlite:////dev/null/x.db: "),
            ("postgresql://me:secret@127.0.0.1:9/x", "postgresql"),
        ],
    )
    def test_no_storage_is_one_line(self, url: str, told: str) -> None:
        said = error_of(lambda: run(embed(chain(2)), worth, "random", 5, url))
        assert told in said and "secret" not in said

    def test_paid_repeats_and_names_without_a_storage(self, url: str) -> None:
        embedding = embed(chain(2))
        cells = some_of("nasbench201", 30)
        assert "pays for architectures again" in error_of(lambda: run(cells, worth, "bo-release", 5, url))
        assert "leave out the name 'x'" in error_of(lambda: search(embedding, worth, "random", 5, study_name="x"))


class TestTrouble:
    def test_a_storage_that_stops_to_answer_is_waited_for(
        self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        real, failures = optuna.storages.JournalStorage.set_trial_state_values, iter([True, True, True])

        def broken(self: Any, *given: Any, **named: Any) -> bool:
            if next(failures, False):
                raise optuna.exceptions.StorageInternalError("the server closed the connection")
            return real(self, *given, **named)

        monkeypatch.setattr("arch2vec.searching.patience.time.sleep", lambda _: None)
        monkeypatch.setattr(optuna.storages.JournalStorage, "set_trial_state_values", broken)
        result = run(embed(chain(2)), worth, "random", 6, url)
        assert result.evaluations == len(counted(url)) == 6
        said = capsys.readouterr().err
        assert said.count("does not answer (the server closed the connection); it is tried again") == 1

    def test_not_for_ever(self, url: str) -> None:
        def never() -> None:
            raise OSError(28, "No space left on device")

        told = error_of(lambda: patiently(url, never, 0.0))
        assert "has not answered for 0 s" in told and "No space left on device" in told

    def test_a_damaged_trial_is_one_line(self, url: str) -> None:
        run(embed(chain(2)), worth, "random", 3, url, study_name="ours")
        opened = storage.open_storage(url)
        study = optuna.load_study(study_name="ours", storage=opened)
        damaged = optuna.trial.create_trial(
            value=1.0, user_attrs={"architecture": "a|a", "row": "zero"}, system_attrs={"arch2vec:driver": "x"}
        )
        study.add_trial(damaged)
        assert "trial 3 of study 'ours'" in error_of(
            lambda: run(embed(chain(2)), worth, "random", 5, url, study_name="ours")
        )


class TestLooking:
    @pytest.mark.parametrize(
        ("table", "change"),
        [
            ("trial_values", "value = value + 1"),
            ("trial_user_attributes", "value_json = '7.5' WHERE key = 'test'"),
            ("trial_user_attributes", "value_json = '2' WHERE key = 'row'"),
            ("trial_user_attributes", "key = 'extra mads' WHERE key = 'extra macs'"),
            ("trial_user_attributes", "key = 'architecturf' WHERE key = 'architecture'"),
            ("trial_system_attributes", "value_json = '1' WHERE key = 'arch2vec:place'"),
            ("trial_system_attributes", "value_json = '\"x\"' WHERE key = 'arch2vec:after'"),
            ("trials", "state = 'FAIL'"),
        ],
    )
    def test_a_changed_number_in_a_database_is_one_line(self, table: str, change: str, tmp_path: Path) -> None:
        url, embedding = f"sqlite:///{tmp_path}/trials.db", embed(chain(2))
        run(embedding, worth, "random", 3, url)
        with sqlite3.connect(tmp_path / "trials.db") as opened:
            assert opened.execute(f"UPDATE {table} SET {change}").rowcount
        opened.close()
        assert "is damaged" in error_of(lambda: top(url))
        assert "is damaged" in error_of(lambda: run(embedding, worth, "random", 5, url))

    def test_a_damaged_database_is_not_waited_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path, embedding = tmp_path / "trials.db", embed(chain(2))
        run(embedding, worth, "random", 3, url := f"sqlite:///{path}")
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
        monkeypatch.setattr("arch2vec.searching.patience.time.sleep", lambda _: pytest.fail("it waits"))
        for action in (lambda: top(url), lambda: run(embedding, worth, "random", 5, url)):
            assert f"{url} cannot be read or written: database disk image is malformed" in error_of(action)

    def test_flipped_bits_of_a_journal_change_no_result(self, url: str, tmp_path: Path) -> None:
        embedding, rng = embed(chain(2)), random.Random(0)
        run(embedding, worth, "evolution", 4, url)
        path = tmp_path / "studies.log"
        whole = path.read_bytes()
        right = [*map(str, top(url)), *paths(run(embedding, worth, "evolution", 5, url))]
        refused = 0
        for _ in range(25):
            path.write_bytes(flipped(whole, rng))
            try:
                assert [*map(str, top(url)), *paths(run(embedding, worth, "evolution", 5, url))] == right
            except InputError:
                refused += 1
        assert refused

    def test_status_and_top_by_url(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        url = f"sqlite:///{tmp_path}/studies.db"
        assert main(["status", url]) == 2 and f"no file {tmp_path}/studies.db" in capsys.readouterr().err
        embed(chain(2)).save(tmp_path / "vectors.safetensors")
        common = [
            "search",
            str(tmp_path / "vectors.safetensors"),
            "--method",
            "random",
            "--storage",
            url,
            "--budget",
            "5",
        ]
        shell = "cmd?name=length:sh -c 'echo ${#ARCHITECTURE}'"
        assert main([*common, "--objective", shell, "--study", "mine", "--json"]) == 0
        capsys.readouterr()
        assert main(["status", url, "--json"]) == 0
        status = json.loads(capsys.readouterr().out)
        assert (status["folder"], status["done"], status["of"], status["state"]) == ("mine", 5, 5, "finished")
        assert status["best"]["validation"] == 3.0 and status["figures"]["running"] == 0
        assert main(["top", url, "-k", "2", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["rows"]
        assert [row["objective"] for row in rows] == ["length", "length"]
        assert main(["status", url]) == 0 and "mine: search" in capsys.readouterr().out
