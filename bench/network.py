"""A network on graphs that is shown the structure too, alone and averaged with what the structure is worth by itself.

    python bench/network.py OUT.csv [--labels 4236] [--draws 1] [--seed 0] [--members 4] [--size wide]

Messages go along and against the edges with weights of their own; what the vertices sum up to, their maximum and the
output's state stand beside the structure vector before the last layers. Labels are normal scores, the loss is of
squares, and no label chooses an epoch. Kendall's tau on ``--cells`` other random architectures, the same for all lines:
``groups`` and ``groups+trees`` are the predictors of ``arch2vec experiment representations``, ``network N`` is one
member, ``networks`` the mean of all, ``groups+trees+networks`` the mean of both halves. A draw is added to OUT.csv as
soon as it is measured, and not measured again.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau
from torch import Tensor, nn
from torch.nn import functional

from arch2vec import benchmarks
from arch2vec.common.threads import thread_count
from arch2vec.graphs import GraphBatch
from arch2vec.models.inputs import GraphStore
from arch2vec.representations.ready import structure_embedding
from arch2vec.spaces import SearchSpace, get_space
from arch2vec.surrogates.predictors import extra_trees, grouped_process
from arch2vec.surrogates.ranks import normal_scores

COLUMNS = {
    "nasbench101": "test_accuracy_108",
    "nasbench201": "c10_test_200_nats",
    "nasbench301-surrogate": "surrogate_accuracy",
}
DROPOUT, BATCH = 0.1, 128
FARTHEST = 6.0  # deviations that a number of the structure is away from the mean, at most

Values = NDArray[np.float64]


class Size(NamedTuple):
    """A network's shape and training."""

    width: int
    layers: int
    rate: float
    decay: float
    epochs: int


SIZES = {"small": Size(64, 3, 2e-3, 1e-2, 25), "wide": Size(128, 4, 1.5e-3, 5e-2, 40)}


class Network(nn.Module):
    """One number an architecture, from its graph and its structure."""

    def __init__(self, size: Size, operations: int, outputs: list[int], numbers: int) -> None:
        super().__init__()
        self.outputs = outputs
        width, layers = size.width, range(size.layers)
        self.first = nn.Linear(operations + 2, width)
        self.own = nn.ModuleList(nn.Linear(width, width) for _ in layers)
        self.along = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in layers)
        self.against = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in layers)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in layers)
        self.last = nn.Sequential(
            nn.Linear(3 * width + numbers, 128),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )

    def forward(self, operations: Tensor, edges: Tensor, structure: Tensor) -> Tensor:
        """(B,) from (B, V, K) operations one-hot, (B, V, V) edges and (B, D) numbers."""
        there = operations.sum(2, keepdim=True)
        degrees = torch.stack([edges.sum(1), edges.sum(2)], 2) / 3
        state = self.first(torch.cat([operations, degrees], 2))
        back = edges.transpose(1, 2)
        for own, along, against, norm in zip(self.own, self.along, self.against, self.norms, strict=True):
            state = state + functional.relu(norm(own(state) + back @ along(state) + edges @ against(state)))
        ends = operations[:, :, self.outputs].sum(2, keepdim=True)
        pools = [
            (state * there).sum(1) / there.shape[1],
            (state - 1e4 * (1 - there)).amax(1),
            (state * ends).sum(1),
        ]
        return self.last(torch.cat([*pools, structure], 1)).squeeze(1)


