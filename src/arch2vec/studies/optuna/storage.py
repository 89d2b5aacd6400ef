"""Optuna's storages by URL, with one line where one does not answer."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from arch2vec.errors import InputError
from arch2vec.searching.patience import may_pass, patiently, reason_of, shown

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage

FORMS = "sqlite:///FILE, journal:///FILE, postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE"
_DRIVERS = {  # of databases: what each can be reached by, and the package to install where there is none
    "postgresql": (("psycopg", "psycopg2"), "psycopg[binary]"),
    "mysql": (("MySQLdb", "pymysql"), "pymysql"),
}
_DIALECTS = {"MySQLdb": "mysqldb"}
T = TypeVar("T")


def is_storage(text: object) -> bool:
    """Whether a text names a storage and no file or folder."""
    return re.match(r"(sqlite|journal|postgresql|mysql)(\+\w+)?://", str(text)) is not None


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
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"cannot write the storage {url}: {error.strerror or error}") from error
        if base == "journal":
            from optuna.storages.journal import JournalFileBackend

            return optuna.storages.JournalStorage(JournalFileBackend(str(path)))
        options: dict[str, Any] = {"pool_pre_ping": True}
        reached = url
        if kind in _DRIVERS:
            reached = f"{kind}+{_driver(kind)}://{where}"
        if base == "sqlite":
            options = {"connect_args": {"timeout": 60}}
        return optuna.storages.get_storage(_database(reached, options))
    except InputError:
        raise
    except Exception as error:
        raise _no_storage(url, error) from error


def ask(url: str, action: Callable[[], T], patience_s: float | None = None) -> T:
    """Do something with a storage, patiently (:func:`arch2vec.searching.patience.patiently`).

    Raises:
        InputError: it has not answered for so long, or its content cannot be read.
        OptunaError: what is asked for is not there, or has ended.
    """
    from optuna.exceptions import OptunaError, StorageInternalError

    try:
        return patiently(url, action, patience_s)
    except InputError:
        raise
    except Exception as error:
        if isinstance(error, OptunaError) and not isinstance(error, StorageInternalError):
            raise
        raise _no_storage(url, error) from error


def _no_storage(url: str, error: Exception) -> InputError:
    if may_pass(error):
        return InputError(f"the storage {shown(url)} does not answer: {reason_of(error)}")
    return InputError(
        f"the storage {shown(url)} cannot be read or written: {reason_of(error)}; restore it, or name another"
    )


def _database(url: str, options: dict[str, Any]) -> RDBStorage:
    """A database with Optuna's tables, which several processes that begin at once may all be about to make."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import IntegrityError

    for wait_s in (0.1, 0.3, 1.0, 3.0):
        try:
            return RDBStorage(url, engine_kwargs=options)
        except Exception as error:
            if not isinstance(error, IntegrityError) and "already exists" not in str(error):
                raise
            time.sleep(wait_s)
    return RDBStorage(url, engine_kwargs=options)


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
