"""The folder of a pool: which files it has, and reading them.

``vectors.npy``, ``ops.npy`` and ``adjacency.npy`` hold a row for every architecture and are read by rows
(:mod:`arch2vec.pools.rows`), ``sums.npy`` the checksums of these rows. ``keys.npy`` and ``rows.npy`` find the row of a
function, ``moments.npy`` has what standardising needs. ``pool.json`` is written last: it says what the pool is, and
has the checksums of the small files, which are compared when the pool is opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arch2vec.common.documents import checked, listing, mapping, optional, record, row, text, whole
from arch2vec.common.storage import read_json, reading, write_json
from arch2vec.errors import InputError
from arch2vec.pools.rows import RowsFile
from arch2vec.representations.features import Groups

KIND = "arch2vec pool 1"
MANIFEST = "pool.json"
REQUEST = "request.json"
VECTORS, OPS, ADJACENCY = "vectors.npy", "ops.npy", "adjacency.npy"
SUMS, KEYS, ROWS, MOMENTS = "sums.npy", "keys.npy", "rows.npy", "moments.npy"
ENCODER = "encoder.safetensors"
SMALL = (SUMS, KEYS, ROWS, MOMENTS)

_MANIFEST = record(
    {
        "kind": text(),
        "space": text(),
        "rows": whole(1, 2**31 - 1),
        "dimensions": whole(1),
        "groups": listing(row(text(), whole(1))),
        "structure_version": whole(0),
        "representation": optional(text()),
        "files": mapping(text()),
    }
)


@dataclass(frozen=True)
class Files:
    """An opened folder.

    Attributes:
        folder: where it is.
        space: the reference of its search space.
        groups: of the vectors' columns.
        structure_version: see :class:`arch2vec.embedding.Embedding`.
        representation: the text of the representation that the vectors are by, None where it is no text.
        vectors: (N, d) float32.
        ops: (N, V) uint8.
        adjacency: (N, V, V) bool.
        keys: (N,) the functions of all rows, ascending.
        rows: (N,) the rows that they belong to.
        moments: (3, d) mean, standard deviation and largest size of every column.
        digest: 32 hexadecimal digits, equal for pools of the same content.
    """

    folder: Path
    space: str
    groups: Groups
    structure_version: int
    representation: str | None
    vectors: RowsFile
    ops: RowsFile
    adjacency: RowsFile
    keys: NDArray[np.uint64]
    rows: NDArray[np.int32]
    moments: NDArray[np.float64]
    digest: str


def is_pool(path: Path) -> bool:
    """Whether a folder holds a pool, finished or not."""
    return path.is_dir() and ((path / MANIFEST).exists() or (path / REQUEST).exists())


def write_manifest(folder: Path, entries: Mapping[str, Any]) -> None:
    """Say what is in a folder of which all other files are written."""
    encoder = (ENCODER,) if (folder / ENCODER).exists() else ()
    files = {name: _digest(folder / name) for name in (*SMALL, *encoder)}
    write_json(folder / MANIFEST, {"kind": KIND, **entries, "files": files})


def open_files(folder: Path, vertices_of: Any) -> Files:
    """Open the files of a pool's folder.

    Args:
        folder: where the pool lies, or should lie.
        vertices_of: gives the vertex count of the space of a reference.

    Raises:
        InputError: it holds no pool, an unfinished or a damaged one.
    """
    path = folder / MANIFEST
    if not path.exists() and (folder / REQUEST).exists():
        raise InputError(f"the pool in {folder} is not finished: repeat the command that makes it, which goes on there")
    document = read_json(path)
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise InputError(f"{path} is not a pool; 'arch2vec embed --pool' makes one")
    checked(document, _MANIFEST, path)
    n, d, v = document["rows"], document["dimensions"], vertices_of(document["space"])
    groups: Groups = tuple((name, size) for name, size in document["groups"])
    if sum(size for _, size in groups) != d or len(dict(groups)) != len(groups):
        raise InputError(f"{path} is damaged: its groups are not {d} dimensions under different names")
    # The encoder of another run would give what a search adds other vectors; older pools do not name theirs.
    for name in (*SMALL, *({ENCODER} & set(document["files"]))):
        if document["files"].get(name) != _digest(folder / name):
            raise InputError(
                f"{folder / name} is damaged: its content is not that of its checksum; restore the folder, or remove "
                "it and repeat the command that wrote it"
            )
    sums = _mapped(folder / SUMS, (n, 3), np.uint32)
    return Files(
        folder,
        document["space"],
        groups,
        document["structure_version"],
        document["representation"],
        RowsFile(folder / VECTORS, (n, d), np.float32, sums[:, 0]),
        RowsFile(folder / OPS, (n, v), np.uint8, sums[:, 1]),
        RowsFile(folder / ADJACENCY, (n, v, v), np.bool_, sums[:, 2]),
        _mapped(folder / KEYS, (n,), np.uint64),
        _mapped(folder / ROWS, (n,), np.int32),
        np.array(_mapped(folder / MOMENTS, (3, d), np.float64)),
        hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32],
    )


def _mapped(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    with reading(path, "a whole .npy file"):
        found: NDArray[Any] = np.load(path, mmap_mode="r")
    if found.shape != shape or found.dtype != dtype:
        raise InputError(f"{path} is damaged: it has {found.shape} {found.dtype}, {shape} {np.dtype(dtype)} are right")
    return found


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
