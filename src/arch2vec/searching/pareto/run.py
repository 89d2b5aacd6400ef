"""One multi-objective search of a table, kept in a file so that it survives a crash."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from arch2vec.common.documents import checked, shown
from arch2vec.common.schemas import PARETO_RUN
from arch2vec.common.storage import read_json, write_json
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.identity import changes, in_words
from arch2vec.searching.pareto.base import ParetoSearch
from arch2vec.searching.pareto.problem import ParetoProblem
from arch2vec.searching.spec import MethodSpec, resolve_pareto_method

RUN_KIND = "arch2vec pareto run 1"
_SAVED_EVERY_S = 1.0  # what a crash costs


@dataclass(frozen=True)
class ParetoTrial:
    """One evaluation of a multi-objective search.

    Attributes:
        number: 1 for the search's first.
        index: the architecture's row in the embedding.
        architecture: in the space's notation.
        criteria: what the search was told, by the criteria's names and in their units.
        test: accuracy in percent that the search did not see, None where there is none.
        cost_s: what the evaluation cost, seconds.
        method_s: what the method took to propose it and take note of it. Not compared for equality.
    """

    number: int
    index: int
    architecture: str
    criteria: Mapping[str, float]
    test: float | None
    cost_s: float
    method_s: float = field(compare=False)


def pareto_search(
    embedding: Embedding,
    problem: ParetoProblem,
    method: str | MethodSpec,
    *,
    seed: int,
    budget: int,
    batch: int = 1,
    file: Path | None = None,
    on_evaluation: Callable[[ParetoTrial], None] | None = None,
    accept_changes: bool = False,
) -> list[ParetoTrial]:
    """Search for a good front.

    With ``file`` the search is kept there, saved every second and at its end. Called
    again it goes on where it was saved, and ends with the trials of one that was never
    interrupted; with a larger budget it continues, with a smaller one it returns the
    trials within it.

    Args:
        embedding: the problem's architectures, row by row, and their vectors.
        problem: what they are worth.
        method: the name of a multi-objective method, with settings or without.
        seed: of everything random.
        budget: how many evaluations the search may make.
        batch: architectures proposed at a time.
        file: a JSON file.
        on_evaluation: called with every new trial.
        accept_changes: whether to go on though the table has changed since.

    Raises:
        InputError: an unknown method, a budget or batch that cannot be, or a damaged file.
    """
    if len(embedding) != len(problem.values):
        raise InputError(f"a problem of {len(problem.values):,} architectures does not fit {len(embedding):,} embedded")
    if not 1 <= budget <= len(embedding):
        raise InputError(f"the budget is between 1 and the {len(embedding):,} architectures there are, got {budget}")
    if batch < 1:
        raise InputError(f"a batch holds at least 1 architecture, got {batch}")
    spec = method if isinstance(method, MethodSpec) else resolve_pareto_method(method)
    searcher = spec.make(embedding, problem.criteria, seed=seed, known=problem.known_values)
    assert isinstance(searcher, ParetoSearch)
    trials = [] if file is None else _load(file, spec, searcher, problem, accept_changes)
    if len(trials) >= budget:
        return trials[:budget]
    saved = time.monotonic()
    waiting, ask_s = searcher.pending, 0.0
    try:
        while len(trials) < budget:
            if not waiting:
                start = time.perf_counter()
                waiting = searcher.ask(min(batch, searcher.remaining))
                ask_s = (time.perf_counter() - start) / len(waiting)
            candidate = waiting.pop(0)
            start = time.perf_counter()
            searcher.tell_criteria([candidate], problem.values[candidate.index][None])
            trials.append(_trial(problem, searcher, len(trials), ask_s + time.perf_counter() - start))
            if file is not None and time.monotonic() - saved > _SAVED_EVERY_S:
                _save(file, spec, searcher, trials)
                saved = time.monotonic()
            if on_evaluation is not None:
                on_evaluation(trials[-1])
    finally:  # an interruption keeps all that was made
        if file is not None:
            _save(file, spec, searcher, trials)
    return trials


def stored_evaluations(file: Path) -> int:
    """How many evaluations a search's file holds; none where there is no such file, or a damaged one."""
    if not file.exists():
        return 0
    try:
        return len(checked(read_json(file), PARETO_RUN, file)["trials"])
    except InputError:
        return 0


def _trial(problem: ParetoProblem, searcher: ParetoSearch, place: int, method_s: float) -> ParetoTrial:
    """The trial of the evaluation that the search was told at that place."""
    row = searcher.told_rows[place]
    test = float(problem.test[row])
    return ParetoTrial(
        number=place + 1,
        index=row,
        architecture=searcher.embedding.architectures[row],
        criteria={c.column: float(value) for c, value in zip(problem.criteria, problem.values[row], strict=True)},
        test=None if math.isnan(test) else test,
        cost_s=float(problem.cost_s[row]),
        method_s=method_s,
    )


def _save(file: Path, spec: MethodSpec, searcher: ParetoSearch, trials: list[ParetoTrial]) -> None:
    if len(searcher.told_rows) != len(trials):  # interrupted between the two: the evaluation is made again
        return
    head = {"kind": RUN_KIND, "method": spec.name, "seed": searcher.seed, **spec.marks}
    write_json(file, {**head, "trials": [asdict(trial) for trial in trials], "state": searcher.state_dict()})


def _load(
    file: Path, spec: MethodSpec, searcher: ParetoSearch, problem: ParetoProblem, accept_changes: bool
) -> list[ParetoTrial]:
    """Bring the search to the stored state, and return its trials; none where there is no file.

    Where the table has changed since and that is accepted, trials stay as they were made.
    """
    if not file.exists():
        return []
    document: Any = read_json(file)
    if not isinstance(document, dict) or document.get("kind") != RUN_KIND:
        raise InputError(f"{file} is not a multi-objective search; name another output folder")
    checked(document, PARETO_RUN, file)
    if document["method"] != spec.name:
        raise InputError(f"{file} is a search by {shown(document['method'])}, not by {spec.name!r}")
    if changes(document, spec.marks):
        raise InputError(f"{file}: {in_words('method_code', document, spec.marks)}; name another output folder")
    try:
        seconds = [float(entry["method_s"]) for entry in document["trials"]]
        rows = [int(entry["index"]) for entry in document["trials"]]
        if document["seed"] != searcher.seed:
            raise InputError(f"it is of seed {document['seed']}")
        searcher.load_state_dict(document["state"])
        if searcher.told_rows != rows:
            raise InputError("its method knows of other evaluations than its trials")
        _, told = searcher.observations()
        changed = not np.array_equal(told, problem.gains[rows])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"{file} is damaged: {error}") from error
    if changed and not accept_changes:
        raise InputError(f"{file}: the numbers in the objective's table have changed since; name another output folder")
    if changed:
        return [ParetoTrial(**entry) for entry in document["trials"]]
    return [_trial(problem, searcher, place, spent) for place, spent in enumerate(seconds)]
