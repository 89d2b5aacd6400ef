"""Files of ``torch.save``, of both formats, without PyTorch and without its tensors.

Since PyTorch 1.6 they are ZIP archives with the pickle in ``NAME/data.pkl``;
before, they were a row of pickles: a magic number, a version, facts on the
system, the object, and the keys of the tensors' storages, which follow.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

from arch2vec.benchmarks.pickles import read_pickle
from arch2vec.benchmarks.unpacked import unpacked
from arch2vec.errors import InputError

LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""The pickled magic number that files of the older format begin with."""
ZIP_START = b"PK\x03\x04"
_RATIO = 8  # bytes that one of a compressed member may become; PyTorch does not compress


def is_torch_file(path: Path) -> bool:
    """Whether a file begins as one of ``torch.save`` does."""
    with path.open("rb") as opened:
        start = opened.read(len(LEGACY_START))
    return start == LEGACY_START or start.startswith(ZIP_START)


def read_torch_file(opened: IO[bytes], where: object) -> Any:
    """The object in a file, made of plain containers and numbers.

    Raises:
        InputError: the file is damaged or of another kind, or it names a class that
            has no place in a benchmark.
    """
    start = opened.read(len(LEGACY_START))
    opened.seek(0)
    if start == LEGACY_START:
        for _ in ("magic number", "version", "system"):
            read_pickle(opened, where)
        return read_pickle(opened, where, tensors=True)
    try:
        with zipfile.ZipFile(opened) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(names) != 1:
                raise InputError(f"{where} is no file of torch.save: {len(names)} pickles in a ZIP archive")
            facts = archive.getinfo(names[0])
            with (
                archive.open(names[0]) as packed,
                unpacked(packed, facts.compress_size, _RATIO, where) as member,
            ):
                read = read_pickle(member, where, tensors=True)
                while member.read(1 << 20):  # to the end, where the checksum is compared
                    pass
                return read
    except InputError:
        raise
    except Exception as error:  # whatever the parts of a damaged archive bring about
        raise InputError(f"{where} is damaged or truncated: {error}") from error
