"""What was measured, as marks of it that a study keeps: a study goes on with the same objective only.

The content decides, not the name: a function's code, a table's numbers, an image folder's files. Whoever
means to go on with another accepts the change, which is then kept with the study.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from arch2vec.embedding import Embedding
from arch2vec.objectives.base import Objective
from arch2vec.objectives.lookup import LookupObjective

NAMED = {
    "measured": "what is measured",
    "code": "the objective's code",
    "table": "the numbers in the objective's table",
    "data": "the content of the objective's data",
    "space_code": "the code of the search space",
    "method_code": "the code of the search method",
}
"""How messages call each mark."""


def identity_of(objective: Objective, embedding: Embedding) -> dict[str, str]:
    """The marks of an objective, as searches of an embedding meet it, and of the space's code."""
    marks = dict(objective.identity)
    if isinstance(objective, LookupObjective):
        marks["table"] = _table_mark(objective, embedding)
    code = embedding.space.own_code
    if code is not None:
        from arch2vec.common.code_identity import mark_of

        mark = mark_of(code)
        if mark is not None:
            marks["space_code"] = mark
    return marks


def changes(stored: Mapping[str, Any], now: Mapping[str, str]) -> list[str]:
    """The marks that a study has and that are no longer the same. Those it lacks are of an older version."""
    return [name for name, mark in now.items() if stored.get(name, mark) != mark]


def in_words(name: str, stored: Mapping[str, Any], now: Mapping[str, str]) -> str:
    """What changed, for a message."""
    if name == "measured":
        return f"{NAMED[name]} has changed from {stored[name]!r} to {now[name]!r}"
    return f"{NAMED.get(name, name)} {'have' if name == 'table' else 'has'} changed since"


def _table_mark(objective: LookupObjective, embedding: Embedding) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for level in (None, *objective.fidelities):
        if objective.redrawn:
            drawn = objective.drawn(embedding, level)
            signal = -drawn.validation if objective.minimise else drawn.validation
            for array in (drawn.there, signal, drawn.cost_s):
                digest.update(np.ascontiguousarray(array).tobytes())
        view = objective.view(embedding, level)
        signal = -view.validation if objective.minimise else view.validation
        for array in (signal, view.test, view.cost_s):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
