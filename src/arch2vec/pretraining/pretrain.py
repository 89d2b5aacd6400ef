"""Unsupervised pre-training: how a model learns from graphs (paper, sections 3.3 and 4.1).

A run is a folder: ``config.json``, ``checkpoint.safetensors`` (replaced after
every epoch), ``metrics.jsonl`` and, when training is done, ``encoder.safetensors``.
Starting it again resumes after the last whole epoch and ends bit for bit where
an uninterrupted run would have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from arch2vec.common.arguments import as_annotated
from arch2vec.common.devices import Device, device_of_process, get_device
from arch2vec.common.ownership import owning
from arch2vec.common.storage import AnyPath, claim, read_json, write_json
from arch2vec.common.threads import thread_count
from arch2vec.encoder import FINISHED, Encoder
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.pretraining.checkpoint import load_checkpoint, require_of_run
from arch2vec.pretraining.data import architectures, split, training_data
from arch2vec.pretraining.log import MetricsStream
from arch2vec.pretraining.processes import Processes, helped, joined_by_launcher, launched, place_of_launched
from arch2vec.pretraining.recipe import default_config
from arch2vec.pretraining.run import PretrainingProgress, PretrainingRun, prior_of
from arch2vec.pretraining.settings import (
    PROTOCOLS,
    SCHEDULES,
    PretrainConfig,
    Protocol,
    Schedule,
    config_of,
    default_activation,
)
from arch2vec.spaces import SearchSpace, get_space

__all__ = [
    "PROTOCOLS",
    "SCHEDULES",
    "PretrainConfig",
    "PretrainingProgress",
    "Protocol",
    "Schedule",
    "architectures",
    "config_of",
    "pretrain",
    "prior_of",
    "split",
]

_ONE_THREAD_BELOW = 128  # graphs a batch, from which on a second thread pays


@as_annotated
def pretrain(
    space: SearchSpace | str,
    config: PretrainConfig | None = None,
    *,
    graphs: GraphBatch | None = None,
    seed: int | None = None,
    out: AnyPath | None = None,
    progress: Callable[[PretrainingProgress], None] | None = None,
    device: Device = None,
) -> Encoder:
    """Learn a representation of a search space without training one of its architectures.

    >>> import arch2vec
    >>> from arch2vec.models.autoencoder import ModelConfig
    >>> small = arch2vec.PretrainConfig(model=ModelConfig(hidden=8, latent=4), epochs=1, sample=200)
    >>> arch2vec.pretrain("nasbench201", small, seed=0, device="cpu").prior.shape
    (2, 8, 4)

    Where a launcher such as torchrun has started this process as one of several,
    they train together (:mod:`arch2vec.pretraining.processes`), and only process 0 measures,
    reports and writes.

    Args:
        space: the space or its name.
        config: how; by default the paper's setting on the paper's spaces, a short recipe on others, and on until
            reconstruction is good (:func:`arch2vec.pretraining.recipe.default_config`).
        graphs: the architectures to learn from, by default those of ``config``.
        seed: of everything random, in place of ``config.seed``.
        out: the run's folder. A run that is there is resumed, or loaded when it is
            complete. Without one, nothing is written.
        progress: called every few steps.
        device: where to train, such as ``cuda:1``; None for a GPU if there is one. Several processes of
            a machine take a GPU each, the first ones of those that ``CUDA_VISIBLE_DEVICES`` names.

    Returns:
        The encoder, with its last epoch's metrics in ``encoder.training``.

    Raises:
        InputError: ``out`` cannot be written to, or holds another run; there is no such device, or there
            are fewer GPUs than processes.
    """
    place = get_device(device)
    space = get_space(space)
    if config is None:
        config = default_config(space, graphs=None if graphs is None else len(graphs))
    if seed is not None:
        config = replace(config, seed=seed)
    if config.activation is None:
        config = replace(config, activation=default_activation(config.protocol, space.num_operations))
    folder = None if out is None else Path(out)
    if launched():
        place = device_of_process(place, *place_of_launched())
        with joined_by_launcher(place) as processes:
            config = replace(config, processes=processes.count)
            return _pretrain(processes, space, config, graphs, folder, place, progress)
    alone = config.processes == 1 or (folder is not None and (folder / FINISHED).exists())
    if alone:
        return _pretrain(Processes(), space, config, graphs, folder, place, progress)
    own = device_of_process(place, 0, config.processes)
    # A space in code that was loaded from a file can only be loaded again.
    named: SearchSpace | str = space.reference if space.loaded_from else space
    with helped(config.processes, own, _help, named, config, graphs, place) as processes:
        return _pretrain(processes, space, config, graphs, folder, own, progress)


def _help(
    processes: Processes,
    space: SearchSpace | str,
    config: PretrainConfig,
    graphs: GraphBatch | None,
    device: torch.device,
) -> None:
    """What a process does that was started by another."""
    space = get_space(space)
    own = device_of_process(device, processes.rank, processes.count)
    _pretrain(processes, space, config, graphs, None, own, None)


def _pretrain(
    processes: Processes,
    space: SearchSpace,
    config: PretrainConfig,
    graphs: GraphBatch | None,
    folder: Path | None,
    device: torch.device,
    progress: Callable[[PretrainingProgress], None] | None,
) -> Encoder:
    folder = folder if processes.rank == 0 else None
    with processes.copied(None if folder is None else folder / FINISHED) as finished:
        if finished is not None:
            if folder is not None:
                _claim(folder, space, config)
            encoder = Encoder.load(finished, device, space)
            require_of_run(finished, encoder.training.get("config", {}), config)
            made = config.epochs + config.after
            if encoder.training.get("last_epoch", {}).get("epoch", made) >= made:
                return encoder
            if folder is not None and not (folder / "checkpoint.safetensors").exists():
                raise InputError(
                    f"the run in {folder} cannot go on to {made} epochs: its checkpoint.safetensors is gone; "
                    "choose another output folder"
                )
    with owning(folder):  # refused before the data are made
        data = training_data(space, config, graphs, device)
        if folder is not None:
            _claim(folder, space, config)
        default = 1 if config.batch_size < _ONE_THREAD_BELOW else max(1, torch.get_num_threads() // processes.count)
        with thread_count(config.threads or default):
            run = PretrainingRun(space, config, data, device, processes)
            checkpoint = None if folder is None else folder / "checkpoint.safetensors"
            with processes.copied(checkpoint) as stored:
                if stored is not None:
                    load_checkpoint(stored, run)
            stream = None if folder is None else MetricsStream(folder, run.history)
            run.train(stream, checkpoint, progress if processes.rank == 0 else None)
            encoder = run.encoder()
        if stream is not None:
            stream.close()
        if folder is not None:
            encoder.save(folder / FINISHED)
        return encoder


def _claim(folder: Path, space: SearchSpace, config: PretrainConfig) -> None:
    """Record what a folder holds, or check it; settings that an older record does not have are at their defaults."""
    record = folder / "config.json"
    settings = {"space": space.reference, **asdict(config)}
    found = read_json(record) if record.exists() else None
    if isinstance(found, dict):
        defaults = asdict(PretrainConfig())
        if isinstance(found.get("model"), dict):
            settings["model"] = _recorded(settings["model"], found["model"], defaults["model"])
        settings = _recorded(settings, found, defaults)
        settings = _continued(settings, found, record)
    claim(record, "run", settings)


def _continued(settings: dict[str, Any], found: dict[str, Any], record: Path) -> dict[str, Any]:
    """The settings of a run that is to have more epochs than it was to have, recorded if they differ in nothing else.

    Raises:
        InputError: its schedule ends at its last epoch.
    """
    before, now = found.get("epochs"), settings["epochs"]
    after, more = found.get("after", 0), settings.get("after", 0)
    if before == now and isinstance(after, int) and after < more:
        claim(record, "run", {**settings, "after": after} if "after" in found else _without(settings, "after"))
        write_json(record, {**found, "after": more})
        return settings
    further = {"further": settings.get("further", 0)} if "further" in settings or "further" in found else {}
    if not isinstance(before, int) or before >= now:
        return {**settings, **({"further": found["further"]} if "further" in found else {})}
    same = {**settings, "epochs": before, **({"further": found["further"]} if "further" in found else {})}
    claim(record, "run", same if "further" in found else _without(same, "further"))
    if settings.get("schedule", "constant") != "constant":
        raise InputError(
            f"{record.parent} holds a run whose learning rate has come down to 0 in its {before} epochs; it cannot go "
            f"on to more: ask for {now - before} that come after these (after={now - before}), or choose another "
            "output folder"
        )
    write_json(record, {**found, "epochs": now, **further})
    return {**settings, **further}


def _without(settings: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != name}


def _recorded(settings: dict[str, Any], found: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that a record has, or that are not at their defaults."""
    return {
        name: value
        for name, value in settings.items()
        if name in found or name not in defaults or value != defaults[name]
    }
