"""The examples in the docstrings of every public object run, and show what is printed."""

from __future__ import annotations

import doctest
import inspect
from types import ModuleType

import pytest

import arch2vec
from arch2vec import testing
from arch2vec.common.threads import thread_count

EXAMPLES = [
    *((arch2vec, name) for name in arch2vec.__all__),
    *((testing, name) for name in testing.__all__ if name.startswith("check_") or name == "cells"),
]


@pytest.mark.parametrize(("module", "name"), EXAMPLES, ids=lambda value: value if isinstance(value, str) else "")
def test_an_example_in_a_docstring(module: ModuleType, name: str) -> None:
    public = getattr(module, name)
    text = inspect.getdoc(public) or ""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert example.examples, f"{name} has no example"
    out: list[str] = []
    with thread_count(1):
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        failed, _ = runner.run(example, out=out.append)
    assert not failed, "".join(out)
