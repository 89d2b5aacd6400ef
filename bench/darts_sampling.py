"""Time and memory of sampling distinct DARTS cells under the mobile limit on multiply-adds.

Run with ``python bench/darts_sampling.py [cells]``; without an argument 600,000
cells are sampled, as many as the paper pre-trains on.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.spaces.darts.cost import IMAGENET, count_cost
from arch2vec.spaces.darts.space import DARTS

LIMIT = 600_000_000


def peak_megabytes() -> float:
    """The most memory that the process has used, in MB."""
    per_unit = 1e-6 if sys.platform == "darwin" else 1e-3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * per_unit


def main(n: int) -> None:
    idle = peak_megabytes()
    started = time.perf_counter()
    graphs = DARTS(max_macs=LIMIT).sample(n, np.random.default_rng(0))
    sampled = time.perf_counter() - started
    peak = peak_megabytes()

    started = time.perf_counter()
    macs = count_cost(graphs, skeleton=IMAGENET).macs
    counted = time.perf_counter() - started
    distinct = len(np.unique(fingerprint(graphs)))
    assert distinct == n and (macs < LIMIT).all()

    print(f"sampled {n:,} cells of different graphs under {LIMIT / 1e6:.0f} M multiply-adds in {sampled:.1f} s")
    print(f"peak memory {peak:.0f} MB, {idle:.0f} MB of it before; the cells take {size_megabytes(graphs):.0f} MB")
    print(f"cost formulas: {n / counted / 1e6:.1f} million cells a second")


def size_megabytes(graphs: GraphBatch) -> float:
    return (graphs.ops.nbytes + graphs.adjacency.nbytes) / 1e6


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 600_000)
