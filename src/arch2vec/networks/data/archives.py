"""Finding published files of images, or downloading them, and checking that they are what was published."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

from arch2vec.common.cache import cache_folder
from arch2vec.common.storage import atomic_path, require_file
from arch2vec.errors import InputError

VARIABLE = "ARCH2VEC_IMAGES"
"""Names the folder of images where no other is given."""

_BLOCK = 1 << 20
_TIMEOUT_S = 60.0


def images_folder(folder: Path | str | None = None) -> Path:
    """Where images are looked for and kept: ``folder``, else ``$ARCH2VEC_IMAGES``, else in the cache."""
    chosen = folder or os.environ.get(VARIABLE)
    return Path(chosen) if chosen else cache_folder() / "images"


def published_file(
    name: str, expected_md5: str | None, folder: Path | str | None = None, url: str | None = None
) -> Path:
    """A published file, downloaded where it is missing.

    Args:
        name: of the file.
        expected_md5: its MD5 sum as 32 hexadecimal digits, None to take any content.
        folder: where files are, as for :func:`images_folder`.
        url: where to download it from, None where that is not possible.

    Raises:
        InputError: it is not there and cannot be downloaded, or has another MD5 sum. A
            download with another sum is not kept.
    """
    place = images_folder(folder)
    path = place / name
    if path.exists():
        require_file(path)
        if expected_md5 is not None:
            _compare(md5_of(path), expected_md5, f"{path}")
        return path
    if url is None:
        raise InputError(f"{path} is not there: put it into that folder, or name its folder in ${VARIABLE}")
    _download(url, path, expected_md5)
    return path


def md5_of(path: Path) -> str:
    """The MD5 sum of a file, 32 hexadecimal digits.

    Raises:
        InputError: it cannot be read.
    """
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.hexdigest()


def _download(url: str, path: Path, expected_md5: str | None) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with (
            atomic_path(path) as temporary,
            urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer,
            temporary.open("wb") as opened,
        ):
            length = answer.headers.get("Content-Length")
            received = 0
            while block := answer.read(_BLOCK):
                digest.update(block)
                opened.write(block)
                received += len(block)
            if length is not None and received != int(length):
                raise OSError(f"the connection ended after {received:,} of {int(length):,} bytes")
            if expected_md5 is not None:
                _compare(digest.hexdigest(), expected_md5, f"what {url} gave")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        reason = getattr(cause, "strerror", None) or cause
        raise InputError(
            f"{path} is not there and {url} cannot be downloaded ({reason}): put the file into {path.parent}"
        ) from error


def _compare(found: str, expected: str, what: str) -> None:
    if found != expected:
        raise InputError(f"{what} is damaged or another file: its MD5 sum is {found}, not {expected}")
