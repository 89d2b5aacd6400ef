"""The fast setting of pre-training side by side with a plain loop of the method: seconds, quality, and the ratio.

    python bench/fast_pretraining.py [--space nasbench201] [--graphs N] [--epochs 10] [--draws 10000] [--part SHARE]

The plain loop is written as the method is usually written down: an ordinary PyTorch module on dense one-hot
matrices, batches of 32 collated from single graphs in Python, Adam in its own loop, and after every epoch a
check of validity in which each draw from the prior is decoded, checked and hashed on its own, and
reconstruction measured graph by graph. It stands in for the way the method was published in; none of that code is
here. Both sides run in this one process, one after the other, each to its end. Beside the seconds on the clock
stand those of the processor, which other work on the machine does not stretch.

With ``--part 0.05`` the plain loop makes one epoch of a twentieth of the graphs and a twentieth of the draws, and its
seconds are counted up to all of them: each of its three pieces takes time in proportion to what it goes through. Its
quality is then not known here.
"""

from __future__ import annotations

import argparse
import platform
import time
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import module_hash
from arch2vec.pretraining.fast import fast_config, timed_choice
from arch2vec.pretraining.pretrain import PretrainConfig, pretrain, split
from arch2vec.spaces import SearchSpace, get_space

HIDDEN, LATENT, LAYERS, BATCH, DROPOUT = 128, 16, 4, 32, 0.3


class Layer(nn.Module):
    """A graph isomorphism layer on dense matrices."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.epsilon = nn.Parameter(torch.zeros(1))
        self.first, self.second = nn.Linear(inputs, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.norm1, self.norm2 = nn.BatchNorm1d(HIDDEN), nn.BatchNorm1d(HIDDEN)

    def forward(self, h: Tensor, a: Tensor) -> Tensor:
        """(B, V, width) from the vertices and the symmetric adjacency matrices."""
        h = (1 + self.epsilon) * h + torch.matmul(a, h)
        h = torch.relu(self.norm1(self.first(h).transpose(1, 2)).transpose(1, 2))
        return torch.relu(self.norm2(self.second(h).transpose(1, 2)).transpose(1, 2))


class Plain(nn.Module):
    """The variational graph autoencoder."""

    def __init__(self, operations: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(operations if k == 0 else HIDDEN) for k in range(LAYERS)])
        self.mean, self.log_std = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)
        self.operations = nn.Linear(LATENT, operations)

    def encode(self, x: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        """Means and logarithms of deviations, (B, V, latent) each."""
        h, both = x, a + a.transpose(1, 2)
        for layer in self.layers:
            h = layer(h, both)
        return self.mean(h), self.log_std(h)

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities of operations and edges."""
        return torch.sigmoid(self.operations(z)), torch.sigmoid(torch.matmul(z, z.transpose(1, 2)))


def collated(graphs: list[tuple[np.ndarray, np.ndarray]], operations: int) -> tuple[Tensor, Tensor]:
    """One-hot operations (B, V, K) and adjacency (B, V, V), made graph by graph."""
    xs, adjacencies = [], []
    for ops, adjacency in graphs:
        x = torch.zeros(len(ops), operations)
        for vertex, code in enumerate(ops.tolist()):
            if code < operations:
                x[vertex, code] = 1
        xs.append(x)
        adjacencies.append(torch.tensor(adjacency, dtype=torch.float32))
    return torch.stack(xs), torch.stack(adjacencies)


class Plainly(NamedTuple):
    """What a plain loop has come to.

    Attributes:
        right: the share of held-out graphs that it decodes right as a whole.
        clock: seconds on the clock.
        processor: seconds of the processor.
    """

    right: float
    clock: float
    processor: float


