"""An embedding in a folder: tens of millions of architectures, of which only the rows that are asked for are read.

A search asks for few: random ones, and the surroundings of the best. What every search needs of all architectures
together was worked out when the pool was made: no two rows compute the same function, the row of a function is found
in a sorted list on disk, and the columns' means and deviations are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from arch2vec.common.storage import AnyPath
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.pools.folder import ENCODER, Files, open_files
from arch2vec.pools.rows import Appended
from arch2vec.representations.ready import SAMPLE, FeaturesOf
from arch2vec.representations.spec import resolve_representation
from arch2vec.representations.structure import VERSION
from arch2vec.spaces import SearchSpace, stored_space

NONE = -1
"""The row of an architecture that is not in the pool."""

ROOM = 1 << 22
"""How many architectures a search may add to a pool, besides those in it."""

Extend = Callable[[GraphBatch], NDArray[np.float32]]


class Pool(Embedding):
    """N architectures in a folder, no two of which compute the same function.

    Args:
        files: of the folder.
        space: the search space.
        extend: gives the vectors of further architectures, None where nobody knows how.
    """

    def __init__(self, files: Files, space: SearchSpace, extend: Extend | None = None) -> None:
        self.files = files
        graphs = GraphBatch(cast("Any", files.ops), cast("Any", files.adjacency))
        vectors = cast("Any", files.vectors)
        super().__init__(space, graphs, vectors, files.groups, files.structure_version, extend)
        self.origin: Pool = self  # the pool as it is in the folder, also of one that grows

    @override
    def __post_init__(self) -> None:
        """Everything was checked when the pool was made."""

    @property
    def room(self) -> int:
        """More rows than there will ever be."""
        return len(self.files.vectors) + ROOM

    @property
    def digest(self) -> str:
        """32 hexadecimal digits, equal for pools of the same content."""
        return self.files.digest

    @cached_property
    def drawn_from(self) -> int:
        """How many rows random architectures are drawn from: those in the folder."""
        return len(self.files.vectors)

    @cached_property
    @override
    def architectures(self) -> list[str]:
        """The architectures in the space's notation, each written when it is asked for."""
        return cast("list[str]", Texts(self))

    @property
    def functions(self) -> NDArray[np.int64]:
        """(N,) the number of each architecture's function, which is its row."""
        return cast("NDArray[np.int64]", Itself(self))

    @property
    @override
    def function_classes(self) -> NDArray[np.uint64]:
        """(N,) labels, all different."""
        return np.arange(len(self), dtype=np.uint64)

    def rows_of(self, graphs: GraphBatch) -> NDArray[np.int64]:
        """(n,) the row of what computes the same as each graph, :data:`NONE` where there is none."""
        return self.find(self.space.function_classes(graphs))

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n,) the row of each function, :data:`NONE` where it has none."""
        known = self.files.keys
        places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return np.where(known[places] == keys, self.files.rows[places], NONE).astype(np.int64)

    @override
    def index_of(self, architecture: str) -> int:
        row = int(self.rows_of(self.space.parse([architecture]))[0])
        if row == NONE:
            raise InputError(f"{architecture!r} is not among the {len(self):,} embedded architectures")
        return row

    @override
    def nearest(self, point: ArrayLike, k: int = 10) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The architectures whose vectors are closest to ``point``, by the index of :mod:`arch2vec.pools.index`.

        They are measured exactly, but chosen among those that the index finds: one in many may be missed.
        """
        from arch2vec.pools.index import index_of

        target = np.asarray(point, dtype=np.float32)
        if target.shape != (self.dimensions,):
            raise InputError(f"a point of this embedding has shape ({self.dimensions},), got {target.shape}")
        if not 1 <= k <= len(self):
            raise InputError(f"k must be between 1 and {len(self):,}, got {k}")
        return index_of(self).nearest(target, k)

    @override
    def subset(self, rows: Sequence[int] | NDArray[np.integer]) -> Embedding:
        """The embedding of some of the architectures, in memory."""
        index = np.asarray(rows, dtype=np.int64)
        graphs, vectors = self.graphs[index], np.asarray(self.vectors[index])
        return Embedding(self.space, graphs, vectors, self.groups, self.structure_version, self.extend)

    @cached_property
    def reduced(self) -> Embedding:
        """So many of its architectures as stand for a space too large to list, always the same, in memory."""
        if len(self) <= SAMPLE:
            return self.subset(np.arange(len(self)))
        return self.subset(np.sort(np.random.default_rng(0).choice(len(self), size=SAMPLE, replace=False)))

    def holding(self, graphs: GraphBatch) -> Embedding:
        """Its architectures that compute what one of these does, in the pool's order, in memory."""
        rows = np.unique(self.rows_of(graphs))
        return self.subset(rows[rows != NONE])

    @override
    def save(self, path: AnyPath) -> None:
        raise InputError(f"a pool is saved already, in {self.files.folder}; subset(rows) can be saved elsewhere")

    def growing(self) -> GrowingPool:
        """The same with room for further architectures, in memory, which the folder does not get."""
        return GrowingPool(self)

    def __reduce__(self) -> tuple[object, ...]:
        return open_pool, (self.files.folder, self.space)


