"""How to repeat what a folder holds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arch2vec.common import schemas
from arch2vec.common.documents import checked
from arch2vec.common.request import ASKED
from arch2vec.common.storage import read_json
from arch2vec.errors import InputError
from arch2vec.reports.page.evaluations import Evaluations


def commands_for(folder: Path, place: str, kind: str, found: Evaluations | None) -> list[tuple[str, str]]:
    """What is to be typed, each with a heading.

    Args:
        folder: where it is.
        place: what commands call it: the folder's name, or the URL of a storage.
        kind: of folder, as :class:`arch2vec.studies.inspection.Status` says it.
        found: its evaluations, where it has any.
    """
    name = shlex.quote(place)
    asked = _asked(folder)
    lines = []
    command = asked.get("command")
    if command is not None:
        lines.append(("What was asked for last. The same again resumes; in an empty folder it repeats", str(command)))
    elif kind == "search" and found is not None:
        config = found.settings["search"]
        lines.append(
            (
                "The search, from Python. Its vectors and its objective are not kept in the folder",
                _python(config, asked),
            )
        )
    lines.append(("How far it is, and what is best", f"arch2vec status {name}\narch2vec top {name}"))
    if found is not None:
        lines.append(("The best architecture as a file that stands on its own", f"arch2vec export {name} --to best.py"))
    lines.append(("This page", f"arch2vec report {name}"))
    return lines


def _python(config: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    limits = "".join(f", {key}={asked[key]!r}" for key in ("budget", "max_cost_s") if asked.get(key) is not None)
    return (
        "import arch2vec\n"
        f"embedding = ...  # of {config['space']}, digest {config['embedding']}\n"
        f"objective = ...  # {config['objective']}\n"
        f"arch2vec.search(embedding, objective, method={config['method']!r}, seed={config['seed']}, "
        f"batch={config['batch']}{limits})"
    )


def _asked(folder: Path) -> Mapping[str, Any]:
    """What the folder was asked for; nothing where that cannot be read, which is no harm."""
    try:
        return dict(checked(read_json(folder / ASKED), schemas.ASKED, folder / ASKED))
    except InputError:
        return {}
