"""The benchmark files that are known: their names, what tells them from damaged copies, where to get them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from arch2vec.benchmarks import compact
from arch2vec.benchmarks.results import Progress
from arch2vec.benchmarks.schema import TableSchema
from arch2vec.errors import InputError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Release:
    """One file, or folder, that a benchmark was published as.

    Attributes:
        name: by which it is loaded.
        benchmark: what it holds; loading this takes the first of its releases that is found.
        file: how it is called.
        where: where to get it.
        digits: how its MD5 checksum ends, or begins, as its publishers put it into
            the file's name; None where no checksum is published.
        schema: of a table that is read as it is; None for what is converted first.
    """

    name: str
    benchmark: str
    file: str
    where: str
    digits: str | None = None
    schema: Callable[[], TableSchema] | None = None


_AUTODL = "the links at https://github.com/D-X-Y/NAS-Bench-201"
_NATS = "the links at https://github.com/D-X-Y/NATS-Bench"
_PREPARED = "a table prepared from the release below"

RELEASES: tuple[Release, ...] = (
    Release("nasbench101", "nasbench101", "nasbench101.parquet", _PREPARED, schema=compact.nasbench101),
    Release(
        "nasbench101-full",
        "nasbench101",
        "nasbench_full.tfrecord",
        "https://storage.googleapis.com/nasbench/nasbench_full.tfrecord (2 GB; 4, 12, 36 and 108 epochs)",
    ),
    Release(
        "nasbench101-only108",
        "nasbench101",
        "nasbench_only108.tfrecord",
        "https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord (500 MB; 108 epochs)",
    ),
    Release("nasbench201", "nasbench201", "nasbench201.parquet", _PREPARED, schema=lambda: compact.nasbench201(False)),
    Release("natsbench-topology", "nasbench201", "NATS-tss-v1_0-3ffb9-simple", f"{_NATS} (then unpack it)"),
    Release("natsbench-topology-tar", "nasbench201", "NATS-tss-v1_0-3ffb9-simple.tar", _NATS),
    Release("natsbench-topology-file", "nasbench201", "NATS-tss-v1_0-3ffb9.pickle.pbz2", _NATS, "3ffb9"),
    Release("nasbench201-v1.1", "nasbench201", "NAS-Bench-201-v1_1-096897.pth", _AUTODL, "096897"),
    Release("nasbench201-v1.0", "nasbench201", "NAS-Bench-201-v1_0-e61699.pth", _AUTODL, "e61699"),
    Release(
        "nasbench301-surrogate",
        "nasbench301-surrogate",
        "nasbench301_surrogate_10k.parquet",
        "a table of predictions of the models at https://github.com/automl/nasbench301",
        schema=compact.surrogate301,
    ),
)
HARDWARE = "nasbench201_hardware.parquet"
"""The table whose columns are joined to ``nasbench201.parquet`` when it lies beside it."""


def release_of(path: Path) -> Release | None:
    """The release that a file is by its name, None for an unknown one."""
    return next((release for release in RELEASES if release.file == path.name), None)


def md5_of(path: Path, progress: Progress | None = None) -> str:
    """The MD5 checksum of a file, 32 hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    size = path.stat().st_size
    done = 0
    with path.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if progress is not None:
                progress(done, size)
    return digest.hexdigest()


def check_digits(path: Path, release: Release, md5: str) -> None:
    """Raise :class:`InputError` if a release's published digits are not those of the file's checksum."""
    if release.digits is not None and not (md5.endswith(release.digits) or md5.startswith(release.digits)):
        raise InputError(
            f"{path} is damaged: its MD5 checksum is {md5}, but the published one ends with {release.digits}; "
            f"get it again from {release.where}"
        )
