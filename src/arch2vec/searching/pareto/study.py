"""Many multi-objective searches: methods x seeds, side by side, resumable.

A folder holds ``pareto.json``, which says what the searches are of, and a file a search
in ``runs``. At the end ``trials.parquet`` has all evaluations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from arch2vec.common.ownership import owned
from arch2vec.common.parcels import Parcel, pack, unpack
from arch2vec.common.request import note_start
from arch2vec.common.storage import AnyPath, atomic_path, claim, read_json, require_writable, write_json
from arch2vec.common.workers import worker_pool
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.identity import NAMED, in_words
from arch2vec.searching.pareto.criteria import gains
from arch2vec.searching.pareto.problem import HypervolumeReference, ParetoProblem
from arch2vec.searching.pareto.run import ParetoTrial, pareto_search, stored_evaluations
from arch2vec.searching.spec import MethodSpec, resolve_pareto_methods
from arch2vec.searching.store import embedding_digest
from arch2vec.spaces import get_space

if TYPE_CHECKING:
    import pandas as pd

KIND = "arch2vec pareto 1"
Progress = Callable[[str, int], None]
"""Called with a method and how many of its evaluations were just made, or found."""


@dataclass(frozen=True, eq=False)
class _Task:
    method: MethodSpec
    seed: int
    budget: int
    batch: int
    file: Path | None
    accept_changes: bool = False

    def run(self, embedding: Embedding, problem: ParetoProblem, progress: Progress | None = None) -> list[ParetoTrial]:
        from arch2vec.common.threads import thread_count

        made = 0

        def show(_: ParetoTrial) -> None:
            nonlocal made
            made += 1
            if progress is not None:
                progress(self.method.name, 1)

        with thread_count(1):  # the same results however many cores there are
            trials = pareto_search(
                embedding,
                problem,
                self.method,
                seed=self.seed,
                budget=self.budget,
                batch=self.batch,
                file=self.file,
                on_evaluation=show,
                accept_changes=self.accept_changes,
            )
        if progress is not None and len(trials) > made:
            progress(self.method.name, len(trials) - made)
        return trials


@owned
def pareto_study(
    embedding: Embedding,
    problem: ParetoProblem,
    methods: Sequence[str | MethodSpec],
    runs: int,
    budget: int,
    *,
    seed0: int = 0,
    batch: int = 1,
    out: AnyPath | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    accept_changes: bool = False,
) -> pd.DataFrame:
    """Run every method with the seeds ``seed0`` ... ``seed0 + runs - 1``.

    Args:
        embedding: the problem's architectures and their vectors.
        problem: what they are worth.
        methods: names of multi-objective methods, with settings (``ehvi?initial=20``) or without.
        runs: searches by each.
        budget: evaluations of each.
        seed0: the first seed.
        batch: architectures proposed at a time.
        out: a folder, created where missing; the same call again resumes, and more
            methods, runs or evaluations add to what is there.
        workers: how many processes share the searches.
        progress: is told how far the study is.
        accept_changes: whether to go on in ``out`` though the table has changed since; the study then says so.

    Returns:
        A row an evaluation: ``method``, ``seed``, ``evaluation``, ``row``, ``architecture``, a
        column a criterion, ``test``, ``cost_s``, ``cumulative_cost_s``, ``method_s``,
        ``hypervolume_share`` (of the table's front, see :class:`HypervolumeReference`) and
        ``front_from`` / ``front_until``, the evaluations at which it joined the search's front
        (NaN: never) and was dominated (NaN: never).

    Raises:
        InputError: nothing to run, an unknown method, a budget that cannot be, or ``out``
            holds something else.
    """
    import pandas as pd

    folder = None if out is None else Path(out)
    if not methods or runs < 1:
        raise InputError("a multi-objective study needs at least one method and one run")
    specs = resolve_pareto_methods(methods)
    for method in specs.values():
        method.make(embedding, problem.criteria, seed=seed0)  # complains early of a missing library
    tasks = [
        _Task(
            method,
            seed,
            budget,
            batch,
            None if folder is None else folder / "runs" / _file_name(method.name, seed),
            accept_changes,
        )
        for method in specs.values()
        for seed in range(seed0, seed0 + runs)
    ]
    stick = HypervolumeReference.of(problem.gains)
    if folder is not None:
        require_writable(folder)
        _claim(folder / "pareto.json", _settings(embedding, problem, batch), accept_changes)
        done = sum(min(budget, stored_evaluations(task.file)) for task in tasks if task.file is not None)
        note_start(folder, done=done, budget=budget, runs=dict.fromkeys(specs, runs))
    found = _run(tasks, embedding, problem, workers, progress)
    frame = pd.concat(
        [_frame(task, trials, problem, stick) for task, trials in zip(tasks, found, strict=True)], ignore_index=True
    )
    if folder is not None:
        with atomic_path(folder / "trials.parquet") as path:
            frame.to_parquet(path, index=False)
    return frame


def _file_name(method: str, seed: int) -> str:
    """The file of a search; a checksum keeps methods apart whose names hold what a file's name cannot."""
    plain = "".join(character if character.isalnum() or character in "-_." else "_" for character in method)[:60]
    mark = "" if plain == method else f"--{crc32(method.encode()):08x}"
    return f"{plain}{mark}--seed-{seed}.json"


def _settings(embedding: Embedding, problem: ParetoProblem, batch: int) -> dict[str, object]:
    return {
        "kind": KIND,
        "space": embedding.space.reference,
        "embedding": embedding_digest(embedding),
        "objective": problem.name,
        "criteria": [str(criterion) for criterion in problem.criteria],
        "known": list(problem.known),
        "batch": batch,
        "measured": problem.description,
        "unit": problem.unit,
        "table": _content(problem),
    }


def _content(problem: ParetoProblem) -> str:
    """A mark of the numbers that searches meet."""
    digest = hashlib.blake2b(digest_size=8)
    for array in (problem.values, problem.test, problem.cost_s):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _claim(path: Path, settings: dict[str, object], accept: bool) -> None:
    """Record what a folder holds, or check it; what was measured may have changed if that is accepted.

    Raises:
        InputError: the folder holds another study, or one of other measurements.
    """
    found = read_json(path) if path.exists() else None
    if isinstance(found, dict):
        unit = {"unit": settings.pop("unit")}  # says how values are shown, and nothing of what they are
        if "table" not in found:  # of an older version, which did not keep it
            settings = {name: value for name, value in settings.items() if name != "table"}
        changed = [name for name in ("measured", "table") if settings.get(name) != found.get(name)]
        if changed and not accept:
            now = {name: str(settings.get(name)) for name in changed}
            raise InputError(
                f"{path.parent} holds evaluations, and {in_words(changed[0], found, now)}: "
                "name another output folder, or accept that they are not comparable (--accept-changes)"
            )
        claim(path, "multi-objective study", {name: value for name, value in settings.items() if name not in changed})
        if changed:
            changes = [
                {"what": NAMED[name], "from": str(found.get(name)), "to": str(settings[name])} for name in changed
            ]
            write_json(path, {**found, **settings, **unit, "changes": [*found.get("changes", []), *changes]})
        return
    claim(path, "multi-objective study", settings)


def _run(
    tasks: Sequence[_Task], embedding: Embedding, problem: ParetoProblem, workers: int, progress: Progress | None
) -> list[list[ParetoTrial]]:
    if workers == 1:
        return [task.run(embedding, problem, progress) for task in tasks]
    with TemporaryDirectory(prefix="arch2vec-") as folder, worker_pool(workers) as pool:
        file = Path(folder) / "embedding.safetensors"
        embedding.save(file)
        what = f"objective {problem.name}"
        futures = {
            pool.submit(_run_stored, pack((task, problem), what), file, embedding.space.reference): task
            for task in tasks
        }
        try:
            for future in as_completed(futures):
                trials = future.result()
                if progress is not None:
                    progress(futures[future].method.name, len(trials))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _run_stored(parcel: Parcel, file: Path, space: str) -> list[ParetoTrial]:
    task, problem = unpack(parcel)
    return task.run(_stored(file, space), problem)


@cache
def _stored(file: Path, space: str) -> Embedding:
    # The process that shares the embedding was allowed to run the space's code, so this one is.
    return Embedding.load(file, get_space(space))


def _frame(
    task: _Task, trials: Sequence[ParetoTrial], problem: ParetoProblem, stick: HypervolumeReference
) -> pd.DataFrame:
    import pandas as pd

    names = [criterion.column for criterion in problem.criteria]
    values = np.array([[trial.criteria[name] for name in names] for trial in trials])
    points = gains(values, problem.criteria)
    joined, left = front_spans(points)
    cost = np.array([trial.cost_s for trial in trials])
    return pd.DataFrame(
        {
            "method": task.method.name,
            "seed": task.seed,
            "evaluation": [trial.number for trial in trials],
            "row": [trial.index for trial in trials],
            "architecture": [trial.architecture for trial in trials],
            **{name: values[:, j] for j, name in enumerate(names)},
            "test": [np.nan if trial.test is None else trial.test for trial in trials],
            "cost_s": cost,
            "cumulative_cost_s": np.cumsum(cost),
            "method_s": [trial.method_s for trial in trials],
            "hypervolume_share": stick.shares(points),
            "front_from": joined,
            "front_until": left,
        }
    )


def front_spans(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """When each of points (n, m), seen in that order, is on the front of those seen so far.

    Returns:
        (n,) the evaluation, from 1, at which it joins, NaN for never; (n,) the one at which it is
        dominated, NaN for never.
    """
    n = len(points)
    dominates = (points[:, None] >= points[None]).all(axis=2) & (points[:, None] > points[None]).any(axis=2)
    first = np.where(dominates.any(axis=0), dominates.argmax(axis=0), n)  # the first point that dominates each
    at = np.arange(n)
    joins = first > at
    return np.where(joins, at + 1.0, np.nan), np.where(joins & (first < n), first + 1.0, np.nan)
