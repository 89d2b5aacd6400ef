"""What a space, a search method, an objective and a representation must do: public contracts, to test your own with.

Each contract is a tuple of rules, plain functions whose first line says the rule. All at once::

    from arch2vec.testing import check_method

    check_method("python:mine.py:Mine")

or, in pytest, a test a rule::

    @pytest.mark.parametrize("rule", METHOD_RULES, ids=lambda rule: rule.__name__)
    def test_mine(rule):
        rule(Mine, cells())

The package's own spaces, methods, objectives and representations are tested by the same rules. A rule that is broken
raises :class:`BrokenRule`, an AssertionError of one line. Nothing here needs pytest.
"""

from __future__ import annotations

from arch2vec.testing.methods import METHOD_RULES, check_method
from arch2vec.testing.objectives import OBJECTIVE_RULES, check_objective
from arch2vec.testing.representations import REPRESENTATION_RULES, check_representation
from arch2vec.testing.rules import BrokenRule, title
from arch2vec.testing.samples import cells, chains, tiny
from arch2vec.testing.spaces import SPACE_RULES, check_space

__all__ = [
    "METHOD_RULES",
    "OBJECTIVE_RULES",
    "REPRESENTATION_RULES",
    "SPACE_RULES",
    "BrokenRule",
    "cells",
    "chains",
    "check_method",
    "check_objective",
    "check_representation",
    "check_space",
    "tiny",
    "title",
]
