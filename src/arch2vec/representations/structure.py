"""What an architecture computes, in numbers: no training, no labels, no run.

Accuracy follows what a cell *computes*, and a few dozen numbers about its function
graph (:mod:`arch2vec.graphs.function`) say most of that. They come in groups, because
what matters differs from space to space and a model can weigh groups
(:mod:`arch2vec.surrogates.grouped_process`):

``paths``
    over all paths from the inputs to an output (:mod:`arch2vec.graphs.sweeps`): how
    many there are, how many without a weighted operation and with no operation at
    all; and for every operation and group of operations the number on the shortest and the
    longest path, in total and on average.
``walks``
    over random walks from an output backwards and from the inputs forwards: how many
    operations of each kind, and how many steps from one kind to another, a walk
    meets; and how much that varies. A path counts as much as it carries here, and not
    one like another.
``neighbours``
    which operations read which, how many do, and how many readers and sources they have.
``costs``
    parameters, multiply-adds, widths: what the space knows
    (:meth:`arch2vec.spaces.SearchSpace.costs`).
``numbers``
    ordered numbers that operations are or have, such as widths
    (:meth:`arch2vec.spaces.SearchSpace.numbers`).
``positions``
    what stands where: for spaces that have one order of vertices for all their
    architectures (:func:`arch2vec.representations.discrete.has_fixed_topology`).

Where a space has several outputs, the first three are worked out for what each
of them depends on. Columns depend on the space alone, so vectors of different batches
of one space can be compared; a column may be constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import unknown
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.function import FunctionGraphs, function_graphs, having
from arch2vec.graphs.sweeps import at_outputs, count_paths, extremes, totals, walk_moments, walks
from arch2vec.representations.discrete import adjacency_one_hot, has_fixed_topology
from arch2vec.representations.features import Features
from arch2vec.spaces.base import SearchSpace

GROUPS = ("paths", "walks", "neighbours", "costs", "numbers", "positions")
"""The groups of numbers, those that a space has."""

VERSION = 1
"""Of the numbers and their order; raised whenever any architecture's change, so that older files can be told."""

_CHUNK = 8_192  # graphs worked on at a time: their sweeps stay in the cache
_PAIRED = 16  # kinds of operations that pairs are counted of, at most; with more, pairs of roles are
_WIDE = 12  # vertices up to which totals are taken as they are: beyond, numbers of paths can be exponential

Table = NDArray[np.float32]


def structure(graphs: GraphBatch, space: SearchSpace, groups: Iterable[str] | None = None) -> Features:
    """The structure of N architectures.

    Args:
        graphs: the N architectures to describe.
        space: they belong to.
        groups: some of :data:`GROUPS`, None for all that the space has.

    Raises:
        InputError: a graph is no architecture of the space, or there is no group of a name.
    """
    wanted = tuple(GROUPS if groups is None else groups)
    for name in wanted:
        if name not in GROUPS:
            raise unknown("group", name, GROUPS)
    space.check(graphs)
    parts: dict[str, tuple[Table, Sequence[str]]] = {}
    swept = [name for name in ("paths", "walks", "neighbours") if name in wanted]
    if swept:
        counter = _Counter(space)
        chunks = [
            counter.count(graphs[start : start + _CHUNK], swept) for start in range(0, max(1, len(graphs)), _CHUNK)
        ]
        for place, name in enumerate(swept):
            parts[name] = np.concatenate([chunk[place][0] for chunk in chunks]), chunks[0][place][1]
    if "costs" in wanted:
        parts["costs"] = space.costs(graphs)
    if "numbers" in wanted:
        parts["numbers"] = space.numbers(graphs)
    if "positions" in wanted and has_fixed_topology(space):
        values = adjacency_one_hot(graphs, space)
        parts["positions"] = values, [str(column) for column in range(values.shape[1])]
    return Features.of(parts)


class _Columns:
    """Columns that grow, each (n,), with their names."""

    def __init__(self) -> None:
        self.values: list[Table] = []
        self.names: list[str] = []

    def add(self, name: str, values: NDArray[np.floating]) -> None:
        self.values.append(values.astype(np.float32, copy=False))
        self.names.append(name)

    def table(self) -> tuple[Table, Sequence[str]]:
        return np.stack(self.values, axis=1), self.names


