"""Architectures in the notations of other programs: what the spaces' importers share.

A space's own notation is tried first. What is not in it goes to the space's importer, which
says which notation it took a text for; a text that could mean two architectures is refused.
Nothing is ever executed: literals are read from a syntax tree.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arch2vec.common.kinds import is_series
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch

LONGEST = 20_000
"""Characters of a text that is looked at; no notation needs a tenth of it."""

TELLING = ("naslib", "op_indices")
"""Names before a colon or an equals sign that say how what follows is meant, and that are therefore left there."""

_ASSIGNED = re.compile(  # NAME = VALUE, NAME: VALUE
    rf"(?!(?:{'|'.join(TELLING)})\b)[A-Za-z_][\w.]*\s*(?:=(?!=)\s*|:\s+)(.*)", re.DOTALL | re.IGNORECASE
)
_SEVERAL = re.compile(r"[A-Za-z_]\w*\s*=[^=].*,\s*[A-Za-z_]\w*\s*=[^=]", re.DOTALL)
_QUOTES = ("'", '"', "`")
_BETWEEN = (  # entries of printed NumPy arrays, which have no commas
    (re.compile(r"(?<=['\"])\s+(?=['\"])"), ", "),
    (re.compile(r"(?<=[\d.\]])\s+(?=[\d\[-])|(?<=True|alse)\s+(?=True|False)"), ", "),
    (re.compile(r"\]\s*[;|]?\s*\["), "], ["),
)
_SEPARATORS = (r"->", r"\|", ",", ";", ":", "-", "_", r"\s")
_ARRAYS = ("array", "asarray", "tensor", "list", "tuple")
_SCALARS = re.compile(r"u?int(?:8|16|32|64)?|float(?:16|32|64)?|bool_?|str_")

MATRIX_NAMES = ("matrix", "adjacency", "adj", "adjacency_matrix", "adj_matrix", "module_adjacency")
OPERATION_NAMES = ("ops", "operations", "op", "labels", "module_operations", "module_ops")


@dataclass(frozen=True)
class Reading:
    """Architectures that were read.

    Attributes:
        graphs: the N architectures.
        notations: which notation each was in, None for the space's own.
    """

    graphs: GraphBatch
    notations: tuple[str | None, ...]

    @property
    def note(self) -> str | None:
        """One line on the foreign notations, None where all were in the space's own."""
        counts = {name: self.notations.count(name) for name in dict.fromkeys(self.notations) if name is not None}
        if not counts:
            return None
        if len(self.notations) == 1:
            return f"read as {next(iter(counts))}"
        return "read as " + "; ".join(
            f"{name} ({count:,} of {len(self.notations):,})" for name, count in counts.items()
        )


Import = Callable[[str], tuple[str, str | None] | None]
"""From a text to the architecture in the space's own notation and the name of the text's notation.

The name is None for the own notation, spaced in another way. All is None where the text is
in no notation that the importer knows. Raises :class:`InputError` where it is
in one and wrong, or could mean different architectures.
"""


def texts_of(architectures: Sequence[str]) -> list[str]:
    """The texts of architectures: one text is one architecture, and Python's own tuples and lists are written out.

    Raises:
        InputError: one is a number or something else that is no architecture.
    """
    if isinstance(architectures, str):
        return [architectures]
    if not is_series(architectures):
        return [_written(architectures)]  # complains
    return [architecture if isinstance(architecture, str) else _written(architecture) for architecture in architectures]


def _written(value: object) -> str:
    """The text of an architecture that is given as a Python object."""
    if isinstance(value, np.ndarray) and value.ndim:
        value = value.tolist()
    if isinstance(value, Sequence | Mapping) and not isinstance(value, bytes):
        return repr(value)
    raise InputError(
        f"an architecture is text, got {type(value).__name__} {str(value)[:40]}; "
        "several are a list of texts, and an index is text too, as in '12'"
    )


