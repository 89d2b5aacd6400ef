"""Search spaces that a user has written as a Python class."""

from __future__ import annotations

from arch2vec.common.user_code import load_object
from arch2vec.errors import InputError
from arch2vec.spaces.base import SearchSpace

PREFIX = "python:"
"""What the reference of a loaded space starts with; the rest is ``MODULE_OR_FILE:NAME``."""

_NEEDED = ("name", "operations", "num_vertices", "size")


def load_space(reference: str) -> SearchSpace:
    """The space that ``python:MODULE_OR_FILE:NAME`` names: an instance, or a class that needs no arguments.

    Raises:
        InputError: there is nothing of that name, or it is no search space, or an incomplete one.
    """
    target = reference.removeprefix(PREFIX)
    found, absolute = load_object(target, "search space", "CLASS_OR_INSTANCE")
    if isinstance(found, type) and issubclass(found, SearchSpace):
        try:
            found = found()
        except TypeError as error:  # abstract methods left, or arguments needed
            raise InputError(f"cannot make the search space {reference}: {error}") from error
    if not isinstance(found, SearchSpace):
        raise InputError(
            f"{reference} is not a search space but a {type(found).__name__}; "
            "a subclass of arch2vec.SearchSpace, or an instance of one, is needed"
        )
    # Not asked of the instance itself: a size may take long to work out.
    missing = [name for name in _NEEDED if name not in vars(found) and not hasattr(type(found), name)]
    if missing:
        raise InputError(f"the search space {reference} lacks {', '.join(missing)}; see arch2vec.SearchSpace")
    found.loaded_from = PREFIX + absolute
    return found
