"""The settings that a class or function takes, read from its signature, so that a line of text can give them.

A setting is a parameter with a default, or one by keyword. What a text may say follows from the annotation:
whole numbers, numbers, ``true`` and ``false``, texts, the choices of a ``Literal``, sequences of those with commas
between, ``none`` where None is allowed. Where the default is a dataclass its fields are settings as well, by their
own names where these are not ambiguous. A ``**settings`` of a constructor stands for the parameters of the class that
it is derived from.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal

from arch2vec.common.options import Reader, as_text, finite, read_options, whole, yes_or_no

_PLAIN: dict[object, tuple[str, Reader]] = {
    bool: ("true or false", yes_or_no),
    int: ("a whole number", whole),
    float: ("a number", finite),
    str: ("a text", str),
}


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        path: the parameter, and for the field of a dataclass the way to it.
        read: makes a value of a text; None where a text cannot say it.
        default: :data:`inspect.Parameter.empty` where there is none.
    """

    path: tuple[str, ...]
    read: Reader | None
    default: object


def settings_of(target: Callable[..., object], given: Collection[str] = ()) -> dict[str, Setting]:
    """The settings of a class, a function or a partial of one, by the names that a text calls them.

    Args:
        target: what is called.
        given: parameters that are no settings, since the caller gives them.
    """
    found: list[Setting] = []
    for parameter, names in _parameters(target):
        if parameter.name in given or any(parameter.name == setting.path[0] for setting in found):
            continue
        bare = parameter.annotation is parameter.empty and parameter.default is not parameter.empty
        kind = type(parameter.default) if bare else parameter.annotation
        found += _flat((parameter.name,), kind, names, parameter.default)
    return {_shortest(setting.path, [other.path for other in found]): setting for setting in found}


def takes(target: Callable[..., object], name: str) -> bool:
    """Whether it has a parameter of that name."""
    return any(parameter.name == name for parameter, _ in _parameters(target))


def read_settings(owner: str, query: str, known: Mapping[str, Setting]) -> dict[str, Any]:
    """The settings that a text gives, by their names and in the order of ``known``.

    Args:
        owner: whose they are, for messages: ``search method bo``.
        query: the text, ``initial=10&growth=1.2``.
        known: what there is, see :func:`settings_of`.

    Raises:
        InputError: one is unknown, twice, or of a wrong value; the line names the settings that there are.
    """
    readers = {name: setting.read for name, setting in known.items() if setting.read is not None}
    chosen = read_options(owner, query, readers, noun="setting")
    return {name: chosen[name] for name in known if name in chosen}


def arguments_of(chosen: Mapping[str, Any], known: Mapping[str, Setting]) -> dict[str, Any]:
    """The keyword arguments that chosen settings amount to."""
    arguments: dict[str, Any] = {}
    for name, value in chosen.items():
        first, *rest = known[name].path
        base = arguments.get(first, _default_of(known, first))
        arguments[first] = _with(base, rest, value)
    return arguments


def chosen_of(arguments: Mapping[str, Any], known: Mapping[str, Setting]) -> dict[str, Any]:
    """The inverse of :func:`arguments_of`: of a dataclass those fields that differ from the default's."""
    chosen: dict[str, Any] = {}
    for name, setting in known.items():
        first, *rest = setting.path
        if first not in arguments:
            continue
        base, value = _default_of(known, first), arguments[first]
        opened = any(other.path[: len(setting.path)] == setting.path != other.path for other in known.values())
        if not opened and type(base) is type(value) and rest:
            old, new = (functools.reduce(getattr, rest, each) for each in (base, value))
            if old != new:
                chosen[name] = new
        elif not rest and not (opened and type(base) is type(value)):
            chosen[name] = value
    known_parameters = {setting.path[0] for setting in known.values()}
    return {**chosen, **{name: value for name, value in arguments.items() if name not in known_parameters}}


def settings_text(chosen: Mapping[str, Any]) -> str:
    """Settings as :func:`read_settings` reads them; what no text can say as what it is."""
    return "&".join(f"{name}={as_text(_shown(value))}" for name, value in chosen.items())


