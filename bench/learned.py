"""Whether a learned vector is worth its training: departures from the paper's model, beside vectors that cost nothing.

    python bench/learned.py [--space nasbench201] [--sample N] [--epochs 5] [--draws 10] [--only "A;B"] [--out FILE]

Every model learns from graphs alone. Its vectors then predict accuracies: a Gaussian process is shown N labels as
normal scores, and Kendall's tau compares its means with the accuracies of all architectures; for the lines "weighed" it
is the one that weighs groups of numbers, the learned ones being a group. Draws of labels are
paired: all vectors see the same. A line appears as soon as it is measured; ``--out`` adds it to a CSV file, and what
that has already is not measured again.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau

from arch2vec import benchmarks
from arch2vec.encoder import Encoder
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.flow import random_flow
from arch2vec.graphs.function import function_graphs
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.pretraining.data import training_data
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain
from arch2vec.pretraining.recipe import short_config
from arch2vec.pretraining.run import PretrainingRun
from arch2vec.pretraining.settings import default_activation
from arch2vec.representations.discrete import adjacency_one_hot
from arch2vec.representations.features import Groups
from arch2vec.representations.structure import structure
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.surrogates.predictors import gaussian_process, grouped_process
from arch2vec.surrogates.ranks import normal_scores

LABELS = (16, 100, 424)
COLUMNS = {
    "nasbench201": "c10_test_200_nats",
    "nasbench101": "test_accuracy_108",
    "nasbench301-surrogate": "surrogate_accuracy",
}

PAPER = PretrainConfig()
ALL = PretrainConfig(
    model=ModelConfig(directed=True, function_graph=True, mask=0.15, latent=32),
    pools="mean,max,min",
    targets="structure",
)
MODELS: dict[str, PretrainConfig] = {
    "paper": PAPER,
    "+ function graph": PretrainConfig(model=ModelConfig(function_graph=True)),
    "+ directed": PretrainConfig(model=ModelConfig(directed=True)),
    "+ pools mean, max, min": PretrainConfig(pools="mean,max,min"),
    "+ targets structure": PretrainConfig(targets="structure"),
    "+ targets flow": PretrainConfig(targets="flow"),
    "+ targets costs": PretrainConfig(targets="costs"),
    "+ targets rank:synflow": PretrainConfig(targets="rank:synflow"),
    "+ targets flow, rank:synflow": PretrainConfig(targets="flow,rank:synflow"),
    "+ targets structure, flow": PretrainConfig(targets="structure,flow"),
    "+ targets structure, flow, rank:synflow": PretrainConfig(targets="structure,flow,rank:synflow"),
    "+ mask 0.15": PretrainConfig(model=ModelConfig(mask=0.15)),
    "+ latent 32": PretrainConfig(model=ModelConfig(latent=32)),
    "all": ALL,
    "function graph, targets": PretrainConfig(model=ModelConfig(function_graph=True), targets="structure"),
    "all but mask": replace(ALL, model=replace(ALL.model, mask=0.0)),
    "all but mask, sums": replace(ALL, model=replace(ALL.model, mask=0.0), pools="sum,max,min"),
    "all but mask, weight 10": replace(ALL, model=replace(ALL.model, mask=0.0), target_weight=10.0),
}
SHORT = "paper, by the short recipe"
"""The paper's model, trained as :func:`arch2vec.pretraining.recipe.short_config` says, in its own number of epochs."""

Vectors = NDArray[np.floating]
Made = tuple[Vectors, Groups | None, tuple[float, float]]
"""Vectors, their groups where these are weighed, and the seconds of pre-training and of embedding."""


def untrained(space: SearchSpace, graphs: GraphBatch, config: PretrainConfig) -> Encoder:
    """A model with its first weights."""
    config = replace(config, activation=default_activation(config.protocol, space.num_operations))
    return PretrainingRun(
        space, config, training_data(space, config, graphs, torch.device("cpu")), torch.device("cpu")
    ).encoder()


def standardised(values: Vectors) -> Vectors:
    """Columns with mean 0 and deviation 1; constant ones are left out."""
    deviation = values.std(axis=0)
    kept = deviation > 1e-6
    return (values[:, kept] - values[:, kept].mean(axis=0)) / deviation[kept]


def taus(vectors: Vectors, groups: Groups | None, truth: NDArray[np.float64], labels: int, draws: int) -> list[float]:
    """Kendall's tau on all architectures, draw by draw, with groups of numbers weighed where they are named."""
    found = []
    for draw in range(draws):
        rows = np.random.default_rng([draw, labels]).choice(len(truth), size=labels, replace=False)
        if groups is not None:
            predicted = grouped_process(vectors[rows], truth[rows], vectors, draw, groups)
        else:
            predicted = gaussian_process(vectors[rows], normal_scores(truth[rows]), vectors, draw, ())
        found.append(float(kendalltau(predicted, truth).statistic))
    return found


