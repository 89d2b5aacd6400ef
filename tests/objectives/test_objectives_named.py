"""The benchmarks' objectives by name: what they read of the published tables, and what they say about it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from arch2vec.cli import main
from arch2vec.objectives import Outcome, resolve_objective
from arch2vec.objectives.benchmark import BenchmarkObjective
from arch2vec.objectives.named import nasbench101, nasbench201, nasbench301_surrogate
from arch2vec.spaces import NASBench101
from made_tables import CELLS, made_columns, write_table
from one_line import error_of


@pytest.fixture
def published(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARCH2VEC_DATA", str(shared_data))
    return shared_data


def found(spec: str) -> BenchmarkObjective:
    objective = resolve_objective(spec)
    assert isinstance(objective, BenchmarkObjective)
    return objective


# NAS-Bench-201


@pytest.mark.parametrize(
    ("spec", "signal", "reported", "test", "epoch", "epochs", "passes"),
    [
        ("nasbench201", "c10valid_val_12", "c10valid_val_200", "c10_test_200_nats", 0.5, 12, 2.5),
        ("nasbench201?signal=200", "c10valid_val_200", "c10valid_val_200", "c10_test_200_nats", 0.5, 200, 2.5),
        ("nasbench201?dataset=cifar100", "c100_val_200", "c100_val_200", "c100_test_200", 1, 200, 0.5),
        ("nasbench201?dataset=imagenet16-120", "in16_val_200", "in16_val_200", "in16_test_200", 3.034, 200, 0.3),
        (
            "nasbench201?dataset=ImageNet16-120&signal=12",
            "in16_val_12",
            "in16_val_200",
            "in16_test_200",
            3.034,
            12,
            0.3,
        ),
    ],
)
def test_nasbench201_equals_pandas(
    published: Path, spec: str, signal: str, reported: str, test: str, epoch: float, epochs: int, passes: float
) -> None:
    objective = found(spec)
    frame = pd.read_parquet(published / "nasbench201.parquet")
    view = objective.columns()
    assert objective.architectures == frame["arch_str"].tolist()
    assert (view.validation == frame[signal]).all() and (view.test == frame[test]).all()
    assert (view.extra["reported_validation"] == frame[reported]).all()
    seconds = frame["c10_train_s_per_epoch"].fillna(frame["c10_train_s_per_epoch_est"])
    once = frame["c10_test_s_per_pass"].fillna(frame["c10_test_s_per_pass_est"])
    np.testing.assert_allclose(view.cost_s, epochs * epoch * seconds + passes * once, rtol=1e-12)
    assert objective.fidelities == (12, 200) and objective.signal_split == "validation"
    assert objective.note == (
        "costs of 14,625 of 15,625 architectures are estimated (estimated from the other cells, error 1.4 %)"
    )
    for part in (signal, test, f"after {epochs} epochs", objective.note):
        assert part in objective.description


@pytest.mark.parametrize(
    ("dataset", "validation", "test"),
    [("cifar10", 91.50, 94.37), ("cifar100", 73.49, 73.51), ("imagenet16-120", 46.73, 46.20)],
)
def test_what_a_perfect_search_of_nasbench201_ends_with(
    published: Path, dataset: str, validation: float, test: float
) -> None:
    """The architecture whose signal is best, as published figures for this table have it."""
    view = nasbench201(dataset).columns()
    best = int(view.validation.argmax())
    assert round(float(view.extra["reported_validation"][best]), 2) == validation
    assert round(float(view.test[best]), 2) == test


def test_the_papers_budget_pays_for_as_many_evaluations_as_published(published: Path) -> None:
    # Random search makes about 107 evaluations in the 12,000 s of CIFAR-10.
    assert 12_000 / nasbench201().columns().cost_s.mean() == pytest.approx(107, abs=2)


# NAS-Bench-101


def test_nasbench101_measured_equals_pandas(published: Path) -> None:
    objective = found("nasbench101?subset=measured")
    frame = pd.read_parquet(published / "nasbench101.parquet")
    frame = frame[frame["val_accuracy_108_run1"].notna()]
    assert objective.architectures == (frame["adjacency"] + "|" + frame["ops"]).tolist() and len(objective) == 30_001
    assert objective.fidelities == (4, 12, 36, 108) and objective.signal_split == "validation" and not objective.note
    for epochs in (4, 12, 36, 108):
        view = objective.columns(epochs)
        assert (view.validation == 100 * frame[f"val_accuracy_{epochs}_run1"]).all()
        assert (view.test == 100 * frame["test_accuracy_108"]).all()
        np.testing.assert_allclose(view.cost_s, frame["train_time_108_s"] * epochs / 108, rtol=1e-12)
    assert "val_accuracy_108_run1: one run, of 30,001 cells" in objective.description
    assert "fewer epochs cost their share of it" in objective.description
    assert objective.evaluate(objective.architectures[5]) == objective.evaluate(objective.architectures[5], 108)
    same = nasbench101("measured", seed="random", noise_seed=3)  # there is but one run to draw
    assert (same.columns(12).validation == objective.columns(12).validation).all()


@pytest.mark.slow
def test_nasbench101_over_all_cells_has_a_test_signal_and_says_so(published: Path) -> None:
    objective = found("nasbench101")
    assert objective.signal_split == "test" and objective.fidelities == (108,) and len(objective) == 423_624
    assert objective.signal == "signal (TEST data), %"
    for text in (objective.note, objective.description):
        assert "the signal is the TEST accuracy: the table has no validation accuracy for all cells" in text
        assert "costs of 393,623 of 423,624 architectures are estimated (cross-validated mean relative error 1." in text
    view = objective.columns()
    assert (view.validation == view.test).all() and not view.extra
    assert view.validation.max() == pytest.approx(94.3176, abs=5e-5)
    times = pd.read_parquet(published / "nasbench101.parquet", columns=["train_time_108_s"])["train_time_108_s"]
    known = times.notna().to_numpy()
    assert (view.cost_s[known] == times[known]).all()
    # The timed cells are in effect a random sample: the others cost as much on average.
    assert view.cost_s[~known].mean() == pytest.approx(times[known].mean(), rel=0.01)
    space = NASBench101()
    assert (objective.rows_of(space.enumerate()) == np.arange(423_624)).all()


# The surrogate


def test_the_surrogate_says_that_nothing_was_trained(published: Path) -> None:
    objective = found("nasbench301-surrogate")
    frame = pd.read_parquet(published / "nasbench301_surrogate_10k.parquet")
    first = objective.evaluate(f"{frame['normal'][0]}+{frame['reduce'][0]}")
    accuracy, seconds = frame["surrogate_accuracy"][0], frame["surrogate_runtime_s"][0]
    assert first == Outcome(accuracy, None, seconds, {"reported_validation": accuracy})
    assert objective.space == "darts_pair" and len(objective) == 10_000 and objective.fidelities == ()
    for text in (objective.note, objective.description):
        assert "the accuracy is a surrogate model's prediction, not a training" in text
        assert "costs of 10,000 of 10,000 architectures are estimated" in text
    assert error_of(lambda: objective.evaluate(objective.architectures[0], 50)) == (
        "objective nasbench301-surrogate offers no choice of epochs, not 50"
    )


# Names and options


@pytest.fixture
def made(tmp_path: Path) -> str:
    """A small table with training runs, as an option's value."""
    write_table(tmp_path / "made.parquet", made_columns())
    return quote(str(tmp_path / "made.parquet"))


