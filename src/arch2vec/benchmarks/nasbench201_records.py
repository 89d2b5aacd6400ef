"""The records of NAS-Bench-201 and NATS-Bench's topology space, as numbers.

For each architecture the files hold, by the number of epochs (12, also called
``less``, and 200, ``full``), all trainings by (data set, seed): curves of
accuracies and losses by epoch, the seconds of each epoch and evaluation, and
the network's cost. Kept are the values after the last epoch.

Which images an evaluation is of depends on the data set. ``cifar10-valid`` is
trained on half of CIFAR-10's training images: ``x-valid`` is the other half,
``ori-test`` the test images. ``cifar10`` is trained on all of them. Of
``cifar100`` and ``ImageNet16-120``, ``x-valid`` and ``x-test`` are halves of the
test images.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks.compact import DATASETS, SPLIT_NAMES
from arch2vec.benchmarks.pickles import Skipped
from arch2vec.benchmarks.results import ARCHITECTURE, Results
from arch2vec.benchmarks.schema import Metric, TableSchema
from arch2vec.errors import InputError
from arch2vec.spaces.nasbench201.space import NASBench201

EPOCHS = {"12": 12, "less": 12, "200": 200, "full": 200}
"""Training budgets by the keys of the different releases."""

_SIZE_SPACE = re.compile(r"\d+(?::\d+){4}")  # NATS-Bench's: the widths of five parts of a network
_SHORT = {dataset: short for short, dataset in DATASETS.items()}
_EVALUATIONS = {
    "c10valid": {"val": "x-valid", "test": "ori-test"},
    "c10": {"test": "ori-test"},
    "c100": {"val": "x-valid", "test": "x-test"},
    "in16": {"val": "x-valid", "test": "x-test"},
}


class Records:
    """Collects architectures' records.

    Args:
        where: the file, for complaints.
        architectures: all that the file says it has, in its order; None where it has no list,
            which is published.

    Raises:
        InputError: these are not the first of the benchmark's own list.
    """

    def __init__(self, where: object, architectures: object = None) -> None:
        self._where = where
        space = NASBench201()
        published = space.format(space.enumerate())
        if architectures is None:
            architectures = published
        if not isinstance(architectures, list | tuple) or not architectures:
            raise InputError(f"{where} is no file of NAS-Bench-201: it has no list of architectures")
        for index, (found, right) in enumerate(zip(architectures, published, strict=False)):
            if found != right:
                if _SIZE_SPACE.fullmatch(str(found)):
                    raise InputError(
                        f"{where} is of NATS-Bench's size space, whose architectures are widths such as {found}; it is "
                        "no search space here, only the topology space (NATS-tss, which is NAS-Bench-201) is"
                    )
                raise InputError(f"{where}: architecture {index} is {str(found)[:100]!r}, not {right!r}")
        if len(architectures) > len(published):
            raise InputError(f"{where} lists {len(architectures):,} architectures; there are {len(published):,}")
        self._architectures = published
        self._columns: dict[str, NDArray[np.float64]] = {}
        self._metrics: dict[str, Metric] = {}
        self._seen = np.zeros(len(published), dtype=np.bool_)

    def add(self, index: object, record: object) -> None:
        """Take in the record of one architecture: its trainings by number of epochs.

        Raises:
            InputError: it is of another form, or of another architecture.
        """
        if type(index) is not int or not 0 <= index < len(self._architectures) or self._seen[index]:
            raise InputError(f"{self._where}: {index!r} is no index of an architecture, or one that is there twice")
        try:
            self._add(index, _mapping(record))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            what = f"no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{self._where}: the record of architecture {index} is damaged ({what[:150]})") from error
        self._seen[index] = True

    def results(self, release: str, complete: bool = True) -> Results:
        """The table of all records so far.

        Raises:
            InputError: there are none.
        """
        kept = np.flatnonzero(self._seen)
        if not len(kept):
            raise InputError(f"{self._where} holds no records of architectures")
        names = sorted(self._columns, key=lambda name: _order(self._metrics[name]))
        schema = TableSchema(
            "nasbench201",
            "nasbench201",
            (ARCHITECTURE,),
            tuple(self._metrics[name] for name in names),
            description=f"{release}: CIFAR-10, CIFAR-100 and ImageNet16-120, the mean of all runs and each of them",
        )
        columns = {name: self._columns[name][kept] for name in names}
        return Results.of(schema, [self._architectures[row] for row in kept.tolist()], columns, complete)

    def _add(self, index: int, record: Mapping[Any, Any]) -> None:
        budgets = [(EPOCHS[key], value) for key, value in record.items() if key in EPOCHS]
        if not budgets:
            raise ValueError(f"no results of 12 or 200 epochs, only {list(record)[:4]}")
        for epochs, state in budgets:
            if state["arch_str"] != self._architectures[index]:
                raise ValueError(f"they are of {str(state['arch_str'])[:100]!r}")
            trials: dict[str, dict[int, Mapping[Any, Any]]] = {}
            for key, trial in _mapping(state["all_results"]).items():
                dataset, seed = key
                if dataset not in _SHORT or type(seed) is not int:
                    raise ValueError(f"results of {key!r}")
                trials.setdefault(_SHORT[dataset], {})[seed] = _mapping(trial)
            for short, by_seed in trials.items():
                self._add_trials(index, short, epochs, by_seed)

    def _add_trials(self, index: int, short: str, epochs: int, trials: Mapping[int, Mapping[Any, Any]]) -> None:
        """The runs of one architecture on one data set."""
        last = epochs - 1
        for seed, trial in trials.items():
            if trial["epochs"] != epochs:
                raise ValueError(f"{trial['epochs']!r} epochs on {DATASETS[short]} with seed {seed}, not {epochs}")
        dataset = DATASETS[short]
        for split, name in {"train": None, **_EVALUATIONS[short]}.items():
            kinds = ("train_acc1es", "train_losses") if name is None else ("eval_acc1es", "eval_losses")
            key = last if name is None else f"{name}@{last}"
            accuracies = {seed: _number(trial[kinds[0]], key) for seed, trial in trials.items()}
            losses = [_number(trial[kinds[1]], key) for trial in trials.values()]
            where = (dataset, SPLIT_NAMES[split], epochs)
            column = f"{short}_{split}_{epochs}"
            self._put(index, _mean(list(accuracies.values())), column, "accuracy", *where, seed="mean")
            for seed, accuracy in accuracies.items():
                self._put(index, accuracy, f"{column}_seed{seed}", "accuracy", *where, seed=seed)
            self._put(index, _mean(losses), f"{short}_{split}_loss_{epochs}", "loss", *where, seed="mean")
        validation = _EVALUATIONS[short].get("val")
        self._put(
            index,
            _mean([_seconds(trial, epochs, validation) for trial in trials.values()]),
            f"{short}_cost_{epochs}_s",
            "cost_s",
            dataset,
            epochs=epochs,
            seed="mean",
            description="training" if validation is None else "training and one validation",
        )
        any_trial = next(iter(trials.values()))
        for column, kind, key in (("params", "parameters", "params"), ("macs", "macs", "flop")):
            self._put(index, float(round(_number(any_trial, key) * 1e6)), f"{column}_{short}", kind, dataset)

    def _put(self, index: int, value: float, column: str, *described: Any, **further: Any) -> None:
        """Keep one number; all after the column's name is what its metric is made of, once."""
        if column not in self._columns:
            self._metrics[column] = Metric(column, *described, **further)
            self._columns[column] = np.full(len(self._architectures), np.nan)
        self._columns[column][index] = value


