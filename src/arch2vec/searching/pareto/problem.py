"""A multi-objective problem: what an embedding's architectures are worth by each criterion, from a table.

The accuracy that counts is the objective's validation signal. Test accuracies are
kept beside it for reports and reach no method: a method gets the embedding, the
criteria and what is known before an evaluation, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.searching.pareto.criteria import Array, Criterion, check_criteria, gains
from arch2vec.searching.pareto.fronts import hypervolume, hypervolumes, non_dominated
from arch2vec.searching.pareto.measurements import measurement

ACCURACY = "validation"
"""The name of the accuracy's criterion."""
MARGIN = 0.1


@dataclass(frozen=True, eq=False)
class HypervolumeReference:
    """How large a share of the best possible hypervolume a set of architectures has.

    Criteria are scaled so that the front of the whole table runs from 0 (its worst by a
    criterion, the nadir) to 1 (its best, the ideal). The reference point is -0.1 in
    each: a tenth of the front's range beyond its worst. It depends on the table only.

    Attributes:
        ideal: (m,) gains.
        nadir: (m,) gains.
        total: the hypervolume of the whole table, scaled.
    """

    ideal: Array
    nadir: Array
    total: float

    @classmethod
    def of(cls, points: Array) -> HypervolumeReference:
        """Of all of a table's gains (N, m)."""
        front = points[non_dominated(points)]
        if not len(front):
            raise InputError("no architecture has all criteria, so that there is no front")
        ideal, nadir = front.max(axis=0), front.min(axis=0)
        stick = cls(ideal, nadir, 1.0)
        return cls(ideal, nadir, hypervolume(stick.scaled(front), stick.corner))

    @property
    def corner(self) -> Array:
        """(m,) the reference point, on the scale of :meth:`scaled`."""
        return np.full(len(self.ideal), -MARGIN)

    def scaled(self, points: Array) -> Array:
        """Gains (n, m) with the table's front from 0 to 1."""
        spread = np.where(self.ideal > self.nadir, self.ideal - self.nadir, 1.0)
        return np.asarray((points - self.nadir) / spread)

    def shares(self, points: Array) -> Array:
        """(n,) the share of the table's hypervolume that the first of gains (n, m) has, the first two, and so on."""
        return hypervolumes(self.scaled(points), self.corner) / self.total

    def share(self, points: Array) -> float:
        """The share that all of gains (n, m) have together."""
        return hypervolume(self.scaled(points), self.corner) / self.total


@dataclass(frozen=True, eq=False)
class ParetoProblem:
    """What the architectures of an embedding are worth.

    Attributes:
        name: of the objective.
        criteria: m of them, the accuracy first.
        units: of each, in words.
        values: (N, m), a row an architecture, in the criteria's units.
        test: (N,) test accuracy in percent, for reports only; NaN where there is none.
        cost_s: (N,) seconds that an evaluation costs.
        known: the names of criteria that are known without an evaluation.
        description: one line that says what the numbers are.
        unit: of the objective's values, empty where they have none.

    Raises:
        InputError: the arrays do not fit, or a known criterion is none or an accuracy.
    """

    name: str
    criteria: tuple[Criterion, ...]
    units: tuple[str, ...]
    values: Array
    test: Array
    cost_s: Array
    known: tuple[str, ...]
    description: str
    unit: str = "%"

    def __post_init__(self) -> None:
        check_criteria(self.criteria)
        n, m = len(self.values), len(self.criteria)
        if self.values.shape != (n, m) or self.test.shape != (n,) or self.cost_s.shape != (n,):
            raise InputError(f"a problem of {m} criteria needs values (N, {m}), test (N,) and cost_s (N,)")
        free = [criterion.column for criterion in self.criteria if not criterion.accuracy]
        for name in self.known:
            if name not in free:
                raise InputError(
                    f"criterion {name!r} cannot be known before an evaluation; these can: {', '.join(free)}"
                )

    @property
    def gains(self) -> Array:
        """(N, m) the values as numbers of which more is better."""
        return gains(self.values, self.criteria)

    @property
    def known_values(self) -> Array:
        """(N, m) what methods may see before any evaluation; NaN for the rest."""
        return np.where([criterion.column in self.known for criterion in self.criteria], self.values, np.nan)

    @property
    def front(self) -> NDArray[np.int64]:
        """The rows of the whole table's front."""
        return np.flatnonzero(non_dominated(self.gains))


def problem_of(
    objective: Objective, embedding: Embedding, against: Sequence[str], known: Sequence[str] | None = None
) -> tuple[ParetoProblem, Embedding]:
    """Accuracy against other columns of its table, and the embedding of the architectures that have all of them.

    Args:
        objective: a benchmark or a table.
        embedding: of its search space.
        against: criteria beside the accuracy, see :mod:`arch2vec.searching.pareto.measurements`.
        known: which of these are known before an evaluation; by default parameters and multiply-adds.

    Raises:
        InputError: the objective is no table or its signal is test data, a criterion is unknown
            or named twice, or no architecture has all criteria.
    """
    if not isinstance(objective, LookupObjective):
        raise InputError(
            f"objective {objective.name} is no table, and how much of the best possible front is found can be told of "
            "one only; 'arch2vec search --against' searches with the numbers that a function returns"
        )
    if objective.signal_split != "validation":
        raise InputError(
            f"the signal of objective {objective.name} is {objective.signal_split.upper()} data: {objective.note}"
        )
    if objective.redrawn:
        raise InputError(
            f"each search of objective {objective.name} draws runs of its own, so that there is no one front: "
            "give noise_seed a number, or leave it out"
        )
    found = [measurement(objective, spec) for spec in against]
    names = [entry.criterion.column for entry in found]
    if known is None:
        chosen = [entry.criterion.column for entry in found if entry.computed]
    else:
        chosen = [_named(name, dict(zip(against, names, strict=True))) for name in known]
    criteria = (
        Criterion(ACCURACY, maximise=not objective.minimise, accuracy=objective.unit == "%"),
        *(entry.criterion for entry in found),
    )
    rows = objective.rows_of(embedding.graphs)
    view = objective.view(embedding)
    columns = [view.validation, *(np.where(rows < 0, np.nan, entry.values[rows]) for entry in found)]
    values = np.stack(columns, axis=1)
    kept = np.flatnonzero(np.isfinite(values).all(axis=1))
    if not len(kept):
        raise InputError(f"no embedded architecture has all of {', '.join((ACCURACY, *names))}")
    told = "; ".join(f"{entry.criterion}: {entry.unit}" for entry in found)
    problem = ParetoProblem(
        objective.name,
        criteria,
        ("accuracy, percent" if objective.unit == "%" else objective.signal, *(entry.unit for entry in found)),
        values[kept],
        view.test[kept],
        view.cost_s[kept],
        tuple(dict.fromkeys(chosen)),
        f"{objective.description}; against {told}",
        objective.unit,
    )
    return problem, embedding if len(kept) == len(embedding) else embedding.subset(kept)


def _named(name: str, columns: dict[str, str]) -> str:
    """A criterion's column, from the text that it was asked for by or its own name."""
    if name not in columns and name not in columns.values():
        raise InputError(f"--known names {name!r}, which is none of the criteria {', '.join(columns)}")
    return columns.get(name, name)
