"""Every search method keeps the public rules of :mod:`arch2vec.testing`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from arch2vec.embedding import Embedding
from arch2vec.searching import METHODS
from arch2vec.searching.spec import MethodSpec, resolve_method
from arch2vec.testing import METHOD_RULES, title
from arch2vec.testing.samples import cells

Rule = Callable[[MethodSpec, Embedding], None]


@pytest.mark.parametrize("rule", METHOD_RULES, ids=lambda rule: str(rule.__name__))
@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_keeps_every_rule(method: str, rule: Rule) -> None:
    rule(resolve_method(method), cells())


def test_every_rule_says_what_it_is() -> None:
    titles = [title(rule) for rule in METHOD_RULES]
    assert len(set(titles)) == len(METHOD_RULES)
    assert all(text[0].isupper() and " " in text for text in titles)
