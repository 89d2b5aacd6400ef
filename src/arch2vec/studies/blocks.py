"""Blocks of runs as tasks, for this process or for any :class:`concurrent.futures.Executor`.

A task names the file that the embedding is in; the process that runs it reads
the file once and keeps it for the tasks that follow. Everything else that a
task needs travels with it.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.documents import parse_json
from arch2vec.common.parcels import Parcel, unpack
from arch2vec.common.storage import read_arrays, write_arrays
from arch2vec.embedding import Embedding
from arch2vec.graphs import GraphBatch
from arch2vec.searching.budget import Budget
from arch2vec.searching.failures import Failures
from arch2vec.searching.pool import OnDevice, Sampled
from arch2vec.searching.spec import MethodSpec
from arch2vec.spaces import get_space
from arch2vec.studies.folder import BLOCKS, block_stem
from arch2vec.studies.journal import SUFFIX, Journal
from arch2vec.studies.processes import EvaluatedApart
from arch2vec.studies.runs import SearchRuns
from arch2vec.studies.simulation import simulate
from arch2vec.studies.values import ObjectiveValues, Values

_CLASSES, _GROUPS = "function_classes", "groups"


@dataclass(frozen=True, eq=False)
class Block:
    """Some runs of one method against one objective.

    Attributes:
        method: its name.
        objective: its name.
        kind: the method.
        values: what architectures are worth.
        seeds: one a run.
        budget: where runs end.
        batch: architectures that a run proposes at a time.
        fidelities: that the objective offers.
        pool: which architectures models look at in a round, None for the method's own choice.
        study: the study's folder, where evaluations are written down that no table has; None for nowhere.
        max_failures: evaluations that fail in a row before it gives up, None for never.
        apart: whether evaluations that no table has are made in a process of their own.
        timeout_s: such an evaluation has failed after so many seconds, None for never.
        extend: how architectures that are not in the embedding are embedded; shared embeddings do not hold it.
    """

    method: str
    objective: str
    kind: MethodSpec
    values: Values
    seeds: tuple[int, ...]
    budget: Budget
    batch: int = 1
    fidelities: tuple[int, ...] = ()
    pool: Sampled | OnDevice | None = None
    study: Path | None = None
    max_failures: int | None = None
    apart: bool = False
    timeout_s: float | None = None
    extend: Callable[[GraphBatch], NDArray[np.float32]] | None = None

    def run(self, embedding: Embedding, progress: Callable[[int], None] | None = None) -> SearchRuns:
        """The runs, made here, with one thread: results then don't depend on how many cores there are."""
        from threadpoolctl import threadpool_limits

        from arch2vec.common.threads import thread_count

        with thread_count(1), threadpool_limits(1), self._values() as values:
            return simulate(
                self.kind,
                embedding,
                values,
                self.seeds,
                self.budget,
                batch=self.batch,
                fidelities=self.fidelities,
                pool=self.pool,
                names=(self.method, self.objective),
                progress=progress,
            )

    @contextmanager
    def _values(self) -> Iterator[Values]:
        if not isinstance(self.values, ObjectiveValues):
            yield self.values
            return
        journal = None
        if self.study is not None:
            folder = self.study / BLOCKS
            stem = block_stem(self.method, self.objective)
            earlier = sorted(folder.glob(f"{glob.escape(stem)}--*{SUFFIX}"))
            journal = Journal(folder / f"{stem}--{self.seeds[0]}-{len(self.seeds)}{SUFFIX}", earlier)
        apart = EvaluatedApart(self.timeout_s) if self.apart else None
        try:
            yield replace(self.values, failures=Failures(self.max_failures, self.study), journal=journal, apart=apart)
        finally:
            if apart is not None:
                apart.close()


def run_stored(parcel: Parcel, file: Path) -> SearchRuns:
    """The runs of a block in the embedding that :func:`share` has written; what an executor is given to do."""
    block: Block = unpack(parcel)
    embedding = _shared(file)
    object.__setattr__(embedding, "extend", block.extend)  # its cached properties stay
    return block.run(embedding)


def share(embedding: Embedding, file: Path) -> None:
    """Write an embedding for the processes that run blocks, what is slow to work out about it included."""
    arrays: dict[str, np.ndarray] = {"vectors": embedding.vectors, _CLASSES: embedding.function_classes}
    write_arrays(
        file,
        arrays | embedding.graphs.arrays(),
        {"space": embedding.space.reference, _GROUPS: json.dumps(embedding.groups)},
    )


@cache
def _shared(file: Path) -> Embedding:
    arrays, metadata = read_arrays(file)
    # The process that shares the embedding was allowed to run the space's code, so this one is.
    space = get_space(metadata["space"])
    groups = tuple((name, size) for name, size in parse_json(metadata[_GROUPS], file))
    embedding = Embedding(space, GraphBatch.from_arrays(arrays), arrays["vectors"], groups)
    vars(embedding)[_CLASSES] = arrays[_CLASSES]  # the cached property's place
    return embedding
