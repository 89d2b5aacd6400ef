"""The batched MD5 against the standard library's."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arch2vec.graphs import md5 as module
from arch2vec.graphs.md5 import hexadecimal, md5


def expected(messages: np.ndarray) -> list[str]:
    return [hashlib.md5(message.tobytes()).hexdigest() for message in messages]


def texts(messages: np.ndarray) -> list[str]:
    return [text.tobytes().decode() for text in hexadecimal(md5(messages))]


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000])
def test_equals_hashlib_around_block_boundaries(length: int) -> None:
    messages = np.random.default_rng(length).integers(0, 256, size=(5, length), dtype=np.uint8)
    assert texts(messages) == expected(messages)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 300), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_equals_hashlib(length: int, count: int, seed: int) -> None:
    messages = np.random.default_rng(seed).integers(0, 256, size=(count, length), dtype=np.uint8)
    assert texts(messages) == expected(messages)


def test_batches_larger_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 7)
    messages = np.random.default_rng(0).integers(0, 256, size=(30, 80), dtype=np.uint8)
    assert texts(messages) == expected(messages)


def test_rfc_1321_test_suite() -> None:
    alphabet = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz", dtype=np.uint8)[None]
    assert texts(alphabet) == ["c3fcd3d76192e4007dfb496cca67e13b"]
    assert texts(alphabet[:, :3]) == ["900150983cd24fb0d6963f7d28e17f72"]
