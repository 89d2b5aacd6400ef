"""What a model learns from: graphs that are all there, or a stream of fresh ones.

Either kind hands out one epoch's batches at a time and knows which graphs are
held out. Graphs are kept in compact integer form, stored once, and expanded on
the device a batch at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.models.graph_inputs import GraphTargets, graph_store, proxy_ranks, targets_of
from arch2vec.models.inputs import GraphStore, GraphTensors
from arch2vec.pretraining.settings import PROTOCOLS, PretrainConfig
from arch2vec.spaces import SearchSpace

_STREAM_CHUNK = 32_768  # graphs drawn together
_PRIOR_SAMPLE = 5_000  # training graphs, in random order, that the prior is estimated from: to 1 % of a deviation


def architectures(space: SearchSpace, config: PretrainConfig) -> GraphBatch:
    """The architectures a run learns from and is measured on.

    Raises:
        InputError: the space is too large to list and the configuration has no
            sample, or the space is smaller than that.
    """
    if config.sample is not None:
        return space.sample(config.sample, np.random.default_rng([config.seed, 3]))
    if not space.enumerable:
        raise InputError(f"{space.name} is too large to list: learn from a sample of it (--sample 600000)")
    return space.enumerate()


def split(graphs: GraphBatch, config: PretrainConfig) -> tuple[GraphBatch, GraphBatch]:
    """The training and the held-out graphs of a run, drawn by its seed."""
    held_out = round(len(graphs) * config.held_out)
    if not 0 < held_out < len(graphs):
        raise InputError(f"{len(graphs)} graphs are too few to hold out {config.held_out:.0%} of them")
    order = np.random.default_rng([config.seed, 1]).permutation(len(graphs))
    return graphs[order[held_out:]], graphs[order[:held_out]]


class TrainingData(Protocol):
    """The training and held-out graphs of a run."""

    @property
    def held_out(self) -> GraphBatch:
        """Graphs that no batch holds."""

    @property
    def prior_sample(self) -> GraphBatch:
        """Training graphs in random order, enough to estimate the prior from."""

    @property
    def target_count(self) -> int:
        """How many numbers of each graph are to be predicted, 0 for none."""

    @property
    def ranked(self) -> bool:
        """Whether graphs are to be ranked by the last of them."""

    def __len__(self) -> int:
        """Graphs an epoch."""

    def batches(self, epoch: int) -> Iterator[GraphTensors]:
        """The batches of an epoch, counted from 0."""

    def known(self, epoch: int) -> NDArray[np.uint64]:
        """Fingerprints of the graphs that the model has learned from in an epoch."""


def training_data(
    space: SearchSpace, config: PretrainConfig, graphs: GraphBatch | None, device: torch.device
) -> TrainingData:
    """What a run learns from: ``graphs`` if given, else what its configuration says.

    Raises:
        InputError: as :func:`architectures`; graphs are given that are none of the
            space, or to a run that learns from a stream.
    """
    if not config.stream:
        graphs = architectures(space, config) if graphs is None else graphs
        space.check(graphs)
        return StoredGraphs(space, config, graphs, device)
    if graphs is not None:
        raise InputError("a run that learns from a stream draws its graphs itself; give it none")
    return StreamedGraphs(space, config, device)


def _targets(space: SearchSpace, config: PretrainConfig, sample: GraphBatch) -> GraphTargets | None:
    """What is to be predicted, on the scale of a sample of the training graphs."""
    return None if config.targets is None else GraphTargets(space, sample, targets_of(config.targets).numbers)


class StoredGraphs:
    """Graphs that are all there: every epoch goes over the same ones."""

    def __init__(self, space: SearchSpace, config: PretrainConfig, graphs: GraphBatch, device: torch.device) -> None:
        self._config = config
        self._training, self.held_out = split(graphs, config)
        targets = _targets(space, config, self.prior_sample)
        proxy = None if config.targets is None else targets_of(config.targets).proxy
        ranks = None if proxy is None else proxy_ranks(self._training, space, proxy)
        self.ranked = ranks is not None
        self.target_count = (0 if targets is None else targets.count) + self.ranked
        self._store = graph_store(self._training, space, config.model, device, targets, ranks)

    @property
    def prior_sample(self) -> GraphBatch:
        """The first of the training graphs, which are in random order."""
        return self._training[:_PRIOR_SAMPLE]

    def __len__(self) -> int:
        return len(self._training)

    def batches(self, epoch: int) -> Iterator[GraphTensors]:
        """The training graphs in this epoch's order."""
        draw = epoch if PROTOCOLS[self._config.protocol].shuffle == "every epoch" else 0
        order = np.random.default_rng([self._config.seed, 2, draw]).permutation(len(self))
        rows = torch.from_numpy(order).to(self._store.ops.device)
        return self._store.batches(self._config.batch_size, rows)

    @cached_property
    def _known(self) -> NDArray[np.uint64]:
        return fingerprint(self._training)

    def known(self, epoch: int) -> NDArray[np.uint64]:  # noqa: ARG002
        """Fingerprints of the training graphs, the same in every epoch."""
        return self._known


