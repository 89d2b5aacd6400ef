"""Search methods named by one line of text, or given as Python objects: what every search takes for ``method``.

A name (``bo``), a name with settings (``bo?initial=10&growth=1.2``), or code of the user's own
(``python:mine.py:Mine``, with settings too). Settings are the parameters of the method's constructor, their types
those of its annotations (:mod:`arch2vec.common.settings`). In Python also a class, a function
``(embedding, seed=...)`` that makes a method, or, for a single search, a method that is made already::

    search(embedding, objective, method="bo?initial=10")
    search(embedding, objective, method=partial(BayesianOptimization, surrogate=GaussianProcess("rbf")))
    search(embedding, objective, method=BayesianOptimization(embedding, seed=3, initial=10))

Whichever it is, its name in files and tables is the method's name and the settings that were given, in the order of
the constructor; and a method of the user's own has a mark of its code, by which a study notices that it is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote

from arch2vec.common.code_identity import mark_of
from arch2vec.common.guard import guarded
from arch2vec.common.settings import arguments_of, chosen_of, read_settings, settings_of, settings_text, takes
from arch2vec.common.user_code import load_object
from arch2vec.embedding import Embedding
from arch2vec.errors import InputError, unknown
from arch2vec.searching.base import SearchMethod, reads_rows
from arch2vec.searching.pool import OnDevice

PREFIX = "python:"
"""What the text of a method of the user's own starts with."""

_GIVEN = ("self", "embedding", "seed", "criteria", "known")  # by the search, and no settings

Factory = Callable[..., SearchMethod]


@dataclass(frozen=True, eq=False)
class MethodSpec:
    """A search method and its settings, of which a search is made for every seed.

    Attributes:
        name: in files and tables: ``bo?initial=10``.
        factory: the method's class, or a function that makes one.
        arguments: the settings, as keyword arguments.
        code: the mark of the user's own code, None for a method of this package.
        instance: the one search that there is, where it was made already.
    """

    name: str
    factory: Factory
    arguments: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None
    instance: SearchMethod | None = None

    def make(self, embedding: Embedding, *more: object, seed: int, **offered: object) -> SearchMethod:
        """A search of an embedding.

        Args:
            embedding: the architectures to choose from.
            more: what else its constructor needs.
            seed: of all random choices.
            offered: handed over where the constructor has a parameter of that name and no setting gives it:
                the objective's ``fidelities``, the ``pool`` of a study. None and empty ones are not.

        Raises:
            InputError: a setting's value cannot be, or the user's code makes no search method.
        """
        if self.instance is not None:
            return self._instance(embedding)
        options = {name: value for name, value in offered.items() if self._wants(name, value)}
        arguments = {**options, **self.arguments}
        try:
            with nullcontext() if self.code is None else guarded(self.factory):
                made: object = self.factory(embedding, *more, seed=seed, **arguments)
        except KeyboardInterrupt:
            raise
        except InputError as error:
            if not self.arguments:
                raise
            raise InputError(f"search method {self.name}: {error}") from error
        except BaseException as error:
            if self.code is None:
                raise
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(f"search method {self.name} cannot be made: {reason}") from error
        if not isinstance(made, SearchMethod):
            raise InputError(f"search method {self.name} is made as a {type(made).__name__}, not as a SearchMethod")
        if getattr(made, "embedding", None) is not embedding or made.seed != seed:
            raise InputError(f"search method {self.name} was made for another embedding or seed than it was given")
        return made

    def _wants(self, name: str, value: object) -> bool:
        if value is None or (isinstance(value, tuple) and not value) or not takes(self.factory, name):
            return False
        return self.computes_on_device or not isinstance(value, OnDevice)

    def _instance(self, embedding: Embedding) -> SearchMethod:
        assert self.instance is not None
        if self.instance.embedding is not embedding:
            raise InputError(f"search method {self.name} was made for another embedding than the one to be searched")
        return self.instance

    @property
    def computes_on_device(self) -> bool:
        """Whether it is given a pool on a device where one is offered."""
        if self.instance is not None or "pool" in self.arguments:
            return False
        if isinstance(self.factory, type):
            return bool(getattr(self.factory, "computes_on_device", False))
        return takes(self.factory, "pool")  # what it makes of one is its own affair

    @property
    def goes_by_edits(self) -> bool:
        """Whether it goes from one architecture to its neighbours."""
        return bool(getattr(self.factory, "goes_by_edits", False))

    @property
    def reads_rows(self) -> bool:
        """Whether it can search a pool, see :attr:`SearchMethod.reads_rows`."""
        return reads_rows(self.factory.func if isinstance(self.factory, partial) else self.factory)

    @property
    def chooses_fidelities(self) -> bool:
        """Whether it can make use of the fidelities that an objective offers."""
        return takes(self.factory, "fidelities")

    @property
    def marks(self) -> dict[str, str]:
        """What a study remembers of it besides its name, see :mod:`arch2vec.searching.identity`."""
        return {} if self.code is None else {"method_code": self.code}

    def __str__(self) -> str:
        return self.name


