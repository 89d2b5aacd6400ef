"""How many threads PyTorch computes with, for as long as a piece of work takes.

Work made of tiny operations gains little from a second thread, and on a machine
that is busy with something else it loses everything: each operation then waits
for a thread that is not running. One thread also makes results independent of
how many cores there are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


@contextmanager
def thread_count(count: int) -> Iterator[None]:
    """Compute with ``count`` threads within the block.

    PyTorch takes seconds to import, and work that does without it does not wait for it: where it has not been
    imported, the number is set as soon as it is. The setting belongs to the process: concurrent work needs
    processes of its own.
    """
    torch = sys.modules.get("torch")
    setting = _AtImport(count) if torch is None else None
    before = None if torch is None else torch.get_num_threads()
    if setting is not None:
        sys.meta_path.insert(0, setting)
    elif torch is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if setting is not None:
            before = setting.end()
        if before is not None:
            sys.modules["torch"].set_num_threads(before)


class _AtImport(MetaPathFinder):
    """Sets the number of threads when PyTorch is imported."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._before: int | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How it is imported otherwise, and then the setting."""
        if fullname != "torch" or path is not None:
            return None
        del target
        sys.meta_path.remove(self)
        found = find_spec(fullname)
        if found is None or found.loader is None:
            return found
        run = found.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            self._before = module.get_num_threads()
            module.set_num_threads(self._count)

        found.loader.exec_module = exec_module  # type: ignore[method-assign]
        return found

    def end(self) -> int | None:
        """The number of threads before, None if it was not imported."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        return self._before