def plain(space: SearchSpace, graphs: GraphBatch, held_out: GraphBatch, epochs: int, draws: int) -> Plainly:
    """Train the plain loop."""
    torch.manual_seed(0)
    clock, processor = time.perf_counter(), time.process_time()
    K, V = space.num_operations, space.num_vertices
    model = Plain(K)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    listed = list(zip(graphs.ops, graphs.adjacency, strict=True))
    right = 0.0
    for _ in range(epochs):
        model.train()
        means = []
        for rows in torch.split(torch.randperm(len(listed)), BATCH):
            x, a = collated([listed[row] for row in rows.tolist()], K)
            optimizer.zero_grad()
            mean, log_std = model.encode(x, a)
            z = nn.functional.dropout(mean + torch.randn_like(mean) * log_std.exp(), DROPOUT)
            ops, edges = model.decode(z)
            upper = torch.triu(edges, 1)
            loss = nn.functional.binary_cross_entropy(ops, x) + nn.functional.binary_cross_entropy(upper, a)
            kl = -0.5 / (V * len(x)) * (1 + 2 * log_std - mean.square() - (2 * log_std).exp()).sum(2).mean()
            torch.autograd.backward(loss + kl)
            nn.utils.clip_grad_norm_(model.parameters(), 5)
            optimizer.step()
            means.append(mean.detach())
        model.eval()
        with torch.no_grad():
            whole = torch.cat(means)
            centre, spread = whole.mean(0), whole.std(0)
            seen = set()
            for _ in range(draws):
                graph = decoded(model, (torch.randn(V, LATENT) * spread + centre)[None])
                if space.is_valid_as_released(graph)[0]:
                    seen.add(module_hash(graph.adjacency[0], graph.ops[0].tolist()))
            count = 0
            for row in range(len(held_out)):
                one = held_out[row : row + 1]
                found = decoded(model, model.encode(*collated([(one.ops[0], one.adjacency[0])], K))[0])
                mask = one.mask[0]
                same = (found.ops[0] == one.ops[0])[mask].all()
                count += bool(same and (found.adjacency[0] == one.adjacency[0])[mask][:, mask].all())
            right = count / len(held_out)
    return Plainly(right, time.perf_counter() - clock, time.process_time() - processor)


def decoded(model: Plain, z: Tensor) -> GraphBatch:
    """The most probable graph of one point."""
    ops, edges = model.decode(z)
    return GraphBatch(ops.argmax(2).numpy().astype(np.uint8), np.triu((edges > 0.5).numpy(), 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="nasbench201")
    parser.add_argument("--graphs", type=int, help="a sample of so many graphs instead of all")
    parser.add_argument("--epochs", type=int, default=10, help="of the plain loop")
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--part", type=float, default=1.0, help="what the plain loop does of it, in one epoch")
    arguments = parser.parse_args()
    space, part = get_space(arguments.space), arguments.part
    graphs = space.enumerate() if arguments.graphs is None else space.sample(arguments.graphs, np.random.default_rng(0))
    kept, held_out = split(graphs, PretrainConfig())
    config = fast_config(space, graphs=len(graphs))
    choice = timed_choice(space, config.batch_size, config.model.hidden)
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} cores; {len(kept):,} graphs")
    print(f"bfloat16 takes {choice.bfloat16:.2f} times as long as single precision: {config.precision}")
    print(f"fast: {config.epochs} epochs, batches of {config.batch_size}, {config.threads} threads", flush=True)
    clock, processor = time.perf_counter(), time.process_time()
    last = pretrain(space, config, graphs=graphs, device="cpu").training["last_epoch"]
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    found = ", ".join(f"{name} {share:.2%}" for name, share in last["reconstruction"].items())
    print(f"fast setting {clock:8.1f} s, {processor:8.1f} s of the processor; right: {found}", flush=True)
    if part < 1:
        some = (kept[: round(part * len(kept))], held_out[: round(part * len(held_out))])
        done = plain(space, *some, 1, round(part * arguments.draws))
        times = arguments.epochs / part
        theirs = Plainly(float("nan"), done.clock * times, done.processor * times)
    else:
        theirs = plain(space, kept, held_out, arguments.epochs, arguments.draws)
    print(f"plain loop   {theirs.clock:8.1f} s, {theirs.processor:8.1f} s of the processor; graphs {theirs.right:.2%}")
    print(f"ratio        {clock / theirs.clock:8.3f}    {processor / theirs.processor:8.3f}")


if __name__ == "__main__":
    main()
