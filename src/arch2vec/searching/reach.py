"""What a search looks at of a pool: all of it where its method reads rows, else as much as lies in memory."""

from __future__ import annotations

from collections.abc import Sequence

from arch2vec.embedding import Embedding
from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective
from arch2vec.objectives.lookup import LookupObjective
from arch2vec.pools.pool import Pool
from arch2vec.searching.failures import say
from arch2vec.searching.spec import MethodSpec


def in_memory(embedding: Embedding, objectives: Sequence[Objective], who: str) -> Embedding:
    """An embedding that lies in memory: of a pool what a table among the objectives holds, or a sample.

    Args:
        embedding: a pool, or any other, which stays as it is.
        objectives: what will be measured.
        who: looks at all architectures at once, for the line that says so.

    Raises:
        InputError: a table is of another space, or holds none of the pool.
    """
    if not isinstance(embedding, Pool):
        return embedding
    for objective in objectives:
        if isinstance(objective, LookupObjective):
            if objective.space != embedding.space.name:
                raise InputError(
                    f"objective {objective.name!r} is for the space {objective.space!r}, the pool's architectures are "
                    f"of {embedding.space.name!r}"
                )
            return objective.restrict(embedding.holding(objective.graphs))
    found = embedding.reduced
    if len(found) < len(embedding):
        say(
            f"{who} looks at all architectures at once: {len(found):,} of the pool's {len(embedding):,}, always the "
            "same ones, are searched"
        )
    return found


def reachable(embedding: Embedding, spec: MethodSpec, objective: Objective, whole: str | None) -> Embedding:
    """What a search by a method chooses from.

    Args:
        embedding: that it was given.
        spec: the method that proposes.
        objective: what is measured.
        whole: what else looks at all architectures at once, in words; None if nothing does.
    """
    if not isinstance(embedding, Pool) or spec.instance is not None:
        return embedding
    if spec.reads_rows and whole is None and not isinstance(objective, LookupObjective):
        return embedding
    return in_memory(embedding, [objective], whole or f"search method {spec.name}")
