"""Where PyTorch computes: the processor, or a GPU.

A device is named as PyTorch names it: ``cpu``, ``cuda`` for the first GPU that this process
may see, ``cuda:1`` for the second. Which GPUs a process sees is said outside of it, by the
environment variable ``CUDA_VISIBLE_DEVICES``.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from arch2vec.errors import InputError

CPU = torch.device("cpu")

Device = torch.device | str | None
"""A device, its name, or None for a GPU if there is one."""


def get_device(device: Device = None) -> torch.device:
    """The device of a name, once it is known to be there.

    >>> get_device("cpu")
    device(type='cpu')

    Args:
        device: its name; None for a GPU if there is one, else the processor.

    Raises:
        InputError: nothing has that name, or this machine has none.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if isinstance(device, torch.device):
        found = device
    else:
        try:
            found = torch.device(device)
        except RuntimeError:
            raise InputError(f"no device is called {device!r}; there are cpu, cuda, cuda:0, cuda:1, ...") from None
    if found.type not in ("cpu", "cuda"):
        raise InputError(f"arch2vec computes on cpu or cuda, not on {found.type!r}")
    if found.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            raise InputError(
                f"device {str(found)!r}: PyTorch {torch.__version__} finds no GPU here; "
                "leave it out to use the processor"
            )
        if (found.index or 0) >= count:
            raise InputError(f"device {str(found)!r}: there are {count} GPUs, cuda:0 to cuda:{count - 1}")
    return found


def device_of_process(device: torch.device, place: int, together: int) -> torch.device:
    """The device of one of several processes of a machine that work together.

    Args:
        device: ``cpu``, on which they all are; ``cuda``, of which each has its own.
        place: which process it is on this machine, from 0.
        together: how many there are on this machine.

    Raises:
        InputError: there are fewer GPUs than processes, or one GPU is named for all of them.
    """
    if device.type != "cuda" or together == 1:
        return device
    named: int | None = device.index
    if named is not None:
        raise InputError(
            f"{together} processes cannot share {str(device)!r}; say 'cuda', and which GPUs with CUDA_VISIBLE_DEVICES"
        )
    count = torch.cuda.device_count()
    if count < together:
        raise InputError(f"{together} processes need a GPU each, and there are {count}; ask for {max(1, count)}")
    return torch.device("cuda", place)


def exact_convolutions() -> AbstractContextManager[None]:
    """Within the block a GPU's convolutions are repeatable, and in single precision where their numbers are."""
    return _convolutions(allow_tf32=False)


def repeatable_convolutions() -> AbstractContextManager[None]:
    """Within the block a GPU's convolutions always add in one order."""
    return _convolutions(allow_tf32=True)


@contextmanager
def _convolutions(allow_tf32: bool) -> Iterator[None]:
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=allow_tf32):
        yield


def described(device: torch.device) -> dict[str, Any]:
    """What a measurement has to say of the machine it was made on; plain JSON."""
    about: dict[str, Any] = {
        "device": str(device),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        about |= {
            "name": properties.name,
            "memory_gib": round(properties.total_memory / 2**30, 1),
            "multiprocessors": properties.multi_processor_count,
            "capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return about
