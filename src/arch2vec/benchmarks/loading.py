"""Benchmarks by name or by file."""

from __future__ import annotations

from pathlib import Path

from arch2vec.benchmarks import compact
from arch2vec.benchmarks.checks import verify_count
from arch2vec.benchmarks.conversion import convert
from arch2vec.benchmarks.embedded import EMBEDDED
from arch2vec.benchmarks.folders import VARIABLE, data_folders, find_file
from arch2vec.benchmarks.releases import HARDWARE, RELEASES, Release, release_of
from arch2vec.benchmarks.results import Progress
from arch2vec.benchmarks.table import BenchmarkTable, stored_schema
from arch2vec.benchmarks.user_files import is_parquet
from arch2vec.errors import InputError


def load(name_or_path: str | Path, progress: Progress | None = None) -> BenchmarkTable:
    """A benchmark's table; columns are read as they are used.

    Args:
        name_or_path: ``digits-201``, which comes with the package; ``nasbench101``,
            ``nasbench201`` or ``nasbench301-surrogate``, for the first of its releases
            in the :func:`~arch2vec.benchmarks.data_folders`; the name of one release,
            such as ``nasbench101-full``; or a file. What isn't a table yet is
            converted, which happens once.
        progress: is told how much of a conversion is done.

    Raises:
        InputError: the name is unknown, its file is nowhere to be found (the line
            says where it was looked for and where to get it), or the file is damaged
            or holds a part of the benchmark only.
    """
    path = Path(name_or_path)
    if path.exists() and (path.suffix or path.parent != Path()):
        return _open(path, progress)
    name = str(name_or_path)
    if name in EMBEDDED:
        return _open(EMBEDDED[name], progress)
    releases = [release for release in RELEASES if name in (release.name, release.benchmark)]
    # A name that is a release's own means that release first, a benchmark's the first one listed.
    for release in releases:
        if (found := find_file(release.file)) is not None:
            return _open(found, progress)
    if releases:
        raise InputError(_missing(name, releases))
    if path.suffix or len(path.parts) > 1:
        raise InputError(f"cannot read {path}: No such file or directory")
    known = dict.fromkeys(label for release in RELEASES for label in (release.benchmark, release.name))
    raise InputError(f"unknown benchmark {name!r}; known: {', '.join([*EMBEDDED, *known])}; or a file")


def open_prepared(release: Release, path: Path) -> BenchmarkTable:
    """The table of a release that needs no conversion."""
    assert release.schema is not None
    hardware = path.with_name(HARDWARE)
    if release.file == "nasbench201.parquet" and hardware.exists():
        return BenchmarkTable(compact.nasbench201(True), path, [hardware], key="arch_str")
    return BenchmarkTable(release.schema(), path)


def _open(path: Path, progress: Progress | None) -> BenchmarkTable:
    if path.is_file() and is_parquet(path):
        schema = stored_schema(path)
        if schema is not None and all(metric.terms == ((metric.column, 1.0),) for metric in schema.metrics):
            return BenchmarkTable(schema, path)
        release = release_of(path)
        if release is not None and release.schema is not None:
            table = open_prepared(release, path)
            verify_count(table.schema, len(table), path)
            return table
    return convert(path, progress=progress)


def _missing(name: str, releases: list[Release]) -> str:
    files = " or ".join(release.file for release in releases)
    looked = ", ".join(str(folder) for folder in data_folders())
    source = next((release.where for release in releases if release.where.startswith("http")), releases[-1].where)
    return (
        f"benchmark {name} needs {files}, not found in {looked}; get it from {source}, "
        f"and put it there or set {VARIABLE} to its folder"
    )
