"""How well representations predict accuracies from few labels (paper, section 4.2 and figure 2).

For each seed the architectures of a benchmark are shuffled; the first n are
labelled, and up to 10,000 from the other end are to be predicted. All
encodings see the same ones, and fewer labels are part of more. In the paper 250
labels of NAS-Bench-101 predict all other cells; a sample of 10,000 knows
Pearson's r to 0.01.

Rows of the results are kept as they are made, so that an interrupted run, or
one with more seeds or labels, only makes those that are missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.ownership import owned
from arch2vec.common.parquet import read_parquet, write_parquet
from arch2vec.common.storage import claim, require_writable
from arch2vec.common.threads import thread_count
from arch2vec.errors import InputError, unknown
from arch2vec.experiments.prediction_inputs import (
    BOTH,
    DISCRETE,
    STRUCTURE,
    SUPERVISED,
    Columns,
    PretrainedSource,
    Target,
    check_encodings,
    columns_of,
    described,
    supervised_config,
)
from arch2vec.experiments.prediction_proxies import PROXIES, SUFFIX, check_bases, joined, proxy_vectors
from arch2vec.graphs import GraphBatch
from arch2vec.pretraining.supervised import train_supervised
from arch2vec.representations.base import Representation
from arch2vec.representations.discrete import ENCODINGS
from arch2vec.representations.features import Groups
from arch2vec.representations.structure import structure
from arch2vec.representations.subtrees import BESIDE, SUBTREES, subtrees
from arch2vec.spaces import SearchSpace
from arch2vec.surrogates.predictors import PREDICTORS, score

if TYPE_CHECKING:
    import pandas as pd

KEY = ("objective", "encoding", "source", "predictor", "labels", "seed")
"""What tells one row of the results from another."""
NETWORK = "network"
"""The predictor that is the supervised encoder's own output."""

_SAVED_EVERY_S = 5.0  # what an interruption costs


@dataclass(frozen=True)
class Settings:
    """What is compared.

    Attributes:
        labels: numbers of labelled architectures.
        seeds: of the shuffles.
        predictors: keys of :data:`arch2vec.surrogates.predictors.PREDICTORS`.
        encodings: beside the pre-trained ones; one that ends in ``+proxies`` is another with proxies appended.
        test_points: architectures predicted, at most.
    """

    labels: Sequence[int] = (16, 64, 250, 1000)
    seeds: Sequence[int] = tuple(range(20))
    predictors: Sequence[str] = ("gp",)
    encodings: Sequence[str] = (*DISCRETE, SUPERVISED)
    test_points: int = 10_000

    def __post_init__(self) -> None:
        if not (self.labels and self.seeds and self.predictors):
            raise InputError("a comparison needs at least one number of labels, one seed and one predictor")
        if min(self.labels) < 2 or self.test_points < 2:
            raise InputError("at least 2 architectures must be labelled and 2 predicted")
        for name in self.predictors:
            if name not in PREDICTORS:
                raise unknown("predictor", name, PREDICTORS)
        check_encodings(self.encodings)


@dataclass(frozen=True)
class _Task:
    """The rows of one encoding, objective, number of labels and seed."""

    objective: str
    encoding: str
    source: str
    predictors: tuple[str, ...]
    labels: int
    seed: int

    def row_keys(self) -> list[tuple[object, ...]]:
        shared = (self.objective, self.encoding, self.source)
        return [(*shared, predictor, self.labels, self.seed) for predictor in self.predictors]

    def without(self, done: Container[tuple[object, ...]]) -> _Task:
        """What is left of it."""
        keys = zip(self.predictors, self.row_keys(), strict=True)
        return replace(self, predictors=tuple(predictor for predictor, key in keys if key not in done))


