"""Puts a page together: what is in the folder, in words, tables, curves, drawings and a map."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from arch2vec import __version__
from arch2vec.common.storage import AnyPath, write_text
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.reports.cells import cell_svg
from arch2vec.reports.numbers import number, valued
from arch2vec.reports.page.charts import search_chart
from arch2vec.reports.page.commands import commands_for
from arch2vec.reports.page.evaluations import Evaluations, evaluations_in, evaluations_of
from arch2vec.reports.page.landscape import Landscape, landscape
from arch2vec.reports.page.parts import MOST, MOST_MAPS, PAGED, PagePart, leaves, page_of_parts, part_name
from arch2vec.reports.page.sources import known_space, vectors_for
from arch2vec.reports.page.training import TrainedRun, training_in
from arch2vec.searching.patience import shown as shown_url
from arch2vec.spaces import SearchSpace
from arch2vec.studies.inspection import Status, inspect
from arch2vec.studies.inspection.top import best_first
from arch2vec.studies.optuna.storage import is_storage

NAME = "report.html"
_MOST_DRAWN = 100
_LONG = 400  # characters of a setting that are shown


@dataclass(frozen=True)
class Report:
    """A page that has been written.

    Attributes:
        file: where.
        bytes: how large it is.
        points: architectures on its map.
        masked: whether test values are hidden, since the work still runs.
    """

    file: Path
    bytes: int
    points: int
    masked: bool


def report(
    folder: AnyPath,
    out: AnyPath | None = None,
    *,
    vectors: AnyPath | None = None,
    space: str | None = None,
    objective: Objective | None = None,
    projection: str | None = "pca",
    best: int = 10,
    seed: int = 0,
) -> Report:
    """Write one HTML page of what a folder holds. It needs no network and opens from disk.

    Of a folder with several parts, as an experiment's is, the page holds one for each to choose from.
    Test values are hidden while the search is running.

    Args:
        folder: of a run, a search, a comparison, a multi-objective study or several of them, or the URL of a storage.
        out: the page, by default ``report.html`` in the folder, of a storage in the working folder.
        vectors: a run's folder or a file of ``arch2vec embed`` whose vectors make the map; by default the run's
            own, or the structure of the architectures.
        space: the search space, where the folder names one in Python code.
        objective: a table, to colour all architectures of the map by.
        projection: ``pca`` or ``tsne``; None for no map.
        best: how many of the best architectures are drawn.
        seed: of samples of large spaces, and of t-SNE.

    Raises:
        InputError: the folder holds nothing to report on, or too many parts; a file is damaged; what was named
            does not fit; or the page cannot be written.
    """
    if not 1 <= best <= _MOST_DRAWN:
        raise InputError(f"between 1 and {_MOST_DRAWN} architectures can be drawn, got {best}")
    stored = is_storage(folder)
    status = inspect(folder)
    path = Path(out) if out is not None else Path(NAME) if stored else Path(folder) / NAME
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"a page's name ends in .html, got {path}")
    url = str(folder) if stored else None
    asked = _Asked(url, None if vectors is None else Path(vectors), space, objective, projection, best, seed)
    text, points, masked = _one(status, asked) if not status.parts else _several(status, asked)
    write_text(path, text)
    return Report(path, len(text.encode()), points, masked)


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a page is to be, beside of what: as :func:`report` has it."""

    url: str | None
    vectors: Path | None
    space: str | None
    objective: Objective | None
    projection: str | None
    best: int
    seed: int


def _several(status: Status, asked: _Asked) -> tuple[str, int, bool]:
    """A page of the pages of all parts, with how many architectures there are on maps, and whether tests are hidden."""
    every = leaves(status)
    paged = [part for part in every if part.kind in PAGED]
    if not paged:
        raise InputError(f"{status.folder} holds nothing that has a page; runs, searches and comparisons have")
    if len(paged) > MOST:
        names = ", ".join(part_name(part, status) for part in paged[:3])
        raise InputError(f"{status.folder} holds {len(paged)} parts, a page shows at most {MOST}: name {names} ...")
    notes = []
    if len(paged) < len(every):
        notes.append(f"{len(every) - len(paged)} of {len(every)} parts are neither runs nor searches and have no page.")
    if len(paged) > MOST_MAPS and asked.projection is not None:
        asked = replace(asked, projection=None)
        notes.append(f"Of more than {MOST_MAPS} parts there are no maps: a page of one part has its map.")
    parts, points, hidden = [], 0, False
    for part in paged:
        text, number, masked = _one(part, asked)
        of = "" if part.of is None else f" of {part.of:,}"
        what = f"{part.kind}: {part.what}; {part.done:,}{of} {part.unit}, {part.state}"
        parts.append(PagePart(part_name(part, status), what, text))
        points, hidden = points + number, hidden or masked
    title = Path(status.folder).resolve().name if isinstance(status.folder, Path) else str(status.folder)
    return page_of_parts(f"{title}: {len(parts)} parts", parts, notes), points, hidden


