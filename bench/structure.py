"""How long the structure of a million architectures takes, group by group, in seconds of one processor.

    python bench/structure.py [--spaces nasbench201,nasbench101,darts] [--cells 250000]

``--cells`` are repeats of 15,000 different ones; seconds are for a million, the best of three, with the check that the
graphs are architectures, which is shown alone too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from arch2vec.common.threads import thread_count
from arch2vec.representations.structure import structure
from arch2vec.spaces import get_space

GROUPS = ("paths", "walks", "neighbours")
_DIFFERENT = 15_000


def seconds(work: Callable[[], object]) -> float:
    """Of the processor, the best of three times."""
    found = []
    for _ in range(3):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", default="nasbench201,nasbench101,darts")
    parser.add_argument("--cells", type=int, default=250_000)
    arguments = parser.parse_args()
    for name in arguments.spaces.split(","):
        space = get_space(name)
        cells = space.sample(_DIFFERENT, np.random.default_rng(0))
        cells = cells[np.arange(arguments.cells) % len(cells)]
        million = 1_000_000 / len(cells)
        with thread_count(1):
            found = {group: million * seconds(partial(structure, cells, space, [group])) for group in GROUPS}
            found["check"] = million * seconds(partial(space.check, cells))
        print(f"{name}: " + ", ".join(f"{group} {value:.2f} s" for group, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
