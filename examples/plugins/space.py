"""A search space of one's own: four layers in a row, written as conv-pool-skip-conv."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from arch2vec import GraphBatch, ListedSpace


class Row(ListedSpace):
    """All 81 rows of layers between an input and an output; operations are numbered as in ``operations``."""

    name = "row"
    operations = ("input", "conv", "pool", "skip", "output")

    def listed(self) -> tuple[Sequence[str], GraphBatch]:
        """Their texts and their graphs, in the same order."""
        rows = list(product((1, 2, 3), repeat=4))
        in_a_row = np.eye(6, k=1, dtype=bool)  # an edge from every vertex to the next
        graphs = GraphBatch.of([(0, *row, 4) for row in rows], [in_a_row] * len(rows))
        return ["-".join(self.operations[code] for code in row) for row in rows], graphs
