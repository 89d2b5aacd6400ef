from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from arch2vec.cli import main
from arch2vec.common.storage import (
    atomic_path,
    read_arrays,
    read_json,
    require_writable,
    write_arrays,
    write_json,
    write_text,
)
from arch2vec.errors import InputError


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half of the ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_get_the_ordinary_mode(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "text")
    (tmp_path / "plain").write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_json_round_trip_and_complaints(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json") == {"x": [1, 2.5, None]}
    (tmp_path / "b.json").write_text('{"x": ')
    for name, complaint in (("b.json", "not a JSON document"), ("c.json", "No such file")):
        with pytest.raises(InputError, match=complaint):
            read_json(tmp_path / name)


def test_arrays_round_trip_and_nothing_is_unpickled(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = {
        "a": np.arange(6).reshape(2, 3),
        "b": np.asfortranarray(np.eye(3, dtype=np.float32)),
    }
    write_arrays(tmp_path / "a.safetensors", arrays, {"kind": "test"})
    read, metadata = read_arrays(tmp_path / "a.safetensors")
    assert metadata == {"kind": "test"}
    assert all(np.array_equal(read[name], array) for name, array in arrays.items())
    (tmp_path / "p.safetensors").write_bytes(pickle.dumps(arrays))
    for name in ("p.safetensors", "missing.safetensors"):
        with pytest.raises(InputError, match=name):
            read_arrays(tmp_path / name)


def test_folders_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to the output folder"):
        require_writable(tmp_path / "file" / "run")
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(InputError, match="Permission denied"):
            require_writable(tmp_path / "closed")
    require_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    for name in ("a\0b/c", "x" * 300 + "/c"):
        with pytest.raises(InputError, match="cannot write"):
            write_text(tmp_path / name, "")


LIMITED = """
    import resource, sys
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
    from arch2vec.cli import main
    sys.exit(main(sys.argv[2:]))
"""


def test_a_full_disk_is_one_line_and_costs_nothing_that_was_finished(tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk; an encoder and its checkpoint are larger than it."""
    command = ["pretrain", "nasbench201", "--sample", "100", "--epochs", "1", "--out", str(tmp_path / "run"), "--json"]

    def limited(size: int) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", textwrap.dedent(LIMITED), str(size), *command]
        return subprocess.run(arguments, capture_output=True, text=True, check=False)

    full = limited(100_000)
    assert full.returncode == 2
    assert full.stdout == ""
    (line,) = full.stderr.strip().splitlines()
    assert "cannot write" in line and "make room and repeat the command" in line
    assert not list((tmp_path / "run").glob("*.safetensors"))
    assert not list((tmp_path / "run").glob(".*.tmp*"))
    assert main(command) == 0
