"""Studies: methods x objectives x seeds, in blocks of seeds, side by side, resumable."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from arch2vec.common.arguments import as_annotated
from arch2vec.common.kinds import is_whole
from arch2vec.common.ownership import owning
from arch2vec.common.parcels import pack
from arch2vec.common.request import note_start
from arch2vec.common.storage import AnyPath
from arch2vec.common.workers import worker_pool
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.pools.pool import Pool
from arch2vec.representations.ready import searchable
from arch2vec.searching.budget import Budget
from arch2vec.searching.evaluation import AnyObjective, as_objective, check_budget
from arch2vec.searching.failures import MOST_IN_A_ROW, check_limit, tell_of_ends
from arch2vec.searching.identity import identity_of
from arch2vec.searching.pool import WHOLE, OnDevice, Sampled
from arch2vec.searching.spec import AnyMethod, MethodSpec, resolve_methods
from arch2vec.searching.store import embedding_digest
from arch2vec.spaces import SearchSpace
from arch2vec.studies.apart import check_timeout
from arch2vec.studies.blocks import Block, run_stored, share
from arch2vec.studies.folder import StudyFolder
from arch2vec.studies.runs import SearchRuns
from arch2vec.studies.table import SCHEMA, Trajectories, to_table
from arch2vec.studies.values import values_of

Progress = Callable[[str, str, int], None]
"""Called with a method, an objective and how many of their evaluations were just made or found."""

_T = TypeVar("_T")

_VALUES = 500_000  # architectures x runs that a block predicts at once where all are scored: some megabytes an array
_LARGEST, _SMALLEST = 32, 4


@as_annotated
def run_study(
    embedding: Embedding | SearchSpace | str,
    objectives: AnyObjective | Sequence[AnyObjective],
    methods: Sequence[AnyMethod],
    runs: int | Mapping[str, int],
    budget: Budget | int | Mapping[str, Budget],
    *,
    seed0: int = 0,
    batches: Mapping[str, int] | None = None,
    fidelities: Mapping[str, Sequence[int]] | None = None,
    pool: Sampled | OnDevice | None = None,
    block: int | None = None,
    out: AnyPath | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    timeout_s: float | None = None,
    progress: Progress | None = None,
    max_failures: int | None = MOST_IN_A_ROW,
    accept_changes: bool = False,
) -> Trajectories:
    """Run every method against every objective, with the seeds ``seed0``, ``seed0 + 1``, ...

    >>> import arch2vec, numpy as np
    >>> from arch2vec.studies import Budget
    >>> space = arch2vec.get_space("nasbench201")
    >>> embedding = arch2vec.structure_embedding(space, space.sample(50, np.random.default_rng(0)))
    >>> found = arch2vec.run_study(embedding, "digits-201", ["random"], 3, Budget(4))
    >>> found.runs("random", "digits-201").rows.shape                           # searches x evaluations
    (3, 4)

    All methods have the same seeds, so that runs can be compared pair by pair.
    Results don't depend on the number of workers.

    With ``out``, finished blocks of runs are kept there and not repeated when
    the study is run again, whether it was killed or more runs, methods or
    objectives are asked for; the result is in ``trajectories.parquet``. Of an objective that is no
    table, every single evaluation is kept. One process at a time owns the folder.

    Args:
        embedding: the architectures and their vectors; of a space, its structure vectors.
        objectives: what is maximised, as for :func:`arch2vec.searching.study.search`; each
            needs a name of its own.
        methods: search methods, as for :func:`arch2vec.searching.study.search`, each with a name of its own.
        runs: how many of each, or of each by name.
        budget: how far runs go, or how many evaluations, or how far by the objective's name.
        seed0: the first seed.
        batches: how many architectures a method proposes at a time where it is not one.
        fidelities: that methods may choose from, by the objective's name, where it
            is not all that the objective offers.
        pool: which architectures model-based methods look at in a round, None for their own choice:
            a study of hundreds of runs may want less of each than a single search. On a device, all
            runs of a method advance together.
        block: runs that advance together, by default as many as keep memory small.
        out: a folder, created where missing; with an executor on other machines,
            one that these can read.
        workers: processes that share the runs, with one thread each. Evaluations that no table has are then made in
            processes of their own, where one that ends its process is a failed trial. None for all in this one.
        executor: runs the blocks in place of ``workers`` processes; anything with
            the interface of :class:`concurrent.futures.Executor`.
        timeout_s: an evaluation that no table has, made in a process of its own, has failed after so many seconds;
            None for never.
        progress: told how far the study is.
        max_failures: as for :func:`arch2vec.searching.study.search`, of the runs that advance together.
        accept_changes: whether to go on though the objective has changed, as for
            :func:`arch2vec.searching.study.search`.

    Returns:
        All evaluations, with ``out`` those of earlier calls included.

    Raises:
        InputError: nothing to run, an unknown name, a budget beyond the
            architectures there are, an objective for another space, an ``out``
            that is in use or holds something else, an objective that cannot be sent to
            another process, or too many failures in a row.
        WorkerError: a worker process has ended before its work.
    """
    check_limit(max_failures)
    check_timeout(timeout_s)
    folder = None if out is None else Path(out)
    embedding = searchable(embedding)
    if not isinstance(budget, Budget | Mapping):
        budget = Budget(budget)
    if not isinstance(runs, Mapping) and not is_whole(runs):
        raise InputError(f"runs are a whole number, or one by the method's name, got {runs!r}")
    if isinstance(embedding, Pool):
        raise InputError(
            "a study of many searches needs an embedding in memory: take the pool's reduced, or its subset(rows)"
        )
    targets = _named(objectives, embedding)
    kinds = resolve_methods(methods)
    counts = {name: _entry(runs, name, "runs") if isinstance(runs, Mapping) else int(runs) for name in kinds}
    budgets = {name: budget if isinstance(budget, Budget) else _entry(budget, name, "budget") for name in targets}
    sizes = {name: (batches or {}).get(name, 1) for name in kinds}
    _check(embedding, kinds, counts, budgets, sizes, seed0, block, workers)
    levels = {name: tuple((fidelities or {}).get(name, target.fidelities)) for name, target in targets.items()}
    scored = len(embedding) if pool is None and len(embedding) <= WHOLE else 0
    most = max(counts.values()) if isinstance(pool, OnDevice) else _LARGEST
    together = block or max(_SMALLEST, min(most, _VALUES // max(1, scored)))

    with nullcontext() if folder is None else owning(folder):
        store = None
        if folder is not None:
            claims = _claims(embedding, targets, budgets, kinds, sizes, levels, pool)
            units = {name: target.unit for name, target in targets.items()}
            store = StudyFolder(folder, *claims, units, accept_changes=accept_changes)
            tell_of_ends(folder)
        finished = {} if store is None else store.finished
        if folder is not None:
            note_start(folder, done=len(finished), runs=counts, space=embedding.space.reference)
        made: list[pa.Table] = []
        tasks: list[Block] = []
        apart = timeout_s is not None or (workers is not None and executor is None)
        kept = None if folder is None else folder.absolute(), max_failures, apart, timeout_s
        for objective, target in targets.items():
            values = values_of(target, embedding)
            for method, kind in kinds.items():
                seeds = range(seed0, seed0 + counts[method])
                if progress is not None:
                    progress(method, objective, sum(finished.get((method, objective, seed), 0) for seed in seeds))
                for some in _blocks([seed for seed in seeds if (method, objective, seed) not in finished], together):
                    shared = (
                        values,
                        some,
                        budgets[objective],
                        sizes[method],
                        levels[objective],
                        pool,
                        *kept,
                        embedding.extend,
                    )
                    tasks.append(Block(method, objective, kind, *shared))

        def keep(result: SearchRuns) -> None:
            table = to_table(result, embedding.architectures)
            if store is None:
                made.append(table)
            else:
                store.add(table)

        if workers in (None, 1) and executor is None:
            for task in tasks:
                keep(task.run(embedding, _of(task, progress)))
        elif tasks:
            _run_elsewhere(tasks, embedding, folder, workers or 1, executor, keep, progress)
        if store is not None:
            store.combine()
            return store.trajectories()
        return Trajectories(pa.concat_tables(made) if made else SCHEMA.empty_table())


def _entry(entries: Mapping[str, _T], name: str, what: str) -> _T:
    if name not in entries:
        raise InputError(f"no {what} given for {name!r}, only for {', '.join(entries) or 'none'}")
    return entries[name]


def _named(objectives: AnyObjective | Sequence[AnyObjective], embedding: Embedding) -> dict[str, Objective]:
    several = [objectives] if isinstance(objectives, str) or not isinstance(objectives, Sequence) else objectives
    targets = [as_objective(objective, embedding) for objective in several]
    named = {target.name: target for target in targets}
    if not named:
        raise InputError("name at least one objective")
    if len(named) < len(targets):
        raise InputError(f"objectives need different names, got {', '.join(target.name for target in targets)}")
    return named


def _check(
    embedding: Embedding,
    kinds: Mapping[str, MethodSpec],
    counts: Mapping[str, int],
    budgets: Mapping[str, Budget],
    batches: Mapping[str, int],
    seed0: int,
    block: int | None,
    workers: int | None,
) -> None:
    if not kinds:
        raise InputError("name at least one search method")
    for what, least in (("run", min(counts.values())), ("architecture in a batch", min(batches.values()))):
        if least < 1:
            raise InputError(f"at least 1 {what} is needed, got {least}")
    for what, number in (
        ("worker", 1 if workers is None else workers),
        ("run in a block", 1 if block is None else block),
    ):
        if number < 1:
            raise InputError(f"at least 1 {what} is needed, got {number}")
    for kind in kinds.values():
        method = kind.make(embedding, seed=seed0)
        for budget in budgets.values():
            check_budget(budget, method)


def _claims(
    embedding: Embedding,
    targets: Mapping[str, Objective],
    budgets: Mapping[str, Budget],
    methods: Mapping[str, MethodSpec],
    batches: Mapping[str, int],
    fidelities: Mapping[str, Sequence[int]],
    pool: Sampled | OnDevice | None,
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """What the runs of a folder have in common: all of them, those of each objective, those of each method."""
    objectives: dict[str, dict[str, Any]] = {}
    for name, target in targets.items():
        end = budgets[name]
        limits = {"budget": end.evaluations, "max_cost_s": end.max_cost_s, "both limits": end.both}
        objectives[name] = {**identity_of(target, embedding), **limits, "fidelities": list(fidelities[name])}
        if target.minimise:
            objectives[name]["minimise"] = True
    sample = None if pool is None else asdict(pool)
    subject = {"space": embedding.space.reference, "embedding": embedding_digest(embedding), "pool": sample}
    return subject, objectives, {name: {"batch": batches[name], **spec.marks} for name, spec in methods.items()}


def _blocks(seeds: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    """Seeds in blocks that end at multiples of ``size``, so that a study that grows keeps its blocks."""
    by_block: dict[int, list[int]] = {}
    for seed in seeds:
        by_block.setdefault(seed // size, []).append(seed)
    yield from (tuple(some) for some in by_block.values())


def _of(task: Block, progress: Progress | None) -> Callable[[int], None] | None:
    if progress is None:
        return None
    return lambda evaluations: progress(task.method, task.objective, evaluations)


def _run_elsewhere(
    tasks: Sequence[Block],
    embedding: Embedding,
    out: Path | None,
    workers: int,
    executor: Executor | None,
    keep: Callable[[SearchRuns], None],
    progress: Progress | None,
) -> None:
    """Have an executor, or processes of our own, run the tasks, and keep each one's runs as it ends."""
    with _folder_for(out) as folder, _executor(executor, workers) as pool:
        file = folder / f".embedding-{embedding_digest(embedding)}.safetensors"
        share(embedding, file)
        ended: dict[Future[SearchRuns], Block] = {}
        waiting = iter(tasks)
        try:
            while True:
                # As many as keep everybody busy: a queue of all tasks would hold all their tables at once.
                for task in waiting:
                    what = f"objective {task.objective}"
                    ended[pool.submit(run_stored, pack(task, what), file.resolve())] = task
                    if len(ended) >= _AHEAD:
                        break
                if not ended:
                    return
                for future in wait(ended, return_when=FIRST_COMPLETED).done:
                    task = ended.pop(future)
                    result = future.result()
                    keep(result)
                    if progress is not None:
                        progress(task.method, task.objective, int(result.lengths.sum()))
        finally:
            for future in ended:
                future.cancel()
            file.unlink(missing_ok=True)


_AHEAD = 256  # tasks handed to an executor and not finished


@contextmanager
def _folder_for(out: Path | None) -> Iterator[Path]:
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="arch2vec-") as name:
        yield Path(name)


@contextmanager
def _executor(executor: Executor | None, workers: int) -> Iterator[Executor]:
    """The executor, which stays open; or processes of our own, which don't."""
    if executor is not None:
        yield executor
        return
    with worker_pool(workers) as pool:
        yield pool
