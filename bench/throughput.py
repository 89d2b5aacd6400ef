"""How busy workers are kept: trainings that only sleep, against the time that they would take back to back.

    python bench/throughput.py --workers 8 --trainings 160 --seconds 2
    python bench/throughput.py --storage sqlite

Ideal is trainings x seconds / workers. The time counts from the first training's begin to the last one's end, as the
trainings themselves write it down: processes start once, and their start is no part of it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from arch2vec.representations.ready import structure_embedding
from arch2vec.searching.study import search
from arch2vec.spaces import get_space

TRAINING = """
import os, time
def train(architecture):
    begun = time.time()
    time.sleep(SECONDS)
    log = os.open("LOG", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, f"{begun} {time.time()}\\n".encode())
    return float(architecture.count("nor_conv_3x3"))
"""


def main() -> None:
    """Search once and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--trainings", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--method", default="evolution")
    parser.add_argument("--storage", choices=("none", "sqlite", "journal"), default="none")
    arguments = parser.parse_args()
    space = get_space("nasbench201")
    embedding = structure_embedding(space, space.sample(1000, np.random.default_rng(0)))
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder) / "sleeping.py", Path(folder) / "log"
        file.write_text(TRAINING.replace("SECONDS", str(arguments.seconds)).replace("LOG", str(log)))
        storage = None if arguments.storage == "none" else f"{arguments.storage}:///{folder}/study"
        kept = {"storage": storage} if storage else {"out": Path(folder) / "out"}
        objective = f"python:{file}:train"
        search(embedding, objective, arguments.method, arguments.trainings, workers=arguments.workers, **kept)
        times = np.loadtxt(log)
    ideal = arguments.trainings * arguments.seconds / arguments.workers
    took = float(times[:, 1].max() - times[:, 0].min())
    print(
        f"{arguments.workers} workers, {len(times)} trainings of {arguments.seconds:g} s, {arguments.method}, "
        f"storage {arguments.storage}: {took:.1f} s, ideal {ideal:.1f} s, {100 * (took / ideal - 1):+.1f} %"
    )


if __name__ == "__main__":
    main()
