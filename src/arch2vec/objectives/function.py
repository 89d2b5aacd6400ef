"""Any Python callable as an objective."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence

from typing_extensions import override

from arch2vec.common.guard import guarded
from arch2vec.errors import EvaluationError, InputError
from arch2vec.objectives.base import Objective, Outcome
from arch2vec.objectives.reporting import current_report
from arch2vec.objectives.returned import Reader
from arch2vec.spaces import SearchSpace, get_space


class FunctionObjective(Objective):
    """Calls a function with the architecture's text and makes an outcome of what it returns.

    The function returns one of

    - a number, of Python or of any library: the validation value, more is better unless ``minimise`` is said;
    - a mapping with ``validation`` and, where known, ``test``, ``cost_s`` (seconds)
      and ``extra`` (further named numbers);
    - an :class:`Outcome`.

    A validation of NaN means that the evaluation failed. Where no cost is
    returned it is the wall-clock time of the call. A function with a parameter
    ``fidelity`` gets the fidelity by that name; one with a default for it keeps
    the default when the search asks for none. One with a parameter ``report`` gets a function
    ``report(epoch, value)``, to say what the training has reached on its way; where the search gives the training up
    it raises :class:`arch2vec.objectives.reporting.Pruned`, which is to be let through. What the function raises passes
    through; what it changes of its process does not (see :mod:`arch2vec.common.guard`).

    Args:
        function: takes an architecture in its space's notation.
        name: of the objective.
        space: the space whose architectures it takes, or its name; they are
            then checked and handed over in canonical notation. None for any.
        description: one line on what the numbers are; the first line of the
            function's docstring by default.
        unit: of the values, ``%`` for a percentage; by default they are any numbers.
        code: the mark of the function's code, where it is known better than from the function.
        fidelities: the training epochs, or whatever ``fidelity`` means to the function, that
            a method may choose from, ascending; none for methods to ask for no fidelity.
        minimise: whether less is better, as of an error or a loss.
    """

    def __init__(
        self,
        function: Callable[..., object],
        name: str = "function",
        space: SearchSpace | str | None = None,
        description: str | None = None,
        unit: str = "",
        code: str | None = None,
        fidelities: Sequence[int] = (),
        minimise: bool = False,
    ) -> None:
        if not callable(function):
            raise InputError(f"objective {name} needs a function, got {function!r}")
        self._function = function
        self._changed = False
        self._fidelity = _fidelity_parameter(function)
        self.reports = _takes_report(function)
        if list(fidelities) != sorted(set(fidelities)) or any(type(each) is not int or each < 1 for each in fidelities):
            raise InputError(
                f"objective {name}: fidelities are different whole numbers, ascending from 1, got {fidelities}"
            )
        if fidelities and self._fidelity is None:
            raise InputError(f"objective {name} has one fidelity: its function has no parameter 'fidelity'")
        self.fidelities = tuple(fidelities)
        self._space = None if space is None else get_space(space)
        self.space = None if self._space is None else self._space.name
        self.name, self.unit, self.code, self.minimise = name, unit, code, minimise
        self._reader = Reader(name)
        documented = (inspect.getdoc(function) or "").partition("\n")[0] if inspect.isroutine(function) else ""
        self.description = description or documented or f"the Python function {name}"

    @property
    @override
    def identity(self) -> dict[str, str]:
        """The function's code; a docstring is none. Where the code is not to be had, its name and description."""
        if self.code is None:
            from arch2vec.common.code_identity import mark_of

            self.code = mark_of(self._function)
        return {"measured": self.description} if self.code is None else {"code": self.code}

    def __getstate__(self) -> dict[str, object]:
        from arch2vec.common.code_identity import mark_of

        return {**vars(self), "_mark": mark_of(self._function, whole=True)}

    def __setstate__(self, state: dict[str, object]) -> None:
        from arch2vec.common.code_identity import mark_of

        vars(self).update(state)
        there, here = vars(self).pop("_mark"), mark_of(self._function, whole=True)
        self._changed = None not in (there, here) and there != here

    @property
    def takes_fidelity(self) -> bool:
        """Whether the function has a parameter for the fidelity."""
        return self._fidelity is not None

    @override
    def evaluate(self, architecture: str, fidelity: int | None = None) -> Outcome:
        if self._changed:
            raise InputError(
                f"objective {self.name}: the function's code is not the one that the search has begun with, where "
                "it is to be trained; put it back, or repeat the search and accept the change (--accept-changes)"
            )
        if self._space is not None:
            architecture = self._space.format(self._space.parse([architecture]))[0]
        arguments: dict[str, object] = {}
        if fidelity is not None and self._fidelity is None:
            raise InputError(f"objective {self.name} has one fidelity: its function has no parameter 'fidelity'")
        if fidelity is not None or self._fidelity == "required":
            arguments["fidelity"] = fidelity
        if self.reports:
            arguments["report"] = current_report()
        start = time.perf_counter()
        try:
            with guarded(self._function):
                returned = self._function(architecture, **arguments)
        except EvaluationError:
            raise
        except InputError as error:  # of something that the function uses: not the search's input is bad
            raise EvaluationError(f"{type(error).__name__}: {error}") from error
        elapsed = time.perf_counter() - start
        return self._reader.outcome(returned, elapsed)


def _takes_report(function: Callable[..., object]) -> bool:
    """Whether the function has a parameter ``report``."""
    try:
        parameter = inspect.signature(function).parameters.get("report")
    except (TypeError, ValueError):  # a built-in that does not tell
        return False
    return parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


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
