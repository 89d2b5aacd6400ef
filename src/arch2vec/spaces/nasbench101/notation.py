"""NAS-Bench-101 cells as text and as the benchmark's own matrices.

The text is ``ROWS|OPERATIONS``: the rows of the adjacency matrix joined by
``;`` and the vertices' operations joined by ``,``, for example
``010;001;000|input,conv3x3-bn-relu,output``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from arch2vec.errors import InputError
from arch2vec.graphs import PADDING, GraphBatch
from arch2vec.spaces.nasbench101.cells import INNER, MAX_EDGES, MAX_VERTICES, OPERATIONS, prune
from arch2vec.spaces.nasbench101.reading import operation_names, own_text

EXAMPLE = "0110;0001;0001;0000|input,conv3x3-bn-relu,maxpool3x3,output"


def parse(architectures: Sequence[str]) -> GraphBatch:
    """Read cells and prune them, as the benchmark does before it looks one up.

    Vertices that stay keep their order, so that pruned cells come back as they were.

    Raises:
        InputError: text of another form, more than seven vertices, an edge on or
            below the diagonal, an unknown or misplaced operation, input and output not
            connected, or more than nine edges after pruning.
    """
    # Matrices and lists of operations are few, whatever the number of cells: each is read once.
    matrix_of: dict[str, int] = {}
    matrices: list[NDArray[np.bool_]] = []
    labels_of: dict[str, int] = {}
    labels: list[NDArray[np.uint8]] = []
    pairs = np.empty((len(architectures), 2), dtype=np.int64)
    for index, text in enumerate(architectures):
        rows, bar, names = text.strip().partition("|")
        if not bar:
            raise _malformed(text, "no '|' between matrix and operations")
        if rows not in matrix_of:
            matrix_of[rows] = len(matrices)
            matrices.append(_read_matrix(rows, text))
        if names not in labels_of:
            labels_of[names] = len(labels)
            labels.append(_read_operations(names, text))
        pairs[index] = matrix_of[rows], labels_of[names]
    num_rows = np.array([rows.count(";") + 1 for rows in matrix_of], dtype=np.int64)
    num_names = np.array([names.count(",") + 1 for names in labels_of], dtype=np.int64)
    wrong = np.flatnonzero(num_rows[pairs[:, 0]] != num_names[pairs[:, 1]])
    if len(wrong):
        index = int(wrong[0])
        sizes = f"{num_rows[pairs[index, 0]]} rows and {num_names[pairs[index, 1]]} operations"
        raise _malformed(architectures[index], sizes)
    shape = (MAX_VERTICES, MAX_VERTICES)
    read = GraphBatch(
        np.array(labels, dtype=np.uint8).reshape(-1, MAX_VERTICES)[pairs[:, 1]],
        np.array(matrices, dtype=np.bool_).reshape(-1, *shape)[pairs[:, 0]],
    )
    cells, connected = prune(read)
    if not connected.all():
        raise _malformed(architectures[np.flatnonzero(~connected)[0]], "no path from input to output")
    num_edges = cells.adjacency.sum(axis=(1, 2))
    if (num_edges > MAX_EDGES).any():
        index = int(np.argmax(num_edges > MAX_EDGES))
        raise _malformed(
            architectures[index], f"{num_edges[index]} edges after pruning, at most {MAX_EDGES} are allowed"
        )
    return cells


def format_cells(cells: GraphBatch) -> list[str]:
    """Write cells, the inverse of :func:`parse`. They are not checked."""
    counts = cells.mask.sum(axis=1)
    bits = cells.adjacency.reshape(len(cells), MAX_VERTICES**2) @ (1 << np.arange(MAX_VERTICES**2, dtype=np.int64))
    # As in parse: each distinct matrix and each distinct list of operations is written once.
    _, first, matrix = np.unique(bits * 8 + counts, return_index=True, return_inverse=True)
    rows = [_write_matrix(cells.adjacency[i, : counts[i], : counts[i]]) for i in first]
    codes = cells.ops.astype(np.int64) @ (256 ** np.arange(MAX_VERTICES, dtype=np.int64))
    _, first, labelling = np.unique(codes, return_index=True, return_inverse=True)
    names = [",".join(OPERATIONS[code] for code in cells.ops[i, : counts[i]]) for i in first]
    return [f"{rows[m]}|{names[o]}" for m, o in zip(matrix.tolist(), labelling.tolist(), strict=True)]


def from_matrix(matrix: ArrayLike, operations: Sequence[str] | Sequence[int]) -> GraphBatch:
    """A batch of one cell from the benchmark's own form, pruned.

    Args:
        matrix: (n, n) of zeros and ones, strictly upper triangular, at most seven vertices after pruning.
        operations: n names from ``input`` to ``output``, or numbers
            (:func:`arch2vec.spaces.nasbench101.reading.operation_names`).

    Raises:
        InputError: as for :func:`parse`.
    """
    values = np.asarray(matrix)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not np.isin(values, (0, 1)).all():
        raise InputError(f"a nasbench101 matrix is square and holds zeros and ones, got {values.tolist()}")
    named, _ = operation_names(operations)
    return parse([own_text(values.astype(int).tolist(), named, f"{values.astype(int).tolist()}, {list(operations)}")])


def to_matrix(cells: GraphBatch) -> list[tuple[NDArray[np.int8], list[str]]]:
    """Each cell as (matrix (n, n) int8, n operation names), n its own vertex count. They are not checked."""
    return [
        (adjacency[:count, :count].astype(np.int8), [OPERATIONS[code] for code in ops[:count]])
        for ops, adjacency, count in zip(cells.ops, cells.adjacency, cells.mask.sum(axis=1), strict=True)
    ]


def _malformed(text: str, reason: str) -> InputError:
    return InputError(f"not a nasbench101 architecture ({reason}): {text[:200]!r}; one looks like {EXAMPLE}")


def _read_matrix(rows: str, text: str) -> NDArray[np.bool_]:
    """(7, 7) matrix of ``rows``, zeros beyond its size."""
    entries = rows.split(";")
    n = len(entries)
    if not 2 <= n <= MAX_VERTICES:
        raise _malformed(text, f"{n} vertices, a cell has 2 to {MAX_VERTICES}")
    if any(len(row) != n or set(row) - {"0", "1"} for row in entries):
        raise _malformed(text, f"the matrix needs {n} rows of {n} digits 0 or 1")
    matrix = np.zeros((MAX_VERTICES, MAX_VERTICES), dtype=np.bool_)
    matrix[:n, :n] = [[digit == "1" for digit in row] for row in entries]
    if np.tril(matrix).any():
        raise _malformed(text, "an edge on or below the diagonal")
    return matrix


def _write_matrix(matrix: NDArray[np.generic]) -> str:
    return ";".join("".join("1" if entry else "0" for entry in row) for row in matrix.tolist())


def _read_operations(names: str, text: str) -> NDArray[np.uint8]:
    """(7,) codes of ``names``, padded."""
    listed = names.split(",")
    for name in listed:
        if name not in OPERATIONS:
            raise _malformed(text, f"unknown operation {name!r}, known: {', '.join(OPERATIONS)}")
    if listed[0] != OPERATIONS[0] or listed[-1] != OPERATIONS[-1] or not set(listed[1:-1]) <= set(INNER):
        raise _malformed(text, "operations run from one input at the start to one output at the end")
    if len(listed) > MAX_VERTICES:
        raise _malformed(text, f"{len(listed)} operations, a cell has 2 to {MAX_VERTICES}")
    codes = [OPERATIONS.index(name) for name in listed]
    return np.array(codes + [PADDING] * (MAX_VERTICES - len(codes)), dtype=np.uint8)
