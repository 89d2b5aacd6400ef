"""The map of a page: architectures at their vectors' place in the plane, with what is known of each."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.reports.cells import has_operations_on_edges, operation_colours, readable
from arch2vec.reports.page.evaluations import Evaluations
from arch2vec.reports.projection import project
from arch2vec.representations.nearest import nearest_neighbours
from arch2vec.spaces import SearchSpace

if TYPE_CHECKING:
    from arch2vec.objectives.lookup import LookupObjective

MOST_POINTS = 20_000
"""Architectures on a map; of a larger space a sample is shown."""
MOST_EVALUATED = 10_000
"""Of them, those that searches have evaluated, where the space is larger than a map."""
MOST_PATHS = 5
"""Searches of each method whose path can be played."""
NEIGHBOURS = 8

_LOG = "log "  # how the names of a space's costs on a logarithmic scale begin
_SHOWN_COSTS = 2


@dataclass(frozen=True, eq=False)
class Vectors:
    """Where the vectors of a map come from.

    Attributes:
        space: the search space.
        of: (N, d) vectors of architectures; what it knows none of gets no place.
        what: one line on them.
        whole: the only architectures that there are vectors of; None where all of the space have one.
    """

    space: SearchSpace
    of: Callable[[GraphBatch], NDArray[np.float32]]
    what: str
    whole: GraphBatch | None = None


@dataclass
class Landscape:
    """A map.

    Attributes:
        payload: what the page's script needs.
        notes: lines for readers: what is shown, and what is left out.
        texts: the architectures on it.
    """

    payload: dict[str, Any]
    notes: list[str]
    texts: list[str] = field(default_factory=list)


def landscape(
    vectors: Vectors,
    found: Evaluations | None,
    best: Sequence[str],
    table: LookupObjective | None,
    *,
    way: str,
    seed: int,
    masked: bool,
) -> Landscape:
    """Put architectures on a map.

    Args:
        vectors: of the architectures.
        found: what has been evaluated, if anything.
        best: architectures that have to be on it.
        table: values of all architectures to colour by.
        way: the way in which vectors are projected.
        seed: of the sample and of the projection.
        masked: whether test values stay hidden.
    """
    space = vectors.space
    paths = [] if found is None else _paths(found)
    required = list(dict.fromkeys([*best, *(text for path in paths for text in path["architectures"])]))
    evaluated = [] if found is None else list(dict.fromkeys(found.frame["architecture"]))
    graphs, notes = _chosen(vectors, required, evaluated, np.random.default_rng(seed))
    texts = space.format(graphs)
    place = {text: row for row, text in enumerate(texts)}
    known = vectors.of(graphs)
    points = project(known, way, seed)
    notes = [f"{vectors.what} {points.note}", *notes]
    k = min(NEIGHBOURS, len(texts) - 1)
    neighbours, distances = nearest_neighbours(known, k) if k else (np.empty((1, 0), np.int64), np.empty((1, 0)))
    payload: dict[str, Any] = {
        "points": packed(points.points.T),
        "axes": list(points.axes),
        "texts": "\n".join(text.replace("\n", " ") for text in texts),
        "cells": _cells(space, graphs),
        "neighbours": packed(neighbours.astype(np.uint16 if len(texts) < 1 << 16 else np.uint32)),
        "distances": packed(distances.astype(np.float32)),
        "k": k,
        "columns": _costs(space, graphs) + ([] if table is None else _of_table(table, graphs, masked)),
        "objectives": [] if found is None else _of_searches(found, place),
        "paths": _placed(paths, place),
        "evaluated": sum(text in place for text in evaluated),
    }
    if found is not None:
        runs = len(found.frame.drop_duplicates(["objective", "method", "seed"]))
        if len(payload["paths"]) < runs:
            notes.append(
                f"The paths of {len(payload['paths'])} of {runs:,} searches can be played, the first "
                f"{MOST_PATHS} of each method; values are over all of them."
            )
    return Landscape(payload, notes, texts)


def packed(array: NDArray[Any]) -> dict[str, str]:
    """Numbers as a page's script reads them: little-endian bytes in base 64."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return {"type": array.dtype.str.lstrip("<>|="), "data": base64.b64encode(little.tobytes()).decode()}


def _chosen(
    vectors: Vectors, required: Sequence[str], evaluated: Sequence[str], rng: np.random.Generator
) -> tuple[GraphBatch, list[str]]:
    """The architectures of a map, the evaluated ones first where it is a sample."""
    space = vectors.space
    whole, size = vectors.whole, space.size if vectors.whole is None else len(vectors.whole)
    if whole is None and space.enumerable and size is not None and size <= MOST_POINTS:
        whole = space.enumerate()
    if whole is not None and len(whole) <= MOST_POINTS:
        return whole, [f"All {len(whole):,} architectures are shown."]
    kept = list(required)[:MOST_EVALUATED]
    others = [text for text in evaluated if text not in set(kept)]
    room = MOST_EVALUATED - len(kept)
    if len(others) > room:
        others = [others[row] for row in np.sort(rng.permutation(len(others))[:room])]
    kept += others
    number = min(MOST_POINTS - len(kept), (size or MOST_POINTS) - len(kept))
    sample = space.sample(number, rng) if whole is None else whole[np.sort(rng.permutation(len(whole))[:number])]
    if kept:
        known, taken = space.parse(kept), set(kept)
        if whole is not None:  # of others there is no vector
            there = set(space.format(whole))
            known = known[[row for row, text in enumerate(kept) if text in there]]
        rest = [row for row, text in enumerate(space.format(sample)) if text not in taken]
        sample = GraphBatch.concatenate([known, sample[rest]])
    of = "too many to count" if size is None else f"{size:,}"
    note = f"A sample: {len(sample):,} architectures of {of}"
    if kept:
        note += f", among them {len(kept):,} of {len(evaluated):,} that were evaluated"
    return sample, [f"{note}. Nearest means among those shown."]


