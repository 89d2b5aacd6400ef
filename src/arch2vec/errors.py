"""The one exception for bad input.

Everything a caller can get wrong (an unknown name, a malformed architecture, a
damaged file) raises :class:`InputError` with a single line that names what is
wrong, where, and what would be right. The command line prints that line and
exits with status 2; any other exception is a failure of ours (status 1).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Input that cannot be used, described in one line.

    >>> import arch2vec
    >>> try:
    ...     arch2vec.resolve_objective("digits-202")
    ... except arch2vec.InputError as error:
    ...     print(str(error)[:30])
    unknown objective 'digits-202'
    """


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a ``name`` that is none of the ``known`` ones."""
    names = sorted(known)
    return InputError(f"unknown {kind} {name!r}; known: {', '.join(names)}{nearest_to(name, names)}")


def nearest_to(name: str, known: Iterable[str]) -> str:
    """What ``name`` may have been meant to be, as the end of a complaint; empty where nothing is near."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.75)
    return f"; did you mean {near[0]!r}?" if near else ""


class EvaluationError(InputError):
    """One evaluation gave nothing that can be used, in one line; the next may. A search notes it and goes on."""


class WorkerError(RuntimeError):
    """A worker process has ended before its work, in one line."""
