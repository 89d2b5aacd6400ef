"""What the digits objective's default setting is worth: spread, agreement between seeds, seconds.

Run with ``python bench/digits.py [architectures]``, by default 80 random ones
whose output reads the input, each trained with two seeds, two at a time. Where
``ARCH2VEC_DATA`` names the folder of published results, the ranks are also
compared with the benchmark's on CIFAR-10. Correlations are Spearman's / Kendall's.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from arch2vec.objectives.base import Outcome
from arch2vec.objectives.digits import DigitsConfig, DigitsObjective
from arch2vec.spaces.nasbench201 import NASBench201, canonical_form


def train_with(seed: int, architecture: str) -> Outcome:
    return DigitsObjective(DigitsConfig(seeds=(seed,))).evaluate(architecture)


def main(n: int) -> None:
    space = NASBench201()
    graphs = space.sample(2 * n + 50, np.random.default_rng(7))
    reads_input = ["x" in canonical_form(row) for row in graphs.ops[:, 1:-1].tolist()]
    architectures = space.format(graphs[np.flatnonzero(reads_input)[:n]])
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        runs = [list(executor.map(partial(train_with, seed), architectures)) for seed in (0, 1)]
    validation = np.array([[outcome.validation for outcome in run] for run in runs])
    test = np.array([[outcome.test for outcome in run] for run in runs], dtype=np.float64)
    seconds = np.array([[outcome.cost_s for outcome in run] for run in runs])

    def show(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        rho, tau = spearmanr(x, y).statistic, kendalltau(x, y).statistic
        print(f"{name:42} {rho:5.2f} / {tau:5.2f}")

    levels = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]
    print(f"{len(architectures)} architectures; {int(np.isnan(validation).sum())} diverged trainings")
    print(f"validation % at quantiles {levels}: {np.quantile(validation[0], levels).round(1).tolist()}")
    print(f"processor seconds: median {np.median(seconds):.2f}, mean {seconds.mean():.2f}, maximum {seconds.max():.2f}")
    show("validation, seed 0 and seed 1", validation[0], validation[1])
    show("validation and test, same training", validation[0], test[0])
    show("validation of seed 0, test of seed 1", validation[0], test[1])
    top = np.argsort(validation[0])[-len(architectures) // 4 :]
    show("validation, both seeds, best quarter by seed 0", validation[0][top], validation[1][top])
    table = Path(os.environ.get("ARCH2VEC_DATA", "")) / "nasbench201.parquet"
    if table.is_file():
        published = pd.read_parquet(table).set_index("arch_str").loc[architectures]
        for column in ("c10valid_val_12", "c10_test_200_nats", "params_c10"):
            show(f"validation and {column}", validation[0], published[column].to_numpy(dtype=np.float64))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 80)
