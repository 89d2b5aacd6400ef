"""A step of ``bench/gpu.py``: a round of hundreds of searches over all cells of NAS-Bench-101."""

from __future__ import annotations

from typing import Any

import numpy as np

from arch2vec.embedding import Embedding
from arch2vec.encoder import Encoder
from arch2vec.representations.structure import structure
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.pool import OnDevice
from arch2vec.searching.spec import resolve_method
from arch2vec.spaces import get_space
from gpu_common import Setting, synchronised

METHODS = ("group-bo", "gp-bo", "bo", "bo-adjacency")


def rounds(setting: Setting) -> dict[str, Any]:
    """Seconds of a round of all searches together: the first, in which surrogates learn, and the ones after."""
    space = get_space("nasbench101")
    graphs = space.enumerate()
    runs, sizes = (8, (20,)) if setting.small else (500, (25, 100))
    if setting.small:
        graphs = graphs[:: len(graphs) // 2000]
    started = synchronised(setting.device)
    known = structure(graphs, space)
    structured = Embedding(space, graphs, known.values, known.groups)
    _ = structured.function_classes, structured.architectures
    prepared = synchronised(setting.device) - started
    file = setting.out / "encoder-nasbench101.safetensors"
    learned = structured
    if file.exists():
        learned = Embedding(space, graphs, Encoder.load(file, setting.device).vectors(graphs))
    rows: list[dict[str, Any]] = []
    for name in METHODS:
        for told in sizes:
            embedding = structured if name == "group-bo" else learned
            try:
                rows.append(_round(name, embedding, runs, told, setting))
            except Exception as error:
                rows.append({"method": name, "told": told, "error": f"{type(error).__name__}: {error}"[:300]})
    return {
        "cells": len(graphs),
        "searches": runs,
        "vectors": "learned" if learned is not structured else "structure",
        "structure_of_all_cells_s": prepared,
        "rows": rows,
    }


def _round(name: str, embedding: Embedding, runs: int, told: int, setting: Setting) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    worth = embedding.vectors @ rng.normal(size=embedding.dimensions).astype(np.float32)
    worth = 90 + 5 * (worth - worth.mean()) / max(float(worth.std()), 1e-6) + rng.normal(size=len(worth))
    method, pool = resolve_method(name), OnDevice(str(setting.device))
    searches = [method.make(embedding, seed=seed, pool=pool) for seed in range(runs)]
    for search in searches:
        rows = rng.choice(len(embedding), size=told, replace=False).tolist()
        _tell(search, rows, worth)
    took = []
    for _ in range(4):
        started = synchronised(setting.device)
        asked = type(searches[0]).ask_together(searches)
        took.append(synchronised(setting.device) - started)
        for search, candidates in zip(searches, asked, strict=True):
            search.tell(candidates, [float(worth[candidates[0].index])])
    return {
        "method": name,
        "told": told,
        "first_round_s": took[0],
        "round_s": sorted(took[1:])[1],
        "different": len({candidates[0].index for candidates in asked}),
    }


def _tell(search: SearchMethod, rows: list[int], worth: np.ndarray) -> None:
    from arch2vec.searching.base import Candidate

    names = search.embedding.architectures
    search.tell([Candidate(row, names[row]) for row in rows], [float(worth[row]) for row in rows])
