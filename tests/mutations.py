"""Damage to files, drawn from a seed: bits and bytes of any file, values and shapes of JSON documents."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 10**400, 1.5, float("inf"), float("-inf"), float("nan"), "", "x", "a\nb",
    [], [[]], {}, {"": 0}, [None], "0" * 5000,
)  # fmt: skip
"""Values that documents may have where others are expected."""

TEXTS = ("[" * 100_000, '{"a":' * 100_000, "", "null", "5", "[]", "{}", '"x"', "1e999", "-Infinity", "NaN", "{", "\0")
"""Documents that none of ours is."""


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A file's content with a bit flipped, bytes replaced, removed or put in, cut, or zeroed."""
    changed = bytearray(content)
    at = rng.randrange(max(1, len(changed)))
    kind = rng.randrange(6)
    if kind == 0 and changed:
        changed[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        changed[at : at + rng.choice((1, 4, 8))] = rng.randbytes(rng.choice((1, 4, 8)))
    elif kind == 2:
        del changed[at : at + rng.choice((1, 7, 100))]
    elif kind == 3:
        del changed[at:]
    elif kind == 4:
        changed[at : at + rng.choice((16, 512))] = bytes(rng.choice((16, 512)))
    else:
        changed[at:at] = rng.choice((b"\xff" * 8, b"\x00" * 8, bytes(changed[: rng.randrange(64)])))
    return bytes(changed)


def flipped(content: bytes, rng: random.Random) -> bytes:
    """A file's content with one bit flipped."""
    changed = bytearray(content)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def restructured(document: Any, rng: random.Random) -> Any:
    """A JSON document with one value replaced, removed, doubled or moved."""
    copy = json.loads(json.dumps(document))
    containers = [value for value in _values(copy) if isinstance(value, dict | list) and value]
    if not containers:
        return rng.choice(STRANGE)
    chosen = rng.choice(containers)
    key: Any = rng.choice(list(chosen)) if isinstance(chosen, dict) else rng.randrange(len(chosen))
    kind = rng.randrange(5)
    if kind == 0:
        del chosen[key]
    elif kind == 1 and isinstance(chosen, list):
        chosen.append(chosen[key])
    elif kind == 2:
        chosen[key] = json.loads(json.dumps(rng.choice(list(_values(copy)))))
    else:
        chosen[key] = rng.choice(STRANGE)
    return copy


def _values(document: Any) -> Iterator[Any]:
    yield document
    for value in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _values(value)
