"""Writing files so that a crash never leaves half of one, and reading them safely.

A file is written under a temporary name in the same folder, flushed to disk and
renamed: readers see the old content or the new one, never a mixture. Tensors
are stored as safetensors, which holds numbers only, so that reading a file from
somebody else runs no code.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from arch2vec.errors import InputError

AnyPath = str | os.PathLike[str]
"""A file or folder as callers name it: text or a path."""


@contextmanager
def atomic_path(path: AnyPath) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` when the block succeeds.

    The folder is created where missing. When the block raises, the temporary
    file is removed and ``path`` stays as it was.

    Raises:
        InputError: the folder cannot be created or written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=f".tmp{path.suffix}")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private; give them the mode an ordinary open() would.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a full disk or another refusal raises into one line; files that were whole still are.

    Raises:
        InputError: the block could not write to ``path``.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot write {path}: {reason}; what was finished before is kept: make room and repeat the command"
        ) from error


def require_writable(folder: AnyPath) -> None:
    """Fail early, and in one line, when ``folder`` cannot be created or written to.

    Raises:
        InputError: it is a file, or the file system refuses.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot write to the output folder {folder}: {reason}") from error


def write_text(path: AnyPath, text: str) -> None:
    """Write ``text`` to ``path`` atomically.

    Raises:
        InputError: the file cannot be written.
    """
    with writing(Path(path)), atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: AnyPath, document: Any) -> None:
    """Write ``document`` to ``path`` as indented JSON, atomically."""
    write_text(path, json.dumps(document, indent=2) + "\n")


def read_json(path: AnyPath) -> Any:
    """Read a JSON document.

    Raises:
        InputError: the file is missing, unreadable or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or f"not a JSON document ({error})"
        raise InputError(f"cannot read {path}: {reason}") from error


def claim(path: Path, kind: str, settings: Mapping[str, Any]) -> None:
    """Record in ``path`` what its folder holds, or check that it holds just that.

    Args:
        path: a JSON file in the folder, written if it is not there.
        kind: what the folder holds, for complaints: ``run``.
        settings: of it, by name.

    Raises:
        InputError: the file describes something else; the line names the first
            setting that differs.
    """
    if not path.exists():
        write_json(path, dict(settings))
        return
    found = read_json(path)
    if not isinstance(found, dict):
        raise InputError(f"{path} does not describe a {kind}")
    for name, value in settings.items():
        if found.get(name) != value:
            raise InputError(
                f"{path.parent} holds a {kind} with {name} {found.get(name)!r}, not {value!r}; "
                "choose another output folder"
            )


def write_arrays(path: AnyPath, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write named arrays and text metadata as one safetensors file, atomically.

    Raises:
        InputError: the file cannot be written.
    """
    from safetensors.numpy import save_file

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with writing(Path(path)), atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata=dict(metadata))


def read_arrays(path: AnyPath) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read what :func:`write_arrays` wrote.

    Raises:
        InputError: the file is missing, truncated or not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as opened:
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            return arrays, dict(opened.metadata() or {})
    except (OSError, SafetensorError, ValueError) as error:
        reason = getattr(error, "strerror", None) or f"not a whole safetensors file ({error})"
        raise InputError(f"cannot read {path}: {reason}") from error