def _seconds(trial: Mapping[Any, Any], epochs: int, validation: str | None) -> float:
    """Of training and, where the data set has validation images, one validation; NaN where no times are stored."""
    times = trial["train_times"]
    spent = math.nan if times is None else sum(_number(times, epoch) for epoch in range(epochs))
    if validation is not None:
        spent += _number(trial["eval_times"] or {}, f"{validation}@{epochs - 1}", math.nan)
    return spent


def _number(values: object, key: object, default: float | None = None) -> float:
    found = _mapping(values).get(key, default) if default is not None else _mapping(values)[key]
    if isinstance(found, bool) or not isinstance(found, int | float):
        kind = "a tensor" if isinstance(found, Skipped) else repr(found)[:40]
        raise ValueError(f"{key!r} is {kind}, not a number")
    return float(found)


def _mapping(value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{type(value).__name__} where names and values should be")
    return value


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _order(metric: Metric) -> tuple[object, ...]:
    """Accuracies first; by data set, epochs, split and seed, the mean before the runs."""
    kinds = ("accuracy", "loss", "cost_s", "parameters", "macs")
    datasets = list(_SHORT)
    splits = (*SPLIT_NAMES.values(), None)
    seed = -1 if not isinstance(metric.seed, int) else metric.seed
    dataset = datasets.index(str(metric.dataset))
    return kinds.index(metric.kind), dataset, metric.epochs or 0, splits.index(metric.split), seed