class Table:
    """Lines, printed and kept as they are measured."""

    FIELDS = ("vector", "numbers", "pretraining_s", "embedding_s", *(f"{s}_{n}" for n in LABELS for s in ("tau", "se")))

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.known: set[str] = set()
        if path is not None and path.exists():
            with path.open(newline="") as file:
                self.known = {row["vector"] for row in csv.DictReader(file)}
        print(f"{'vector':42}{'numbers':>8}{'train s':>9}{'embed s':>9}" + "".join(f"{n:>16}" for n in LABELS))

    def add(self, name: str, numbers: int, seconds: tuple[float, float], found: list[list[float]]) -> None:
        """Mean and standard error of every number of labels; seconds are of pre-training and of embedding all."""
        means = [(float(np.mean(each)), float(np.std(each, ddof=1) / len(each) ** 0.5)) for each in found]
        line = f"{name:42}{numbers:8}{seconds[0]:9.1f}{seconds[1]:9.2f}"
        print(line + "".join(f"{mean:9.3f} ± {error:.3f}" for mean, error in means), flush=True)
        if self._path is not None:
            new = not self._path.exists()
            with self._path.open("a", newline="") as file:
                writer = csv.writer(file)
                if new:
                    writer.writerow(self.FIELDS)
                values = [f"{value:.4f}" for pair in means for value in pair]
                writer.writerow([name, numbers, f"{seconds[0]:.1f}", f"{seconds[1]:.2f}", *values])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", choices=COLUMNS, default="nasbench201")
    parser.add_argument("--sample", type=int, metavar="N", help="N architectures of the table instead of all")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the models")
    parser.add_argument("--only", help="vectors to measure, separated by semicolons")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    benchmark = benchmarks.load(arguments.space)
    space = get_space(benchmark.space)
    truth = benchmark.column(COLUMNS[arguments.space])
    rows = np.flatnonzero(np.isfinite(truth))
    if arguments.sample is not None:
        rows = np.sort(np.random.default_rng(0).choice(rows, size=arguments.sample, replace=False))
    truth, names = truth[rows], benchmark.architectures
    graphs = space.parse([names[row] for row in rows.tolist()])
    learned: dict[str, Vectors] = {}

    def encoded(name: str, trained: bool) -> Made:
        if name == SHORT:
            config = short_config(space, graphs=len(graphs), seed=arguments.seed)
        else:
            config = replace(MODELS[name], epochs=arguments.epochs, seed=arguments.seed)
        started = time.perf_counter()
        encoder = pretrain(space, config, graphs=graphs, device="cpu") if trained else untrained(space, graphs, config)
        done = time.perf_counter()
        vectors = encoder.vectors(graphs)
        if trained:
            learned[name] = vectors
        seconds = (done - started if trained else 0.0, time.perf_counter() - done)
        return standardised(vectors), None, seconds

    def counted(*groups: str) -> Made:
        started = time.perf_counter()
        values = structure(graphs, space, groups or None).values
        return standardised(values), None, (0.0, time.perf_counter() - started)

    def one_hot() -> Made:
        started = time.perf_counter()
        values = adjacency_one_hot(graphs, space)
        return standardised(values), None, (0.0, time.perf_counter() - started)

    def flows() -> Made:
        started = time.perf_counter()
        values = random_flow(function_graphs(graphs, space.roles.skip, space.roles.zero), space.num_operations)
        return standardised(values), None, (0.0, time.perf_counter() - started)

    def weighed(structural: Sequence[str], name: str | None) -> Made:
        """Groups of structure, and a learned vector as one more; its seconds are told on its own line."""
        known = structure(graphs, space, structural or None)
        if name is None:
            return known.values, known.groups, (0.0, 0.0)
        vectors = learned[name] if name in learned else encoded(name, True)[0]
        return (
            np.concatenate([known.values, vectors], axis=1),
            (*known.groups, ("learned", vectors.shape[1])),
            (0.0, 0.0),
        )

    makers: dict[str, Callable[[], Made]] = {
        "one-hot": one_hot,
        "flow": flows,
        "structure: paths": partial(counted, "paths"),
        "structure: paths, walks": partial(counted, "paths", "walks"),
        "structure: all groups": counted,
        "paper, untrained": partial(encoded, "paper", False),
        "all, untrained": partial(encoded, "all", False),
        **{name: partial(encoded, name, True) for name in (*MODELS, SHORT)},
        "weighed: paths": partial(weighed, ("paths",), None),
        "weighed: paths, learned (all)": partial(weighed, ("paths",), "all"),
        "weighed: structure": partial(weighed, (), None),
        "weighed: structure, learned (all)": partial(weighed, (), "all"),
    }
    chosen = list(makers) if arguments.only is None else arguments.only.split(";")
    print(f"{space.name}, {len(graphs):,} architectures, {arguments.epochs} epochs, {arguments.draws} draws of labels")
    table = Table(arguments.out)
    for name in chosen:
        if name in table.known:
            continue
        vectors, groups, seconds = makers[name]()
        found = [taus(vectors, groups, truth, labels, arguments.draws) for labels in LABELS]
        table.add(name, vectors.shape[1], seconds, found)


if __name__ == "__main__":
    main()
