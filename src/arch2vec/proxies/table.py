"""Proxies of many architectures: computed in several processes, kept on disk, resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from arch2vec.common.devices import CPU, Device, exact_convolutions, get_device
from arch2vec.common.documents import anything, checked, mapping, parse_json
from arch2vec.common.parquet import read_parquet, write_parquet
from arch2vec.common.storage import AnyPath
from arch2vec.common.threads import thread_count
from arch2vec.common.workers import worker_pool
from arch2vec.errors import InputError
from arch2vec.proxies.networks import Build, Streams, builder, make_batch
from arch2vec.proxies.registry import evaluate, get_proxies
from arch2vec.proxies.settings import ProxySetting
from arch2vec.spaces import SearchSpace

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int, str], None]
"""Is called with the architectures done, their number, and a note."""

SECONDS = "seconds"
"""The column of the seconds of one core that an architecture's proxies took, its network included."""

_KIND = "arch2vec proxies"
_SAVED_EVERY_S = 10.0  # what an interruption costs
_CHUNK = 4  # architectures a task: small, so that cores end together


def evaluate_architecture(
    build: Build, architecture: str, names: Sequence[str] | None, setting: ProxySetting, device: Device = CPU
) -> dict[str, float]:
    """The proxies of one architecture, and :data:`SECONDS`.

    Depends on the arguments only; computed on one core, or on a GPU in the same precision: what is drawn is
    drawn on the processor.

    Raises:
        InputError: the architecture is malformed, a proxy unknown, or there is no such device.
    """
    batch, streams, place = make_batch(setting), Streams.of(setting), get_device(device)
    started = time.thread_time()
    with thread_count(1), exact_convolutions():
        network = build(architecture, setting, streams.weights).to(place)
        pixels, labels = batch.pixels.to(place), batch.labels.to(place)
        values = evaluate(network, pixels, labels, names, streams.proxies)
    return {**values, SECONDS: time.thread_time() - started}


def compute_table(
    space: SearchSpace,
    architectures: Sequence[str],
    names: Sequence[str] | None = None,
    setting: ProxySetting | None = None,
    path: AnyPath | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    build: Build | None = None,
    device: Device = CPU,
) -> pd.DataFrame:
    """Proxies of N architectures, computed where ``path`` doesn't have them yet.

    Args:
        space: that they are of.
        architectures: in its canonical notation.
        names: of the proxies, None for all.
        setting: batch, networks and seed.
        path: a Parquet file to read and to keep results in, as they come; None to keep nothing.
        workers: processes, one core each.
        progress: told how far it is, as :data:`Progress` says.
        build: makes the networks; that of the space by default. A file is taken at its
            word that it was made with the same.
        device: where networks compute; None for a GPU if there is one.

    Returns:
        N rows in the order given: ``architecture``, a column for each proxy (NaN where it is
        not defined), and :data:`SECONDS` (the last time that some were computed).

    Raises:
        InputError: a proxy or the space is unknown, an architecture malformed, or the
            file is of another space or setting.
    """
    import pandas as pd

    setting = ProxySetting() if setting is None else setting
    wanted = [proxy.name for proxy in get_proxies(names)]
    build = builder(space, setting) if build is None else build
    store = _Store(None if path is None else Path(path), {"space": space.reference, **setting.to_dict()})
    missing = list(dict.fromkeys(a for a in architectures if not store.has(a, wanted)))
    lacking = [name for name in wanted if any(not store.has(a, [name]) for a in missing)]
    total, place = len(set(architectures)), get_device(device)
    try:
        for architecture, values in _evaluated(build, missing, lacking, setting, workers, place):
            store.add(architecture, values)
            store.save(at_most_every=_SAVED_EVERY_S)
            if progress is not None:
                progress(total - len(missing) + store.added, total, "")
    finally:
        store.save()
    rows = [{"architecture": a, **{name: store.rows[a][name] for name in (*wanted, SECONDS)}} for a in architectures]
    return pd.DataFrame(rows, columns=["architecture", *wanted, SECONDS])


def _evaluated(
    build: Build,
    architectures: Sequence[str],
    names: Sequence[str],
    setting: ProxySetting,
    workers: int,
    device: torch.device,
) -> Iterator[tuple[str, dict[str, float]]]:
    if workers == 1:
        for architecture in architectures:
            yield architecture, evaluate_architecture(build, architecture, names, setting, device)
        return
    with worker_pool(workers) as pool:
        chunks = [architectures[start : start + _CHUNK] for start in range(0, len(architectures), _CHUNK)]
        futures = [pool.submit(_evaluate_chunk, build, chunk, names, setting, device) for chunk in chunks]
        try:
            for chunk, future in zip(chunks, futures, strict=True):
                yield from zip(chunk, future.result(), strict=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _evaluate_chunk(
    build: Build, architectures: Sequence[str], names: Sequence[str], setting: ProxySetting, device: torch.device
) -> list[dict[str, float]]:
    torch.set_num_threads(1)
    return [evaluate_architecture(build, architecture, names, setting, device) for architecture in architectures]


class _Store:
    """A Parquet file of values by architecture; a value that was not computed is null, an undefined one NaN."""

    def __init__(self, path: Path | None, about: dict[str, Any]) -> None:
        self._path = path
        self._about = about
        self.rows: dict[str, dict[str, float]] = {}
        self.added = 0
        self._saved, self._unsaved = time.monotonic(), False
        if path is not None and path.exists():
            self._read(path)

    def has(self, architecture: str, names: Sequence[str]) -> bool:
        row = self.rows.get(architecture)
        return row is not None and all(row.get(name) is not None for name in names)

    def add(self, architecture: str, values: dict[str, float]) -> None:
        self.rows.setdefault(architecture, {}).update(values)
        self.added += 1
        self._unsaved = True

    def save(self, at_most_every: float = 0.0) -> None:
        """Write the file, unless nothing is new or that was done less than ``at_most_every`` seconds ago."""
        if self._path is None or not self._unsaved or time.monotonic() - self._saved < at_most_every:
            return
        import pyarrow as pa

        names = list(dict.fromkeys(name for row in self.rows.values() for name in row))
        columns = {name: pa.array([row.get(name) for row in self.rows.values()], pa.float64()) for name in names}
        table = pa.table({"architecture": pa.array(list(self.rows)), **columns})
        write_parquet(table, self._path, {"kind": _KIND, "setting": json.dumps(self._about)})
        self._saved, self._unsaved = time.monotonic(), False

    def _read(self, path: Path) -> None:
        import pyarrow as pa

        table, metadata = read_parquet(path)
        if metadata.get(b"kind") != _KIND.encode() or "architecture" not in table.column_names:
            raise InputError(f"{path} is not a table of proxies; choose another file")
        about = checked(parse_json(metadata.get(b"setting", b""), path), mapping(anything), path)
        for name, value in self._about.items():
            if about.get(name) != value:
                raise InputError(
                    f"{path} holds proxies with {name} {about.get(name)!r}, not {value!r}; choose another file"
                )
        for name, column in zip(table.column_names, table.columns, strict=True):
            right = pa.types.is_string(column.type) and not column.null_count
            if not (right if name == "architecture" else pa.types.is_float64(column.type)):
                raise InputError(f"{path} is damaged: its column {name!r} holds {column.type}")
        for row in table.to_pylist():
            architecture = row.pop("architecture")
            self.rows[architecture] = {name: value for name, value in row.items() if value is not None}
