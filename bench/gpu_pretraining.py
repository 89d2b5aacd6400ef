"""Steps of ``bench/gpu.py``: pre-training on three spaces, embedding, and whether a seed repeats."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from arch2vec.encoder import Encoder
from arch2vec.graphs import GraphBatch
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.data import split
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.spaces import SearchSpace, get_space
from gpu_common import Setting, synchronised, timed

_FILE = "encoder-nasbench101.safetensors"

PAPER = PretrainConfig()
LARGE = replace(PAPER, learning_rate=3e-3, schedule="cosine")


def multiply_adds(space: SearchSpace, config: ModelConfig) -> int:
    """Multiply-adds of one graph's forward pass, matrix products only."""
    V, widths = space.num_vertices, [space.num_operations] + [config.hidden] * config.layers
    layers = sum(V * V * i + V * i * o + V * o * o for i, o in pairwise(widths))
    return layers + 2 * V * config.hidden * config.latent + V * config.latent * (space.num_operations + V)


def _measured(
    name: str, space: SearchSpace, graphs: GraphBatch, config: PretrainConfig, setting: Setting
) -> tuple[dict[str, Any], Encoder]:
    rows: list[dict[str, Any]] = []
    started = synchronised(setting.device)
    encoder = pretrain(space, config, graphs=graphs, device=setting.device)
    seconds = synchronised(setting.device) - started
    last = encoder.training["last_epoch"]
    cells = len(split(graphs, config)[0])
    products = 6 * multiply_adds(space, config.model) * cells  # two operations each, three passes
    trained = last["seconds_training"]
    rows.append(
        {
            "setting": name,
            "batch": config.batch_size,
            "epochs": config.epochs,
            "seconds": seconds,
            "last_epoch_training_s": trained,
            "last_epoch_measuring_s": last["seconds_measuring"],
            "cells_per_s": cells / trained,
            "ms_per_step": 1e3 * trained / -(-cells // config.batch_size),
            "tflops": products / trained / 1e12,
            "operations_%": 100 * last["reconstruction"]["operations"],
            "graphs_%": 100 * last["reconstruction"]["graphs"],
            "validity_%": 100 * last["validity"],
            "strict_validity_%": 100 * last["strict_validity"],
            "uniqueness_%": 100 * last["uniqueness"],
        }
    )
    return rows[0], encoder


def _all(
    space: SearchSpace, graphs: GraphBatch, settings: dict[str, PretrainConfig], setting: Setting
) -> dict[str, Any]:
    """A row a setting; one that fails is a row that says so."""
    rows: list[dict[str, Any]] = []
    for name, config in settings.items():
        if config.replay and not setting.on_gpu:
            rows.append({"setting": name, "skipped": "steps are replayed on a GPU only"})
            continue
        try:
            row, encoder = _measured(name, space, graphs, config, setting)
        except Exception as error:
            rows.append({"setting": name, "error": f"{type(error).__name__}: {str(error).splitlines()[0]}"})
            continue
        rows.append(row)
        if space.name == "nasbench101":
            setting.out.mkdir(parents=True, exist_ok=True)
            encoder.save(setting.out / _FILE)
    return {"cells": len(graphs), "rows": rows}


def nasbench201(setting: Setting) -> dict[str, Any]:
    """All cells of NAS-Bench-201: the paper's batch step by step and replayed, and larger ones."""
    space = get_space("nasbench201")
    graphs = space.enumerate()
    base, large = PAPER, replace(LARGE, batch_size=64)
    if setting.small:
        graphs, base, large = graphs[:1500], replace(base, epochs=1), replace(large, epochs=1)
    settings = {
        "paper's batch": base,
        "paper's batch, replayed": replace(base, replay=True),
        "batch 64, cosine": large,
        "batch 64, cosine, replayed": replace(large, replay=True),
        "batch 64, cosine, replayed, seed 1": replace(large, replay=True, seed=1),
        "batch 64, cosine, replayed, seed 2": replace(large, replay=True, seed=2),
    }
    return _all(space, graphs, settings, setting)


def nasbench101(setting: Setting) -> dict[str, Any]:
    """All cells of NAS-Bench-101; the paper's batch only replayed, step by step one epoch of it for its speed."""
    space = get_space("nasbench101")
    graphs = space.enumerate()
    epochs = 8
    if setting.small:
        graphs, epochs = graphs[:: len(graphs) // 1500][:1500], 1
    sized = {size: replace(LARGE, batch_size=size, epochs=epochs) for size in (256, 1024, 4096)}
    wide = replace(sized[1024], learning_rate=6e-3)
    settings = {
        "batch 256, cosine, one epoch step by step": replace(sized[256], epochs=1),
        "batch 4096, cosine, one epoch step by step": replace(sized[4096], epochs=1),
        "batch 4096, cosine, one epoch, bfloat16": replace(sized[4096], epochs=1, precision="bfloat16"),
        "batch 256, cosine, replayed": replace(sized[256], replay=True),
        "batch 1024, cosine, replayed": replace(sized[1024], replay=True),
        "batch 1024, cosine, rate 6e-3, replayed": replace(wide, replay=True),
        "paper's batch, replayed": replace(PAPER, epochs=epochs, replay=True),
    }
    return _all(space, graphs, settings, setting)


def darts(setting: Setting) -> dict[str, Any]:
    """600,000 DARTS cells under 600 M multiply-adds."""
    space = get_space("darts?max_macs=600000000")
    graphs = space.sample(1500 if setting.small else 600_000, np.random.default_rng([0, 3]))
    large = replace(LARGE, batch_size=256, epochs=1 if setting.small else 10)
    settings = {
        "batch 256, cosine, one epoch step by step": replace(large, epochs=1),
        "batch 256, cosine, replayed": replace(large, replay=True),
        "batch 1024, cosine, replayed": replace(large, batch_size=1024, replay=True),
    }
    return _all(space, graphs, settings, setting)


def processor(setting: Setting) -> dict[str, Any]:
    """The same pre-training on the device and on this machine's processor: seconds, and quality beside seeds' noise."""
    rows: list[dict[str, Any]] = []
    cells = 1500 if setting.small else 60_000
    for name, batch, epochs, seeds in (("nasbench201", 64, 10, 3), ("nasbench101", 256, 1, 1), ("darts", 256, 1, 1)):
        space = get_space(name)
        graphs = space.enumerate() if space.enumerable else space.sample(cells, np.random.default_rng([0, 4]))
        graphs = graphs[:: max(1, len(graphs) // cells)]
        config = replace(LARGE, batch_size=batch, epochs=1 if setting.small else epochs)
        places = [("cpu", 0)] if setting.small else [("cpu", seed) for seed in range(seeds)]
        if setting.on_gpu:
            places += [(str(setting.device), seed) for seed in range(seeds)]
        for place, seed in places:
            where = replace(setting, device=torch.device(place))
            row, _ = _measured(f"{name}, seed {seed}", space, graphs, replace(config, seed=seed), where)
            rows.append({"where": place, "cells": len(graphs), **row})
    return {"rows": rows, "threads": torch.get_num_threads()}


def embedding(setting: Setting) -> dict[str, Any]:
    """The vectors of all cells of NAS-Bench-101, from graphs in memory to vectors in memory."""
    space = get_space("nasbench101")
    graphs = space.enumerate()
    if setting.small:
        graphs = graphs[:: len(graphs) // 2000]
    known = setting.out / _FILE
    if known.exists():
        encoder = Encoder.load(known, setting.device)
    else:
        encoder = pretrain(
            space, replace(PAPER, epochs=1), graphs=graphs[:: max(1, len(graphs) // 2000)], device=setting.device
        )
    seconds = timed(lambda: encoder.vectors(graphs), setting, repeats=3, warm=1)
    products = 2 * multiply_adds(space, encoder.config) * len(graphs)
    return {
        "cells": len(graphs),
        "seconds": seconds,
        "cells_per_s": len(graphs) / seconds,
        "tflops": products / seconds / 1e12,
    }


def repeatable(setting: Setting) -> dict[str, Any]:
    """Whether the same seed gives the same bits on the same device, of each kind of work."""
    space = get_space("nasbench201")
    graphs = space.enumerate()[: 1000 if setting.small else 8000]
    rows: list[dict[str, Any]] = []

    def same(name: str, config: PretrainConfig) -> Encoder:
        encoders = [pretrain(space, config, graphs=graphs, device=setting.device) for _ in range(2)]
        states = [torch.cat([value.flatten().float() for value in one.model.state_dict().values()]) for one in encoders]
        rows.append(
            {
                "work": name,
                "same_bits": bool(torch.equal(*states)),
                "largest_difference": float((states[0] - states[1]).abs().max()),
            }
        )
        return encoders[0]

    short = replace(PAPER, epochs=1 if setting.small else 2)
    encoder = same("pre-training", short)
    if setting.on_gpu:
        same("pre-training, replayed", replace(short, replay=True))
        replayed = pretrain(space, replace(short, replay=True), graphs=graphs, device=setting.device)
        rows.append({"work": "replayed against step by step", **_difference(encoder, replayed, graphs)})
        same("pre-training, bfloat16", replace(short, precision="bfloat16"))
        processor = pretrain(space, short, graphs=graphs, device="cpu")
        rows.append(
            {"work": "this device against the processor (other draws)", **_difference(encoder, processor, graphs)}
        )
        moved = Encoder.load(_saved(encoder, setting), "cpu")
        rows.append({"work": "the same encoder here and on the processor", **_difference(encoder, moved, graphs)})
    vectors = [encoder.vectors(graphs) for _ in range(2)]
    rows.append({"work": "embedding", "same_bits": bool(np.array_equal(vectors[0], vectors[1]))})
    from gpu_networks import training_repeats

    rows.append({"work": "training a network of NAS-Bench-201", **training_repeats(setting)})
    return {"rows": rows}


def _saved(encoder: Encoder, setting: Setting) -> Any:
    path = setting.out / "encoder-repeatable.safetensors"
    setting.out.mkdir(parents=True, exist_ok=True)
    encoder.save(path)
    return path


def _difference(one: Encoder, other: Encoder, graphs: GraphBatch) -> dict[str, Any]:
    a, b = one.vectors(graphs), other.vectors(graphs)
    return {"same_bits": bool(np.array_equal(a, b)), "largest_difference": float(np.abs(a - b).max())}
