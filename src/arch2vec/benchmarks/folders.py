"""Where benchmark files are looked for."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

VARIABLE = "ARCH2VEC_DATA"


def data_folders() -> tuple[Path, ...]:
    """The folders that benchmark files are looked for in, the first one first; they need not exist.

    ``$ARCH2VEC_DATA`` alone where it is set; else ``data`` in the current
    folder, ``../shared/data`` (a folder that several checkouts share), and the
    user's own ``$XDG_DATA_HOME/arch2vec`` (``~/.local/share/arch2vec``).
    """
    if chosen := os.environ.get(VARIABLE):
        return (Path(chosen).expanduser(),)
    folders = [Path("data"), Path("..") / "shared" / "data"]
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    if base.is_absolute():  # the XDG specification has relative paths ignored
        folders.append(base / "arch2vec")
    else:
        with contextlib.suppress(RuntimeError):  # without a home folder there is one place less to look in
            folders.append(Path.home() / ".local" / "share" / "arch2vec")
    return tuple(folders)


def find_file(name: str) -> Path | None:
    """The first file or folder of that name in the :func:`data_folders`, None if there is none."""
    for folder in data_folders():
        if (folder / name).exists():
            return folder / name
    return None