def read_texts(own: Callable[[Sequence[str]], GraphBatch], imported: Import, architectures: Sequence[str]) -> Reading:
    """Read architectures in a space's own notation or in one that its importer knows.

    Raises:
        InputError: one is in none of them, wrong, or ambiguous.
    """
    texts = texts_of(architectures)
    try:
        return Reading(own(texts), (None,) * len(texts))
    except InputError:
        # Texts of both kinds may be mixed, so each is looked at.
        found = [_own_or_imported(own, imported, text) for text in texts]
    return Reading(own([text for text, _ in found]), tuple(notation for _, notation in found))


def _own_or_imported(own: Callable[[Sequence[str]], GraphBatch], imported: Import, text: str) -> tuple[str, str | None]:
    try:
        own([text])
    except InputError:
        bare = unwrapped(text)
        if len(bare) > LONGEST:
            return bare, None
        found = imported(bare)
        if found is not None:
            return found
        inner = _only_entry(bare)
        return (bare, None) if inner is None else _own_or_imported(own, imported, inner)
    return text, None


def _only_entry(text: str) -> str | None:
    """What a list or a mapping of one entry holds, None for anything else. It is shorter than ``text``."""
    match literal(text):
        case [str(inner)]:
            return inner
        case {**entries} if len(entries) == 1:
            ((name, held),) = entries.items()
            inner = held if isinstance(held, str) else repr(held)
            return f"{name}:{inner}" if str(name).lower() in TELLING else inner
        case _:
            return None


def unwrapped(text: str) -> str:
    """``text`` without the white space, quotes, commas, semicolons and ``NAME =`` or ``NAME:`` around it."""
    bare = text.strip().rstrip(",;").rstrip()
    if (assigned := _ASSIGNED.fullmatch(bare)) is not None and not _several(bare):
        bare = assigned.group(1)
    while len(bare) >= 2 and bare[0] in _QUOTES and bare[-1] == bare[0] and bare[0] not in bare[1:-1]:
        bare = bare[1:-1].strip()
    return bare if bare == text else unwrapped(bare)


def _several(text: str) -> bool:
    """Whether it is ``NAME = VALUE, NAME = VALUE``, as in a call."""
    if _SEVERAL.match(text) is None:
        return False
    try:
        call = parsed(f"dict({text})")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return isinstance(call, ast.Call) and len(call.keywords) > 1


def split_names(text: str, known: Collection[str], count: int | None = None) -> list[str] | None:
    """The names that ``text`` lists with one kind of separator between them, None where they are not all ``known``.

    Args:
        text: ``a|b|c``, ``a, b, c``, ``a -> b -> c`` and the like.
        known: what the names may be.
        count: how many there have to be, any number by default.
    """
    bare = text.strip().strip("|,;").strip()
    for separator in _SEPARATORS:
        names = [name.strip() for name in re.split(rf"\s*{separator}\s*" if separator != r"\s" else r"\s+", bare)]
        if all(name in known for name in names) and (count is None or len(names) == count):
            return names
    return None


