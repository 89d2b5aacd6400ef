"""CRC-32C (Castagnoli; RFC 3720, appendix B.4) of many short messages at once.

The loop over a message's bytes can't be avoided, but all messages can go
through it together. To end together they are aligned at their ends: leading
zeros don't change a checksum that starts from zero, and four bytes in front of
the message take it from there to the state that the standard starts from.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # 0x1EDC6F41 with its bits reversed: the least significant bit comes first
_START = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8


def crc32c(message: bytes) -> int:
    """The checksum of one message."""
    return int(crc32c_of([message])[0])


def crc32c_of(messages: Sequence[bytes]) -> NDArray[np.uint32]:
    """(n,) the checksums of n messages; fast when there are many of similar length."""
    result = np.empty(len(messages), dtype=np.uint32)
    # Messages of up to twice the length share a loop, so that a long one doesn't make all others long.
    magnitudes = np.array([len(message).bit_length() for message in messages], dtype=np.int64)
    for magnitude in np.unique(magnitudes).tolist():
        rows = np.flatnonzero(magnitudes == magnitude)
        result[rows] = _aligned([messages[row] for row in rows.tolist()])
    return result


def masked(checksums: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Checksums as TFRecord files store them: turned by 15 bits, plus a constant."""
    turned = (checksums >> np.uint32(15)) | (checksums << np.uint32(17))
    return turned + np.uint32(_MASK_DELTA)


def _aligned(messages: Sequence[bytes]) -> NDArray[np.uint32]:
    longest = max(map(len, messages))
    width = longest + 4 + longest % 2
    start = _start_bytes()
    joined = b"".join([(start + message).rjust(width, b"\0") for message in messages])
    # Row t holds the t-th pair of bytes of all messages.
    pairs = np.frombuffer(joined, dtype="<u2").reshape(len(messages), width // 2).T.astype(np.uint32, order="C")
    table = _table()
    state = np.zeros(len(messages), dtype=np.uint32)
    low = np.empty_like(state)
    for pair in pairs:
        np.bitwise_xor(state, pair, out=low)
        np.bitwise_and(low, 0xFFFF, out=low)
        np.right_shift(state, 16, out=state)
        np.bitwise_xor(state, table[low], out=state)
    return state ^ np.uint32(_START)


@cache
def _byte_table() -> NDArray[np.uint32]:
    """(256,) the state that eight zero bits lead to, from each state below 256."""
    state = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        state = np.where(state & 1, (state >> 1) ^ np.uint32(_POLYNOMIAL), state >> 1)
    return state


@cache
def _table() -> NDArray[np.uint32]:
    """(65536,) the state that sixteen zero bits lead to, from each state below 65536."""
    table = _byte_table()
    once = np.arange(1 << 16, dtype=np.uint32)
    for _ in range(2):
        once = (once >> 8) ^ table[once & 0xFF]
    return once


@cache
def _start_bytes() -> bytes:
    """The four bytes that lead from state zero to the standard's start."""
    table = _byte_table().tolist()
    entry_of_top = {entry >> 24: index for index, entry in enumerate(table)}
    state = _START
    for _ in range(4):
        # One step backwards: an entry's top byte is the state's, and says which entry it was.
        index = entry_of_top[state >> 24]
        state = ((state ^ table[index]) << 8 | index) & 0xFFFFFFFF
    return state.to_bytes(4, "little")
