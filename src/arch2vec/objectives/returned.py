"""What people's functions return, as an outcome.

A training has been paid for by then: whatever holds one real number is taken, be it a
tensor of one element, a decimal or a text. What cannot be read beside the validation value is left
out with one line; only without a validation value is the evaluation a failure.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Mapping
from typing import Any

from arch2vec.errors import EvaluationError
from arch2vec.objectives.base import Outcome

_KEYS = ("validation", "test", "cost_s", "extra")


class Reader:
    """Reads what the function of one objective returns.

    Args:
        name: of the objective, for complaints.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: set[str] = set()  # what was complained about, once each

    def outcome(self, returned: object, elapsed: float) -> Outcome:
        """The outcome of a call that took so many seconds.

        Raises:
            EvaluationError: there is no validation value in it.
        """
        if isinstance(returned, Outcome):
            entries: Mapping[Any, object] = {key: getattr(returned, key) for key in _KEYS}
        else:
            entries = returned if isinstance(returned, Mapping) else {"validation": returned}
        if "validation" not in entries:
            keys = ", ".join(map(str, entries)) or "none"
            raise EvaluationError(
                f"objective {self._name} returned no 'validation'; keys: {keys}; it returned {_shown(dict(entries))}"
            )
        try:
            validation = real_number(entries["validation"])
        except ValueError as error:
            shown = _shown(entries["validation"])
            raise EvaluationError(f"objective {self._name} returned {shown} as 'validation'; {error}") from error
        if math.isinf(validation):
            raise EvaluationError(
                f"objective {self._name} returned {validation} as 'validation'; NaN marks a failed evaluation"
            )
        cost_s = self._optional("cost_s", entries.get("cost_s"))
        if cost_s is not None and not cost_s >= 0:
            self._say("cost_s", f"returned cost_s {cost_s}; seconds, at least 0, are needed: the call's time counts")
            cost_s = None
        return Outcome(
            validation,
            self._optional("test", entries.get("test")),
            elapsed if cost_s is None else cost_s,
            self._extra(entries),
        )

    def _extra(self, entries: Mapping[Any, object]) -> dict[str, float]:
        """Further numbers: those of ``extra``, and those that stand beside it."""
        found: dict[Any, object] = {}
        for key in entries:
            if key not in _KEYS:
                close = difflib.get_close_matches(str(key), _KEYS, n=1)
                if close:
                    self._say(str(key), f"returned the unknown key {key!r}; did you mean {close[0]!r}?")
                found[key] = entries[key]
        extra = entries.get("extra")
        if isinstance(extra, Mapping):
            found |= extra
        elif extra is not None:
            self._say("extra", f"returned {_shown(extra)} as 'extra'; a mapping of numbers is needed: it is left out")
        read = {str(key): self._optional(str(key), value) for key, value in found.items()}
        return {key: value for key, value in read.items() if value is not None}

    def _optional(self, key: str, value: object) -> float | None:
        if value is None:
            return None
        try:
            number = real_number(value)
        except ValueError as error:
            self._say(key, f"returned {_shown(value)} as {key!r}; {error}: it is left out")
            return None
        if math.isinf(number):
            self._say(key, f"returned {number} as {key!r}; it is left out")
            return None
        return number

    def _say(self, key: str, text: str) -> None:
        if key not in self._told:
            self._told.add(key)
            print(f"objective {self._name} {text}", file=sys.stderr)


def real_number(value: object) -> float:
    """The one real number that a value holds.

    Numbers of every library are taken, arrays and sequences of one element, and texts.

    Raises:
        ValueError: it holds none, or several; the line says what is needed.
    """
    if isinstance(value, list | tuple) and len(value) == 1:
        return real_number(value[0])
    if value is None or _is_truth(value):
        raise ValueError("a number is needed")
    if isinstance(value, str):
        value = value.strip().removesuffix("%")
    try:
        item = getattr(value, "item", None)
        return float(item() if callable(item) else value)  # type: ignore[arg-type]
    except OverflowError as error:
        raise ValueError("a number that fits 64 bits is needed") from error
    except Exception as error:
        raise ValueError("a number is needed") from error


def _is_truth(value: object) -> bool:
    kind = getattr(value, "dtype", None)
    return isinstance(value, bool) or str(kind) in ("bool", "torch.bool")


def _shown(value: object) -> str:
    """A value and its type in one short line."""
    try:
        text = " ".join(repr(value).split())
    except Exception as error:  # a representation of theirs
        text = f"something without a representation ({type(error).__name__})"
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
