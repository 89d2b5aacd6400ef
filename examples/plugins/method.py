"""A search method of one's own: evaluate what lies nearest to one of the best architectures so far."""

import numpy as np

from arch2vec import Embedding, SearchMethod


class NearBest(SearchMethod):
    """Random architectures first; then the nearest neighbour, in the embedding, of one of the best."""

    name = "near-best"

    def __init__(self, embedding: Embedding, *, seed: int, initial: int = 5, parents: int = 3) -> None:
        super().__init__(embedding, seed=seed)
        self.initial, self.parents = initial, parents

    def propose(self, n: int) -> list[int]:
        """So many rows of the embedding, none of them covered."""
        vectors, rows = self.embedding.vectors, list[int]()
        best = sorted((value, row) for row, value in self.told if value == value)[-self.parents :]
        for _ in range(n):
            free = self.uncovered(besides=rows)
            if len(self.told) < self.initial or not best:
                rows.append(int(self.rng.choice(free)))
            else:
                parent = best[self.rng.integers(len(best))][1]
                rows.append(int(free[np.linalg.norm(vectors[free] - vectors[parent], axis=1).argmin()]))
        return rows
