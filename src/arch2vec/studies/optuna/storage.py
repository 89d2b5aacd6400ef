"""Optuna's storages by URL, with one line where one does not answer."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from arch2vec.errors import InputError
from arch2vec.searching.failures import one_line, say

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

FORMS = "sqlite:///FILE, journal:///FILE, postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE"
PATIENCE_S = 600.0
"""For so long a search waits for a storage that has stopped to answer, while trainings go on."""

T = TypeVar("T")

_DRIVERS = {  # of databases: what each can be reached by, and the package to install where there is none
    "postgresql": (("psycopg", "psycopg2"), "psycopg[binary]"),
    "mysql": (("MySQLdb", "pymysql"), "pymysql"),
}
_DIALECTS = {"MySQLdb": "mysqldb"}


def is_storage(text: object) -> bool:
    """Whether a text names a storage and no file or folder."""
    return re.match(r"(sqlite|journal|postgresql|mysql)(\+\w+)?://", str(text)) is not None


def shown(url: str) -> str:
    """A URL as it may be shown, without its password."""
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", url)


def open_storage(url: str, *, make: bool = True) -> BaseStorage:
    """The storage at a URL.

    Args:
        url: of the storage.
        make: whether SQLite's and the journal's files are made where missing.

    Raises:
        InputError: there is no such kind of storage, its driver is not installed, or it does not answer.
    """
    kind, separator, where = url.partition("://")
    base = kind.partition("+")[0]
    if not separator or base not in ("sqlite", "journal", "postgresql", "mysql"):
        raise InputError(f"{shown(url)!r} names no storage; write {FORMS}")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        if base in ("sqlite", "journal"):
            path = Path(where[1:] if where.startswith("/") else where)
            if not path.name:
                raise InputError(f"{url!r} names no file; write {base}:///FILE")
            if not make and not path.is_file():
                raise InputError(f"there is no storage {url}: no file {path}")
            path.parent.mkdir(parents=True, exist_ok=True)
        if base == "journal":
            from optuna.storages.journal import JournalFileBackend

            return optuna.storages.JournalStorage(JournalFileBackend(str(path)))
        options: dict[str, Any] = {"pool_pre_ping": True}
        if kind in _DRIVERS:
            url = f"{kind}+{_driver(kind)}://{where}"
        if base == "sqlite":
            options = {"connect_args": {"timeout": 60}}
        return optuna.storages.get_storage(optuna.storages.RDBStorage(url, engine_kwargs=options))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"the storage {shown(url)} does not answer: {_reason(error)}") from error


def _driver(kind: str) -> str:
    """The name of an installed package that reaches a kind of database.

    Raises:
        InputError: there is none.
    """
    names, package = _DRIVERS[kind]
    for name in names:
        if importlib.util.find_spec(name) is not None:
            return _DIALECTS.get(name, name)
    raise InputError(f"a storage in {kind} needs a package more: pip install '{package}'")


def patiently(url: str, action: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """Do something with a storage, again and again while it does not answer.

    Raises:
        InputError: it has not answered for so long.
    """
    start, wait_s = time.monotonic(), 0.5
    while True:
        try:
            return action()
        except Exception as error:
            if not may_pass(error):
                raise
            if time.monotonic() - start >= patience_s:
                raise InputError(
                    f"the storage {shown(url)} has not answered for {patience_s:.0f} s: {_reason(error)}; what was "
                    "finished is kept: repeat the command when it is there again"
                ) from error
            if wait_s == 0.5 * 2:
                say(f"the storage {shown(url)} does not answer ({_reason(error)}); it is tried again")
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, 10.0)


def may_pass(error: BaseException) -> bool:
    """Whether an error is of the way to the storage, or of a full disk, and no mistake of ours."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, StorageInternalError | SQLAlchemyError | OSError)


def _reason(error: BaseException) -> str:
    """What is wrong, in one line: the first line of what the database's own driver says."""
    while error.__cause__ is not None and type(error).__module__.startswith(("optuna", "sqlalchemy")):
        error = error.__cause__
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return one_line(RuntimeError(first)).removeprefix("RuntimeError: ") if first else type(error).__name__
