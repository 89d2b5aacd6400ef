"""Running one search against an objective, so that it survives a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from arch2vec.common.arguments import as_annotated
from arch2vec.common.ownership import owning
from arch2vec.common.request import note_start
from arch2vec.common.storage import AnyPath
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.representations.ready import searchable
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.budget import Budget
from arch2vec.searching.evaluation import AnyObjective, as_objective, check_budget, evaluate
from arch2vec.searching.failures import MOST_IN_A_ROW, Failures, check_limit, say, tell_of_ends
from arch2vec.searching.goal import Goal
from arch2vec.searching.goals import goal_of
from arch2vec.searching.growing import for_study
from arch2vec.searching.identity import identity_of
from arch2vec.searching.pool import OnDevice
from arch2vec.searching.reach import reachable
from arch2vec.searching.spec import AnyMethod, MethodSpec, resolve_method, resolve_pareto_method
from arch2vec.searching.store import StudyConfig, StudyFile, embedding_digest
from arch2vec.searching.trials import SearchResult, Trial
from arch2vec.searching.watching import Beginning, Watcher, Watchers, ending
from arch2vec.spaces import SearchSpace
from arch2vec.studies.apart import Apart, search_apart
from arch2vec.studies.engines import Here
from arch2vec.studies.jobs import BOOKS
from arch2vec.studies.records import InFile, InMemory, Record

__all__ = ["SearchResult", "Trial", "search"]


@as_annotated
def search(
    embedding: Embedding | SearchSpace | str,
    objective: AnyObjective,
    method: AnyMethod | None = None,
    budget: int | None = 100,
    max_cost_s: float | None = None,
    seed: int = 0,
    batch: int = 1,
    out: AnyPath | None = None,
    on_evaluation: Callable[[Trial], None] | None = None,
    max_failures: int | None = MOST_IN_A_ROW,
    accept_changes: bool = False,
    device: str | None = None,
    workers: int | None = None,
    executor: Any = None,
    timeout_s: float | None = None,
    retries: int = 0,
    resources: Mapping[str, float] | None = None,
    storage: str | None = None,
    study_name: str | None = None,
    minimise: bool = False,
    at_most: Mapping[str, float] | None = None,
    against: Sequence[str] = (),
    pruner: str | None = None,
    watchers: Sequence[Watcher] = (),
) -> SearchResult:
    """Search the embedding's architectures for one of high validation accuracy, or whatever else the goal is.

    >>> import arch2vec, numpy as np
    >>> space = arch2vec.get_space("nasbench201")
    >>> embedding = arch2vec.structure_embedding(space, space.sample(50, np.random.default_rng(0)))
    >>> result = arch2vec.search(embedding, "digits-201", method="random", budget=5, seed=0)
    >>> result.evaluations, round(result.best.validation, 2)
    (5, 93.14)

    With ``out``, the study is written to ``study.json`` there after every
    evaluation. Called again with the same arguments it goes on where it stopped,
    and ends with the trials of a run that was never interrupted; called with a
    larger budget it continues; with a smaller one it returns the trials within it.
    One process at a time owns the folder.

    Whatever an evaluation raises but a KeyboardInterrupt makes it a failed trial, and the search goes
    on: one line on stderr says so, and with ``out`` the traceback is kept there. What the objective changes of its
    process (folder, default types, warnings, ...) is put back after each call.

    Args:
        embedding: the architectures and their vectors; a :class:`arch2vec.pools.Pool` where memory does not hold them.
        objective: what is searched for; a function from an architecture to an
            outcome, a mapping or an accuracy will do, and a text as on the command line.
        method: the name of a search method, with settings (``bo?initial=10``) or without; one of your own, as
            ``python:FILE:CLASS``, its class or a function that makes it (see :mod:`arch2vec.searching.spec`);
            or one that was made already, whose own seed then counts. None is ``group-bo``, and ``ehvi`` against
            further criteria.
        budget: evaluations at most, None for no limit but the cost.
        max_cost_s: no evaluation starts once those before it cost this many seconds.
        seed: of everything random in the method.
        batch: how many architectures the method proposes at a time.
        out: a folder, created where missing.
        on_evaluation: called with every new trial, after it has been stored.
        max_failures: evaluations that raise in a row before the search gives up, None for never.
        accept_changes: whether to go on with a study in ``out`` though the objective's code, table or
            data have changed since; the study then says from which trial on.
        device: such as ``cuda``, where the method's model looks at all architectures in every round
            (:class:`arch2vec.searching.pool.OnDevice`); None for the processor and the method's own choice
            of what to look at.
        workers: evaluations at once, each in a process of its own, where one that ends its process
            is a failed trial; None for one after the other in this process.
        executor: makes the evaluations instead, anything with the interface of
            :class:`concurrent.futures.Executor`; ``workers`` is then how many at once.
        timeout_s: an evaluation has failed after so many seconds, None for never.
        retries: how often a failed evaluation is tried again before it is a failed trial.
        resources: of each worker, ``{"gpu": 1}``: graphics cards of its own, ``{"cpu": 4}``: threads.
        storage: the URL of an Optuna storage (``sqlite:///FILE``, ``journal:///FILE``, ``postgresql://...``), where the
            trials are then kept. Any number of processes and machines may call this with
            the same arguments at once: no architecture is evaluated twice. Of a space too large to list, the
            architectures of the embedding are searched, and none besides.
        study_name: of the study in the storage; by default it says what is searched, and how.
        minimise: whether less of what is measured is better. An objective that was made already says so itself.
        at_most: the largest values that further numbers may have, by name: ``parameters`` and ``macs``, which the
            space may know, and numbers that the objective returns (of a table: columns). What is beyond is never
            the best.
        against: criteria that are weighed against the validation value, smaller ones being better: the same
            names, or ``max:NAME``. The result then has a :attr:`~SearchResult.front`.
        pruner: which trainings are given up on the way, by what they report (see
            :mod:`arch2vec.objectives.reporting`): ``median``, ``percentile``, ``successive-halving`` or
            ``hyperband``, with settings as ``hyperband?least=1&most=81&factor=3``.
        watchers: those who look on, see :mod:`arch2vec.searching.watching`.

    Raises:
        InputError: an unknown method, a limit that cannot be, a budget beyond the
            architectures (or different functions) there are, an objective for
            another space, a device that is not there, an ``out`` that is damaged, in use or holds another study, or
            too many failures in a row.
    """
    embedding = searchable(embedding)
    end = Budget(budget, max_cost_s)
    folder = None if out is None else Path(out)
    if batch < 1:
        raise InputError(f"a batch holds at least 1 architecture, got {batch}")
    check_limit(max_failures)
    if against:
        if not isinstance(method, str | MethodSpec | None):
            raise InputError("a search against further criteria takes the name of a multi-objective method")
        spec = method if isinstance(method, MethodSpec) else resolve_pareto_method(method or "ehvi")
    else:
        spec = resolve_method("group-bo" if method is None else method)
    if spec.instance is not None:
        seed = spec.instance.seed
        if not (folder is None and storage is None) and (spec.instance.told or spec.instance.pending):
            where = "a folder" if storage is None else "a storage"
            raise InputError(f"a search method that has begun already cannot be kept in {where}; make a new one")
        own = spec.instance.computed_on
        if device is not None and spec.instance.computes_on_device and own != device.partition(":")[0]:
            raise InputError(
                "a search method that was made already computes where it was made for; make it with "
                f"pool=OnDevice({device!r}), or leave the device out"
            )
    target = as_objective(objective, embedding, minimise).for_search(seed)
    looking = {"a device": device, "a storage": storage, "a limit or a further criterion": at_most or against}
    embedding = reachable(embedding, spec, target, next((name for name, given in looking.items() if given), None))
    goal, target, embedding = goal_of(target, embedding, at_most, against)
    if pruner is not None:
        _check_pruner(pruner, target, bool(against))
    pool = None if device is None else OnDevice(device)
    # Drivers of one storage number rows alike, which embeddings that grow do not.
    anywhere = not isinstance(target, LookupObjective) and storage is None
    if against:
        known = _known_criteria(goal, len(embedding))
        searcher = spec.make(embedding, goal.criteria, seed=seed, known=known)
    else:
        searcher = for_study(spec, embedding, seed=seed, fidelities=target.fidelities, pool=pool, anywhere=anywhere)
    place = searcher.computed_on
    check_budget(end, searcher)
    onlookers = Watchers(list(watchers))
    failures = Failures(max_failures, None if folder is None else folder.absolute())
    if target.apart and executor is None:
        workers = 1 if workers is None else workers
    apart = Apart(workers, executor, timeout_s, retries, resources or {})
    if pruner is not None and not apart.wanted and storage is None:
        apart = Apart(executor=Here())
    if storage is None and study_name is not None:
        raise InputError(f"a study is named in a storage, and none is: leave out the name {study_name!r}")

    def begin(trials: list[Trial]) -> None:
        if folder is not None:
            reference = embedding.space.reference
            note_start(folder, done=len(trials), budget=budget, max_cost_s=max_cost_s, space=reference)
        settings = {**config.fixed, **config.marks}
        onlookers.begin(Beginning(target, goal, spec.name, seed, budget, max_cost_s, list(trials), settings))

    said: set[str] = set()

    def ended(trial: Trial) -> None:
        for name in goal.missing(trial):
            if name not in said:
                said.add(name)
                say(
                    f"objective {target.name} gave no {name!r} of {trial.architecture}: what lacks it is never the best"
                )
        if on_evaluation is not None:
            on_evaluation(trial)
        onlookers.trial(trial)

    with owning(folder), ending(onlookers):
        marks = {} if folder is None and storage is None else {**identity_of(target, embedding), **spec.marks}
        digest = "" if folder is None and storage is None else embedding_digest(embedding)
        config = StudyConfig(
            embedding.space.name, digest, target.name, spec.name, seed, batch, marks, place, goal.sentence
        )
        about = {"signal": target.signal, "unit": target.unit, **goal.facts}
        file = None
        record: Record = InMemory(pruner, goal.minimise)
        if storage is not None:
            from arch2vec.studies.optuna.record import InStorage, name_of

            name = study_name or name_of(config)
            shown, books = {**about, "budget": budget}, None if folder is None else folder.absolute() / BOOKS
            record = InStorage(storage, name, config, accept_changes, shown, goal, pruner, books)
        elif folder is not None:
            file = StudyFile(folder.absolute(), config, accept_changes, about, goal)
            record = InFile(file, folder.absolute() / BOOKS, pruner, goal.minimise)
        if storage is not None or apart.wanted:
            kept_by = (end, failures, goal, batch, ended, begin, pruner, storage is not None)
            return search_apart(apart, target, searcher, record, *kept_by)
        trials = [] if file is None else file.load(searcher)
        if len(kept := end.within(trials)) < len(trials):
            return SearchResult(kept, goal)
        begin(trials)
        if folder is not None:
            tell_of_ends(folder)
        return SearchResult(_run(target, searcher, trials, end, batch, failures, goal, file, ended), goal)


def _known_criteria(goal: Goal, rows: int) -> np.ndarray:
    """(N, m) the criteria that need no evaluation, NaN for the others."""
    unknown = np.full(rows, np.nan)
    return np.stack([goal.known.get(criterion.column, unknown) for criterion in goal.criteria], axis=1)


def _check_pruner(pruner: str, objective: Objective, several: bool) -> None:
    from arch2vec.studies.pruning import make_pruner

    make_pruner(pruner)
    if several:
        raise InputError("trainings are given up by one value; leave the pruner or the further criteria out")
    ours = type(objective).__module__.partition(".")[0] == "arch2vec"
    if ours and not objective.reports:
        raise InputError(
            f"objective {objective.name} reports nothing on the way, by which trainings could be given up: let its "
            "function have a parameter report, and call report(epoch, value)"
        )


def _run(
    target: Objective,
    searcher: SearchMethod,
    trials: list[Trial],
    budget: Budget,
    batch: int,
    failures: Failures,
    goal: Goal,
    file: StudyFile | None,
    ended: Callable[[Trial], None],
) -> list[Trial]:
    """Go on from some trials to the end of the budget; returns all."""
    # What an interrupted study had proposed and not evaluated comes first. Batches are asked for
    # in full even where the budget ends within one: a larger budget then finds the rest of it.
    waiting, ask_s = searcher.pending, 0.0
    while not budget.reached(len(trials), trials[-1].cumulative_cost_s if trials else 0.0):
        if not waiting:
            if searcher.remaining == 0:
                break
            start = time.perf_counter()
            waiting = searcher.ask(min(batch, searcher.remaining))
            ask_s = (time.perf_counter() - start) / len(waiting)
        candidate = waiting.pop(0)
        trial = evaluate(target, candidate, trials, failures)
        start = time.perf_counter()
        goal.tell(searcher, trial, trials)
        trials.append(replace(trial, method_s=ask_s + time.perf_counter() - start))
        if file is not None:
            file.save(searcher, trials)
        ended(trials[-1])
        failures.check()
    return trials
