"""What a user's code computes, as a short mark that changes when the code does.

The mark is of the statements that the named object is made of: its own, those of everything that they name in
the same file (constants, helpers, classes), and the files beside it that they import. Comments,
formatting and docstrings do not count, nor does code that is not used, nor installed packages.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import inspect
import linecache
import sys
import sysconfig
import threading
import time
import types
from collections.abc import Iterator, Sequence
from pathlib import Path

_MARK = 16  # hexadecimal digits
_LARGEST_SCRIPT = 1 << 24  # bytes; larger files that a command names are data
_TRIES = 20
_PARSING = threading.Lock()  # Python 3.11's parser loses count when several threads parse
_PLAIN = (int, float, complex, str, bytes, bool, type(None))


def mark_of(found: object) -> str | None:
    """The mark of a function, a class or an object of one; None where its source is not to be had."""
    reader = _Reader()
    reader.take(found)
    return reader.mark()


def mark_of_name(file: Path, name: str) -> str | None:
    """The mark of what a Python file calls ``name``; None where the file cannot be read."""
    reader = _Reader()
    reader.names(str(file), {name})
    return reader.mark()


def mark_of_command(words: Sequence[str], folder: Path) -> str:
    """The mark of a command line: its words, and the content of the files among them.

    Of Python files what they import beside them counts too, and comments and formatting do not.
    """
    reader = _Reader()
    reader.text(" ".join(words))
    for word in words:
        try:
            file = (folder / word).resolve()
            if file.is_file() and file.stat().st_size <= _LARGEST_SCRIPT:
                reader.whole(file)
        except (OSError, ValueError):  # no path at all
            continue
    mark = reader.mark()
    assert mark is not None
    return mark


class _Reader:
    def __init__(self) -> None:
        self._parts: set[str] = set()
        self._seen: set[tuple[str, str]] = set()
        self._objects: set[int] = set()

    def mark(self) -> str | None:
        if not self._parts:
            return None
        return hashlib.sha256("\n\n".join(sorted(self._parts)).encode()).hexdigest()[:_MARK]

    def text(self, text: str) -> None:
        """Take in a text as it is."""
        self._parts.add(text)

    def whole(self, file: Path) -> None:
        """Take in a file; of Python with those beside it that it imports."""
        tree = _tree(str(file)) if file.suffix == ".py" else None
        if tree is None:
            self._parts.add(hashlib.sha256(file.read_bytes()).hexdigest())
            return
        self._seen.add((str(file), ""))
        self._parts.add(ast.unparse(tree))
        self._imports(tree, str(file))

    def take(self, found: object) -> None:
        """Take in an object that somebody holds."""
        if id(found) in self._objects:
            return
        self._objects.add(id(found))
        if isinstance(found, functools.partial):
            self.take(found.func)
            self._values([*found.args, *found.keywords.items()])
        elif isinstance(found, types.MethodType):
            self.take(found.__func__)
            self.take(type(found.__self__))
            self._values(sorted(vars(found.__self__).items()) if hasattr(found.__self__, "__dict__") else [])
        elif isinstance(found, types.FunctionType):
            self._function(found)
        elif isinstance(found, type):
            self._class(found)
        elif not isinstance(found, types.BuiltinFunctionType | types.ModuleType):
            self._class(type(found))
            self._values(sorted(vars(found).items()) if hasattr(found, "__dict__") else [])

    def _class(self, kind: type) -> None:
        for each in kind.__mro__:
            file = _source_file(each)
            if file is not None and "<locals>" not in each.__qualname__:
                self.names(file, {each.__qualname__.partition(".")[0]})
            elif file is not None:
                for value in list(vars(each).values()):
                    if isinstance(value, types.FunctionType):
                        self._function(value)

    def _function(self, function: types.FunctionType) -> None:
        function = inspect.unwrap(function)
        file = _source_file(function)
        if file is None:
            return
        first = function.__qualname__.partition(".")[0]
        if "<" not in function.__qualname__ and self.names(file, {first}):
            return
        # A function within another, or without a name: its own statement, and what it names.
        tree = _tree(file)
        if tree is None:
            return
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        line = function.__code__.co_firstlineno
        for node in ast.walk(tree):
            if isinstance(node, kinds) and line in _first_lines(node):
                self._parts.add(ast.unparse(node))
        self.names(file, set(_names_in(function.__code__)), required=False)
        rebound = _nonlocals(tree)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not set yet
                continue
            if name not in rebound:
                self._values([(name, value)])
        self._values([function.__defaults__, function.__kwdefaults__])

    def _values(self, values: Sequence[object]) -> None:
        """Take in plain values, which do not change while a search runs, and code."""
        for value in values:
            if isinstance(value, types.FunctionType | functools.partial | types.MethodType | type):
                self.take(value)
            elif isinstance(value, tuple) and any(callable(each) for each in value):
                self._values(list(value))
            elif _is_plain(value):
                self._parts.add(repr(value))

    def names(self, file: str, names: set[str], required: bool = True) -> bool:
        """Take in the statements of a file that give names their meaning; whether all of them are there."""
        tree = _tree(file)
        if tree is None:
            return False
        bound = [(statement, set(_bound_by(statement))) for statement in tree.body if not _is_main(statement)]
        known = set().union(*(some for _, some in bound)) if bound else set()
        if required and not names <= known:
            return False
        waiting = [name for name in names if name in known]
        while waiting:
            name = waiting.pop()
            if (file, name) in self._seen:
                continue
            self._seen.add((file, name))
            for statement, some in bound:
                if name in some:
                    self._parts.add(ast.unparse(statement))
                    self._imports(statement, file)
                    waiting += [used for used in _used_by(statement) if used in known]
        return True

    def _imports(self, statement: ast.AST, file: str) -> None:
        """Take in the files that a statement imports, as a whole, if they are the user's own."""
        for node in ast.walk(statement):
            wanted: list[str] = []
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                wanted = [base, *(f"{base}{'' if base.endswith('.') else '.'}{alias.name}" for alias in node.names)]
            for name in wanted:
                found = _module_file(name, file)
                if found is None or (found, "") in self._seen:
                    continue
                self._seen.add((found, ""))
                tree = _tree(found)
                if tree is not None:
                    self._parts.add(ast.unparse(tree))
                    self._imports(tree, found)


