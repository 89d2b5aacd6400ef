"""What searches find and what they cost: seconds of one core a run of each method, and of the surrogates' parts.

    python bench/search.py EMBEDDING OBJECTIVE [--runs 16] [--budget 107] [--methods random,bo,gp-bo,bo-local]

EMBEDDING is a file of ``arch2vec embed``, OBJECTIVE as for ``arch2vec search``, such as
``table:nasbench201.parquet?validation=c10valid_val_200&test=c10_test_200_nats``. Seconds are of the processor,
so that whatever else runs on the machine counts little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from arch2vec.embedding import Embedding
from arch2vec.objectives.spec import resolve_objective
from arch2vec.searching.vectors import function_vectors
from arch2vec.studies import run_many, summarise
from arch2vec.surrogates.base import Surrogate
from arch2vec.surrogates.dngo import DNGO
from arch2vec.surrogates.gaussian_process import GaussianProcess

_REPEATS = 5


def milliseconds(action: Callable[[], object]) -> float:
    """Of the processor, best of five."""
    took = []
    for _ in range(_REPEATS):
        started = time.process_time()
        action()
        took.append(time.process_time() - started)
    return 1e3 * min(took)


def surrogate_parts(surrogate: Surrogate, vectors: np.ndarray, runs: int, n: int) -> dict[str, float]:
    """Milliseconds a run: to learn from ``n`` values, to form a belief, to take in one value, to forecast."""
    rng = np.random.default_rng(0)
    rows = rng.integers(len(vectors), size=(runs, n))
    features, targets = vectors[rows], rng.normal(size=(runs, n))
    learned = surrogate.learn(features, targets, range(runs))[0]
    belief = learned.belief(vectors, features[0])
    parts = {
        "learn": milliseconds(lambda: surrogate.learn(features, targets, range(runs))) / runs,
        "belief": milliseconds(lambda: learned.belief(vectors, features[0])),
        "forecast": milliseconds(lambda: belief.forecast(targets[0]).std),
    }
    parts["observe"] = milliseconds(lambda: belief.observe(features[0, :1]))
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("embedding", type=Path)
    parser.add_argument("objective")
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--budget", type=int, default=107)
    parser.add_argument("--methods", default="random,bo,gp-bo,bo-local")
    arguments = parser.parse_args()

    embedding = Embedding.load(arguments.embedding)
    for surrogate, vectors in ((DNGO(), embedding.vectors), (GaussianProcess(), function_vectors(embedding))):
        for runs, n in ((1, 16), (1, 100), (16, 100)):
            parts = surrogate_parts(surrogate, vectors, runs, n)
            shown = ", ".join(f"{part} {took:.1f} ms" for part, took in parts.items())
            print(f"{type(surrogate).__name__}, {runs} runs of {n} values: {shown} a run")

    objective = resolve_objective(arguments.objective)
    frames, seconds = [], {}
    for method in arguments.methods.split(","):
        started = time.process_time()
        frames.append(run_many(embedding, objective, [method], arguments.runs, arguments.budget))
        seconds[method] = (time.process_time() - started) / arguments.runs
    table = summarise(pd.concat(frames, ignore_index=True))
    table["cpu_s_per_run"] = table["method"].map(seconds)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
