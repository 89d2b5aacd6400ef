"""A constraint on a declared space's cells: a function of the user's, which says whether an architecture belongs to it.

The space is then what is left of the cells that the other fields describe. What draws, edits and
lists them goes on as before, and leaves out what the function refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.common.documents import shown
from arch2vec.common.guard import guarded
from arch2vec.common.user_code import load_object
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.spaces.declared.cells import MAX_LISTED, DeclaredCells

_KNOWN = 1_000_000  # answers that are kept
_TRIALS = 2_048  # cells drawn to estimate the share that is allowed
_EDITS = 200  # random edits of a cell that are tried before all are looked at
_COMPARED = 32  # cells of which other numberings are asked about


class Constraint:
    """The function that a declaration's ``constraint`` names.

    Args:
        reference: ``python:FILE.py:FUNCTION``, whose code is run.

    Raises:
        InputError: there is no such function.
    """

    def __init__(self, reference: str) -> None:
        self.reference = reference
        self._answers: dict[str, bool] = {}
        self.function: Callable[[str], object] = self._loaded()

    def _loaded(self) -> Callable[[str], object]:
        found, _ = load_object(self.reference.removeprefix("python:"), "function", "FUNCTION")
        if not callable(found) or isinstance(found, type):
            raise InputError(f"the constraint {self.reference} is not a function but {shown(type(found).__name__)}")
        function: Callable[[str], object] = found
        return function

    def __getstate__(self) -> dict[str, Any]:
        return {"reference": self.reference}  # other processes load the function anew

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["reference"])  # type: ignore[misc]

    def allows(self, architectures: Sequence[str]) -> NDArray[np.bool_]:
        """(N,) what the function says.

        Raises:
            InputError: it raises something, or returns neither true nor false.
        """
        known = [self._answers.get(text) for text in architectures]
        if None in known:
            with guarded(self.function):  # once, as it takes longer than most functions
                known = [
                    self._allows(text) if answer is None else answer
                    for text, answer in zip(architectures, known, strict=True)
                ]
        return np.array(known, dtype=np.bool_)

    def _allows(self, text: str) -> bool:
        try:
            answer = self.function(text)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise InputError(f"the constraint {self.reference} fails for {text!r}: {reason}") from error
        if not isinstance(answer, bool | np.bool_):
            raise InputError(
                f"the constraint {self.reference} returns {shown(answer)} for {text!r}; True or False is needed"
            )
        if len(self._answers) < _KNOWN:
            self._answers[text] = bool(answer)
        return bool(answer)


class ConstrainedCells(DeclaredCells):
    """Those of other cells that a constraint allows."""

    def __init__(self, cells: DeclaredCells, constraint: Constraint) -> None:
        self._cells, self.constraint = cells, constraint
        self.num_vertices = cells.num_vertices
        self._checked = False

    def _allowed(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        self._check_numberings()
        return self.constraint.allows(self._cells.format(graphs))

    def _check_numberings(self) -> None:
        """Refuse a function that answers differently for two numberings of one architecture."""
        if self._checked:
            return
        self._checked = True
        rng = np.random.default_rng(0)
        cells = self._cells.draw(_COMPARED, rng)[:_COMPARED]
        others = self._cells.renumbered(cells, rng)
        texts, again = self._cells.format(cells), self._cells.format(others)
        for first, second, agree in zip(
            texts, again, self.constraint.allows(texts) == self.constraint.allows(again), strict=True
        ):
            if not agree:
                raise InputError(
                    f"the constraint {self.constraint.reference} allows one of {first!r} and {second!r} only, which "
                    "are the same architecture, numbered in two ways"
                )

    @override
    def size(self) -> int | None:
        return None

    @override
    def estimated_size(self) -> int:
        drawn = self._cells.draw(_TRIALS, np.random.default_rng(0))
        size = self._cells.size()
        whole = self._cells.estimated_size() if size is None else size
        return max(1, round(whole * float(self._allowed(drawn).mean()))) if len(drawn) else 1

    @override
    def can_list(self) -> bool:
        return self._cells.can_list()

    @override
    def all_cells(self) -> GraphBatch:
        cells = self._cells.all_cells()
        assert len(cells) <= 2 * MAX_LISTED
        return cells[np.flatnonzero(self._allowed(cells))]

    @override
    def draw(self, attempts: int, rng: np.random.Generator) -> GraphBatch:
        drawn = self._cells.draw(attempts, rng)
        return drawn[np.flatnonzero(self._allowed(drawn))]

    @override
    def is_cell(self, graphs: GraphBatch) -> NDArray[np.bool_]:
        right = self._cells.is_cell(graphs)
        rows = np.flatnonzero(right)
        right[rows] = self._allowed(graphs[rows])
        return right

    @override
    def most_likely(self, op_logits: NDArray[np.floating], edge_logits: NDArray[np.floating]) -> GraphBatch:
        """The most likely cell without the constraint: the space looks for another where it is not allowed."""
        return self._cells.most_likely(op_logits, edge_logits)

    @override
    def random_edit(self, cells: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        """An edit that is allowed; where a cell has none, the next best: several, one after the other."""
        ops, adjacency = cells.ops.copy(), cells.adjacency.copy()
        pending = np.arange(len(cells))
        for _ in range(_EDITS):
            if not len(pending):
                break
            edited = self._cells.random_edit(cells[pending], rng)
            allowed = self._allowed(edited)
            done = pending[allowed]
            ops[done], adjacency[done] = edited.ops[allowed], edited.adjacency[allowed]
            pending = pending[~allowed]
        for row in pending.tolist():
            found = self._far_edit(cells[row], rng)
            ops[row], adjacency[row] = found.ops[0], found.adjacency[0]
        return GraphBatch(ops, adjacency)

    def _far_edit(self, cell: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        around = self.all_edits(cell)
        if len(around):
            return around[[int(rng.integers(len(around)))]]
        walker = cell
        start = self._cells.format(cell)[0]
        for _ in range(100 * _EDITS):
            walker = self._cells.random_edit(walker, rng)
            if self._allowed(walker)[0] and self._cells.format(walker)[0] != start:
                return walker
        raise InputError(
            f"the constraint {self.constraint.reference} leaves no other architecture within reach of {start!r}"
        )

    @override
    def all_edits(self, cell: GraphBatch) -> GraphBatch:
        edited = self._cells.all_edits(cell)
        return edited[np.flatnonzero(self._allowed(edited))]

    @override
    def renumbered(self, cells: GraphBatch, rng: np.random.Generator) -> GraphBatch:
        return self._cells.renumbered(cells, rng)

    @override
    def parse(self, architectures: Sequence[str]) -> GraphBatch:
        read = self._cells.parse(architectures)
        wrong = np.flatnonzero(~self._allowed(read))
        if len(wrong):
            raise InputError(
                f"{architectures[wrong[0]]!r} is not allowed by the constraint {self.constraint.reference}"
            )
        return read

    @override
    def text_of(self, value: object) -> str | None:
        return self._cells.text_of(value)

    @override
    def format(self, cells: GraphBatch) -> list[str]:
        return self._cells.format(cells)