def _shown(value: object) -> object:
    """A value for a text: as it is where that is plain, else what it is, without addresses in memory."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple) and all(_shown(each) is each for each in value):
        return value
    if is_dataclass(value) or (type(value).__repr__ is not object.__repr__ and not callable(value)):
        return " ".join(repr(value).split())
    return getattr(value, "__qualname__", type(value).__qualname__)


def _default_of(known: Mapping[str, Setting], parameter: str) -> Any:
    return next((setting.default for setting in known.values() if setting.path == (parameter,)), None)


def _with(base: Any, path: list[str], value: object) -> Any:
    """``base``, a dataclass, with another value at the end of a path of fields."""
    if not path:
        return value
    return replace(base, **{path[0]: _with(getattr(base, path[0]), path[1:], value)})


def _shortest(path: tuple[str, ...], others: list[tuple[str, ...]]) -> str:
    """The shortest end of a path that is the end of no other."""
    for length in range(1, len(path)):
        if sum(other[-length:] == path[-length:] for other in others) == 1:
            return ".".join(path[-length:])
    return ".".join(path)


def _flat(path: tuple[str, ...], kind: object, names: Mapping[str, Any], default: object) -> Iterator[Setting]:
    """The setting of that kind, and of a dataclass its fields."""
    if is_dataclass(default) and not isinstance(default, type):
        yield Setting(path, None, default)
        names = vars(sys.modules[type(default).__module__])
        for field in fields(default):
            yield from _flat((*path, field.name), field.type, names, getattr(default, field.name))
    else:
        yield Setting(path, _reader(list(_alternatives(kind, names))), default)


def _parameters(target: Callable[..., object]) -> Iterator[tuple[inspect.Parameter, Mapping[str, Any]]]:
    """The parameters that can be given by name, and the names that their annotations may use."""
    if isinstance(target, functools.partial):
        bound = set(target.keywords)
        yield from (pair for pair in _parameters(target.func) if pair[0].name not in bound)
        return
    functions = (
        [vars(cls)["__init__"] for cls in target.__mro__ if "__init__" in vars(cls)]
        if isinstance(target, type)
        else [target]
    )
    for function in functions:
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # a built-in that does not tell
            return
        names = getattr(inspect.unwrap(function), "__globals__", {})
        for parameter in parameters[isinstance(target, type) :]:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                yield parameter, names
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return


def _alternatives(kind: object, names: Mapping[str, Any]) -> Iterator[object]:
    """What a type is a union of; of an annotation that is a text, as far as its names are known at run time."""
    if isinstance(kind, str):
        try:
            tree = ast.parse(kind, mode="eval").body
        except SyntaxError:
            return
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
            yield from _alternatives(ast.unparse(tree.left), names)
            yield from _alternatives(ast.unparse(tree.right), names)
            return
        try:
            kind = eval(kind, dict(names))  # an annotation of a module that has been imported
        except Exception:  # imported for type checkers only
            return
        yield from _alternatives(kind, names)
    elif typing.get_origin(kind) in (typing.Union, types.UnionType):
        for part in typing.get_args(kind):
            yield from _alternatives(part, names)
    else:
        yield kind


def _reader(alternatives: list[object]) -> Reader | None:
    """A reader of texts that mean one of some types, None where none of them can be said by a text."""
    readers: list[tuple[str, Reader]] = []
    for kind in alternatives:
        origin, parts = typing.get_origin(kind), typing.get_args(kind)
        if kind is None or kind is type(None):
            readers.append(("none", _none))
        elif origin is Literal:
            readers.append((" or ".join(map(str, parts)), functools.partial(_choice, parts)))
        elif isinstance(kind, type) and kind in _PLAIN:
            readers.append(_PLAIN[kind])
        elif isinstance(origin, type) and issubclass(origin, typing.Sequence) and parts and parts[0] in _PLAIN:
            what, read = _PLAIN[parts[0]]
            readers.append((f"{what}, or several with commas between", functools.partial(_several, read)))
    if not any(read is not _none for _, read in readers):
        return None
    readers.sort(key=lambda pair: pair[1] is str)  # every text is a text
    needed = " or ".join(what for what, _ in readers)

    def read_any(value: str) -> Any:
        for _, read in readers:
            try:
                return read(value)
            except ValueError:
                continue
        raise ValueError(needed)

    return read_any


def _none(value: str) -> None:
    if value != "none":
        raise ValueError("none")


def _choice(choices: tuple[object, ...], value: str) -> object:
    for choice in choices:
        if str(choice) == value:
            return choice
    raise ValueError


def _several(read: Reader, value: str) -> tuple[Any, ...]:
    return tuple(read(each) for each in value.split(","))
