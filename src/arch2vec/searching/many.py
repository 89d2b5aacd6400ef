"""Running many searches: methods x seeds against one objective, and what comes out on average.

Runs of one method advance together, so that a method which fits models fits
those of many runs at once. Each run makes the proposals it would make alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.searching import get_method
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.evaluation import AnyObjective, as_objective, check_budget, evaluate
from arch2vec.searching.trajectories import TrajectoryFile
from arch2vec.searching.trials import Limits, SearchResult

if TYPE_CHECKING:
    import pandas as pd

_TOGETHER = 16  # runs advanced at once; their networks and optimiser states fit the cache


def run_many(
    embedding: Embedding,
    objective: AnyObjective,
    methods: Sequence[str],
    runs: int,
    budget: int | None,
    seed0: int = 0,
    max_cost_s: float | None = None,
    out: Path | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> pd.DataFrame:
    """Run every method with the seeds ``seed0`` ... ``seed0 + runs - 1``.

    With ``out``, finished runs are kept in ``trajectories.parquet`` there and
    not repeated when it is called again, with more runs or methods or the same.

    Args:
        embedding: the architectures and their vectors.
        objective: what is maximised, as for :func:`arch2vec.searching.study.search`.
        methods: names of search methods.
        runs: how many of each.
        budget: evaluations a run at most, None for no limit but the cost.
        seed0: the first seed.
        max_cost_s: no evaluation of a run starts once those before it cost this many seconds.
        out: a folder, created where missing.
        progress: called with a method's name and how many of its evaluations
            were just made, or found in ``out``.

    Returns:
        A row an evaluation: the columns of :meth:`SearchResult.trajectory`
        after ``method`` and ``seed``.

    Raises:
        InputError: as :func:`arch2vec.searching.study.search` does; ``out`` holds runs
            with another embedding, objective or limit.
    """
    import pandas as pd

    limits = Limits(budget, max_cost_s)
    if runs < 1:
        raise InputError(f"at least 1 run is needed, got {runs}")
    if not methods:
        raise InputError("name at least one search method")
    target = as_objective(objective, embedding)
    classes = {name: get_method(name) for name in dict.fromkeys(methods)}
    for kind in classes.values():
        check_budget(limits, kind(embedding, seed=seed0))
    store = None if out is None else TrajectoryFile(out, embedding, target, limits)
    frames = {} if store is None else store.frames
    wanted = [(name, seed) for name in classes for seed in range(seed0, seed0 + runs)]
    for name, kind in classes.items():
        seeds = [seed for seed in range(seed0, seed0 + runs) if (name, seed) not in frames]
        if progress is not None:
            progress(name, sum(len(frames[key]) for key in wanted if key in frames and key[0] == name))
        for first in range(0, len(seeds), _TOGETHER):
            block = seeds[first : first + _TOGETHER]
            searches = [kind(embedding, seed=seed) for seed in block]
            results = _advance(searches, target, limits, partial(progress, name) if progress else None)
            for seed, result in zip(block, results, strict=True):
                frames[name, seed] = result.trajectory().assign(method=name, seed=seed)
            if store is not None:
                store.save()
    table = pd.concat([frames[key] for key in wanted], ignore_index=True)
    return table[["method", "seed", *(column for column in table if column not in ("method", "seed"))]]


def _advance(
    searches: Sequence[SearchMethod],
    objective: Objective,
    limits: Limits,
    progress: Callable[[int], None] | None,
) -> list[SearchResult]:
    """Take searches of one method to their limits, one evaluation of each at a time."""
    results = [SearchResult([]) for _ in searches]
    kind = type(searches[0])
    while True:
        active = [
            number
            for number, (search, result) in enumerate(zip(searches, results, strict=True))
            if not limits.reached(result.evaluations, result.cost_s) and search.remaining > 0
        ]
        if not active:
            return results
        start = time.perf_counter()
        proposals = kind.ask_together([searches[number] for number in active])
        ask_s = (time.perf_counter() - start) / len(active)
        for number, (candidate,) in zip(active, proposals, strict=True):
            trials = results[number].trials
            trial = evaluate(objective, candidate, trials)
            start = time.perf_counter()
            searches[number].tell([candidate], [trial.validation])
            trials.append(replace(trial, method_s=ask_s + time.perf_counter() - start))
        if progress is not None:
            progress(len(active))


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """What each method reached: the architecture of best validation at the end of every run, over its runs.

    Args:
        frame: from :func:`run_many`.

    Returns:
        A row a method, in their order: ``method``, ``runs``, ``validation_mean``,
        ``validation_std``, ``test_mean``, ``test_std`` (percent; standard deviations
        with n - 1, NaN for one run), ``evaluations`` and ``cost_s`` (means a run),
        ``seconds_per_run`` (spent by the method itself).
    """
    runs = frame.groupby(["method", "seed"], sort=False).agg(
        validation=("best_validation", "last"),
        test=("best_test", "last"),
        evaluations=("evaluation", "size"),
        cost_s=("cost_s", "sum"),
        method_s=("method_s", "sum"),
    )
    return (
        runs.groupby("method", sort=False)
        .agg(
            runs=("validation", "size"),
            validation_mean=("validation", "mean"),
            validation_std=("validation", "std"),
            test_mean=("test", "mean"),
            test_std=("test", "std"),
            evaluations=("evaluations", "mean"),
            cost_s=("cost_s", "mean"),
            seconds_per_run=("method_s", "mean"),
        )
        .reset_index()
    )