def test_options_reach_the_objective(made: str) -> None:
    drawn = found(f"nasbench201?data={made}&seed=random&noise_seed=4")
    assert drawn.name == "nasbench201-cifar10-random" and "drawn with noise seed 4" in drawn.description
    direct = nasbench201(seed="random", noise_seed=4, data=Path(made))
    assert (drawn.columns().validation == direct.columns().validation).all()
    second = found(f"nasbench201?data={made}&seed=1&signal=200")
    assert second.name == "nasbench201-cifar10-200epochs-run1"
    assert second.evaluate(CELLS[9]).validation == made_columns()["validation_200_seed888"][1][9]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nasbench201?dataset=mnist", "unknown nasbench201 data set 'mnist'; known: cifar10, cifar100, imagenet16-120"),
        ("nasbench201?signal=36", "objective nasbench201: signal must be 12 or 200 epochs, got 36"),
        ("nasbench201?signal=val", "objective nasbench201: option 'signal' must be a whole number, got 'val'"),
        ("nasbench201?metric=x", "objective nasbench201 has no option 'metric'; it has dataset, signal, seed, noise_"),
        (
            "nasbench201?seed=best",
            "objective nasbench201: option 'seed' must be mean, random or the number of a run, got 'best'",
        ),
        ("nasbench201:table.csv", "objective nasbench201 takes options only, as in nasbench201?data=FILE; got 'table"),
        ("nasbench101?subset=some", "unknown nasbench101 subset 'some'; known: all, measured"),
        (
            "nasbench101?dataset=cifar10",
            "objective nasbench101 has no option 'dataset'; did you mean 'data'? it has subset, seed, noise_",
        ),
        ("nasbench301-surrogate?seed=1", "objective nasbench301-surrogate has no option 'seed'; it has data"),
        ("nasbench201?data=nowhere.parquet", "cannot read nowhere.parquet: No such file or directory"),
    ],
)
def test_what_is_not_offered_is_refused_in_one_line(
    spec: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert error_of(lambda: resolve_objective(spec)).startswith(message)
    assert main(["search", "no-run", "--objective", spec]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and message in captured.err


def test_a_table_of_another_space_is_refused(made: str) -> None:
    for build in (nasbench101, nasbench301_surrogate):
        assert "is of the space 'nasbench201', not " in error_of(lambda build=build: build(data=Path(made)))  # type: ignore[misc]
    assert error_of(lambda: nasbench201("cifar100", data=Path(made))).endswith("after 200 epochs; it has none")
