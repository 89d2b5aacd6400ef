"""The paper's pre-training study (table 1): four models on three search spaces, ours beside the published figures.

Every run is an ordinary run folder, ``SPACE/MODEL-PROTOCOL/seed-N`` below the
study's own, so that an interrupted study resumes where it stopped and each
encoder is there to be used. What the table says of a run is kept beside its
encoder in ``record.json``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arch2vec.common.documents import anything, checked, listing, mapping, number, parse_json
from arch2vec.common.documents import record as record_of
from arch2vec.common.ownership import owned
from arch2vec.common.storage import read_json, read_text, require_writable, write_json
from arch2vec.common.workers import worker_pool
from arch2vec.errors import InputError, unknown
from arch2vec.experiments.pretraining_table import METRICS, write_tables
from arch2vec.models.autoencoder import MODELS, ModelConfig
from arch2vec.pretraining.pretrain import PROTOCOLS, PretrainConfig, architectures, pretrain, split
from arch2vec.spaces import get_space

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PretrainingSetting:
    """How the paper pre-trains on one search space (sections 4.1 and 4.4).

    Attributes:
        reference: of the space.
        epochs: passes over the training split.
        sample: architectures drawn from the space, None for all of it.
    """

    reference: str
    epochs: int
    sample: int | None = None


SETTINGS: dict[str, PretrainingSetting] = {
    "nasbench101": PretrainingSetting("nasbench101", epochs=8),
    "nasbench201": PretrainingSetting("nasbench201", epochs=10),
    "darts": PretrainingSetting("darts?max_macs=600000000", epochs=10, sample=600_000),
}

ROWS: tuple[tuple[str, str], ...] = (
    ("gae", "release"),
    ("vgae", "release"),
    ("arch2vec-no-kl", "release"),
    ("arch2vec", "release"),
    ("arch2vec", "paper"),
)
"""Model and protocol of each row. The published figures come from what the public release
does, so all four models are compared under it; ours is ``paper``."""


@dataclass(frozen=True)
class StudiedRun:
    """One pre-training of the study."""

    space: str
    model: str
    protocol: str
    seed: int
    reference: str
    config: PretrainConfig

    @property
    def folder(self) -> Path:
        """Where the run is, below the study's folder."""
        return Path(self.space) / f"{self.model}-{self.protocol}" / f"seed-{self.seed}"


def plan(
    spaces: Sequence[str],
    rows: Sequence[tuple[str, str]],
    seeds: Sequence[int],
    *,
    epochs: int | None = None,
    sample: int | None = None,
    options: PretrainConfig | None = None,
) -> list[StudiedRun]:
    """The runs of a study, in the order in which they are started.

    Args:
        spaces: keys of :data:`SETTINGS`.
        rows: (model, protocol) pairs.
        seeds: of the runs of each pair.
        epochs: instead of the space's own.
        sample: architectures to learn from, instead of the space's own.
        options: batch size, learning rate and the like; the paper's by default.

    Raises:
        InputError: an unknown space, model or protocol, or nothing to run.
    """
    if not (spaces and rows and seeds):
        raise InputError("a study needs at least one search space, one model and one seed")
    for known, kind, names in (
        (SETTINGS, "search space of the study", spaces),
        (MODELS, "model", [model for model, _ in rows]),
        (PROTOCOLS, "protocol", [protocol for _, protocol in rows]),
    ):
        for name in names:
            if name not in known:
                raise unknown(kind, name, known)
    runs = []
    for seed in dict.fromkeys(seeds):
        for space in dict.fromkeys(spaces):
            setting = SETTINGS[space]
            for model, protocol in dict.fromkeys(rows):
                config = replace(
                    options or PretrainConfig(),
                    model=ModelConfig(name=model),
                    protocol=protocol,
                    epochs=epochs or setting.epochs,
                    sample=sample or setting.sample,
                    seed=seed,
                )
                runs.append(StudiedRun(space, model, protocol, seed, setting.reference, config))
    return runs


@owned
def run_study(
    runs: Sequence[StudiedRun],
    out: Path,
    *,
    workers: int = 1,
    device: str | None = None,
    progress: Callable[[StudiedRun, int, int], None] | None = None,
) -> pd.DataFrame:
    """Make every run that is not there yet, and the tables of all of them.

    Args:
        runs: the runs that :func:`plan` has listed.
        out: the study's folder. Beside the runs it gets ``runs.csv`` and ``runs.parquet``
            (a line a run), and ``table.md``, ``table.csv`` and ``table.parquet``
            (:func:`arch2vec.experiments.pretraining_table.tabulate`).
        workers: processes that train at the same time.
        device: where they train; a GPU if there is one.
        progress: called with a finished run, how many are done, and of how many.

    Returns:
        A line a run: ``space``, ``model``, ``protocol``, ``seed``, the :data:`METRICS`
        and ``seconds``.

    Raises:
        InputError: ``out`` cannot be written to, or a run there is another one.
    """
    import pandas as pd

    require_writable(out)
    records: dict[StudiedRun, dict[str, Any]] = {}

    def note(run: StudiedRun, record: dict[str, Any]) -> None:
        records[run] = record
        if progress is not None:
            progress(run, len(records), len(runs))

    if workers == 1:
        for run in runs:
            note(run, make(run, out, device))
    else:
        with worker_pool(workers) as pool:
            futures = {pool.submit(make, run, out, device): run for run in runs}
            try:
                for future in as_completed(futures):
                    note(futures[future], future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    frame = pd.DataFrame([records[run] for run in runs])
    write_tables(frame, out)
    return frame


def make(run: StudiedRun, out: Path, device: str | None = None) -> dict[str, Any]:
    """Train and measure one run, or read what is known of it."""
    folder = out / run.folder
    record = folder / "record.json"
    space = get_space(run.reference)
    encoder = pretrain(space, run.config, out=folder, device=device)  # refuses a folder with another run
    if record.exists():
        known: dict[str, Any] = checked(read_json(record), mapping(anything), record)
        if known.get("epochs") == run.config.epochs:  # else the run has gone on since
            return known
    from arch2vec.pretraining.quality import distance_correlation

    started = time.perf_counter()
    _, held_out = split(architectures(space, run.config), run.config)
    distances = distance_correlation(encoder, held_out, seed=run.seed)
    last = encoder.training["last_epoch"]
    shares = {**last["reconstruction"], **{name: last[name] for name in METRICS if name in last}}
    found = {
        "space": run.space,
        "model": run.model,
        "protocol": run.protocol,
        "seed": run.seed,
        **{name: 100 * share for name, share in shares.items()},
        "correlation_random": distances.random,
        "correlation_walk": distances.walk,
        "epochs": run.config.epochs,
        "batch_size": run.config.batch_size,
        "learning_rate": run.config.learning_rate,
        "seconds": training_seconds(folder),
        "seconds_distance_correlation": time.perf_counter() - started,
    }
    write_json(record, found)
    return found


def training_seconds(folder: Path) -> float:
    """What the epochs of a run took, its metrics after each included."""
    path = folder / "metrics.jsonl"
    lines = [parse_json(line, path) for line in read_text(path).splitlines()]
    checked(lines, listing(record_of({"seconds_training": number(0), "seconds_measuring": number(0)})), path)
    return sum(line["seconds_training"] + line["seconds_measuring"] for line in lines)
