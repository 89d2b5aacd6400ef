"""What a representation is: graphs of a space to named groups of numbers, with nothing else to know.

The built-in ones go by name (:mod:`arch2vec.representations.spec`); a function of the user's own is one as well. It
takes architectures as texts or as graphs, and gives an array (N, d) or a mapping of such arrays, a group each.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from numpy.typing import NDArray
from typing_extensions import override

from arch2vec.common.code_identity import mark_of
from arch2vec.common.guard import guarded
from arch2vec.errors import InputError
from arch2vec.graphs import GraphBatch
from arch2vec.representations.arrays import checked_array
from arch2vec.representations.features import Features
from arch2vec.spaces.base import SearchSpace


class Representation(ABC):
    """Turns architectures of a space into numbers.

    How many numbers and what they mean depends on the space alone, never on the batch.

    >>> import arch2vec
    >>> class Degrees(arch2vec.Representation):
    ...     name = "degrees"
    ...
    ...     def features(self, graphs, space):
    ...         names = [f"vertex {vertex}" for vertex in range(graphs.num_vertices)]
    ...         return arch2vec.Features.of({"degrees": (graphs.adjacency.sum(axis=1), names)})
    >>> arch2vec.represent("nasbench201", Degrees(), sample=5).vectors.shape
    (5, 8)

    Attributes:
        name: of the representation, and of its group where it has one only.
        same_for_functions: whether architectures that compute the same function have the same numbers.
        code: the mark of the user's code that makes it, None for one of this package.
    """

    name: str
    same_for_functions: ClassVar[bool] = False
    code: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, 'name', '?')!r})"

    @abstractmethod
    def features(self, graphs: GraphBatch, space: SearchSpace) -> Features:
        """The numbers of N architectures.

        Raises:
            InputError: a graph is no architecture of the space, or the user's code gives something else.
        """


class GraphFunction(Representation):
    """A function of this package from graphs and their space to an array (N, d), or to features."""

    def __init__(self, name: str, function: Callable[[GraphBatch, SearchSpace], NDArray[Any] | Features]) -> None:
        self.name, self._function = name, function

    @override
    def features(self, graphs: GraphBatch, space: SearchSpace) -> Features:
        return as_features(self._function(graphs, space), self.name, len(graphs), f"representation {self.name}")


class UserFunction(Representation):
    """A function of the user's own.

    Its parameter ``graphs``, or one annotated as :class:`arch2vec.GraphBatch`, gets graphs; else its first
    parameter gets the architectures' texts. A parameter ``space`` gets the search space.

    Args:
        function: the function, or any callable.
        name: for tables; by default the function's.
        settings: further arguments by keyword.

    Raises:
        InputError: the function has no parameter for architectures, or no name.
    """

    def __init__(
        self, function: Callable[..., object], name: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        if not callable(function):
            raise InputError(f"a representation needs a function, got a {type(function).__name__}")
        own = getattr(function, "__name__", type(function).__name__)
        self.name = name or own
        if not self.name.isprintable() or self.name == "<lambda>":
            raise InputError("a representation needs a name that can be printed; give it one by name=")
        self._first, self._by_graph, self._takes_space = _parameters(function, self.name)
        self._function = partial(function, **settings) if settings else function
        self.code = mark_of(self._function) or own

    @override
    def features(self, graphs: GraphBatch, space: SearchSpace) -> Features:
        # The function may change what it gets; others go on with the graphs.
        given: object = (
            GraphBatch(graphs.ops.copy(), graphs.adjacency.copy()) if self._by_graph else space.format(graphs)
        )
        more = {"space": space} if self._takes_space else {}
        owner = f"representation {self.name}"
        try:
            with guarded(self._function):
                made = (
                    self._function(given, **more)
                    if self._first is None
                    else self._function(**{self._first: given, **more})
                )
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(f"{owner} failed on {len(graphs):,} architectures: {reason}") from error
        return as_features(made, self.name, len(graphs), owner)


def _parameters(function: Callable[..., object], name: str) -> tuple[str | None, bool, bool]:
    """The parameter for architectures (None: by position), whether it is for graphs, whether one is for the space."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a built-in that does not tell
        return None, False, False
    usable = [each for each in parameters.values() if each.kind is not each.VAR_KEYWORD and each.name != "space"]
    if not usable:
        raise InputError(f"representation {name} has no parameter for architectures")
    graphs = next((each for each in usable if each.name == "graphs" or _is_graphs(each.annotation)), None)
    chosen = graphs or usable[0]
    by_position = chosen.kind in (chosen.POSITIONAL_ONLY, chosen.VAR_POSITIONAL)
    return None if by_position else chosen.name, graphs is not None, "space" in parameters


def _is_graphs(annotation: object) -> bool:
    return annotation is GraphBatch or (isinstance(annotation, str) and annotation.rpartition(".")[2] == "GraphBatch")


def as_features(made: object, name: str, n: int, owner: str) -> Features:
    """What a function gave for N architectures, as features.

    Args:
        made: an array (N, d), a mapping of names of groups to such arrays, or features.
        name: of the group, where there is one only.
        n: how many architectures there are, N.
        owner: who made it, for messages.

    Raises:
        InputError: it is none of these, of another shape, or holds a number that is not finite.
    """
    if isinstance(made, Features):
        checked_array(made.values, n, f"{owner} gave")
        return made
    groups = made if isinstance(made, Mapping) else {name: made}
    parts: dict[str, tuple[NDArray[Any], list[str]]] = {}
    for group, values in groups.items():
        where = f"{owner}, group {group!r}" if isinstance(made, Mapping) else owner
        if not isinstance(group, str) or not group or not group.isprintable():
            raise InputError(f"{owner} has a group called {group!r}; a text that can be printed is needed")
        array = checked_array(values, n, f"{where} gave")
        parts[group] = array, [str(column) for column in range(array.shape[1])]
    if not parts:
        raise InputError(f"{owner} gave no group")
    return Features.of(parts)
