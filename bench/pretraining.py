"""How long pre-training takes, where the time goes, and how far that is from what the arithmetic needs.

    python bench/pretraining.py [--space nasbench201] [--graphs N] [--epochs 2] [--baseline] [--growth [N,N,...]]

Everything printed is measured side by side in this one run. ``--baseline`` adds the plain way of doing the same:
ordinary parameters, a batch expanded at a time, draws from the prior decoded and hashed one by one. ``--growth``
measures an epoch of 10, 20 and 40 thousand graphs instead, or of the numbers given: how training grows from 10
to 400 thousand cells of NAS-Bench-101 is

    python bench/pretraining.py --space nasbench101 --growth 10000,40000,100000,400000
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import module_hash
from arch2vec.models.autoencoder import PRECISIONS, GraphAutoencoder, ModelConfig
from arch2vec.models.inputs import GraphStore
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain, split
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


def growth(space: SearchSpace, sizes: Sequence[int], config: PretrainConfig, rate: float) -> None:
    """Print what one epoch takes at each number of graphs, and how that grows from one to the next."""
    print(f"{space.name}, one epoch at batch {config.batch_size}, {config.precision}:")
    print("     graphs   training  cells/s  of product rate  grows as  metrics  largest resident set")
    before: tuple[int, float] | None = None
    for size in sizes:
        graphs = space.sample(size, np.random.default_rng(0))
        last = pretrain(space, replace(config, epochs=1), graphs=graphs, device="cpu").training["last_epoch"]
        trained, cells = last["seconds_training"], len(split(graphs, config)[0])
        share = 3 * multiply_adds(space, config.model) * cells / rate / trained
        power = "" if before is None else f"n^{np.log(trained / before[1]) / np.log(size / before[0]):.2f}"
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{size:11,}{trained:9.1f} s{cells / trained:9,.0f}{share:15.0%}{power:>12}"
            f"{last['seconds_measuring']:7.1f} s{resident:10.2f} GiB",
            flush=True,
        )
        before = size, trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="nasbench201")
    parser.add_argument("--graphs", type=int, help="a sample of so many graphs instead of all")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--protocol", default="paper")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--baseline", action="store_true")
    parser.add_argument("--growth", nargs="?", const="10000,20000,40000", metavar="N,N,...")
    arguments = parser.parse_args()

    space = get_space(arguments.space)
    config = PretrainConfig(
        protocol=arguments.protocol,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        threads=arguments.threads,
        processes=arguments.processes,
        precision=arguments.precision,
        compile=arguments.compile,
    )
    rate = product_rate(config.batch_size * space.num_vertices, config.model.hidden)
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"matrix products at the training's shape, float32: {2 * rate / 1e9:.0f} GFLOP/s")
    if arguments.growth is not None:
        growth(space, [int(size) for size in arguments.growth.split(",")], config, rate)
        return

    sample = arguments.graphs is not None or not space.enumerable
    rng = np.random.default_rng(0)
    graphs = space.sample(arguments.graphs or 600_000, rng) if sample else space.enumerate()
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
        f"threads {config.threads or 'by default'}, processes {config.processes}, {config.precision}"
        f"{', compiled' if config.compile else ''}:"
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
