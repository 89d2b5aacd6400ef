"""Writing files so that a crash never leaves half of one, and reading them safely.

A file is written under a temporary name in the same folder, flushed to disk and
renamed: readers see the old content or the new one, never a mixture. Tensors
are stored as safetensors, which holds numbers only, so that reading a file from
somebody else runs no code.

What is written carries a checksum of its content, which is compared when it is
read: one flipped bit is a complaint, not another result. Files of versions that
wrote none are still read.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from arch2vec.common.documents import parse_json, sealed, unsealed
from arch2vec.errors import InputError

AnyPath = str | os.PathLike[str]
"""A file or folder as callers name it: text or a path."""
_CHECKSUM = "content_sha256"  # the entry of a safetensors file's metadata
_JSON_BYTES = 1 << 28


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
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
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


def require_file(path: AnyPath, most: int | None = None) -> None:
    """Fail in one line unless ``path`` is an ordinary file: a pipe or a device may never end.

    Args:
        path: what is to be read.
        most: bytes that what it should be can have, None for any number.

    Raises:
        InputError: it is missing or no file, or larger than ``most``.
    """
    try:
        state = Path(path).stat()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(state.st_mode):
        raise InputError(f"cannot read {path}: Is a directory")
    if not stat.S_ISREG(state.st_mode):
        raise InputError(f"cannot read {path}: not an ordinary file")
    if most is not None and state.st_size > most:
        raise InputError(f"cannot read {path}: it has {state.st_size:,} bytes, {most:,} at most are possible")


@contextmanager
def reading(path: AnyPath, what: str) -> Iterator[None]:
    """Turn whatever a parser of foreign content raises into one line.

    Args:
        path: the file to read or write.
        what: the file should be, as in ``a whole safetensors file``.

    Raises:
        InputError: the block could not read ``path``.
    """
    require_file(path)
    try:
        yield
    except (InputError, MemoryError):  # want of memory, an ArrowException too, is no fault of the file's
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or f'not {what} ({_line(error)})'}") from error
    except Exception as error:
        raise InputError(f"cannot read {path}: not {what} ({_line(error)})") from error


def _line(error: Exception) -> str:
    """What an exception says, as far as it is fit to print on one line."""
    first = (str(error) or type(error).__name__).partition("\n")[0]
    return "".join(character for character in first if character.isprintable())[:200].rstrip(".")


def read_text(path: AnyPath, most: int = _JSON_BYTES) -> str:
    """The text in a UTF-8 file of at most so many bytes.

    Raises:
        InputError: the file is missing, unreadable, too large or no such text.
    """
    require_file(path, most)
    with reading(path, "a text"):
        return Path(path).read_text(encoding="utf-8")


def write_json(path: AnyPath, document: Any, *, seal: bool = True) -> None:
    """Write ``document`` to ``path`` as indented JSON, atomically.

    Args:
        path: the file to read or write.
        document: an object gets an entry more, the checksum of its content.
        seal: False for what only others read, without a checksum.
    """
    if seal and isinstance(document, dict):
        document = sealed(document)
    write_text(path, json.dumps(document, indent=2) + "\n")


def read_json(path: AnyPath) -> Any:
    """Read a JSON document, without its checksum.

    Raises:
        InputError: the file is missing, unreadable, no JSON, or not as it was written.
    """
    return unsealed(parse_json(read_text(path), path), path)


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
                f"{path.parent} holds a {kind} with {difference(name, found.get(name), value)}; "
                "choose another output folder"
            )


def difference(name: str, stored: object, wanted: object) -> str:
    """How a setting differs, in words that a person can do something with.

    >>> difference("method", "random", "bo")
    "method 'random', not 'bo'"
    """
    if name == "embedding":  # two long numbers say nothing
        return "embedding of other vectors, of other architectures, or in another order"
    one, other = _short(stored), _short(wanted)
    return f"{name} {one}, not {other if one != other else f'this other {name} of that name'}"


def _short(value: object) -> str:
    """A setting; of a declared space, its name."""
    if not (isinstance(value, str) and value.startswith("declared:{")):
        return repr(value)
    try:
        return repr(json.loads(value.removeprefix("declared:"))["name"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "a declared one"


_OTHER_FORMATS = frozenset(
    {".csv", ".tsv", ".txt", ".json", ".npy", ".npz", ".pt", ".pth", ".pkl", ".pickle", ".h5", ".hdf5", ".feather"}
)


def refuse_other_formats(path: Path) -> None:
    """Refuse a name for vectors that promises what they are not written as.

    Raises:
        InputError: it ends as that of another format.
    """
    if path.suffix.lower() in _OTHER_FORMATS:
        raise InputError(
            f"vectors are written as Parquet (.parquet) or safetensors (.safetensors), not as {path.suffix}: name "
            f"{path.stem}.parquet, or take the embedding's to_pandas()"
        )


def write_arrays(path: AnyPath, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write named arrays and text metadata as one safetensors file with a checksum, atomically.

    Raises:
        InputError: the file cannot be written.
    """
    from safetensors.numpy import save_file

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with writing(Path(path)), atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={**metadata, _CHECKSUM: _digest(contiguous, metadata)})


def read_arrays(path: AnyPath, *, unchecked: bool = True) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read what :func:`write_arrays` wrote.

    Args:
        path: the file to read or write.
        unchecked: whether a file without a checksum is read, as other programs and older
            versions write them.

    Raises:
        InputError: the file is missing, truncated, not a safetensors file of numbers that
            NumPy knows, or not as it was written.
    """
    from safetensors import safe_open

    with reading(path, "a whole safetensors file"), safe_open(path, framework="numpy") as opened:
        arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        metadata = dict(opened.metadata() or {})
    stored = metadata.pop(_CHECKSUM, None)
    if stored is None and not unchecked:
        raise InputError(f"cannot read {path}: it has no checksum")
    if stored is not None and stored != _digest(arrays, metadata):
        raise InputError(
            f"{path} is damaged: its content is not that of its checksum; restore it, "
            "or remove it and repeat the command that wrote it"
        )
    return arrays, metadata


def _digest(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    """SHA-256 over the names, types, shapes and bytes of arrays, and over the metadata."""
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        shape = arrays[name].shape or (1,)  # ascontiguousarray, and so the file, has numbers as vectors of one
        digest.update(f"{name} {array.dtype.str} {shape}\n".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()
