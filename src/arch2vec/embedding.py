"""Architectures with their vectors: what searches, analyses and other programs consume."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Int64, UInt64
from numpy.typing import ArrayLike, NDArray

from arch2vec.common.arguments import as_annotated, rows_of
from arch2vec.common.documents import parse_json, shown
from arch2vec.common.storage import AnyPath, read_arrays, refuse_other_formats, write_arrays
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.representations.arrays import checked_array
from arch2vec.representations.features import Features, Groups
from arch2vec.representations.structure import GROUPS, VERSION
from arch2vec.spaces import SearchSpace, stored_space

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from arch2vec.reports.picture import Picture

_KIND = "arch2vec embedding"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class Embedding:
    """N distinct architectures of one space and a vector for each.

    >>> import arch2vec, numpy as np
    >>> space = arch2vec.get_space("nasbench201")
    >>> embedding = arch2vec.structure_embedding(space, space.sample(50, np.random.default_rng(0)))
    >>> len(embedding), embedding.vectors.shape
    (50, (50, 160))
    >>> rows, distances = embedding.nearest(embedding.vectors[3], k=2)
    >>> rows.shape, int(rows[0])
    ((2,), 3)

    Attributes:
        space: the space they belong to.
        graphs: the N architectures.
        vectors: (N, d) float32.
        groups: the names of groups of dimensions, in their order, and how many dimensions each
            has; by default all are ``learned``.
        structure_version: of the structure among its vectors
            (:data:`arch2vec.representations.structure.VERSION`), 0 where there is none of it;
            by default what this package makes.
        extend: gives the vectors of further architectures of the space, None where nobody knows how. Files do not
            hold it.
    """

    space: SearchSpace
    graphs: GraphBatch
    vectors: NDArray[np.float32]
    groups: Groups = ()
    structure_version: int = VERSION
    extend: Callable[[GraphBatch], NDArray[np.float32]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.graphs):
            raise InputError(
                f"an embedding of {len(self.graphs)} architectures needs vectors ({len(self.graphs)}, d), "
                f"got {self.vectors.shape}"
            )
        if not np.isfinite(self.vectors).all():
            raise InputError("an embedding holds a vector that is not finite")
        if not self.groups:
            object.__setattr__(self, "groups", (("learned", self.dimensions),))
        if len(dict(self.groups)) != len(self.groups) or sum(dict(self.groups).values()) != self.dimensions:
            raise InputError(f"groups {self.groups} are not {self.dimensions} dimensions under different names")
        if not set(dict(self.groups)) & set(GROUPS):
            object.__setattr__(self, "structure_version", 0)

    def __len__(self) -> int:
        return len(self.graphs)

    @cached_property
    def drawn_from(self) -> int:
        """How many rows random architectures are drawn from: all but those that a search has added."""
        return len(self)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {size}" for name, size in self.groups)
        return f"Embedding({len(self):,} x {self.dimensions}, {self.space.name}: {parts})"

    def _repr_html_(self) -> str:
        head = self.subset(range(min(5, len(self)))).to_pandas()
        return f"<p>{escape(repr(self))}</p>" + head.to_html(float_format="{:.3f}".format, max_cols=12)

    def to_pandas(self) -> pd.DataFrame:
        """A row an architecture: its text as the index, and a column a dimension, by group and number."""
        import pandas as pd

        columns = [f"{name}{number}" for name, size in self.groups for number in range(size)]
        index = pd.Index(self.architectures, name="architecture")
        return pd.DataFrame(self.vectors, index=index, columns=columns)

    @as_annotated
    def plot_map(
        self,
        colour: ArrayLike | Mapping[str, float] | None = None,
        *,
        label: str = "",
        way: str = "pca",
        seed: int = 0,
    ) -> Picture:
        """A map of the architectures in two dimensions, see :func:`arch2vec.reports.maps.embedding_map`."""
        from arch2vec.reports.maps import embedding_map

        return embedding_map(self, colour, label=label, way=way, seed=seed)

    @property
    def dimensions(self) -> int:
        """d, the length of a vector."""
        return self.vectors.shape[1]

    @property
    def features(self) -> Features:
        """The vectors as named groups of numbers, as representations give them."""
        names = tuple(f"{group}: {column}" for group, size in self.groups for column in range(size))
        return Features(self.vectors, names, self.groups)

    @cached_property
    def architectures(self) -> list[str]:
        """The N architectures in the space's notation."""
        return self.space.format(self.graphs)

    @cached_property
    def function_classes(self) -> UInt64[NDArray[np.uint64], " N"]:
        """(N,) labels, equal for architectures that compute the same function."""
        return self.space.function_classes(self.graphs)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {architecture: index for index, architecture in enumerate(self.architectures)}

    @cached_property
    def _index_of_fingerprint(self) -> dict[int, int]:
        return {value: index for index, value in enumerate(fingerprint(self.graphs).tolist())}

    def index_of(self, architecture: str) -> int:
        """The row of an architecture given in the space's notation.

        Raises:
            InputError: it is malformed, or not among the N.
        """
        graph = self.space.parse([architecture])
        index = self._index.get(self.space.format(graph)[0])
        if index is None:  # perhaps its vertices are numbered in another order
            index = self._index_of_fingerprint.get(int(fingerprint(graph)[0]))
        if index is None:
            raise InputError(f"{architecture!r} is not among the {len(self):,} embedded architectures")
        return index

    @as_annotated
    def nearest(
        self, point: ArrayLike | str, k: int = 10
    ) -> tuple[Int64[NDArray[np.int64], " k"], Float32[NDArray[np.float32], " k"]]:
        """The ``k`` architectures whose vectors are closest to ``point``.

        Args:
            point: (d,), any point of the latent space, or an architecture that is embedded.
            k: how many, at most N.

        Returns:
            Rows (k,) and Euclidean distances (k,), nearest first; ties by row.

        Raises:
            InputError: ``point`` is not of shape (d,), or k is not in 1..N.
        """
        if isinstance(point, str):
            point = self.vectors[self.index_of(point)]
        try:
            target = np.asarray(point, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(f"a point of this embedding is {self.dimensions} numbers, got {shown(point)}") from error
        if target.shape != (self.dimensions,):
            raise InputError(f"a point of this embedding has shape ({self.dimensions},), got {target.shape}")
        if not 1 <= k <= len(self):
            raise InputError(f"k must be between 1 and {len(self):,}, got {k}")
        distances = np.linalg.norm(self.vectors - target, axis=1)
        # Everything up to the k-th smallest distance, so that ties are broken by row and not by chance.
        candidates = np.flatnonzero(distances <= np.partition(distances, k - 1)[k - 1])
        rows = candidates[np.argsort(distances[candidates], kind="stable")][:k]
        return rows, distances[rows]

    @classmethod
    def from_vectors(
        cls,
        space: SearchSpace,
        architectures: Sequence[str] | GraphBatch,
        array: ArrayLike,
        groups: Groups | Mapping[str, int] | None = None,
        extend: Callable[[GraphBatch], NDArray[np.float32]] | None = None,
    ) -> Embedding:
        """Vectors of your own, ready to be searched.

        Args:
            space: the architectures' search space.
            architectures: N different ones, in any notation that the space reads, or as graphs.
            array: (N, d) finite numbers, a row an architecture.
            groups: names of groups of columns and how many columns each has, in their order, which methods
                that weigh groups can tell apart; by default all are one group, ``vectors``.
            extend: gives the vectors of further architectures, with which searches of a space too large to list can
                leave these N; None where nobody knows how.

        Raises:
            InputError: an architecture is none of the space or there twice, the array has another shape
                or a number that is not finite, or the groups are not its columns.
        """
        if isinstance(architectures, GraphBatch):
            graphs = architectures
            space.check(graphs)
        else:
            graphs = space.parse(architectures)
        vectors = checked_array(array, len(graphs), "from_vectors was given")
        texts = space.format(graphs)
        _require_different(texts)
        if groups is None:
            groups = (("vectors", vectors.shape[1]),)
        given = groups.items() if isinstance(groups, Mapping) else groups
        pairs: list[Any] = [list(pair) if isinstance(pair, tuple) else pair for pair in given]
        if not all(_is_group(pair) for pair in pairs):
            raise InputError(f"its groups are {shown(pairs)}; names and how many columns each has are needed")
        return cls(space, graphs, vectors, tuple((name, size) for name, size in pairs), extend=extend)

    @as_annotated
    def save(self, path: AnyPath) -> None:
        """Write to ``path``: Parquet (``.parquet``) for other programs, safetensors for anything else.

        Parquet has the columns ``architecture`` and ``v0`` ... ``v{d-1}``.

        Raises:
            InputError: the folder cannot be written to, or the name ends as that of another format.
        """
        path = Path(path)
        refuse_other_formats(path)
        if path.suffix == ".parquet":
            import pyarrow as pa

            from arch2vec.common.parquet import write_parquet

            columns = {"architecture": pa.array(self.architectures)}
            columns |= {f"v{i}": pa.array(self.vectors[:, i]) for i in range(self.dimensions)}
            write_parquet(pa.table(columns), path, self._metadata())
        else:
            write_arrays(
                path,
                {"vectors": self.vectors, **self.graphs.arrays()},
                self._metadata(),
            )

    def _metadata(self) -> dict[str, str]:
        entries = {"kind": _KIND, "space": self.space.reference, "groups": json.dumps(self.groups)}
        return entries | ({"structure_version": str(self.structure_version)} if self.structure_version else {})

    @classmethod
    @as_annotated
    def load(cls, path: AnyPath, space: SearchSpace | None = None) -> Embedding:
        """Read what :meth:`save` wrote, in either format. Runs no code from the file.

        Structure vectors of another version are read as they are, and that is said in a line of
        the log: they can be searched, but not be mixed with what this package makes.

        Args:
            path: the file to read, made by :meth:`save`, or the folder of a pool (:mod:`arch2vec.pools`).
            space: the space it is of; needed only where that is Python code of your own.

        Raises:
            InputError: the file is missing, damaged, no embedding or of another space.
        """
        path = Path(path)
        if path.is_dir():
            from arch2vec.pools.pool import open_pool

            found: Embedding = open_pool(path, space)
        else:
            found = cls._load_file(path, space)
        if found.structure_version not in (0, VERSION):
            _LOG.warning(
                "%s holds structure vectors of version %d, this arch2vec makes version %d: they are taken as they are; "
                "'arch2vec embed' makes new ones",
                path,
                found.structure_version,
                VERSION,
            )
        return found

    @classmethod
    def _load_file(cls, path: Path, space: SearchSpace | None) -> Embedding:
        return cls._load_parquet(path, space) if path.suffix == ".parquet" else cls._load_arrays(path, space)

    @classmethod
    def _load_arrays(cls, path: Path, space: SearchSpace | None) -> Embedding:
        arrays, metadata = read_arrays(path)
        if metadata.get("kind") != _KIND or "vectors" not in arrays:
            raise InputError(f"{path} is not an embedding; 'arch2vec embed' writes one")
        space = stored_space(metadata.get("space", ""), space, path)
        try:
            graphs = GraphBatch.from_arrays(arrays)
            space.check(graphs)
            rows = np.concatenate([graphs.ops, arrays["adjacency_bits"]], axis=1)
            _require_different([row.tobytes() for row in rows])
            vectors = arrays["vectors"]
            if vectors.dtype != np.float32:
                raise InputError(f"its vectors hold {vectors.dtype} numbers, not float32")
            return cls(space, graphs, vectors, *_contents(metadata))
        except InputError as error:
            raise InputError(f"{path} is a damaged embedding: {error}") from error

    @classmethod
    def _load_parquet(cls, path: Path, space: SearchSpace | None) -> Embedding:
        from arch2vec.common.parquet import read_parquet

        table, metadata = read_parquet(path)
        if metadata.get(b"kind") != _KIND.encode():
            raise InputError(f"{path} is not an embedding; 'arch2vec embed' writes one")
        entries = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in metadata.items()}
        space = stored_space(entries.get("space", ""), space, path)
        try:
            texts = _texts(table)
            _require_different(texts)
            graphs = space.parse(texts)
            return cls(space, graphs, _vectors(table), *_contents(entries))
        except InputError as error:
            raise InputError(f"{path} is a damaged embedding: {error}") from error

    def subset(self, rows: Sequence[int] | NDArray[np.integer]) -> Embedding:
        """The embedding of some of the architectures.

        Args:
            rows: their numbers; or (N,) True and False, as in ``embedding.function_classes == label``.

        Raises:
            InputError: they are no rows of this embedding.
        """
        index = rows_of(rows, len(self))
        return replace(self, graphs=self.graphs[index], vectors=self.vectors[index])


