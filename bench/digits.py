"""What the benchmark digits-201 is worth: spread, noise, agreement with published results, what it cost.

Run with ``python bench/digits.py``. One row a function counts, not one an
architecture. Where ``ARCH2VEC_DATA`` names the folder of published results, ranks are also
compared with those of NAS-Bench-201. Correlations are Spearman's / Kendall's.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from arch2vec.benchmarks import load
from arch2vec.spaces.nasbench201.space import NASBench201

EPOCHS = 6
LEVELS = [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1]


def show(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    both = ~(np.isnan(x) | np.isnan(y))
    rho, tau = spearmanr(x[both], y[both]).statistic, kendalltau(x[both], y[both]).statistic
    print(f"{name:64} {rho:5.2f} / {tau:5.2f}  ({both.sum():,} functions)")


def main() -> None:
    table = load("digits-201")
    classes = NASBench201().function_classes(NASBench201().parse(table.architectures))
    first = np.sort(np.unique(classes, return_index=True)[1])

    def column(name: str) -> NDArray[np.float64]:
        return table.column(name)[first]

    validation = np.stack([column(f"validation_{EPOCHS}_seed{seed}") for seed in range(3)])
    test = np.stack([column(f"test_{EPOCHS}_seed{seed}") for seed in range(3)])
    seconds = column("cost_s")
    print(f"{len(table):,} architectures, {len(first):,} functions, {table.schema.source['trainings']:,} trainings")
    print(f"trainings with the first seed that diverged: {int(np.isnan(validation[0]).sum())}")
    print(f"processor seconds: sum {seconds.sum():,.0f}, mean {seconds.mean():.2f}, maximum {seconds.max():.2f}")
    for name, values in (("validation", validation[0]), ("test", test[0])):
        print(f"{name} %, mean {np.nanmean(values):.2f}; quantiles {dict(zip(LEVELS, quantiles(values), strict=True))}")
    thrice = ~np.isnan(validation).any(axis=0)
    for name, values in (("validation", validation), ("test", test)):
        noise = np.sqrt(values[:, thrice].var(axis=0, ddof=1).mean())
        upper = values[0, thrice] >= np.median(values[0, thrice])
        better = np.sqrt(values[:, thrice][:, upper].var(axis=0, ddof=1).mean())
        print(f"{name}, standard deviation over seeds: {noise:.2f} %; of the better half: {better:.2f} %")
    show("validation, seed 0 and seed 1", validation[0], validation[1])
    quarter = validation[0] >= np.quantile(validation[0, thrice], 0.75)
    show("  the best quarter by seed 0", np.where(quarter, validation[0], np.nan), validation[1])
    show("validation and test, same training", validation[0], test[0])
    show("validation of seed 0, test of seed 1", validation[0], test[1])
    show("validation and parameters", validation[0], column("parameters"))
    show("validation and multiply-adds", validation[0], column("macs"))
    for epoch in range(1, EPOCHS):
        show(f"validation after {epoch} and after {EPOCHS} epochs", column(f"validation_{epoch}_seed0"), validation[0])
    published = Path(os.environ.get("ARCH2VEC_DATA", "")) / "nasbench201.parquet"
    if published.is_file():
        known = pd.read_parquet(published).set_index("arch_str").loc[[table.architectures[row] for row in first]]
        for name in ("c10valid_val_12", "c10_test_200_nats", "c100_test_200_nats", "in16_test_200_nats"):
            if name in known:
                other = known[name].to_numpy(dtype=np.float64)
                show(f"validation and {name}", validation[0], other)
                best = other >= np.quantile(other, 0.75)
                show("  the best quarter by the latter", np.where(best, validation[0], np.nan), other)


def quantiles(values: NDArray[np.float64]) -> list[float]:
    return [float(value) for value in np.nanquantile(values, LEVELS).round(1)]


if __name__ == "__main__":
    main()
