"""Evaluations in the folders of searches, read without their embedding, objective or method.

Folders are read while their owners write them: every file is whole at any moment, but
a comparison that ends puts its blocks together and removes them. A reader that
meets such a change reads again.
"""

from __future__ import annotations

import glob
import itertools
import json
import math
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from arch2vec.common import schemas as stored_studies
from arch2vec.common.documents import Check, checked
from arch2vec.common.request import ASKED
from arch2vec.common.storage import read_json
from arch2vec.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SEARCH, COMPARISON, PARETO, CONFIG = "study.json", "comparison.json", "pareto.json", "config.json"
COLUMNS = ("method", "objective", "seed", "evaluation", "architecture", "fidelity", "validation", "test", "cost_s")

_TRIES = 3
_KINDS: Mapping[str, tuple[str, Check]] = {
    SEARCH: ("arch2vec study 1", stored_studies.STUDY),
    COMPARISON: ("arch2vec comparison 1", stored_studies.COMPARISON),
    PARETO: ("arch2vec pareto 1", stored_studies.PARETO),
}
_T = TypeVar("_T")


def document(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file of one of the names above, None where there is none or it is of another kind.

    Raises:
        InputError: the file is damaged.
    """
    if not path.is_file():
        return None
    kind, check = _KINDS[path.name]
    found = read_json(path)
    if not isinstance(found, dict) or found.get("kind") != kind:
        return None
    checked(found, check, path)
    return found


PERCENT = "%"
"""The unit of values where a folder does not say."""

DESCRIBING = ("unit", "minimise", "competes", "pruned")
"""Columns of what is read that say how a row's validation value is to be taken: its unit, whether less is better,
whether the row may be the best, and whether its training was given up on the way."""


def described(frame: pd.DataFrame, units: Mapping[str, str], minimised: Container[str] = ()) -> pd.DataFrame:
    """The rows with the columns :data:`DESCRIBING`.

    Args:
        frame: evaluations; what it says itself of which compete stays.
        units: of the objectives' values, as far as they are known.
        minimised: the objectives of which less is better.
    """
    names = frame["objective"].tolist()
    competes = frame.get("competes", True)
    return frame.assign(
        unit=[units.get(name, PERCENT) for name in names],
        minimise=[name in minimised for name in names],
        competes=competes & frame["validation"].notna(),
        pruned=frame.get("pruned", False),
    )


def _units_asked(folder: Path) -> dict[str, str]:
    """The units of the values of a folder of an older version's, as far as it says them."""
    try:
        asked = checked(read_json(folder / ASKED), stored_studies.ASKED, folder / ASKED)
    except InputError:
        return {}
    return dict(asked.get("units", {}))


def unfinished(folder: Path, frame: pd.DataFrame, methods: Sequence[str], objectives: Sequence[str]) -> int:
    """How many evaluations of a comparison are written down of runs that are not finished."""
    from arch2vec.studies.folder import block_stem
    from arch2vec.studies.journal import SUFFIX

    finished = set(frame[["method", "objective", "seed"]].drop_duplicates().itertuples(index=False, name=None))
    count = 0
    for method, objective in itertools.product(methods, objectives):
        made = set()
        for path in (folder / "blocks").glob(f"{glob.escape(block_stem(method, objective))}--*{SUFFIX}"):
            try:
                lines = path.read_bytes().splitlines()
            except OSError:  # it has been put together with the others meanwhile
                continue
            for line in lines:
                try:
                    entry = json.loads(line)
                    key = entry["seed"], entry["architecture"], entry["fidelity"]
                except (ValueError, TypeError, KeyError, RecursionError):  # half a line
                    continue
                if (method, objective, key[0]) not in finished:
                    made.add(str(key))
        count += len(made)
    return count


def search_frame(study: Mapping[str, Any]) -> pd.DataFrame:
    """The trials of a ``study.json``: :data:`COLUMNS`, :data:`DESCRIBING`, and the objective's further numbers."""
    return trials_frame(study["config"], study["trials"], study)


def trials_frame(
    config: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
) -> pd.DataFrame:
    """Trials of one search, as ``study.json`` has them, and what it says about them."""
    import pandas as pd

    head = {name: config[name] for name in COLUMNS[:3]}
    rows = [
        {**head, "evaluation": trial["number"], **{name: trial.get(name) for name in COLUMNS[4:]}}
        | {name: value for name, value in trial["extra"].items() if name not in COLUMNS}
        | {"competes": _competes(trial, about.get("most", {})), "pruned": bool(trial.get("pruned"))}
        for trial in trials
    ]
    objective = config["objective"]
    frame = _typed(pd.DataFrame(rows, columns=None if rows else list(COLUMNS)))
    return described(frame, {objective: about.get("unit", PERCENT)}, [objective] if about.get("minimise") else [])


def _competes(trial: Mapping[str, Any], most: Mapping[str, float]) -> bool:
    """Whether a trial may be the best: it was not given up, and is within the limits on what it has returned."""
    return not trial.get("pruned") and all(trial["extra"].get(name, math.inf) <= most[name] for name in most)


def comparison_frame(folder: Path) -> pd.DataFrame:
    """All finished runs of a comparison: :data:`COLUMNS`, :data:`DESCRIBING`; reads no file that is being written.

    Raises:
        InputError: a file is damaged.
    """
    import pandas as pd

    def read() -> pd.DataFrame:
        from arch2vec.studies.table import read_table, with_further

        whole = folder / "trajectories.parquet"
        blocks = sorted(path for path in (folder / "blocks").glob("*.parquet") if not path.name.startswith("."))
        parts = [with_further(read_table(path).to_pandas()) for path in ([whole] if whole.exists() else []) + blocks]
        if not parts:
            return described(pd.DataFrame(columns=list(COLUMNS)), {})
        for part in parts:
            for name in ("method", "objective", "architecture"):
                part[name] = part[name].astype(str)
        frame = pd.concat(parts, ignore_index=True)
        # What was put together and not yet removed is there twice.
        frame = _typed(frame.drop_duplicates(["method", "objective", "seed", "evaluation"]))
        settings = document(folder / COMPARISON) or {}
        minimised = {name for name, entry in settings.get("objectives", {}).items() if entry.get("minimise")}
        units = settings["units"] if "units" in settings else _units_asked(folder)
        found = described(frame, units, minimised)
        # Runs hold what methods were told.
        return found.assign(validation=found["validation"].where(~found["minimise"], -found["validation"]))

    return _again(read)


def pareto_frame(folder: Path, settings: Mapping[str, Any]) -> pd.DataFrame:
    """All trials of a multi-objective study: :data:`COLUMNS`, :data:`DESCRIBING` and a column a criterion.

    Raises:
        InputError: a file is damaged.
    """
    import pandas as pd

    def read() -> pd.DataFrame:
        rows = []
        for path in sorted((folder / "runs").glob("*.json")):
            if path.name.startswith("."):
                continue
            run = checked(read_json(path), stored_studies.PARETO_RUN, path)
            for trial in run["trials"]:
                entry = {"method": run["method"], "objective": settings["objective"], "seed": run["seed"]}
                entry |= {"evaluation": trial["number"], "fidelity": None}
                entry |= {name: trial[name] for name in ("architecture", "test", "cost_s")}
                if "validation" not in trial["criteria"]:
                    raise InputError(f"{path} is damaged: trial {trial['number']} has no criterion 'validation'")
                rows.append(trial["criteria"] | entry)
        frame = _typed(pd.DataFrame(rows, columns=None if rows else list(COLUMNS)))
        least = "validation (min)" in settings["criteria"]
        name = settings["objective"]
        return described(frame, {name: settings.get("unit", PERCENT)}, [name] if least else [])

    return _again(read)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    for name in ("fidelity", "validation", "test", "cost_s"):
        frame[name] = frame[name].astype("float64")
    return frame


def _again(read: Callable[[], _T]) -> _T:
    for _ in range(_TRIES - 1):
        try:
            return read()
        except (InputError, OSError):
            continue
    return read()
