"""From the files that people have to tables that describe themselves, once.

A conversion reads every record, compares checksums where there are any, checks
the numbers against what is published, and only then writes: into the cache
folder, or where it is told to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks.checks import verify
from arch2vec.benchmarks.nasbench101_records import read_nasbench101
from arch2vec.benchmarks.nasbench201_files import read_pbz2, read_pth, read_simple
from arch2vec.benchmarks.releases import Release, check_digits, md5_of, release_of
from arch2vec.benchmarks.results import Progress, Results, write_results
from arch2vec.benchmarks.schema import Metric
from arch2vec.benchmarks.table import BenchmarkTable, stored_schema
from arch2vec.benchmarks.torch_files import is_torch_file
from arch2vec.benchmarks.user_files import is_parquet, read_own, schema_path
from arch2vec.common.cache import cache_folder
from arch2vec.common.storage import require_file
from arch2vec.errors import InputError

_VERSION = 1  # raised whenever a conversion changes its result, so that older ones are not used
_BZIP2_START = b"BZh"


def convert(
    path: Path | str, out: Path | str | None = None, *, partial: bool = False, progress: Progress | None = None
) -> BenchmarkTable:
    """Convert a benchmark's file, or find what an earlier conversion has left.

    Args:
        path: a TFRecord, ``.pth``, ``.pickle.pbz2``, Parquet or CSV file, or a
            ``-simple`` folder or tar archive, compressed or not.
        out: the Parquet file to write; by default one in the cache folder, used
            again as long as ``path`` doesn't change.
        partial: accept a part of a benchmark: architectures or runs may be missing,
            and published numbers are not compared. The table says so.
        progress: is told how much is done.

    Raises:
        InputError: the file cannot be read, is damaged, or is not what it says.
            Nothing is written then.
    """
    path = Path(path)
    if not path.is_dir():
        require_file(path)
    target = converted_path(path, partial) if out is None else Path(out)
    if out is None and (found := _earlier(target)) is not None:
        return found
    if target.exists() and target.samefile(path):
        raise InputError(f"{path} would be overwritten by its own conversion; give another --out")
    reader = _reader(path)
    source: dict[str, Any] = {"file": path.name, "release": None, "verified": 0}
    if path.is_file():
        md5 = md5_of(path, progress)
        source |= {"bytes": path.stat().st_size, "md5": md5}
        release = release_of(path)
        if release is not None and not partial:
            check_digits(path, release, md5)
            if release.digits is not None:
                source["release"] = release.name
    results = reader(path, progress)
    if partial:
        complete = results.complete and _is_whole(results, path)
        results = replace(results, schema=replace(results.schema, partial=not complete, source=source))
    else:
        if not results.complete:
            raise InputError(
                f"{path} lacks runs of some architectures; to use what there is, convert it with --partial"
            )
        source["verified"] = verify(results.schema, len(results.architectures), _whole_column(results), path)
        results = replace(results, schema=replace(results.schema, source=source))
    write_results(results, target)
    return BenchmarkTable(results.schema, target)


def converted_path(path: Path, partial: bool = False) -> Path:
    """Where the conversion of a file is kept; it depends on the file's place, size and time of change."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path, schema_path(path)]
    digest = hashlib.sha256(f"{_VERSION} {path.resolve()} {partial}".encode())
    for file in files:
        if file.exists():
            state = file.stat()
            digest.update(f" {file.name} {state.st_size} {state.st_mtime_ns}".encode())
    return cache_folder() / "benchmarks" / f"{path.name}-{digest.hexdigest()[:16]}.parquet"


def earlier_conversion(release: Release, path: Path) -> BenchmarkTable | None:
    """What is kept of a conversion of a release, None if it is still to do."""
    return None if release.schema is not None else _earlier(converted_path(path))


def _earlier(target: Path) -> BenchmarkTable | None:
    if not target.exists():
        return None
    try:
        schema = stored_schema(target)
        return None if schema is None else BenchmarkTable(schema, target)
    except InputError:
        return None  # damaged, and as good as not there


def _reader(path: Path) -> Callable[[Path, Progress | None], Results]:
    """What reads a file, by how it begins rather than by its name."""
    try:
        if path.is_dir() or _is_tar(path) or path.suffix == ".zip":  # .pth files are zip archives inside, not by name
            return read_simple
        if path.suffix in (".gz", ".xz", ".7z", ".rar"):
            raise InputError(
                f"{path} is compressed; of benchmarks' files only .tar and .zip archives are read so: unpack it"
            )
        if is_torch_file(path):
            return read_pth
        if is_parquet(path) or path.suffix in (".csv", ".parquet"):
            return lambda file, _: read_own(file)
        with path.open("rb") as opened:
            if opened.read(len(_BZIP2_START)) == _BZIP2_START:
                return read_pbz2
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if path.suffix in (".pth", ".pbz2"):
        raise InputError(f"{path} is damaged: it doesn't begin as a {path.suffix} file does")
    return read_nasbench101


def _is_tar(path: Path) -> bool:
    """Whether a file is a tar archive by its name, compressed or not; ``.pth`` and pickles are none."""
    return path.name.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"))


def _whole_column(results: Results) -> Callable[[Metric], NDArray[np.float64]]:
    return lambda metric: results.column(metric.column, slice(None))


def _is_whole(results: Results, path: Path) -> bool:
    try:
        verify(results.schema, len(results.architectures), _whole_column(results), path)
    except InputError:
        return False
    return True
