"""Nearest neighbours in a pool, by an index of the FAISS library in the pool's folder.

Ten million vectors of a few hundred numbers are compared with a point one after the other in seconds. The index finds
candidates in milliseconds: the vectors' first principal components, in 8 bits each, lie in the lists of an inverted
file, of which those around the point are gone through. The candidates are then measured exactly, by whole vectors.

A graph of neighbours (HNSW) finds a little more of them, but needs the vectors and some hundred bytes of links for each
in memory; this index stays on disk, mapped, and a search touches a few megabytes of it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.ownership import owning
from arch2vec.common.storage import atomic_path, read_json, require_file, write_json, writing
from arch2vec.errors import InputError
from arch2vec.pools.pool import Pool

INDEX, ABOUT = "index.faiss", "index.json"

_COMPONENTS = 64  # principal components that candidates are found by, at most
_LISTS = 4096  # of the inverted file, at most
_A_LIST = 40  # vectors that a list's centre is learned from
_PROBED = 32  # lists gone through
_CANDIDATES = 256  # measured exactly, at least
_PIECE = 16_384
_KIND = "arch2vec index 1"


def library() -> Any:
    """FAISS.

    Raises:
        InputError: it is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise InputError("nearest neighbours in a pool need a package more: pip install 'arch2vec[index]'") from error
    return faiss


class PoolIndex:
    """Finds the rows whose vectors are closest to a point.

    Args:
        pool: whose rows are found.
        index: FAISS's, which has as many vectors.
    """

    def __init__(self, pool: Pool, index: Any) -> None:
        self._files, self._index = pool.files, index
        lists = library().extract_index_ivf(index)
        lists.nprobe = min(_PROBED, lists.nlist)
        self._lists = lists

    def nearest(self, point: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The closest rows (k,) that are found, and their Euclidean distances, nearest first; ties by row.

        Fewer than k only if there are no more.
        """
        total = len(self._files.vectors)
        wanted = min(total, max(4 * k, _CANDIDATES))
        query = np.ascontiguousarray(point[None], dtype=np.float32)
        _, found = self._index.search(query, wanted)
        rows = found[0][found[0] >= 0]
        if len(rows) < min(k, total):  # more lists are needed
            probed, self._lists.nprobe = self._lists.nprobe, self._lists.nlist
            _, found = self._index.search(query, wanted)
            self._lists.nprobe = probed
            rows = found[0][found[0] >= 0]
        rows = np.sort(rows)
        away = np.asarray(self._files.vectors[rows], dtype=np.float64) - point
        distances = np.sqrt(np.einsum("nd,nd->n", away, away))
        order = np.argsort(distances, kind="stable")[:k]
        return rows[order], distances[order].astype(np.float32)


_INDEXES: WeakKeyDictionary[Pool, PoolIndex] = WeakKeyDictionary()


def index_of(pool: Pool) -> PoolIndex:
    """The index of a pool, read from its folder; made and kept there where it is missing.

    Raises:
        InputError: FAISS is missing, or the folder holds a damaged index or cannot be written to.
    """
    pool = pool.origin
    if pool not in _INDEXES:
        faiss = library()
        if not (pool.files.folder / ABOUT).exists():
            make_index(pool)
        path = _checked(pool)
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        except RuntimeError as error:
            raise InputError(
                f"{path} is damaged: it is no index that FAISS reads; remove it, and it is made anew"
            ) from (error)
        if index.ntotal != len(pool) or index.d != pool.dimensions:
            raise InputError(f"{path} is damaged: it is of other vectors; remove it, and it is made anew")
        _INDEXES[pool] = PoolIndex(pool, index)
    return _INDEXES[pool]


def make_index(pool: Pool, seed: int = 0) -> None:
    """Make the index of a pool, in its folder.

    Args:
        pool: as it is in the folder.
        seed: of the vectors that it learns from.

    Raises:
        InputError: FAISS is missing, or the folder cannot be written to.
    """
    faiss = library()
    pool = pool.origin
    folder, n, d = pool.files.folder, len(pool), pool.dimensions
    lists = int(np.clip(4 * np.sqrt(n), 1, min(_LISTS, max(1, n // _A_LIST))))
    rows = np.arange(n)
    if n > _A_LIST * lists:
        rows = np.sort(np.random.default_rng(seed).choice(n, size=_A_LIST * lists, replace=False))
    with owning(folder), writing(folder / INDEX):
        components = _COMPONENTS if len(rows) > d > _COMPONENTS else d  # fewer vectors say nothing of so many
        index = faiss.index_factory(d, f"PCA{components},IVF{lists},SQ8" if d > components else f"IVF{lists},SQ8")
        ivf = faiss.extract_index_ivf(index)
        ivf.cp.seed, ivf.cp.niter = seed, 10
        ivf.cp.min_points_per_centroid = 1
        index.train(np.asarray(pool.vectors[rows]))
        for block in pool.files.vectors.blocks(_PIECE):
            index.add(block)
        with atomic_path(folder / INDEX) as temporary:
            faiss.write_index(index, str(temporary))
        write_json(folder / ABOUT, {"kind": _KIND, "pool": pool.digest, "sha256": _digest(folder / INDEX)})


def _checked(pool: Pool) -> Path:
    path, about = pool.files.folder / INDEX, pool.files.folder / ABOUT
    found = read_json(about)
    require_file(path)
    if not isinstance(found, dict) or found.get("kind") != _KIND or found.get("sha256") != _digest(path):
        raise InputError(f"{path} is damaged: it is not that of its checksum; remove {about}, and it is made anew")
    if found.get("pool") != pool.digest:
        raise InputError(f"{path} is of another pool; remove {about}, and it is made anew")
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
