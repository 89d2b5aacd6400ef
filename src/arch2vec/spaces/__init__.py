"""Search spaces by name, by file, or by reference."""

from __future__ import annotations

from collections.abc import Callable

from arch2vec.errors import InputError, unknown
from arch2vec.spaces import declared_text, loaded
from arch2vec.spaces.base import SearchSpace
from arch2vec.spaces.declared import DeclaredSpace
from arch2vec.spaces.declared_fields import SpaceDeclaration
from arch2vec.spaces.nasbench101 import NASBench101
from arch2vec.spaces.nasbench201 import NASBench201

SPACES: dict[str, Callable[[], SearchSpace]] = {
    "nasbench101": NASBench101,
    "nasbench201": NASBench201,
}


def get_space(name: str) -> SearchSpace:
    """The search space that a line of text names.

    Args:
        name: of a built-in space; or a YAML file that declares one (``my_space.yaml``,
            see :class:`SpaceDeclaration`); or ``python:MODULE_OR_FILE.py:NAME``, a subclass
            of :class:`SearchSpace` or an instance of one, whose code is run; or any
            space's :attr:`SearchSpace.reference`.

    Raises:
        InputError: there is no such space, or what declares it is wrong.
    """
    if name in SPACES:
        return SPACES[name]()
    if name.startswith(declared_text.PREFIX):
        return DeclaredSpace(declared_text.from_reference(name))
    if name.startswith(loaded.PREFIX):
        return loaded.load_space(name)
    if name.endswith((".yaml", ".yml")):
        return DeclaredSpace.from_yaml(name)
    own = "one of your own is FILE.yaml or python:MODULE_OR_FILE.py:NAME"
    raise InputError(f"{unknown('search space', name, SPACES)}; {own}")


__all__ = [
    "SPACES",
    "DeclaredSpace",
    "NASBench101",
    "NASBench201",
    "SearchSpace",
    "SpaceDeclaration",
    "get_space",
]
