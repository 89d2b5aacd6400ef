"""Architectures as Optuna's parameters: a categorical for each vertex and each edge that architectures differ in.

So Optuna's importances, plots and dashboard say which operation and which edge matter. One parameter with
every architecture as a choice would say nothing, and no storage takes 423,624 choices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from arch2vec.embedding import Embedding
from arch2vec.searching.decisions import UNMADE, Decisions, decisions_of
from arch2vec.searching.moves import NONE

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

ABSENT = "absent"
"""The operation of a vertex that an architecture does not have."""

Choice = str | int


class Parameters:
    """The parameters of an embedding's architectures.

    Operations are called by their names, edges are 0 or 1.

    Args:
        embedding: the architectures and their vectors.
    """

    def __init__(self, embedding: Embedding) -> None:
        self._decisions: Decisions = decisions_of(embedding)
        names = embedding.space.operations
        self.names: list[str] = [f"vertex {vertex}" for vertex in self._decisions.vertices]
        self.choices: list[tuple[Choice, ...]] = [
            tuple(names[code] for code in codes) for codes in self._decisions.codes
        ]
        self.names += [f"edge {source}-{target}" for source, target in self._decisions.edges]
        self.choices += [(0, 1)] * len(self._decisions.edges)
        for place in np.flatnonzero(self._decisions.has_unmade):
            self.choices[place] = (*self.choices[place], ABSENT)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distribution of each parameter."""
        from optuna.distributions import CategoricalDistribution

        return {name: CategoricalDistribution(choices) for name, choices in zip(self.names, self.choices, strict=True)}

    def of(self, row: int) -> dict[str, Choice]:
        """The parameters of an architecture."""
        made = self._decisions.choices[row].tolist()
        return {
            name: ABSENT if choice == UNMADE else choices[choice]
            for name, choices, choice in zip(self.names, self.choices, made, strict=True)
        }

    def row(self, given: Mapping[str, Choice]) -> int | None:
        """The row of the architecture that parameters make; None where the embedding has none, or one is missing."""
        try:
            made = [choices.index(given[name]) for name, choices in zip(self.names, self.choices, strict=True)]
        except (KeyError, ValueError):
            return None
        choices = np.array([made], dtype=np.int64)
        absent = choices[0] >= self._decisions.sizes
        if not absent.any():
            row = int(self._decisions.rows(choices)[0])
            if row != NONE:
                return row
        same = (self._decisions.choices == np.where(absent, UNMADE, choices[0])).all(axis=1)
        found = np.flatnonzero(same)
        return int(found[0]) if len(found) else None