def _contents(metadata: Mapping[str, str]) -> tuple[Groups, int]:
    """What a file says of its vectors: their groups, and the version of the structure among them."""
    version = metadata.get("structure_version", "1")  # what was written before there were versions is of the first
    if not version.isascii() or not version.isdecimal() or not 0 < len(version) < 10 or not int(version):
        raise InputError(f"its structure_version is {shown(version)}; a whole number from 1 on is needed")
    return _groups(metadata.get("groups", "")), int(version)


def _groups(text: str) -> Groups:
    """The groups of dimensions that a file names; none where it was written before there were any."""
    if not text:
        return ()
    pairs = parse_json(text, "its groups")
    if not (isinstance(pairs, list) and all(_is_group(pair) for pair in pairs)):
        raise InputError(f"its groups are {shown(pairs)}; a list of [name, number of dimensions] is needed")
    return tuple((name, size) for name, size in pairs)


def _is_group(pair: object) -> bool:
    if not (isinstance(pair, list) and len(pair) == 2):
        return False
    name, size = pair
    return isinstance(name, str) and isinstance(size, int) and not isinstance(size, bool) and size > 0


def _require_different(rows: Sequence[str | bytes]) -> None:
    if len(set(rows)) < len(rows):
        first = {row: index for index, row in reversed(list(enumerate(rows)))}
        twice = next(index for index, row in enumerate(rows) if first[row] < index)
        raise InputError(f"the architecture in row {twice} is there twice")