def _cells(space: SearchSpace, graphs: GraphBatch) -> dict[str, Any]:
    """Graphs as bytes: an operation a vertex, a bit for each pair of vertices."""
    upper = np.triu_indices(graphs.num_vertices, 1)
    bits = np.packbits(graphs.adjacency[:, upper[0], upper[1]], axis=1)
    colours = operation_colours(space)
    return {
        "vertices": graphs.num_vertices,
        "padding": PADDING,
        "operations": [readable(name) for name in space.operations],
        "colours": [colours[name] for name in space.operations],
        "none": [name == "none" for name in space.operations],
        "onEdges": has_operations_on_edges(space),
        "ops": packed(graphs.ops),
        "bits": packed(bits),
        "bytes": bits.shape[1],
    }


def _column(key: str, label: str, unit: str, values: NDArray[np.floating], **more: Any) -> dict[str, Any]:
    return {"key": key, "label": label, "unit": unit, "values": packed(values.astype(np.float32)), **more}


def _costs(space: SearchSpace, graphs: GraphBatch) -> list[dict[str, Any]]:
    values, names = space.costs(graphs)
    shown = [(place, name) for place, name in enumerate(names) if name.startswith(_LOG)][:_SHOWN_COSTS]
    return [
        _column(f"cost:{name}", name.removeprefix(_LOG), "", np.exp(values[:, place].astype(np.float64)), log=True)
        for place, name in shown
    ]


def _of_table(table: LookupObjective, graphs: GraphBatch, masked: bool) -> list[dict[str, Any]]:
    rows, view = table.rows_of(graphs), table.columns()
    columns = []
    named = {"validation": (table.signal_name, table.unit), "test": ("test", table.unit), "cost_s": ("cost", "s")}
    for name, (label, unit) in named.items():
        values = np.where(rows >= 0, getattr(view, name)[rows], np.nan)
        if np.isfinite(values).any() and not (masked and (name == "test" or "TEST" in label)):
            high = name != "cost_s" and not (name == "validation" and table.minimise)
            columns.append(
                _column(f"table:{name}", f"{label}, all architectures ({table.name})", unit, values, high=high)
            )
    return columns


def _of_searches(found: Evaluations, place: Mapping[str, int]) -> list[dict[str, Any]]:
    """For each objective what its searches measured, by architecture on the map."""
    entries = []
    for objective in found.objectives:
        mine = found.frame[found.frame["objective"] == objective]
        rows = np.array([place.get(text, -1) for text in mine["architecture"]])
        mine = mine[rows >= 0]
        rows = rows[rows >= 0]
        means = mine.groupby(rows)
        shown, columns = np.array(sorted(set(rows.tolist())), dtype=np.int64), []
        tested = "test" + (found.unit and f", {found.unit}")
        more = not bool(mine["minimise"].any())
        labels: dict[str, tuple[str, bool | None]] = {"validation": (found.signal, more), "test": (tested, True)}
        labels |= {"cost_s": ("cost, s", False)} | {name: (name, None) for name in found.extra}
        for name, (label, high) in labels.items():
            values = means[name].mean().reindex(shown).to_numpy(dtype=np.float64)
            if np.isfinite(values).any():
                columns.append(_column(name, label, "", values, high=high))
        order = means["evaluation"].min().reindex(shown).to_numpy(dtype=np.float64)
        columns.append(_column("order", "order of evaluation", "", order, high=None))
        entries.append({"name": objective, "rows": packed(shown.astype(np.uint32)), "columns": columns})
    return entries


def _paths(found: Evaluations) -> list[dict[str, Any]]:
    """The first few searches of each method, evaluation by evaluation."""
    paths = []
    for (objective, method), mine in found.frame.groupby(["objective", "method"], sort=False):
        for seed in sorted(mine["seed"].unique().tolist())[:MOST_PATHS]:
            rows = mine[mine["seed"] == seed].sort_values("evaluation")
            paths.append(
                {
                    "objective": str(objective),
                    "method": str(method),
                    "seed": int(seed),
                    "architectures": rows["architecture"].tolist(),
                    "validation": rows["validation"].to_numpy(dtype=np.float64),
                }
            )
    return paths


def _placed(paths: Sequence[Mapping[str, Any]], place: Mapping[str, int]) -> list[dict[str, Any]]:
    placed = []
    for path in paths:
        rows = np.array([place.get(text, -1) for text in path["architectures"]], dtype=np.int32)
        values = path["validation"].astype(np.float32)
        there = rows >= 0
        if there.any():
            head = {name: path[name] for name in ("objective", "method", "seed")}
            number = (np.flatnonzero(there) + 1).astype(np.uint32)
            placed.append(
                {**head, "rows": packed(rows[there]), "number": packed(number), "validation": packed(values[there])}
            )
    return placed
