"""Objects on their way to another process, with what is needed to make them there.

A user's file is loaded there first, since nobody there could import it by its name.
What was defined in a notebook, in a program's main file or without a name travels as code. A parcel is
opened only by processes that work for the one that packed it.
"""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arch2vec.common.user_code import load_file, loaded_files
from arch2vec.errors import InputError


@dataclass(frozen=True)
class Parcel:
    """An object in bytes.

    Attributes:
        files: of users, which have to be loaded first.
        folders: where modules are looked for.
        content: the object.
    """

    files: tuple[Path, ...]
    folders: tuple[str, ...]
    content: bytes


def pack(thing: object, what: str) -> Parcel:
    """An object for other processes.

    Args:
        thing: the object that is to be sent.
        what: what it is, for the complaint.

    Raises:
        InputError: it holds something that belongs to this process, such as an open file.
    """
    import cloudpickle

    try:
        content = cloudpickle.dumps(thing)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{what} cannot be sent to another process ({reason}); leave the workers out") from error
    # What it refers to stands there by name. Other files have no business in another process.
    needed = tuple(path for module, path in loaded_files().items() if module.encode() in content)
    return Parcel(needed, tuple(sys.path), content)


def unpack(parcel: Parcel) -> Any:
    """The object in a parcel of :func:`pack`.

    Raises:
        InputError: a user's file that it needs cannot be loaded.
    """
    for folder in parcel.folders:
        if folder not in sys.path:
            sys.path.append(folder)
    for file in parcel.files:
        load_file(file)
    try:
        return pickle.loads(parcel.content)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"a worker process cannot make what it was sent ({reason}); leave the workers out") from error
