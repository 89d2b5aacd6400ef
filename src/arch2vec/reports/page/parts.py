"""One page of several parts: each has a page of its own, which the outer one holds and shows."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from arch2vec.studies.inspection import Status

MOST = 60
"""Parts of a page."""
MOST_MAPS = 12
"""Parts up to which each has a map; of more, pages would be large."""
PAGED = ("training", "search", "comparison", "multi-objective study")
"""Kinds of work that have a page."""


class PagePart(NamedTuple):
    """A part's name, one line on it, and its page."""

    name: str
    what: str
    html: str


def leaves(status: Status) -> list[Status]:
    """The parts that are not themselves made of parts, in order."""
    return [leaf for part in status.parts for leaf in leaves(part)] if status.parts else [status]


def part_name(part: Status, whole: Status) -> str:
    """A part's folder below the whole's, or its name in a storage."""
    if isinstance(part.folder, Path) and isinstance(whole.folder, Path):
        return str(part.folder.relative_to(whole.folder))
    return str(part.folder)


def page_of_parts(title: str, parts: Sequence[PagePart], notes: Sequence[str]) -> str:
    """The page that holds the parts' pages; what users name is escaped."""
    from jinja2 import Environment

    assets = files("arch2vec.reports.page") / "assets"
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((assets / "parts.html").read_text(encoding="utf-8"))
    shown = [
        {
            "name": part.name,
            "what": part.what,
            "data": base64.b64encode(gzip.compress(part.html.encode(), mtime=0)).decode(),
        }
        for part in parts
    ]
    style = (assets / "page.css").read_text(encoding="utf-8")
    return template.render(title=title, parts=shown, notes=notes, style=style)
