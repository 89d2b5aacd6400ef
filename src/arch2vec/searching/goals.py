"""Goals as users name them: minimise, limits on further numbers, several criteria.

A limit or criterion is on what the search space knows of every architecture (``parameters``, ``macs``), on a number
that an objective returns beside the validation value, or, where the objective is a table, on one of its columns
(:mod:`arch2vec.searching.pareto.measurements`). Architectures that are beyond a limit on what the space knows are
never proposed; the others are found out by evaluating them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.objectives.base import Objective
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.searching.goal import Goal
from arch2vec.searching.pareto.criteria import Criterion, check_criteria
from arch2vec.searching.pareto.measurements import measurement
from arch2vec.searching.pareto.problem import ACCURACY
from arch2vec.spaces import SearchSpace

Numbers = NDArray[np.float64]
_ALIASES = {"params": "parameters", "flops": "macs", "multiply-adds": "macs"}


def known_numbers(space: SearchSpace, graphs: GraphBatch) -> dict[str, Numbers]:
    """(N,) what a space knows of N architectures without an evaluation, by name; empty where it knows nothing."""
    cost = space.network_cost(graphs)
    if cost is None:
        return {}
    return {"parameters": cost.parameters.astype(np.float64), "macs": cost.macs.astype(np.float64)}


def read_limits(texts: Sequence[str]) -> dict[str, float]:
    """Limits as the command line has them: ``macs=300e6``.

    Raises:
        InputError: one is malformed, or there twice.
    """
    limits: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            limit = float(number)
        except ValueError:
            limit = math.nan
        if not name.strip() or not math.isfinite(limit):
            raise InputError(f"a limit is a name and a number, as in macs=300e6; got {text!r}")
        if name.strip() in limits:
            raise InputError(f"the limit of {name.strip()!r} is given twice")
        limits[name.strip()] = limit
    return limits


def goal_of(
    objective: Objective,
    embedding: Embedding,
    at_most: Mapping[str, float] | None = None,
    against: Sequence[str] = (),
) -> tuple[Goal, Objective, Embedding]:
    """What a search is after, the objective with the numbers that it needs, and what there is to choose from.

    Args:
        objective: what is measured.
        embedding: the architectures to choose from.
        at_most: the largest values of further numbers, by name.
        against: criteria beside the validation value: ``latency`` or ``min:NAME``, ``max:NAME``.

    Raises:
        InputError: a name cannot be, a table has no such column, or no architecture is within the limits.
    """
    limits = {_ALIASES.get(name, name): limit for name, limit in (at_most or {}).items()}
    known = known_numbers(embedding.space, embedding.graphs) if limits or against else {}
    beside: dict[str, Numbers] = {}

    named: dict[str, float] = {}
    for name, limit in limits.items():
        if isinstance(limit, bool) or not math.isfinite(limit):
            raise InputError(f"the limit of {name!r} is a finite number, got {limit}")
        if name in known or not isinstance(objective, LookupObjective):
            named[name] = float(limit)
        else:
            found = measurement(objective, name if ":" in name else f"min:{name}")
            beside[found.criterion.column] = found.values
            named[found.criterion.column] = float(limit)

    criteria: tuple[Criterion, ...] = ()
    if against:
        others = [_criterion(objective, text, beside, embedding) for text in against]
        first = Criterion(ACCURACY, maximise=not objective.minimise, accuracy=objective.unit == "%")
        criteria = check_criteria([first, *others])
    if beside:
        assert isinstance(objective, LookupObjective)
        objective = copy.copy(objective)
        objective.beside = {**objective.beside, **beside}

    allowed = np.ones(len(embedding), dtype=np.bool_)
    for name in set(named) & set(known):
        allowed &= known[name] <= named[name]
    if not allowed.all():
        if not allowed.any():
            words = ", ".join(f"{name} <= {named[name]:g}" for name in named if name in known)
            least = ", ".join(f"{name} {known[name].min():,.0f}" for name in named if name in known)
            raise InputError(f"none of the {len(embedding):,} architectures has {words}; the least there is: {least}")
        rows = np.flatnonzero(allowed)
        embedding, known = embedding.subset(rows), {name: numbers[rows] for name, numbers in known.items()}
    if set(named) & set(known) and embedding.extend is not None:
        embedding = replace(embedding, extend=None)  # what would be added is not known to be within the limits
    needed = {*named, *(criterion.column for criterion in criteria)}
    kept = {name: numbers for name, numbers in known.items() if name in needed}
    return Goal(objective.minimise, named, criteria, kept), objective, embedding


def _criterion(objective: Objective, text: str, beside: dict[str, Numbers], embedding: Embedding) -> Criterion:
    """The criterion that a text names; a table's column is added to ``beside``."""
    direction, colon, name = text.strip().partition(":")
    if isinstance(objective, LookupObjective):
        found = measurement(objective, text)
        if np.isnan(found.values[objective.rows_of(embedding.graphs)]).all():
            raise InputError(f"criterion {text!r}: the table has no number of any of the architectures")
        beside[found.criterion.column] = found.values
        return found.criterion
    if not colon:
        direction, name = "min", direction
    name = _ALIASES.get(name.strip(), name.strip())
    if direction not in ("min", "max") or not name:
        raise InputError(f"criterion {text!r} is no name of a number that the objective returns, min:NAME or max:NAME")
    if name in (ACCURACY, "test"):
        raise InputError(f"criterion {text!r}: what is beside the validation value is another number than {name}")
    return Criterion(name, maximise=direction == "max")
