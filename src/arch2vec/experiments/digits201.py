"""``digits-201``: every function of NAS-Bench-201 trained on scikit-learn's digits, a benchmark that needs no download.

One architecture of every class that computes the same function is trained with
one seed, and those of a random tenth of the classes with three, so that the noise of
a training is known. Accuracies after every epoch, processor seconds, parameters and
multiply-adds end in one table of all 15,625 architectures.

Trainings are done in parts, each a file of its own that is written when it is
complete: a run that was stopped goes on with the parts that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.benchmarks.results import Results, write_results
from arch2vec.benchmarks.schema import Metric, TableSchema
from arch2vec.common.ownership import owned
from arch2vec.common.storage import claim, read_arrays, require_writable, write_arrays
from arch2vec.common.workers import worker_pool
from arch2vec.networks.digits_data import NUM_IMAGES
from arch2vec.objectives.digits import DigitsConfig, train_on_digits
from arch2vec.spaces import NASBench201
from arch2vec.spaces.nasbench201.cost import count_cost

DATASET = "digits"
TABLE = "digits-201.parquet"
REPEATED = 0.1
"""The share of the functions that are trained with all of :data:`SEEDS`; the others with the first."""
SEEDS = (0, 1, 2)
SETTING = DigitsConfig()
"""How every architecture is trained."""

_PART = 25  # trainings
_SIDE = 8  # pixels


@dataclass(frozen=True)
class DigitsTraining:
    """One training: an architecture, by its row in the space's order, and a seed."""

    row: int
    seed: int


def plan(functions: int | None = None) -> list[DigitsTraining]:
    """All trainings: the first architecture of every function, in the order of the space.

    Args:
        functions: only so many of them, drawn at random; None for all.
    """
    classes = NASBench201().function_classes(NASBench201().enumerate())
    first = np.sort(np.unique(classes, return_index=True)[1])
    rng = np.random.default_rng(0)
    order = rng.permutation(first)[: len(first) if functions is None else functions]
    repeated = set(order[: max(1, round(REPEATED * len(order)))].tolist())
    jobs = [DigitsTraining(int(row), SEEDS[0]) for row in np.sort(order)]
    return jobs + [DigitsTraining(row, seed) for seed in SEEDS[1:] for row in sorted(repeated)]


