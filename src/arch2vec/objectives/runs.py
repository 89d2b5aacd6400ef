"""One measurement of a table's architectures, repeated in several training runs or averaged over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks.schema import Metric
from arch2vec.benchmarks.table import BenchmarkTable
from arch2vec.errors import InputError
from arch2vec.graphs.fingerprints import mix


class TrainingRuns:
    """A measurement of n architectures, by training run.

    Args:
        table: the table of all results, several rows an architecture.
        metrics: the measurement's columns, which differ in nothing but their seed.
            Where there are several of one seed (releases that averaged over other
            runs) the first counts.

    Attributes:
        seeds: of the single runs that the table has, ascending.
        mean: (n,) the average over runs, as the table has it or of the single runs that
            there are; NaN for an architecture that has neither.

    Raises:
        InputError: there is no metric.
    """

    def __init__(self, table: BenchmarkTable, metrics: Sequence[Metric]) -> None:
        if not metrics:
            raise InputError(f"benchmark {table.name} has no such measurement")
        first = {metric.seed: metric for metric in reversed(metrics)}
        self._single = {seed: metric for seed, metric in first.items() if isinstance(seed, int)}
        self._averaged = first.get("mean", first.get(None))
        self.seeds: tuple[int, ...] = tuple(sorted(self._single))
        self._runs = np.array([table.column(self._single[seed]) for seed in self.seeds]).reshape(-1, len(table))
        self.mean: NDArray[np.float64] = _mean_of(self._runs)
        if self._averaged is not None:
            averaged = table.column(self._averaged)
            self.mean = np.where(np.isnan(averaged), self.mean, averaged)

    def told(self) -> str:
        """What :attr:`mean` is, for descriptions: the column and the runs."""
        if self._averaged is not None:
            return f"{self._averaged.column}: {self._averaged.description or 'mean of the runs there are'}"
        if len(self.seeds) == 1:
            only = self._single[self.seeds[0]]
            return f"{only.column}: {only.description or 'one run'}"
        return f"mean of runs {', '.join(map(str, self.seeds))}"

    @property
    def there(self) -> NDArray[np.bool_]:
        """(R, n) which runs of :attr:`seeds` each architecture has."""
        return ~np.isnan(self._runs)

    def draw(self, numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n,) the place in :attr:`seeds` of one run for each architecture, as :func:`place_of` says."""
        return place_of(self.there, numbers)

    def of(self, places: NDArray[np.int64], seeds: Sequence[int]) -> NDArray[np.float64]:
        """(n,) the value in the run ``seeds[places[i]]`` of each architecture i, its mean where there is none."""
        values = self.mean.copy()
        for row, seed in enumerate(self.seeds):
            if seed in seeds:
                here = (places == seeds.index(seed)) & ~np.isnan(self._runs[row])
                values[here] = self._runs[row][here]
        return values


def draws(fingerprints: NDArray[np.uint64], seed: int | NDArray[np.uint64]) -> NDArray[np.uint64]:
    """(n,) a random 64-bit number for each architecture, that follows from its graph and the seed alone.

    Args:
        fingerprints: (n,) of the architectures.
        seed: of all of them, or (n,) of each.
    """
    return mix(fingerprints ^ mix(np.atleast_1d(np.asarray(seed, dtype=np.uint64))))


def place_of(there: NDArray[np.bool_], numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(n,) which of R runs is chosen for each architecture, -1 where it has none.

    Args:
        there: (R, n) the runs that they have.
        numbers: (n,); number k chooses the k-th of the runs that an architecture
            has, counted on from the first after the last.
    """
    count = there.sum(axis=0)
    wanted = (numbers % np.maximum(count, 1).astype(np.uint64)).astype(np.int64)
    place = np.argmax(np.cumsum(there, axis=0) == wanted + 1, axis=0) if len(there) else wanted
    return np.where(count > 0, place, -1)


def _mean_of(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) mean over the rows of (R, n), without NaNs; NaN where nothing else is."""
    there = ~np.isnan(runs)
    count = there.sum(axis=0)
    total = np.where(there, runs, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
