"""DARTS cells in the notations of other programs.

=========================================  ===========================================================================
``Genotype(normal=[...], ...)``            the published form, by name or in order, its cells flat or a list for each
                                           node; also ``genotypes.Genotype(...)``, ``DARTS_V2 = Genotype(...)`` and a
                                           line of a log that holds one
``DARTS_V2``                               a published genotype's name
``{'normal': [...], 'reduce': [...]}``     the same as a dictionary
``([...], [...])``                         normal and reduction cell as lists of (operation, source) or (source,
                                           operation)
``(((0, 1), (1, 3), ...), (...))``         NAS-Bench-301's tuples, (source, operation number); the numbers count its
                                           seven operations from max_pool_3x3, 0, to dil_conv_5x5, 6
``{'...:edge_normal_0': ..., ...}``        NAS-Bench-301's configuration, as a dictionary, as JSON or printed
=========================================  ===========================================================================

Nothing is ever executed: the text is parsed to a syntax tree, of which only literals are accepted.
"""

from __future__ import annotations

import ast
import re

from arch2vec.errors import InputError, unknown
from arch2vec.spaces.darts.cells import FIRST, LAST, NODES, SLOTS, VOCABULARY
from arch2vec.spaces.darts.published import PUBLISHED_GENOTYPES
from arch2vec.spaces.reading import entry_of, literal, parsed, value_of, whole_numbers

_OPERATIONS = VOCABULARY[FIRST : LAST + 1]
_CONCAT = list(range(2, NODES + 2))
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
_LONGEST = 10_000  # characters; a Genotype has about 500
_NORMAL = ("normal", "normal_cell", "normal_genotype")
_REDUCE = ("reduce", "reduction", "reduce_cell", "reduction_cell", "reduce_genotype")
_START = re.compile(r"\bGenotype\s*\(")
_NAME = re.compile(r"[A-Za-z]\w*")
_SETTING = re.compile(
    r"(edge|inputs_node)_(normal|reduce)_(\d+)['\"]?\s*[:,=]\s*(?:Value:\s*)?['\"](\w+)['\"]", re.ASCII
)
_FIRST_EDGE = (0, 2, 5, 9)  # of each node, in NAS-Bench-301's configurations


def cells_of(text: str) -> tuple[list[str], str | None] | None:
    """The cells of an architecture in a foreign notation, in the compact form, and the notation's name.

    The published form by itself, and names of published genotypes, have none: they are no other program's.

    Normal and reduction cell, or one cell where the text has one. What the cells hold is left to
    :func:`arch2vec.spaces.darts.notation.parse_cells`.

    Returns:
        None where the text is in no notation that is known here.

    Raises:
        InputError: it is in one, and wrong, or holds several architectures.
    """
    if text.lstrip().startswith("Genotype") or _START.search(text):
        alone = text.startswith("Genotype(") and text.endswith(")")
        return list(split_genotype(text)), None if alone else "a line that holds one Genotype"
    if (known := published(text)) is not None:
        return list(split_genotype(known)), None
    if _SETTING.search(text):
        return [_from_settings(text, cell) for cell in ("normal", "reduce")], "NAS-Bench-301's configuration"
    if _NAME.fullmatch(text):
        raise unknown("published genotype", text, PUBLISHED_GENOTYPES)
    value = literal(text)
    if isinstance(value, dict):
        for field in ("normal_concat", "reduce_concat"):
            if field in value:
                _check_concat(value[field], field)
        cells = [entry_of(value, names) for names in (_NORMAL, _REDUCE)]
        if None not in cells:
            return [_compact(cell, field) for cell, field in zip(cells, ("normal", "reduce"), strict=True)], (
                "a dictionary of normal and reduce"
            )
    if isinstance(value, list) and len(value) == 4 and whole_numbers(value[1]) and whole_numbers(value[3]):
        for place, field in ((1, "normal_concat"), (3, "reduce_concat")):
            _check_concat(value[place], field)
        value = [value[0], value[2]]
    if isinstance(value, list) and len(value) == 2 and all(isinstance(cell, list) for cell in value):
        pair = [_compact(cell, field) for cell, field in zip(value, ("normal", "reduce"), strict=True)]
        return pair, "normal and reduction cell as lists" + _numbering(text)
    if isinstance(value, list) and len(value) in (NODES, SLOTS):
        return [_compact(value, "the cell")], "one cell as a list" + _numbering(text)
    return None


