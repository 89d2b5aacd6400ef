"""A round of many searches over one whole pool, on a device.

The pool's vectors lie on the device, once. In each round the beliefs of all searches that have told
as many values are formed together (:mod:`arch2vec.surrogates.pooled`), the pool is gone through part by part, and
of each part only the best architecture of every search is kept. A proposal is the architecture of highest
worth that is free, the first of equal ones within a part on a processor; a GPU may take another of equal ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arch2vec.common.devices import get_device
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.searching.acquisition import Acquisition, DeviceAcquisition
from arch2vec.searching.pool import Rows
from arch2vec.surrogates.base import Array, Learned, Seed, Surrogate
from arch2vec.surrogates.pooled import PooledForecast, PooledSurrogate

if TYPE_CHECKING:
    from arch2vec.searching.bo import BayesianOptimization

_NUMBERS = {"cpu": 1 << 22, "cuda": 1 << 30}
"""Numbers that a part of the pool makes at a time: on a processor they stay near the cache."""

_POOLS: WeakKeyDictionary[Embedding, dict[Hashable, Tensor]] = WeakKeyDictionary()


def check_settings(name: str, surrogate: Surrogate, acquisition: Acquisition, narrowed: bool) -> None:
    """Refuse a search that cannot be computed on a device.

    Raises:
        InputError: its surrogate or its acquisition function cannot, or its pool is not every architecture once.
    """
    if narrowed or not isinstance(surrogate, PooledSurrogate) or not isinstance(acquisition, DeviceAcquisition):
        raise InputError(
            f"method {name!r} with these settings does not compute on a device; group-bo, gp-bo, bo and bo-adjacency "
            "do, with their own surrogates"
        )


def learn(
    surrogate: Surrogate, device: str, features: Array, targets: Array, seeds: Sequence[Seed]
) -> Sequence[Learned]:
    """What a surrogate learns for each of R searches, on a device."""
    assert isinstance(surrogate, PooledSurrogate)
    return surrogate.learn_on(get_device(device), features, targets, seeds)


def fill(waiting: Sequence[tuple[BayesianOptimization, list[int]]], n: int) -> None:
    """Bring every search's proposals to ``n`` rows."""
    alike: dict[Hashable, list[tuple[BayesianOptimization, list[int], list[int]]]] = defaultdict(list)
    for method, rows in waiting:
        believed = [*(candidate.index for candidate in method.pending), *rows]
        sizes = len(method.observed_rows), len(believed), len(rows)
        key = method.embedding, type(method), method.surrogate, method.acquisition, method.targets, method.device
        alike[(*key, *sizes)].append((method, rows, believed))
    for group in alike.values():
        _fill([method for method, _, _ in group], [rows for _, rows, _ in group], [known for _, _, known in group], n)


def _fill(
    methods: Sequence[BayesianOptimization], proposals: Sequence[list[int]], believed: list[list[int]], n: int
) -> None:
    first = methods[0]
    assert first.device is not None
    assert isinstance(first.surrogate, PooledSurrogate)
    device, everything = get_device(first.device), first.pool_rows
    vectors = first.surrogate_vectors(first.embedding)
    observed = np.stack([vectors[method.observed_rows] for method in methods])
    targets = np.stack([first.shown(np.array(method.observed_values)) for method in methods])
    learned = [method.learned[1] for method in methods if method.learned is not None]
    forecast: PooledForecast = first.surrogate.pooled(learned, observed, targets, device)
    best = targets.max(axis=1)
    pool = _pool(first.embedding, type(first), vectors, everything, device)
    taken = _places(methods, everything)
    while True:
        if believed[0]:
            forecast, means = forecast.believe(vectors[np.array(believed)])
            best = np.maximum(best, means.max(axis=1))
        chosen = everything[best_of(forecast, pool, first.acquisition, best, taken)].tolist()
        for rows, row in zip(proposals, chosen, strict=True):
            rows.append(row)
        if len(proposals[0]) == n:
            return
        believed = [[row] for row in chosen]
        places = np.searchsorted(everything, chosen)
        taken = [np.append(known, place) for known, place in zip(taken, places.tolist(), strict=True)]


def best_of(
    forecast: PooledForecast,
    pool: Tensor,
    acquisition: Acquisition,
    best: NDArray[np.float64],
    taken: Sequence[NDArray[np.int64]],
) -> NDArray[np.int64]:
    """(R,) for each search the place in the pool of the highest worth.

    Args:
        forecast: of R searches.
        pool: (N, d) float32 on the device.
        acquisition: what is highest.
        best: (R,) the best value that each search has seen or believed.
        taken: R lists of places that may not be proposed.
    """
    assert isinstance(acquisition, DeviceAcquisition)
    device, runs = pool.device, len(best)
    incumbents = torch.from_numpy(best).to(device)
    width = max(map(len, taken))
    padded = np.full((runs, max(1, width)), -1, dtype=np.int64)  # a place that is nowhere
    for row, places in zip(padded, taken, strict=True):
        row[: len(places)] = places
    excluded = torch.from_numpy(padded).to(device)
    highest = torch.full((runs,), -torch.inf, dtype=torch.float64, device=device)
    found = torch.full((runs,), -1, dtype=torch.int64, device=device)
    size = max(1, _NUMBERS[device.type] // max(1, forecast.entries))
    for start in range(0, len(pool), size):
        points = pool[start : start + size]
        worth = acquisition.on_device(*forecast.of(points), incumbents).double()
        inside = (excluded >= start) & (excluded < start + len(points))
        spare = torch.cat([worth, worth.new_empty(runs, 1)], 1)  # a column for places that are in other parts
        spare.scatter_(1, torch.where(inside, excluded - start, len(points)), -torch.inf)
        top, place = spare[:, :-1].max(1)
        found = torch.where((top > highest) | (found < 0), place + start, found)
        highest = torch.maximum(highest, top)
    return found.cpu().numpy()


def _places(methods: Sequence[BayesianOptimization], everything: Rows) -> list[NDArray[np.int64]]:
    """Where in the pool, for each search, the functions are that may not be proposed."""
    first = methods[0]  # functions and their numbers are the embedding's, the same for all
    places = np.empty(first.functions, dtype=np.int64)
    places[first._function[everything]] = np.arange(len(everything))
    found = []
    for method in methods:
        rows = np.array([*method._asked, *(row for row, _ in method._told)], dtype=np.int64)
        found.append(np.unique(places[method._function[rows]]))
    return found


def _pool(
    embedding: Embedding,
    kind: type[BayesianOptimization],
    vectors: NDArray[np.float32],
    rows: Rows,
    device: torch.device,
) -> Tensor:
    """The vectors of a pool on a device; sent there once."""
    kept = _POOLS.setdefault(embedding, {})
    key = kind, device
    if key not in kept:
        whole = vectors if len(rows) == len(vectors) else vectors[rows]
        kept[key] = torch.from_numpy(np.ascontiguousarray(whole, dtype=np.float32)).to(device)
    return kept[key]
