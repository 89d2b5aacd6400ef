"""A table objective as whole columns, for simulations that look up many architectures at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError


@dataclass(frozen=True, eq=False)
class TableView:
    """What evaluations of N architectures give, a column each. NaN where the table does not say.

    Row i holds what the objective's ``evaluate`` returns for architecture i.

    Attributes:
        validation: (N,) float64, the signal that a search maximises, percent.
        test: (N,) float64, percent, for reporting only; NaN where there is none.
        cost_s: (N,) float64, seconds that an evaluation costs.
        extra: further columns, each (N,) float64, by name.
    """

    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    cost_s: NDArray[np.float64]
    extra: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {"validation": self.validation, "test": self.test, "cost_s": self.cost_s, **self.extra}
        for name, column in columns.items():
            if column.shape != (len(self),):
                raise InputError(f"column {name} of a table's view has shape {column.shape}, not ({len(self)},)")

    def __len__(self) -> int:
        return len(self.validation)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(N,) whether the table has a signal for each architecture."""
        return ~np.isnan(self.validation)

    def take(self, rows: NDArray[np.int64]) -> TableView:
        """The view of other rows: (M,) indices, -1 for an architecture that the table does not hold."""
        absent = rows < 0

        def column(values: NDArray[np.float64]) -> NDArray[np.float64]:
            taken = values[rows]
            taken[absent] = np.nan
            return taken

        extra = {name: column(values) for name, values in self.extra.items()}
        return TableView(column(self.validation), column(self.test), column(self.cost_s), extra)
