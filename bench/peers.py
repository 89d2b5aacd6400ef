"""Optuna's samplers on the tables of NAS-Bench-201, with the accounting of our own searches.

    pip install arch2vec
    python bench/peers.py --runs 20 --budget 50 --datasets cifar10,cifar100,imagenet16-120 --out FILE.csv

A trial has six categorical parameters, the operations of the cell's edges. As in our searches, an architecture that
computes the same as one evaluated before is not paid for again: the sampler is told the value that is known and
proposes anew. Seeds, tables, signals and budgets are those of ``arch2vec compare``; the last rows are our default
method in the same process.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from arch2vec.errors import InputError
from arch2vec.objectives import resolve_objective
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.representations.ready import structure_embedding
from arch2vec.searching.group_bo import GroupedBayesianOptimization
from arch2vec.spaces import NASBench201
from arch2vec.spaces.nasbench201.space import EDGES, OPERATIONS

CUTS = (16, 25, 50, 100)
_REPEATS = 50  # proposals in a row of what is known already, after which a random one is taken


def samplers(optuna: Any) -> dict[str, Callable[[int], Any]]:
    """Optuna's samplers by name, from a seed."""
    return {
        "optuna-random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
        "optuna-tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
        "optuna-gp": lambda seed: optuna.samplers.GPSampler(seed=seed, deterministic_objective=False),
    }


def optuna_run(
    optuna: Any, sampler: Any, seed: int, values: np.ndarray, functions: np.ndarray, budget: int
) -> list[int]:
    """The rows that one search evaluates, in order."""
    study = optuna.create_study(direction="maximize", sampler=sampler)
    names = OPERATIONS[1:-1]
    row_of = {tuple(row): place for place, row in enumerate(NASBench201().enumerate().ops[:, 1:-1].tolist())}
    known: dict[int, float] = {}
    rows: list[int] = []
    rng = np.random.default_rng(seed)
    idle = 0
    while len(rows) < budget:
        if idle >= _REPEATS:
            free = np.flatnonzero(~np.isin(functions, list(known)))
            cell = NASBench201().enumerate().ops[int(rng.choice(free)), 1:-1].tolist()
            study.enqueue_trial({f"edge{e}": OPERATIONS[code] for e, code in enumerate(cell)})
        trial = study.ask()
        chosen = [trial.suggest_categorical(f"edge{edge}", names) for edge in range(len(EDGES))]
        row = row_of[tuple(OPERATIONS.index(name) for name in chosen)]
        function = int(functions[row])
        idle = idle + 1 if function in known else 0
        if function not in known:
            known[function] = float(values[row])
            rows.append(row)
        study.tell(trial, known[function])
    return rows


def our_run(embedding: Any, values: np.ndarray, seed: int, budget: int) -> list[int]:
    """The same by our default method."""
    method = GroupedBayesianOptimization(embedding, seed=seed)
    rows = []
    for _ in range(budget):
        (candidate,) = method.ask()
        rows.append(candidate.index)
        method.tell([candidate], [float(values[candidate.index])])
    return rows


def main() -> None:
    """Run the searches and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="searches by each sampler (default 20)")
    parser.add_argument("--budget", type=int, default=50, help="evaluations a search (default 50)")
    parser.add_argument("--datasets", default="cifar10,cifar100,imagenet16-120", help="of NAS-Bench-201")
    parser.add_argument("--samplers", default="optuna-random,optuna-tpe,optuna-gp,group-bo", help="which")
    parser.add_argument("--out", type=Path, help="CSV file of the table")
    arguments = parser.parse_args()
    try:
        import optuna
    except ImportError:
        raise SystemExit("bench/peers.py needs Optuna: pip install optuna") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", module="optuna")
    embedding = structure_embedding(NASBench201())
    functions = np.unique(embedding.function_classes, return_inverse=True)[1]
    table: list[list[object]] = [
        ["sampler", "dataset", "runs", "evaluations", "test", "std", "at the optimum", "s a run"]
    ]
    for dataset in arguments.datasets.split(","):
        objective = resolve_objective(f"nasbench201?dataset={dataset}")
        if not isinstance(objective, LookupObjective):
            raise InputError(f"{dataset} is no table")
        view = objective.view(embedding)
        for name in arguments.samplers.split(","):
            started, found = time.process_time(), []
            for seed in range(arguments.runs):
                if name == "group-bo":
                    found.append(our_run(embedding, view.validation, seed, arguments.budget))
                else:
                    sampler = samplers(optuna)[name](seed)
                    found.append(optuna_run(optuna, sampler, seed, view.validation, functions, arguments.budget))
            seconds = (time.process_time() - started) / arguments.runs
            rows = np.array(found)
            for cut in (cut for cut in CUTS if cut <= arguments.budget):
                best = rows[np.arange(len(rows)), view.validation[rows[:, :cut]].argmax(axis=1)]
                test, at = view.test[best], view.validation[best] == view.validation.max()
                line = [
                    name,
                    dataset,
                    len(rows),
                    cut,
                    f"{test.mean():.2f}",
                    f"{test.std(ddof=1):.2f}",
                    f"{at.mean():.2f}",
                ]
                table.append([*line, f"{seconds:.2f}"])
                print(*table[-1], flush=True)
    if arguments.out is not None:
        with arguments.out.open("w", newline="", encoding="utf-8") as opened:
            csv.writer(opened).writerows(table)


if __name__ == "__main__":
    main()
