"""What operations do at each position: an operation can be a skip at some positions and not at others.

Where it reduces the resolution, a skip has parameters and is none. Such an operation is two
operations of one name: each gets a code of its own, so that everything that goes by codes (isomorphism,
functions, models) tells them apart, and notations hide it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arch2vec.common.documents import shown
from arch2vec.spaces.declared.checks import PYTHON_WAY, mapping_of, names_of, require, require_known

OTHERS = "*"
"""Stands for the positions that are not named."""

Where = tuple[str, ...] | Mapping[str, tuple[str, ...]]
"""Operations that have a role: everywhere, or by position."""


def roles_of(given: object, key: str, operations: Sequence[str], positions: Sequence[str] | None) -> Where:
    """The field ``skip`` or ``zero``, checked: a tuple where it holds everywhere.

    Args:
        given: the field's value.
        key: the name that the declaration has for it.
        operations: all there are.
        positions: of a fixed topology, None for a free one.
    """
    if not isinstance(given, Mapping):
        listed = names_of(given, key, numbers=True)
        require_known(listed, operations, key)
        return listed
    require(
        positions is not None,
        key,
        "a free topology has no positions to name, so that a list of operations is needed; " + PYTHON_WAY,
    )
    chosen: dict[str, tuple[str, ...]] = {}
    for position, value in mapping_of(given, key, "").items():
        place = str(position)[:40]
        known = ", ".join(positions or ())
        require(
            place == OTHERS or place in (positions or ()),
            key,
            f"there is no position {shown(place)}; they are {known}, and {OTHERS!r} for all others",
        )
        names = names_of(value, f"{key}, {place}", numbers=True)
        require_known(names, operations, f"{key}, {place}")
        chosen[place] = tuple(sorted(names, key=operations.index))
    others = chosen.get(OTHERS, ())
    full = {place: chosen.get(place, others) for place in positions or ()}
    if len(set(full.values())) == 1:
        return next(iter(full.values()))
    return {place: names for place, names in full.items() if names}


def at(where: Where, position: str) -> tuple[str, ...]:
    """The operations that have the role at a position."""
    return where.get(position, ()) if isinstance(where, Mapping) else where


def anywhere(where: Where) -> set[str]:
    """The operations that have the role at some position."""
    return {name for names in where.values() for name in names} if isinstance(where, Mapping) else set(where)


@dataclass(frozen=True)
class OperationInRole:
    """An operation in one role; it has a code of its own.

    Attributes:
        name: as it is declared and written.
        role: ``skip``, ``zero`` or empty.
        label: as the space's vocabulary has it: the name, with the role where the operation has another elsewhere.
    """

    name: str
    role: str
    label: str


def variants(
    operations: Sequence[str],
    choices: Sequence[tuple[str, Sequence[str]]],
    skip: Where,
    zero: Where,
) -> tuple[OperationInRole, ...]:
    """All variants, in the order of the operations.

    Args:
        operations: the names of all operations of the space.
        choices: positions and the operations that each allows; none in a free topology.
        skip: what the declaration says of skips.
        zero: what the declaration says of zeros.
    """
    found: list[OperationInRole] = []
    for name in operations:
        places = [position for position, allowed in choices if name in allowed] or [""]
        held = {role_at(name, place, skip, zero) for place in places}
        for role in ("", "skip", "zero"):
            if role in held:
                plain = len(held) == 1 or not role
                found.append(OperationInRole(name, role, name if plain else f"{name}[{role}]"))
    return tuple(found)


def role_at(name: str, position: str, skip: Where, zero: Where) -> str:
    """The role of an operation at a position."""
    if name in at(skip, position):
        return "skip"
    return "zero" if name in at(zero, position) else ""
