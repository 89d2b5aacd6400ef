"""Several processes that train one model, each on its part of every batch.

Every process holds the whole model and draws the noise of whole batches, so
that what they compute together is what one would compute alone, but for
rounding: losses and gradients are sums over the processes
(:class:`arch2vec.models.inputs.Share`), batch norm counts all their rows
(:mod:`arch2vec.models.synced_norm`), and the gradient, one flat tensor, is
summed by one message a step. The models stay equal bit for bit, which is
checked after every epoch. Messages of tensors on a processor go through gloo, which needs no GPU;
those of tensors on GPUs, of which every process has its own, through NCCL.

Only process 0 measures and writes. Either it starts the others itself, on its
own machine (:func:`helped`), or all are started by a launcher such as torchrun,
on any machines (:func:`launched`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from arch2vec.common.devices import device_of_process
from arch2vec.common.workers import worker_pool

_LAUNCHER = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Processes:
    """This process among those that train one model.

    Attributes:
        rank: which one it is, from 0.
        count: how many there are; alone, all methods do nothing.
    """

    rank: int = 0
    count: int = 1

    def sum(self, tensor: Tensor) -> None:
        """Replace ``tensor`` by its sum over the processes, the same bits in each."""
        if self.count > 1:
            dist.all_reduce(tensor)

    def check_equal(self, tensor: Tensor) -> None:
        """Raise :class:`RuntimeError` unless the processes' tensors are equal bit for bit."""
        if self.count > 1:
            own = tensor.detach().clone()
            theirs = own.clone()
            dist.broadcast(theirs, 0)
            differ = torch.tensor(float(not torch.equal(own, theirs)))
            dist.all_reduce(differ)
            if differ:
                raise RuntimeError(f"the models of {int(differ)} of {self.count} processes differ from the first one's")

    @contextmanager
    def copied(self, path: Path | None) -> Iterator[Path | None]:
        """A file that process 0 has, in every process; None where it has none.

        Args:
            path: the file, of interest only in process 0.
        """
        if self.count == 1 or self.rank == 0:
            there = path is not None and path.exists()
            if self.count > 1:
                content = np.fromfile(path, dtype=np.uint8) if path is not None and there else np.empty(0, np.uint8)
                dist.broadcast(torch.tensor([len(content) if there else -1]), 0)
                if there:
                    dist.broadcast(torch.from_numpy(content), 0)
            yield path if there else None
            return
        size = torch.zeros(1, dtype=torch.int64)
        dist.broadcast(size, 0)
        if size.item() < 0:
            yield None
            return
        received = torch.empty(int(size.item()), dtype=torch.uint8)
        dist.broadcast(received, 0)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy.safetensors"
            received.numpy().tofile(copy)
            yield copy


def launched() -> bool:
    """Whether a launcher such as torchrun has started this process as one of several."""
    return all(name in os.environ for name in _LAUNCHER) and int(os.environ["WORLD_SIZE"]) > 1


def is_first() -> bool:
    """Whether this process is not one of several, or the first of those that a launcher has started."""
    return not launched() or int(os.environ["RANK"]) == 0


def place_of_launched() -> tuple[int, int]:
    """Which of a launcher's processes on this machine this one is, from 0, and how many there are on it."""
    alone = os.environ["RANK"], os.environ["WORLD_SIZE"]  # of launchers that know of one machine only
    return int(os.environ.get("LOCAL_RANK", alone[0])), int(os.environ.get("LOCAL_WORLD_SIZE", alone[1]))


@contextmanager
def joined_by_launcher(device: torch.device) -> Iterator[Processes]:
    """This process, which computes on ``device``, among those that a launcher has started."""
    with _joined(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), "env://", device) as processes:
        yield processes


@contextmanager
def helped(count: int, device: torch.device, work: Callable[..., None], *arguments: Any) -> Iterator[Processes]:
    """This process as the first of ``count``, the others of which call ``work(processes, *arguments)``.

    The block and ``work`` have to send each other the same messages in the same order.

    Args:
        count: of processes, this one included.
        device: that this process computes on; the others are on devices of the same kind.
        work: of the others.
        arguments: what ``work`` is called with after the processes.
    """
    with tempfile.TemporaryDirectory() as folder, worker_pool(count - 1) as pool:
        meeting = f"file://{folder}/meeting"
        helpers = [pool.submit(_help, rank, count, meeting, device.type, work, arguments) for rank in range(1, count)]
        with _joined(0, count, meeting, device) as processes:
            yield processes
        for helper in helpers:
            helper.result()


def _help(
    rank: int, count: int, meeting: str, kind: str, work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    with _joined(rank, count, meeting, device_of_process(torch.device(kind), rank, count)) as processes:
        work(processes, *arguments)


@contextmanager
def _joined(rank: int, count: int, meeting: str, device: torch.device) -> Iterator[Processes]:
    backends = "gloo"
    if device.type == "cuda":
        backends = "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(device)  # NCCL sends from the GPU that is current
    dist.init_process_group(backends, init_method=meeting, rank=rank, world_size=count)
    try:
        yield Processes(rank, count)
    finally:
        dist.destroy_process_group()
