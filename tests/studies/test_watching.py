"""Those who look on while a search is made: they see all of it, and cannot harm it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arch2vec.cli import main
from arch2vec.cli.watch import View, remaining
from arch2vec.objectives.reporting import Report
from arch2vec.searching.study import search
from arch2vec.searching.trials import Trial
from arch2vec.searching.watching import Beginning, Watcher
from arch2vec.studies.loggers import TensorBoardLogger, watcher_of
from one_line import error_of
from search_helpers import chain, embed


def train(architecture: str, report: Report) -> dict[str, float]:
    for epoch in range(1, 4):
        report(epoch, architecture.count("b") * epoch)
    return {"validation": 4.0 * architecture.count("b"), "test": 77.0, "macs": 3e8, "test_loss": 0.5}


class Seen(Watcher):
    def __init__(self) -> None:
        self.beginnings: list[Beginning] = []
        self.trials: list[Trial] = []
        self.ends = 0

    def begin(self, beginning: Beginning) -> None:
        self.beginnings.append(beginning)

    def trial(self, trial: Trial) -> None:
        self.trials.append(trial)

    def end(self) -> None:
        self.ends += 1


class Broken(Watcher):
    def trial(self, trial: Trial) -> None:
        raise OSError(28, "No space left on device")


def test_they_see_everything_once(tmp_path: Path) -> None:
    embedding, first, second = embed(chain(3)), Seen(), Seen()
    search(embedding, train, "random", 5, out=tmp_path, watchers=[first])
    result = search(embedding, train, "random", 9, out=tmp_path, watchers=[second])
    assert first.trials + second.trials == result.trials
    assert list(second.beginnings[0].trials) == first.trials
    assert (first.ends, second.ends, second.beginnings[0].budget) == (1, 1, 9)


def test_one_that_fails_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen()
    result = search(embed(chain(2)), train, "random", 5, watchers=[Broken(), seen])
    assert seen.trials == result.trials and seen.ends == 1
    said = capsys.readouterr().err
    assert said.count("Broken has failed and is left out: OSError: [Errno 28] No space left on device") == 1


def test_search_is_watched_in_plain_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    embed(chain(2)).save(tmp_path / "v.safetensors")
    (tmp_path / "a2v_watched.py").write_text("def f(a): return 1.0 - 0.1 * a.count('b')\n")
    asked = ["search", str(tmp_path / "v.safetensors"), "--objective", f"python:{tmp_path}/a2v_watched.py:f"]
    asked += ["--method", "random", "--budget", "9", "--out", str(tmp_path / "out"), "--minimise", "--watch"]
    assert main(asked) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 9
    assert lines[0].startswith("1 of 9 evaluations, best ") and " left;" in lines[0]
    assert lines[-1].startswith("9 of 9 evaluations, best 0.8;")
    assert main(["status", str(tmp_path / "out"), "--watch", "--every", "0.01"]) == 0
    assert "best so far  validation 0.8 (least): b|b" in capsys.readouterr().out
    assert main(["status", str(tmp_path / "out"), "--watch", "--json"]) == 2


def test_what_a_terminal_shows() -> None:
    view, seen = View("random on f"), Seen()
    search(embed(chain(2)), train, "random", 3, watchers=[seen])
    view.begin(seen.beginnings[0])
    for trial in seen.trials:
        view.trial(trial)
    shown = view.__rich__().splitlines()
    view.end()
    assert shown[0] == "random on f" and shown[1].startswith("3 of 3 evaluations, best ")
    assert [line.split()[0] for line in shown[3:]] == ["3", "2", "1"]
    assert (remaining(2, 4, 10.0), remaining(0, 4, 1.0), remaining(2, None, 1.0)) == ("20.0 s", "", "")


@pytest.mark.parametrize("text", ["tensorboard", "tensorboard:", "wandb:x", ""])
def test_no_such_logger(text: str) -> None:
    assert error_of(lambda: watcher_of(text)).startswith("a search is logged to tensorboard:DIR or mlflow:URI; got")


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = search(embed(chain(2)), train, "random", 5, watchers=[TensorBoardLogger(str(tmp_path))])
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    made = [event.value for event in events.Scalars("search/validation")]
    assert made == [trial.validation for trial in result.trials]
    assert [event.step for event in events.Scalars("training 1/reported")] == [1, 2, 3]
    assert not [tag for tag in events.Tags()["scalars"] if "test" in tag]


def test_mlflow(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
    result = search(
        embed(chain(2)), train, "random", 4, watchers=[watcher_of(f"mlflow:sqlite:///{tmp_path}/mlflow.db")]
    )
    client: Any = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = [each for each in client.search_experiments() if each.name.startswith("arch2vec")]
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(runs) == 5 and parent.data.metrics["best_validation"] == result.best.validation
    assert {run.data.params["architecture"] for run in runs if run is not parent} == {
        t.architecture for t in result.trials
    }


def test_missing_packages_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("mlflow", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "pip install 'arch2vec[mlflow]'" in error_of(lambda: watcher_of("mlflow:x"))
    assert "pip install 'arch2vec[tensorboard]'" in error_of(lambda: watcher_of("tensorboard:x"))
