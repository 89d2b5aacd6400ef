"""Random DARTS cells, and steps from one cell to another, for many cells at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError
from arch2vec.spaces.darts.cells import FIRST, NODE_OF_SLOT, NODES, NUM_OPERATIONS, SLOTS, DARTSCells
from arch2vec.spaces.darts.classes import CellClasses

GRAPHS = CellClasses(NODES, NUM_OPERATIONS, "graph")
"""Cells whose graphs are isomorphic: 275,473,100 classes."""

FUNCTIONS = CellClasses(NODES, NUM_OPERATIONS, "function")
"""Cells that compute the same function: 382,128,166 classes."""

Draw = Callable[[int], tuple[NDArray[np.uint8], NDArray[np.int64]]]
"""Makes so many attempts to draw a random architecture; gives (n, width) rows that
describe those it drew, and their (n,) classes."""

_SMALLEST_ROUND, _LARGEST_ROUND = 1 << 10, 1 << 18  # attempts at a time
_PATIENCE = 16  # of the largest rounds without a new architecture, after which none is taken to be left

# A slot of node i can read i sources more than the two that its node reads: 12 pairs of a slot and one of these.
_EDITED_SLOT = np.repeat(np.arange(SLOTS), NODE_OF_SLOT)
_EDITED_RANK = np.concatenate([np.arange(node) for node in NODE_OF_SLOT])


def sample_distinct(n: int, draw: Draw) -> NDArray[np.uint8]:
    """(n, width) rows of the first ``n`` architectures of different classes that are drawn.

    Where ``draw`` makes all classes equally likely, so does this, without replacement.

    Raises:
        InputError: no more different ones turn up.
    """
    rows, classes = draw(0)
    in_vain = 0
    while len(rows) < n:
        if in_vain == _PATIENCE:
            raise InputError(
                f"found only {len(rows):,} different architectures of {n:,} within the limit on their cost"
            )
        attempts = _LARGEST_ROUND if in_vain else min(max(4 * (n - len(rows)), _SMALLEST_ROUND), _LARGEST_ROUND)
        more, their_classes = draw(attempts)
        merged = np.concatenate([classes, their_classes])
        first = np.sort(np.unique(merged, return_index=True)[1])  # in the order they were drawn
        in_vain = in_vain + 1 if len(first) == len(rows) else 0
        rows, classes = np.concatenate([rows, more])[first], merged[first]
    return rows[:n]


def draw_cells(
    attempts: int,
    rng: np.random.Generator,
    wanted: Callable[[DARTSCells], NDArray[np.bool_]] | None = None,
    classes: CellClasses = GRAPHS,
) -> tuple[DARTSCells, NDArray[np.int64]]:
    """Random cells, every class equally likely, and the codes of their classes.

    Genotypes are drawn uniformly, and each is kept with a probability of one over
    the number of genotypes of its class. That makes classes uniform (of
    :data:`GRAPHS`, 27 % are kept), and all genotypes of a class are equally likely
    to stand for it.

    Args:
        attempts: how many genotypes are drawn.
        rng: source of randomness.
        wanted: says which of N cells may be drawn, (N,); the same for all of a class.
        classes: which cells are the same. With fewer operations than DARTS has, only
            the first ones are drawn.
    """
    structures = np.array(classes.structures, dtype=np.uint8)
    cells = DARTSCells(
        rng.integers(FIRST, FIRST + classes.operations, size=(attempts, SLOTS), dtype=np.uint8),
        structures[rng.integers(len(structures), size=attempts)],
    )
    if wanted is not None:
        cells = cells[wanted(cells)]
    codes, sizes = classes.code_and_size(cells.operations - FIRST, cells.sources)
    kept = rng.random(len(cells)) * sizes < 1
    cells, codes = cells[kept], codes[kept]
    # The order of a node's two operations means nothing either.
    order = np.arange(SLOTS) ^ np.repeat(rng.integers(2, size=(len(cells), NODES)), 2, axis=1)
    return cells.reordered(order), codes


def functions_of(cells: DARTSCells) -> NDArray[np.int64]:
    """(N,) codes, equal for cells that compute the same function."""
    ordered = cells.by_source()
    return FUNCTIONS.code(ordered.operations - FIRST, ordered.sources)


def mutate_cells(cells: DARTSCells, rng: np.random.Generator) -> DARTSCells:
    """One edit of each valid cell: as likely as not another operation in a slot, else another source.

    The two kinds are as likely as each other, as in regularised evolution (Real et
    al., AAAI 2019); which edit of the kind is uniform. An edit that leaves the
    function the same, by exchanging nodes that do not differ, is drawn again.
    """
    result = DARTSCells(cells.operations.copy(), cells.sources.copy())
    before = functions_of(cells)
    left = np.arange(len(cells))
    while len(left):
        edited = _edit_once(cells[left], rng)
        result.operations[left], result.sources[left] = edited.operations, edited.sources
        left = left[functions_of(edited) == before[left]]
    return result


def _edit_once(cells: DARTSCells, rng: np.random.Generator) -> DARTSCells:
    n = len(cells)
    operations, sources = cells.operations.copy(), cells.sources.copy()
    other_operation = rng.integers(2, size=n) == 0

    rows = np.flatnonzero(other_operation)
    slots = rng.integers(SLOTS, size=len(rows))
    shift = rng.integers(1, NUM_OPERATIONS, size=len(rows))
    operations[rows, slots] = (operations[rows, slots] - FIRST + shift) % NUM_OPERATIONS + FIRST

    rows = np.flatnonzero(~other_operation)
    edit = rng.integers(len(_EDITED_SLOT), size=len(rows))
    slots = _EDITED_SLOT[edit]
    sources[rows, slots] = _unread_source(sources[rows, slots], sources[rows, slots ^ 1], _EDITED_RANK[edit])
    return DARTSCells(operations, sources)


def neighbor_cells(cell: DARTSCells) -> DARTSCells:
    """The 60 cells one edit away from one valid cell: 48 by an operation, then 12 by a source."""
    edits = SLOTS * (NUM_OPERATIONS - 1)
    operations = np.repeat(cell.operations, edits + len(_EDITED_SLOT), axis=0)
    sources = np.repeat(cell.sources, len(operations), axis=0)

    rows = np.arange(edits)
    slots, shift = np.divmod(rows, NUM_OPERATIONS - 1)
    operations[rows, slots] = (operations[rows, slots] - FIRST + shift + 1) % NUM_OPERATIONS + FIRST

    rows = np.arange(edits, len(operations))
    sources[rows, _EDITED_SLOT] = _unread_source(
        sources[rows, _EDITED_SLOT], sources[rows, _EDITED_SLOT ^ 1], _EDITED_RANK
    )
    return DARTSCells(operations, sources)


def _unread_source(one: NDArray[np.uint8], other: NDArray[np.uint8], rank: NDArray[np.integer]) -> NDArray[np.integer]:
    """The sources that come ``rank``-th (from 0) when ``one`` and ``other`` are left out."""
    found = rank + (rank >= np.minimum(one, other))
    return found + (found >= np.maximum(one, other))