def shared_structure(graphs: GraphBatch, space: SearchSpace) -> Features:
    """What architectures of all spaces have in common: numbers that mean the same in each, under the same names.

    Paths, walks and neighbours, with three kinds of operations: 1x1 convolutions, other weighted operations, and
    those without weights. Where a space has several outputs, their mean.

    Raises:
        InputError: a graph is no architecture of the space.
    """
    space.check(graphs)
    narrow = tuple(code for code in space.roles.weighted if "1x1" in space.operations[code])
    others = tuple(code for code in space.roles.weighted if code not in narrow)
    counter = _Counter(space, {"conv1x1": narrow, "conv": others, "pool": tuple(space.roles.free)})
    names = GROUPS[:3]
    chunks = [counter.count(graphs[start : start + _CHUNK], names) for start in range(0, max(1, len(graphs)), _CHUNK)]
    outputs = len(space.roles.outputs)
    parts = {}
    for place, name in enumerate(names):
        table = np.concatenate([chunk[place][0] for chunk in chunks])
        each = table.shape[1] // outputs  # those of one output follow those of another
        titles = chunks[0][place][1][:each]
        end = f" to {space.operations[space.roles.outputs[0]]}" if outputs > 1 else ""
        mean = table.reshape(len(table), outputs, each).mean(axis=1)
        parts[name] = mean, [title.replace(end, "") for title in titles]
    return Features.of(parts)


