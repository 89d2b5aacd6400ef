"""What parallel workers cost in quality: searches of NAS-Bench-201, simulated as if they ran on 1, 4 and 8 workers.

Every look-up takes the seconds that the table says its training took. Whenever a worker is free the method is asked for
one more architecture, knowing what has ended by then and that the rest is being trained. Budgets are evaluations, so
that all numbers of workers pay the same; the time on the clock is what they save.

    python bench/parallel.py --runs 100 --methods random,evolution,group-bo
    python bench/parallel.py --runs 100 --methods optuna-tpe        # Optuna's TPE with constant_liar, the same workers
"""

from __future__ import annotations

import argparse
import csv
import heapq
import time
from pathlib import Path
from typing import Any

import numpy as np

from arch2vec.embedding import Embedding
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.objectives.spec import resolve_objective
from arch2vec.representations.ready import structure_embedding
from arch2vec.searching.methods import get_method
from arch2vec.spaces import get_space
from arch2vec.studies.optuna.parameters import Parameters


def ours(name: str, embedding: Embedding, view: Any, seed: int, workers: int, budget: int) -> tuple[list[int], float]:
    """The rows of one search in the order of their ends, and when the last ended."""
    method = get_method(name)(embedding, seed=seed)
    running: list[tuple[float, int, Any]] = []
    rows: list[int] = []
    asked, now = 0, 0.0
    while len(rows) < budget:
        while asked < budget and len(running) < workers:
            (candidate,) = method.ask()
            heapq.heappush(running, (now + float(view.cost_s[candidate.index]), asked, candidate))
            asked += 1
        now, _, candidate = heapq.heappop(running)
        method.tell([candidate], [float(view.validation[candidate.index])])
        rows.append(candidate.index)
    return rows, now


def tpe(embedding: Embedding, view: Any, seed: int, workers: int, budget: int) -> tuple[list[int], float]:
    """The same by Optuna's TPE, which pays for no architecture twice either: what it repeats is told at once."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    parameters = Parameters(embedding)
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=workers > 1)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    running: list[tuple[float, int, Any, int]] = []
    rows: list[int] = []
    known: set[int] = set()
    classes = embedding.function_classes
    now, begun = 0.0, 0
    while len(rows) < budget:
        while begun < budget and len(running) < workers:
            trial = study.ask()
            pairs = zip(parameters.names, parameters.choices, strict=True)
            given: dict[str, Any] = {name: trial.suggest_categorical(name, choices) for name, choices in pairs}
            row = parameters.row(given)
            assert row is not None
            if int(classes[row]) in known:
                study.tell(trial, float(view.validation[row]))
                continue
            known.add(int(classes[row]))
            heapq.heappush(running, (now + float(view.cost_s[row]), begun, trial, row))
            begun += 1
        now, _, trial, row = heapq.heappop(running)
        study.tell(trial, float(view.validation[row]))
        rows.append(row)
    return rows, now


def main() -> None:
    """Run the searches and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--workers", default="1,4,8")
    parser.add_argument("--methods", default="random,evolution,group-bo")
    parser.add_argument("--objective", default="nasbench201?dataset=cifar10&signal=200")
    parser.add_argument("--out", type=Path, help="CSV file of the table")
    arguments = parser.parse_args()
    embedding = structure_embedding(get_space("nasbench201"))
    objective = resolve_objective(arguments.objective)
    assert isinstance(objective, LookupObjective)
    view = objective.view(embedding)
    table: list[list[object]] = [
        [
            "method",
            "workers",
            "runs",
            "evaluations",
            "validation",
            "test",
            "test, standard error",
            "time, share of 1",
            "s",
        ]
    ]
    print(*table[0], sep="\t", flush=True)
    for name in arguments.methods.split(","):
        alone: float | None = None
        for workers in map(int, arguments.workers.split(",")):
            started, found, ends = time.process_time(), [], []
            for seed in range(arguments.runs):
                rows, end = (
                    tpe(embedding, view, seed, workers, arguments.budget)
                    if name == "optuna-tpe"
                    else ours(name, embedding, view, seed, workers, arguments.budget)
                )
                found.append(rows)
                ends.append(end)
            alone = float(np.mean(ends)) if alone is None else alone
            for cut in (25, 50, 100):
                if cut > arguments.budget:
                    continue
                best = [rows[int(np.argmax(view.validation[rows[:cut]]))] for rows in found]
                test = view.test[best]
                line: list[object] = [name, workers, len(found), cut]
                line += [f"{view.validation[best].mean():.3f}", f"{test.mean():.3f}"]
                line += [f"{test.std(ddof=1) / np.sqrt(len(found)):.3f}", f"{np.mean(ends) / alone:.3f}"]
                line.append(f"{(time.process_time() - started) / len(found):.2f}")
                table.append(line)
                print(*line, sep="\t", flush=True)
    if arguments.out is not None:
        with arguments.out.open("w", newline="") as file:
            csv.writer(file).writerows(table)


if __name__ == "__main__":
    main()
