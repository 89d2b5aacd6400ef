"""MD5 of many short messages at once.

The published NAS-Bench-101 module hash (:func:`arch2vec.graphs.fingerprints.module_hash`)
is made of MD5 digests of short texts: 20 million of them for the whole search
space. Here the 64 steps of RFC 1321 are array operations over a batch of
messages of one length, each several times as fast a message as a call of
:mod:`hashlib`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_CHUNK = 8192  # messages hashed at a time: their words and the state stay in the cache

# RFC 1321, section 3.4: the rotations of the four rounds, and the integer parts of 2^32 |sin i|.
_ROTATIONS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_CONSTANTS = tuple(np.array(int(2**32 * abs(math.sin(i + 1))), dtype=np.uint32) for i in range(64))
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)

_SHIFTS = tuple(np.array(bits, dtype=np.uint32) for bits in range(33))

_HEXADECIMAL = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)
"""The two digits of every byte, as one item of the table."""


def md5(messages: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The MD5 digests of N messages of L bytes.

    Args:
        messages: (N, L) uint8.

    Returns:
        (N, 16) uint8.
    """
    digests = np.empty((len(messages), 16), dtype=np.uint8)
    for start in range(0, len(messages), _CHUNK):
        part = slice(start, start + _CHUNK)
        digests[part] = _digest(_padded_words(messages[part]))
    return digests


def hexadecimal(digests: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The (N, 32) bytes of the hexadecimal text of (N, 16) digests, in lower case."""
    return _HEXADECIMAL[digests].view(np.uint8)


def _padded_words(messages: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(blocks, 16, N) words of the messages after a one bit, zeros and the length in bits (section 3.1 and 3.2)."""
    n, length = messages.shape
    blocks = (length + 8) // 64 + 1
    padded = np.zeros((n, 64 * blocks), dtype=np.uint8)
    padded[:, :length] = messages
    padded[:, length] = 0x80
    padded[:, -8:] = np.frombuffer((8 * length).to_bytes(8, "little"), dtype=np.uint8)
    words = padded.view("<u4").astype(np.uint32, copy=False)
    return np.ascontiguousarray(words.T).reshape(blocks, 16, n)


def _digest(words: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """(N, 16) digests of padded messages (blocks, 16, N)."""
    n = words.shape[2]
    state = [np.full(n, value, dtype=np.uint32) for value in _START]
    mixed, carried = np.empty(n, dtype=np.uint32), np.empty(n, dtype=np.uint32)
    for block in words:
        a, b, c, d = (value.copy() for value in state)
        for step in range(64):
            turn = step // 16
            # The functions F, G, H, I of section 3.4; F and G as one selection, which saves an operation.
            if turn == 0:
                word = step
                np.bitwise_xor(c, d, out=mixed)
                np.bitwise_and(mixed, b, out=mixed)
                np.bitwise_xor(mixed, d, out=mixed)
            elif turn == 1:
                word = (5 * step + 1) % 16
                np.bitwise_xor(b, c, out=mixed)
                np.bitwise_and(mixed, d, out=mixed)
                np.bitwise_xor(mixed, c, out=mixed)
            elif turn == 2:
                word = (3 * step + 5) % 16
                np.bitwise_xor(b, c, out=mixed)
                np.bitwise_xor(mixed, d, out=mixed)
            else:
                word = (7 * step) % 16
                np.bitwise_not(d, out=mixed)
                np.bitwise_or(mixed, b, out=mixed)
                np.bitwise_xor(mixed, c, out=mixed)
            rotation = _ROTATIONS[turn][step % 4]
            a += mixed
            a += block[word]
            a += _CONSTANTS[step]
            np.right_shift(a, _SHIFTS[32 - rotation], out=carried)
            np.left_shift(a, _SHIFTS[rotation], out=a)
            a |= carried
            a += b
            a, b, c, d = d, a, b, c
        for value, change in zip(state, (a, b, c, d), strict=True):
            value += change
    digest = np.stack(state, axis=1).astype("<u4", copy=False)
    return digest.view(np.uint8)
