"""What the prediction experiment compares: benchmark columns to predict, and vectors to predict from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec import benchmarks
from arch2vec.encodings import ENCODINGS
from arch2vec.errors import InputError, unknown
from arch2vec.graphs import GraphBatch
from arch2vec.spaces import DARTS, DARTSPair, SearchSpace, get_space
from arch2vec.supervised import SupervisedConfig

if TYPE_CHECKING:
    from arch2vec.benchmarks import BenchmarkTable
    from arch2vec.encoder import Encoder

SUPERVISED = "supervised"
"""The encoding that is learned from the labels."""
DISCRETE = ("adjacency", "path")
"""The encodings that nothing is learned for and that are compared by default."""


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Attributes:
        benchmark: whose table it is in.
        column: of the table.
        description: of the column, for readers of the results.
        above: score separately the points above it, percent, as the paper does on NAS-Bench-101.
    """

    benchmark: str
    column: str
    description: str
    above: float | None = None


_AFTER_200 = "test accuracy after 200 epochs, mean of the runs there are"

TARGETS: dict[str, Target] = {
    "nasbench101": Target(
        "nasbench101", "test_accuracy_108", "test accuracy on CIFAR-10 after 108 epochs, mean of three runs", above=80.0
    ),
    "nasbench201-cifar10": Target("nasbench201", "c10_test_200_nats", f"CIFAR-10, {_AFTER_200}"),
    "nasbench201-cifar100": Target("nasbench201", "c100_test_200", f"CIFAR-100, {_AFTER_200}"),
    "nasbench201-imagenet16-120": Target("nasbench201", "in16_test_200", f"ImageNet16-120, {_AFTER_200}"),
    "nasbench301-surrogate": Target(
        "nasbench301-surrogate",
        "surrogate_accuracy",
        "accuracy on CIFAR-10 as the NAS-Bench-301 surrogate predicts it, with its noise; no network was trained",
    ),
}
"""What the experiment can predict, by objective."""


@dataclass(frozen=True, eq=False)
class Source:
    """A pre-trained representation.

    Attributes:
        model: that was pre-trained.
        name: of the encoding, as it is shown: the model's, and the run's where that doesn't tell.
        digest: of its weights; results of other encoders are not taken for this one's.
        encoder: it.
    """

    model: str
    name: str
    digest: str
    encoder: Encoder

    def fits(self, space: SearchSpace) -> bool:
        """Whether it gives vectors of the space's architectures."""
        return self.encoder.space.name in (space.name, *([DARTS.name] if isinstance(space, DARTSPair) else []))

    def vectors(self, graphs: GraphBatch, space: SearchSpace) -> NDArray[np.float32]:
        """(N, d) vectors; an encoder of one DARTS cell gives those of both cells, one after the other."""
        if isinstance(space, DARTSPair) and self.encoder.space.name == DARTS.name:
            return np.concatenate([self.encoder.vectors(cells) for cells in space.split(graphs)], axis=1)
        return self.encoder.vectors(graphs)


def sources_of(encoders: Sequence[tuple[str, Encoder]]) -> list[Source]:
    """Encoders with the runs they are of, named by model, and by run too where a space has several of a model.

    Raises:
        InputError: two are the same.
    """
    digests = [_digest(encoder) for _, encoder in encoders]
    if len(set(digests)) < len(digests):
        raise InputError("two of the runs have the same encoder; name each once")
    kinds = [(encoder.config.name, encoder.space.name) for _, encoder in encoders]
    sources = []
    for (run, encoder), kind, digest in zip(encoders, kinds, digests, strict=True):
        name = kind[0] if kinds.count(kind) == 1 else f"{kind[0]} ({run})"
        sources.append(Source(kind[0], name, digest, encoder))
    return sources


def _digest(encoder: Encoder) -> str:
    digest = hashlib.sha256(f"{encoder.space.reference} {encoder.pooling}".encode())
    for name, tensor in sorted(encoder.model.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def choose_targets(names: Sequence[str] | None, sources: Sequence[Source]) -> dict[str, Target]:
    """The targets of those names, or by default those that a source fits.

    Raises:
        InputError: there is none of a name, or no source fits any.
    """
    if names is not None:
        for name in names:
            if name not in TARGETS:
                raise unknown("objective", name, TARGETS)
        return {name: TARGETS[name] for name in names}
    spaces = {"nasbench301-surrogate": "darts_pair"}
    found = {
        name: target
        for name, target in TARGETS.items()
        if any(source.fits(get_space(spaces.get(target.benchmark, target.benchmark))) for source in sources)
    }
    if not found:
        raise InputError(f"no benchmark is of the search space of these runs; there are {', '.join(TARGETS)}")
    return found


def check_encodings(names: Sequence[str]) -> None:
    """Raise :class:`InputError` if one is neither a discrete encoding nor the supervised one."""
    for name in names:
        if name not in (*ENCODINGS, SUPERVISED):
            raise unknown("encoding", name, (*ENCODINGS, SUPERVISED))


class Columns:
    """A benchmark's architectures and the values to predict.

    Args:
        name: of the benchmark.
        table: its table, by default ``benchmarks.load(name)``.
    """

    def __init__(self, name: str, table: BenchmarkTable | None = None) -> None:
        self._table = benchmarks.load(name) if table is None else table
        self.space = get_space(self._table.space)

    def __len__(self) -> int:
        return len(self._table)

    def graphs(self, rows: NDArray[np.int64]) -> GraphBatch:
        """The architectures at some rows."""
        texts = self._table.architectures
        return self.space.parse([texts[row] for row in rows.tolist()])

    def values(self, target: Target) -> NDArray[np.float64]:
        """(N,) what is to be predicted, of all architectures.

        Raises:
            InputError: the table doesn't have it for all of them.
        """
        values = self._table.column(target.column)
        if np.isnan(values).any():
            raise InputError(f"{self._table.path}: {target.column} is not there for all architectures")
        return values


def supervised_config(labels: int) -> SupervisedConfig:
    """About 400 steps of training, at least 25 and at most 100 passes over the labels."""
    batch = 32 if labels <= 256 else 64
    return SupervisedConfig(epochs=min(100, max(25, round(400 * batch / labels))), batch_size=batch)
