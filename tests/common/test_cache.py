"""Results kept on disk between runs."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from arch2vec.common.cache import cache_folder, cached_arrays


class Builder:
    """Counts how often it is asked to compute."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return {"values": np.arange(1000, dtype=np.int32), "flags": np.ones((2, 3), dtype=np.bool_)}

    def cached(self, version: int = 1, accepted: bool = True) -> dict[str, np.ndarray]:
        arrays = cached_arrays("thing", version, self, lambda _: accepted)
        expected = Builder()()
        assert arrays.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(arrays[name], array)
            assert arrays[name].dtype == array.dtype
        return arrays


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_folder_by_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("ARCH2VEC_CACHE", "")
    assert cache_folder() == tmp_path / "xdg" / "arch2vec"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / "home" / ".cache" / "arch2vec"


def test_computed_once(folder: Path) -> None:
    build = Builder()
    build.cached()
    build.cached()
    assert build.calls == 1
    assert [path.name for path in folder.iterdir()] == ["thing-v1.safetensors"]


def test_another_version_is_computed_anew(folder: Path) -> None:
    build = Builder()
    build.cached(version=1)
    build.cached(version=2)
    assert build.calls == 2


def test_what_the_reader_does_not_accept_is_computed_anew(folder: Path) -> None:
    build = Builder()
    build.cached()
    build.cached(accepted=False)
    assert build.calls == 2


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "text"])
def test_damaged_file_is_replaced(folder: Path, damage: str) -> None:
    build = Builder()
    build.cached()
    path = folder / "thing-v1.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        del content[len(content) // 2 :]
    elif damage == "flip":
        content[-1] ^= 1
    elif damage == "empty":
        content.clear()
    else:
        content[:] = b"no tensors here"
    path.write_bytes(bytes(content))
    build.cached()
    assert build.calls == 2
    build.cached()
    assert build.calls == 2


def test_unwritable_folder_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ARCH2VEC_CACHE", str(tmp_path / "file" / "cache"))
    build = Builder()
    with caplog.at_level(logging.WARNING):
        build.cached()
        build.cached()
    assert build.calls == 2
    assert "set ARCH2VEC_CACHE" in caplog.text
