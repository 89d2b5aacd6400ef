"""What objectives over tables share: finding architectures, one at a time or all at once."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.graphs.fingerprints import fingerprint
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.objectives.drawn import DrawnView
from arch2vec.objectives.view import TableView
from arch2vec.spaces import SearchSpace
from arch2vec.spaces.reading import Reading

if TYPE_CHECKING:
    import pandas as pd

    from arch2vec.embedding import Embedding


class LookupObjective(Objective):
    """Looks outcomes up in columns aligned with a list of architectures.

    Architectures are found by their canonical text (a dictionary look-up) or,
    written otherwise, by their graph: isomorphic architectures are one and the
    same. Test values go into :attr:`Outcome.test` and :attr:`TableView.test` and
    take part in nothing else.

    Attributes:
        beside: (n,) further columns that evaluations give in :attr:`Outcome.extra`, by name.

    Args:
        space: the architectures' space.
        graphs: the n architectures of the table, no two of them isomorphic.
        where: the table, for complaints.

    Raises:
        InputError: an architecture is there twice.
    """

    looked_up = True

    def __init__(self, space: SearchSpace, graphs: GraphBatch, where: object) -> None:
        self._space = space
        self.space = space.name
        self.beside: Mapping[str, NDArray[np.float64]] = {}
        self._graphs = graphs
        self._fingerprints = fingerprint(graphs)
        self._order = np.argsort(self._fingerprints, kind="stable")
        self._sorted = self._fingerprints[self._order]
        repeats = self._order[1:][self._sorted[1:] == self._sorted[:-1]]
        if len(repeats):
            row = int(repeats.min())
            first = int(np.flatnonzero(self._fingerprints == self._fingerprints[row])[0])
            raise InputError(
                f"{where} holds architectures more than once: {self.architectures[first]!r} at rows {first} and {row}; "
                f"rows too many: {len(repeats):,}"
            )

    def __len__(self) -> int:
        return len(self._graphs)

    @property
    def redrawn(self) -> bool:
        """Whether every search draws training runs of its own: :meth:`columns` are then means over the runs."""
        return False

    def drawn(self, embedding: Embedding, fidelity: int | None = None) -> DrawnView:
        """What searches meet at an embedding's N architectures, where they draw runs of their own.

        Raises:
            InputError: they do not, the embedding is of another space, or the fidelity is not offered.
        """
        del embedding, fidelity
        raise InputError(f"the searches of objective {self.name} draw no runs of their own")

    @abstractmethod
    def columns(self, fidelity: int | None = None) -> TableView:
        """What evaluations of the table's n architectures give, in its order.

        Raises:
            InputError: the fidelity is not offered.
        """

    @cached_property
    def architectures(self) -> list[str]:
        """The table's n architectures in canonical notation, in its order."""
        return self._space.format(self._graphs)

    @property
    def graphs(self) -> GraphBatch:
        """The table's n architectures, in its order."""
        return self._graphs

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {architecture: row for row, architecture in enumerate(self.architectures)}

    @cached_property
    def optimum(self) -> float:
        """The best value of the signal: the largest, or the smallest where less is better."""
        best = np.nanmin if self.minimise else np.nanmax
        return float(best(self.columns().validation))

    def row_of(self, architecture: str) -> int:
        """The table's row of an architecture in the space's notation.

        Raises:
            InputError: it is malformed, or not in the table.
        """
        row = self._rows.get(architecture)
        if row is None:
            row = int(self.rows_of(self._space.parse([architecture]))[0])
        if row < 0:
            raise InputError(f"{architecture!r} is not among the {len(self):,} architectures of objective {self.name}")
        return row

    def rows_of(self, graphs: GraphBatch) -> NDArray[np.int64]:
        """(N,) the table's row of each graph, -1 for one that it does not hold."""
        wanted = fingerprint(graphs)
        places = np.minimum(np.searchsorted(self._sorted, wanted), len(self) - 1)
        found = self._sorted[places] == wanted
        return np.where(found, self._order[places], -1).astype(np.int64)

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        view = self.columns(fidelity)
        row = self.row_of(architecture)
        test = float(view.test[row])
        further = {**view.extra, **self.beside}
        extra = {name: float(column[row]) for name, column in further.items() if not math.isnan(column[row])}
        return Outcome(float(view.validation[row]), None if math.isnan(test) else test, float(view.cost_s[row]), extra)

    def view(self, embedding: Embedding, fidelity: int | None = None) -> TableView:
        """What evaluations of an embedding's N architectures give, aligned with its rows.

        Raises:
            InputError: the embedding is of another space, or the fidelity is not offered.
        """
        return self.columns(fidelity).take(self._rows_in(embedding))

    def restrict(self, embedding: Embedding) -> Embedding:
        """The embedding of those of its architectures that the table holds, in the embedding's order.

        Raises:
            InputError: the embedding is of another space, or holds none of them.
        """
        rows = np.flatnonzero(self._rows_in(embedding) >= 0)
        if not len(rows):
            raise InputError(f"none of the {len(embedding):,} embedded architectures is in objective {self.name}")
        return embedding if len(rows) == len(embedding) else embedding.subset(rows)

    def _rows_in(self, embedding: Embedding) -> NDArray[np.int64]:
        if embedding.space.name != self.space:
            raise InputError(
                f"objective {self.name!r} is for the space {self.space!r}, "
                f"the embedding's architectures are of {embedding.space.name!r}"
            )
        return self.rows_of(embedding.graphs)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table as it is used, for reports: architecture, validation, test (where there is one), cost_s."""
        import pandas as pd

        view = self.columns()
        columns: dict[str, object] = {"architecture": self.architectures, "validation": view.validation}
        if not np.isnan(view.test).all():
            columns["test"] = view.test
        return pd.DataFrame({**columns, "cost_s": view.cost_s})


def parse_rows(where: object, space: SearchSpace, texts: Sequence[str]) -> Reading:
    """The architectures of a table's rows.

    Raises:
        InputError: one is malformed; the line says in which row.
    """
    try:
        return space.read(texts)
    except InputError as error:
        for row, text in enumerate(texts):
            try:
                space.read([text])
            except InputError as reason:
                raise InputError(f"{where}, row {row}: {reason}") from error
        raise