@owned
def run_prediction(
    targets: Mapping[str, Target],
    sources: Sequence[PretrainedSource],
    settings: Settings,
    out: Path,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> pd.DataFrame:
    """Make the rows that are missing in ``out``.

    Args:
        targets: what to predict, by objective.
        sources: pre-trained representations; each is used where it fits.
        settings: what else is compared.
        out: a folder; ``runs.parquet`` in it has a row for every key.
        progress: is called with the rows done, their number and what comes next.

    Returns:
        The rows asked for: :data:`KEY`, the scores of :func:`arch2vec.surrogates.predictors.score`,
        ``test_points`` and ``seconds``.

    Raises:
        InputError: a table is not found or has too few rows, or ``out`` holds something else.
    """
    check_bases(settings.encodings, (source.model for source in sources))
    own = described(settings.encodings)
    wanted: list[tuple[object, ...]] = []
    plans: dict[Columns, list[_Task]] = {}
    columns = columns_of(targets.values())
    for name, target in targets.items():
        table = columns[target]
        if max(settings.labels) + 2 > len(table):
            raise InputError(f"{name} has {len(table):,} architectures, too few for {max(settings.labels):,} labels")
        fitting = [source for source in sources if source.fits(table.space)]
        tasks = list(_tasks(name, fitting, settings, own))
        plans.setdefault(table, []).extend(tasks)
        wanted += [key for task in tasks for key in task.row_keys()]
    require_writable(out)
    claim(out / "study.json", "study", {"experiment": "prediction", "test_points": settings.test_points})
    results = _Results(out / "runs.parquet")
    by_digest = {source.digest: source for source in sources}
    with thread_count(1):
        for table, tasks in plans.items():
            missing = [task.without(results) for task in tasks]
            missing = [task for task in missing if task.predictors]
            for seed in dict.fromkeys(task.seed for task in missing):
                split = _Split(table, settings, seed, by_digest, {kind.name: kind for kind in own.values()})
                for task in (task for task in missing if task.seed == seed):
                    if progress is not None:
                        progress(sum(key in results for key in wanted), len(wanted), f"{task.objective}, seed {seed}")
                    for row in split.rows(task, targets[task.objective]):
                        results.add(row)
                    results.save(at_most_every=_SAVED_EVERY_S)
        results.save()
    frame = results.frame(wanted)
    names = {source.digest: source.name for source in sources}
    suffix = frame["encoding"].str.endswith(SUFFIX).map({True: SUFFIX, False: ""})
    named = frame["source"].map(names).astype(object) + suffix.astype(object)
    frame["encoding"] = named.fillna(frame["encoding"])
    return frame


def _tasks(
    objective: str, sources: Sequence[PretrainedSource], settings: Settings, own: Mapping[str, Representation]
) -> Iterable[_Task]:
    encodings = [(source.model, source.digest) for source in sources]
    for name in settings.encodings:
        if name in own:  # the mark of the code tells its rows from those that another code has made
            encodings.append((own[name].name, own[name].code or ""))
            continue
        models = [(name, source.digest) for source in sources if name == f"{source.model}{SUFFIX}"]
        discrete = not name.endswith(SUFFIX) or name.removesuffix(SUFFIX) in (*ENCODINGS, STRUCTURE)
        encodings += [(name, "")] if discrete else models
    for seed in settings.seeds:
        for encoding, digest in encodings:
            network = (NETWORK,) if encoding == SUPERVISED else ()
            for labels in settings.labels:
                yield _Task(objective, encoding, digest, (*settings.predictors, *network), labels, seed)


class _Split:
    """The labelled and the predicted architectures of one seed, encoded once for all that is predicted from them."""

    def __init__(
        self,
        table: Columns,
        settings: Settings,
        seed: int,
        sources: Mapping[str, PretrainedSource],
        own: Mapping[str, Representation],
    ) -> None:
        self._table, self._sources, self._own = table, sources, own
        shuffled = np.random.default_rng(seed).permutation(len(table))
        # Which are predicted depends on the seed alone, but for small tables, of which labels leave few.
        self._labelled = shuffled[: max(settings.labels)]
        self._tested = shuffled[::-1][: settings.test_points]
        self._shuffled, self._test_points = shuffled, settings.test_points
        self._rows = np.unique(np.concatenate([self._labelled, self._tested]))
        self._graphs = table.graphs(self._rows)
        self._vectors: dict[str, tuple[NDArray[np.float32], Groups]] = {}

    def rows(self, task: _Task, target: Target) -> Iterable[dict[str, Any]]:
        """The rows of a task."""
        labelled = np.searchsorted(self._rows, self._shuffled[: task.labels])
        rest = len(self._shuffled) - task.labels
        tested = np.searchsorted(self._rows, self._tested[: min(rest, self._test_points)])
        values = self._table.values(target)[self._rows]
        if task.encoding == SUPERVISED:
            yield from self._supervised_rows(task, values, labelled, tested)
            return
        vectors, groups = self._encoded(task)
        for predictor in task.predictors:
            started = time.perf_counter()
            predicted = PREDICTORS[predictor](vectors[labelled], values[labelled], vectors[tested], task.seed, groups)
            yield _row(task, predictor, score(predicted, values[tested]), len(tested), started)

    def _supervised_rows(
        self,
        task: _Task,
        values: NDArray[np.float64],
        labelled: NDArray[np.intp],
        tested: NDArray[np.intp],
    ) -> Iterable[dict[str, Any]]:
        started = time.perf_counter()
        known, others, space = self._graphs[labelled], self._graphs[tested], self._table.space
        encoder = train_supervised(space, known, values[labelled], supervised_config(task.labels), task.seed)
        vectors, other_vectors = encoder.embed(known), encoder.embed(others)
        for predictor in task.predictors:
            if predictor == NETWORK:
                predicted = encoder.predict(others)
            else:
                one = ((SUPERVISED, vectors.shape[1]),)
                predicted = PREDICTORS[predictor](vectors, values[labelled], other_vectors, task.seed, one)
            yield _row(task, predictor, score(predicted, values[tested]), len(tested), started)

    def _encoded(self, task: _Task) -> tuple[NDArray[np.float32], Groups]:
        key = task.source + task.encoding
        if key not in self._vectors:
            self._vectors[key] = self._encode(task, self._graphs, self._table.space)
        return self._vectors[key]

    def _encode(self, task: _Task, graphs: GraphBatch, space: SearchSpace) -> tuple[NDArray[np.float32], Groups]:
        if task.encoding in self._own:
            made = self._own[task.encoding].features(graphs, space)
            return made.values, made.groups
        if task.encoding == STRUCTURE:
            known = structure(graphs, space)
            return known.values, known.groups
        if task.encoding == SUBTREES:
            return subtrees(graphs, space)
        if task.encoding == BOTH:
            known, (tokens, own) = structure(graphs, space), subtrees(graphs, space, BESIDE, apart=False)
            return np.concatenate([known.values, tokens], axis=1), (*known.groups, *own)
        if task.encoding.endswith(SUFFIX):
            base = replace(task, encoding=task.encoding.removesuffix(SUFFIX))
            vectors, groups = self._encode(base, graphs, space)
            proxies = proxy_vectors(graphs, space)
            return joined(vectors, proxies), (*groups, (PROXIES, proxies.shape[1]))
        if task.encoding == PROXIES:
            vectors = proxy_vectors(graphs, space)
        elif task.source:
            vectors = self._sources[task.source].vectors(graphs, space)
        else:
            vectors = ENCODINGS[task.encoding](graphs, space)
        return vectors, ((task.encoding, vectors.shape[1]),)


def _row(task: _Task, predictor: str, scores: dict[str, float], test_points: int, started: float) -> dict[str, Any]:
    seconds = time.perf_counter() - started
    key = (task.objective, task.encoding, task.source, predictor, task.labels, task.seed)
    return {**dict(zip(KEY, key, strict=True)), **scores, "test_points": test_points, "seconds": seconds}


class _Results:
    """``runs.parquet``: a row a key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[tuple[object, ...], dict[str, Any]] = {}
        self._saved = time.monotonic()
        if path.exists():
            table, _ = read_parquet(path)
            if missing := [name for name in (*KEY, "seconds") if table.column_names.count(name) != 1]:
                raise InputError(f"cannot read {path}: no results of this experiment, it has no column {missing[0]!r}")
            for record in table.to_pandas().to_dict("records"):
                self.add({str(name): value for name, value in record.items()})

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def add(self, row: dict[str, Any]) -> None:
        self._rows[tuple(row[name] for name in KEY)] = row

    def save(self, at_most_every: float = 0.0) -> None:
        """Write the file, unless that was done less than ``at_most_every`` seconds ago."""
        import pandas as pd
        import pyarrow as pa

        if time.monotonic() - self._saved < at_most_every:
            return
        frame = pd.DataFrame(list(self._rows.values()))
        write_parquet(pa.Table.from_pandas(frame, preserve_index=False), self._path)
        self._saved = time.monotonic()

    def frame(self, keys: Sequence[tuple[object, ...]]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame([self._rows[key] for key in keys])
