"""What tests of bad input share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from arch2vec.errors import InputError


def error_of(action: Callable[[], object]) -> str:
    """The one line with which ``action`` refuses its input."""
    with pytest.raises(InputError) as caught:
        action()
    line = str(caught.value)
    assert line.isprintable() and len(line) > 10
    return line
