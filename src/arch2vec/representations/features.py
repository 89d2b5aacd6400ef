"""Architectures as named groups of named numbers: what every representation gives, and what models weigh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arch2vec.errors import InputError

Groups = tuple[tuple[str, int], ...]
"""Names of groups of columns, in the order of the columns, and how many columns each has."""


@dataclass(frozen=True, eq=False, repr=False)
class Features:
    """Numbers of N architectures.

    >>> import arch2vec, numpy as np
    >>> features = arch2vec.Features.of({"depth": (np.array([[3.0], [5.0]]), ["layers"])})
    >>> features.groups, features.names
    ((('depth', 1),), ('depth: layers',))

    Attributes:
        values: (N, D) float32.
        names: D of them, one a column.
        groups: their sizes sum up to D.
    """

    values: NDArray[np.float32]
    names: tuple[str, ...]
    groups: Groups

    def __post_init__(self) -> None:
        if (
            self.values.ndim != 2
            or self.values.shape[1] != len(self.names)
            or sum(dict(self.groups).values()) != len(self.names)
        ):
            raise InputError(
                f"values {self.values.shape} need as many names and groups of as many columns, "
                f"got {len(self.names)} names and groups {dict(self.groups)}"
            )

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {size}" for name, size in self.groups)
        return f"Features({len(self.values):,} x {len(self.names)}: {parts})"

    @classmethod
    def of(cls, parts: Mapping[str, tuple[NDArray[np.floating], Sequence[str]]]) -> Features:
        """From groups of (N, d) numbers and their names; a group without any is left out."""
        kept = {group: part for group, part in parts.items() if part[0].shape[1]}
        if not kept:
            raise InputError("none of these groups has a number")
        values = np.concatenate([values.astype(np.float32, copy=False) for values, _ in kept.values()], axis=1)
        names = tuple(f"{group}: {name}" for group, (_, names) in kept.items() for name in names)
        return cls(values, names, tuple((group, values.shape[1]) for group, (values, _) in kept.items()))

    def chosen(self, groups: Iterable[str]) -> Features:
        """Some of the groups, in their own order.

        Raises:
            InputError: there is none of a name.
        """
        wanted = list(groups)
        for name in wanted:
            if name not in dict(self.groups):
                raise InputError(f"there is no group {name!r}; there are {', '.join(dict(self.groups))}")
        keep = np.concatenate([np.full(size, name in wanted) for name, size in self.groups])
        names = tuple(name for name, kept in zip(self.names, keep, strict=True) if kept)
        return Features(self.values[:, keep], names, tuple(pair for pair in self.groups if pair[0] in wanted))


def slices(groups: Groups) -> dict[str, slice]:
    """The columns of each group."""
    found, start = {}, 0
    for name, size in groups:
        found[name] = slice(start, start + size)
        start += size
    return found
