"""Objectives named by one line of text, for the command line and for study files.

Benchmarks by their names, and six other kinds: ``digits``, ``train:DATA``, ``proxy:NAME``,
``table:PATH``, ``python:WHERE:FUNCTION`` and ``cmd:COMMAND``. Each is followed by ``?`` and ``option=value`` pairs
joined by ``&``; those of a command stand before its colon::

    nasbench201?dataset=cifar100
    nasbench201?seed=random&noise_seed=search
    nasbench101?subset=measured&data=nasbench_full.tfrecord
    nasbench301-surrogate
    digits-201
    digits?epochs=5&seed=1
    train:cifar10?space=darts&recipe=darts-cifar10-search&epochs=50&data_dir=images
    proxy:synflow?batch=random
    table:results.parquet?validation=val_12&test=test_200&cost=seconds
    python:my_package.training:evaluate
    python:train.py:evaluate?space=nasbench201&unit=%25
    python:train.py:evaluate?fidelities=3,9,27
    cmd:python train.py --arch {architecture}
    cmd?fidelities=3,9,27&unit=%25:python train.py --arch {architecture} --epochs {fidelity}
    cmd?minimise=true:python train.py --arch {architecture}

``%`` and two hexadecimal digits stand for a byte, as in URLs: ``%26`` is an
``&`` and ``%3F`` a ``?`` within a name. Relative paths start from the current
folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from arch2vec.common.code_identity import mark_of_name
from arch2vec.common.options import decimal, read_options, whole, yes_or_no
from arch2vec.common.user_code import load_object
from arch2vec.errors import InputError, nearest_to
from arch2vec.objectives.base import Objective
from arch2vec.spaces import SearchSpace

_FORMS = (
    "digits-201, nasbench101, nasbench201, nasbench301-surrogate, digits, train:DATA, proxy:NAME, "
    "table:PATH?validation=COLUMN, python:MODULE_OR_FILE:FUNCTION, cmd:COMMAND"
)


def resolve_objective(spec: str, space: SearchSpace | None = None, minimise: bool = False) -> Objective:
    """The objective that ``spec`` names; see the module's documentation for the notation.

    >>> import arch2vec
    >>> arch2vec.resolve_objective("digits-201").space
    'nasbench201'

    Args:
        spec: one line of text.
        space: that is searched; a table's architectures are taken to be of it, and those of ``train:`` and
            ``proxy:``, unless ``spec`` names another one.
        minimise: whether less is better, of a kind whose values can be any numbers; as its option ``minimise=true``.

    ``python:`` runs the code it names. Its module is looked for in the current
    folder too, and a file may import its neighbours.

    Raises:
        InputError: the kind or an option is unknown, a needed part is missing, or
            the objective itself refuses what it is given.
    """
    if (command := _COMMAND.match(spec.strip())) is not None:
        return _command(command["command"], _minimising(command["options"] or "", minimise))
    head, _, query = spec.strip().partition("?")
    kind, _, target = head.partition(":")
    if minimise and kind in _KINDS and kind not in _ANY_NUMBERS:
        raise InputError(
            f"objective {head!r} measures an accuracy or a score, of which more is better; what can be minimised are "
            "numbers of your own: table:FILE, python:WHERE:FUNCTION and cmd:COMMAND"
        )
    query = _minimising(query, minimise)
    if kind not in _KINDS:
        hint = ""
        if head.endswith((".parquet", ".csv")):
            hint = f"; did you mean table:{head}?validation=COLUMN"
        elif re.fullmatch(r".+\.py(:\w+)?", head):
            hint = f"; did you mean python:{head}{'' if '.py:' in head else ':FUNCTION'}"
        else:
            hint = nearest_to(head, _KINDS)
        raise InputError(f"unknown objective {head!r}; known: {_FORMS}{hint}")
    if kind in OF_THE_SEARCHED:
        return OF_THE_SEARCHED[kind](unquote(target), query, space)
    return _KINDS[kind](unquote(target), query)


def _digits(target: str, query: str) -> Objective:
    if target:
        raise InputError(f"objective digits takes options only, as in digits?seed=1; got {target!r} after the colon")
    options = read_options("objective digits", query, {"epochs": whole, "seed": whole})
    from arch2vec.objectives.digits import DigitsConfig, DigitsObjective

    if "seed" in options:
        options["seeds"] = (options.pop("seed"),)
    return DigitsObjective(DigitsConfig(**options))


def _proxy(target: str, query: str, space: SearchSpace | None = None) -> Objective:
    if not target:
        raise InputError("objective proxy needs the name of a zero-cost proxy, as in proxy:synflow")
    numbers = dict.fromkeys(("batch_size", "channels", "cells", "seed"), whole)
    options = read_options("objective proxy", query, {"batch": str, "space": str, "layers": _layers, **numbers})
    from arch2vec.objectives.proxy import ProxyObjective
    from arch2vec.proxies.settings import ProxySetting

    named, layers = options.pop("space", space or "nasbench201"), options.pop("layers", {})
    return ProxyObjective(target, ProxySetting(**options), named, layers=layers)


def _train(target: str, query: str, space: SearchSpace | None = None) -> Objective:
    if not target:
        raise InputError("objective train needs a data set, as in train:cifar10?space=darts")
    numbers = dict.fromkeys(("epochs", "cells", "channels", "seed", "split_seed", "limit", "size", "threads"), whole)
    texts = dict.fromkeys(("space", "recipe", "data_dir", "out", "device"), str)
    options = read_options("objective train", query, {**texts, **numbers, "validation": decimal, "layers": _layers})
    from arch2vec.objectives.training import training_objective

    for name in ("data_dir", "out"):
        if name in options:
            options[name] = _path(options[name])
    if space is not None and "recipe" not in options:  # a recipe is for a space
        options.setdefault("space", space)
    return training_objective(target, **options)


def _table(target: str, query: str, space: SearchSpace | None = None) -> Objective:
    if not target:
        raise InputError("objective table needs a file, as in table:results.parquet?validation=COLUMN")
    texts = dict.fromkeys(("validation", "test", "cost", "architecture", "space", "name"), str)
    numbers = dict.fromkeys(("cost_scale", "scale", "absent"), decimal)
    known: dict[str, Callable[[str], Any]]
    known = {**texts, "unit": str, **numbers, "partial": yes_or_no, "seed": _run, "noise_seed": _noise}
    options = _with_direction("objective table", query, known)
    if "validation" not in options:
        raise InputError(
            f"objective table:{target} needs the column that a search maximises, as in table:{target}?validation=COLUMN"
        )
    from arch2vec.objectives.table import TableObjective

    if space is not None:
        # A limit on what is sampled makes no other space.
        named = options.setdefault("space", space)
        if named in (space.name, space.reference):
            options["space"] = space
    return TableObjective(_path(target), **options)


def _python(target: str, query: str) -> Objective:
    known: dict[str, Callable[[str], Any]]
    known = {"name": str, "space": str, "unit": str, "fidelities": _whole_numbers}
    options = _with_direction("objective python", query, known)
    found, absolute = load_object(target, "function", "FUNCTION")
    file, _, name = absolute.rpartition(":")
    code = mark_of_name(Path(file), name) if file.endswith(".py") else None
    if isinstance(found, Objective):
        if options.keys() == {"minimise"} and options["minimise"] == found.minimise:
            options = {}
        if options:
            raise InputError(f"{target} is an objective already; {', '.join(options)} is said where it is made")
        found.code = code if found.code is None else found.code
        return found
    if not callable(found):
        raise InputError(f"{name!r} in {target.rpartition(':')[0]} is of type {type(found).__name__}, not a function")
    from arch2vec.objectives.function import FunctionObjective

    return FunctionObjective(found, **{"name": name, "code": code, **options})


_COMMAND = re.compile(r"cmd(\?(?P<options>[^:]*))?:(?P<command>.*)", re.DOTALL)


def _command(command: str, query: str) -> Objective:
    known: dict[str, Callable[[str], Any]]
    known = {"name": str, "unit": str, "fidelity": whole, "fidelities": _whole_numbers}
    options = _with_direction("objective cmd", query, known)
    from arch2vec.objectives.command import CommandObjective

    return CommandObjective(command, **options)


_ANY_NUMBERS = ("table", "python", "cmd")
_DIRECTION = re.compile(r"(^|&)minimi[sz]e=")


def _minimising(query: str, minimise: bool) -> str:
    """The options with what is said of the direction beside them; what they say themselves counts."""
    if not minimise or _DIRECTION.search(query):
        return query
    return f"{query}&minimise=true" if query else "minimise=true"


def _with_direction(what: str, query: str, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """Options, ``minimise`` in either spelling among them."""
    options = read_options(what, query, {**known, "minimise": yes_or_no, "minimize": yes_or_no})
    if "minimize" in options:
        options.setdefault("minimise", options.pop("minimize"))
    return options


def _benchmark(name: str, known: Mapping[str, Callable[[str], Any]]) -> Callable[[str, str], Objective]:
    def resolve(target: str, query: str) -> Objective:
        if target:
            example = "data=FILE" if "data" in known else "signal=3"
            raise InputError(
                f"objective {name} takes options only, as in {name}?{example}; got {target!r} after the colon"
            )
        options = read_options(f"objective {name}", query, known)
        from arch2vec.objectives import named

        build: Callable[..., Objective] = getattr(named, name.replace("-", "_"))
        return build(**options)

    return resolve


def _word_or_number(words: tuple[str, ...], otherwise: str) -> Callable[[str], int | str]:
    """A reader of an option that is one of some words or a whole number, which messages call ``otherwise``."""

    def read(value: str) -> int | str:
        if value in words:
            return value
        try:
            return int(value)
        except ValueError:
            raise ValueError(f"{', '.join(words)} or {otherwise}") from None

    return read


def _whole_numbers(value: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in value.split(","))
    except ValueError:
        raise ValueError("whole numbers with commas between them") from None


def _layers(value: str) -> dict[str, str]:
    layers = dict(entry.partition(":")[::2] for entry in value.split(","))
    if not all(layers.values()) or len(layers) < value.count(",") + 1:
        raise ValueError("OPERATION:LAYER, several with commas between them")
    return layers


def _path(text: str) -> Path:
    # No shell expands a tilde in the middle of a word.
    return Path.home() / text[2:] if text.startswith("~/") else Path(text)


_run = _word_or_number(("mean", "random"), "the number of a run")
_noise = _word_or_number(("search",), "a whole number")
_RUNS: Mapping[str, Callable[[str], Any]] = {"seed": _run, "noise_seed": _noise, "data": str}
_KINDS: Mapping[str, Callable[[str, str], Objective]] = {
    "nasbench101": _benchmark("nasbench101", {"subset": str, **_RUNS}),
    "nasbench201": _benchmark("nasbench201", {"dataset": str, "signal": whole, **_RUNS}),
    "nasbench301-surrogate": _benchmark("nasbench301-surrogate", {"data": str}),
    "digits-201": _benchmark("digits-201", {"signal": whole, "seed": _run, "noise_seed": _noise}),
    "digits": _digits,
    "train": _train,
    "proxy": _proxy,
    "table": _table,
    "python": _python,
}
OF_THE_SEARCHED: Mapping[str, Callable[[str, str, SearchSpace | None], Objective]] = {
    "train": _train,
    "proxy": _proxy,
    "table": _table,
}
"""The kinds whose architectures are of the space that is searched, unless they name another."""
