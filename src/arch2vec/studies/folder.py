"""A study on disk: what it is of, its finished blocks of runs, and at the end all of them in one file.

``comparison.json`` says what the runs are of. Each finished block of runs is a
Parquet file in ``blocks``, which is there whole or not at all. Once the study is
complete they are put together in ``trajectories.parquet`` and removed; a crash
at any point leaves each run in at least one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet

from arch2vec.common.documents import checked
from arch2vec.common.parquet import opened_parquet, write_parquet
from arch2vec.common.schemas import COMPARISON
from arch2vec.common.storage import atomic_path, difference, read_json, require_writable, write_json
from arch2vec.errors import InputError
from arch2vec.searching.identity import NAMED, changes, in_words
from arch2vec.studies.table import SCHEMA, TEXTS, Trajectories, in_schema, read_table

BLOCKS = "blocks"

_KIND = "arch2vec comparison 1"

_HEAD = ["method", "objective", "seed"]

Run = tuple[str, str, int]
"""Method, objective, seed."""


class StudyFolder:
    """The folder of a study.

    Args:
        folder: created where missing.
        subject: what all its runs have in common.
        objectives: what the runs of each objective have in common, by its name.
        methods: the same for methods.
        units: of the objectives' values, by name, for those who look at them.
        accept_changes: whether to go on though marks of what is measured differ, see
            :mod:`arch2vec.searching.identity`; the folder then says so.

    Attributes:
        finished: the evaluations of every finished run.

    Raises:
        InputError: the folder cannot be written to, is damaged, or holds runs of
            something else; the line names the first setting that differs.
    """

    def __init__(
        self,
        folder: Path,
        subject: Mapping[str, Any],
        objectives: Mapping[str, Mapping[str, Any]],
        methods: Mapping[str, Mapping[str, Any]],
        units: Mapping[str, str],
        accept_changes: bool = False,
    ) -> None:
        require_writable(folder)
        self.path = folder / "trajectories.parquet"
        self._blocks = folder / BLOCKS
        settings = {"all": {"runs": subject}, "objectives": objectives, "methods": methods}
        merged = self._claim(folder / "comparison.json", settings, units, accept_changes)
        self._order = [list(merged["objectives"]), list(merged["methods"])]
        self.finished: dict[Run, int] = {}
        self._combined: set[Run] = set()
        if self.path.exists():
            self._combined = set(_lengths(read_table(self.path), self.finished))
        # A write that was killed has left its temporary file, whose name starts with a dot.
        self._parts = sorted(path for path in self._blocks.glob("*.parquet") if not path.name.startswith("."))
        for part in self._parts:
            _lengths(read_table(part), self.finished)

    @staticmethod
    def _claim(
        path: Path,
        settings: Mapping[str, Mapping[str, Mapping[str, Any]]],
        units: Mapping[str, str],
        accept_changes: bool,
    ) -> dict[str, Any]:
        """Compare with what the folder says it holds, and add what is new: an objective, a method."""
        found: dict[str, Any] = {"kind": _KIND}
        if path.exists():
            found = read_json(path)
            if not isinstance(found, dict) or found.get("kind") != _KIND:
                raise InputError(f"{path} does not describe a comparison; name another output folder")
            checked(found, COMPARISON, path)
        merged: dict[str, Any] = dict(found)
        accepted = list(found.get("changes", []))
        for group, entries in settings.items():
            known = found.get(group, {})
            for name, entry in entries.items():
                earlier = known.get(name, entry)
                for key, value in earlier.items():
                    if key not in NAMED and entry.get(key) != value:
                        raise InputError(
                            f"{path.parent} holds {name if group == 'all' else f'runs of {name!r}'} with "
                            f"{difference(key, value, entry.get(key))}; repeat its {key} or name another output folder"
                        )
                marks = {key: str(value) for key, value in entry.items() if key in NAMED}
                for key in changes(earlier, marks):
                    if not accept_changes:
                        raise InputError(
                            f"{path.parent} holds runs of {name!r}, and {in_words(key, earlier, marks)}: name another "
                            "output folder, or accept that they are not comparable (--accept-changes)"
                        )
                    accepted.append({"objective": name, "what": NAMED[key], "from": earlier[key], "to": marks[key]})
            merged[group] = {**known, **entries}
        merged["units"] = {**found.get("units", {}), **units}
        if accepted:
            merged["changes"] = accepted
        if merged != found:
            write_json(path, merged)
        return merged

    def add(self, table: pa.Table) -> None:
        """Keep a block of finished runs of one method and objective."""
        lengths: dict[Run, int] = {}
        ((method, objective, first), *_) = _lengths(table, lengths)
        path = self._blocks / f"{block_stem(method, objective)}--{first}-{len(lengths)}.parquet"
        write_parquet(table, path)
        if path not in self._parts:
            self._parts.append(path)
        self.finished |= lengths

    def combine(self) -> None:
        """Put all finished runs in one file. Rows are copied block by block: memory holds one at a time."""
        if not self._parts:
            return
        with (
            atomic_path(self.path) as temporary,
            pyarrow.parquet.ParquetWriter(temporary, SCHEMA, compression="zstd", write_page_checksum=True) as writer,
        ):
            for table in self._all():
                writer.write_table(table)
        for leftover in self._blocks.iterdir():
            leftover.unlink()
        self._blocks.rmdir()
        self._parts = []
        self._combined = set(self.finished)

    def _all(self) -> Iterable[pa.Table]:
        """All blocks by objective, method and seed, however they came to be here."""
        places: list[tuple[tuple[int, int, int], Path, int | None]] = []
        with ExitStack() as files:
            opened = None
            if self.path.exists():
                opened = files.enter_context(opened_parquet(self.path, TEXTS))
                heads = ((group, opened.read_row_group(group, _HEAD)) for group in range(opened.num_row_groups))
                places = [(self._place(head), self.path, group) for group, head in heads if len(head)]
            for part in self._parts:
                with opened_parquet(part) as block:
                    head = block.read(_HEAD)
                if self._combined.isdisjoint(_lengths(head, {})):
                    places.append((self._place(head), part, None))
            for _, path, group in sorted(places, key=lambda entry: entry[0]):
                if group is None:
                    yield read_table(path)
                elif opened is not None:
                    yield in_schema(opened.read_row_group(group))

    def _place(self, table: pa.Table) -> tuple[int, int, int]:
        """Where a block of one method and objective stands among the others."""
        first = {name: table.column(name)[0].as_py() for name in _HEAD}
        objectives, methods = self._order
        if first["objective"] not in objectives or first["method"] not in methods:
            raise InputError(
                f"{self.path.parent} is damaged: it holds runs of {first['method']!r} against {first['objective']!r}, "
                "which its comparison.json does not name"
            )
        return objectives.index(first["objective"]), methods.index(first["method"]), first["seed"]

    def trajectories(self) -> Trajectories:
        """All finished runs.

        Raises:
            InputError: a file has been damaged meanwhile.
        """
        tables = [table for table in self._all() if len(table)]
        return Trajectories(pa.concat_tables(tables) if tables else SCHEMA.empty_table())


def block_stem(method: str, objective: str) -> str:
    """What the names of files of one method's blocks against one objective begin with."""
    # The checksum keeps names apart that differ in what a file's name cannot hold.
    mark = crc32(f"{objective}\n{method}".encode())
    return f"{_plain(objective)}--{_plain(method)}--{mark:08x}"


def _plain(name: str) -> str:
    """A name as part of a file's name."""
    return "".join(character if character.isalnum() or character in "-_." else "_" for character in name)[:60]


def _lengths(table: pa.Table, into: dict[Run, int]) -> list[Run]:
    """Note the evaluations of every run of a table, and return the runs."""
    grouped = table.select(["method", "objective", "seed"]).group_by(["method", "objective", "seed"], use_threads=False)
    counted = grouped.aggregate([([], "count_all")])
    columns = (counted.column(name).to_pylist() for name in ("method", "objective", "seed"))
    runs: list[Run] = list(zip(*columns, strict=True))
    into.update(zip(runs, counted.column("count_all").to_pylist(), strict=True))
    return runs
