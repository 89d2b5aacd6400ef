"""Evaluations in the folders of searches, read without their embedding, objective or method.

Folders are read while their owners write them: every file is whole at any moment, but
a comparison that ends puts its blocks together and removes them. A reader that
meets such a change reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from arch2vec.errors import InputError
from arch2vec.storage import read_json

if TYPE_CHECKING:
    import pandas as pd

SEARCH, COMPARISON, PARETO, CONFIG = "study.json", "comparison.json", "pareto.json", "config.json"
COLUMNS = ("method", "objective", "seed", "evaluation", "architecture", "fidelity", "validation", "test", "cost_s")

_TRIES = 3
_T = TypeVar("_T")


def document(path: Path, kind: str) -> dict[str, Any] | None:
    """The JSON object in a file if it says that it is of that kind, None for anything else or no file."""
    if not path.is_file():
        return None
    found = read_json(path)
    return found if isinstance(found, dict) and found.get("kind") == kind else None


def search_frame(study: Mapping[str, Any]) -> pd.DataFrame:
    """The trials of a ``study.json``: :data:`COLUMNS`, and the objective's further numbers.

    Raises:
        InputError: it is damaged.
    """
    import pandas as pd

    try:
        config = study["config"]
        head = {"method": config["method"], "objective": config["objective"], "seed": config["seed"]}
        rows = [
            {
                **head,
                "evaluation": trial["number"],
                **{name: trial.get(name) for name in COLUMNS[4:]},
                **trial.get("extra", {}),
            }
            for trial in study["trials"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"a damaged {SEARCH}: {type(error).__name__} {error}") from error
    return _typed(pd.DataFrame(rows, columns=None if rows else list(COLUMNS)))


def comparison_frame(folder: Path) -> pd.DataFrame:
    """All finished runs of a comparison: :data:`COLUMNS`; reads no file that is being written.

    Raises:
        InputError: a file is damaged.
    """
    import pandas as pd

    def read() -> pd.DataFrame:
        from arch2vec.studies.table import read_table

        whole = folder / "trajectories.parquet"
        blocks = sorted(path for path in (folder / "blocks").glob("*.parquet") if not path.name.startswith("."))
        parts = [read_table(path).to_pandas() for path in ([whole] if whole.exists() else []) + blocks]
        if not parts:
            return pd.DataFrame(columns=list(COLUMNS))
        for part in parts:
            for name in ("method", "objective", "architecture"):
                part[name] = part[name].astype(str)
        frame = pd.concat(parts, ignore_index=True)
        # What was put together and not yet removed is there twice.
        return _typed(frame.drop_duplicates(["method", "objective", "seed", "evaluation"]))

    return _again(read)


def pareto_frame(folder: Path, settings: Mapping[str, Any]) -> pd.DataFrame:
    """All trials of a multi-objective study: :data:`COLUMNS` and a column a criterion.

    Raises:
        InputError: a file is damaged.
    """
    import pandas as pd

    def read() -> pd.DataFrame:
        rows = []
        for path in sorted((folder / "runs").glob("*.json")):
            if path.name.startswith("."):
                continue
            run = read_json(path)
            try:
                for trial in run["trials"]:
                    entry = {"method": run["method"], "objective": settings["objective"], "seed": run["seed"]}
                    entry |= {"evaluation": trial["number"], "fidelity": None}
                    entry |= {name: trial[name] for name in ("architecture", "test", "cost_s")}
                    rows.append(entry | trial["criteria"])
            except (KeyError, TypeError) as error:
                raise InputError(f"{path} is damaged: {type(error).__name__} {error}") from error
        return _typed(pd.DataFrame(rows, columns=None if rows else list(COLUMNS)))

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
