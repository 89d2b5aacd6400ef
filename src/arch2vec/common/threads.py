"""How many threads PyTorch computes with, for as long as a piece of work takes.

Work made of tiny operations gains little from a second thread, and on a machine
that is busy with something else it loses everything: each operation then waits
for a thread that is not running. One thread also makes results independent of
how many cores there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def thread_count(count: int) -> Iterator[None]:
    """Compute with ``count`` threads within the block.

    The setting belongs to the process: concurrent work needs processes of its own.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
