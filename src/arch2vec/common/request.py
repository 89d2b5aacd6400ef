"""What the last command asked a search's or study's folder for, and when it began.

Kept beside the results in ``asked.json`` for those who look at how far it is; no result depends
on it. Speeds follow from how much there was at its start.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from arch2vec.common.storage import write_json

ASKED = "asked.json"


def note_start(folder: Path, *, done: int = 0, **asked: int | float | Mapping[str, object] | None) -> None:
    """Write down what is asked for.

    Args:
        folder: of the results.
        done: evaluations there are already.
        asked: the limits, by name: ``budget``, ``max_cost_s``, ``runs`` by method.
    """
    write_json(folder / ASKED, {"started_at": time.time(), "done_at_start": done, **asked})
