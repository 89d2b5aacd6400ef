"""NAS-Bench-201 cells in the notations of other programs.

===========================================  =====================================================================
``(4, 0, 3, 1, 4, 3)``                       an operation for each edge by the benchmark's numbers (none 0,
                                             skip_connect 1, nor_conv_1x1 2, nor_conv_3x3 3, avg_pool_3x3 4), the
                                             edges in the order of the benchmark's text
``naslib:(4, 0, 3, 1, 4, 3)``                NASLib's ``op_indices``, which may stand in place of ``naslib``: other
                                             numbers (skip_connect 0, none 1, nor_conv_3x3 2, nor_conv_1x1 3,
                                             avg_pool_3x3 4) and another order of the edges, by source; or names
``[[0, 0, 0, 0], [4, 0, 0, 0], ...]``        the benchmark's matrix: row = target node, column = source node
``['nor_conv_3x3', 'none', ...]``            six names in the order of the benchmark's text; without brackets too
``{'1<-0': 'none', '2<-0': ..., ...}``       a name for each edge, which two numbers name
``[[('none', 0)], [('none', 0), ...], ...]`` the benchmark's lists, one for each node
a line that holds one cell                   its cell
===========================================  =====================================================================
"""

from __future__ import annotations

import re

from arch2vec.errors import InputError
from arch2vec.spaces.reading import (
    TELLING,
    edge_names,
    literal,
    name_list,
    split_names,
    unwrapped,
    whole_numbers,
)

BENCHMARK = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""The operations by the benchmark's numbers."""

_NASLIB = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_NASLIB_SAYS = re.compile(rf"(?:{'|'.join(TELLING)})\s*[:=]\s*(.*)", re.DOTALL | re.IGNORECASE)
_LETTER = re.compile(r"[A-Za-z]").search
_TO_TEXT = (0, 1, 3, 2, 4, 5)  # NASLib's edges are in order of their source, the text's in that of their target
_TEXT = re.compile(
    r"(?P<before>\+?)(?P<cell>\|?\w+~0\|\+\|\w+~0\|\w+~1\|\+\|\w+~0\|\w+~1\|\w+~2(?!\d)\|?)(?P<after>\+?)"
)
_EXAMPLE = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
_ALIASES = {name: name for name in BENCHMARK} | {
    "zeroize": "none",
    "skip": "skip_connect",
    "conv1x1": "nor_conv_1x1",
    "conv_1x1": "nor_conv_1x1",
    "conv3x3": "nor_conv_3x3",
    "conv_3x3": "nor_conv_3x3",
    "avgpool3x3": "avg_pool_3x3",
    "avgpool": "avg_pool_3x3",
    "avg_pool": "avg_pool_3x3",
}
"""Names of the operations that are in use, in small letters."""

_CLASSES = {
    "zero": "none",
    "identity": "skip_connect",
    "reluconvbn1x1": "nor_conv_1x1",
    "reluconvbn3x3": "nor_conv_3x3",
    "avgpool1x1": "avg_pool_3x3",
}
"""NASLib's names, by its classes."""
_SOURCES = ((0,), (0, 1), (0, 1, 2))
_NUMBERED = ", ".join(f"{name} {code}" for code, name in enumerate(BENCHMARK))


