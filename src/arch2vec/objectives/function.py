"""Any Python callable as an objective."""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
import time
from collections.abc import Callable, Mapping, Sequence

from typing_extensions import override

from arch2vec.errors import InputError
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.spaces import SearchSpace, get_space

_KEYS = ("validation", "test", "cost_s", "extra")


class FunctionObjective(Objective):
    """Calls a function with the architecture's text and makes an outcome of what it returns.

    The function returns one of

    - a number: the validation value, percent;
    - a mapping with ``validation`` and, where known, ``test`` (percent),
      ``cost_s`` (seconds) and ``extra`` (further named numbers);
    - an :class:`Outcome`.

    A validation of NaN means that the evaluation failed. Where no cost is
    returned it is the wall-clock time of the call. A function with a parameter
    ``fidelity`` gets the fidelity by that name; one with a default for it keeps
    the default when the search asks for none. What the function raises passes
    through.

    Args:
        function: takes an architecture in its space's notation.
        name: of the objective.
        space: the space whose architectures it takes, or its name; they are
            then checked and handed over in canonical notation. None for any.
        description: one line on what the numbers are; the first line of the
            function's docstring by default.
        fidelities: the training epochs, or whatever ``fidelity`` means to the function, that
            a method may choose from, ascending; none for methods to ask for no fidelity.
    """

    def __init__(
        self,
        function: Callable[..., object],
        name: str = "function",
        space: SearchSpace | str | None = None,
        description: str | None = None,
        fidelities: Sequence[int] = (),
    ) -> None:
        if not callable(function):
            raise InputError(f"objective {name} needs a function, got {function!r}")
        self._function = function
        self._fidelity = _fidelity_parameter(function)
        if list(fidelities) != sorted(set(fidelities)) or any(type(each) is not int or each < 1 for each in fidelities):
            raise InputError(
                f"objective {name}: fidelities are different whole numbers, ascending from 1, got {fidelities}"
            )
        if fidelities and self._fidelity is None:
            raise InputError(f"objective {name} has one fidelity: its function has no parameter 'fidelity'")
        self.fidelities = tuple(fidelities)
        self._space = get_space(space) if isinstance(space, str) else space
        self.space = None if self._space is None else self._space.name
        self.name = name
        documented = (inspect.getdoc(function) or "").partition("\n")[0] if inspect.isroutine(function) else ""
        self.description = description or documented or f"the Python function {name}"

    @property
    def takes_fidelity(self) -> bool:
        """Whether the function has a parameter for the fidelity."""
        return self._fidelity is not None

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if self._space is not None:
            architecture = self._space.format(self._space.parse([architecture]))[0]
        arguments: dict[str, int | None] = {}
        if fidelity is not None and self._fidelity is None:
            raise InputError(f"objective {self.name} has one fidelity: its function has no parameter 'fidelity'")
        if fidelity is not None or self._fidelity == "required":
            arguments["fidelity"] = fidelity
        start = time.perf_counter()
        returned = self._function(architecture, **arguments)
        elapsed = time.perf_counter() - start
        if isinstance(returned, Outcome):
            returned = {key: getattr(returned, key) for key in _KEYS}
        elif not isinstance(returned, Mapping):
            returned = {"validation": returned}
        return self._outcome(returned, elapsed)

    def _outcome(self, returned: Mapping[str, object], elapsed: float) -> Outcome:
        for key in returned:
            if key not in _KEYS:
                close = difflib.get_close_matches(str(key), _KEYS, n=1)
                hint = f"did you mean {close[0]!r}?" if close else "other numbers go into 'extra'"
                raise InputError(f"objective {self.name} returned the unknown key {key!r}; {hint}")
        if "validation" not in returned:
            raise InputError(f"objective {self.name} returned no 'validation'; keys: {', '.join(returned) or 'none'}")
        validation = self._number("validation", returned["validation"])
        test = None if returned.get("test") is None else self._number("test", returned["test"])
        cost_s = elapsed if returned.get("cost_s") is None else self._number("cost_s", returned["cost_s"])
        if not cost_s >= 0:
            raise InputError(f"objective {self.name} returned cost_s {cost_s}; seconds, at least 0, are needed")
        extra = returned.get("extra") or {}
        if not isinstance(extra, Mapping):
            raise InputError(f"objective {self.name} returned {extra!r} as 'extra'; a mapping of numbers is needed")
        return Outcome(validation, test, cost_s, {str(key): self._number(str(key), extra[key]) for key in extra})

    def _number(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            shown = " ".join(repr(value).split())
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            raise InputError(
                f"objective {self.name} returned {shown} ({type(value).__name__}) as {key!r}; a number is needed"
            )
        number = float(value)
        if math.isinf(number):
            raise InputError(f"objective {self.name} returned {number} as {key!r}; NaN marks a failed evaluation")
        return number


def _fidelity_parameter(function: Callable[..., object]) -> str | None:
    """Whether the function takes a fidelity: None, ``optional`` or ``required``."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a built-in that does not tell
        return None
    fidelity = parameters.get("fidelity")
    if fidelity is not None and fidelity.kind in (fidelity.POSITIONAL_OR_KEYWORD, fidelity.KEYWORD_ONLY):
        return "required" if fidelity.default is fidelity.empty else "optional"
    has_rest = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return "optional" if has_rest else None
