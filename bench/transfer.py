"""What a search gains from what was evaluated elsewhere: on another data set of its space, or in another space.

    python bench/transfer.py OUT [--pairs A,B] [--runs 30] [--budget 16] [--labels 100]

A process is fitted to ``--labels`` random architectures of the source, drawn five times, and what it expects is one
group of numbers more for ``group-bo`` (:mod:`arch2vec.representations.transfer`). Variants: ``none`` is the method as
it is; ``prior`` takes over the weights and lengths of groups alone; ``expected`` has the group and begins at random;
``expected, first`` begins with the architectures that most is expected of, as the method does by itself; ``source's
best`` evaluates those, in order, and learns nothing. OUT/transfer.csv has a line for each: the best signal so far, what
is reported of that architecture, and the share of runs that have found the best signal of the table.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arch2vec import benchmarks
from arch2vec.common.threads import thread_count
from arch2vec.representations.ready import structure_embedding
from arch2vec.representations.transfer import with_transfer
from arch2vec.searching.group_bo import GroupedBayesianOptimization
from arch2vec.searching.vectors import grouped_vectors
from arch2vec.spaces import get_space
from arch2vec.surrogates.by_groups import process_for
from arch2vec.surrogates.ranks import normal_scores

COLUMNS = {  # the signal, and what is reported of what was found
    "cifar10": ("nasbench201", "c10valid_val_12", "c10_test_200_nats"),
    "cifar100": ("nasbench201", "c100_val_200", "c100_test_200"),
    "imagenet16-120": ("nasbench201", "in16_val_200", "in16_test_200"),
    "nasbench101": ("nasbench101", "test_accuracy_108", "test_accuracy_108"),
    "darts": ("nasbench301-surrogate", "surrogate_accuracy", "surrogate_accuracy"),
}
PAIRS = (
    "cifar10>cifar100",
    "cifar10>imagenet16-120",
    "nasbench101>cifar10",
    "nasbench101>cifar100",
    "nasbench101>darts",
)
VARIANTS = ("none", "prior", "expected", "expected, first", "source's best")
SHOWN = (5, 8, 12, 16, 25, 50)
_DRAWS = 5  # of labels; runs take turns
_SOURCE = 5_000  # architectures of a source too large to be listed at once


class AtRandom(GroupedBayesianOptimization):
    """Has the group, and begins as if there was none."""

    def draw(self, n: int) -> list[int]:
        """As every search draws."""
        return super(GroupedBayesianOptimization, self).draw(n)


class Place:
    """Architectures of a table with their signal and what is reported."""

    def __init__(self, name: str) -> None:
        table, signal, reported = COLUMNS[name]
        benchmark = benchmarks.load(table)
        self.signal, self.reported = benchmark.column(signal), benchmark.column(reported)
        rows = np.arange(len(self.signal))
        if len(rows) > 20_000:
            rows = np.sort(np.random.default_rng(0).choice(rows, size=_SOURCE, replace=False))
            self.signal, self.reported = self.signal[rows], self.reported[rows]
        space = get_space(benchmark.space)
        graphs = space.parse([benchmark.architectures[row] for row in rows.tolist()])
        self.embedding = structure_embedding(space, graphs)


def searches(variant: str, target: Place, source: Place, runs: int, labels: int) -> list[GroupedBayesianOptimization]:
    made: list[GroupedBayesianOptimization] = []
    for draw in range(min(_DRAWS, runs)):
        rows = np.random.default_rng([draw, 1]).choice(len(source.signal), size=labels, replace=False)
        embedding, surrogate, method = target.embedding, None, GroupedBayesianOptimization
        if variant == "prior":
            there = grouped_vectors(source.embedding)
            process = process_for(there.groups)
            prior = process.posterior(there.vectors[rows], normal_scores(source.signal[rows]))
            here = process_for(grouped_vectors(target.embedding).groups)
            if len(here.terms) != len(process.terms):  # spaces of other groups have other parameters
                return []
            surrogate = type(here)(here.sizes, here.terms, here.tokens, prior)
        elif variant != "none":
            embedding = with_transfer(embedding, source.embedding, rows.tolist(), source.signal[rows].tolist())
            method = AtRandom if variant == "expected" else method
        made += [method(embedding, seed=run, surrogate=surrogate) for run in range(draw, runs, _DRAWS)]
    for search in made if variant == "source's best" else []:
        search.initial = len(search.embedding)
    return made


def trace(methods: list[GroupedBayesianOptimization], target: Place, budget: int) -> NDArray[np.float64]:
    """(runs, budget, 2) the best signal so far, and what is reported of that architecture."""
    found = np.empty((len(methods), budget, 2))
    for run, method in enumerate(methods):
        best = (-np.inf, np.nan)
        for step in range(budget):
            (candidate,) = method.ask()
            value = float(target.signal[candidate.index])
            method.tell([candidate], [value])
            best = max(best, (value, float(target.reported[candidate.index])))
            found[run, step] = best
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--pairs", default=",".join(PAIRS))
    parser.add_argument("--variants", default=";".join(VARIANTS))
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--budget", type=int, default=16)
    parser.add_argument("--labels", type=int, default=100)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "transfer.csv"
    shown = [count for count in SHOWN if count <= arguments.budget]
    fields = ["source", "target", "labels", "variant", "runs"]
    fields += [f"{what}_{count}" for count in shown for what in ("signal", "signal_std", "reported", "optimum_share")]
    rows: list[dict[str, str]] = []
    if path.exists():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    done = {(row["source"], row["target"], row["labels"], row["variant"]) for row in rows}
    places: dict[str, Place] = {}
    with thread_count(1):
        for pair in arguments.pairs.split(","):
            one, other = pair.split(">")
            for variant in arguments.variants.split(";"):
                if (one, other, str(arguments.labels), variant) in done:
                    continue
                source, target = (places.setdefault(name, places.get(name) or Place(name)) for name in (one, other))
                methods = searches(variant, target, source, arguments.runs, arguments.labels)
                if not methods:
                    continue
                found = trace(methods, target, arguments.budget)
                row = dict(zip(fields, [one, other, arguments.labels, variant, arguments.runs], strict=False))
                for count in shown:
                    at = found[:, count - 1]
                    row[f"signal_{count}"] = f"{at[:, 0].mean():.3f}"
                    row[f"signal_std_{count}"] = f"{at[:, 0].std(ddof=1):.3f}"
                    row[f"reported_{count}"] = f"{at[:, 1].mean():.3f}"
                    row[f"optimum_share_{count}"] = f"{(at[:, 0] >= np.nanmax(target.signal)).mean():.2f}"
                rows.append({key: str(value) for key, value in row.items()})
                print(rows[-1], flush=True)
                with path.open("w", newline="") as file:
                    writer = csv.DictWriter(file, fields, restval="")
                    writer.writeheader()
                    writer.writerows(rows)


if __name__ == "__main__":
    main()
