"""Objectives over benchmark tables: which measurements are the signal, which are reported, what they cost.

The signal is what a search sees: an accuracy after a number of epochs, of one
training run or averaged over runs. Test accuracies are reported for the whole
training and averaged over runs, whatever the signal's epochs and run. Nothing
here depends on a test value, but where a table has no other signal.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.benchmarks.schema import Split
from arch2vec.benchmarks.table import BenchmarkTable
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.objectives.base import Outcome
from arch2vec.objectives.costs import Costs, costs_of
from arch2vec.objectives.drawn import DrawnView
from arch2vec.objectives.lookup import LookupObjective, parse_rows
from arch2vec.objectives.runs import TrainingRuns, draws
from arch2vec.objectives.view import TableView
from arch2vec.spaces import SearchSpace, get_space

if TYPE_CHECKING:
    from arch2vec.embedding import Embedding

CompleteCosts = Callable[[GraphBatch, NDArray[np.float64]], tuple[NDArray[np.float64], str]]
"""From n architectures and their seconds, NaN where unknown, to all (n,) seconds and how far off the new ones are."""


@dataclass(frozen=True)
class TableReading:
    """Which measurements of a table make an outcome.

    Attributes:
        dataset: that the signal is measured on.
        epochs: of the signal by default, None in a table that does not say.
        full_epochs: of the whole training, after which accuracies are reported.
        split: that the signal is measured on; ``test`` only where there is no other.
        test_dataset: that the reported test accuracy is measured on; None to report none.
    """

    dataset: str
    epochs: int | None
    full_epochs: int | None
    split: Split = "validation"
    test_dataset: str | None = None


class BenchmarkObjective(LookupObjective):
    """Looks evaluations up in a benchmark's table.

    :attr:`Outcome.extra` has ``reported_validation``, the validation accuracy after
    the whole training averaged over runs, where the table has one for all architectures.

    Args:
        table: the results. Architectures without a signal are left out.
        reading: which of them are used.
        name: of the objective.
        seed: which run the signal and its cost are of: ``mean`` for the average over the
            runs, 0 for an architecture's first run and so on, ``random`` for one that
            is drawn for each architecture.
        noise_seed: of the draw; it and the architecture's graph determine the run. With ``search``
            it is the seed of each search (:meth:`for_search`), so that no two meet the same noise.
        note: that has to stand by all results.
        complete: estimates the costs that the table has not.
        space: the architectures' space, by default the one that the table names.

    Attributes:
        table: the results.
        reading: which of them are used.
        kept: the table's rows that the objective has, in its order.

    Raises:
        InputError: the table has no such measurements or runs, or cannot be read.
    """

    def __init__(
        self,
        table: BenchmarkTable,
        reading: TableReading,
        *,
        name: str | None = None,
        seed: int | Literal["mean", "random"] = "mean",
        noise_seed: int | Literal["search"] = 0,
        note: str = "",
        complete: CompleteCosts | None = None,
        space: SearchSpace | None = None,
    ) -> None:
        self.name = name or table.name
        self.signal_split = reading.split
        self._reading, self._seed, self._noise_seed = reading, seed, noise_seed
        self._signals = self._find_signals(table)
        signal = self._signals[reading.epochs]
        self._refuse_seed(signal)
        self._kept = np.flatnonzero(~np.isnan(signal.mean))
        self.table, self.reading, self.kept = table, reading, self._kept
        if not len(self._kept):
            raise InputError(f"objective {self.name}: {table.path} has no signal for any architecture")
        own = get_space(table.space) if space is None else space
        texts = table.architectures
        super().__init__(
            own, parse_rows(table.path, own, [texts[row] for row in self._kept.tolist()]).graphs, table.path
        )
        self._costs = self._find_costs(table, complete)
        validation = self._reported(table, reading.dataset, "validation")
        reported = np.full(1, np.nan) if validation is None else validation.mean[self._kept]
        self._extra = {} if np.isnan(reported).any() else {"reported_validation": reported}
        self._test = None if reading.test_dataset is None else self._reported(table, reading.test_dataset, "test")
        self._views: dict[int | None, TableView] = {}
        self.fidelities = tuple(sorted(epochs for epochs in self._costs if epochs is not None))
        self.note = "; ".join(filter(None, (note, self._cost_note())))
        self.description = self._describe(table)

    @override
    def columns(self, fidelity: int | None = None) -> TableView:
        epochs = self._reading.epochs if fidelity is None else fidelity
        if epochs not in self._views:
            if epochs not in self._costs:
                raise InputError(f"objective {self.name} offers {self._offered()}, not {fidelity}")
            self._views[epochs] = self._view(epochs)
        return self._views[epochs]

    @property
    @override
    def redrawn(self) -> bool:
        return self._noise_seed == "search"

    @override
    def for_search(self, seed: int) -> Self:
        return self.with_noise_seed(seed) if self.redrawn else self

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if self.redrawn:
            raise InputError(f"objective {self.name}: runs are drawn by search; ask for_search(seed) to evaluate")
        return super().evaluate(architecture, fidelity)

    @override
    def drawn(self, embedding: Embedding, fidelity: int | None = None) -> DrawnView:
        if not self.redrawn:
            return super().drawn(embedding, fidelity)
        expected = self.columns(fidelity)
        epochs, kept = self._reading.epochs if fidelity is None else fidelity, self._kept
        signal, costs = self._signals[epochs], self._costs[epochs]
        alone = [np.full(len(signal.mean), place) for place in range(len(signal.seeds))]
        shape = len(alone), len(kept)
        return DrawnView(
            self._fingerprints,
            signal.there[:, kept],
            np.array([signal.of(places, signal.seeds)[kept] for places in alone]).reshape(shape),
            np.array([costs.of(places, signal.seeds)[kept] for places in alone]).reshape(shape),
            expected,
        ).take(self._rows_in(embedding))

    def with_noise_seed(self, noise_seed: int) -> Self:
        """The same objective with other runs drawn. It shares the table with this one, and costs little.

        Raises:
            InputError: this objective draws no runs, or the seed is out of range.
        """
        if self._seed != "random":
            raise InputError(f"objective {self.name} draws no runs, so that a noise_seed would change nothing")
        _check_noise_seed(self.name, noise_seed)
        other = copy.copy(self)
        other.__dict__["_rows"] = self._rows  # made now, if it is not there yet, for all copies at once
        other._noise_seed, other._views = noise_seed, {}
        for cached in ("optimum", "frame"):
            other.__dict__.pop(cached, None)
        other.description = self.description.replace(_drawn(self._noise_seed), _drawn(noise_seed))
        return other

    def _view(self, epochs: int | None) -> TableView:
        signal, kept = self._signals[epochs], self._kept
        places = self._places(signal)
        validation = signal.mean if places is None else signal.of(places, signal.seeds)
        unknown = np.full(len(kept), np.nan)
        return TableView(
            validation[kept],
            unknown if self._test is None else self._test.mean[kept],
            self._costs[epochs].of(places, signal.seeds)[kept],
            self._extra,
        )

    def _places(self, signal: TrainingRuns) -> NDArray[np.int64] | None:
        """(all rows of the table,) the run that each architecture's signal is of; None for their mean."""
        if self._seed == "mean" or self._noise_seed == "search":
            return None
        numbers = np.zeros(len(signal.mean), dtype=np.uint64)
        random = self._seed == "random"
        numbers[self._kept] = draws(self._fingerprints, self._noise_seed) if random else self._seed
        return signal.draw(numbers)

    def _find_signals(self, table: BenchmarkTable) -> dict[int | None, TrainingRuns]:
        reading = self._reading
        found = table.find(kind="accuracy", dataset=reading.dataset, split=reading.split, schedule=None)
        offered = {metric.epochs for metric in found}
        if reading.epochs not in offered:
            raise InputError(
                f"objective {self.name}: benchmark {table.name} has no {reading.split} accuracy on {reading.dataset} "
                f"after {reading.epochs} epochs; it has {', '.join(map(str, sorted(filter(None, offered)))) or 'none'}"
            )
        return {epochs: TrainingRuns(table, [m for m in found if m.epochs == epochs]) for epochs in offered}

    def _refuse_seed(self, signal: TrainingRuns) -> None:
        if self._noise_seed and self._seed != "random":
            raise InputError(f"objective {self.name}: noise_seed needs seed=random, got seed={self._seed}")
        if self._noise_seed != "search":
            _check_noise_seed(self.name, self._noise_seed)
        if self._seed == "mean":
            return
        if not signal.seeds:
            raise InputError(f"objective {self.name}: the table has no single runs of this signal, only seed=mean")
        if self._seed != "random" and not 0 <= self._seed < len(signal.seeds):
            choices = ", ".join(map(str, range(len(signal.seeds))))
            raise InputError(f"objective {self.name}: seed must be mean, random or one of {choices}, got {self._seed}")

    def _find_costs(self, table: BenchmarkTable, complete: CompleteCosts | None) -> dict[int | None, Costs]:
        """By epochs. Epochs whose cost the table does not have are not offered."""
        found: dict[int | None, Costs] = {}
        for epochs in self._signals:
            costs = costs_of(table, self._reading.dataset, epochs)
            if costs is not None and complete is not None:
                costs = costs.completed(self._kept, partial(complete, self._graphs))
            if costs is not None and not np.isnan(costs.of(None, ())[self._kept]).any():
                found[epochs] = costs
        if self._reading.epochs not in found:
            raise InputError(
                f"objective {self.name}: {table.path} has no cost in seconds of {self._reading.epochs} epochs on "
                f"{self._reading.dataset} for all of its {len(self):,} architectures with a signal"
            )
        return found

    def _reported(self, table: BenchmarkTable, dataset: str, split: Split) -> TrainingRuns | None:
        """The accuracies after the whole training, None where the table has none."""
        epochs = self._reading.full_epochs
        found = table.find(kind="accuracy", dataset=dataset, split=split, epochs=epochs, schedule=None)
        return TrainingRuns(table, found) if found else None

    def _cost_note(self) -> str:
        costs = self._costs[self._reading.epochs]
        estimated = int(costs.estimated[self._kept].sum())
        if not estimated:
            return ""
        return f"costs of {estimated:,} of {len(self):,} architectures are estimated ({costs.error})"

    def _offered(self) -> str:
        if not self.fidelities:
            return "no choice of epochs"
        return f"{', '.join(map(str, self.fidelities))} epochs"

    def _describe(self, table: BenchmarkTable) -> str:
        reading = self._reading
        signal = self._signals[reading.epochs]
        runs = f"of the runs {', '.join(map(str, signal.seeds))}"
        told = {"mean": signal.told(), "random": f"one {runs}, {_drawn(self._noise_seed)}"}
        run = told.get(str(self._seed), f"number {self._seed}, counted from 0, {runs}")
        facts = [
            f"signal {reading.split} accuracy on {reading.dataset}{_after(reading.epochs)} ({run})",
            "no test accuracy"
            if self._test is None
            else f"test accuracy on {reading.test_dataset}{_after(reading.full_epochs)} ({self._test.told()})",
            f"cost {self._costs[reading.epochs].description}",
        ]
        if any(costs.factor != 1 for costs in self._costs.values()):
            facts.append("fewer epochs cost their share of it")
        if self.note:
            facts.append(self.note)
        return f"{table.name}, {len(self):,} {self.space} architectures: {'; '.join(facts)}"


def _after(epochs: int | None) -> str:
    return "" if epochs is None else f" after {epochs} epochs"


def _drawn(noise_seed: int | Literal["search"]) -> str:
    return "drawn anew by each search" if noise_seed == "search" else f"drawn with noise seed {noise_seed}"


def _check_noise_seed(name: str, noise_seed: int) -> None:
    if not 0 <= noise_seed < 2**32:
        raise InputError(f"objective {name}: a noise_seed is search or a number from 0 to 2^32 - 1, got {noise_seed}")
