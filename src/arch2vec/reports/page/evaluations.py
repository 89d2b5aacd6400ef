"""What a folder's searches have evaluated, as a page may show it: without test values while they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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
from arch2vec.studies.runs import SearchRuns

if TYPE_CHECKING:
    import pandas as pd

_NOT_SHOWN = {*DESCRIBING, "row", "cumulative_cost_s", "method_s"}


@dataclass(frozen=True, eq=False)
class Evaluations:
    """The evaluations in a folder.

    Attributes:
        frame: a row an evaluation, see :data:`arch2vec.studies.inspection.readers.COLUMNS`.
        space: the space's name or reference, as the folder has it.
        settings: what the folder says of itself, by heading.
        signal: what searches maximise, with its unit.
        unit: of validation and test values, empty where they have none or it is not known.
        digest: of the embedding that was searched.
    """

    frame: pd.DataFrame
    space: str
    settings: Mapping[str, Any]
    signal: str
    unit: str
    digest: str

    @property
    def objectives(self) -> list[str]:
        """The names of the objectives, in the frame's order."""
        return list(dict.fromkeys(self.frame["objective"]))

    @property
    def extra(self) -> list[str]:
        """The further numbers that evaluations have."""
        known = {*COLUMNS, *_NOT_SHOWN}
        return [str(name) for name in self.frame.columns if name not in known and self.frame[name].notna().any()]

    def masked(self) -> Evaluations:
        """The same without test values, nor numbers whose names say that they are such."""
        frame = self.frame.drop(columns=[name for name in self.extra if "test" in name.lower()])
        return Evaluations(frame.assign(test=np.nan), self.space, self.settings, self.signal, self.unit, self.digest)


def evaluations_in(folder: Path) -> Evaluations | None:
    """What a search, a comparison or a multi-objective study has evaluated so far; None for another folder.

    Raises:
        InputError: a file is damaged.
    """
    if (study := document(folder / SEARCH)) is not None:
        config = dict(study["config"])
        unit = str(study.get("unit", "%"))
        signal = str(study.get("signal", "validation, %"))
        return Evaluations(
            search_frame(study), config["space"], {"search": config}, signal, unit, str(config["embedding"])
        )
    if (settings := document(folder / COMPARISON)) is not None:
        subject = settings.get("all", {}).get("runs", {})
        shown = {"all runs": subject, **settings.get("objectives", {}), **settings.get("methods", {})}
        frame = comparison_frame(folder)
        units = set(frame["unit"])
        unit = str(units.pop()) if len(units) == 1 else ""
        space, digest = str(subject.get("space", "")), str(subject.get("embedding", ""))
        return Evaluations(frame, space, shown, "validation" + (unit and f", {unit}"), unit, digest)
    if (settings := document(folder / PARETO)) is not None:
        shown = {"study": {name: value for name, value in settings.items() if name != "kind"}}
        space, digest = str(settings.get("space", "")), str(settings.get("embedding", ""))
        return Evaluations(pareto_frame(folder, settings), space, shown, "validation", "", digest)
    return None


def evaluations_of(url: str, name: str) -> Evaluations:
    """What the search of a name has evaluated in a storage.

    Raises:
        InputError: the storage does not answer, or holds no search of that name.
    """
    from arch2vec.studies.optuna.reading import stored_studies

    for study in stored_studies(url):
        if study.name == name:
            config = study.config
            unit = str(study.about.get("unit", "%"))
            signal = "validation" + (unit and f", {unit}")
            digest = str(config.get("embedding", ""))
            return Evaluations(study.frame, config["space"], {"search": config}, signal, unit, digest)
    raise InputError(f"the storage holds no study {name!r} any more")


def runs_of(frame: pd.DataFrame) -> SearchRuns:
    """The runs of one method against one objective, from the rows of a frame."""
    seeds = np.unique(frame["seed"].to_numpy(dtype=np.int64))
    parts = [frame[frame["seed"] == seed].sort_values("evaluation") for seed in seeds.tolist()]
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    shape = len(parts), int(lengths.max(initial=0))

    def column(name: str, filler: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        array = np.full(shape, filler)
        for row, part in enumerate(parts):
            array[row, : len(part)] = part[name].to_numpy(dtype=np.float64)
        return array

    value, less = column("validation", np.nan), bool(frame["minimise"].iloc[0])
    return SearchRuns(
        method=str(frame["method"].iloc[0]),
        objective=str(frame["objective"].iloc[0]),
        seeds=seeds,
        lengths=lengths,
        rows=np.full(shape, -1, dtype=np.int32),
        fidelity=np.nan_to_num(column("fidelity", 0.0)).astype(np.int32),
        validation=np.where(column("competes", 0.0) > 0, -value if less else value, np.nan),
        test=column("test", np.nan),
        reported=value,
        cost_s=column("cost_s", 0.0),
        method_s=np.zeros(shape, dtype=np.float32),
    )
