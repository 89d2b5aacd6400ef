"""Searches of pools: embeddings in folders, of which a search reads what it looks at and keeps what it comes upon.

A round looks at some random rows of the pool and at the surroundings of the best, which are found by single edits in
the space itself. What of these is not in the pool is embedded and added at once, in memory and for this search alone
(:class:`arch2vec.pools.GrowingPool`): no method is made anew for it, as on embeddings that lie in memory
(:mod:`arch2vec.searching.growing`), so that a round costs the same however many rows there are. Models see the vectors
scaled by the pool's own means and deviations, which were worked out when it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.embedding import Embedding
from arch2vec.graphs import GraphBatch
from arch2vec.pools.pool import GrowingPool, Pool
from arch2vec.representations.features import Groups, slices
from arch2vec.representations.structure import GROUPS, structure
from arch2vec.searching.base import SearchMethod
from arch2vec.searching.growing import Event, GrowingMoves, GrowingSearch, Growth
from arch2vec.searching.moves import NONE, use_moves

_LOOKED_AT = 20_000  # rows whose structure tells how that of all is scaled, where the pool's vectors are others


class PoolGrowth(Growth):
    """A pool and what a search has added to it.

    Args:
        start: the pool as it is in its folder.
        grows: whether anything may be added.
    """

    def __init__(self, start: Pool, grows: bool) -> None:
        self._grows = grows
        super().__init__(start)

    @override
    def _begin(self) -> None:
        assert isinstance(self._start, Pool)
        self._pool = GrowingPool(self._start)
        self.embedding = self._pool
        use_moves(self._pool, PoolMoves(self._pool, self))

    @override
    def _keys(self, graphs: GraphBatch) -> NDArray[np.uint64]:
        return self._start.space.function_classes(graphs)

    @override
    def _rows_of_keys(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        return self._pool.find(keys)

    @override
    def _embed(self, graphs: GraphBatch, keys: NDArray[np.uint64]) -> None:
        if not self._grows:
            return
        _, first = np.unique(keys, return_index=True)
        first = np.sort(first)
        new = first[self._pool.find(keys[first]) == NONE]
        if len(new):
            self._pool.add(graphs[new], keys[new], self._vectors(graphs[new]))


class PoolMoves(GrowingMoves):
    """The moves of a pool: neighbours that have no row get one when they are asked for, where the pool grows."""

    @override
    def _need(self, event: Event) -> None:
        self._growth.add(event)


class PoolSearch(GrowingSearch):
    """A search of a pool by any method that reads rows.

    Args:
        make: makes the method for an embedding.
        pool: to search; its folder stays as it is.
        grows: whether what is not in it may be added.
    """

    def __init__(self, make: Callable[[Embedding], SearchMethod], pool: Pool, grows: bool) -> None:
        self._grows = grows
        super().__init__(make, pool)

    @override
    def _begun(self) -> Growth:
        assert isinstance(self._start, Pool)
        return PoolGrowth(self._start, self._grows)

    @override
    def _repeated(self, call: Callable[[SearchMethod], Any]) -> Any:
        return call(self._method)  # nothing is ever missing


class PoolVectors:
    """A pool's vectors as a Gaussian process likes them (:mod:`arch2vec.searching.vectors`), by rows.

    Args:
        pool: whose vectors they are.
        grouped: whether its structure stands before them where they have none of it, and columns that do not vary are
            left out.
    """

    def __init__(self, pool: Pool, grouped: bool) -> None:
        self._pool = pool
        moments, groups = pool.files.moments, pool.groups
        self._beside = grouped and not set(dict(groups)) & set(GROUPS)
        if self._beside:
            before = _structure_of(pool.origin)
            moments = np.concatenate([before[0], moments], axis=1)
            groups = (*before[1], *groups)
        self._centre, deviation, size = moments
        varies = deviation > 1e-6 * size  # the rounding of single precision is no variation
        self._spread = np.where(varies, deviation, 1.0)
        self._kept: NDArray[np.bool_] | slice = slice(None)
        self.groups: Groups = groups
        if grouped:
            varies[0] |= not varies.any()
            kept = ((name, int(varies[part].sum())) for name, part in slices(groups).items())
            self._kept, self.groups = varies, tuple((name, size) for name, size in kept if size)

    @property
    def room(self) -> int:
        """More rows than there will ever be."""
        return self._pool.room

    def __len__(self) -> int:
        return len(self._pool)

    def __getitem__(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        index = np.asarray(rows, dtype=np.int64)
        values: NDArray[np.float32] = self._pool.vectors[index]
        if self._beside:
            values = np.concatenate([structure(self._pool.graphs[index], self._pool.space).values, values], axis=1)
        return ((values - self._centre) / self._spread)[:, self._kept].astype(np.float32)


_STRUCTURES: dict[str, tuple[NDArray[np.float64], Groups]] = {}  # by the pools' digests


def _structure_of(pool: Pool) -> tuple[NDArray[np.float64], Groups]:
    """The moments of the structure of a pool's architectures, by some of them, and its groups."""
    if pool.digest not in _STRUCTURES:
        rows = np.arange(len(pool))
        if len(rows) > _LOOKED_AT:
            rows = np.sort(np.random.default_rng(0).choice(len(pool), size=_LOOKED_AT, replace=False))
        known = structure(pool.graphs[rows], pool.space)
        values = known.values.astype(np.float64)
        moments = np.stack([values.mean(axis=0), values.std(axis=0), np.abs(values).max(axis=0)])
        _STRUCTURES[pool.digest] = moments, known.groups
    return _STRUCTURES[pool.digest]