def imported(text: str) -> tuple[str, str | None] | None:
    """See :data:`arch2vec.spaces.reading.Import`; indices are the space's own business."""
    if (named := _NASLIB_SAYS.fullmatch(text)) is not None:
        return written(_naslib(unwrapped(named[1]), text)), "NASLib's order of edges, by source" + (
            " (skip_connect 0, none 1, nor_conv_3x3 2, nor_conv_1x1 3, avg_pool_3x3 4)"
            if _LETTER(named[1]) is None
            else ""
        )
    bare = re.sub(r"\s+", "", text)
    found = {_known_names(match, text) for match in _TEXT.finditer(bare)}
    if len(found) > 1:
        raise InputError(f"{text[:200]!r} holds {len(found)} different architectures; give one at a time")
    if found:
        cell = found.pop()
        return cell, None if cell == bare else "a line that holds one cell"
    value: object = literal(text)
    if value is None:
        value = split_names(text, (*_ALIASES, "0", "1", "2", "3", "4"), 6)
        value = [int(name) for name in value] if value is not None and "".join(value).isdigit() else value
    if (listed := name_list(value)) is not None and len(listed) == 6:
        if any(name.lower() in _CLASSES for name in listed):
            raise InputError(
                f"{text[:200]!r} is in NASLib's names, whose edges are in another order; write naslib: before them"
            )
        return written([_canonical(name) for name in listed]), (
            "six names of operations, in the order of the benchmark's text"
        )
    if (numbers := whole_numbers(value, 6)) is not None:
        return written(_named(numbers, text)), f"the benchmark's operation numbers ({_NUMBERED})"
    if (by_edge := edge_names(value)) is not None:
        return _from_edges(by_edge, text), "a mapping from edges to operations"
    rows = [whole_numbers(row, 4) for row in value] if isinstance(value, list) and len(value) == 4 else [None]
    if None not in rows:
        return _from_matrix([row for row in rows if row is not None], text)
    if isinstance(value, list) and [len(node) for node in value if isinstance(node, list)] == [1, 2, 3]:
        return _from_lists(value, text)
    return None


def _known_names(match: re.Match[str], text: str) -> str:
    """The benchmark's text of a cell that was found in a line."""
    if match["before"] or match["after"]:
        raise InputError(f"{text[:200]!r} holds a cell of other nodes; one here has four, such as {_EXAMPLE}")
    return written([_canonical(name) for name in re.findall(r"(\w+)~", match["cell"])])


def _canonical(name: str) -> str:
    """The benchmark's name of an operation; a name that nobody uses stays as it is, for the space to complain."""
    return _ALIASES.get(name.lower(), name)


def _naslib(rest: str, text: str) -> list[str]:
    """The operations in the order of the benchmark's text, of six numbers or names in NASLib's."""
    value = literal(rest)
    names = name_list(value) or split_names(rest, (*_ALIASES, *_CLASSES), 6)
    numbers = whole_numbers(value, 6)
    if numbers is not None and all(0 <= number < len(_NASLIB) for number in numbers):
        names = [_NASLIB[number] for number in numbers]
    named = [_CLASSES.get(name.lower(), _canonical(name)) for name in names or ()]
    if len(named) != 6:
        raise InputError(
            f"naslib: is followed by six numbers 0 to 4, as in naslib:(4, 0, 3, 1, 4, 3), or names; got {text[:200]!r}"
        )
    return [named[place] for place in _TO_TEXT]


def _from_edges(by_edge: dict[tuple[int, int], str], text: str) -> str:
    """The text of a cell whose nodes are counted from 0, or from 1."""
    first = min(source for source, _ in by_edge)
    shifted = {(source - first, target - first): name for (source, target), name in by_edge.items()}
    edges = [(source, target) for target, sources in enumerate(_SOURCES, start=1) for source in sources]
    if sorted(shifted) != sorted(edges) or first > 1:
        raise InputError(
            f"{text[:200]!r} names other edges than the six of a cell, which are 0-1, 0-2, 1-2, 0-3, 1-3, 2-3"
        )
    return written([_CLASSES.get(shifted[edge].lower(), _canonical(shifted[edge])) for edge in edges])


def written(operations: list[str]) -> str:
    """The benchmark's text of six operations."""
    places = iter(operations)
    return "+".join("|" + "".join(f"{next(places)}~{source}|" for source in sources) for sources in _SOURCES)


def _named(numbers: list[int], text: str) -> list[str]:
    wrong = [number for number in numbers if not 0 <= number < len(BENCHMARK)]
    if wrong:
        raise InputError(f"operation number {wrong[0]} in {text[:200]!r}; the benchmark's are {_NUMBERED}")
    return [BENCHMARK[number] for number in numbers]


def _from_matrix(rows: list[list[int]], text: str) -> tuple[str, str]:
    if any(rows[target][source] for target in range(4) for source in range(target, 4)):
        raise InputError(
            f"{text[:200]!r} is no matrix of the benchmark: row = target node, column = source node, zeros elsewhere"
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
                f"a node of {text[:200]!r} reads {sorted(by_source)} where {list(sources)} is right; "
                "an entry looks like ('nor_conv_3x3', 0)"
            )
        operations += [by_source[source] for source in sources]
    return written(operations), "the benchmark's lists of (operation, source), one for each node"
