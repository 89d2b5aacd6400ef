"""The bytes of one pickle out of a stream, looked through before they are unpickled.

A few bytes can ask an unpickler for gigabytes: for a memo with hundreds of
millions of places, for copies of copies, for containers by the million. Pickles
that hold what their bytes say ask for none of that. Fixed-size operations are
skipped a run at a time, so that this costs little beside the unpickling.
"""

from __future__ import annotations

import io
import pickletools
import re
from typing import IO, Any

from typing_extensions import override

_CHUNK = 1 << 16
_LINE = 1 << 20  # bytes of an argument that ends with its line
_CONTAINERS, _BYTES_A_CONTAINER = 100_000, 4  # that a pickle may begin: so many, and one more for so many bytes

_STOP, _PUT, _LONG_PUT = ord("."), ord("p"), ord("r")
_SIZES = {-2: 1, -3: 4, -4: 4, -5: 8}  # bytes of an argument's length, by how pickletools calls it
_PAIRS = {ord("c"), ord("i")}  # arguments of two lines

_FIXED: dict[int, list[int]] = {}  # operations by the bytes of their argument
_PREFIXED: dict[int, int] = {}  # operations by the bytes of their argument's length
_LINES: set[int] = set()
for _op in pickletools.opcodes:
    _size = 0 if _op.arg is None else _op.arg.n
    if _size == -1:
        _LINES.add(ord(_op.code))
    elif _size < 0:
        _PREFIXED[ord(_op.code)] = _SIZES[_size]
    elif ord(_op.code) not in (_STOP, _LONG_PUT):
        _FIXED.setdefault(_size, []).append(ord(_op.code))
_RUN = re.compile(
    b"(?s:(?:"
    + b"|".join(
        b"[" + b"".join(re.escape(bytes([code])) for code in codes) + b"]" + b"." * size
        for size, codes in _FIXED.items()
    )
    + b")*+)"
)


class PickleBytes(io.RawIOBase):
    """A stream that ends with the pickle that another one is at the start of.

    The other is left behind the pickle's end.

    Args:
        opened: the other; with ``peek``, or else seekable.

    Attributes:
        passed: bytes read so far.

    Raises:
        ValueError: while reading, where the pickle asks for what is out of proportion.
    """

    def __init__(self, opened: IO[bytes]) -> None:
        self._opened: Any = opened
        self._ready = b""  # looked through, not read yet
        self._rest = b""  # the beginning of an operation
        self._skip = 0  # bytes of a string still to come
        self._containers = 0
        self._ended = False
        self.passed = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any, /) -> int:
        while not self._ready and not self._ended:
            self._look()
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _look(self) -> None:
        """Look through the next piece of the stream."""
        peeked = hasattr(self._opened, "peek")
        chunk = self._opened.peek(_CHUNK)[:_CHUNK] if peeked else self._opened.read(_CHUNK)
        if not chunk:  # it ends within the pickle, of which the unpickler will complain
            self._ready, self._rest, self._ended = self._rest, b"", True
            return
        data = self._rest + chunk
        at = self._through(data)
        used = at - len(self._rest) if self._ended else len(chunk)
        if peeked:
            self._opened.read(used)
        else:
            self._opened.seek(used - len(chunk), io.SEEK_CUR)
        self._ready, self._rest = data[:at], b"" if self._ended else data[at:]
        self.passed += at

    def _through(self, data: bytes) -> int:
        """How far the operations in ``data`` are whole."""
        at = 0
        while True:
            skipped = min(self._skip, len(data) - at)
            at, self._skip = at + skipped, self._skip - skipped
            run = _RUN.match(data, at)
            assert run is not None
            self._count(data, at, run.end())
            at = run.end()
            if at == len(data) or self._skip:
                return at
            code = data[at]
            if code in _PREFIXED:
                start = at + 1 + _PREFIXED[code]
                if start > len(data):
                    return at
                self._skip, at = int.from_bytes(data[at + 1 : start], "little"), start
            elif code == _LONG_PUT:
                if at + 5 > len(data):
                    return at
                self._memo(int.from_bytes(data[at + 1 : at + 5], "little"), at)
                at += 5
            elif code in _LINES:
                end = data.find(b"\n", at) if code not in _PAIRS else data.find(b"\n", data.find(b"\n", at) + 1)
                if end <= at or (code in _PAIRS and data.count(b"\n", at, end) < 1):
                    if len(data) - at > _LINE:
                        raise ValueError("a line without an end")
                    return at
                if code == _PUT and data[at + 1 : end].strip().isdigit():
                    self._memo(int(data[at + 1 : end][:20]), at)
                at = end + 1
            elif code in _KNOWN:  # the rest of its argument is still to come
                return at
            else:  # the end, or no operation, of which the unpickler will complain
                self._ended = True
                return at + 1

    def _memo(self, place: int, at: int) -> None:
        if place > self.passed + at + 1:
            raise ValueError(f"a memo of {place:,} places in a pickle that has had {self.passed + at + 1:,} bytes")

    def _count(self, data: bytes, start: int, end: int) -> None:
        self._containers += sum(data.count(code, start, end) for code in (b"]", b"}", b"\x8f"))
        if self._containers > _CONTAINERS + (self.passed + end) // _BYTES_A_CONTAINER:
            raise ValueError(f"{self._containers:,} containers in {self.passed + end:,} bytes")


_KNOWN = {code for codes in _FIXED.values() for code in codes}
