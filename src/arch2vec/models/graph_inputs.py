"""What an encoder is given of architectures: the graphs as they are written, or those of what they compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from arch2vec.errors import InputError, unknown
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.flow import random_flow
from arch2vec.graphs.function import function_graphs
from arch2vec.models.autoencoder import ModelConfig
from arch2vec.models.inputs import GraphStore
from arch2vec.representations.structure import structure
from arch2vec.spaces import SearchSpace

TARGETS = ("structure", "costs", "flow")
"""What a head can learn to predict from an architecture's vector, without a label."""
RANKING = "rank:"
"""What the name of a zero-cost proxy is preceded by that a head can learn to rank architectures by."""
RANKED = 2_000
"""Training architectures that the proxy is computed of, at most: each is a network that is built and run."""

_MOST_EDGES = 255  # a vertex that reads another more often than this reads it this often
_FARTHEST = 5.0  # deviations from the mean that a target may be: rare giants would rule the loss
_CONSTANT = 1e-6


def read_graphs(graphs: GraphBatch, space: SearchSpace, model: ModelConfig) -> tuple[GraphBatch, NDArray[np.uint8]]:
    """The graphs that a model reads and reconstructs, and (N, V, V) how often each vertex reads each other.

    Vertices of a function graph (:mod:`arch2vec.graphs.function`) keep their places in the
    cell; those that are not in it are padding, wherever they are.
    """
    if not model.function_graph:
        return graphs, graphs.adjacency.view(np.uint8)
    found = function_graphs(graphs, space.roles.skip, space.roles.zero)
    ops = np.ascontiguousarray(found.ops.T)
    edges = np.minimum(found.edges.transpose(2, 0, 1), _MOST_EDGES).astype(np.uint8)
    return GraphBatch(ops, edges > 0), edges


def graph_store(
    graphs: GraphBatch,
    space: SearchSpace,
    model: ModelConfig,
    device: torch.device,
    targets: GraphTargets | None = None,
    ranks: NDArray[np.float16] | None = None,
) -> GraphStore:
    """N architectures, ready to be read by a model, with their targets where there are any, ranks (N, 1) last."""
    read, edges = read_graphs(graphs, space, model)
    values = None if targets is None else targets.of(graphs)
    if values is not None and ranks is not None:
        values = np.concatenate([values, ranks], axis=1)
    return GraphStore(read, space.num_operations, device, edges=edges if model.function_graph else None, targets=values)


@dataclass(frozen=True)
class TargetNames:
    """What is to be predicted.

    Attributes:
        numbers: some of :data:`TARGETS`.
        proxy: a zero-cost proxy to rank by, None for none.
    """

    numbers: tuple[str, ...]
    proxy: str | None


def targets_of(text: str) -> TargetNames:
    """Names separated by commas: some of :data:`TARGETS`, and ``rank:PROXY`` once at most.

    Raises:
        InputError: one is unknown or there twice.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in TARGETS and not name.startswith(RANKING):
            raise unknown("target", name, (*TARGETS, f"{RANKING}PROXY"))
    ranked = [name.removeprefix(RANKING) for name in names if name.startswith(RANKING)]
    if len(set(names)) < len(names) or len(ranked) > 1:
        raise InputError(f"targets {text!r}: each once, and one ranking at most")
    if ranked:
        from arch2vec.proxies.registry import get_proxies

        get_proxies(ranked)
    return TargetNames(tuple(name for name in names if name in TARGETS), ranked[0] if ranked else None)


class GraphTargets:
    """Numbers of architectures, standardised, to be predicted.

    Args:
        space: of the architectures.
        sample: architectures whose mean and deviation make the scale; numbers in which
            they are all alike are left out.
        names: some of :data:`TARGETS`.
    """

    def __init__(self, space: SearchSpace, sample: GraphBatch, names: Sequence[str] = ("structure",)) -> None:
        self._space, self._names = space, tuple(names)
        values = self._values(sample)
        deviation = values.std(axis=0)
        self._kept = deviation > _CONSTANT
        self._mean, self._deviation = values.mean(axis=0)[self._kept], deviation[self._kept]
        if self._names and not self._kept.any():
            raise InputError(f"{space.name} has nothing to predict among {', '.join(self._names)}")

    def _values(self, graphs: GraphBatch) -> NDArray[np.float32]:
        space, parts = self._space, [np.empty((len(graphs), 0), dtype=np.float32)]
        for name in self._names:
            if name == "structure":
                parts.append(structure(graphs, space).values)
            elif name == "costs":
                parts.append(space.costs(graphs)[0])
            else:
                functions = function_graphs(graphs, space.roles.skip, space.roles.zero)
                parts.append(random_flow(functions, space.num_operations))
        return np.concatenate(parts, axis=1)

    @property
    def count(self) -> int:
        """How many numbers an architecture has."""
        return int(self._kept.sum())

    def of(self, graphs: GraphBatch) -> NDArray[np.float16]:
        """(N, count) the numbers of N architectures, short ones: a million architectures are hundreds of megabytes."""
        values = self._values(graphs)[:, self._kept]
        return np.clip((values - self._mean) / self._deviation, -_FARTHEST, _FARTHEST).astype(np.float16)


def proxy_ranks(graphs: GraphBatch, space: SearchSpace, proxy: str) -> NDArray[np.float16]:
    """(N, 1) normal scores of the first :data:`RANKED` architectures by a zero-cost proxy, NaN of all others.

    Raises:
        InputError: the space has no networks.
    """
    from arch2vec.proxies.features import proxy_features

    ranks = np.full((len(graphs), 1), np.nan, dtype=np.float16)
    some = graphs[: min(RANKED, len(graphs))]
    ranks[: len(some)] = proxy_features(some, space, [proxy])
    return ranks
