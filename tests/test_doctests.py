"""The examples in the docstrings of every public object run, and show what is printed."""

from __future__ import annotations

import doctest
import inspect

import pytest

import arch2vec
from arch2vec.common.threads import thread_count


@pytest.mark.parametrize("name", arch2vec.__all__)
def test_an_example_in_a_docstring(name: str) -> None:
    public = getattr(arch2vec, name)
    text = inspect.getdoc(public) or ""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert example.examples, f"{name} has no example"
    out: list[str] = []
    with thread_count(1):
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        failed, _ = runner.run(example, out=out.append)
    assert not failed, "".join(out)
