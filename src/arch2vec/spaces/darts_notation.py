"""How DARTS cells are written: ``op~source|...`` and the published ``Genotype(...)``.

The compact form, used for NAS-Bench-301's cells, has eight ``operation~source``
joined by ``|``, two per node in node order. The published form is the text of a
Python named tuple with a normal and a reduction cell. Nothing is ever executed:
the text is parsed to a syntax tree, of which only literals are accepted.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from arch2vec.errors import InputError
from arch2vec.spaces.darts_cells import FIRST, LAST, NODES, NONE, SLOTS, VOCABULARY, Cells

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
_CONCAT = list(range(2, NODES + 2))
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
_LONGEST = 10_000  # characters; a Genotype has about 500


def parse_cells(texts: Sequence[str]) -> Cells:
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
    cells = Cells(table[:, :, 0], table[:, :, 1])
    invalid = np.flatnonzero(~cells.valid())
    if len(invalid):
        _explain_sources(cells.sources[invalid[0]].tolist(), texts[int(invalid[0])])
    return cells


def format_cells(cells: Cells) -> list[str]:
    """Write valid cells in the compact form, the inverse of :func:`parse_cells`."""
    pairs = zip(cells.operations.tolist(), cells.sources.tolist(), strict=True)
    return [
        "|".join([_TEXTS[code][source] for code, source in zip(codes, sources, strict=True)])
        for codes, sources in pairs
    ]


def is_genotype(text: str) -> bool:
    """Whether ``text`` looks like the published form rather than the compact one."""
    return text.lstrip().startswith("Genotype")


def split_genotype(text: str) -> tuple[str, str]:
    """The normal and the reduction cell of a published genotype, in the compact form.

    Raises:
        InputError: the text is no genotype, or its cells do not concatenate all
            four nodes. What the cells hold is left to :func:`parse_cells`.
    """
    if len(text) > _LONGEST:
        raise InputError(f"a genotype of {len(text):,} characters; one has about 500: {text[:60]!r}...")
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"not a genotype: {text!r}; it cannot be parsed ({error.args[0]})") from error
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Genotype"):
        raise InputError(f"not a genotype: {text!r}; one looks like Genotype(normal=[...], normal_concat=...)")
    fields = {keyword.arg: keyword.value for keyword in call.keywords}
    if call.args or len(call.keywords) != len(_FIELDS) or set(fields) != set(_FIELDS):
        raise InputError(f"a genotype needs exactly the fields {', '.join(_FIELDS)}, each once and named: {text!r}")
    for field in ("normal_concat", "reduce_concat"):
        if sorted(_integers(fields[field], field)) != _CONCAT:
            raise InputError(f"{field} must be range(2, 6): the cells of this space concatenate their four nodes")
    return _compact(fields["normal"], "normal"), _compact(fields["reduce"], "reduce")


def format_genotype(normal: str, reduce: str) -> str:
    """The published form of a normal and a reduction cell given in the compact form."""

    def entries(cell: str) -> str:
        pairs = [token.split("~") for token in cell.split("|")]
        return "[" + ", ".join([f"('{operation}', {source})" for operation, source in pairs]) + "]"

    concat = f"range(2, {NODES + 2})"
    return (
        f"Genotype(normal={entries(normal)}, normal_concat={concat}, reduce={entries(reduce)}, reduce_concat={concat})"
    )


def _compact(value: ast.expr, field: str) -> str:
    """The compact form of a list of (operation, source)."""
    entries = _literal(value, field)
    if not isinstance(entries, list | tuple):
        raise InputError(f"{field} must be a list of ('operation', source), got {entries!r}")
    tokens = []
    for entry in entries:
        match entry:
            case (str(operation), int(source)) if not isinstance(source, bool):
                tokens.append(f"{operation}~{source}")
            case _:
                raise InputError(f"{field} holds {entry!r}; an entry looks like ('sep_conv_3x3', 0)")
    return "|".join(tokens)


def _integers(value: ast.expr, field: str) -> list[int]:
    """The integers of a literal list or of a ``range(...)``."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "range":
        bounds = [bound for bound in (_literal(argument, field) for argument in value.args) if type(bound) is int]
        if value.keywords or not len(bounds) == len(value.args) == 2:
            raise InputError(f"{field} must be range(2, {NODES + 2}), got {ast.unparse(value)[:60]}")
        # One number too many is wrong already; don't build a huge list.
        return list(range(bounds[0], bounds[1])[: NODES + 1])
    numbers = _literal(value, field)
    if not isinstance(numbers, list | tuple) or not all(type(number) is int for number in numbers):
        raise InputError(f"{field} must be a list of integers, got {numbers!r}")
    return list(numbers)


def _literal(value: ast.expr, field: str) -> object:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise InputError(f"{field} of a genotype must be a literal, got {ast.unparse(value)[:60]}") from error


def _explain(tokens: list[str], text: str) -> NoReturn:
    """Raise the error for a text in which a token is wrong."""
    shape = f"not a DARTS cell: {text!r}; one looks like {EXAMPLE}"
    if len(tokens) != SLOTS:
        raise InputError(shape)
    for slot, token in enumerate(tokens):
        operation, _, source = token.partition("~")
        if operation == VOCABULARY[NONE]:
            raise InputError(f"'none' in {text!r}: a finished DARTS cell has no zero operation")
        if operation not in _ALLOWED:
            raise InputError(f"unknown operation {operation!r} in {text!r}; known: {', '.join(_ALLOWED)}")
        if token not in _TOKENS:
            allowed = f"0 to {slot // 2 + 1}"
            raise InputError(f"node {slot // 2} reads {source!r} in {text!r}; it can read {allowed}")
    raise InputError(shape)


def _explain_sources(sources: list[int], text: str) -> NoReturn:
    """Raise the error for a text whose tokens are right, but not together."""
    for slot, source in enumerate(sources):
        node = slot // 2
        if source > node + 1:
            raise InputError(f"node {node} reads '{source}' in {text!r}; it can read 0 to {node + 1}")
        if slot % 2 and source == sources[slot - 1]:
            raise InputError(f"node {node} reads {source} twice in {text!r}; a node reads two different sources")
    raise AssertionError(f"a valid cell was taken for an invalid one: {text!r}")
