"""Many searches: methods x objectives x seeds, their trajectories, and what follows from them.

Names are imported when they are first used, so that processes which only evaluate start fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arch2vec.searching.budget import Budget
    from arch2vec.studies.repeated import run_many, summarise
    from arch2vec.studies.runs import SearchRuns
    from arch2vec.studies.study import run_study
    from arch2vec.studies.table import Trajectories

_HOMES = {
    "Budget": "arch2vec.searching.budget",
    "SearchRuns": "arch2vec.studies.runs",
    "Trajectories": "arch2vec.studies.table",
    "run_many": "arch2vec.studies.repeated",
    "run_study": "arch2vec.studies.study",
    "summarise": "arch2vec.studies.repeated",
}

__all__ = ["Budget", "SearchRuns", "Trajectories", "run_many", "run_study", "summarise"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
