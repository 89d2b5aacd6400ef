"""NAS-Bench-201 cells in the notations of other programs.

===========================================  =====================================================================
``(4, 0, 3, 1, 4, 3)``                       an operation for each edge by the benchmark's numbers (none 0,
                                             skip_connect 1, nor_conv_1x1 2, nor_conv_3x3 3, avg_pool_3x3 4), the
                                             edges in the order of the benchmark's text
``naslib:(4, 0, 3, 1, 4, 3)``                NASLib's ``op_indices``: other numbers (skip_connect 0, none 1,
                                             nor_conv_3x3 2, nor_conv_1x1 3, avg_pool_3x3 4) and another order of
                                             the edges, by source
``[[0, 0, 0, 0], [4, 0, 0, 0], ...]``        the benchmark's matrix: row = target node, column = source node
``['nor_conv_3x3', 'none', ...]``            six names in the order of the benchmark's text
``[[('none', 0)], [('none', 0), ...], ...]`` the benchmark's lists, one for each node
a line that holds one cell                   its cell
===========================================  =====================================================================
"""

from __future__ import annotations

import re

from arch2vec.errors import InputError
from arch2vec.spaces.reading import literal, name_list, unwrapped, whole_numbers

BENCHMARK = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""The operations by the benchmark's numbers."""

_NASLIB = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_NASLIB_PREFIX = "naslib:"
_TO_TEXT = (0, 1, 3, 2, 4, 5)  # NASLib's edges are in order of their source, the text's in that of their target
_TEXT = re.compile(r"\|\w+~0\|\+\|\w+~0\|\w+~1\|\+\|\w+~0\|\w+~1\|\w+~2\|")
_SOURCES = ((0,), (0, 1), (0, 1, 2))
_NUMBERED = ", ".join(f"{name} {code}" for code, name in enumerate(BENCHMARK))


def imported(text: str) -> tuple[str, str | None] | None:
    """See :data:`arch2vec.spaces.reading.Import`; indices are the space's own business."""
    head, _, rest = text.partition(":")
    if head.strip().lower() + ":" == _NASLIB_PREFIX:
        numbers = whole_numbers(literal(unwrapped(rest)), 6)
        if numbers is None or not all(0 <= number < len(_NASLIB) for number in numbers):
            raise InputError(
                f"naslib: is followed by six numbers 0 to 4, as in naslib:(4, 0, 3, 1, 4, 3); got {text!r}"
            )
        operations = [_NASLIB[numbers[place]] for place in _TO_TEXT]
        return written(operations), "NASLib's op_indices (skip_connect 0, none 1, ...; edges by source)"
    bare = re.sub(r"\s+", "", text)
    found = set(_TEXT.findall(bare))
    if len(found) > 1:
        raise InputError(f"{text[:200]!r} holds {len(found)} different architectures; give one at a time")
    if found:
        cell = found.pop()
        return cell, None if cell == bare else "a line that holds one cell"
    value = literal(text)
    if (listed := name_list(value)) is not None and len(listed) == 6:
        return written(listed), "six names of operations, in the order of the benchmark's text"
    if (numbers := whole_numbers(value, 6)) is not None:
        return written(_named(numbers, text)), f"the benchmark's operation numbers ({_NUMBERED})"
    rows = [whole_numbers(row, 4) for row in value] if isinstance(value, list) and len(value) == 4 else [None]
    if None not in rows:
        return _from_matrix([row for row in rows if row is not None], text)
    if isinstance(value, list) and [len(node) for node in value if isinstance(node, list)] == [1, 2, 3]:
        return _from_lists(value, text)
    return None


def written(operations: list[str]) -> str:
    """The benchmark's text of six operations."""
    places = iter(operations)
    return "+".join("|" + "".join(f"{next(places)}~{source}|" for source in sources) for sources in _SOURCES)


def _named(numbers: list[int], text: str) -> list[str]:
    wrong = [number for number in numbers if not 0 <= number < len(BENCHMARK)]
    if wrong:
        raise InputError(f"operation number {wrong[0]} in {text!r}; the benchmark's are {_NUMBERED}")
    return [BENCHMARK[number] for number in numbers]


def _from_matrix(rows: list[list[int]], text: str) -> tuple[str, str]:
    if any(rows[target][source] for target in range(4) for source in range(target, 4)):
        raise InputError(
            f"{text!r} is no matrix of the benchmark: row = target node, column = source node, zeros elsewhere"
        )
    operations = _named([rows[target][source] for target in range(1, 4) for source in range(target)], text)
    return written(operations), f"the benchmark's matrix of operation numbers ({_NUMBERED})"


def _from_lists(nodes: list[object], text: str) -> tuple[str, str]:
    operations = []
    for sources, node in zip(_SOURCES, nodes, strict=True):
        assert isinstance(node, list)
        by_source = {}
        for entry in node:
            match entry:
                case [str(operation), int(source)]:
                    by_source[source] = operation
        if sorted(by_source) != list(sources):
            raise InputError(
                f"a node of {text!r} reads {sorted(by_source)} where {list(sources)} is right; "
                "an entry looks like ('nor_conv_3x3', 0)"
            )
        operations += [by_source[source] for source in sources]
    return written(operations), "the benchmark's lists of (operation, source), one for each node"
