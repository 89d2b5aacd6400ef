"""The best architectures that a folder's searches have evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arch2vec.errors import InputError
from arch2vec.inspection.readers import (
    COLUMNS,
    COMPARISON,
    PARETO,
    SEARCH,
    comparison_frame,
    document,
    pareto_frame,
    search_frame,
)

if TYPE_CHECKING:
    import pandas as pd

_DEEP = 4


@dataclass(frozen=True)
class Evaluated:
    """An evaluated architecture.

    Attributes:
        architecture: in the space's notation.
        objective: what it was evaluated by.
        validation: what searches maximise, percent.
        test: percent, seen by no search; None where there is none.
        cost_s: seconds that its evaluation cost.
        method: of the search that evaluated it first.
        seed: of that search.
        evaluation: which of that search's evaluations it was, from 1.
        extra: further numbers: other criteria, parameters, epochs.
    """

    architecture: str
    objective: str
    validation: float
    test: float | None
    cost_s: float
    method: str
    seed: int
    evaluation: int
    extra: Mapping[str, float] = field(default_factory=dict)


def top(folder: Path, k: int = 10) -> list[Evaluated]:
    """The ``k`` best architectures by validation, each once, of every objective in a folder.

    Evaluations of another fidelity than the highest do not compete. Nothing is written.

    Raises:
        InputError: k is not positive, the folder holds no search, or a file is damaged.
    """
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    frames = _frames(folder, _DEEP)
    if not frames:
        raise InputError(
            f"{folder} holds no evaluated architectures; 'arch2vec search', 'compare' and 'pareto' make some"
        )
    import pandas as pd

    frame = pd.concat(frames, ignore_index=True)
    best: list[Evaluated] = []
    for _, mine in frame.groupby("objective", sort=False):
        best += [_entry(row) for row in best_first(mine).head(k).to_dict("records")]
    return best


def best_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Different architectures of the highest fidelity that succeeded, the best first, the earliest of equal ones."""
    valid = frame[frame["validation"].notna()]
    level = valid["fidelity"].fillna(np.inf)
    valid = valid[level == level.max()] if len(valid) else valid
    return valid.sort_values("validation", ascending=False, kind="stable").drop_duplicates("architecture")


def _frames(folder: Path, deep: int) -> list[pd.DataFrame]:
    if (study := document(folder / SEARCH)) is not None:
        return [search_frame(study)]
    if document(folder / COMPARISON) is not None:
        return [comparison_frame(folder)]
    if (settings := document(folder / PARETO)) is not None:
        return [pareto_frame(folder, settings)]
    if deep == 0:
        return []
    below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [frame for path in below for frame in _frames(path, deep - 1)]


_OTHER = {*COLUMNS, "row", "cumulative_cost_s", "method_s", "reported_validation"}


def _entry(row: Mapping[Any, Any]) -> Evaluated:
    extra = {
        str(name): float(value)
        for name, value in row.items()
        if name not in _OTHER and isinstance(value, int | float) and value == value
    }
    return Evaluated(
        str(row["architecture"]),
        str(row["objective"]),
        float(row["validation"]),
        None if row["test"] != row["test"] else float(row["test"]),
        float(row["cost_s"]),
        str(row["method"]),
        int(row["seed"]),
        int(row["evaluation"]),
        extra,
    )
