"""How long pre-training takes, where the time goes, and how far that is from what the arithmetic needs.

    python bench/pretraining.py [--space nasbench201] [--graphs N] [--epochs 2] [--baseline]

Everything printed is measured side by side in this one run. ``--baseline`` adds the plain way of doing the same:
ordinary parameters, a batch expanded at a time, draws from the prior decoded and hashed one by one.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

from arch2vec.fingerprints import module_hash
from arch2vec.graphs import GraphBatch
from arch2vec.models.autoencoder import GraphAutoencoder, ModelConfig
from arch2vec.models.inputs import GraphStore
from arch2vec.pretraining import PretrainConfig, pretrain, split
from arch2vec.spaces import SearchSpace, get_space


def multiply_adds(space: SearchSpace, config: ModelConfig) -> int:
    """Multiply-adds of one graph's forward pass, matrix products only."""
    V, widths = space.num_vertices, [space.num_operations] + [config.hidden] * config.layers
    layers = sum(V * V * i + V * i * o + V * o * o for i, o in pairwise(widths))
    heads = 2 * V * config.hidden * config.latent
    return layers + heads + V * config.latent * space.num_operations + V * V * config.latent


def product_rate(rows: int, width: int) -> float:
    """Multiply-adds a second of (rows, width) @ (width, width), the training's own shape, best of five."""
    a, b = torch.randn(rows, width), torch.randn(width, width)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(300):
            torch.mm(a, b)
        best = min(best, (time.perf_counter() - started) / 300)
    return rows * width * width / best


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def plain_epoch(space: SearchSpace, graphs: GraphBatch, config: PretrainConfig) -> tuple[float, float]:
    """Seconds of one epoch and of one validity check, done the plain way."""
    generator = torch.Generator().manual_seed(0)
    model = GraphAutoencoder(config.model, space.num_operations, generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, foreach=False)
    store = GraphStore(graphs, space.num_operations, torch.device("cpu"))

    def train() -> None:
        for rows in torch.split(torch.randperm(len(store), generator=generator), config.batch_size):
            optimizer.zero_grad()
            loss = model.loss(store.expand(rows), 1 / (32 * space.num_vertices), "sigmoid", generator).total
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip, foreach=False)
            optimizer.step()
            loss.item()

    def check() -> None:
        model.eval()
        seen = set()
        for _ in range(10_000):
            Z = torch.randn(1, space.num_vertices, config.model.latent, generator=generator)
            ops, adjacency = model.decode(Z)
            graph = GraphBatch(ops.numpy(), adjacency.numpy())
            if space.is_valid_as_released(graph)[0]:
                seen.add(module_hash(graph.adjacency[0], graph.ops[0].tolist()))

    return timed(train), timed(check)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="nasbench201")
    parser.add_argument("--graphs", type=int, help="a sample of so many graphs instead of all")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--protocol", default="paper")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--baseline", action="store_true")
    arguments = parser.parse_args()

    space = get_space(arguments.space)
    sample = arguments.graphs is not None or not space.enumerable
    rng = np.random.default_rng(0)
    graphs = space.sample(arguments.graphs or 600_000, rng) if sample else space.enumerate()
    config = PretrainConfig(
        protocol=arguments.protocol,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        threads=arguments.threads,
    )
    rate = product_rate(config.batch_size * space.num_vertices, config.model.hidden)
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"matrix products at the training's shape: {2 * rate / 1e9:.0f} GFLOP/s")

    total = time.perf_counter()
    encoder = pretrain(space, config, graphs=graphs, device="cpu")
    total = time.perf_counter() - total
    last = encoder.training["last_epoch"]
    training, _ = split(graphs, config)
    cells = len(training)
    forward = multiply_adds(space, config.model)
    floor = 3 * forward * cells / rate  # backward costs twice the forward pass
    trained, measured = last["seconds_training"], last["seconds_measuring"]
    print(
        f"{space.name}, {len(graphs):,} graphs, protocol {config.protocol}, batch {config.batch_size}, "
        f"threads {config.threads or 'by default'}:"
    )
    print(f"  {config.epochs} epochs with metrics:         {total:8.2f} s")
    print(f"  training, the last epoch:      {trained:8.2f} s  {cells / trained:10,.0f} cells a second")
    print(f"  its matrix products need:      {floor:8.2f} s  {100 * floor / trained:9.0f} % of that")
    print(f"  metrics, 10,000 prior draws:   {measured:8.2f} s")
    encoder.vectors(graphs[:1000])
    seconds = min(timed(lambda: encoder.vectors(graphs)) for _ in range(3))
    print(f"  embedding all:                 {seconds:8.2f} s, its products need {forward * len(graphs) / rate:.2f} s")
    print(f"  largest resident set:          {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:8.2f} GiB")
    if arguments.baseline:
        plain, check = plain_epoch(space, training, config)
        print(f"  the plain way, same epoch:     {plain:8.2f} s + {check:.2f} s for the validity check:")
        print(f"  ratio:                         {(plain + check) / (trained + measured):8.2f}")


if __name__ == "__main__":
    main()
