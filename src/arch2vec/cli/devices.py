"""The flag that says where a command computes."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from arch2vec.cli.output import say

if TYPE_CHECKING:
    from arch2vec.searching.spec import MethodSpec

DEVICE = "where to compute: cpu, cuda, or one of several GPUs as cuda:0, cuda:1, ..."
DEFAULT = "(default: a GPU if there is one, else the processor)"

SEARCHES = (
    f"{DEVICE}. An encoder computes there {DEFAULT}. If it is given, so do searches by Bayesian optimisation: all of "
    "them together look at all architectures in every round, which pays on a GPU and with many searches; they "
    "compute on the processor unless it is given"
)


def add_device(parser: argparse.ArgumentParser, text: str = f"{DEVICE} {DEFAULT}") -> None:
    """Add ``--device``."""
    parser.add_argument("--device", metavar="DEVICE", help=text)


def note_processor(methods: Iterable[MethodSpec], device: str | None) -> None:
    """Say which searches do not compute on the device that was named for them."""
    if device is None:
        return
    others = [method.name for method in methods if not method.computes_on_device]
    if others:
        say(f"{', '.join(others)}: on the processor, whatever --device says")