def parsed(text: str) -> ast.expr:
    """The syntax tree of an expression. Python's warnings of odd literals in it are nobody's business.

    Raises:
        SyntaxError, ValueError, RecursionError or MemoryError: it is none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, mode="eval").body


def literal(text: str) -> object | None:
    """The value of a Python or JSON literal, None for a text that is none.

    Printed NumPy arrays and tensors, with or without ``array(...)`` around them, are lists, and
    ``NAME = VALUE, NAME = VALUE`` is a dictionary.
    """
    (adjacent, comma), *others = _BETWEEN
    text = adjacent.sub(comma, text)  # Python itself would join such texts
    spaced = text
    for pattern, comma in others:
        spaced = pattern.sub(comma, spaced)
    for attempt in (f"dict({text})",) if _several(text) else (text, spaced):
        try:
            return value_of(parsed(attempt))
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
            continue
    return None


def value_of(node: ast.expr) -> object:
    """The value of a literal's syntax tree.

    Raises:
        ValueError: it holds something else than literals, arrays of them, and ``range``.
    """
    match node:
        case ast.List(elts) | ast.Tuple(elts) | ast.Set(elts):
            return [value_of(entry) for entry in elts]
        case ast.Dict(keys, values):
            pairs = zip(keys, values, strict=True)
            return {str(value_of(key)): value_of(value) for key, value in pairs if key is not None}
        case ast.Call(function, [inner, *_]) if called(function) in _ARRAYS or _SCALARS.fullmatch(called(function)):
            return value_of(inner)
        case ast.Call(function, arguments) if called(function) == "range" and len(arguments) in (1, 2):
            bounds = [value_of(bound) for bound in arguments]
            start, end = (0, *bounds) if len(bounds) == 1 else bounds
            if isinstance(start, int) and isinstance(end, int):
                return list(range(start, end)[:LONGEST])
            raise ValueError("range of no whole numbers")
        case ast.Call(function, [], keywords) if called(function) == "dict":
            return {str(keyword.arg): value_of(keyword.value) for keyword in keywords}
        case ast.Name("true" | "false" as word):  # JSON's
            return word == "true"
        case _:
            return ast.literal_eval(node)


def called(function: ast.expr) -> str:
    """The last name of what a call calls: ``Genotype`` for ``genotypes.Genotype(...)``, empty for no name."""
    match function:
        case ast.Name(name) | ast.Attribute(_, name):
            return name
        case _:
            return ""


def whole_numbers(value: object, length: int | None = None) -> list[int] | None:
    """A list of whole numbers (of that length), also as ``4.0`` or ``True``; None for anything else."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        return None
    whole = all(isinstance(entry, int) or (isinstance(entry, float) and entry.is_integer()) for entry in value)
    return [int(entry) for entry in value] if whole else None


def entry_of(value: Mapping[str, object], names: Collection[str]) -> object | None:
    """The one entry of a mapping whose name is among ``names``; None for none or several."""
    found = [entry for name, entry in value.items() if name.lower() in names]
    return found[0] if len(found) == 1 else None


def edge_names(value: object) -> dict[tuple[int, int], str] | None:
    """Operations' names by edge, of a mapping such as ``{'0->1': ...}``, ``{'1<-0': ...}`` or ``{(0, 1): ...}``.

    An edge goes from the lower to the higher number. None where ``value`` is no such mapping.
    """
    if not isinstance(value, dict):
        return None
    named = {}
    for key, name in value.items():
        ends = re.findall(r"\d+", key)
        if len(ends) != 2 or len(ends[0]) > 3 or len(ends[1]) > 3 or not isinstance(name, str):
            return None
        source, target = sorted(map(int, ends))
        named[source, target] = name
    return named if named and len(named) == len(value) else None


def name_list(value: object) -> list[str] | None:
    """``value`` if it is a list of texts, else None."""
    return value if isinstance(value, list) and value and all(isinstance(entry, str) for entry in value) else None


def published_index(text: str, size: int, where: str, written: str | None = None) -> int | None:
    """The published index that ``text`` is, None if it is no whole number.

    Args:
        text: ``1234`` or ``#1234``.
        size: how many there are.
        where: whose indices they are, for messages.
        written: what a message adds on a number that is none of them.

    Raises:
        InputError: it is out of range, or could mean something else.
    """
    digits = text.removeprefix("#").strip().removesuffix(".0")  # which table programs add where some are missing
    if not (digits.isascii() and digits.isdecimal()):
        return None
    if len(digits) > 1 and digits[0] == "0":
        spread = ", ".join(digits)
        raise InputError(
            f"{text!r} is ambiguous: write {int(digits)} for the index in {where}, or ({spread}) for single numbers"
        )
    if int(digits) >= size:
        hint = f"; {written}" if written else ""
        raise InputError(f"{text!r} is no index in {where}, which go from 0 to {size - 1:,}{hint}")
    return int(digits)