def predicted(
    store: GraphStore, outputs: list[int], structure: Tensor, values: Values, size: Size, seed: int
) -> Values:
    """What a network that learned the first architectures, whose values are given, says of the others."""
    torch.manual_seed(seed)
    count = len(values)
    network = Network(size, store.num_operations, outputs, structure.shape[1])
    optimizer = torch.optim.AdamW(network.parameters(), lr=size.rate, weight_decay=size.decay)
    batch = min(BATCH, max(8, count // 8))
    steps = size.epochs * math.ceil(count / batch)

    def rate(step: int) -> float:
        return min(1.0, step / (0.05 * steps + 1)) * 0.5 * (1 + math.cos(math.pi * step / steps))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    targets = torch.from_numpy(values).float()
    for _ in range(size.epochs):
        for rows in torch.split(torch.randperm(count), batch):
            graphs = store.expand(rows)
            loss = functional.mse_loss(network(graphs.X, graphs.A, structure[rows]), targets[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    network.eval()
    parts = []
    with torch.no_grad():
        for rows in torch.split(torch.arange(count, len(structure)), 512):
            graphs = store.expand(rows)
            parts.append(network(graphs.X, graphs.A, structure[rows]))
    return torch.cat(parts).double().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.csv")
    parser.add_argument("--space", choices=sorted(COLUMNS), default="nasbench101")
    parser.add_argument("--labels", default="4236", help="numbers of labels, separated by commas")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the first draw (default 0)")
    parser.add_argument("--cells", type=int, default=5000, help="architectures predicted (default 5000)")
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--size", choices=list(SIZES), default="small", help="of networks (default small)")
    arguments = parser.parse_args()
    table = benchmarks.load(arguments.space)
    space, truth = get_space(table.space), np.asarray(table.column(COLUMNS[arguments.space]))
    fields = ["space", "labels", "seed", "size", "members", "vector", "tau", "seconds"]
    known: set[tuple[str, ...]] = set()
    if arguments.out.exists():
        with arguments.out.open(newline="") as file:
            known = {tuple(row[field] for field in fields[:5]) for row in csv.DictReader(file)}
    for labels in map(int, arguments.labels.split(",")):
        for seed in range(arguments.seed, arguments.seed + arguments.draws):
            key = tuple(map(str, (arguments.space, labels, seed, arguments.size, arguments.members)))
            if key in known:
                continue
            rows = np.random.default_rng([seed, labels]).permutation(len(truth))[: labels + arguments.cells]
            graphs = space.parse([table.architectures[row] for row in rows.tolist()])
            with thread_count(1):
                found = measured(space, graphs, truth[rows], labels, seed, arguments.members, arguments.size)
            new = not arguments.out.exists()
            with arguments.out.open("a", newline="") as file:
                writer = csv.writer(file)
                if new:
                    writer.writerow(fields)
                for vector, (tau, seconds) in found.items():
                    writer.writerow([*key, vector, f"{tau:.4f}", f"{seconds:.1f}"])
                    print(*key, f"{vector:22} tau {tau:.4f}  {seconds:.0f} s", flush=True)


def measured(
    space: SearchSpace, graphs: GraphBatch, truth: Values, labels: int, seed: int, members: int, size: str
) -> dict[str, tuple[float, float]]:
    """Kendall's tau and processor seconds of every line."""
    embedding = structure_embedding(space, graphs)
    vectors, groups = embedding.vectors, embedding.groups
    assert groups is not None
    actual, scores = truth[labels:], normal_scores(truth[:labels])
    found: dict[str, tuple[float, float]] = {}

    def timed(name: str, make: Callable[[], Values]) -> Values:
        started = time.process_time()
        values = make()
        found[name] = float(kendalltau(values, actual).statistic), time.process_time() - started
        return values

    smooth = timed("groups", lambda: grouped_process(vectors[:labels], scores, vectors[labels:], seed, groups))
    steps = timed("trees", lambda: extra_trees(vectors[:labels], scores, vectors[labels:], seed, groups))
    both = timed("groups+trees", lambda: (2 * smooth + steps) / 3)
    spread = vectors.std(axis=0)
    shown = (vectors - vectors.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)
    structure = torch.from_numpy(shown.astype(np.float32)).clamp(-FARTHEST, FARTHEST)
    store, outputs = GraphStore(graphs, space.num_operations, torch.device("cpu")), list(space.roles.outputs)
    train = partial(predicted, store, outputs, structure, scores, SIZES[size])
    each = [timed(f"network {member}", partial(train, member)) for member in range(members)]
    mean = timed("networks", lambda: np.mean(each, axis=0))
    timed("groups+networks", lambda: (smooth + mean) / 2)
    timed("groups+trees+networks", lambda: (both + mean) / 2)
    return found


if __name__ == "__main__":
    main()
