"""Making a pool: architectures and their vectors, computed in a stream and written piece by piece.

No more than one piece of architectures is in memory at a time, besides 8 bytes for each of all by which repeats are
noticed. A pool holds one architecture of each function: what computes the same is evaluated once by every search, so
that a second one could never be proposed.

A piece is on disk before it counts. The same command, repeated after whatever ended it, goes on after the last whole
piece and makes the very same pool: what is drawn for a piece follows from the seed and the piece's number.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.arguments import as_annotated
from arch2vec.common.documents import checked, record, whole
from arch2vec.common.ownership import owning
from arch2vec.common.storage import AnyPath, atomic_path, claim, read_json, write_json, writing
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.pools.folder import (
    ADJACENCY,
    ENCODER,
    KEYS,
    MANIFEST,
    MOMENTS,
    OPS,
    REQUEST,
    ROWS,
    SUMS,
    VECTORS,
    write_manifest,
)
from arch2vec.pools.pool import Pool, open_pool
from arch2vec.pools.rows import RowsFile, checksums, header
from arch2vec.representations.ready import represent
from arch2vec.representations.spec import AnyRepresentation, resolve_representation
from arch2vec.representations.structure import VERSION
from arch2vec.spaces import SearchSpace, get_space

if TYPE_CHECKING:
    from arch2vec.encoder import Encoder

Keys = NDArray[np.uint64]

PIECE = 16_384
"""Architectures drawn, embedded and written at a time."""

_PROGRESS, _FUNCTIONS = "progress.json", "functions.npy"
_BARREN = 20  # pieces in a row that are nearly all known: hardly anything else is left to find
_STATE = record({"rows": whole(0), "pieces": whole(0), "barren": whole(0), "dimensions": whole(1)})


@dataclass(frozen=True)
class Source:
    """Where a pool's vectors come from.

    Attributes:
        space: the search space.
        embed: gives the embedding of any of its architectures.
        name: what tells it from other sources of this space: a representation's name, an encoder's digest.
        representation: the text of a representation of this package, by which searches embed further architectures.
        write_encoder: writes the encoder by which they do so instead.
    """

    space: SearchSpace
    embed: Callable[[GraphBatch], Embedding]
    name: str
    representation: str | None = None
    write_encoder: Callable[[Path], None] | None = None

    @classmethod
    def of(cls, space: SearchSpace | str, representation: AnyRepresentation = "structure") -> Source:
        """The architectures of a space by a representation.

        Raises:
            InputError: there is no such space or representation.
        """
        place, kind = get_space(space), resolve_representation(representation)
        text = kind.name if kind.code is None else None  # code of the user's own is not run unasked
        return cls(place, partial(represent, place, kind), f"{kind.name} {kind.code or ''}".strip(), text)

    @classmethod
    def by(cls, encoder: Encoder) -> Source:
        """The architectures of an encoder's space by what it has learned."""
        digest = hashlib.sha256(encoder.pooling.encode())
        for name, tensor in sorted(encoder.model.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        name = f"encoder {digest.hexdigest()[:32]}"
        return cls(encoder.space, encoder.embed, name, write_encoder=lambda folder: encoder.save(folder / ENCODER))


@as_annotated
def make_pool(
    folder: AnyPath,
    source: Source,
    *,
    sample: int | None = None,
    graphs: GraphBatch | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Pool:
    """Write a pool, or what is missing of it.

    Args:
        folder: created where missing.
        source: of the vectors.
        sample: how many architectures are drawn; None for those given, or all of the space.
        graphs: the architectures to take, of which those that compute the same as an earlier one are left out.
        seed: of the sample.
        progress: called with how many there are, and how many there will be.

    Raises:
        InputError: the space has fewer, or the folder holds something else or cannot be written to.
    """
    folder, space = Path(folder), source.space
    if sample is not None and not 1 <= sample < 2**31:
        raise InputError(f"a pool holds from 1 to {2**31 - 1:,} architectures, got {sample:,}")
    if sample is not None:
        space.check_sample_size(sample)
    listed = None if sample is not None else _different(space, space.enumerate() if graphs is None else graphs)
    total = len(listed) if listed is not None else sample
    assert total is not None
    request = {
        "space": space.reference,
        "vectors": source.name,
        "structure_version": VERSION,
        "architectures": total if listed is None else _digest(listed),
        "seed": seed if listed is None else 0,
    }
    with owning(folder), writing(folder):
        if (folder / MANIFEST).exists() and not (folder / REQUEST).exists():
            raise InputError(
                f"{folder} holds a {MANIFEST} and no {REQUEST} that says of what it is: choose another output folder"
            )
        claim(folder / REQUEST, "pool", request)
        if not (folder / MANIFEST).exists():
            making = _Making(folder, source, total)
            making.run(listed, seed, progress)
            making.finish()
    return open_pool(folder, space)


def _different(space: SearchSpace, graphs: GraphBatch) -> GraphBatch:
    """The first architecture of each function, in their order."""
    _, first = np.unique(space.function_classes(graphs), return_index=True)
    return graphs[np.sort(first)]


def _digest(graphs: GraphBatch) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(graphs.ops).data)
    digest.update(np.ascontiguousarray(graphs.adjacency).data)
    return digest.hexdigest()[:32]


class _Making:
    """A pool that is being made, with what is there of it already."""

    def __init__(self, folder: Path, source: Source, total: int) -> None:
        self._folder, self._source, self._total = folder, source, total
        self._seen = _Seen()
        self._state: dict[str, int] = {}
        if (folder / _PROGRESS).exists():
            self._state = checked(read_json(folder / _PROGRESS), _STATE, folder / _PROGRESS)
            if self._state["rows"] > total:
                raise InputError(f"{folder / _PROGRESS} is damaged: it has more rows than there are to be")

    def run(self, listed: GraphBatch | None, seed: int, progress: Callable[[int, int], None] | None) -> None:
        """Draw, embed and write until there are as many as wanted."""
        space = self._source.space
        example = self._source.embed(space.sample(1, np.random.default_rng(0)) if listed is None else listed[:1])
        self._shape = _Shape(example)
        if self._state and self._state["dimensions"] != example.dimensions:
            raise InputError(f"{self._folder / _PROGRESS} is damaged: vectors have {example.dimensions} dimensions")
        state = self._state or {"rows": 0, "pieces": 0, "barren": 0, "dimensions": example.dimensions}
        with ExitStack() as stack:
            opened = {
                name: stack.enter_context(self._open(name, shape, dtype, state["rows"]))
                for name, (shape, dtype) in self._shape.files(self._total).items()
            }
            if state["rows"]:
                with (self._folder / _FUNCTIONS).open("rb") as known:
                    start = len(header((self._total,), np.dtype(np.uint64)))
                    known.seek(start)
                    self._seen.add(np.fromfile(known, np.uint64, state["rows"]))
            while state["rows"] < self._total:
                if listed is None:
                    graphs, keys = self._draw(seed, state)
                else:
                    graphs = listed[state["rows"] : state["rows"] + PIECE]
                    keys = space.function_classes(graphs)
                if len(graphs):
                    self._write(opened, graphs, keys)
                state = {**state, "rows": state["rows"] + len(graphs), "pieces": state["pieces"] + 1}
                write_json(self._folder / _PROGRESS, state)
                if progress is not None:
                    progress(state["rows"], self._total)

    def _draw(self, seed: int, state: dict[str, int]) -> tuple[GraphBatch, Keys]:
        """The new ones among the architectures of a piece, no more than are missing."""
        space, missing = self._source.space, self._total - state["rows"]
        number = PIECE if space.size is None else min(PIECE, space.size)
        graphs = space.sample(number, np.random.default_rng([seed, state["pieces"]]))
        keys = space.function_classes(graphs)
        _, first = np.unique(keys, return_index=True)
        first = np.sort(first)
        new = first[~self._seen.has(keys[first])][:missing]
        state["barren"] = state["barren"] + 1 if len(new) < min(missing, number // 100) or not len(new) else 0
        if state["barren"] >= _BARREN:
            raise InputError(
                f"{space.name}: {state['rows']:,} architectures of different functions were found, and hardly any "
                f"more among the last {_BARREN * number:,} drawn; ask for fewer than {self._total:,}"
            )
        return graphs[new], keys[new]

    def _write(self, opened: Mapping[str, Any], graphs: GraphBatch, keys: Keys) -> None:
        embedding = self._source.embed(graphs)
        if embedding.groups != self._shape.example.groups:
            raise InputError(f"vectors have the groups {embedding.groups}, and {self._shape.example.groups} before")
        parts: dict[str, NDArray[Any]] = {VECTORS: embedding.vectors, OPS: graphs.ops, ADJACENCY: graphs.adjacency}
        sums = np.stack([checksums(part) for part in parts.values()], axis=1)
        for name, part in {**parts, SUMS: sums, _FUNCTIONS: keys}.items():
            opened[name].write(np.ascontiguousarray(part).data)
        for file in opened.values():
            file.flush()
            os.fsync(file.fileno())
        self._seen.add(keys)

    def _open(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], rows: int) -> Any:
        """A file behind its first rows; what a killed process wrote of further ones is cut off."""
        path, begins = self._folder / name, header(shape, dtype)
        there = len(begins) + rows * int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        if rows == 0:
            path.write_bytes(begins)
        elif not path.exists() or path.stat().st_size < there:
            raise InputError(
                f"{path} is damaged: it has less than the {rows:,} rows that were written; remove the pool"
            )
        file = path.open("r+b")
        file.truncate(there)
        file.seek(there)
        return file

    def finish(self) -> None:
        """Work out what is needed of all together, and say that the pool is whole."""
        folder, total, example = self._folder, self._total, self._shape.example
        keys = np.load(folder / _FUNCTIONS)
        order = np.argsort(keys, kind="stable")
        _save(folder / KEYS, keys[order])
        _save(folder / ROWS, order.astype(np.int32))
        del keys, order
        sums = np.load(folder / SUMS, mmap_mode="r")[:, 0]
        _save(folder / MOMENTS, _moments(RowsFile(folder / VECTORS, (total, example.dimensions), np.float32, sums)))
        if self._source.write_encoder is not None:
            self._source.write_encoder(folder)
        write_manifest(
            folder,
            {
                "space": self._source.space.reference,
                "rows": total,
                "dimensions": example.dimensions,
                "groups": [list(group) for group in example.groups],
                "structure_version": example.structure_version,
                "representation": self._source.representation,
            },
        )
        for name in (_FUNCTIONS, _PROGRESS):
            (folder / name).unlink()


@dataclass(frozen=True)
class _Shape:
    """What the files of a pool look like, by the embedding of one architecture."""

    example: Embedding

    def files(self, rows: int) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        v = self.example.graphs.num_vertices
        return {
            VECTORS: ((rows, self.example.dimensions), np.dtype(np.float32)),
            OPS: ((rows, v), np.dtype(np.uint8)),
            ADJACENCY: ((rows, v, v), np.dtype(np.bool_)),
            SUMS: ((rows, 3), np.dtype(np.uint32)),
            _FUNCTIONS: ((rows,), np.dtype(np.uint64)),
        }


class _Seen:
    """Many keys, to which more are added: sorted runs, of which equally long ones are merged."""

    def __init__(self) -> None:
        self._runs: list[Keys] = []

    def add(self, keys: Keys) -> None:
        self._runs.append(np.sort(keys))
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")

    def has(self, keys: Keys) -> NDArray[np.bool_]:
        found = np.zeros(len(keys), dtype=np.bool_)
        for run in self._runs:
            if len(run):
                found |= run[np.minimum(np.searchsorted(run, keys), len(run) - 1)] == keys
        return found


def _moments(vectors: RowsFile) -> NDArray[np.float64]:
    """(3, d) mean, standard deviation and largest size of every column, in one pass."""
    n, d = vectors.shape
    centre = np.zeros(d)
    sums, squares, largest = np.zeros(d), np.zeros(d), np.zeros(d)
    for number, block in enumerate(vectors.blocks(PIECE)):
        rows = block.astype(np.float64)
        largest = np.maximum(largest, np.abs(rows).max(axis=0))
        if number == 0:
            centre = rows.mean(axis=0)  # numbers near zero lose nothing when their squares are added
        rows -= centre
        sums += rows.sum(axis=0)
        squares += np.einsum("nd,nd->d", rows, rows)
    mean = sums / n
    return np.stack([centre + mean, np.sqrt(np.maximum(squares / n - mean**2, 0)), largest])


def _save(path: Path, array: NDArray[Any]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as opened:
        np.save(opened, array)
