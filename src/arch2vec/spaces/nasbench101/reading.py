"""NAS-Bench-101 cells in the notations of other programs.

==================================================  ================================================================
``[[0, 1, ...], ...], ['input', ...]``              the benchmark's matrix and operations, as lists or printed arrays
``ModelSpec(matrix=[...], ops=[...])``              the same, by name or in order
``{'matrix': [...], 'ops': [...]}``                 the same; also ``module_adjacency``, ``adj``, ``labels``, ...
operations ``[-1, 0, 1, 2, -2]``                    the labels behind the published hash: input -1, output -2,
                                                    conv3x3 0, conv1x1 1, maxpool3x3 2
operations ``[0, 2, 3, 4, 1]``                      NASLib's: input 0, output 1, maxpool3x3 2, conv1x1 3, conv3x3 4
operations ``[0, 1, 2, 3, 4]``                      this library's codes, arch2vec's: input 0, conv1x1 1, conv3x3 2,
                                                    maxpool3x3 3, output 4
``(0, 1, ..., 4)``                                  NASLib's hashable form: the matrix row by row, then its numbers
32 hexadecimal digits                               the published hash
==================================================  ================================================================

Which integers are meant is told by those of input and output at the ends. Cells may have idle
vertices, also more than the seven that a pruned cell can have.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence

import numpy as np

from arch2vec.errors import InputError
from arch2vec.spaces.nasbench101.cells import MAX_VERTICES, OPERATIONS
from arch2vec.spaces.reading import (
    MATRIX_NAMES,
    OPERATION_NAMES,
    called,
    entry_of,
    literal,
    name_list,
    parsed,
    value_of,
    whole_numbers,
)

LARGEST = 30
"""Vertices of a matrix that is read before it is pruned."""

_CODES = {
    (-1, -2): ("the labels behind the published hash", {-1: 0, 0: 2, 1: 1, 2: 3, -2: 4}),
    (0, 1): ("NASLib's numbers", {0: 0, 1: 4, 2: 3, 3: 1, 4: 2}),
    (0, 4): ("this library's codes", dict(enumerate(range(5)))),
}
_SHORT = {"input": 0, "in": 0, "conv1x1": 1, "conv3x3": 2, "maxpool": 3, "mp3x3": 3, "output": 4, "out": 4} | {
    name: code for code, name in enumerate(OPERATIONS)
}
_HASH = re.compile(r"[0-9a-f]{32}")


def imported(text: str) -> tuple[str, str | None] | None:
    """See :data:`arch2vec.spaces.reading.Import`; hashes and indices are the space's own business."""
    rows, bar, labels = text.partition("|")
    if bar and "[" not in labels:
        # The own notation, but spaced, with other separators, with short names or with idle vertices beyond seven.
        listed = [name.strip() for name in labels.split(",")]
        bits = [int(bit) for bit in rows if bit in "01"]
        if len(bits) != len(listed) ** 2 or set(rows) - set("01;,[]() \t\r\n"):
            return None
        codes = whole_numbers([literal(name) for name in listed])
        named = listed if codes is None else operation_names(codes)[0]
        return own_text(_square(bits), named, text), None
    pair = _pair(text)
    if pair is None:
        return None
    matrix_value, operations, how = pair
    if isinstance(matrix_value, list) and name_list(matrix_value) is not None:
        matrix_value, operations = operations, matrix_value
    if (flat := whole_numbers(matrix_value)) is not None and math.isqrt(len(flat)) ** 2 == len(flat) > 1:
        matrix_value = _square(flat)
    rows_read = [whole_numbers(row) for row in matrix_value] if isinstance(matrix_value, list) else []
    matrix = [row for row in rows_read if row is not None]
    if len(matrix) != len(rows_read) or not matrix:
        raise InputError(f"the matrix of {text[:120]!r} is no list of rows of 0 and 1")
    labels_read = name_list(operations) or whole_numbers(operations)
    if labels_read is None:
        raise InputError(f"the operations of {text[:120]!r} are no list of names or of whole numbers")
    named, numbers = operation_names(labels_read)
    if len(named) + 2 == len(matrix) and not set(named) & {OPERATIONS[0], OPERATIONS[-1]}:
        named = [OPERATIONS[0], *named, OPERATIONS[-1]]  # the inner vertices' alone
    return own_text(matrix, named, text), how if numbers is None else f"{how}, operations by {numbers}"