@owned
def run(
    out: Path,
    *,
    functions: int | None = None,
    config: DigitsConfig = SETTING,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Train what is not trained yet, and write the table.

    Args:
        out: a folder: ``parts/`` in it has the trainings as they come, and then
            ``digits-201.parquet`` all of them.
        functions: how many functions are trained, as for :func:`plan`.
        config: how to train; its ``seeds`` are not used.
        workers: processes, one core each.
        progress: is told how many trainings are done, and of how many.

    Returns:
        The table's file.

    Raises:
        InputError: ``out`` cannot be written to or holds a run of another setting.
    """
    require_writable(out)
    claim(out / "run.json", "digits-201 run", {"functions": functions, **_setting(config)})
    jobs = plan(functions)
    parts = [jobs[start : start + _PART] for start in range(0, len(jobs), _PART)]
    files = [out / "parts" / f"{number:05d}.safetensors" for number in range(len(parts))]
    done = sum(len(part) for part, file in zip(parts, files, strict=True) if file.exists())
    missing = [(part, config, file) for part, file in zip(parts, files, strict=True) if not file.exists()]
    for trained in _trained(missing, workers):
        done += trained
        if progress is not None:
            progress(done, len(jobs))
    table = out / TABLE
    write_results(tabulate(jobs, [read_arrays(file)[0] for file in files], config), table)
    return table


def _trained(missing: Sequence[tuple[Sequence[DigitsTraining], DigitsConfig, Path]], workers: int) -> Iterator[int]:
    """Train parts, and say of each how many trainings it was; in this process where one is enough."""
    if workers == 1:
        for part in missing:
            train_part(*part)
            yield len(part[0])
        return
    with worker_pool(workers) as pool:
        waiting = {pool.submit(train_part, *part): len(part[0]) for part in missing}
        for future in as_completed(waiting):
            future.result()
            yield waiting[future]


def train_part(jobs: Sequence[DigitsTraining], config: DigitsConfig, file: Path) -> None:
    """Make some trainings and write them down: right answers by epoch, -1 from a failure on, and seconds."""
    space = NASBench201()
    architectures = space.format(space.enumerate()[np.array([job.row for job in jobs])])
    right = np.full((2, len(jobs), config.epochs), -1, dtype=np.int16)
    seconds = np.empty(len(jobs), dtype=np.float32)
    sizes = _held_out(config)
    for number, (job, architecture) in enumerate(zip(jobs, architectures, strict=True)):
        result = train_on_digits(architecture, config, job.seed, config.training(config.epochs, evaluate_every=1))
        for epoch in result.epochs:
            assert epoch.validation is not None and epoch.test is not None
            for part, percent in enumerate((epoch.validation, epoch.test)):
                right[part, number, epoch.epoch - 1] = round(percent * sizes[part] / 100)
        seconds[number] = result.seconds
    write_arrays(file, {"right": right, "seconds": seconds}, {})


def tabulate(
    jobs: Sequence[DigitsTraining], parts: Sequence[dict[str, NDArray[np.generic]]], config: DigitsConfig
) -> Results:
    """All trainings as a table of the architectures whose function was trained.

    An architecture's accuracies, seconds and failures are those of the one that was trained for its
    function; parameters and multiply-adds are its own.
    """
    space = NASBench201()
    graphs = space.enumerate()
    classes = space.function_classes(graphs)
    right = np.concatenate([part["right"] for part in parts], axis=1)
    seconds = np.concatenate([part["seconds"] for part in parts])
    rows, seeds = np.array([job.row for job in jobs]), np.array([job.seed for job in jobs])
    trained = np.unique(classes[rows])
    kept = np.flatnonzero(np.isin(classes, trained))
    place = np.searchsorted(trained, classes[kept])  # of an architecture's function

    def spread(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
        """The values of the trainings with one seed, for every architecture."""
        by_function = np.full(len(trained), np.nan)
        chosen = seeds == seed
        by_function[np.searchsorted(trained, classes[rows[chosen]])] = values[chosen]
        return by_function[place]

    metrics, columns = [], {}

    def put(metric: Metric, values: NDArray[np.float64]) -> None:
        metrics.append(metric)
        columns[metric.column] = values

    for part, split in enumerate(("validation", "test")):
        size = _held_out(config)[part]
        for epoch in range(1, config.epochs + 1):
            counts = right[part, :, epoch - 1].astype(np.float64)
            percent = np.where(counts < 0, np.nan, 100 * counts / size)
            for seed in SEEDS:
                metric = Metric(
                    f"{split}_{epoch}_seed{seed}",
                    "accuracy",
                    DATASET,
                    split,  # type: ignore[arg-type]
                    epoch,
                    seed=seed,
                    description=f"{size} images; the learning rate falls over {config.epochs} epochs",
                )
                put(metric, spread(percent, seed))
    put(
        Metric(
            "cost_s",
            "cost_s",
            DATASET,
            epochs=config.epochs,
            seed=SEEDS[0],
            description="processor seconds of the training and all evaluations",
        ),
        np.round(spread(seconds.astype(np.float64), SEEDS[0]), 3),
    )
    cost = count_cost(graphs[kept], config.skeleton(), image=_SIDE)
    put(Metric("parameters", "parameters", DATASET), np.asarray(cost.parameters, dtype=np.float64))
    put(Metric("macs", "macs", DATASET), np.asarray(cost.macs, dtype=np.float64))
    schema = TableSchema(
        "digits-201",
        space.name,
        ("architecture",),
        tuple(metrics),
        partial=len(kept) < len(graphs),
        description=f"NAS-Bench-201 cells trained on scikit-learn's digits for {config.epochs} epochs",
        source={"setting": _setting(config), "trainings": len(jobs)},
    )
    return Results.of(schema, space.format(graphs[kept]), columns)


def _setting(config: DigitsConfig) -> dict[str, Any]:
    return {name: value for name, value in asdict(config).items() if name != "seeds"}


def _held_out(config: DigitsConfig) -> tuple[int, int]:
    """Validation and test images."""
    return config.validation_images, NUM_IMAGES - config.train_images - config.validation_images