def _one(status: Status, asked: _Asked) -> tuple[str, int, bool]:
    """The page of one part."""
    folder = Path(status.folder)
    found: Evaluations | None
    if asked.url is not None:
        found = evaluations_of(asked.url, str(status.folder))
        running = status.state == "running"
    else:
        found = evaluations_in(folder)
        later = inspect(folder)  # it may have ended, or begun, while it was read
        running = "running" in (status.state, later.state)
    if found is not None and running:
        found = found.masked()
    training = None
    if found is None:
        if status.kind != "training":
            raise InputError(f"{folder} holds a {status.kind}, which has no page; runs, searches and comparisons have")
        training = training_in(folder, masked=running)
    stored = found.space if found is not None else training.space if training is not None else None
    where, unknown = known_space(stored, asked.space, folder) if stored else (None, "There is no search space to show.")
    chosen = {} if found is None else {name: _best(found, name, asked.best) for name in found.objectives}
    notes, drawn = [], None
    if where is None:
        notes.append(unknown)
    elif asked.projection is not None:
        drawn = _map(where, found, training, folder, asked, chosen, running)
    place = folder.resolve().name if asked.url is None else shown_url(asked.url)
    page = _Page(folder, place, status, running, found, training, where, chosen, drawn, notes)
    return page.html(asked.objective), len(drawn.texts) if drawn else 0, running


def _map(
    where: SearchSpace,
    found: Evaluations | None,
    training: TrainedRun | None,
    folder: Path,
    asked: _Asked,
    chosen: Mapping[str, Sequence[Mapping[str, Any]]],
    masked: bool,
) -> Landscape | None:
    from arch2vec.objectives.lookup import LookupObjective

    objective, own = asked.objective, asked.vectors
    if objective is not None and not isinstance(objective, LookupObjective):
        raise InputError(f"a map is coloured by a table of all architectures; objective {objective.name} is none")
    if objective is not None and objective.space != where.name:
        raise InputError(
            f"objective {objective.name} is for the space {objective.space}, the folder is of {where.name}"
        )
    if own is None and training is not None:
        if not training.finished:
            return None
        own = folder
    source = vectors_for(where, own, None if found is None else found.digest)
    best = [str(row["architecture"]) for rows in chosen.values() for row in rows]
    return landscape(source, found, best, objective, way=asked.projection or "pca", seed=asked.seed, masked=masked)


def _best(found: Evaluations, objective: str, number: int) -> list[dict[str, Any]]:
    mine = found.frame[found.frame["objective"] == objective]
    return [{str(key): value for key, value in row.items()} for row in best_first(mine).head(number).to_dict("records")]