def operation_names(operations: Sequence[object]) -> tuple[list[str], str | None]:
    """Operations as names, and by which numbers they were given, None for names.

    Raises:
        InputError: they are numbers that belong to no known numbering, or of several kinds.
    """
    if all(isinstance(operation, str) for operation in operations):
        return [str(operation).strip() for operation in operations], None
    if not all(isinstance(operation, int | np.integer) and not isinstance(operation, bool) for operation in operations):
        raise InputError(f"operations are names or whole numbers, got {list(operations)}")
    numbers = [int(operation) for operation in operations if isinstance(operation, int | np.integer)]
    known = _CODES.get((numbers[0], numbers[-1]))
    if known is None or set(numbers) - set(known[1]):
        raise InputError(
            f"operation numbers {numbers} are ambiguous; with their ends they are -1 ... -2 for input and output "
            "(inner conv3x3 0, conv1x1 1, maxpool3x3 2), 0 ... 1 (inner maxpool3x3 2, conv1x1 3, conv3x3 4) "
            f"or 0 ... 4 (inner conv1x1 1, conv3x3 2, maxpool3x3 3); or write names: {', '.join(OPERATIONS)}"
        )
    return [OPERATIONS[known[1][number]] for number in numbers], known[0]


def own_text(matrix: Sequence[Sequence[int]], operations: Sequence[str], shown: str) -> str:
    """The space's own text of a cell, its idle vertices left out where there are too many vertices.

    Raises:
        InputError: matrix and operations do not fit, or too many vertices are left.
    """
    full = [OPERATIONS[_SHORT[name.lower()]] if name.lower() in _SHORT else name for name in operations]
    n = len(matrix)
    if any(len(row) != n for row in matrix):
        raise InputError(
            f"the matrix of {shown[:120]!r} is not square: {n} rows of {sorted({len(row) for row in matrix})}"
        )
    if len(full) != n:
        raise InputError(f"{shown[:120]!r} has {n} rows and {len(full)} operations")
    if any(entry not in (0, 1) for row in matrix for entry in row):
        raise InputError(f"the matrix of {shown[:120]!r} holds something else than 0 and 1")
    if n > LARGEST:
        raise InputError(f"{shown[:60]!r}... has {n} vertices; at most {LARGEST} are read")
    kept = list(range(n)) if n <= MAX_VERTICES else _busy(matrix)
    if not kept:
        raise InputError(f"not a nasbench101 architecture (no path from input to output): {shown[:120]!r}")
    if len(kept) > MAX_VERTICES:
        raise InputError(
            f"{shown[:120]!r} has {len(kept)} vertices between input and output, a cell has 2 to {MAX_VERTICES}"
        )
    rows = ";".join("".join(str(int(matrix[i][j])) for j in kept) for i in kept)
    return f"{rows}|{','.join(full[i] for i in kept)}"


def is_hash(text: str) -> bool:
    """Whether ``text`` could be a published hash."""
    return _HASH.fullmatch(text.lower()) is not None


def _square(flat: Sequence[int]) -> list[list[int]]:
    """The rows of a square matrix that is given row after row."""
    n = math.isqrt(len(flat))
    return [list(flat[row * n : (row + 1) * n]) for row in range(n)]


def _busy(matrix: Sequence[Sequence[int]]) -> list[int]:
    """The vertices on a path from the first to the last, none where these are not joined."""
    n = len(matrix)
    edges = np.array(matrix, dtype=bool)
    reach = np.eye(n, dtype=bool)
    for _ in range(n):
        reach |= reach @ edges
    busy = reach[0] & reach[:, -1]
    return np.flatnonzero(busy).tolist()


def _pair(text: str) -> tuple[object, object, str] | None:
    """Matrix, operations and the notation's name."""
    try:
        call: ast.expr | None = parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        call = None
    if isinstance(call, ast.Call) and called(call.func) == "ModelSpec":
        try:
            fields = dict(zip(("matrix", "ops"), map(value_of, call.args), strict=False))
            fields |= {str(keyword.arg): value_of(keyword.value) for keyword in call.keywords}
        except (ValueError, TypeError, SyntaxError, RecursionError) as error:
            raise InputError(f"a ModelSpec holds lists only, got {text[:120]!r}") from error
        if not {"matrix", "ops"} <= set(fields):
            raise InputError(f"a ModelSpec needs matrix and ops, got {', '.join(fields) or 'nothing'}")
        return fields["matrix"], fields["ops"], "a ModelSpec"
    value = literal(text)
    if isinstance(value, dict):
        matrix, operations = entry_of(value, MATRIX_NAMES), entry_of(value, OPERATION_NAMES)
        return (
            None
            if matrix is None or operations is None
            else (matrix, operations, "a dictionary of matrix and operations")
        )
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], list) and isinstance(value[1], list):
        return value[0], value[1], "matrix and operations as lists"
    numbers = whole_numbers(value)
    if numbers is not None and len(numbers) > 5:
        n = (math.isqrt(1 + 4 * len(numbers)) - 1) // 2
        if n * (n + 1) == len(numbers):
            return (
                _square(numbers[: n * n]),
                numbers[n * n :],
                "one list of numbers, the matrix row by row and then the operations",
            )
    return None
