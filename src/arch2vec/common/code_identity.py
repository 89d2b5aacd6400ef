"""What a user's code computes, as a short mark that changes when the code does.

The mark is of the statements that the named object is made of: its own, those of everything that they name in
the same file (constants, helpers, classes), those that change what was named (``random.seed(1)``,
``CONFIG.update(...)``), and the files beside it that they import. Of objects it is of what they hold as well
(:mod:`arch2vec.common.held_values`). Comments, formatting, docstrings and annotations do not count, nor does code
that is not used, nor installed packages. What code reads while it runs, such as a file of data or a variable of the
environment, cannot be seen.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import inspect
import re
import shlex
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from arch2vec.common.held_values import names_that_change, text_of
from arch2vec.common.statements import bound_by, does_something, first_lines, is_main, names_in, tree_of, used_by

_MARK = 16  # hexadecimal digits
_LARGEST_SCRIPT = 1 << 24  # bytes; larger files that a command names are data


def mark_of(found: object, *, whole: bool = False) -> str | None:
    """The mark of a function, a class or an object of one; None where its source is not to be had.

    Args:
        found: the object that is marked.
        whole: None too where the source of any part of it is lacking, as in another process than the notebook's.
    """
    reader = _Reader()
    reader.take(found)
    return None if whole and reader.lacking else reader.mark()


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
    for name in _files_named(words):
        try:
            file = (folder / name).resolve()
            if file.is_file() and file.stat().st_size <= _LARGEST_SCRIPT:
                reader.whole(file)
        except (OSError, ValueError):  # no path at all
            continue
    mark = reader.mark()
    assert mark is not None
    return mark


def _files_named(words: Sequence[str]) -> Iterator[str]:
    """What may be files in a command line: its words, ``--config=FILE``, ``-m MODULE``, and words within a word.

    What it writes is not meant, as far as options and suffixes tell.
    """
    for before, word in zip(["", *words], words, strict=False):
        option, _, value = word.rpartition("=")
        if word.endswith(_WRITTEN) or _WRITES.match(option or before) or word.startswith(">"):
            continue
        yield from (word, value)
        if before == "-m":
            path = word.replace(".", "/")
            yield from (f"{path}.py", f"{path}/__main__.py", f"{path}/__init__.py")
        if " " in word:
            with contextlib.suppress(ValueError):  # an open quotation mark
                yield from _files_named(shlex.split(word))


_WRITTEN = (".log", ".out", ".err", ".jsonl", ".pt", ".pth", ".ckpt")
_WRITES = re.compile(r"[12]?>|-o$|--?([\w-]*-)?(out|log|sav|result|checkpoint|ckpt|dump|writ)", re.IGNORECASE)


class _Reader:
    """Collects the parts of a mark.

    Attributes:
        lacking: whether the source of something was not to be had.
    """

    def __init__(self) -> None:
        self.lacking = False
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
        tree = tree_of(str(file)) if file.suffix == ".py" else None
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
            changing = self._changing(inspect.unwrap(found.func))
            self._values(dict(enumerate(found.args)))
            self._values({name: value for name, value in found.keywords.items() if name not in changing})
        elif isinstance(found, types.MethodType):
            self.take(found.__func__)
            self.take(found.__self__)
        elif isinstance(found, types.FunctionType):
            self._function(found)
        elif isinstance(found, type):
            self._class(found)
        elif not isinstance(found, types.BuiltinFunctionType | types.ModuleType):
            self._class(type(found))
            if hasattr(found, "__dict__") and not _is_network(found):
                changing = set().union(*(self._changing(kind) for kind in type(found).__mro__))
                self._values({name: value for name, value in vars(found).items() if name not in changing})

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
        if "<" not in function.__qualname__ and self.names(file, {first}, around=function.__globals__):
            self._values(_held_by_defaults(function))
            return
        # A function within another, or without a name: its own statement, and what it names.
        tree = tree_of(file)
        if tree is None:
            self.lacking = True
            return
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        line = function.__code__.co_firstlineno
        for node in ast.walk(tree):
            if isinstance(node, kinds) and line in first_lines(node):
                self._parts.add(ast.unparse(node))
        self.names(file, set(names_in(function.__code__)), required=False, around=function.__globals__)
        changing = names_that_change(tree)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not set yet
                continue
            if name not in changing:
                self._values({name: value})
        self._values(_held_by_defaults(function))

    def _changing(self, code: object) -> set[str]:
        """The names that the functions of an object's file change while they are called."""
        file = _source_file(code) if isinstance(code, types.FunctionType | type) else None
        tree = None if file is None else tree_of(file)
        return set() if tree is None else names_that_change(tree)

    def _values(self, values: Mapping[Any, object]) -> None:
        """Take in named values: code, and what is the same in every process."""
        for name, value in values.items():
            if isinstance(value, types.FunctionType | functools.partial | types.MethodType | type):
                self.take(value)
            elif isinstance(value, list | tuple) and any(callable(each) for each in value):
                self._values({(name, place): each for place, each in enumerate(value)})
            elif (text := text_of(value)) is not None:
                self._parts.add(f"{name} = {text}")
            elif _source_file(type(value)) is not None:
                self.take(value)

    def names(
        self, file: str, names: set[str], required: bool = True, around: Mapping[str, object] | None = None
    ) -> bool:
        """Take in the statements of a file that give names their meaning; whether all of them are there.

        Args:
            file: of the statements.
            names: whose meaning is looked for.
            required: whether to do nothing where some are not there.
            around: values of names that the file does not define, as another cell of a notebook does.
        """
        tree = tree_of(file)
        if tree is None:
            return False
        statements = [statement for statement in tree.body if not is_main(statement)]
        bound = [(statement, set(bound_by(statement))) for statement in statements]
        known = set().union(*(some for _, some in bound)) if bound else set()
        if required and not names <= known:
            return False
        imported = {name for each, some in bound if isinstance(each, ast.Import | ast.ImportFrom) for name in some}
        changing = names_that_change(tree) if around else set()
        taken: set[int] = set()
        waiting = set(names)

        def take(statement: ast.stmt) -> None:
            if id(statement) not in taken:
                taken.add(id(statement))
                self._parts.add(ast.unparse(statement))
                self._imports(statement, file)
                waiting.update(used_by(statement))
                if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                    waiting.add(statement.name)

        for statement in statements:
            star = isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"
            if star or (isinstance(statement, ast.Expr) and any(does_something(statement, name) for name in imported)):
                take(statement)
        while waiting:
            name = waiting.pop()
            if (file, name) in self._seen:
                continue
            self._seen.add((file, name))
            if name not in known:
                if around and name in around and name not in changing and not name.startswith("__"):
                    self._values({name: around[name]})
                continue
            for statement, some in bound:
                if name in some:
                    take(statement)
            for statement in statements:
                if does_something(statement, name):
                    take(statement)
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
            for name in [*_packages_of(wanted), *wanted]:
                found = _module_file(name, file)
                if found is None or (found, "") in self._seen:
                    continue
                self._seen.add((found, ""))
                tree = tree_of(found)
                if tree is not None:
                    tree.body = [each for each in tree.body if not is_main(each)]
                    self._parts.add(ast.unparse(tree))
                    self._imports(tree, found)


def _packages_of(modules: Sequence[str]) -> Iterator[str]:
    """The packages that are imported before modules in them are."""
    for module in modules:
        parts = module.split(".")
        if parts[0]:
            yield from (".".join(parts[:depth]) for depth in range(1, len(parts)))


def _held_by_defaults(function: types.FunctionType) -> dict[str, object]:
    return {"defaults": function.__defaults__, "keyword defaults": function.__kwdefaults__}


def _is_network(found: object) -> bool:
    """Whether it is a PyTorch module, whose weights may be other ones in each process."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(found, torch.nn.Module)


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