@dataclass(frozen=True, eq=False)
class _Page:
    """What a page is made of."""

    folder: Path
    place: str
    status: Status
    masked: bool
    found: Evaluations | None
    training: TrainedRun | None
    space: SearchSpace | None
    chosen: Mapping[str, Sequence[Mapping[str, Any]]]
    map: Landscape | None
    notes: list[str]

    def html(self, table: Objective | None) -> str:
        """The page's text. Everything that comes from a file or a user is escaped, or is data of a script."""
        from jinja2 import Environment

        assets = files("arch2vec.reports.page") / "assets"
        environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        template = environment.from_string((assets / "page.html").read_text(encoding="utf-8"))
        charts, notes = self._charts(table)
        data = {"charts": charts, "map": None if self.map is None else self.map.payload}
        text = json.dumps(data, separators=(",", ":"), allow_nan=False)
        scripts = ("draw.js", "chart.js", "map.js", "start.js")
        return template.render(
            title=f"{self.folder.name or self.place}: {self.status.kind}",
            status=self.status,
            masked=self.masked,
            facts=self._facts(),
            tables=[self._table(name) for name in self.chosen],
            metrics=() if self.training is None else self.training.metrics,
            charts=[{"title": chart["title"], "note": chart["note"]} for chart in charts],
            map=self.map,
            notes=[*self.notes, *notes],
            settings=self._settings(),
            commands=commands_for(self.folder, self.place, self.status.kind, self.found),
            made=f"arch2vec {__version__}",
            style=(assets / "page.css").read_text(encoding="utf-8"),
            script="\n".join((assets / name).read_text(encoding="utf-8") for name in scripts),
            # Compressed, and in an alphabet without a bracket: no text in it can end the element.
            data=base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode(),
        )

    def _charts(self, table: Objective | None) -> tuple[list[dict[str, Any]], list[str]]:
        if self.training is not None:
            return list(self.training.charts), []
        charts, notes = [], []
        optimum = {"validation": getattr(table, "optimum", None)} if table is not None else {}
        for objective in [] if self.found is None else self.found.objectives:
            known = {name: value for name, value in optimum.items() if value is not None and table is not None}
            chart, lines = search_chart(self.found, objective, known if table and table.name == objective else {})  # type: ignore[arg-type]
            notes += lines
            if chart is not None:
                charts.append(chart)
        return charts, notes

    def _facts(self) -> list[tuple[str, str]]:
        """What stands at the top: names and values."""
        status = self.status
        of = "" if status.of is None else f" of {status.of:,}"
        facts = [(status.kind, status.what), ("done", f"{status.done:,}{of} {status.unit}, {status.state}")]
        if self.space is not None:
            size = "" if self.space.size is None else f", {self.space.size:,} architectures"
            facts.append(("search space", f"{_short(self.space.name)}{size}"))
        if self.found is not None and len(self.found.frame):
            frame = self.found.frame
            failed = int(frame["validation"].isna().sum())
            facts.append(("evaluations", f"{len(frame):,}, {failed:,} failed, {_span(float(frame['cost_s'].sum()))}"))
            for name, rows in self.chosen.items():
                if rows:
                    unit, test = self.found.unit, valued(rows[0]["test"], self.found.unit)
                    tested = f", test {test}" if test else ""
                    facts.append((f"best, {name}", f"validation {valued(rows[0]['validation'], unit)}{tested}"))
        at = datetime.fromtimestamp(status.updated_at, UTC)
        facts.append(("last change", f"{at:%Y-%m-%d %H:%M} UTC"))
        return facts

    def _table(self, objective: str) -> dict[str, Any]:
        """The best architectures of an objective, drawn."""
        assert self.found is not None
        extra = self.found.extra
        tested = any(row["test"] == row["test"] for row in self.chosen[objective])
        graphs = None
        if self.space is not None and self.chosen[objective]:
            graphs = self.space.parse([str(row["architecture"]) for row in self.chosen[objective]])
        rows = []
        for place, row in enumerate(self.chosen[objective]):
            drawing = ""
            if graphs is not None and self.space is not None:
                drawing = cell_svg(self.space, graphs[place])
            numbers = [number(row["validation"], self.found.unit)]
            numbers += [number(row["test"], self.found.unit) if row["test"] == row["test"] else "-"] if tested else []
            numbers.append(f"{row['cost_s']:,.1f}")
            numbers += [f"{row[name]:,.6g}" if row.get(name) == row.get(name) else "-" for name in extra]
            by = f"{row['method']}, seed {row['seed']}, evaluation {row['evaluation']}"
            rows.append(
                {"rank": place + 1, "text": str(row["architecture"]), "numbers": numbers, "by": by, "svg": drawing}
            )
        unit = self.found.unit and f", {self.found.unit}"
        heads = [self.found.signal, *([f"test{unit}"] if tested else []), "cost, s", *extra]
        return {"objective": objective, "heads": heads, "rows": rows, "measured": self._measured(objective)}

    def _measured(self, objective: str) -> str:
        assert self.found is not None
        entry = self.found.settings.get(objective, self.found.settings.get("search", {}))
        return str(entry.get("measured", "")) if isinstance(entry, Mapping) else ""

    def _settings(self) -> list[tuple[str, list[tuple[str, str]]]]:
        groups = (self.found or self.training).settings if self.found or self.training else {}  # type: ignore[union-attr]
        return [
            (name, [(str(key), _shown(value)) for key, value in entry.items() if key not in ("kind", "checksum")])
            for name, entry in groups.items()
            if isinstance(entry, Mapping) and entry
        ]


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]} ..."


def _short(name: str) -> str:
    from arch2vec.studies.inspection.folders import short_space

    return short_space(name)


def _span(seconds: float) -> str:
    for least, unit, name in ((172_800, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min")):
        if seconds >= least:
            return f"{seconds / unit:,.1f} {name} of evaluations"
    return f"{seconds:,.1f} s of evaluations"
