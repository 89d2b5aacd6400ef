"""Running one search against an objective, so that it survives a crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from arch2vec.common.ownership import owning
from arch2vec.common.request import note_start
from arch2vec.common.storage import AnyPath
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.searching import get_method
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.evaluation import AnyObjective, as_objective, check_budget, evaluate
from arch2vec.searching.failures import MOST_IN_A_ROW, Failures, check_limit
from arch2vec.searching.identity import identity_of
from arch2vec.searching.pool import OnDevice
from arch2vec.searching.store import StudyConfig, StudyFile, embedding_digest
from arch2vec.searching.trials import Limits, SearchResult, Trial

__all__ = ["SearchResult", "Trial", "search"]


def search(
    embedding: Embedding,
    objective: AnyObjective,
    method: str = "group-bo",
    budget: int | None = 100,
    max_cost_s: float | None = None,
    seed: int = 0,
    batch: int = 1,
    out: AnyPath | None = None,
    on_evaluation: Callable[[Trial], None] | None = None,
    max_failures: int | None = MOST_IN_A_ROW,
    accept_changes: bool = False,
    device: str | None = None,
) -> SearchResult:
    """Search the embedding's architectures for one of high validation accuracy.

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
        embedding: the architectures and their vectors.
        objective: what is maximised; a function from an architecture to an
            outcome, a mapping or an accuracy will do, and a text as on the command line.
        method: the name of a search method.
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

    Raises:
        InputError: an unknown method, a limit that cannot be, a budget beyond the
            architectures (or different functions) there are, an objective for
            another space, a device that is not there, an ``out`` that is damaged, in use or holds another study, or
            too many failures in a row.
    """
    limits = Limits(budget, max_cost_s)
    folder = None if out is None else Path(out)
    if batch < 1:
        raise InputError(f"a batch holds at least 1 architecture, got {batch}")
    check_limit(max_failures)
    target = as_objective(objective, embedding).for_search(seed)
    kind = get_method(method)
    pool = None if device is None else OnDevice(device)
    searcher = kind.for_study(embedding, seed=seed, fidelities=target.fidelities, pool=pool)
    place = None if device is None or not kind.computes_on_device else device.partition(":")[0]
    check_budget(limits, searcher)
    failures = Failures(max_failures, None if folder is None else folder.absolute())
    if folder is None:
        return SearchResult(_run(target, searcher, [], limits, batch, failures, None, on_evaluation))
    with owning(folder):
        marks = identity_of(target, embedding)
        subject = embedding.space.name, embedding_digest(embedding), target.name
        config = StudyConfig(*subject, method, seed, batch, marks, place)
        file = StudyFile(folder.absolute(), config, accept_changes, {"signal": target.signal, "unit": target.unit})
        trials = file.load(searcher)
        if len(kept := limits.within(trials)) < len(trials):
            return SearchResult(kept)
        note_start(folder, done=len(trials), budget=budget, max_cost_s=max_cost_s)
        return SearchResult(_run(target, searcher, trials, limits, batch, failures, file, on_evaluation))


def _run(
    target: Objective,
    searcher: SearchMethod,
    trials: list[Trial],
    limits: Limits,
    batch: int,
    failures: Failures,
    file: StudyFile | None,
    on_evaluation: Callable[[Trial], None] | None,
) -> list[Trial]:
    """Go on from some trials to the limits; returns all."""
    # What an interrupted study had proposed and not evaluated comes first. Batches are asked for
    # in full even where the budget ends within one: a larger budget then finds the rest of it.
    waiting, ask_s = searcher.pending, 0.0
    while not limits.reached(len(trials), trials[-1].cumulative_cost_s if trials else 0.0):
        if not waiting:
            if searcher.remaining == 0:
                break
            start = time.perf_counter()
            waiting = searcher.ask(min(batch, searcher.remaining))
            ask_s = (time.perf_counter() - start) / len(waiting)
        candidate = waiting.pop(0)
        trial = evaluate(target, candidate, trials, failures)
        start = time.perf_counter()
        searcher.tell([candidate], [trial.validation])
        trials.append(replace(trial, method_s=ask_s + time.perf_counter() - start))
        if file is not None:
            file.save(searcher, trials)
        if on_evaluation is not None:
            on_evaluation(trials[-1])
        failures.check()
    return trials
