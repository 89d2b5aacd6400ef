"""What searches find and how long they take, over seeds; and the time of one refit of the surrogate.

    python bench/search.py EMBEDDING OBJECTIVE [--runs 20] [--budget 100] [--methods random,bo]

EMBEDDING is a file of ``arch2vec embed``, OBJECTIVE as for ``arch2vec search``, such as
``table:nasbench201.parquet?validation=c10valid_val_200&test=c10_test_200_nats``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from arch2vec.embedding import Embedding
from arch2vec.objectives.spec import resolve_objective
from arch2vec.studies import run_many, summarise
from arch2vec.surrogates.dngo import DNGO


def refit_seconds(embedding: Embedding, runs: int, n: int) -> tuple[float, float]:
    """Seconds a run to fit ``n`` targets and to predict the whole pool, best of five."""
    rng = np.random.default_rng(0)
    features = embedding.vectors[rng.integers(len(embedding), size=(runs, n))]
    targets = rng.normal(size=(runs, n))
    fit, predict = [], []
    for _ in range(5):
        started = time.perf_counter()
        posterior = DNGO().fit(features, targets, range(runs))
        fitted = time.perf_counter()
        posterior.predict(embedding.vectors)
        fit.append(fitted - started)
        predict.append(time.perf_counter() - fitted)
    return min(fit) / runs, min(predict) / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("embedding", type=Path)
    parser.add_argument("objective")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--methods", default="random,bo")
    arguments = parser.parse_args()

    embedding = Embedding.load(arguments.embedding)
    for runs, n in ((1, 16), (1, 100), (16, 100)):
        fit, predict = refit_seconds(embedding, runs, n)
        print(f"{runs} runs of {n} targets: fit {1e3 * fit:.0f} ms, predict {1e3 * predict:.0f} ms a run")
    started = time.perf_counter()
    objective = resolve_objective(arguments.objective)
    frame = run_many(embedding, objective, arguments.methods.split(","), arguments.runs, arguments.budget)
    print(summarise(frame).round(3).to_string(index=False))
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
