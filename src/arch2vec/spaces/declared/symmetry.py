"""Counting and drawing labellings of one DAG, where those that a symmetry carries into each other are one.

With G the DAG's symmetries and Fix(g) the labellings that g leaves the same,
Burnside's lemma counts the classes: their number is the mean of |Fix(g)| over G.
The same pairs (g, labelling in Fix(g)) draw classes uniformly (Dixon and Wilf,
"The random selection of unlabeled graphs", J. Algorithms 1983): each class has |G| of
them, so that a pair drawn uniformly holds a class drawn uniformly.

Positions that a symmetry exchanges may allow different operations. The lemma is
then applied to the wider set in which each allows what any of them does, and a
class counts if some labelling of it is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from arch2vec.spaces.automorphisms import automorphisms, group_order

MAX_SYMMETRIES = 50_000
"""DAGs with more symmetries are treated as having none: classes are not counted, labellings are drawn uniformly."""

_IMAGES = 2_000_000  # entries of images of labellings compared at a time
_TRIALS = 4096  # labellings drawn to estimate a share


class Labellings:
    """The labellings of the inner vertices of a DAG.

    Args:
        adjacency: (V, V), the DAG; its first and last vertices carry no label.
        choices: for each of the V - I - O inner vertices, the labels it allows, at least one.
        inputs: I, how many vertices come before these; no symmetry moves them.
    """

    def __init__(self, adjacency: NDArray[np.bool_], choices: Sequence[Sequence[int]], inputs: int = 1) -> None:
        n = len(choices)
        outputs = len(adjacency) - inputs - n
        self._adjacency = adjacency
        self._colours = [*range(1, inputs + 1), *[0] * n, *range(inputs + 1, inputs + outputs + 1)]
        found = automorphisms(adjacency, self._colours, MAX_SYMMETRIES)
        self.counted = found is not None
        """Whether the symmetries are few enough to be listed."""
        self._group = np.arange(n)[None] if found is None else found[:, inputs : inputs + n] - inputs
        self._choices = [tuple(choice) for choice in choices]
        orbit = self._group.min(axis=0)  # of a position, named by its least member
        self._wide = [
            tuple(sorted({label for other in np.flatnonzero(orbit == own) for label in self._choices[other]}))
            for own in orbit
        ]
        self._allowed = np.zeros((n, 256), dtype=np.bool_)
        for position, choice in enumerate(self._choices):
            self._allowed[position, list(choice)] = True

    @property
    def symmetric(self) -> bool:
        """Whether there is any symmetry but the identity, listed or not."""
        return len(self._group) > 1 or not self.counted

    def product(self) -> int:
        """How many labellings there are."""
        return math.prod(len(choice) for choice in self._choices)

    def number(self) -> int | None:
        """How many classes of labellings there are, None where that is not known without listing them."""
        if not self.counted or any(
            set(wide) != set(choice) for wide, choice in zip(self._wide, self._choices, strict=True)
        ):
            return None
        return sum(self._fixed) // len(self._group)

    def least(self) -> int:
        """No more than there are classes: a class holds at most as many labellings as there are symmetries."""
        if self.counted:
            return -(-self.product() // len(self._group))
        return -(-self.product() // group_order(self._adjacency, self._colours))

    def estimate(self) -> int:
        """About how many classes there are.

        The number of the wider set's classes times the share of 4,096 drawn ones
        that hold an allowed labelling; its standard error is at most 1 % if half of
        them do. With too many symmetries to list, the number of labellings, which
        is an upper bound.
        """
        wide = sum(self._fixed) // len(self._group)
        drawn = self.draw(_TRIALS, np.random.default_rng(0))
        return max(1, round(wide * len(drawn) / _TRIALS))

    def draw(self, attempts: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """(M, V - I - O) labellings, every class equally likely; M is ``attempts`` unless some had no allowed one."""
        cycles = self._cycles[rng.choice(len(self._group), size=attempts, p=self._weights)]
        table = np.zeros((len(self._wide), max(map(len, self._wide))), dtype=np.uint8)
        for position, wide in enumerate(self._wide):
            table[position, : len(wide)] = wide
        sizes = np.array([len(wide) for wide in self._wide])
        labels = table[np.arange(len(sizes)), rng.integers(0, sizes, size=cycles.shape)]
        return self._moved_in(np.take_along_axis(labels, cycles, axis=1))

    def moved(self, labels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Labellings (M, V - I - O) after a random symmetry each."""
        chosen = self._group[rng.integers(len(self._group), size=len(labels))]
        return np.take_along_axis(labels, chosen, axis=1)

    def _moved_in(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """An allowed labelling of each class that has one; the first in the order of the symmetries."""
        positions = np.arange(labels.shape[1])
        outside = np.flatnonzero(~self._allowed[positions, labels].all(axis=1))
        hopeless = np.zeros(len(outside), dtype=np.bool_)
        step = max(1, _IMAGES // self._group.size)
        for start in range(0, len(outside), step):
            rows = outside[start : start + step]
            images = labels[rows[:, None, None], self._group[None]]
            fits = np.logical_and.reduce(self._allowed[positions, images], axis=2)
            labels[rows] = images[np.arange(len(rows)), fits.argmax(axis=1)]
            hopeless[start : start + step] = ~fits.any(axis=1)
        return np.delete(labels, outside[hopeless], axis=0)

    @cached_property
    def _cycles(self) -> NDArray[np.int64]:
        """(G, V - I - O) for every symmetry and position, the least position of its cycle."""
        least = np.tile(np.arange(self._group.shape[1]), (len(self._group), 1))
        while True:
            less = np.minimum(least, np.take_along_axis(least, self._group, axis=1))
            if (less == least).all():
                return least
            least = less

    @cached_property
    def _fixed(self) -> list[int]:
        """|Fix(g)| of every symmetry: a choice for each of its cycles."""
        sizes = np.array([len(wide) for wide in self._wide], dtype=object)
        starts = self._cycles == np.arange(len(sizes))
        return list(np.where(starts, sizes, 1).prod(axis=1))

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """(G,) the chance of every symmetry."""
        total = sum(self._fixed)
        weights = np.array([fixed / total for fixed in self._fixed])
        return weights / weights.sum()