AnyMethod = str | SearchMethod | MethodSpec | Factory
"""What searches take for a method."""


def resolve_method(method: AnyMethod, name: str | None = None) -> MethodSpec:
    """The search method that a text names or that an object makes; see the module's documentation.

    >>> import arch2vec
    >>> method = arch2vec.resolve_method("bo?growth=1.2&initial=10")
    >>> method.name
    'bo?initial=10&growth=1.2'

    Args:
        method: a name, with settings or without; ``python:FILE:CLASS``; a class, a factory or an instance.
        name: to go by in files and tables, instead of its own with the settings.

    ``python:`` runs the code it names.

    Raises:
        InputError: there is no such method or setting, or what was given is no search method.
    """
    from arch2vec.searching import METHODS

    if isinstance(method, MethodSpec):
        return (
            method if name is None else MethodSpec(name, method.factory, method.arguments, method.code, method.instance)
        )
    if isinstance(method, str):
        found = _from_text(method, METHODS, SearchMethod, "search method")
    elif isinstance(method, SearchMethod):
        kind = type(method)
        own = _named(_own_name(kind, METHODS, "search method"), chosen_of(method.made_with, settings_of(kind, _GIVEN)))
        found = MethodSpec(own, kind, {}, _code_of(kind), method)
    elif callable(method):
        found = _from_factory(method, METHODS, name)
    else:
        raise InputError(
            "a search method is named by a text, or is a SearchMethod, its class or a function that makes one; "
            f"got {type(method).__name__}"
        )
    return found if name is None else resolve_method(found, name)


def resolve_pareto_method(method: str) -> MethodSpec:
    """The multi-objective method that a text names, with settings or as ``python:FILE:CLASS``.

    Raises:
        InputError: there is no such method or setting.
    """
    from arch2vec.searching.pareto import PARETO_METHODS, ParetoSearch

    return _from_text(method, PARETO_METHODS, ParetoSearch, "multi-objective method")


def resolve_methods(methods: Iterable[AnyMethod]) -> dict[str, MethodSpec]:
    """Methods of a study of many searches, by their names; one that is named twice counts once.

    Raises:
        InputError: as :func:`resolve_method`; two are called the same, or one was made already.
    """
    found: dict[str, MethodSpec] = {}
    for method in [methods] if isinstance(methods, str) else methods:
        spec = resolve_method(method)
        if spec.instance is not None:
            raise InputError(
                f"a study makes a search for every seed, and {spec.name} is one search that was made already; "
                "name the method, or give its class or a function that makes one"
            )
        known = found.setdefault(spec.name, spec)
        if known.factory is not spec.factory and not (isinstance(method, str) and known.code == spec.code):
            raise InputError(
                f"two methods are called {spec.name!r}; give one another name, as with resolve_method(method, name=...)"
            )
    return found


def resolve_pareto_methods(methods: Iterable[str | MethodSpec]) -> dict[str, MethodSpec]:
    """Multi-objective methods by their names; one that is named twice counts once.

    Raises:
        InputError: as :func:`resolve_pareto_method`.
    """
    found = [method if isinstance(method, MethodSpec) else resolve_pareto_method(method) for method in methods]
    return {spec.name: spec for spec in found}


