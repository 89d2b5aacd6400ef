"""The objectives that searches are compared on, by name.

NAS-Bench-101, NAS-Bench-201 and NAS-Bench-301's surrogate from the tables that users have, and
``digits-201``, which comes with the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from arch2vec import benchmarks
from arch2vec.errors import InputError, unknown
from arch2vec.graphs import GraphBatch
from arch2vec.objectives.benchmark import BenchmarkObjective, TableReading
from arch2vec.objectives.cost_regression import complete_costs
from arch2vec.objectives.runs import TrainingRuns

SeedChoice = int | Literal["mean", "random"]
NoiseSeed = int | Literal["search"]


@dataclass(frozen=True)
class _Dataset:
    signal: str
    test: str
    epochs: int


_DATASETS: Mapping[str, _Dataset] = {
    "cifar10": _Dataset("cifar10-valid", "cifar10", 12),
    "cifar100": _Dataset("cifar100", "cifar100", 200),
    "imagenet16-120": _Dataset("ImageNet16-120", "ImageNet16-120", 200),
}
_EPOCHS_201 = (12, 200)
_FULL_201, _FULL_101 = 200, 108
_DIGITS = 6


def nasbench201(
    dataset: str = "cifar10",
    signal: int | None = None,
    seed: SeedChoice = "mean",
    noise_seed: NoiseSeed = 0,
    data: str | Path | None = None,
) -> BenchmarkObjective:
    """NAS-Bench-201 as the paper searches it (Table 3).

    On CIFAR-10 the signal is the validation accuracy after a training of 12 epochs on
    half of the training set; on the others it is that after 200 epochs. Test accuracies
    are those of 200 epochs, for CIFAR-10 of networks trained on the whole training set.

    Args:
        dataset: ``cifar10``, ``cifar100`` or ``imagenet16-120``.
        signal: its epochs, 12 or 200; the paper's by default.
        seed: as for :class:`BenchmarkObjective`.
        noise_seed: which draw of the noise a search meets, as for :class:`TableObjective`.
        data: name or file for :func:`arch2vec.benchmarks.load`, by default ``nasbench201``.

    Raises:
        InputError: there is no such data set, signal or run, or the table cannot be found.
    """
    chosen = _DATASETS.get(dataset.lower())
    if chosen is None:
        raise unknown("nasbench201 data set", dataset, _DATASETS)
    epochs = chosen.epochs if signal is None else signal
    if epochs not in _EPOCHS_201:
        raise InputError(f"objective nasbench201: signal must be 12 or 200 epochs, got {signal}")
    loaded = _load("nasbench201", "nasbench201", data)
    name = f"nasbench201-{dataset.lower()}" + ("" if epochs == chosen.epochs else f"-{epochs}epochs")
    reading = TableReading(chosen.signal, epochs, _FULL_201, test_dataset=chosen.test)
    return BenchmarkObjective(loaded, reading, name=_with_seed(name, seed), seed=seed, noise_seed=noise_seed)


def nasbench101(
    subset: str = "all",
    seed: SeedChoice = "mean",
    noise_seed: NoiseSeed = 0,
    data: str | Path | None = None,
) -> BenchmarkObjective:
    """NAS-Bench-101: all cells, or those with validation accuracies.

    Where a table has no validation accuracy for all cells, the objective over all of them
    has the test accuracy as its signal, and says so.

    Args:
        subset: ``all``, or ``measured`` for the cells with a validation accuracy after 108 epochs.
        seed: as for :class:`BenchmarkObjective`.
        noise_seed: which draw of the noise a search meets, as for :class:`TableObjective`.
        data: name or file for :func:`arch2vec.benchmarks.load`, by default ``nasbench101``.

    Raises:
        InputError: there is no such subset or run, or the table cannot be found.
    """
    if subset not in ("all", "measured"):
        raise unknown("nasbench101 subset", subset, ("all", "measured"))
    loaded = _load("nasbench101", "nasbench101", data)
    full = TableReading("cifar10", _FULL_101, _FULL_101, test_dataset="cifar10")
    note = ""
    if subset == "all" and not _all_validated(loaded):
        full = TableReading("cifar10", _FULL_101, _FULL_101, split="test", test_dataset="cifar10")
        note = "the signal is the TEST accuracy: the table has no validation accuracy for all cells"
    name = "nasbench101" if subset == "all" else "nasbench101-measured"
    return BenchmarkObjective(
        loaded,
        full,
        name=_with_seed(name, seed),
        seed=seed,
        noise_seed=noise_seed,
        note=note,
        complete=_regression,
    )


def nasbench301_surrogate(data: str | Path | None = None) -> BenchmarkObjective:
    """10,000 random DARTS cells with what the NAS-Bench-301 surrogates predict; no network was trained.

    Args:
        data: name or file for :func:`arch2vec.benchmarks.load`, by default ``nasbench301-surrogate``.

    Raises:
        InputError: the table cannot be found.
    """
    loaded = _load("nasbench301-surrogate", "darts_pair", data)
    note = "the accuracy is a surrogate model's prediction, not a training"
    return BenchmarkObjective(loaded, TableReading("cifar10", None, None), name="nasbench301-surrogate", note=note)


def digits_201(signal: int = _DIGITS, seed: SeedChoice = 0, noise_seed: NoiseSeed = 0) -> BenchmarkObjective:
    """What :class:`~arch2vec.objectives.digits.DigitsObjective` measures, looked up instead of trained.

    Every architecture has the accuracies of the first training of one of those that
    compute its function. Those of other seeds are there for a tenth only, so that the
    signal is that of the first unless told otherwise; the reported accuracies are means over
    the seeds there are.

    Args:
        signal: its epochs, 1 to 6.
        seed: as for :class:`BenchmarkObjective`.
        noise_seed: which draw of the noise a search meets, as for :class:`TableObjective`.

    Raises:
        InputError: there is no such signal or run.
    """
    reading = TableReading("digits", signal, _DIGITS, test_dataset="digits")
    name = "digits-201" if signal == _DIGITS else f"digits-201-{signal}epochs"
    loaded = _load("digits-201", "nasbench201", None)
    name = name if seed == 0 else _with_seed(f"{name}-mean" if seed == "mean" else name, seed)
    return BenchmarkObjective(loaded, reading, name=name, seed=seed, noise_seed=noise_seed)


def _load(name: str, space: str, data: str | Path | None) -> benchmarks.BenchmarkTable:
    table = benchmarks.load(name if data is None else data)
    if table.space != space:
        raise InputError(f"objective {name}: {table.path} is of the space {table.space!r}, not {space!r}")
    return table


def _all_validated(table: benchmarks.BenchmarkTable) -> bool:
    found = table.find(kind="accuracy", dataset="cifar10", split="validation", epochs=_FULL_101, schedule=None)
    return bool(found) and not np.isnan(TrainingRuns(table, found).mean).any()


def _regression(cells: GraphBatch, seconds: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    estimate = complete_costs(cells, seconds)
    return estimate.seconds, f"cross-validated mean relative error {100 * estimate.error:.1f} %"


def _with_seed(name: str, seed: SeedChoice) -> str:
    return name if seed == "mean" else f"{name}-{'random' if seed == 'random' else f'run{seed}'}"
