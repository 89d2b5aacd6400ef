"""What the prediction experiment compares: benchmark columns to predict, and vectors to predict from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arch2vec import benchmarks
from arch2vec.errors import InputError, unknown
from arch2vec.experiments.prediction_proxies import PROXIES, SUFFIX
from arch2vec.graphs import GraphBatch
from arch2vec.pretraining.supervised import SupervisedConfig
from arch2vec.representations.base import Representation
from arch2vec.representations.discrete import ENCODINGS
from arch2vec.representations.spec import resolve_representation
from arch2vec.representations.subtrees import SUBTREES
from arch2vec.spaces import DARTS, DARTSPair, SearchSpace, get_space

if TYPE_CHECKING:
    from arch2vec.benchmarks import BenchmarkTable
    from arch2vec.encoder import Encoder

SUPERVISED = "supervised"
"""The encoding that is learned from the labels."""
STRUCTURE = "structure"
"""The encoding of what an architecture computes (:mod:`arch2vec.representations.structure`)."""
BOTH = f"{STRUCTURE}+{SUBTREES}"
"""The structure, and the subtrees of its function graph (:mod:`arch2vec.representations.subtrees`)."""
DISCRETE = ("adjacency", "path")
"""The encodings that nothing is learned for and that are compared by default."""


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Attributes:
        benchmark: whose table it is in.
        column: of the table.
        description: of the column, for readers of the results.
        above: leave out architectures whose value is not above it.
    """

    benchmark: str
    column: str
    description: str
    above: float | None = None


_AFTER_108 = "CIFAR-10, test accuracy after 108 epochs, mean of three runs"
_AFTER_200 = "test accuracy after 200 epochs, mean of the runs there are"

TARGETS: dict[str, Target] = {
    "nasbench101": Target("nasbench101", "test_accuracy_108", _AFTER_108),
    "nasbench101-above80": Target(
        "nasbench101", "test_accuracy_108", f"{_AFTER_108}; only cells above 80 %, labelled and predicted", above=80.0
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
"""What the experiment can predict, by objective. ``nasbench101-above80`` is the paper's (figure 2): the 2 % of cells
that fail to train say little of the others, and most of the error on all cells is theirs."""


@dataclass(frozen=True, eq=False)
class PretrainedSource:
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


def sources_of(encoders: Sequence[tuple[str, Encoder]]) -> list[PretrainedSource]:
    """Encoders with the runs they are of, named by model, and by run too where a space has several of a model.

    Raises:
        InputError: two are the same.
    """
    digests = [encoder_digest(encoder) for _, encoder in encoders]
    if len(set(digests)) < len(digests):
        raise InputError("two of the runs have the same encoder; name each once")
    kinds = [(encoder.config.name, encoder.space.name) for _, encoder in encoders]
    sources = []
    for (run, encoder), kind, digest in zip(encoders, kinds, digests, strict=True):
        name = kind[0] if kinds.count(kind) == 1 else f"{kind[0]} ({run})"
        sources.append(PretrainedSource(kind[0], name, digest, encoder))
    return sources


def encoder_digest(encoder: Encoder) -> str:
    """A mark of an encoder's weights: results of another one are not taken for its own."""
    # What the encoder reads makes other vectors of the same weights.
    read = " function" if encoder.config.function_graph else ""
    digest = hashlib.sha256(f"{encoder.space.reference} {encoder.pooling}{read}".encode())
    for name, tensor in sorted(encoder.model.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def choose_targets(names: Sequence[str] | None, sources: Sequence[PretrainedSource]) -> dict[str, Target]:
    """The targets of those names, or by default those that a source fits.

    Raises:
        InputError: there is none of a name, or no source fits any.
    """
    if names is not None:
        for name in names:
            if name not in TARGETS:
                raise unknown("objective", name, TARGETS)
        return {name: TARGETS[name] for name in names}
    found = benchmarked(sources)
    if not found:
        raise InputError(f"no benchmark is of the search space of these runs; there are {', '.join(TARGETS)}")
    return found


def benchmarked(sources: Sequence[PretrainedSource]) -> dict[str, Target]:
    """The targets that a source fits."""
    spaces = {"nasbench301-surrogate": "darts_pair"}
    return {
        name: target
        for name, target in TARGETS.items()
        if any(source.fits(get_space(spaces.get(target.benchmark, target.benchmark))) for source in sources)
    }


def check_encodings(names: Sequence[str]) -> None:
    """Raise :class:`InputError` if one is none of ours, not made of proxies and no representation of the user's own."""
    known = (*ENCODINGS, STRUCTURE, SUBTREES, BOTH, SUPERVISED, PROXIES)
    for name in names:
        if name not in known and not name.endswith(SUFFIX) and not _is_described(name):
            raise InputError(
                f"{unknown('encoding', name, known)}; one of your own is python:MODULE_OR_FILE.py:FUNCTION"
            )


def _is_described(name: str) -> bool:
    """Whether it is more than a name: code, settings, or several joined."""
    return name != BOTH and not name.endswith(SUFFIX) and any(mark in name for mark in (":", "?", "+"))


def described(encodings: Iterable[str]) -> dict[str, Representation]:
    """The representations among encodings that are named by more than one of our names.

    Raises:
        InputError: one is none, see :func:`arch2vec.representations.spec.resolve_representation`.
    """
    return {name: resolve_representation(name) for name in encodings if _is_described(name)}


class Columns:
    """The architectures of a benchmark that take part, and the values to predict.

    Args:
        table: the benchmark's table of results.
        target: which of its architectures take part; other targets of the same ones can be read too.

    Raises:
        InputError: the table doesn't have the target for all architectures.
    """

    def __init__(self, table: BenchmarkTable, target: Target) -> None:
        self._table = table
        self.space = get_space(table.space)
        everywhere = self._column(target)
        self._kept = np.arange(len(table)) if target.above is None else np.flatnonzero(everywhere > target.above)

    def __len__(self) -> int:
        return len(self._kept)

    def graphs(self, rows: NDArray[np.int64]) -> GraphBatch:
        """Some of the N architectures."""
        texts = self._table.architectures
        return self.space.parse([texts[row] for row in self._kept[rows].tolist()])

    def values(self, target: Target) -> NDArray[np.float64]:
        """(N,) what is to be predicted.

        Raises:
            InputError: the table doesn't have it for all architectures.
        """
        return self._column(target)[self._kept]

    def _column(self, target: Target) -> NDArray[np.float64]:
        values = self._table.column(target.column)
        if np.isnan(values).any():
            raise InputError(f"{self._table.path}: {target.column} is not there for all architectures")
        return values


def columns_of(targets: Iterable[Target]) -> dict[Target, Columns]:
    """The columns of each target; those of the same architectures share theirs.

    Raises:
        InputError: a benchmark's file is not found, or lacks values.
    """
    tables: dict[str, BenchmarkTable] = {}
    shared: dict[object, Columns] = {}
    found = {}
    for target in targets:
        if target.benchmark not in tables:
            tables[target.benchmark] = benchmarks.load(target.benchmark)
        architectures = target if target.above is not None else target.benchmark
        if architectures not in shared:
            shared[architectures] = Columns(tables[target.benchmark], target)
        found[target] = shared[architectures]
    return found


def supervised_config(labels: int) -> SupervisedConfig:
    """About 400 steps of training, at least 25 and at most 100 passes over the labels."""
    batch = 32 if labels <= 256 else 64
    return SupervisedConfig(epochs=min(100, max(25, round(400 * batch / labels))), batch_size=batch)