def _parsed(text: str) -> ast.Module:
    """The statements of a text; tried again where a library's thread has parsed at the same moment."""
    for _ in range(_TRIES):
        try:
            with _PARSING:
                return ast.parse(text)
        except SystemError:
            time.sleep(0.01)
    return ast.parse(text)


def _tree(file: str) -> ast.Module | None:
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
    return tree


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names of its file that a statement gives or changes a meaning."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
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


def _used_by(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _is_main(statement: ast.stmt) -> bool:
    """Whether it is what a file does when it is run as a program."""
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)
    )


def _first_lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[int]:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return {node.lineno, *(decorator.lineno for decorator in decorators)}


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def _nonlocals(tree: ast.Module) -> set[str]:
    """Names that some function of the file declares nonlocal: counters, which say nothing of the code."""
    return {name for node in ast.walk(tree) if isinstance(node, ast.Nonlocal) for name in node.names}


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(_is_plain(each) for each in value)
    return isinstance(value, _PLAIN)


def _source_file(found: types.FunctionType | type) -> str | None:
    """The file, or the notebook's cell, that holds a user's function or class; None for installed code."""
    try:
        file = inspect.getsourcefile(found)
    except TypeError:
        return None
    return None if file is None or _is_installed(file) else file


@functools.cache
def _installed_folders() -> tuple[str, ...]:
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {str(Path(sysconfig.get_path(kind)).resolve()) for kind in kinds}
    return (*(f"{folder}/" for folder in folders), f"{Path(__file__).resolve().parents[1]}/")


def _is_installed(file: str) -> bool:
    return file.startswith("<frozen") or str(Path(file).resolve()).startswith(_installed_folders())


def _module_file(name: str, importer: str) -> str | None:
    """The file of a module that a user's file imports, None where it is none of the user's own."""
    if name.startswith("."):
        base = Path(importer).parent
        depth = len(name) - len(name.lstrip("."))
        for _ in range(depth - 1):
            base = base.parent
        return _file_in(base, name.lstrip("."))
    beside = _file_in(Path(importer).parent, name)
    if beside is not None:
        return beside
    loaded = sys.modules.get(name)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
    else:
        if "." in name:
            return None
        try:
            found = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        file = None if found is None else found.origin
    return file if file and file.endswith(".py") and not _is_installed(file) else None


def _file_in(folder: Path, name: str) -> str | None:
    parts = [part for part in name.split(".") if part]
    place = folder.joinpath(*parts)
    for path in (place.with_name(f"{place.name}.py") if parts else place / "__init__.py", place / "__init__.py"):
        if path.is_file() and not _is_installed(str(path)):
            return str(path)
    return None
