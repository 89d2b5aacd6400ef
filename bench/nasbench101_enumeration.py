"""Time and peak memory of listing all 423,624 NAS-Bench-101 cells, and of hashing them.

Run as a script; each step is measured in a process of its own, nothing is read from or left on disk::

    python bench/nasbench101_enumeration.py
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint, module_hash
from arch2vec.spaces.nasbench101.enumeration import enumerate_cells
from arch2vec.spaces.nasbench101.hashes import LABELS, module_digests

_SAMPLE = 5000  # cells hashed one at a time, for comparison


def list_cells(_: GraphBatch) -> int:
    return len(enumerate_cells())


def hash_cells(cells: GraphBatch) -> int:
    return len(module_digests(cells))


def hash_one_by_one(cells: GraphBatch) -> int:
    counts = cells.mask.sum(axis=1)
    for row in range(0, len(cells), len(cells) // _SAMPLE):
        n = counts[row]
        module_hash(cells.adjacency[row, :n, :n], [LABELS[code] for code in cells.ops[row, :n]])
    return len(range(0, len(cells), len(cells) // _SAMPLE))


def fingerprint_cells(cells: GraphBatch) -> int:
    return len(fingerprint(cells))


def nothing(_: GraphBatch) -> int:
    return 0


STEPS: dict[str, tuple[Callable[[GraphBatch], int], bool]] = {
    "nothing (imports only)": (nothing, False),
    "enumeration": (list_cells, False),
    "published hash, batched": (hash_cells, True),
    "published hash, one by one": (hash_one_by_one, True),
    "fingerprint": (fingerprint_cells, True),
}
"""What is measured, and whether it needs the list beforehand."""


def measure(name: str) -> tuple[int, float, float, float]:
    """Cells, wall seconds, processor seconds and the process's peak memory in MB."""
    step, needs_cells = STEPS[name]
    cells = enumerate_cells() if needs_cells else enumerate_cells(2)
    wall, processor = time.perf_counter(), time.process_time()
    count = step(cells)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there, in KiB elsewhere
    return count, wall, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    """Measure every step and print a line for each."""
    print(f"{'step':28}{'cells':>10}{'wall s':>9}{'cpu s':>9}{'us/cell':>9}{'peak MB':>9}")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name in STEPS:
            count, wall, processor, peak = pool.apply(measure, (name,))
            each = f"{1e6 * processor / count:9.1f}" if count else f"{'':9}"
            print(f"{name:28}{count:10,}{wall:9.2f}{processor:9.2f}{each}{peak:9.0f}", flush=True)


if __name__ == "__main__":
    main()
