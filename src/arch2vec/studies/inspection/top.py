"""The best architectures that a folder's searches have evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arch2vec.common.request import ASKED
from arch2vec.common.storage import AnyPath, read_json
from arch2vec.errors import InputError
from arch2vec.studies.inspection.readers import (
    COLUMNS,
    COMPARISON,
    DESCRIBING,
    PARETO,
    SEARCH,
    comparison_frame,
    document,
    pareto_frame,
    search_frame,
)
from arch2vec.studies.optuna.storage import is_storage

if TYPE_CHECKING:
    import pandas as pd

_DEEP = 4
_ALL = 10**9


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
        unit: of the values, empty where they have none.
        minimise: whether less of the validation value is better.
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
    unit: str = "%"
    minimise: bool = False


def top(folder: AnyPath, k: int = 10, by: str | None = None) -> list[Evaluated]:
    """The ``k`` best architectures, each once, of every objective in a folder.

    Args:
        folder: of a search, a comparison or a multi-objective study, one above such folders, or the URL of a storage.
        k: how many of each objective.
        by: the number that decides, by default the validation value: a name among
            ``cost_s`` and the further numbers of evaluations, the largest first, or
            ``min:NAME``, the smallest first.

    Evaluations of another fidelity than the highest do not compete. Nothing is written.

    Raises:
        InputError: k is not positive, no evaluation has a number of that name, the folder holds
            no search, or a file is damaged.
    """
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}")
    if is_storage(folder):
        from arch2vec.studies.optuna.reading import stored_studies

        frames = [study.frame for study in stored_studies(str(folder))]
    elif not (folder := Path(folder)).is_dir():
        raise InputError(f"{folder} is no folder")
    else:
        frames = _frames(folder, _DEEP)
    if not frames:
        raise InputError(
            f"{folder} holds no evaluated architectures; 'arch2vec search', 'compare' and 'pareto' make some"
        )
    import pandas as pd

    frame = pd.concat(frames, ignore_index=True)
    best: list[Evaluated] = []
    for _, mine in frame.groupby("objective", sort=False):
        best += [_entry(row) for row in best_first(mine, by).head(k).to_dict("records")]
    return best


def ranked(folder: AnyPath, rank: int = 1, by: str | None = None) -> tuple[str, str | None]:
    """The architecture at a place of :func:`top`, and the name or reference of its search space.

    Raises:
        InputError: the place is below 1 or beyond the architectures there are, several
            objectives have been searched, or as :func:`top` does.
    """
    if rank < 1:
        raise InputError(f"a rank is at least 1, got {rank}")
    found = top(folder, rank, by)
    _require_one_objective(folder, found)
    if len(found) < rank:
        raise InputError(f"{folder} has {len(found)} architectures to choose from, there is no number {rank}")
    return found[rank - 1].architecture, _space_of(folder)


def evaluations(folder: AnyPath) -> tuple[str, list[str], list[float]]:
    """What was evaluated in the folder of a search, a comparison or several: their space, architectures, validation.

    The best first. An architecture that several searches evaluated is there once; of several fidelities, the highest.

    Raises:
        InputError: there is no search, or as good as nothing was evaluated, or for several objectives.
    """
    found = top(folder, _ALL)
    _require_one_objective(folder, found)
    if len(found) < 2:
        raise InputError(f"{folder} has {len(found)} evaluated architectures, at least 2 are needed to learn from")
    space = _space_of(folder)
    if space is None:
        raise InputError(f"{folder} does not say which search space its architectures are of")
    return space, [entry.architecture for entry in found], [entry.validation for entry in found]


def _require_one_objective(folder: AnyPath, found: Sequence[Evaluated]) -> None:
    objectives = list(dict.fromkeys(entry.objective for entry in found))
    if len(objectives) > 1:
        raise InputError(
            f"{folder} holds searches for {', '.join(objectives)}; name the folder of one, or its architecture"
        )


def _space_of(place: AnyPath) -> str | None:
    if is_storage(place):
        from arch2vec.studies.optuna.reading import stored_studies

        return str(stored_studies(str(place))[0].config["space"])
    return _space(Path(place), _DEEP)


def _space(folder: Path, deep: int) -> str | None:
    if (folder / ASKED).is_file() and isinstance(asked := read_json(folder / ASKED), dict) and "space" in asked:
        return str(asked["space"])
    for name in (SEARCH, COMPARISON, PARETO):
        if (folder / name).is_file() and isinstance(found := read_json(folder / name), dict):
            return str(found.get("config", found).get("space"))
    below = sorted(path for path in folder.iterdir() if path.is_dir()) if deep else []
    return next((space for path in below if (space := _space(path, deep - 1)) is not None), None)


def best_first(frame: pd.DataFrame, by: str | None = None) -> pd.DataFrame:
    """Different architectures of the highest fidelity that succeeded, the best first, the earliest of equal ones.

    What was given up on the way or is beyond a limit is none of them.

    Raises:
        InputError: no evaluation has a number ``by``.
    """
    valid = frame[frame["competes"].astype(bool)]
    level = valid["fidelity"].fillna(np.inf)
    valid = valid[level == level.max()] if len(valid) else valid
    column = "validation" if by is None else by.removeprefix("min:")
    known = column in frame.columns and column not in _NOT_NUMBERS and frame[column].notna().any()
    if by is not None and not known:
        numbers = [name for name in frame.columns if name not in _NOT_NUMBERS and frame[name].notna().any()]
        raise InputError(f"no evaluation has a number {column!r} to sort by; there are {', '.join(map(str, numbers))}")
    valid = valid[valid[column].notna()]
    smallest = valid["minimise"].astype(bool) if by is None else by.startswith("min:")
    order = np.argsort(valid[column].to_numpy(dtype=np.float64) * np.where(smallest, 1.0, -1.0), kind="stable")
    return valid.iloc[order].drop_duplicates("architecture")


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


_NOT_NUMBERS = {*DESCRIBING, "method", "objective", "architecture", "seed", "evaluation", "fidelity", "row"}
_OTHER = {*COLUMNS, *DESCRIBING, "row", "cumulative_cost_s", "method_s", "reported_validation"}


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
        str(row["unit"]),
        bool(row["minimise"]),
    )