def _texts(table: pa.Table) -> list[str]:
    """The column of architectures."""
    if table.column_names.count("architecture") != 1:
        raise InputError(f"it has {table.column_names.count('architecture')} columns 'architecture', not one")
    texts: list[Any] = table.column("architecture").to_pylist()
    wrong = next((row for row, text in enumerate(texts) if not isinstance(text, str)), None)
    if wrong is not None:
        raise InputError(f"its column 'architecture' holds {shown(texts[wrong])} in row {wrong}, not a text")
    return texts


def _vectors(table: pa.Table) -> NDArray[np.float32]:
    """The columns ``v0``, ``v1``, ... by their names, (N, d)."""
    import pyarrow as pa

    dimensions = max(1, len(table.column_names) - 1)
    vectors = np.empty((len(table), dimensions), dtype=np.float32)
    for dimension in range(dimensions):
        name = f"v{dimension}"
        if table.column_names.count(name) != 1:
            others = set(table.column_names) - {"architecture", *(f"v{number}" for number in range(dimensions))}
            found = f", but {shown(min(others))}" if others else ""
            raise InputError(
                f"it has {table.column_names.count(name)} columns {name!r}{found}; "
                f"beside 'architecture' it needs v0 to v{dimensions - 1}, once each"
            )
        column = table.column(name)
        if not pa.types.is_floating(column.type) or column.null_count:
            what = f"{column.null_count} empty entries" if column.null_count else f"{column.type}"
            raise InputError(f"its column {name!r} holds {what}; a floating-point number is needed in every row")
        vectors[:, dimension] = column.to_numpy()
    return vectors
