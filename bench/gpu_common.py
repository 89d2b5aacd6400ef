"""What the steps of ``bench/gpu.py`` have in common: how large they are, and how time and memory are measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Setting:
    """Where, how large, and into which folder."""

    device: torch.device
    small: bool
    out: Path

    @property
    def on_gpu(self) -> bool:
        """Whether there is one to measure."""
        return self.device.type == "cuda"


def synchronised(device: torch.device) -> float:
    """The clock, once the device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def timed(work: Callable[[], object], setting: Setting, *, repeats: int, warm: int = 2) -> float:
    """Seconds of one call, the median of some, each waited for."""
    for _ in range(warm):
        work()
    took = []
    for _ in range(repeats):
        started = synchronised(setting.device)
        work()
        took.append(synchronised(setting.device) - started)
    return sorted(took)[len(took) // 2]


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], dict[str, Any]]]:
    """Within the block the largest memory of the device is followed; what is yielded tells it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        yield lambda: {"peak_gib": torch.cuda.max_memory_allocated(device) / 2**30}
    else:
        yield dict
