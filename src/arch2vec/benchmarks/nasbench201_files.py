"""NAS-Bench-201 and NATS-Bench topology from the files that people have.

- ``NAS-Bench-201-v1_0-e61699.pth``, ``NAS-Bench-201-v1_1-096897.pth``: one file of
  ``torch.save``;
- ``NATS-tss-v1_0-3ffb9.pickle.pbz2``: one pickle, compressed with bzip2;
- ``NATS-tss-v1_0-3ffb9-simple``: a folder with such a file for each architecture
  and one, ``meta.pickle.pbz2``, with their list; or the ``.tar`` of it, compressed or
  not, or a ``.zip``. The folder may lie in others, as unpacking makes it, and the list may be missing: the
  order of the architectures is published.

The single files are one object, which has to be in memory as a whole, as with
the published interface; the folder and the archive are read one architecture at
a time.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from arch2vec.benchmarks.nasbench201_records import Records
from arch2vec.benchmarks.pickles import read_pickle
from arch2vec.benchmarks.results import Progress, Results
from arch2vec.benchmarks.torch_files import read_torch_file
from arch2vec.benchmarks.unpacked import unpacked
from arch2vec.common.storage import require_file
from arch2vec.errors import InputError

_WAITING = 2_000  # records that are kept for a list that may still come
_DEEP = 4  # folders within folders
_RATIO = 40  # bytes that one of a .pbz2 file may become; a bomb's become thousands
_SMALL = 1 << 20  # bytes of a file in an archive that are read whatever the archive's size
_MEMBER = re.compile(r"(\d{1,6}|meta)\.pickle\.pbz2")


def read_pth(path: Path, progress: Progress | None = None) -> Results:
    """A ``.pth`` file of NAS-Bench-201.

    Raises:
        InputError: it is damaged or no such file, or its pickle names a foreign class.
    """
    with _Counted(path, progress) as opened:
        return _whole(read_torch_file(opened, path), path, "NAS-Bench-201 (Dong and Yang, ICLR 2020)")


def read_pbz2(path: Path, progress: Progress | None = None) -> Results:
    """A single ``.pickle.pbz2`` file of NATS-Bench's topology space.

    Raises:
        InputError: as for :func:`read_pth`.
    """
    with _Counted(path, progress) as opened:
        return _whole(_decompressed(opened, path), path, "NATS-Bench topology (Dong et al., TPAMI 2021)")


def read_simple(path: Path, progress: Progress | None = None) -> Results:
    """A ``-simple`` folder of NATS-Bench's topology space, or the tar archive of one.

    Raises:
        InputError: as for :func:`read_pth`, or it holds no architectures.
    """
    records: Records | None = None
    waiting: dict[int, Any] = {}  # architectures that an archive has before their list
    if path.is_dir():
        members = _folder(path, progress)
    else:
        members = _zip(path, progress) if path.suffix == ".zip" else _archive(path, progress)
    for name, opened in members:
        where = f"{path} ({name})"
        document = _decompressed(opened, where)
        if name.startswith("meta"):
            whole = Records(where, _entry(document, "meta_archs", where))
            if records is not None:
                continue  # they went by the published order, which the list has just been compared with
            records = whole
            for index, record in waiting.items():
                records.add(index, record)
            waiting.clear()
        elif records is None:
            waiting[int(name.partition(".")[0])] = document
            if len(waiting) > _WAITING:  # their list is not there, or at the end, where it changes nothing
                records = _listed(path, waiting)
        else:
            records.add(int(name.partition(".")[0]), document)
    if records is None and not waiting:
        raise InputError(
            f"{path} is no NATS-Bench archive: it holds no 000000.pickle.pbz2 and so on, one for each architecture"
        )
    records = records or _listed(path, waiting)
    return records.results("NATS-Bench topology (Dong et al., TPAMI 2021)")


def _listed(path: Path, waiting: dict[int, Any]) -> Records:
    """The records of architectures in the published order."""
    records = Records(path)
    for index, record in waiting.items():
        records.add(index, record)
    waiting.clear()
    return records


def _whole(document: object, path: Path, release: str) -> Results:
    records = Records(path, _entry(document, "meta_archs", path))
    results = _entry(document, "arch2infos", path)
    if not isinstance(results, Mapping):
        raise InputError(f"{path} is no file of NAS-Bench-201: its 'arch2infos' holds no results")
    for index, record in results.items():
        records.add(index, record)
    return records.results(release)


def _entry(document: object, name: str, where: object) -> Any:
    if not isinstance(document, Mapping) or name not in document:
        raise InputError(f"{where} is no file of NAS-Bench-201: it has no {name!r}")
    return document[name]


def _decompressed(opened: IO[bytes], where: object) -> Any:
    """The object in a bzip2-compressed pickle that is all of the file."""
    start = opened.tell()
    size = opened.seek(0, io.SEEK_END) - start
    opened.seek(start)
    with unpacked(cast(IO[bytes], bz2.BZ2File(opened)), size, _RATIO, where) as plain:
        document = read_pickle(plain, where)
        try:
            rest = plain.read(1)  # to the end, where the checksum is compared
        except (EOFError, OSError) as error:
            raise InputError(f"{where} is damaged or truncated: {error}") from error
        if rest:
            raise InputError(f"{where} is damaged: something follows its pickle")
        return document


def _folder(path: Path, progress: Progress | None) -> Iterator[tuple[str, IO[bytes]]]:
    path = _inner(path)
    names = sorted(entry.name for entry in path.iterdir() if _MEMBER.fullmatch(entry.name))
    # The list of architectures first.
    names.sort(key=lambda name: not name.startswith("meta"))
    for done, name in enumerate(names, start=1):
        with _Counted(path / name, None) as opened:
            yield name, opened
        if progress is not None:
            progress(done, len(names))


def _inner(path: Path) -> Path:
    """The folder with the files, which may lie in folders that hold nothing else.

    Raises:
        InputError: there are several.
    """
    for _ in range(_DEEP):
        if any(_MEMBER.fullmatch(entry.name) for entry in path.iterdir()):
            return path
        folders = [entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__MACOSX"))]
        if not folders:
            return path
        if len(folders) > 1:
            shown = ", ".join(sorted(entry.name for entry in folders)[:5])
            raise InputError(f"{path} holds several folders, {shown}; name the one with the .pickle.pbz2 files")
        (path,) = folders
    return path


def _zip(path: Path, progress: Progress | None) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if _MEMBER.fullmatch(Path(member.filename).name)]
            members.sort(key=lambda member: not Path(member.filename).name.startswith("meta"))
            for done, member in enumerate(members, start=1):
                if member.file_size > max(path.stat().st_size, _SMALL):
                    raise InputError(
                        f"{path} is refused: its {member.filename[:60]!r} claims {member.file_size:,} bytes"
                    )
                yield Path(member.filename).name, io.BytesIO(archive.read(member))
                if progress is not None:
                    progress(done, len(members))
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path} is damaged, truncated or encrypted: {error}") from error


def _archive(path: Path, progress: Progress | None) -> Iterator[tuple[str, IO[bytes]]]:
    with _Counted(path, progress) as counted:
        size = path.stat().st_size
        try:
            with tarfile.open(fileobj=counted, mode="r|*") as archive:
                for member in archive:
                    name = Path(member.name).name
                    if member.issparse() or member.size > max(size, _SMALL):
                        raise InputError(f"{path} is refused: its {name[:60]!r} claims {member.size:,} bytes")
                    content = archive.extractfile(member) if _MEMBER.fullmatch(name) else None
                    if content is not None:
                        yield name, io.BytesIO(content.read())
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path} is damaged or truncated: {error}") from error


class _Counted(io.BufferedReader):
    """A file that says how far it was read."""

    def __init__(self, path: Path, progress: Progress | None) -> None:
        require_file(path)
        try:
            super().__init__(_Reporting(path, progress), buffer_size=1 << 20)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error


class _Reporting(io.FileIO):
    def __init__(self, path: Path, progress: Progress | None) -> None:
        super().__init__(path)
        self._size = path.stat().st_size
        self._progress = progress

    def readinto(self, buffer: Any, /) -> int | None:
        count = super().readinto(buffer)
        if self._progress is not None:
            self._progress(min(self.tell(), self._size), self._size)
        return count
