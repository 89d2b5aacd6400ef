"""The statements of Python files: what each gives a meaning to, what it uses, and what it does besides."""

from __future__ import annotations

import ast
import linecache
import threading
import time
import types
from collections.abc import Iterator

_TRIES = 20
_PARSING = threading.Lock()  # Python 3.11's parser loses count when several threads parse
_QUIET = {"print", "logging", "logger", "log", "warnings", "matplotlib", "plt", "sys"}
"""What calls at the top of a file may be of without changing what it computes."""


def _parsed(text: str) -> ast.Module:
    """The statements of a text; tried again where a library's thread has parsed at the same moment."""
    for _ in range(_TRIES):
        try:
            with _PARSING:
                return ast.parse(text)
        except SystemError:
            time.sleep(0.01)
    return ast.parse(text)


def tree_of(file: str) -> ast.Module | None:
    """A file's statements without docstrings, None where they are not to be had."""
    linecache.checkcache(file)
    lines = linecache.getlines(file)
    try:
        tree = _parsed("".join(lines)) if lines else None
    except (SyntaxError, ValueError):
        return None
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            told = first.value if isinstance(first, ast.Expr) else None
            if isinstance(told, ast.Constant) and isinstance(told.value, str):
                node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return tree


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names of its file that a statement gives or changes a meaning."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        for node in ast.walk(statement):
            if isinstance(node, ast.Global):
                yield from node.names
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            inner: ast.expr = node
            while isinstance(inner, ast.Subscript | ast.Attribute):
                inner = inner.value
            if isinstance(inner, ast.Name):
                yield inner.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def used_by(statement: ast.stmt) -> set[str]:
    """The names of its file that a statement mentions."""
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def is_main(statement: ast.stmt) -> bool:
    """Whether it is what a file does when it is run as a program."""
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)
    )


def first_lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[int]:
    """The lines that a function may be said to begin on: its own, and its decorators'."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return {node.lineno, *(decorator.lineno for decorator in decorators)}


def names_in(code: types.CodeType) -> Iterator[str]:
    """The names that compiled code mentions, those of attributes among them."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_in(constant)


def does_something(statement: ast.stmt, name: str) -> bool:
    """Whether a statement at the top of a file does something with what a name means, beside giving names meanings."""
    if not isinstance(statement, ast.Expr | ast.If | ast.For | ast.While | ast.With | ast.Try):
        return False
    used = used_by(statement)
    return name in used and not (isinstance(statement, ast.Expr) and used & _QUIET)
