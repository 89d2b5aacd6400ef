"""How DARTS cells are written: ``op~source|...``; and how they are published, ``Genotype(...)``.

The compact form, used for NAS-Bench-301's cells, has eight ``operation~source``
joined by ``|``, two per node in node order. The published form is the text of a
Python named tuple with a normal and a reduction cell; :mod:`arch2vec.spaces.darts.reading`
reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from arch2vec.errors import InputError
from arch2vec.spaces.darts.cells import FIRST, LAST, NODES, NONE, SLOTS, VOCABULARY, DARTSCells

EXAMPLE = (
    "sep_conv_3x3~0|sep_conv_3x3~1|sep_conv_3x3~0|sep_conv_3x3~1|"
    "sep_conv_3x3~1|skip_connect~0|skip_connect~0|dil_conv_3x3~2"
)
"""The normal cell of DARTS' second-order search."""

_ALLOWED = VOCABULARY[FIRST : LAST + 1]
_TOKENS = {
    f"{operation}~{source}": (code, source)
    for code, operation in enumerate(_ALLOWED, start=FIRST)
    for source in range(NODES + 1)
}
_TEXTS = [[f"{operation}~{source}" for source in range(NODES + 1)] for operation in VOCABULARY]


def parse_cells(texts: Sequence[str]) -> DARTSCells:
    """Read cells in the compact form.

    Raises:
        InputError: one is malformed or no valid cell.
    """
    rows = []
    for text in texts:
        tokens = text.strip().split("|")
        row = [_TOKENS.get(token) for token in tokens]
        if len(row) != SLOTS or None in row:
            _explain(tokens, text)
        rows.append(row)
    table = np.array(rows, dtype=np.uint8).reshape(-1, SLOTS, 2)
    cells = DARTSCells(table[:, :, 0], table[:, :, 1])
    invalid = np.flatnonzero(~cells.valid())
    if len(invalid):
        _explain_sources(cells.sources[invalid[0]].tolist(), texts[int(invalid[0])])
    return cells


def format_cells(cells: DARTSCells) -> list[str]:
    """Write valid cells in the compact form, the inverse of :func:`parse_cells`."""
    pairs = zip(cells.operations.tolist(), cells.sources.tolist(), strict=True)
    return [
        "|".join([_TEXTS[code][source] for code, source in zip(codes, sources, strict=True)])
        for codes, sources in pairs
    ]


def format_genotype(normal: str, reduce: str) -> str:
    """The published form of a normal and a reduction cell given in the compact form."""

    def entries(cell: str) -> str:
        pairs = [token.split("~") for token in cell.split("|")]
        return "[" + ", ".join([f"('{operation}', {source})" for operation, source in pairs]) + "]"

    concat = f"range(2, {NODES + 2})"
    return (
        f"Genotype(normal={entries(normal)}, normal_concat={concat}, reduce={entries(reduce)}, reduce_concat={concat})"
    )


def _explain(tokens: list[str], text: str) -> NoReturn:
    """Raise the error for a text in which a token is wrong."""
    shape = f"not a DARTS cell: {text[:200]!r}; one looks like {EXAMPLE}"
    if len(tokens) != SLOTS:
        raise InputError(shape)
    for slot, token in enumerate(tokens):
        operation, _, source = token.partition("~")
        if operation == VOCABULARY[NONE]:
            raise InputError(f"'none' in {text[:200]!r}: a finished DARTS cell has no zero operation")
        if operation not in _ALLOWED:
            raise InputError(f"unknown operation {operation!r} in {text[:200]!r}; known: {', '.join(_ALLOWED)}")
        if token not in _TOKENS:
            allowed = f"0 to {slot // 2 + 1}"
            raise InputError(f"node {slot // 2} reads {source!r} in {text[:200]!r}; it can read {allowed}")
    raise InputError(shape)


def _explain_sources(sources: list[int], text: str) -> NoReturn:
    """Raise the error for a text whose tokens are right, but not together."""
    for slot, source in enumerate(sources):
        node = slot // 2
        if source > node + 1:
            raise InputError(f"node {node} reads '{source}' in {text[:200]!r}; it can read 0 to {node + 1}")
        if slot % 2 and source == sources[slot - 1]:
            raise InputError(f"node {node} reads {source} twice in {text[:200]!r}; a node reads two different sources")
    raise AssertionError(f"a valid cell was taken for an invalid one: {text[:200]!r}")
