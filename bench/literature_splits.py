"""Predictions on the splits of the literature: labels of one training's validation, truth of mean tests.

    python bench/literature_splits.py --draws 20 --labels 100,172,424 --out FILE.csv

On NAS-Bench-101, predictors are published that were fitted to 100, 172, 424 and 4,236 validation accuracies of single
trainings and ranked by Kendall's tau with the mean test accuracy of three (PINAT, AAAI 2024, and those that compare
with it). The shared table has single validation accuracies of 30,001 cells, from which the labels are drawn; the tau is
that of all 423,624 cells. On NAS-Bench-201 labels and truth are the mean test accuracies on CIFAR-10, all cells. No
label chooses an epoch or a setting: a row's labels are all that it has seen. ``--cells`` estimates the tau from so many
random cells, others for every draw, in a tenth of the time: its expectation is the same, and its own error (.003 with
20,000) is in the deviation over the draws. What FILE has already is not measured again.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

from arch2vec import benchmarks
from arch2vec.common.threads import thread_count
from arch2vec.representations.ready import structure_embedding
from arch2vec.spaces import get_space
from arch2vec.surrogates.predictors import PREDICTORS

COLUMNS = {"nasbench101": ("val_accuracy_108_run1", "test_accuracy_108"), "nasbench201": ("c10_test_200_nats",) * 2}


def main() -> None:
    """Draw, predict, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", choices=sorted(COLUMNS), default="nasbench101", help="default nasbench101")
    parser.add_argument("--labels", default="100,172,424,4236", help="numbers of labels, separated by commas")
    parser.add_argument("--draws", type=int, default=20, help="draws of labels, seeds 0 to N - 1 (default 20)")
    parser.add_argument("--cells", type=int, help="random cells that the tau is of, instead of all")
    parser.add_argument("--predictor", choices=sorted(PREDICTORS), default="groups+trees", help="default groups+trees")
    parser.add_argument("--out", type=Path, required=True, help="CSV file with one row a draw")
    arguments = parser.parse_args()
    embedding, table = structure_embedding(get_space(arguments.space)), benchmarks.load(arguments.space)
    shown, truth = (np.asarray(table.column(name)) for name in COLUMNS[arguments.space])
    known = np.flatnonzero(np.isfinite(shown))
    groups, vectors = embedding.groups, embedding.vectors
    assert groups is not None
    rows: list[dict[str, object]] = []
    if arguments.out.exists():
        with arguments.out.open(newline="") as file:
            rows = [{**row} for row in csv.DictReader(file)]
    measured = {(str(row["labels"]), str(row["seed"])) for row in rows}
    for labels in map(int, arguments.labels.split(",")):
        for seed in range(arguments.draws):
            if (str(labels), str(seed)) in measured:
                continue
            start = time.perf_counter()
            rng = np.random.default_rng([seed, labels])
            drawn = rng.choice(known, labels, replace=False)
            cells = slice(None) if arguments.cells is None else rng.choice(len(truth), arguments.cells, replace=False)
            with thread_count(1):
                predicted = PREDICTORS[arguments.predictor](vectors[drawn], shown[drawn], vectors[cells], seed, groups)
            tau = float(kendalltau(predicted, truth[cells]).statistic)
            seconds = round(time.perf_counter() - start, 1)
            rows.append({"space": arguments.space, "labels": labels, "seed": seed, "tau": tau, "seconds": seconds})
            with arguments.out.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        taus = np.array([float(str(row["tau"])) for row in rows if str(row["labels"]) == str(labels)])
        spread = f" ± {taus.std(ddof=1):.3f}" if len(taus) > 1 else ""
        print(f"{labels:5} labels: tau {taus.mean():.3f}{spread}, {len(taus)} draws", flush=True)


if __name__ == "__main__":
    main()