class StreamedGraphs:
    """A stream for spaces too large to store: every epoch draws fresh graphs, a chunk at a time.

    ``sample`` of the configuration counts as it does for stored graphs: its
    held-out share is drawn once, the rest anew in every epoch. Chunks come from
    :meth:`SearchSpace.sample`, seeded by (seed, epoch, chunk), so that a resumed run
    sees what an uninterrupted one would. Graphs of one chunk are distinct, those of
    different chunks need not be; a graph isomorphic to a held-out one is dropped.
    The protocol's shuffling has no meaning here. What the model has seen in earlier
    epochs is not kept: :meth:`known`, and with it novelty, is about one epoch.
    """

    def __init__(self, space: SearchSpace, config: PretrainConfig, device: torch.device) -> None:
        assert config.sample is not None
        self._space, self._config, self._device = space, config, device
        count = round(config.sample * config.held_out)
        if not 0 < count < config.sample:
            raise InputError(f"{config.sample} graphs are too few to hold out {config.held_out:.0%} of them")
        self.held_out = space.sample(count, np.random.default_rng([config.seed, 4]))
        self._excluded = fingerprint(self.held_out)
        self._length = config.sample - count
        self._seen: tuple[int, list[NDArray[np.uint64]]] = (-1, [])
        self._targets = None if config.targets is None else _targets(space, config, self.prior_sample)
        self.target_count = 0 if self._targets is None else self._targets.count
        self.ranked = False  # a proxy of graphs that are drawn anew would be computed for ever

    @cached_property
    def prior_sample(self) -> GraphBatch:
        """The first graphs of the first epoch."""
        graphs, _ = next(self._chunks(0))
        return graphs[:_PRIOR_SAMPLE]

    def __len__(self) -> int:
        return self._length

    def _chunks(self, epoch: int) -> Iterator[tuple[GraphBatch, NDArray[np.uint64]]]:
        remaining, chunk = len(self), 0
        while remaining:
            rng = np.random.default_rng([self._config.seed, 5, epoch, chunk])
            size = min(_STREAM_CHUNK, remaining, self._space.size or remaining)
            drawn = self._space.sample(size, rng)
            drawn = drawn[rng.permutation(size)]
            prints = fingerprint(drawn)
            kept = ~np.isin(prints, self._excluded)
            if not kept.any() and size == self._space.size:
                raise InputError(
                    f"all {size:,} architectures of {self._space.name} are held out, none is left to learn"
                )
            remaining -= int(kept.sum())
            chunk += 1
            yield drawn[kept], prints[kept]

    def batches(self, epoch: int) -> Iterator[GraphTensors]:
        """The graphs of an epoch as they are drawn; only the last batch may be smaller."""
        size, seen = self._config.batch_size, []
        rest: list[GraphBatch] = []
        for graphs, prints in self._chunks(epoch):
            seen.append(prints)
            joined = GraphBatch.concatenate([*rest, graphs])
            whole = len(joined) // size * size
            rest = [joined[whole:]]
            yield from self._store(joined[:whole]).batches(size)
        if len(rest[0]):
            yield from self._store(rest[0]).batches(size)
        self._seen = (epoch, seen)

    def _store(self, graphs: GraphBatch) -> GraphStore:
        return graph_store(graphs, self._space, self._config.model, self._device, self._targets)

    def known(self, epoch: int) -> NDArray[np.uint64]:
        """Fingerprints of the graphs of one epoch, drawn again if another one was the last."""
        if self._seen[0] != epoch:
            self._seen = (epoch, [prints for _, prints in self._chunks(epoch)])
        return np.concatenate(self._seen[1])
