"""The one exception for bad input.

Everything a caller can get wrong (an unknown name, a malformed architecture, a
damaged file) raises :class:`InputError` with a single line that names what is
wrong, where, and what would be right. The command line prints that line and
exits with status 2; any other exception is a failure of ours (status 1).
"""

from __future__ import annotations

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
    return InputError(f"unknown {kind} {name!r}; known: {', '.join(sorted(known))}")


class EvaluationError(InputError):
    """One evaluation gave nothing that can be used, in one line; the next may. A search notes it and goes on."""


class WorkerError(RuntimeError):
    """A worker process has ended before its work, in one line."""
