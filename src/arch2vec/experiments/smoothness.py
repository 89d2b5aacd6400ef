"""Does the paper's claim hold: are similar architectures near each other, and accuracy smooth (figures 3 to 5)?

The representation that was learned without accuracies beside one learned from accuracies, an
encoder that was never trained, the discrete encodings, the structure, and structure and learned
vector together; numbers of :mod:`arch2vec.representations.geometry`, over several seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from arch2vec.common.ownership import owned
from arch2vec.common.storage import AnyPath, claim, read_json, write_json
from arch2vec.encoder import Encoder
from arch2vec.errors import InputError, unknown
from arch2vec.experiments.prediction_inputs import Columns, Target, encoder_digest, supervised_config
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.edit_distance import edit_distance
from arch2vec.models.autoencoder import GraphAutoencoder
from arch2vec.pretraining.supervised import train_supervised
from arch2vec.representations import geometry
from arch2vec.representations.discrete import adjacency_one_hot, short_path_encoding
from arch2vec.representations.geometry import EditPairs, Vectors
from arch2vec.representations.nearest import nearest_neighbours
from arch2vec.representations.structure import structure
from arch2vec.spaces import SearchSpace

ENCODINGS = ("arch2vec", "supervised", "untrained", "adjacency", "paths", "structure", "structure+arch2vec")
"""What is compared, as it is shown."""

METRICS: Mapping[str, str] = {
    "edit_random": "edit distance, random pairs",
    "edit_walk": "edit distance, up to 10 edits",
    "neighbours": "one edit is nearer than a random cell",
    "variance_ranks": "variance of accuracy ranks within neighbourhoods / all",
    "variance": "variance of accuracy within neighbourhoods / all",
    "moran_ranks": "Moran's I, accuracy ranks",
    "moran": "Moran's I, accuracy",
    "walk_edit": "edit distance a step, walk to the nearest",
    "line_cells": "cells on a line",
    "line_detour": "edits along a line / between its ends",
    "line_valid": "share of points of a line that decode to cells",
}
"""The numbers and what they are called."""
_RANDOM_CELLS = 10_000  # at most, that an edit is compared with; those of a draw are in random order


@dataclass(frozen=True)
class SmoothnessSettings:
    """What is measured.

    Attributes:
        sample: architectures, 0 for all there are.
        k: nearest neighbours.
        queries: architectures, of the sample, whose nearest neighbours in it are looked at; 0 for all.
        labels: accuracies that the supervised representation is learned from.
        pairs: whose vectors' and edit distances are compared, of each kind.
        anchors: architectures whose one-edit neighbours are looked at.
        lines: straight lines, and walks.
    """

    sample: int = 10_000
    k: int = 10
    queries: int = 0
    labels: int = 250
    pairs: int = 1_000
    anchors: int = 100
    lines: int = 30

    def __post_init__(self) -> None:
        if self.sample and self.sample < 50:
            raise InputError(f"at least 50 architectures are needed, or 0 for all; got {self.sample}")
        if self.queries and self.queries < 50:
            raise InputError(f"neighbours of at least 50 architectures are needed, or 0 for all; got {self.queries}")
        for name in ("k", "labels", "pairs", "anchors", "lines"):
            if getattr(self, name) < 2:
                raise InputError(f"{name} must be at least 2, got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Draw:
    """What one seed looks at.

    Attributes:
        space: the search space.
        graphs: N architectures in random order.
        values: (N,) their accuracies, NaN where there are none.
        random: random pairs.
        near: pairs up to ten edits apart.
    """

    space: SearchSpace
    graphs: GraphBatch
    values: NDArray[np.float64]
    random: EditPairs
    near: EditPairs

    @classmethod
    def unlabelled(cls, space: SearchSpace, size: int, seed: int) -> Draw:
        """Architectures of a space without accuracies: what walks and lines need."""
        whole = space.enumerate() if space.enumerable and space.size is not None and space.size <= size else None
        rng = np.random.default_rng(seed)
        graphs = space.sample(size, rng) if whole is None else whole[rng.permutation(len(whole))]
        return cls(space, graphs, np.full(len(graphs), np.nan), *EditPairs.drawn(space, graphs, 2, seed))

    @classmethod
    def of(cls, columns: Columns, target: Target, settings: SmoothnessSettings, seed: int) -> Draw:
        """The architectures, in random order so that ties of distance are broken by chance, and the pairs of a seed."""
        rows = np.random.default_rng(seed).permutation(len(columns))[: settings.sample or None]
        graphs = columns.graphs(rows)
        pairs = EditPairs.drawn(columns.space, graphs, settings.pairs, seed)
        return cls(columns.space, graphs, columns.values(target)[rows], *pairs)


def vectors_of(encoding: str, encoder: Encoder, draw: Draw, labels: int, seed: int) -> Vectors:
    """How an encoding turns architectures into vectors.

    The structure's columns, and the learned ones beside them, are scaled to standard deviation 1
    over the draw, and each of the two to the same total variance.

    Args:
        encoding: one of :data:`ENCODINGS`.
        encoder: the learned one.
        draw: what is looked at.
        labels: of the supervised one.
        seed: of the supervised and the untrained one.

    Raises:
        InputError: there is no encoding of that name.
    """
    space = draw.space
    if encoding == "arch2vec":
        return encoder.vectors
    if encoding == "untrained":
        return untrained(encoder, seed).vectors
    if encoding == "supervised":
        known = slice(0, min(labels, len(draw.graphs)))
        config = supervised_config(labels)
        return train_supervised(space, draw.graphs[known], draw.values[known], config, seed).embed
    if encoding == "adjacency":
        return lambda graphs: adjacency_one_hot(graphs, space)
    if encoding == "paths":
        return lambda graphs: short_path_encoding(graphs, space)
    scaled_structure = _scaled(lambda graphs: structure(graphs, space).values, draw.graphs)
    if encoding == "structure":
        return scaled_structure
    if encoding != "structure+arch2vec":
        raise unknown("encoding", encoding, ENCODINGS)
    learned = _scaled(encoder.vectors, draw.graphs)
    return lambda graphs: np.concatenate([scaled_structure(graphs), learned(graphs)], axis=1)


def untrained(encoder: Encoder, seed: int) -> Encoder:
    """The same model with the weights that training would have started from."""
    config = replace(encoder.config, predicted=0)
    generator = torch.Generator().manual_seed(seed)
    model = GraphAutoencoder(config, encoder.space.num_operations, generator, encoder.pooling)
    return Encoder(encoder.space, model, config, encoder.pooling, encoder.prior, {})


def _scaled(vectors: Vectors, graphs: GraphBatch) -> Vectors:
    """Columns that vary at standard deviation 1, all of them together at variance 1."""
    known = vectors(graphs)
    deviation = known.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-6 * np.abs(known).max(axis=0)
    factor = (1 / (deviation[varies] * max(1, varies.sum()) ** 0.5)).astype(np.float32)
    return lambda batch: vectors(batch)[:, varies] * factor


def measure(
    encoding: str, vectors: Vectors, encoder: Encoder, draw: Draw, settings: SmoothnessSettings, seed: int
) -> dict[str, float]:
    """The numbers of :data:`METRICS`; ``line_valid`` is NaN where vectors cannot be decoded."""
    rng = np.random.default_rng(seed)
    pool = np.ascontiguousarray(vectors(draw.graphs), dtype=np.float32)
    neighbours, _ = nearest_neighbours(pool, settings.k, settings.queries or None)
    by_rank = geometry.ranks(draw.values)
    anchors = draw.graphs[: settings.anchors]
    ends = [rng.choice(len(pool), 2, replace=False) for _ in range(settings.lines)]
    lines = [geometry.line(pool, int(first), int(last)) for first, last in ends]
    walks = [geometry.walk(pool, int(first)) for first, _ in ends]
    along = _edits(draw.graphs, lines)
    between = edit_distance(draw.graphs[[rows[0] for rows in lines]], draw.graphs[[rows[-1] for rows in lines]])
    decodable = {"arch2vec": encoder, "untrained": untrained(encoder, seed)}.get(encoding)
    return {
        "edit_random": geometry.edit_correlation(draw.random, vectors),
        "edit_walk": geometry.edit_correlation(draw.near, vectors),
        "neighbours": geometry.neighbours_closer(draw.space, anchors, pool[:_RANDOM_CELLS], vectors),
        "variance_ranks": geometry.local_variance(neighbours, by_rank),
        "variance": geometry.local_variance(neighbours, draw.values),
        "moran_ranks": geometry.moran(neighbours, by_rank),
        "moran": geometry.moran(neighbours, draw.values),
        "walk_edit": float(np.mean(np.concatenate(_edits(draw.graphs, walks)))),
        "line_cells": float(np.mean([len(rows) for rows in lines])),
        "line_detour": float(
            np.mean([part.sum() / edits for part, edits in zip(along, between, strict=True) if edits])
        ),
        "line_valid": np.nan if decodable is None else line_validity(decodable, draw, settings.lines, rng),
    }


def _edits(graphs: GraphBatch, paths: Sequence[Sequence[int]]) -> list[NDArray[np.int64]]:
    """The edit distance of every step of some paths."""
    first = [row for rows in paths for row in rows[:-1]]
    second = [row for rows in paths for row in rows[1:]]
    ends = np.cumsum([len(rows) - 1 for rows in paths])[:-1]
    return np.split(edit_distance(graphs[first], graphs[second]), ends)


def line_validity(encoder: Encoder, draw: Draw, lines: int, rng: np.random.Generator, steps: int = 10) -> float:
    """The share of the inner points of lines between two architectures' vertices that decode, freely, to architectures.

    Of architectures without padding; ends are not counted.
    """
    whole = np.flatnonzero(draw.graphs.mask.all(axis=1))
    ends = rng.choice(whole, (2, lines))
    first, last = encoder.encode(draw.graphs[ends[0]]), encoder.encode(draw.graphs[ends[1]])
    shares = np.arange(1, steps, dtype=np.float32) / np.float32(steps)
    points = np.concatenate([first * (1 - share) + last * share for share in shares])
    return float(draw.space.is_valid(encoder.decode(points)).mean())


@owned
def run_smoothness(
    encoders: Sequence[Encoder],
    columns: Columns,
    target: Target,
    settings: SmoothnessSettings,
    out: AnyPath,
    *,
    seed0: int = 0,
    encodings: Sequence[str] = ENCODINGS,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[dict[str, Any]]:
    """Measure every encoding with every seed; what is in the folder already is not measured again.

    Args:
        encoders: the learned ones, one a seed, all of one space.
        columns: the benchmark's table of results.
        target: the column of it that is looked at.
        settings: what is measured.
        out: the folder, for one benchmark column.
        seed0: the first seed.
        encodings: which encodings are compared.
        progress: called with what is done, of how much, and what is next.

    Raises:
        InputError: an encoder is of another space, or the folder holds something else.
    """
    for encoding in encodings:
        if encoding not in ENCODINGS:
            raise unknown("encoding", encoding, ENCODINGS)
    for encoder in encoders:
        if encoder.space.name != columns.space.name:
            raise InputError(f"a run is of {encoder.space.name}, the accuracies are of {columns.space.name}")
    out = Path(out)
    claim(
        out / "smoothness.json", "measurement of smoothness", {"target": asdict(target), "settings": asdict(settings)}
    )
    rows: list[dict[str, Any]] = []
    total = len(encoders) * len(encodings)
    for number, encoder in enumerate(encoders):
        seed, draw = seed0 + number, None
        for encoding in encodings:
            path = out / "parts" / f"{encoding}-{seed}.json"
            mark = encoder_digest(encoder)
            if not path.exists():
                if progress is not None:
                    progress(len(rows), total, f"{encoding}, seed {seed}")
                draw = draw or Draw.of(columns, target, settings, seed)
                found = measure(
                    encoding, vectors_of(encoding, encoder, draw, settings.labels, seed), encoder, draw, settings, seed
                )
                numbers = {name: None if value != value else value for name, value in found.items()}
                write_json(path, {"encoding": encoding, "seed": seed, "encoder": mark, **numbers})
            row = read_json(path)
            if row.get("encoder") != mark:
                raise InputError(f"{path} was measured with another run; name another output folder")
            rows.append({name: value for name, value in row.items() if name != "encoder"})
    return rows