def split_methods(text: str) -> list[str]:
    """The methods of a list with commas: a comma separates where a name follows, not a number of a setting's value."""
    parts: list[str] = []
    for part in text.split(","):
        if parts and "?" in parts[-1] and not part.lstrip()[:1].isalpha():
            parts[-1] += f",{part.strip()}"
        elif part.strip():
            parts.append(part.strip())
    return list(dict.fromkeys(parts))


def _from_text(
    text: str, registry: Mapping[str, type[SearchMethod]], base: type[SearchMethod], what: str
) -> MethodSpec:
    head, _, query = text.strip().partition("?")
    kind: Any
    if head.startswith(PREFIX):
        kind, _ = load_object(unquote(head.removeprefix(PREFIX)), what, "CLASS")
        fits = issubclass(kind, base) if isinstance(kind, type) else callable(kind)
        if not fits or isinstance(kind, SearchMethod):
            shown = f"the class {kind.__name__}" if isinstance(kind, type) else f"a {type(kind).__name__}"
            raise InputError(
                f"{head} is {shown}, no {what}: a subclass of {base.__module__}.{base.__name__}, or a function "
                "(embedding, seed) that makes one, is needed"
            )
        name = _own_name(kind, registry, what)
    elif head in registry:
        kind, name = registry[head], head
    else:
        raise InputError(f"{unknown(what, head, registry)}; one of your own is python:MODULE_OR_FILE.py:CLASS")
    known = settings_of(kind, _GIVEN)
    chosen = read_settings(f"{what} {head}", query, known)
    try:
        arguments = arguments_of(chosen, known)
    except InputError as error:
        raise InputError(f"{what} {text.strip()}: {error}") from error
    return MethodSpec(_named(name, chosen), kind, arguments, _code_of(kind))


def _from_factory(factory: Factory, registry: Mapping[str, type[SearchMethod]], called: str | None) -> MethodSpec:
    inner: Any = factory
    arguments: dict[str, Any] = {}
    if isinstance(factory, partial) and not factory.args:
        inner, arguments = factory.func, dict(factory.keywords)
    settings = chosen_of(arguments, settings_of(inner, _GIVEN))
    if isinstance(inner, type) and not issubclass(inner, SearchMethod):
        raise InputError(f"a search method is needed; {inner.__name__} is no subclass of arch2vec.SearchMethod")
    name = called or _named(_own_name(inner, registry, "search method"), settings)
    return MethodSpec(name, inner, arguments, _code_of(inner))


def _own_name(kind: Any, registry: Mapping[str, type[SearchMethod]], what: str) -> str:
    """What a class, or a function that makes methods, is called."""
    name = getattr(kind, "name" if isinstance(kind, type) else "__name__", None)
    if not isinstance(name, str) or not name or (not isinstance(kind, type) and not name.isidentifier()):
        shown = getattr(kind, "__qualname__", type(kind).__name__)
        hint = f"name = {shown.lower()!r} in its body" if isinstance(kind, type) else "as resolve_method(..., name=...)"
        raise InputError(f"{what} {shown} has no name; give it one, {hint}")
    if "?" in name or "," in name or not name.isprintable():
        raise InputError(f"{what} {name!r}: a name has no question mark and no comma, and can be printed")
    if registry.get(name, kind) is not kind:
        raise InputError(
            f"{kind.__qualname__} is called {name!r} as a {what} of arch2vec is; give it a name of its own"
        )
    return name


def _named(name: str, chosen: Mapping[str, Any]) -> str:
    return f"{name}?{settings_text(chosen)}" if chosen else name


def _code_of(kind: Any) -> str | None:
    """The mark of a user's code; None for a method of this package."""
    if getattr(kind, "__module__", "").partition(".")[0] == __name__.partition(".")[0]:
        return None
    return mark_of(kind) or getattr(kind, "__qualname__", type(kind).__qualname__)
