"""Files read by rows answer as the arrays that are in them, and notice every flipped bit that is read."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arch2vec.errors import InputError
from arch2vec.pools import rows as rows_module
from arch2vec.pools.rows import Appended, RowsFile, checksums

N = 40
ARRAY = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> RowsFile:
    path = tmp_path_factory.mktemp("rows") / "array.npy"
    np.save(path, ARRAY)
    return RowsFile(path, (N, 3), np.float32, checksums(ARRAY))


indices = st.one_of(
    st.integers(-N, N - 1),
    st.lists(st.integers(-N, N - 1), max_size=30),
    st.slices(N),
    st.lists(st.booleans(), min_size=N, max_size=N).map(np.array),
)


@given(index=indices)
def test_rows_are_those_of_the_array(file: RowsFile, index: object) -> None:
    plain = np.array(index, dtype=np.int64) if isinstance(index, list) else index
    np.testing.assert_array_equal(file[index], ARRAY[plain])  # type: ignore[index,call-overload]


@given(index=indices, first=st.integers(1, N))
def test_rows_in_memory_follow_those_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, index: object, first: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "array.npy"
    np.save(path, ARRAY[:first])
    appended = Appended(RowsFile(path, (first, 3), np.float32))
    for start in range(first, N, 7):
        appended.append(ARRAY[start : start + 7])
    assert (len(appended), appended.shape, appended.dtype) == (N, (N, 3), np.dtype(np.float32))
    plain = np.array(index, dtype=np.int64) if isinstance(index, list) else index
    np.testing.assert_array_equal(appended[index], ARRAY[plain])  # type: ignore[index,call-overload]
    np.testing.assert_array_equal(np.asarray(appended), ARRAY)


def test_blocks_are_all_rows_in_order(file: RowsFile) -> None:
    np.testing.assert_array_equal(np.concatenate(list(file.blocks(7))), ARRAY)


def test_a_row_that_is_not_there(file: RowsFile) -> None:
    with pytest.raises(IndexError, match="beyond the 40"):
        file[[3, N]]


def test_another_process_reads_the_same_file(file: RowsFile) -> None:
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(file))[[5, 2]], ARRAY[[5, 2]])


def test_what_is_too_large_is_not_read_whole(file: RowsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    np.testing.assert_array_equal(np.asarray(file), ARRAY)
    monkeypatch.setattr(rows_module, "LARGEST", 100)
    with pytest.raises(InputError, match="480 bytes, too many to be read as a whole"):
        np.asarray(file)


def test_every_flipped_bit_is_noticed_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    np.save(path, ARRAY)
    content = bytearray(path.read_bytes())
    content[-5] ^= 4  # in the last row
    path.write_bytes(content)
    damaged = RowsFile(path, (N, 3), np.float32, checksums(ARRAY))
    np.testing.assert_array_equal(damaged[: N - 1], ARRAY[:-1])
    for index in (N - 1, [0, N - 1], slice(N - 3, N), slice(None, None, -1)):
        with pytest.raises(InputError, match=f"array.npy is damaged: row {N - 1} is not that of its checksum"):
            damaged[index]


def test_a_file_that_is_cut_short_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    np.save(path, ARRAY)
    opened = RowsFile(path, (N, 3), np.float32)
    np.testing.assert_array_equal(opened[N - 1], ARRAY[-1])
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 15)
    np.testing.assert_array_equal(opened[N - 3], ARRAY[-3])
    with pytest.raises(InputError, match=f"is damaged: it ends before row {N}"):
        opened[N - 1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda whole: whole[:-1], "607 bytes, 608 are right"),
        (lambda whole: whole + b"0", "609 bytes, 608 are right"),
        (lambda whole: whole.replace(b"<f4", b"<i4"), r"not the array \(40, 3\) of float32"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: object, reason: str) -> None:
    path = tmp_path / "array.npy"
    np.save(path, ARRAY)
    path.write_bytes(content(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(InputError, match=reason):
        RowsFile(path, (N, 3), np.float32)
    with pytest.raises(InputError, match="No such file"):
        RowsFile(tmp_path / "none.npy", (N, 3), np.float32)
