"""What is fast on the processor that is there: precision and threads, timed for a fraction of a second.

Processors with a unit for bfloat16 do its matrix products about twice as fast as those in single precision; on
others it is emulated, and several times slower. A second thread pays where a core is free for it and products are
large. Neither can be told from a name for certain, so both are tried on the products that training consists of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import get_num_threads

from arch2vec.common.threads import thread_count
from arch2vec.models.autoencoder import Precision
from arch2vec.pretraining.recipe import short_config
from arch2vec.pretraining.settings import PretrainConfig
from arch2vec.spaces import SearchSpace

WORTH = 0.9
"""A choice is taken where it needs at most this share of the time of the plain one."""

_TRIAL_S = 0.05  # of one timing; the best of a few counts, as other work only ever slows down
_REPEATS = 3


@dataclass(frozen=True)
class Choice:
    """What was found to be fast.

    Attributes:
        precision: of the encoder's products.
        threads: that they are computed with.
        bfloat16: how many times as long they take in bfloat16 as in single precision, with these threads.
    """

    precision: Precision
    threads: int
    bfloat16: float


def timed_choice(space: SearchSpace, batch_size: int, width: int, timer: Callable[[], float] | None = None) -> Choice:
    """Time the products of a training on the central processor.

    Args:
        space: whose graphs are learned.
        batch_size: graphs a step.
        width: of the encoder's layers.
        timer: the clock, seconds.
    """
    clock = time.perf_counter if timer is None else timer
    rows = batch_size * space.num_vertices
    cores = get_num_threads()
    counts = [1] if cores == 1 else sorted({1, min(2, cores), cores if batch_size >= 128 else 1})
    with torch.inference_mode():
        seconds = {count: _product_s(rows, width, torch.float32, count, clock) for count in counts}
        threads = 1
        for count in counts[1:]:
            if seconds[count] <= WORTH * seconds[threads]:
                threads = count
        half = _product_s(rows, width, torch.bfloat16, threads, clock) / seconds[threads]
    return Choice("bfloat16" if half <= WORTH else "float32", threads, half)


def _product_s(rows: int, width: int, kind: torch.dtype, threads: int, clock: Callable[[], float]) -> float:
    """Seconds of a product (rows, width) @ (width, width), with the conversions that training makes."""
    a, b = torch.ones(rows, width), torch.ones(width, width)
    best = float("inf")
    with thread_count(threads):
        (a.to(kind) @ b.to(kind)).float()
        for _ in range(_REPEATS):
            started, count = clock(), 0
            while (spent := clock() - started) < _TRIAL_S:
                (a.to(kind) @ b.to(kind)).float()
                count += 1
            best = min(best, spent / max(1, count))
    return best


def fast_config(space: SearchSpace, *, graphs: int | None = None, **said: Any) -> PretrainConfig:
    """:func:`arch2vec.pretraining.recipe.short_config` with the precision and threads that are fast here.

    >>> from arch2vec.pretraining.fast import fast_config
    >>> from arch2vec.spaces import get_space
    >>> config = fast_config(get_space("nasbench201"), precision="float32", threads=1)
    >>> config.precision, config.threads, config.epochs
    ('float32', 1, 4)

    Args:
        space: that is learned.
        graphs: how many architectures of it, by default those of the sample, or all.
        said: settings of :class:`PretrainConfig` that are to stay as they are.
    """
    config = short_config(space, graphs=graphs, **said)
    if "precision" in said and config.threads is not None:
        return config
    choice = timed_choice(space, config.batch_size, config.model.hidden)
    return replace(
        config,
        precision=said.get("precision", choice.precision),
        threads=choice.threads if config.threads is None else config.threads,
    )


def slow_precision(space: SearchSpace, config: PretrainConfig) -> str | None:
    """One line where a precision that was asked for is slow on this processor, None where it is not."""
    if config.precision != "bfloat16":
        return None
    choice = timed_choice(space, config.batch_size, config.model.hidden)
    if choice.bfloat16 <= 1:
        return None
    return (
        f"bfloat16 takes {choice.bfloat16:.1f} times as long as single precision on this processor, which has no unit "
        "for it: leave --precision out, or say --fast, which chooses"
    )
