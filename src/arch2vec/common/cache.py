"""Results that take a while to compute and never change, kept on disk between runs.

The folder is ``$ARCH2VEC_CACHE``, else ``$XDG_CACHE_HOME/arch2vec``, else
``~/.cache/arch2vec``. It may be deleted at any time. A file carries a checksum
of its content; one that is missing, damaged or not accepted by its reader is
computed anew, and a folder that cannot be written to costs time, not the run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from arch2vec.common.storage import read_arrays, write_arrays
from arch2vec.errors import InputError

_LOG = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where computed results are kept; the folder need not exist.

    Raises:
        InputError: no variable names it and the user has no home folder.
    """
    if chosen := os.environ.get("ARCH2VEC_CACHE"):
        return Path(chosen)
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():  # the XDG specification has relative paths ignored
        return base / "arch2vec"
    try:
        return Path.home() / ".cache" / "arch2vec"
    except RuntimeError as error:
        raise InputError("no home folder to keep computed results in: set ARCH2VEC_CACHE to a folder") from error


def cached_arrays(
    name: str,
    version: int,
    build: Callable[[], dict[str, np.ndarray]],
    accept: Callable[[Mapping[str, np.ndarray]], bool],
) -> dict[str, np.ndarray]:
    """The arrays that ``build`` computes, read from disk where an earlier run has left them.

    Args:
        name: of the file, without version and suffix.
        version: a number to raise whenever ``build`` changes its result, so that
            what an older version has left is not used.
        build: computes the arrays.
        accept: whether arrays read from disk are what was asked for; asked after
            the checksum has been verified.
    """
    try:
        path = cache_folder() / f"{name}-v{version}.safetensors"
    except InputError as error:
        _LOG.warning("%s", error)
        return build()
    try:
        arrays, _ = read_arrays(path, unchecked=False)
        if accept(arrays):
            return arrays
    except InputError:
        pass  # not there, or not whole: the same as a wrong checksum
    arrays = build()
    try:
        write_arrays(path, arrays, {"kind": "arch2vec cache"})
    except (InputError, OSError) as error:
        _LOG.warning("cannot keep %s for later runs: %s; set ARCH2VEC_CACHE to a writable folder", name, error)
    return arrays