def published(name: str) -> str | None:
    """The published genotype of that name, however its words are joined."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower()) if len(name) < 40 else ""
    plain = {"pcdartsimage": "pcdartsimagenet"}.get(plain, plain)
    named = {known.replace("_", "").lower(): genotype for known, genotype in PUBLISHED_GENOTYPES.items()}
    return named.get(plain)


def split_genotype(text: str) -> tuple[str, str]:
    """The normal and the reduction cell of a published genotype, in the compact form.

    Raises:
        InputError: the text is no genotype, or its cells do not concatenate all
            four nodes. What the cells hold is left to
            :func:`arch2vec.spaces.darts.notation.parse_cells`.
    """
    if len(text) > _LONGEST:
        raise InputError(f"a genotype of {len(text):,} characters; one has about 500: {text[:60]!r}...")
    found = {_balanced(text[match.start() :]) for match in _START.finditer(text)}
    if len(found) > 1:
        raise InputError(f"{text[:120]!r} holds {len(found)} genotypes; give one at a time")
    alone = found.pop() if found else text.strip()
    try:
        call = parsed(alone)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"not a genotype: {text[:200]!r}; it cannot be parsed ({error.args[0]})") from error
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Genotype"):
        raise InputError(f"not a genotype: {text[:200]!r}; one looks like Genotype(normal=[...], normal_concat=...)")
    fields = dict(zip(_FIELDS, call.args, strict=False)) if not call.keywords else {}
    fields |= {str(keyword.arg): keyword.value for keyword in call.keywords}
    if len(call.args) + len(call.keywords) != len(_FIELDS) or set(fields) != set(_FIELDS):
        raise InputError(
            f"a genotype needs exactly the fields {', '.join(_FIELDS)}, each once, named or in order: {text[:200]!r}"
        )
    for field in ("normal_concat", "reduce_concat"):
        _check_concat(_integers(fields[field], field), field)
    return _compact(_literal(fields["normal"], "normal"), "normal"), _compact(
        _literal(fields["reduce"], "reduce"), "reduce"
    )


def _balanced(text: str) -> str:
    """``text`` up to the bracket that closes its first one; all of it where none does."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and character == ")":
            return text[: place + 1]
    return text.strip()


def _check_concat(value: object, field: str) -> None:
    if sorted(whole_numbers(value) or []) != _CONCAT:
        raise InputError(f"{field} must be range(2, 6): the cells of this space concatenate their four nodes")


def _compact(entries: object, field: str) -> str:
    """The compact form of a list of (operation, source), perhaps one for each node."""
    if not isinstance(entries, list | tuple):
        raise InputError(f"{field} must be a list of ('operation', source), got {entries!r}")
    flat = list(entries)
    if flat and all(isinstance(node, list | tuple) and node and isinstance(node[0], list | tuple) for node in flat):
        if len(flat) != NODES or any(len(node) != 2 for node in flat):
            counts = ", ".join(str(len(node)) for node in flat)
            raise InputError(f"{field} has nodes of {counts} entries; a cell has {NODES} nodes that read two each")
        flat = [entry for node in flat for entry in node]
    tokens = []
    for entry in flat:
        match entry:
            case [str(operation), int(source)] | [int(source), str(operation)] if not isinstance(source, bool):
                tokens.append(f"{operation}~{source}")
            case [int(source), int(number)] if not isinstance(source, bool) and not isinstance(number, bool):
                if not 0 <= number < len(_OPERATIONS):
                    raise InputError(
                        f"{field} holds the operation number {number}; NAS-Bench-301's go from 0, max_pool_3x3, to 6, "
                        "dil_conv_5x5; where 0 is 'none' they are others: write the operations' names"
                    )
                tokens.append(f"{_OPERATIONS[number]}~{source}")
            case _:
                raise InputError(f"{field} holds {entry!r}; an entry looks like ('sep_conv_3x3', 0)")
    return "|".join(tokens)


def _numbering(text: str) -> str:
    """What the end of the notation's name says of numbers, which texts without a letter have."""
    if any(character.isalpha() for character in text):
        return ""
    return f" of (source, operation number), by NAS-Bench-301's numbers ({_OPERATIONS[0]} 0, {_OPERATIONS[1]} 1, ...)"


def _from_settings(text: str, cell: str) -> str:
    """The compact form of a cell of a NAS-Bench-301 configuration."""
    settings = {(kind, int(at)): value for kind, name, at, value in _SETTING.findall(text) if name == cell}
    tokens = []
    for node, first in enumerate(_FIRST_EDGE):
        read = "0_1" if node == 0 else settings.get(("inputs_node", node + 2))
        if read is None:
            raise InputError(f"the configuration lacks inputs_node_{cell}_{node + 2}")
        for source in read.split("_"):
            edge = first + int(source) if source.isascii() and source.isdecimal() else -1
            if ("edge", edge) not in settings:
                raise InputError(f"the configuration lacks edge_{cell}_{edge}, which node {node + 2} reads {source} by")
            tokens.append(f"{settings['edge', edge]}~{source}")
    return "|".join(tokens)


def _integers(value: ast.expr, field: str) -> list[int]:
    """The integers of a literal list or of a ``range(...)``."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "range":
        bounds = [bound for bound in (_literal(argument, field) for argument in value.args) if type(bound) is int]
        if value.keywords or not len(bounds) == len(value.args) == 2:
            raise InputError(f"{field} must be range(2, {NODES + 2}), got {ast.unparse(value)[:60]}")
        # One number too many is wrong already; don't build a huge list.
        return list(range(bounds[0], bounds[1])[: NODES + 1])
    numbers = whole_numbers(_literal(value, field))
    if numbers is None:
        raise InputError(f"{field} must be a list of integers, got {ast.unparse(value)[:60]}")
    return numbers


def _literal(value: ast.expr, field: str) -> object:
    try:
        return value_of(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise InputError(f"{field} of a genotype must be a literal, got {ast.unparse(value)[:60]}") from error
