"""What each evaluation is given of a machine: graphics cards of its own, and a share of the cores."""

from __future__ import annotations

import os
from collections.abc import Mapping

from arch2vec.errors import InputError

_KNOWN = ("gpu", "cpu")


def read_resources(text: str) -> dict[str, float]:
    """Resources as the command line has them, ``gpu=1,cpu=4``.

    Raises:
        InputError: a name is unknown, or what it is given is no number above 0.
    """
    found: dict[str, float] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = pair.partition("=")
        if name not in _KNOWN:
            raise InputError(f"resources are {' and '.join(_KNOWN)}, as in gpu=1,cpu=4; got {pair!r}")
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"resource {name} is a number, as in {name}=1; got {pair!r}") from None
    return checked_resources(found)


def checked_resources(resources: Mapping[str, float]) -> dict[str, float]:
    """The same, if every name is known and every number above 0.

    Raises:
        InputError: that is not so.
    """
    for name, value in resources.items():
        if name not in _KNOWN:
            raise InputError(f"resources are {' and '.join(_KNOWN)}, got {name!r}")
        if not 0 < value < 1e6:
            raise InputError(f"resource {name} is a number above 0, got {value}")
    return dict(resources)


def environments(workers: int, resources: Mapping[str, float]) -> list[dict[str, str]]:
    """The variables of each of some workers on this machine.

    Every worker has whole cards for itself, or, of half a card each, two workers share one
    (``CUDA_VISIBLE_DEVICES``). They compute with as many threads as they have cores, by default
    all together with one a core, unless the user has set ``OMP_NUM_THREADS``.

    Raises:
        InputError: there are not so many cards.
    """
    own = _cards(workers, resources.get("gpu"))
    threads = _threads(workers, resources.get("cpu"))
    return [threads | cards for cards in own]


def _cards(workers: int, each: float | None) -> list[dict[str, str]]:
    if each is None:
        return [{} for _ in range(workers)]
    if each > 1 and each != int(each):
        raise InputError(f"an evaluation has whole graphics cards or a part of one, got gpu={each:g}")
    there = _visible()
    if workers * each > len(there) + 1e-9:
        raise InputError(
            f"{workers} workers with gpu={each:g} need {workers * each:g} graphics cards, this machine shows "
            f"{len(there)}"
        )
    if each >= 1:
        whole = int(each)
        shares = [there[whole * n : whole * (n + 1)] for n in range(workers)]
    else:
        fit = int(1 / each + 1e-9)
        shares = [[there[n // fit]] for n in range(workers)]
    return [{"CUDA_VISIBLE_DEVICES": ",".join(share)} for share in shares]


def _visible() -> list[str]:
    """The graphics cards that this process may use, by the names that CUDA takes."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [card.strip() for card in named.split(",") if card.strip() and card.strip() != "-1"]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _threads(workers: int, each: float | None) -> dict[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = str(max(1, int(each) if each is not None else cores // workers))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    return {name: count for name in names if each is not None or name not in os.environ}
