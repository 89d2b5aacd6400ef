"""Search spaces by name, by file, or by reference."""

from __future__ import annotations

import os
from collections.abc import Callable

from arch2vec.common.arguments import path_of
from arch2vec.common.documents import shown
from arch2vec.errors import InputError, unknown
from arch2vec.spaces import loaded
from arch2vec.spaces.base import SearchSpace
from arch2vec.spaces.darts.pair import DARTSPair
from arch2vec.spaces.darts.space import DARTS
from arch2vec.spaces.declared import text as declared_text
from arch2vec.spaces.declared.fields import SpaceDeclaration
from arch2vec.spaces.declared.space import DeclaredSpace
from arch2vec.spaces.listed import ListedSpace
from arch2vec.spaces.nasbench101.space import NASBench101
from arch2vec.spaces.nasbench201.space import NASBench201

SPACES: dict[str, Callable[[], SearchSpace]] = {
    "nasbench101": NASBench101,
    "nasbench201": NASBench201,
    "darts": DARTS,
    "darts_pair": DARTSPair,
}


_LIMITED: dict[str, Callable[[int], SearchSpace]] = {"darts": DARTS, "darts_pair": DARTSPair}
"""The spaces whose samples can be limited by multiply-adds."""

_LIMIT = "?max_macs="


def get_space(name: str | os.PathLike[str] | SearchSpace) -> SearchSpace:
    """The search space that a line of text names.

    >>> import arch2vec
    >>> arch2vec.get_space("nasbench201").size
    15625
    >>> arch2vec.get_space("nasbench102")
    Traceback (most recent call last):
    arch2vec.errors.InputError: unknown search space 'nasbench102'; known: ...

    Args:
        name: of a built-in space, for the DARTS spaces also with a limit on the
            multiply-adds of what is sampled (``darts?max_macs=600000000``); or a YAML
            file that declares one (``my_space.yaml``, see :class:`SpaceDeclaration`); or
            ``python:MODULE_OR_FILE.py:NAME``, a subclass of :class:`SearchSpace` or an
            instance of one, whose code is run; or any space's :attr:`SearchSpace.reference`. A space is itself.

    Raises:
        InputError: there is no such space, or what declares it is wrong.
    """
    if isinstance(name, SearchSpace):
        return name
    if isinstance(name, os.PathLike):
        name = str(path_of(name, "a search space"))
    if not isinstance(name, str):
        raise InputError(f"a search space is named by a text or the path of a YAML file, got {type(name).__name__}")
    if name in SPACES:
        return SPACES[name]()
    if name.startswith(declared_text.PREFIX):
        return DeclaredSpace(declared_text.from_reference(name))
    if name.startswith(loaded.PREFIX):
        return loaded.load_space(name)
    if name.endswith((".yaml", ".yml")):
        return DeclaredSpace.from_yaml(path_of(name, "a search space"))
    head, limited, limit = name.partition(_LIMIT)
    if limited and head in _LIMITED:
        if not (limit.isascii() and limit.isdecimal() and len(limit) < 20 and int(limit) > 0):
            raise InputError(f"max_macs must be a positive whole number of multiply-adds, got {shown(limit)}")
        return _LIMITED[head](int(limit))
    own = "one of your own is FILE.yaml or python:MODULE_OR_FILE.py:NAME"
    raise InputError(f"{unknown('search space', name, SPACES)}; {own}")


def stored_space(reference: str, given: SearchSpace | None, where: object) -> SearchSpace:
    """The space that a stored file says it belongs to.

    Reading a file never runs code: a space that is somebody's Python code has to
    be given by the caller.

    Args:
        reference: as the file has it.
        given: the caller's space, None if it has none.
        where: the file, for complaints.

    Raises:
        InputError: the caller's space is another one, there is none of that name, or
            the reference is to Python code and no space is given.
    """
    if given is not None:
        given = get_space(given)
        if given.reference != reference:
            raise InputError(f"{where} is of search space {shown(reference)}, not {shown(given.reference)}")
        return given
    if reference.startswith(loaded.PREFIX):
        raise InputError(
            f"{where} is of a search space in Python code, which is not run unasked: name it, {reference!r}"
        )
    if reference.startswith(declared_text.PREFIX):
        try:
            constraint = declared_text.from_reference(reference).constraint
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        if constraint is not None:
            raise InputError(
                f"{where} is of a search space with a constraint in Python code, {shown(constraint)}, which is not run "
                "unasked: name the space, --space FILE.yaml"
            )
    if reference.endswith((".yaml", ".yml")) and not reference.startswith(declared_text.PREFIX):
        raise InputError(f"{where} names a file as its search space, {shown(reference)}, which is not read unasked")
    try:
        return get_space(reference)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


__all__ = [
    "DARTS",
    "SPACES",
    "DARTSPair",
    "DeclaredSpace",
    "ListedSpace",
    "NASBench101",
    "NASBench201",
    "SearchSpace",
    "SpaceDeclaration",
    "get_space",
    "stored_space",
]
