"""What makes proxies of many architectures cheap, measured side by side on one core (two for processes).

Run with ``python bench/proxies.py [architectures]``, by default 6 random cells of
NAS-Bench-201, on networks small and as published. Printed are processor seconds an
architecture and ratios of what is compared, both measured in turns:

* each proxy by itself, and all of them from shared passes;
* gradients of networks of *the same* cell one after the other, and batched with
  ``torch.func.vmap``: the most that batching over architectures could give, as different cells
  have no common structure to batch over;
* one process and two, wall-clock.

Measured in processor time: shared passes are 2.2 to 3.0 times as fast; batching eight
networks of one cell 1.3 times with 8 channels and one cell a stage, and not at all as published.
So passes are shared, and processes are used for many architectures.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional

from arch2vec.proxies.networks import SpaceBuild, Streams, make_batch
from arch2vec.proxies.registry import PROXIES, evaluate
from arch2vec.proxies.settings import ProxySetting
from arch2vec.proxies.table import compute_table
from arch2vec.spaces.nasbench201.space import NASBench201

SPACE, BUILD = NASBench201(), SpaceBuild("nasbench201")
SETTINGS = {
    "digits, 8 channels, 1 cell a stage": (ProxySetting(channels=8, cells=1), 60),
    "digits, as published": (ProxySetting(), 10),
    "random, as published": (ProxySetting("random"), 2),
}
"""What is measured, and for how many times as many architectures in processes."""


def side_by_side(works: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Mean processor seconds of each work, taken in turns."""
    seconds = dict.fromkeys(works, 0.0)
    for _ in range(turns):
        for name, work in works.items():
            started = time.thread_time()
            work()
            seconds[name] += (time.thread_time() - started) / turns
    return seconds


def shared_passes(setting: ProxySetting, architectures: list[str]) -> None:
    batch, streams = make_batch(setting), Streams.of(setting)
    totals: dict[str, float] = {}
    rest = [name for name in PROXIES if name != "grasp"]
    for architecture in architectures:
        network = BUILD(architecture, setting, streams.weights)

        def alone(name: str, network: nn.Module = network) -> Callable[[], object]:
            return lambda: PROXIES[name](network, batch.pixels, batch.labels)

        works = {name: alone(name) for name in PROXIES}
        works["together"] = lambda network=network: evaluate(network, batch.pixels, batch.labels)  # type: ignore[misc]
        works["all but grasp"] = lambda network=network: evaluate(network, batch.pixels, batch.labels, rest)  # type: ignore[misc]
        for name, seconds in side_by_side(works, turns=1).items():
            totals[name] = totals.get(name, 0.0) + seconds / len(architectures)
    apart = sum(totals[name] for name in PROXIES)
    print("  " + ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in totals.items()))
    print(f"  each by itself {1000 * apart:.0f} ms, together {apart / totals['together']:.2f} times as fast")


def batched_networks(setting: ProxySetting, architecture: str, count: int = 8) -> None:
    batch = make_batch(setting)
    networks = [BUILD(architecture, setting, seed) for seed in range(count)]
    parameters, buffers = stack_module_state(networks)

    def loss(weights: dict[str, Tensor], statistics: dict[str, Tensor]) -> Tensor:
        return functional.cross_entropy(functional_call(networks[0], (weights, statistics), batch.pixels), batch.labels)

    def one_by_one() -> None:
        for network in networks:
            value = functional.cross_entropy(network(batch.pixels), batch.labels)
            torch.autograd.grad(value, list(network.parameters()), allow_unused=True)

    works = {"one by one": one_by_one, "batched": lambda: vmap(grad(loss))(parameters, buffers)}
    side_by_side(works, turns=1)  # warm up
    seconds = side_by_side(works, turns=3)
    ratio = seconds["one by one"] / seconds["batched"]
    print(f"  gradients of {count} networks of the same cell, batched {ratio:.2f} times as fast as one by one")


def processes(setting: ProxySetting, architectures: list[str]) -> None:
    wall: dict[int, float] = {}
    for workers in (1, 2):
        started = time.perf_counter()
        compute_table(SPACE, architectures, None, setting, workers=workers)
        wall[workers] = time.perf_counter() - started
    ratio = wall[1] / wall[2]
    print(f"  {len(architectures)} architectures: {wall[1]:.1f} s, with two processes {ratio:.2f} times as fast")


def main(count: int) -> None:
    torch.set_num_threads(1)
    architectures = SPACE.format(SPACE.sample(count, np.random.default_rng(0)))
    edges = np.ones((1, 6), dtype=np.uint8)
    (convolutions,) = SPACE.format(SPACE.from_edge_operations(edges))
    for name, (setting, times) in SETTINGS.items():
        print(name)
        shared_passes(setting, architectures)
        if setting.batch == "digits":
            batched_networks(setting, convolutions)
        # Starting a process takes seconds, so there have to be enough networks.
        processes(setting, SPACE.format(SPACE.sample(times * count, np.random.default_rng(1))))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