class _Counter:
    """The sweeps over the graphs of one space.

    Args:
        space: the space.
        alphabet: kinds of operations to count instead of every operation, by name.
    """

    def __init__(self, space: SearchSpace, alphabet: Mapping[str, tuple[int, ...]] | None = None) -> None:
        self._roles = space.roles
        names, roles = space.operations, space.roles
        inner = [*roles.weighted, *roles.free]
        whole = {"weighted": roles.weighted, "unweighted": roles.free, "operations": tuple(inner)}
        ends = [code for code in range(len(names)) if code not in {*inner, *roles.skip, *roles.zero}]
        # What pairs are counted of: every operation, or where these are many, roles.
        if alphabet is None:
            self._inner: Mapping[str, tuple[int, ...]] = {names[code]: (code,) for code in sorted(inner)}
            self._kinds = _distinct({**self._inner, **whole})
            few = len(inner) <= _PAIRED
            labels = (
                {names[code]: (code,) for code in inner} if few else {"weighted": roles.weighted, "free": roles.free}
            )
            self._labels = {**{names[code]: (code,) for code in ends}, **{k: v for k, v in labels.items() if v}}
        else:
            self._inner, self._kinds = alphabet, {**alphabet, **whole}
            starts = tuple(code for code in ends if code not in roles.outputs)
            self._labels = {"input": starts, "output": tuple(roles.outputs), **alphabet}
        self._label_of = np.full(256, -1, dtype=np.int64)
        for place, codes in enumerate(self._labels.values()):
            self._label_of[list(codes)] = place
        self._names = names
        self._wide = space.num_vertices > _WIDE

    def count(self, graphs: GraphBatch, groups: Sequence[str]) -> list[tuple[Table, Sequence[str]]]:
        whole = function_graphs(graphs, self._roles.skip, self._roles.zero)
        tables = {name: _Columns() for name in groups}
        for output in self._roles.outputs:
            part = whole.towards(output) if len(self._roles.outputs) > 1 else whole
            end = f" to {self._names[output]}" if len(self._roles.outputs) > 1 else ""
            if "paths" in tables:
                self._paths(part, end, tables["paths"])
            if "walks" in tables:
                self._walks(part, end, tables["walks"])
            if "neighbours" in tables:
                self._neighbours(part, end, tables["neighbours"])
        return [tables[name].table() for name in groups]

    def _damp(self, values: Table) -> Table:
        return np.log1p(values) if self._wide else values

    def _weights(self, graphs: FunctionGraphs) -> NDArray[np.bool_]:
        """(V, G, N) which vertices are of each kind; there is none where all operations are skips or zeros."""
        weights = np.empty((len(graphs.ops), len(self._kinds), graphs.ops.shape[1]), dtype=np.bool_)
        for place, codes in enumerate(self._kinds.values()):
            weights[:, place] = having(graphs.ops, codes)
        return weights

    def _paths(self, graphs: FunctionGraphs, end: str, columns: _Columns) -> None:
        weights, paths = self._weights(graphs), count_paths(graphs)
        operations = having(graphs.ops, [*self._roles.weighted, *self._roles.free])
        number = at_outputs(graphs, paths)
        columns.add(f"paths{end}", self._damp(number))
        columns.add(f"log of paths{end}", np.log1p(number))
        for name, avoided in (("weights", having(graphs.ops, self._roles.weighted)), ("operations", operations)):
            columns.add(f"paths{end} without {name}", self._damp(at_outputs(graphs, count_paths(graphs, avoided))))
        total, (least, most) = totals(graphs, weights, paths), extremes(graphs, weights)
        for place, kind in enumerate(self._kinds):
            columns.add(f"{kind} on all paths{end}", self._damp(total[place]))
            columns.add(f"most {kind} on a path{end}", most[place])
            columns.add(f"fewest {kind} on a path{end}", least[place])
            columns.add(f"mean {kind} on a path{end}", total[place] / np.maximum(number, 1))

    def _walks(self, graphs: FunctionGraphs, end: str, columns: _Columns) -> None:
        back, back_steps = walks(graphs, forwards=False)
        forth, forth_steps = walks(graphs, forwards=True)
        for kind, codes in self._inner.items():
            there = having(graphs.ops, codes)
            columns.add(f"{kind} on a backward walk{end}", (back * there).sum(axis=0))
            columns.add(f"{kind} on a forward walk{end}", (forth * there).sum(axis=0))
            columns.add(f"{kind} on both walks{end}", (back * forth * there).sum(axis=0))
        mean, deviation = walk_moments(graphs, self._weights(graphs))
        for place, kind in enumerate(self._kinds):
            columns.add(f"mean {kind} of a backward walk{end}", mean[place])
            columns.add(f"deviation of {kind} of a backward walk{end}", deviation[place])
        for steps, way in ((back_steps, "backward"), (forth_steps, "forward")):
            self._add_pairs(graphs, steps, f"of a {way} walk{end}", columns)

    def _neighbours(self, graphs: FunctionGraphs, end: str, columns: _Columns) -> None:
        read = (graphs.edges > 0).astype(np.float32)
        self._add_pairs(graphs, read, f"edges{end}", columns)
        sources, readers = read.sum(axis=0), read.sum(axis=1)
        for name, codes in self._labels.items():
            there = having(graphs.ops, codes)
            columns.add(f"sources of {name}{end}", (sources * there).sum(axis=0))
            columns.add(f"readers of {name}{end}", (readers * there).sum(axis=0))

    def _add_pairs(self, graphs: FunctionGraphs, weights: NDArray[np.float32], what: str, columns: _Columns) -> None:
        """The weights (V, V, N) of edges, summed for every pair of labels."""
        count, labels = graphs.ops.shape[1], list(self._labels)
        # A place more than there are labels collects the edges of vertices that are not there.
        size = len(labels) + 1
        label = self._label_of[graphs.ops]
        label[label < 0] = len(labels)
        sums = np.zeros((size * size, count), dtype=np.float32)
        rows = np.arange(count)
        for source in range(len(label)):
            for target in range(source + 1, len(label)):
                edge = weights[source, target]
                if edge.any():
                    sums[label[source] * size + label[target], rows] += edge
        for first, name in enumerate(labels):
            for second, other in enumerate(labels):
                columns.add(f"{name} -> {other} {what}", sums[first * size + second])


def _distinct(kinds: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The kinds of operations that are not empty and not said already under another name."""
    found: dict[str, tuple[int, ...]] = {}
    for name, codes in kinds.items():
        if codes and not any(set(codes) == set(known) for known in found.values()):
            found[name] = codes
    return found


__all__ = ["GROUPS", "VERSION", "structure"]