class GrowingPool(Pool):
    """A pool and further architectures that a search has come upon.

    Args:
        pool: to begin with.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool.files, pool.space, pool.extend)
        files = pool.files
        self._parts = tuple(Appended(part) for part in (files.vectors, files.ops, files.adjacency))
        vectors, ops, adjacency = (cast("Any", part) for part in self._parts)
        object.__setattr__(self, "graphs", GraphBatch(ops, adjacency))
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "origin", pool.origin)
        self._added: dict[int, int] = {}

    @override
    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        found = super().find(keys)
        for place in np.flatnonzero(found == NONE).tolist():
            found[place] = self._added.get(int(keys[place]), NONE)
        return found

    def add(self, graphs: GraphBatch, keys: NDArray[np.uint64], vectors: NDArray[np.float32]) -> None:
        """Add architectures at the end, whose functions are new.

        Raises:
            InputError: there is no room.
        """
        if len(self) + len(graphs) > self.room:
            raise InputError(f"a search can add {ROOM:,} architectures to a pool, and no more")
        start = len(self)
        arrays: tuple[NDArray[Any], ...] = (vectors, graphs.ops, graphs.adjacency)
        for part, rows in zip(self._parts, arrays, strict=True):
            part.append(rows)
        self._added.update((int(key), start + number) for number, key in enumerate(keys.tolist()))


class Itself:
    """All row numbers of a pool, without holding them: of some rows, these."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __len__(self) -> int:
        return len(self._pool)

    def __getitem__(self, rows: Any) -> Any:
        return rows if isinstance(rows, np.ndarray) else np.asarray(rows, dtype=np.int64)[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.int64]:
        return np.arange(len(self), dtype=dtype)


class Texts(Sequence[str]):
    """The architectures of a pool as texts, each written when it is asked for."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __len__(self) -> int:
        return len(self._pool)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        pool = self._pool
        if isinstance(index, slice):
            return pool.space.format(pool.graphs[np.arange(len(self))[index]])
        return pool.space.format(pool.graphs[[index]])[0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), SAMPLE):
            yield from self[start : start + SAMPLE]


class _Encoded:
    """Gives the vectors of architectures by the encoder in a pool's folder; can be sent to another process."""

    def __init__(self, path: Path, space: SearchSpace) -> None:
        self._path, self._space = path, space
        self._encoder: Any = None

    def __call__(self, graphs: GraphBatch) -> NDArray[np.float32]:
        if self._encoder is None:
            from arch2vec.encoder import Encoder

            self._encoder = Encoder.load(self._path, space=self._space)
        return self._encoder.vectors(graphs)

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        return type(self), (self._path, self._space)


def open_pool(folder: AnyPath, space: SearchSpace | None = None) -> Pool:
    """Open the pool in a folder. Runs no code from there.

    Args:
        folder: made by :func:`arch2vec.pools.make_pool`.
        space: the space it is of; needed only where that is Python code of your own.

    Raises:
        InputError: it holds none, an unfinished or damaged one, or one of another space.
    """
    folder = Path(folder)
    files = open_files(folder, lambda reference: stored_space(reference, space, folder).num_vertices)
    found = stored_space(files.space, space, folder)
    extend: Extend | None = None
    if files.structure_version not in (0, VERSION):  # what this package makes cannot be mixed with it
        pass
    elif (folder / ENCODER).exists():
        extend = _Encoded(folder / ENCODER, found)
    elif files.representation is not None:
        extend = FeaturesOf(resolve_representation(files.representation), found)
    return Pool(files, found, extend)
