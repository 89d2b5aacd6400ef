"""Random search: the baseline that any other method has to beat (Li and Talwalkar, UAI 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from typing_extensions import override

from arch2vec.searching.base import SearchMethod


class RandomSearch(SearchMethod):
    """Every proposal is uniform over the architectures that are not covered yet."""

    name: ClassVar[str] = "random"
    reads_rows: ClassVar[bool] = True

    @classmethod
    @override
    def _propose(cls, methods: Sequence[Self], n: int) -> list[list[int]]:
        return [method.draw(n) for method in methods]
